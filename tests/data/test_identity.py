"""Photographs are what their pixels and labels say, rendered or read, wherever they lie and however they are named."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from benchbench.contracts.layout import LAYOUTS
from benchbench.contracts.photographs import Dataset
from benchbench.contracts.roles import ROLES
from benchbench.data import build as module
from benchbench.data.build import build
from benchbench.data.export import export
from benchbench.data.folder.recipe import FolderRecipe
from benchbench.data.virtual.recipe import VirtualRecipe
from benchbench.records.zoo import Zoo

TINY = VirtualRecipe(size=32, scenes=3, q_per_device=1, p_per_device=1, test_per_class=2)


@pytest.fixture(autouse=True)
def ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LAYOUTS, "names", lambda: ["dresden", "manifest"])


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return build(TINY, tmp_path_factory.mktemp("cache"), workers=1)


@pytest.fixture
def exported(rendered: Dataset, tmp_path: Path) -> Path:
    export(rendered, tmp_path / "photos")
    return tmp_path / "photos"


def read(folder: Path, cache: Path) -> Dataset:
    return build(FolderRecipe(path=str(folder), size=32), cache, workers=1)


def test_what_was_exported_is_what_was_rendered(rendered: Dataset, exported: Path) -> None:
    cache = rendered.root.parents[1]
    assert read(exported, cache).data_id == rendered.data_id
    (exported / "manifest.csv").unlink()
    assert read(exported, cache).data_id == rendered.data_id
    assert read(exported, cache).root == rendered.root, "and nothing is kept twice"


def test_the_identity_is_that_of_pixels_and_labels(exported: Path, tmp_path: Path) -> None:
    """In a cache that never saw it rendered: with a manifest, without, moved into folders, and one pixel changed."""
    known = read(exported, tmp_path / "c").data_id
    (exported / "manifest.csv").unlink()
    assert read(exported, tmp_path / "d").data_id == known
    for file in list(exported.glob("*.JPG")):
        (exported / file.stem[:3]).mkdir(exist_ok=True)
        file.rename(exported / file.stem[:3] / file.name)
    assert read(exported, tmp_path / "e").data_id == known
    assert read(exported, tmp_path / "d").data_id == known, "and a cache that has it finds it by its pixels"
    first, second = sorted(exported.rglob("*_0_0.JPG"))[:2]
    shutil.copy(second, first)
    assert read(exported, tmp_path / "e").data_id != known


def test_networks_of_the_zoo_are_found_and_classes_take_their_order(
    rendered: Dataset, exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = rendered.camera_models
    other_order = (*reversed(models[: rendered.known]), *reversed(models[rendered.known :]))
    facts = {"content": rendered.meta["content"], "camera_models": other_order}

    class Known(Zoo):
        index = {"photographs": {rendered.data_id: facts}}  # type: ignore[assignment]

    monkeypatch.setattr(module, "Zoo", Known)
    found = read(exported, tmp_path / "c")
    assert found.data_id == rendered.data_id and found.camera_models == other_order
    new = np.array([other_order.index(model) for model in models])
    for role in ROLES:
        one, other = found.photos(role), rendered.photos(role)
        order = np.argsort(new[other.camera], kind="stable")
        assert np.array_equal(one.images, other.images[order]) and np.array_equal(one.camera, new[other.camera][order])
        assert np.array_equal(one.device, other.device[order])
