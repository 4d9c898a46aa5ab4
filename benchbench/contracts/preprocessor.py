"""What a forensic preprocessor is. Of the contracts, this module alone imports torch: a preprocessor is a module."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from torch import nn

from benchbench.base.errors import BenchError
from benchbench.contracts.registry import Registry

if TYPE_CHECKING:
    from benchbench.contracts.fit import Fit, Setup


class Preprocessor(nn.Module):
    """Maps photographs, float32 (N, 3, H, W) in [0, 1], to a backbone's input (N, channels, H, W), about [-1, 1].

    A subclass takes no arguments; the entry point's name is its name. H and W are any, and the output has the same.
    """

    key: str = ""
    """Names what is computed: preprocessors with one key give the same output, so that it is computed once for all
    targets that share it. A name of your package's own; empty where the preprocessor is learned."""
    channels: int = 3
    """Of the output."""
    whole_image: bool = False
    """Computed on the whole photograph before patches are cut, never on a patch; it then has nothing to learn. For
    training it is computed once a photograph and kept in float16."""
    title: str = ""
    """What is computed, in progress bars; the name if empty."""
    version: ClassVar[int] = 1
    """Raise it with a change that moves results: networks that were trained before are then not used."""
    stands_for: ClassVar[str] = ""
    """The preprocessor that this one is a network's estimate of: backbones train behind that and are used behind this.
    Such a class has a `fit` and takes what comes of it with `learned`."""

    @classmethod
    def fit(cls, role: Literal["q", "p"], setup: Setup) -> Fit:
        """Return what must be trained on photographs of `role` before this can be used, where it stands for another.

        Raises:
            BenchError: it stands for none.
        """
        raise BenchError(f"preprocessor '{cls.__name__}' stands for no other: nothing is trained for it.")

    def learned(self, network: nn.Module) -> Preprocessor:
        """Return the preprocessor that uses what `fit` trained.

        Raises:
            BenchError: it stands for none.
        """
        raise BenchError(f"preprocessor '{type(self).__name__}' stands for no other: nothing was trained for it.")


PREPROCESSORS: Registry[Preprocessor] = Registry("preprocessor", "benchbench.preprocessors", Preprocessor)
