"""Crafting in a process of its own, which gets photographs, labels and seeds, and returns pixels.

What an attack does to that process (functions replaced, types and threads set, memory filled) ends with it. Whoever
judges reads numbers and JSON from it, and never a pickle, which may hold code.
"""

from __future__ import annotations

import json
import pickle
import signal
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from multiprocessing import BufferTooShort, Pipe
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cloudpickle
import numpy as np
from numpy.typing import NDArray

from benchbench.base import reach
from benchbench.base.errors import AttackError, BenchError, DataError, StoreError, TargetError
from benchbench.base.json_text import parsed
from benchbench.base.memory import give_back, keep_freed
from benchbench.base.mold import Copy, Mold
from benchbench.base.processes import Started, end_with_children, end_with_parent, was_killed, worker_context
from benchbench.contracts.attack import Attack
from benchbench.contracts.fit import Setup, collect
from benchbench.contracts.source import Source
from benchbench.contracts.target import Target
from benchbench.contracts.trials import Split
from benchbench.evaluate.craft import Order, check_pixels
from benchbench.evaluate.crafter import Crafter, Here
from benchbench.evaluate.sealed import Sealed, fit_ids

if TYPE_CHECKING:
    import torch

_BEAT, _PATIENCE = 1.0, 300.0
"""Seconds between two signs of life while a process starts, and that it has for that."""
_GRACE = 2.0
"""Seconds that a process has to end."""
_LONGEST = 2**20
"""Bytes of an answer without its pixels."""
_READY = b"ready"
_ERRORS = {kind.__name__: kind for kind in (AttackError, TargetError, StoreError, DataError)}


class _ThereError(Exception):
    """Where in the other process an error came from: its traceback."""


@dataclass(frozen=True)
class Begin:
    """What the process is given for one job."""

    who: str
    """The attack and the split, for messages."""
    attack: bytes
    setup: Setup
    cache: Path
    device: str
    granted: frozenset[str]
    """Ids of the fits that may be loaded."""
    watched: tuple[str, ...]
    retakes: Source | None
    """For knowledge `oracle`."""


class Apart:
    """A `Crafter` in another process, for one attack and any number of its jobs, one after the other."""

    def __init__(self, key: str) -> None:
        """Start the process, which goes on while this one does other things.

        Args:
            key: of the attack.
        """
        self.key = key
        self.facts: Mapping[str, Any] = {}
        self.calls = 0
        self._name = self._who = ""
        self._beat: Callable[[], None] = lambda: None
        self._told: list[tuple[str, Any]] = []
        """What the process knows, for one that replaces it."""
        self._again = True
        self._start()

    def _start(self) -> None:
        started: tuple[Started, Connection] = _copied() or _anew()
        self._process, self._pipe = started
        self._ready = False

    def alive(self) -> bool:
        """Say whether the process is there."""
        return self._process.is_alive()

    def begin(self, name: str, begin: Begin, beat: Callable[[], None]) -> None:
        """Begin a job: the attack's networks are loaded anew.

        Args:
            name: of the attack.
            beat: called each second while the process starts.

        Raises:
            AttackError: the attack cannot be loaded, or what it was calibrated to cannot be recorded.
        """
        self._name, self._who, self._beat = name, begin.who, beat
        self._again, self.calls = True, 0
        self._told = [("begin", begin)]
        self.facts = dict(self._ask("begin", begin)["facts"])

    def meet(self, target: Target) -> None:
        """See `Crafter.meet`."""
        packed = bytes(cloudpickle.dumps(target))
        self._told.append(("meet", packed))
        self._ask("meet", packed)

    def craft(self, x: torch.Tensor, order: Order) -> torch.Tensor:
        """See `Crafter.craft`."""
        import torch

        found: list[torch.Tensor] = []

        def read(answer: Mapping[str, Any]) -> None:
            axes = answer["axes"]
            if sorted(axes) != list(range(x.dim())):
                raise ValueError(axes)
            buffer = torch.empty([x.shape[axis] for axis in axes], dtype=torch.float32)
            if self._pipe.recv_bytes_into(memoryview(buffer.numpy()).cast("B")) != buffer.numel() * 4:
                raise ValueError("too few pixels")
            found.append(_unfolded(buffer, axes))

        answer = self._ask("craft", (*_folded(x), order), read)
        check_pixels(self._name, found[0], order.where)
        self.calls = int(answer["calls"])
        return found[0].to(x.device)

    def ask(self, shown: torch.Tensor) -> dict[str, NDArray[np.int64]]:
        """See `Crafter.ask`."""
        answer = self._ask("ask", _folded(shown))
        found = {str(name): np.array(classes, np.int64) for name, classes in answer["classes"].items()}
        if any(classes.shape != (len(shown),) for classes in found.values()):
            raise AttackError(f"surrogate() of '{self._name}' did not answer for each photograph.")
        return found

    def _ask(
        self, kind: str, content: Any, read: Callable[[Mapping[str, Any]], None] = lambda answer: None
    ) -> Mapping[str, Any]:
        """Send a request and return its answer; a process that was killed is replaced once a job."""
        try:
            answer = self._answer(kind, content, read)
        except (EOFError, OSError):
            self._process.join(_GRACE)
            code, killed = self._process.exitcode, was_killed(self._process)
            self.close()
            if killed and self._again:
                self._again = False
                self._start()
                for told in self._told if kind in ("craft", "ask") else self._told[:-1]:
                    self._ask(*told)
                return self._ask(kind, content, read)
            hint = "; out of memory? Try fewer --workers, or --memory" if code == -signal.SIGKILL else ""
            raise AttackError(f"the process of {self._who} ended with exit code {code}{hint}.") from None
        except (ValueError, KeyError, TypeError, AttributeError, BufferTooShort) as error:  # it was made to say that
            self.close()
            raise AttackError(f"the process of {self._who} gave no proper answer ({error!r:.100}).") from None
        if answer["kind"] == "exit":
            raise SystemExit(answer["code"])
        if answer["kind"] == "error":
            there = _ThereError(str(answer["detail"])) if answer["detail"] else None
            if answer["type"] == "":
                raise AttackError(f"{self._who} raised {answer['text']}") from there
            raise _ERRORS.get(answer["type"], BenchError)(str(answer["text"])) from there
        return answer

    def _answer(self, kind: str, content: Any, read: Callable[[Mapping[str, Any]], None]) -> dict[str, Any]:
        if not self._ready:
            for _ in range(round(_PATIENCE / _BEAT)):
                if self._pipe.poll(_BEAT):
                    break
                self._beat()
            self._ready = self._pipe.recv_bytes(_LONGEST) == _READY
        self._pipe.send((kind, content))
        answer = {"detail": "", **parsed(self._pipe.recv_bytes(_LONGEST))}
        if answer["kind"] == "done":
            read(answer)
        return answer

    def close(self) -> None:
        """End the process."""
        end_with_children(self._process)
        self._process.join(_GRACE)
        self._pipe.close()


_held: Apart | None = None
_mold: Mold | None = None


def keep_mold(modules: Sequence[str], *private: Connection) -> None:
    """Have the processes of attacks be copies of this one as it is now, before it has done anything.

    One that starts anew imports torch again, four seconds of a core. Without effect where nothing can be copied.

    Args:
        modules: what both import, which is done once.
        private: pipes that no copy is to hold.
    """
    import torch  # noqa: F401

    from benchbench.evaluate import guard, panel  # noqa: F401

    for name in modules:
        with suppress(ImportError):  # whoever needs it says so
            import_module(name)
    global _mold
    _mold = Mold(_serve, private)


def _copied() -> tuple[Copy, Connection] | None:
    """Return a copy of the mold, under the limit of memory that this process has by now."""
    if _mold is None or not _mold.alive:
        return None
    import resource

    ours, theirs = Pipe()
    try:
        process = _mold.copy(theirs)
        resource.prlimit(process.pid, resource.RLIMIT_DATA, resource.getrlimit(resource.RLIMIT_DATA))
    except (EOFError, OSError):  # the mold or the copy was killed this moment
        return None
    finally:
        theirs.close()
    return process, ours


def _anew() -> tuple[BaseProcess, Connection]:
    """Start a process; the limit of memory of this one, see base.memory.capped, goes over to it."""
    context = worker_context()
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    return process, ours


def apart(sealed: Sealed) -> Apart:
    """Return the process that crafts with an attack: that of its last job, or a new one in the place of another's.

    It starts while the caller goes on; `Apart.begin` waits for it.
    """
    global _held
    if _held is not None and (_held.key != sealed.key or not _held.alive()):
        _held.close()
        _held = None
    if _held is None:
        _held = Apart(sealed.key)
    return _held


def crafter_of(
    attack: Attack | Sealed,
    split: Split,
    *,
    setup: Setup,
    source: Source,
    cache: Path,
    device: str,
    targets: Sequence[Target] = (),
    beat: Callable[[], None] = lambda: None,
) -> Crafter:
    """Return who crafts, with the attack's networks loaded: in this process, or in one of its own where it is sealed.

    Args:
        source: of the photographs, for knowledge `oracle`.
        cache: where networks are.
        targets: who judges what is crafted; of an attack that is not white-box, none may be called.
        beat: called each second while a process starts.

    Raises:
        AttackError: the attack cannot be loaded, or what it was calibrated to cannot be recorded.
        BenchError: a network cannot be loaded.
    """
    import torch

    ids = attack.fits if isinstance(attack, Sealed) else fit_ids(attack, setup)
    white_box, oracle = attack.card.knowledge == "white-box", attack.card.knowledge == "oracle"
    theirs = [target.fits(setup) for target in targets]
    known = {fit.fit_id(setup.data_id) for fits in theirs for fit in fits.values()}
    watched = () if white_box else tuple(name for name, fit_id in ids.items() if fit_id in known)
    if isinstance(attack, Attack):
        return Here(attack, setup, cache, torch.device(device), watched, source.retake if oracle else None)
    begin = Begin(
        who=f"'{attack.name} {split}'",
        attack=attack.payload,
        setup=setup,
        cache=cache,
        device=device,
        granted=attack.reaches.union(*(collect(fits, setup.data_id) for fits in theirs if white_box)),
        watched=watched,
        retakes=source if oracle else None,
    )
    made = apart(attack)
    made.begin(attack.name, begin, beat)
    return made


def _folded(x: torch.Tensor) -> tuple[NDArray[np.float32], list[int]]:
    """Return values as they lie in memory, and which axis stands where: the order of a sum's terms hangs on it."""
    strides = x.stride()
    axes = sorted(range(x.dim()), key=lambda axis: -strides[axis])
    return x.detach().cpu().permute(axes).contiguous().numpy(), axes


def _unfolded(folded: torch.Tensor, axes: list[int]) -> torch.Tensor:
    return folded.permute([axes.index(axis) for axis in range(len(axes))])


def _begun(begin: Begin) -> Here:
    import torch

    reach.limit(begin.granted)
    try:
        attack = pickle.loads(begin.attack)
    except Exception as error:  # its classes cannot be imported here
        text = f"{begin.who} cannot be read in a worker process ({error}); is everything that it imports installed "
        raise AttackError(text + "there?") from error
    retake = begin.retakes.retake if begin.retakes is not None else None
    return Here(attack, begin.setup, begin.cache, torch.device(begin.device), begin.watched, retake)


def _serve(pipe: Connection) -> None:
    """Craft what comes through `pipe` until the other process is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the driver's to handle
    end_with_parent()
    import torch

    from benchbench.evaluate import guard, panel  # noqa: F401  # before it is asked: the attack's time is not for this

    keep_freed()
    reach.limit(())
    pipe.send_bytes(_READY)
    crafter: Here | None = None
    while True:
        try:
            kind, content = pipe.recv()
        except (EOFError, ConnectionResetError):  # the latter: nobody has read that this one is ready
            return
        torch.set_num_threads(1)  # each time: the attack may have set it otherwise
        pixels = None
        try:
            answer: dict[str, Any] = {"kind": "done"}
            if kind == "begin":
                crafter = None  # its networks are freed before others are loaded
                give_back()
                crafter = _begun(content)
                answer["facts"] = crafter.facts
            elif crafter is None:
                raise BenchError("nothing was begun.")
            elif kind == "meet":
                crafter.meet(pickle.loads(content))
            elif kind == "craft":
                x, axes, order = content
                crafted = crafter.craft(_unfolded(torch.from_numpy(x), axes).to(crafter.device), order)
                pixels, answer["axes"] = _folded(crafted)
                answer["calls"] = crafter.calls
            else:
                x, axes = content
                shown = _unfolded(torch.from_numpy(x), axes).to(crafter.device)
                answer["classes"] = {name: found.tolist() for name, found in crafter.ask(shown).items()}
        except SystemExit as error:
            code = error.code
            answer = {"kind": "exit", "code": code if isinstance(code, int) or code is None else str(code)}
        except BenchError as error:
            detail = "".join(traceback.format_exception(error)) if error.__cause__ else ""
            answer = {"kind": "error", "type": type(error).__name__, "text": str(error), "detail": detail}
        except Exception as error:  # a stranger's code may raise anything
            detail = "".join(traceback.format_exception(error))
            answer = {"kind": "error", "type": "", "text": f"{type(error).__name__}: {error}.", "detail": detail}
        sys.stdout.flush()
        pipe.send_bytes(json.dumps(answer).encode())
        if pixels is not None and answer["kind"] == "done":
            pipe.send_bytes(memoryview(pixels).cast("B"))
