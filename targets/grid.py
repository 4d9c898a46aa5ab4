"""The 48 targets of the paper, named `<backbone>/<preprocessor>/<overlap>`, and their like with other parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, get_args

from benchbench.contracts.backbone import BACKBONES
from benchbench.contracts.target import Overlap, Target, TargetCard

if TYPE_CHECKING:
    import torch

    from benchbench.contracts.fit import Fit, Setup

# The paper's, whatever else is installed: 'all' and globs mean these 48, today and on every machine.
PAPER_BACKBONES = ("resnet18", "resnet50", "densenet100", "vgg16")
PAPER_PREPROCESSORS = ("rgb", "rgb+fd", "fd", "ww", "cc", "hp")
OVERLAPS: tuple[Overlap, ...] = get_args(Overlap)


@dataclass(frozen=True, kw_only=True)
class GridTarget(Target):
    """A preprocessor and a backbone, trained on p with the attacker's classes (complete) or with all (partial)."""

    backbone: str
    preprocessor: str
    overlap: Overlap

    @property
    def card(self) -> TargetCard:
        """The card, from the fields."""
        return TargetCard(
            name=f"{self.backbone}/{self.preprocessor}/{self.overlap}",
            backbone=self.backbone,
            preprocessor=self.preprocessor,
            overlap=self.overlap,
        )

    def fits(self, setup: Setup) -> Mapping[str, Fit]:
        """Return the classifier's fit; a whole-image preprocessor's, such as WW, builds on its stack of p.

        Where the preprocessor stands for another, as WDF for WW, the classifier is the one behind that other, and the
        preprocessor's network is a second fit.

        Raises:
            UnknownNameError: no such backbone or preprocessor.
        """
        from benchbench.contracts.preprocessor import PREPROCESSORS
        from benchbench.learn.arrays import WholeImages
        from benchbench.learn.training import ClassifierFit

        profile = setup.profile
        kind = PREPROCESSORS.get(self.preprocessor)
        trained = kind.stands_for or self.preprocessor
        name = f"{self.backbone}/{trained}/{self.overlap}"
        whole = PREPROCESSORS.get(trained).whole_image
        fits: dict[str, Fit] = {
            "classifier": ClassifierFit(
                role="p",
                backbone=self.backbone,
                preprocessor=trained,
                classes=self.classes(setup),
                shape=profile.backbones.shape(self.backbone),
                dropout=profile.backbones.dropout,
                recipe=profile.recipe_for(name),
                patch=profile.patch,
                name=name,
                residuals=WholeImages(role="p", preprocessor=trained) if whole else None,
                seed=setup.seed,
            )
        }
        return fits | ({"preprocessor": kind.fit("p", setup)} if kind.stands_for else {})

    def load(self, networks: Mapping[str, Any], device: torch.device) -> torch.nn.Module:
        """Return the classifier on `device`."""
        module: torch.nn.Module = networks["classifier"]
        if "preprocessor" in networks:
            from benchbench.contracts.preprocessor import PREPROCESSORS
            from benchbench.learn.classifier import Behind, Classifier

            assert isinstance(module, Classifier)
            module = Behind(PREPROCESSORS.create(self.preprocessor).learned(networks["preprocessor"]), module).eval()
        return module.to(device)


class Grid(dict[str, Callable[..., GridTarget]]):
    """Factories by name: the 48, and on demand any other backbone and preprocessor that are installed."""

    def __missing__(self, name: str) -> Callable[..., GridTarget]:
        """Return the factory of `<backbone>/<preprocessor>/<overlap>`.

        Raises:
            KeyError: no such overlap, or neither a backbone nor a preprocessor: it may be another family's name.
            UnknownNameError: a backbone but no such preprocessor, or a preprocessor but no such backbone.
        """
        from benchbench.contracts.preprocessor import PREPROCESSORS

        parts = name.split("/")
        overlap = next((o for o in OVERLAPS if parts[2:] == [o]), None)
        if overlap is None:
            raise KeyError(name)
        backbone, preprocessor = parts[:2]
        known = (backbone in BACKBONES, preprocessor in PREPROCESSORS)
        if not any(known):
            raise KeyError(name)
        if not all(known):
            raise BACKBONES.unknown(backbone) if known[1] else PREPROCESSORS.unknown(preprocessor)
        return partial(GridTarget, backbone=backbone, preprocessor=preprocessor, overlap=overlap)


def grid() -> Mapping[str, Callable[..., GridTarget]]:
    """Return a factory for each of the 48 targets by name; further names are made when they are asked for."""
    return Grid(
        (f"{b}/{p}/{o}", partial(GridTarget, backbone=b, preprocessor=p, overlap=o))
        for b in PAPER_BACKBONES
        for p in PAPER_PREPROCESSORS
        for o in OVERLAPS
    )
