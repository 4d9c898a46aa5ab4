"""The built-in targets: four backbones x six preprocessors x two label sets."""

from .grid import GridTarget, grid

__all__ = ["GridTarget", "grid"]
