"""What an attack is: one method that changes photographs, and the template that calls it safely."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, final

from benchbench.base.identity import plain_fields
from benchbench.contracts.registry import Registry

if TYPE_CHECKING:
    import torch

    from benchbench.contracts.fit import Fit, Setup

Knowledge = Literal["none", "surrogate", "white-box", "oracle"]
Goal = Literal["forge", "erase"]
"""forge: a photograph shall be taken for a wanted model's, or at least for no longer the true one's; erase: nothing
shall tell any more what took it."""


WHOLE = "all"
"""The name of an evaluator with all its streams."""


@dataclass(frozen=True, kw_only=True)
class AttackCard:
    """What the tables and the reader need to know of an attack; it never changes at run time."""

    name: str
    title: str
    version: int
    knowledge: Knowledge
    """none: sees the photograph alone; surrogate: networks trained on q; white-box: the target itself; oracle: the
    scene, which only virtual cameras can tell: what such an attack scores is a limit, not a result."""
    needs_fit: bool = False
    reads_source: bool = False
    """The attack is given the true labels."""
    targeted: bool = True
    """False: the result does not depend on the wanted label, so it is crafted once a photograph."""
    goal: Goal = "forge"
    """What success is; each goal has a leaderboard of its own."""
    control: bool = False
    """identity and noise: rows that show what doing nothing scores."""
    baseline: bool = False
    """A plain filter: it aims at nobody, takes no rank, and tables show it when asked."""
    paper: str = ""
    paper_url: str = ""
    """Where the paper is read, https://...; the page links it."""
    code_url: str = ""
    """Where the code of the method is, of its authors or yours, https://...; the page links it."""
    note: str = ""
    """What a reader may take it for and should not, such as another attack of nearly the same name."""
    licence: str = "Apache-2.0"


@dataclass
class CraftContext:
    """What an attack may use while it perturbs."""

    device: torch.device
    known: int
    networks: Mapping[str, Any] = field(default_factory=dict)
    """Results of the fits that `Attack.fits` named, loaded on `device`."""
    seeds: tuple[int, ...] = ()
    """One seed an image of the batch: the only source of randomness."""
    cache: dict[str, Any] = field(default_factory=dict)
    """Kept between batches: for objects that are slow to build, never for results."""
    retake: Callable[[torch.Tensor], torch.Tensor] | None = None
    """For knowledge `oracle` alone: int64 (N,) wanted classes to the photographs of the batch, float32 (N, 3, H, W) in
    [0, 1], as the cameras of these classes take them: the same scene, window, light and optics."""

    def network(self, name: str) -> Any:
        """Return a network that `Attack.fits` asked for by `benchbench.networks`, made once.

        Raises:
            KeyError: it was not asked for.
        """
        from benchbench.contracts.network import assembled

        key = f"network {name}"
        if key not in self.cache:
            self.cache[key] = assembled(name, self.networks)
            if hasattr(self.cache[key], "to"):
                self.cache[key] = self.cache[key].to(self.device)
        return self.cache[key]

    def generators(self) -> list[torch.Generator]:
        """Return one CPU generator an image, so that batch size and order cannot matter."""
        import torch

        return [torch.Generator().manual_seed(seed) for seed in self.seeds]

    def normal(self, x: torch.Tensor) -> torch.Tensor:
        """Return standard normal noise of the shape of `x`, drawn per image."""
        import torch

        draws = [torch.randn(x.shape[1:], generator=g) for g in self.generators()]
        return torch.stack(draws).to(x)

    def uniform(self, x: torch.Tensor) -> torch.Tensor:
        """Return uniform [0, 1) noise of the shape of `x`, drawn per image."""
        import torch

        draws = [torch.rand(x.shape[1:], generator=g) for g in self.generators()]
        return torch.stack(draws).to(x)


@dataclass(frozen=True, kw_only=True)
class Attack(ABC):
    """An anonymization attack. Subclasses are frozen dataclasses; their fields are its parameters and identity."""

    card: ClassVar[AttackCard]
    file_digest: ClassVar[str] = ""
    """Of the source, where the class is in a file or notebook and in no package; then a part of the identity."""

    def fits(self, setup: Setup) -> Mapping[str, Fit]:
        """Return what must be trained on q before `perturb`, by the name `context.networks` will give it."""
        return {}

    @abstractmethod
    def perturb(
        self, x: torch.Tensor, true: torch.Tensor | None, wanted: torch.Tensor, context: CraftContext
    ) -> torch.Tensor:
        """Return photographs that should be taken for class `wanted`.

        Args:
            x: float32 (N, 3, H, W) in [0, 1]; do not change it in place.
            true: int64 (N,) true classes, or None unless the card says `reads_source`.
            wanted: int64 (N,) wanted classes, 0 to known - 1.
            context: networks, device, seeds.

        Returns:
            A finite float32 tensor of the shape of `x`, in [0, 1].
        """

    def surrogate(self, x: torch.Tensor, context: CraftContext) -> torch.Tensor | Mapping[str, torch.Tensor] | None:
        """Return the attack's own evaluator's logits, (N, known), for photographs, or None where it has none.

        An evaluator of several streams may return the logits of each by its name, and of all together as `WHOLE`.

        The harness records how often this network is fooled, so that a reader can tell an attack that fails from one
        that does not transfer. It never shows in TSR or USR.

        Args:
            x: float32 (N, 3, H, W) in [0, 1].
        """
        return None

    @final
    def spec(self) -> dict[str, Any]:
        """Return {name, version, params}: the attack's part of every identity."""
        return {
            "name": self.name,
            "version": self.card.version,
            "params": plain_fields(self) | ({"file": self.file_digest} if self.file_digest else {}),
        }

    @property
    def name(self) -> str:
        """The name in tables and on the command line."""
        return self.card.name


def evaluators(attack: Attack, x: torch.Tensor, context: CraftContext) -> dict[str, torch.Tensor]:
    """Return what `Attack.surrogate` says: logits (N, known) by name, `WHOLE` first; empty where there is no evaluator.

    Raises:
        ValueError: logits of another shape, or not finite, or streams without the whole.
    """
    found = attack.surrogate(x, context)
    if found is None:
        return {}
    named = dict(found) if isinstance(found, Mapping) else {WHOLE: found}
    if WHOLE not in named:
        raise ValueError(f"streams {', '.join(sorted(named))} without '{WHOLE}', what they say together")
    expected = (len(x), context.known)
    for logits in named.values():
        if tuple(logits.shape) != expected:
            raise ValueError(f"logits of shape {tuple(logits.shape)}; {expected} is expected")
        if not bool(logits.isfinite().all()):
            raise ValueError("NaN or infinite logits")
    return {WHOLE: named.pop(WHOLE), **{name: named[name] for name in sorted(named)}}


ATTACKS: Registry[Attack] = Registry("attack", "benchbench.attacks", Attack, "--attack")
