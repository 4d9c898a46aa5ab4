"""Learning curves: what longer training gives an attack, on networks that it never saw and that are no targets.

A generator that fools its own evaluator need not fool anybody else; training on may change the one and not the other.
So an attack is trained for several multiples of the profile's length, each an ordinary fit of its own, and asked about
on the attacker's side alone: photographs held out of q, and judges, networks trained on q that no attack sees. Neither
a test photograph nor one of p is looked at, so that a length may be chosen by what comes out.

Virtual cameras can tell how far there is to go: the same photographs retaken by the wanted camera are the ceiling, and
the cosine of an attack's change with that of the retake says how much of it is what the camera does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchbench.base.errors import BenchError
from benchbench.base.files import locked
from benchbench.base.identity import digest, source_digest
from benchbench.contracts.attack import Attack, evaluators
from benchbench.contracts.fit import Fit, Progress, Setup, collect
from benchbench.contracts.photographs import Dataset
from benchbench.contracts.protocol import Protocol
from benchbench.contracts.source import Source
from benchbench.contracts.trials import Trials, trials
from benchbench.data.chimera import FORGERY, chimeras_of
from benchbench.evaluate.craft import craft_trials
from benchbench.evaluate.measures import Psnr
from benchbench.evaluate.networks import craft_context, networks, to_tensor
from benchbench.harness.executors.jobs import Job
from benchbench.harness.fits import fit_jobs
from benchbench.harness.options import RunOptions
from benchbench.harness.pace import SECONDS_PER_CRAFT, SECONDS_PER_SCORE
from benchbench.studies.courses import ROLE, Course, Network
from benchbench.studies.kept import kept

if TYPE_CHECKING:
    from pathlib import Path

    import torch

VERSION = 1
"""Raised when what is found of a photograph changes."""
FOLDER = "learning"
"""Of the cache: what was looked at, and retakes."""
RETAKES, PHOTOGRAPHS, LIMIT = "retakes", "photographs", "perfect forgery"
"""Keys of the jobs that are no course's: taking photographs again, a look at them as they are, and at the retakes."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What came of the trials of one course, of the forger, or of photographs as they are.

    Attributes:
        image, scene, true, wanted: int64 (T,) of each trial: position in q, scene (-1 unknown), classes.
        said: class that each judge names, int64 (T,), by judge.
        own: the same of the attack's own evaluator, by stream; empty where it has none.
        psnr: dB, (T,); infinite where nothing changed.
        cosine: of the attack's change with that of the retake, (T,); NaN where nothing changed, None without retakes.
    """

    image: NDArray[np.int64]
    scene: NDArray[np.int64]
    true: NDArray[np.int64]
    wanted: NDArray[np.int64]
    said: Mapping[str, NDArray[np.int64]]
    own: Mapping[str, NDArray[np.int64]]
    psnr: NDArray[np.float64]
    cosine: NDArray[np.float64] | None

    def only(self, rows: NDArray[np.int64], *, wanted: NDArray[np.int64]) -> Reading:
        """Return some of the trials, with other wanted classes, (len(rows),)."""
        picked: dict[str, Any] = {name: getattr(self, name)[rows] for name in ("image", "scene", "true", "psnr")}
        picked |= {name: {k: v[rows] for k, v in getattr(self, name).items()} for name in ("said", "own")}
        return Reading(**picked, wanted=wanted, cosine=None if self.cosine is None else self.cosine[rows])

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON; `from_json` undoes it."""
        return {f.name: _plain(getattr(self, f.name)) for f in fields(self)}

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Reading:
        """Return what `to_json` was made of."""
        whole: dict[str, Any] = {name: np.array(found[name], np.int64) for name in ("image", "scene", "true", "wanted")}
        for name in ("said", "own"):
            whole[name] = {k: np.array(v, np.int64) for k, v in found[name].items()}
        cosine = None if found["cosine"] is None else np.array(found["cosine"], np.float64)
        return cls(**whole, psnr=np.array(found["psnr"], np.float64), cosine=cosine)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: part.tolist() for name, part in value.items()}
    return value.tolist() if isinstance(value, np.ndarray) else value


def held_out(data: Dataset, limit: int | None = None) -> Trials:
    """Return the trials: photographs held out of q, each wanted as every other model that the attacker knows.

    Args:
        limit: photographs of each model at most, spread over its own.

    Raises:
        BenchError: nothing is held out of q.
    """
    labels = data.labels(ROLE)
    rows = np.flatnonzero(labels["validation"] & (labels["camera"] < data.known))
    found = trials(labels["camera"][rows], data.known, "in", limit=limit)
    if not len(found):
        raise BenchError(f"'{data.name}' holds no photograph out of {ROLE}; at least two of a model are needed.")
    return Trials(rows[found.image], found.true, found.wanted)


@dataclass(frozen=True, kw_only=True)
class Retakes:
    """The trials' photographs, each retaken by the camera that is wanted of it; kept in the cache as one array."""

    source: Source
    trials: Trials
    cache: Path

    @property
    def path(self) -> Path:
        """Where the array is: (T, H, W, 3) uint8."""
        of = {
            "data": self.source.data_id,
            "image": self.trials.image.tolist(),
            "wanted": self.trials.wanted.tolist(),
            "traces": list(FORGERY),
        }
        return self.cache / FOLDER / f"{digest('retakes', of)}.npy"

    def __call__(self, progress: Progress) -> None:
        """Take what is not there yet; where another process is at it, wait for that."""
        count = len(self.trials)
        with locked(self.path.with_suffix(".lock"), lambda: progress(0, count, "waits for another run")):
            if not self.path.is_file():
                self._take(progress)

    def _take(self, progress: Progress) -> None:
        part = self.path.with_suffix(".part")
        chimeras, array = chimeras_of(self.source, ROLE), None
        count = len(self.trials)
        for row, (image, wanted) in enumerate(
            zip(self.trials.image.tolist(), self.trials.wanted.tolist(), strict=True)
        ):
            taken = chimeras.take(image, wanted, FORGERY)
            if array is None:  # all are of one size
                array = np.lib.format.open_memmap(part, "w+", np.uint8, (count, *taken.shape))
            array[row] = taken
            progress(row + 1, count, "")
        if array is not None:
            array.flush()
            part.replace(self.path)

    def load(self) -> NDArray[np.uint8]:
        """Return the array, memory-mapped."""
        found: NDArray[np.uint8] = np.load(self.path, mmap_mode="r")
        return found


@dataclass(frozen=True, kw_only=True)
class Look:
    """The trials of one course, in whichever process does them.

    Attributes:
        attack: None leaves photographs as they are.
        setup: with the profile that the attack was trained by.
        retakes: None where photographs cannot be taken again.
    """

    attack: Attack | None
    setup: Setup
    judges: Mapping[str, Fit]
    trials: Trials
    source: Source
    retakes: Retakes | None
    options: RunOptions

    def __call__(self, progress: Progress) -> Reading:
        """Return what the cache has of these trials, or look at them and keep what comes of it."""
        path = self.options.cache / FOLDER / f"{self.key()}.json"
        return kept(path, Reading.from_json, lambda: self.read(progress))

    def key(self) -> str:
        """Return the digest of all that what is found depends on."""
        data_id, attack = self.setup.data_id, self.attack
        fits = {} if attack is None else attack.fits(self.setup)
        return digest(
            FOLDER,
            {
                "version": VERSION,
                "data": data_id,
                "image": self.trials.image.tolist(),
                "wanted": self.trials.wanted.tolist(),
                "attack": None if attack is None else attack.spec(),
                "source": source_digest(attack),
                "fits": {name: fit.fit_id(data_id) for name, fit in fits.items()},
                "judges": {name: fit.fit_id(data_id) for name, fit in self.judges.items()},
                "retakes": self.retakes is not None,
            },
        )

    def read(self, progress: Progress) -> Reading:
        """Craft, ask everybody, measure: the trials of one photograph at a time.

        Raises:
            BenchError: a judge that fails; an attack that does not keep its contract.
        """
        import torch

        from benchbench.evaluate.panel import Panel

        device = torch.device(self.options.device)
        photos = self.source.open(self.options.cache).photos(ROLE)
        modules = networks(self.judges, self.setup, self.options.cache, device)
        panel = Panel.of(modules, dict.fromkeys(modules, self.setup.known))
        context = craft_context(self.attack, self.setup, self.options.cache, device) if self.attack else None
        retaken = self.retakes.load() if self.retakes is not None else None
        said: dict[str, list[NDArray[np.int64]]] = {name: [] for name in self.judges}
        own: dict[str, list[NDArray[np.int64]]] = {}
        psnr, cosine = [], []
        images = np.unique(self.trials.image)
        for done, image in enumerate(images):
            rows = np.flatnonzero(self.trials.image == image)
            batch = Trials(self.trials.image[rows], self.trials.true[rows], self.trials.wanted[rows])
            x = to_tensor(photos.images[batch.image], device)
            made = x
            if self.attack is not None and context is not None:
                from benchbench.evaluate.conditions import crafted

                def again(position: int, wanted: int, mine: Trials = batch, at: NDArray[Any] = rows) -> Any:
                    assert retaken is not None
                    return retaken[at[mine.wanted == wanted][0]]

                where = f"photograph {image} of {ROLE}"
                changed = craft_trials(self.attack, photos, batch, x, context, 0, where, retake=again)
                made = crafted(x, changed, Protocol(), rounded=True)
                with torch.no_grad():
                    for name, logits in evaluators(self.attack, made.clone(), context).items():
                        own.setdefault(name, []).append(logits.argmax(1).cpu().numpy())
            for name, classes in panel.classify(made).items():
                said[name].append(classes)
            psnr.append(Psnr().measure(x, made, rounded=True))
            if retaken is not None:
                cosine.append(_cosine(made - x, to_tensor(retaken[rows], device) - x))
            progress(done + 1, len(images), "")
        if panel.failures:
            raise BenchError("; ".join(panel.failures.values()))
        return Reading(
            image=self.trials.image,
            scene=photos.scene[self.trials.image],
            true=self.trials.true,
            wanted=self.trials.wanted,
            said={name: np.concatenate(parts) for name, parts in said.items()},
            own={name: np.concatenate(parts) for name, parts in own.items()},
            psnr=np.concatenate(psnr),
            cosine=np.concatenate(cosine) if cosine else None,
        )


def _cosine(change: torch.Tensor, other: torch.Tensor) -> NDArray[np.float64]:
    """Return the cosine of each pair of changes, (N, 3, H, W), over all values; NaN where one is none."""
    a, b = (t.double().flatten(1) for t in (change, other))
    found: NDArray[np.float64] = ((a * b).sum(1) / (a.norm(dim=1) * b.norm(dim=1))).cpu().numpy()
    return found


def jobs(
    work: Sequence[Course],
    asked: Mapping[str, Fit],
    plan: Sequence[Network],
    *,
    forger: Attack | None,
    limit: int | None,
    setup: Setup,
    source: Source,
    options: RunOptions,
) -> tuple[list[Job], dict[str, Look]]:
    """Return all jobs, those that train first, and the looks among them by the keys of their jobs.

    Args:
        asked: the judges.
        plan: `networks_of` them.
        forger: the attack that knows the scene; None where photographs cannot be taken again.
    """
    chosen = held_out(source.open(options.cache), limit)
    missing = {line.fit_id for line in plan if not line.there}
    fits = {line.fit_id: line.fit for line in plan}
    found = fit_jobs(fits, missing, {line.fit_id: line.seconds for line in plan}, setup, source, options)
    retakes = Retakes(source=source, trials=chosen, cache=options.cache) if forger is not None else None
    size = setup.profile.data.get("size", 256)
    seconds = len(chosen) * (SECONDS_PER_CRAFT + SECONDS_PER_SCORE * len(asked)) * (size / 256) ** 2
    if retakes is not None:
        found.append(Job(key=RETAKES, label="retakes", call=retakes, cost=seconds))

    def look(attack: Attack | None, mine: Setup) -> Look:
        return Look(
            attack=attack,
            setup=mine,
            judges=asked,
            trials=chosen,
            source=source,
            retakes=retakes,
            options=options,
        )

    looks = {PHOTOGRAPHS: look(None, setup)}
    if forger is not None:
        looks[LIMIT] = look(forger, setup)
    looks |= {course.key: look(course.attack, course.setup) for course in work}
    for key, one in looks.items():
        own = one.attack.fits(one.setup) if one.attack is not None else {}
        needs = collect(
            {**asked, **{f"own {k}": v for k, v in own.items()}}, setup.data_id, lambda need: need not in missing
        )
        after = (frozenset(needs) & missing) | ({RETAKES} if retakes is not None else set())
        found.append(Job(key=key, label=key, call=one, cost=seconds, needs=after))
    return found, looks
