"""Ablation: which traces targets use, and which of them attacks fake. Virtual cameras alone can answer this.

Every trace of a virtual camera is known, so that a test photograph of model a can be taken again with one trace of
model b: the same scene, window and light, through another imaging chain (`benchbench.data.virtual.recipe.chimera`).

- A target *uses* a trace if switching it alone changes the decision. That is measured for each trace, for all traces of
  the low band, for all of the high band, and for all together.
- An attack *fakes* a trace if what it changes in the photograph contains what switching the trace changes: the
  coefficients of a least-squares fit of the attack's change by the changes of the six traces, over all pixels, 1 for a
  trace that is faked whole and 0 for one that is left alone. The fit is made in both bands.
- An attack *lacks* a trace if it succeeds more often on photographs that have the trace of b already.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from benchbench.base.errors import BenchError
from benchbench.base.identity import digest, source_digest
from benchbench.contracts.attack import Attack, CraftContext
from benchbench.contracts.fit import Progress, Setup
from benchbench.contracts.protocol import Protocol
from benchbench.contracts.target import Target
from benchbench.contracts.trials import Trials
from benchbench.data.chimera import TRACES, Chimeras, chimeras_of
from benchbench.data.source import RecipeSource
from benchbench.evaluate.craft import craft_trials
from benchbench.evaluate.networks import craft_context, networks, to_tensor
from benchbench.harness.executors.jobs import Job
from benchbench.harness.options import RunOptions
from benchbench.harness.plan import check_names
from benchbench.records.cache import Cache
from benchbench.studies.kept import kept

if TYPE_CHECKING:
    import torch


Band = Literal["low", "high"]
BANDS: tuple[Band, ...] = ("low", "high")
VERSION = 1
"""Raised when what is found of a photograph changes."""
SIGMA = 2.0
"""Px, of the Gaussian that parts the bands: the low band is what passes it, the high band is the rest."""
LOW = ("optics", "color and tone")
HIGH = ("sensor", "demosaicing", "sharpening and denoising", "JPEG")
"""Traces by the band where they are made: those of HIGH act on single pixels and their neighbors."""
SWITCHES: Mapping[str, tuple[str, ...]] = {
    **{trace: (trace,) for trace in TRACES},
    "low band": LOW,
    "high band": HIGH,
    "all": tuple(TRACES),
}
"""What is switched, by the name of a column."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What came of one photograph of model a, for each model b that the attacker knows and that is not a."""

    true: int
    clean: Mapping[str, int]
    """Predicted class of the photograph itself, by target."""
    switched: Mapping[str, NDArray[np.int64]]
    """By target: predicted class, (models b, switches)."""
    error: NDArray[np.float64]
    """Sum of the squared differences that a switch makes, gray levels, (models b, switches)."""
    attacked: Mapping[tuple[str, str], NDArray[np.int64]]
    """By attack and target: predicted class of what was crafted to look like b, (models b,)."""
    supplied: Mapping[tuple[str, str], NDArray[np.int64]]
    """The same of what was crafted from chimeras that have one trace of b already, (models b, traces)."""
    normal: NDArray[np.float64]
    """(bands, traces, traces): products of the changes of traces, summed over pixels and models b."""
    projected: Mapping[str, NDArray[np.float64]]
    """By attack, (bands, traces): products of the attack's change with those of traces."""
    power: Mapping[str, NDArray[np.float64]]
    """By attack, (bands,): the attack's change squared."""
    values: int
    """Pixel values of a photograph."""

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON; `from_json` undoes it."""
        return {f.name: _plain(getattr(self, f.name)) for f in fields(self)}

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Reading:
        """Return what `to_json` was made of."""

        def arrays(name: str, kind: type[np.generic], pairs: bool = False) -> dict[Any, NDArray[Any]]:
            return {tuple(k.split(_AND)) if pairs else k: np.array(v, kind) for k, v in found[name].items()}

        return cls(
            true=found["true"],
            clean=found["clean"],
            switched=arrays("switched", np.int64),
            error=np.array(found["error"]),
            attacked=arrays("attacked", np.int64, pairs=True),
            supplied=arrays("supplied", np.int64, pairs=True),
            normal=np.array(found["normal"]),
            projected=arrays("projected", np.float64),
            power=arrays("power", np.float64),
            values=found["values"],
        )


_AND = " x "
"""Between the names of an attack and a target, which have no spaces."""


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Mapping):
        return {_AND.join(k) if isinstance(k, tuple) else k: _plain(v) for k, v in value.items()}
    return value


@dataclass(frozen=True, kw_only=True)
class Look:
    """The work of one photograph, in whichever process does it."""

    index: int
    attacks: tuple[Attack, ...]
    targets: tuple[Target, ...]
    setup: Setup
    source: RecipeSource
    chimeras: Chimeras
    options: RunOptions
    supply: bool

    def __call__(self, progress: Progress) -> Reading:
        """Return what the cache has of this photograph, or look at it and keep what comes of it."""
        path = self.options.cache / "ablation" / f"{self.key()}.json"
        return kept(path, Reading.from_json, lambda: self.read(progress))

    def key(self) -> str:
        """Return the digest of all that what is found depends on."""
        things: list[Attack | Target] = [*self.attacks, *self.targets]
        fits = [fit.fit_id(self.setup.data_id) for thing in things for fit in thing.fits(self.setup).values()]
        return digest(
            "ablation",
            {
                "version": VERSION,
                "data": self.setup.data_id,
                "photograph": self.index,
                "specs": [thing.spec() for thing in things],
                "sources": [source_digest(thing) for thing in things],
                "fits": fits,
                "supply": self.supply,
            },
        )

    def read(self, progress: Progress) -> Reading:
        """Take the chimeras, craft, classify, and sum up."""
        import torch

        from benchbench.evaluate.panel import Panel

        device = torch.device(self.options.device)
        modules = {
            t.name: t.load(networks(t.fits(self.setup), self.setup, self.options.cache, device), device).eval()
            for t in self.targets
        }
        panel = Panel.of(modules, {t.name: t.classes(self.setup) for t in self.targets})
        contexts = {a.name: craft_context(a, self.setup, self.options.cache, device) for a in self.attacks}
        true = self.chimeras.items()[self.index].camera
        others = [b for b in range(self.setup.known) if b != true]
        plain = to_tensor(self.chimeras.take(self.index, true, ())[None], device)
        clean = {name: int(found[0]) for name, found in panel.classify(plain).items()}
        switched: dict[str, list[NDArray[np.int64]]] = {name: [] for name in clean}
        error: list[NDArray[np.float64]] = []
        attacked: dict[tuple[str, str], list[int]] = {}
        supplied: dict[tuple[str, str], list[NDArray[np.int64]]] = {}
        normal = np.zeros((len(BANDS), len(TRACES), len(TRACES)))
        projected = {attack.name: np.zeros((len(BANDS), len(TRACES))) for attack in self.attacks}
        power = {attack.name: np.zeros(len(BANDS)) for attack in self.attacks}
        for done, b in enumerate(others):
            pixels = [self.chimeras.take(self.index, b, traces) for traces in SWITCHES.values()]
            x = to_tensor(np.stack(pixels), device)
            for name, found in panel.classify(x).items():
                switched[name].append(found)
            changes = (x - plain) * 255
            error.append(changes.double().square().sum((1, 2, 3)).cpu().numpy())
            traces = _by_band(changes[: len(TRACES)])
            normal += np.einsum("bix,bjx->bij", traces, traces)
            for attack in self.attacks:
                context = contexts[attack.name]
                made = self._craft(attack, plain, true, b, context)
                for name, found in panel.classify(made).items():
                    attacked.setdefault((attack.name, name), []).append(int(found[0]))
                change = _by_band((made - plain) * 255)[:, 0]
                projected[attack.name] += np.einsum("bix,bx->bi", traces, change)
                power[attack.name] += np.einsum("bx,bx->b", change, change)
                if self.supply:
                    made = self._craft(attack, x[: len(TRACES)], true, b, context)
                    for name, found in panel.classify(made).items():
                        supplied.setdefault((attack.name, name), []).append(found)
            progress(done + 1, len(others), "")
        if panel.failures:
            raise BenchError("; ".join(panel.failures.values()))
        return Reading(
            true=true,
            clean=clean,
            switched={name: np.stack(found) for name, found in switched.items()},
            error=np.stack(error),
            attacked={key: np.array(found, np.int64) for key, found in attacked.items()},
            supplied={key: np.stack(found) for key, found in supplied.items()},
            normal=normal,
            projected=projected,
            power=power,
            values=plain[0].numel(),
        )

    def _craft(self, attack: Attack, x: torch.Tensor, true: int, b: int, context: CraftContext) -> torch.Tensor:
        """Return 8-bit photographs crafted from `x` to look like b, with the random numbers of photograph and b."""
        from benchbench.evaluate.conditions import crafted

        photos = self.source.open(self.options.cache).photos("test")
        rows = (np.full(len(x), value, np.int64) for value in (self.index, true, b))
        changed = craft_trials(attack, photos, Trials(*rows), x, context, 0, f"photograph {self.index}")
        return crafted(x, changed, Protocol(), rounded=True)


def _by_band(changes: torch.Tensor) -> NDArray[np.float64]:
    """Return changes (N, 3, H, W) as (bands, N, values)."""
    from scipy.ndimage import gaussian_filter

    values = changes.double().cpu().numpy()
    low = gaussian_filter(values, (0, 0, SIGMA, SIGMA), mode="reflect")
    bands: NDArray[np.float64] = np.stack([low, values - low]).reshape(len(BANDS), len(values), -1)
    return bands


def jobs(
    attacks: Sequence[Attack],
    targets: Sequence[Target],
    each: int,
    setup: Setup,
    source: RecipeSource,
    options: RunOptions,
    *,
    supply: bool,
) -> Iterator[Job]:
    """Yield a job for each of the first `each` test photographs of every known camera model.

    Raises:
        BenchError: the photographs are not those of virtual cameras, or the models are all alike; two attacks of one
            name; a network that has not been trained.
    """
    check_names(attacks)
    things: list[Attack | Target] = [*attacks, *targets]
    cache = Cache(options.cache)
    for fit in (fit for thing in things for fit in thing.fits(setup).values()):
        if not cache.has(fit.fit_id(setup.data_id)):
            raise BenchError(f"'{fit.label}' has not been trained yet; bench run with this attack and target does it.")
    chimeras = chimeras_of(source)
    places: dict[int, list[int]] = {}
    for index, item in enumerate(chimeras.items()):
        if item.camera < setup.known:
            places.setdefault(item.camera, []).append(index)
    for index in (index for indices in places.values() for index in indices[:each]):
        look = Look(
            index=index,
            attacks=tuple(attacks),
            targets=tuple(targets),
            setup=setup,
            source=source,
            chimeras=chimeras,
            options=options,
            supply=supply,
        )
        yield Job(key=str(index), label=f"photograph {index}", call=look)
