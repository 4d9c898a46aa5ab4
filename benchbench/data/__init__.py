"""Photographs: virtual cameras and folders of real ones, built once, opened memory-mapped."""

from benchbench.data.build import build, data_id, open_dataset
from benchbench.data.check import Finding, check
from benchbench.data.dataset import Dataset, Photos
from benchbench.data.export import contact_sheet, export
from benchbench.data.folder import FolderRecipe
from benchbench.data.splits import Part, Role, SplitRule
from benchbench.data.virtual import VirtualRecipe

__all__ = [
    "Dataset",
    "Finding",
    "FolderRecipe",
    "Part",
    "Photos",
    "Role",
    "SplitRule",
    "VirtualRecipe",
    "build",
    "check",
    "contact_sheet",
    "data_id",
    "export",
    "open_dataset",
]
