"""Crafting: every call of an attack goes through here, and is held to the contract."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from benchbench.base.errors import AttackError, TargetError
from benchbench.contracts.attack import Attack, AttackCard, CraftContext
from benchbench.contracts.trials import ANY, Trials
from benchbench.evaluate.global_state import GlobalNumbers, as_it_was
from benchbench.evaluate.networks import to_tensor

if TYPE_CHECKING:
    import torch

    from benchbench.contracts.photographs import Photos

WHITE_BOX = "target"
"""The name that a white-box attack finds its target by, among its networks."""


Retake = Callable[[int, int], NDArray[np.uint8]]
"""Position of a test photograph and a class to the photograph, (H, W, 3); see `Source.retake`."""


def image_seed(*parts: int | str) -> int:
    """Return a 63-bit seed that depends on all `parts` and on nothing else."""
    text = "/".join(str(p) for p in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") >> 1


@dataclass(frozen=True)
class Order:
    """What an attack is told of a batch beside its photographs, and no more: no file name, which may hold the class."""

    wanted: NDArray[np.int64]
    true: NDArray[np.int64] | None
    """For attacks whose card says `reads_source` alone."""
    seeds: tuple[int, ...]
    """One a photograph."""
    image: NDArray[np.int64]
    """Position of each among the test photographs, for knowledge `oracle`."""
    where: str = ""
    """For messages, e.g. 'split in, batch 3'."""
    target: str = ""
    """The name of the target that a white-box attack is given, for messages."""


def craft(
    attack: Attack,
    x: torch.Tensor,
    true: torch.Tensor | None,
    wanted: torch.Tensor,
    context: CraftContext,
    where: str = "",
    target: str = "",
) -> torch.Tensor:
    """Call `attack.perturb` on one batch and hold it to the contract.

    Args:
        x: float32 (N, 3, H, W) in [0, 1].
        true, wanted: int64 (N,); an attack whose card does not say `reads_source` is not given the former.
        where: for messages, e.g. 'split in, batch 3'.
        target: the name of the target that a white-box attack is given, for messages.

    Raises:
        AttackError: wrong type, shape or range, NaN, images or labels edited in place, the global random state touched,
            a network of the attack's that writes into its input, or an exception of the attack's own.
        TargetError: the target of a white-box attack writes into its input.
    """
    import torch

    from benchbench.evaluate.guard import InputGuard

    place = f" on {where}" if where else ""
    # Copies, so that an attack which keeps what it is given or returns cannot change it after this call.
    given, goals = x.clone(), wanted.clone()
    labels = true.clone() if true is not None and attack.card.reads_source else None
    cuda = x.device if x.is_cuda else None
    state, others = _torch_state(cuda), GlobalNumbers()
    guard = InputGuard(context.networks)
    try:
        with guard.watch():
            result = attack.perturb(given, labels, goals, context)
    except AttackError:
        raise
    except Exception as error:
        _blame(guard.offender, attack, place, target)  # the exception may come of what was written
        raise AttackError(f"'{attack.name}' raised {type(error).__name__}: {error}{place}.") from error
    _blame(guard.offender, attack, place, target)
    if not all(map(torch.equal, _torch_state(cuda), state)):
        torch.random.set_rng_state(state[0])
        if cuda is not None:
            torch.cuda.set_rng_state(state[1], cuda)
        used = "torch's global random state"
    else:
        used = others.moved()
    if used:  # they have one seed a process, so that the result would depend on how trials are cut into jobs
        raise AttackError(
            f"'{attack.name}' used {used}{place}; draw from context.generators() instead, and give a library "
            "that draws a generator of its own."
        )
    if not torch.equal(given, x):
        raise AttackError(f"'{attack.name}' changed its input in place{place}; work on a copy.")
    if not torch.equal(goals, wanted) or not (labels is None or true is None or torch.equal(labels, true)):
        raise AttackError(f"'{attack.name}' changed the labels that it was given in place{place}; work on a copy.")
    if not isinstance(result, torch.Tensor):
        raise AttackError(f"'{attack.name}' returned a {type(result).__name__}{place}; a Tensor is expected.")
    if result.shape != x.shape:
        raise AttackError(f"'{attack.name}' returned shape {tuple(result.shape)}{place}; {tuple(x.shape)} is expected.")
    if result.dtype != torch.float32:
        raise AttackError(f"'{attack.name}' returned {result.dtype}{place}; float32 is expected.")
    result = result.detach().clone()
    check_pixels(attack.name, result, where)
    return result


def _torch_state(cuda: torch.device | None) -> list[torch.Tensor]:
    """Return where torch's global random numbers stand: of the processor and, where one is given, of a GPU."""
    import torch

    return [torch.random.get_rng_state(), *([torch.cuda.get_rng_state(cuda)] if cuda is not None else [])]


def check_pixels(name: str, crafted: torch.Tensor, where: str = "") -> None:
    """Hold the values of crafted photographs to the contract.

    Raises:
        AttackError: NaN, an infinite value, or one outside [0, 1].
    """
    place = f" on {where}" if where else ""
    if not bool(crafted.isfinite().all()):
        raise AttackError(f"'{name}' returned NaN or infinite values{place}.")
    low, high = float(crafted.min()), float(crafted.max())
    if low < 0 or high > 1:
        raise AttackError(f"'{name}' returned values in [{low:.2f}, {high:.2f}]{place}; an attack stays in [0, 1].")


def _blame(network: str | None, attack: Attack, place: str, target: str) -> None:
    """Raise if a network wrote into its input: the target's fault, or that of one of the attack's own networks."""
    if network is None:
        return
    remedy = "work on a copy, or use inplace=False"
    if network == WHITE_BOX and attack.card.knowledge == "white-box":
        named = f"target '{target}'" if target else "the target"
        raise TargetError(f"{named} changed its input in place when '{attack.name}' called it{place}; {remedy}.")
    raise AttackError(f"network '{network}' of '{attack.name}' changed its input in place{place}; {remedy}.")


def craft_trials(
    attack: Attack,
    photos: Photos,
    batch: Trials,
    x: torch.Tensor,
    context: CraftContext,
    seed: int,
    where: str,
    target: str = "",
    retake: Retake | None = None,
) -> torch.Tensor:
    """Craft a batch of trials, each with the random numbers that its photograph and wanted class have in every run.

    Args:
        x: the trials' photographs, float32 (N, 3, H, W) in [0, 1].
        context: its seeds are set here.
        seed: `Protocol.seed`.
        where: for messages, e.g. 'split in, batch 3'.
        target: the name of the target that a white-box attack is given, for messages.
        retake: takes a test photograph again with another camera, for an attack whose knowledge is `oracle`.

    Raises:
        AttackError, TargetError: see `benchbench.evaluate.craft.craft`.
    """
    order = ordered(attack.card, attack.name, photos, batch, context.known, seed, where, target)
    return carry_out(attack, order, x, context, retake)


def ordered(
    card: AttackCard, name: str, photos: Photos, batch: Trials, known: int, seed: int, where: str, target: str = ""
) -> Order:
    """Return what an attack is told of a batch; see `craft_trials`.

    Args:
        card, name: of the attack.
        known: number of classes that the attacker knows.
    """
    # An attack that is not targeted still gets a valid class, by the contract; its result may not depend on it, nor
    # on whether this crossing has a trial for every class.
    free = ((batch.true == 0) % known).astype(np.int64)
    return Order(
        wanted=batch.wanted if card.targeted else free,
        true=batch.true if card.reads_source else None,
        seeds=tuple(
            image_seed(seed, name, _key(photos, image), int(label) if card.targeted else ANY)
            for image, label in zip(batch.image, batch.wanted, strict=True)
        ),
        image=batch.image,
        where=where,
        target=target,
    )


def _key(photos: Photos, image: int) -> str:
    """Return what the random numbers of a photograph hang on: its name or, where that may change, its pixels."""
    if not getattr(photos, "renamable", False):  # a stranger's source may have a class of its own
        return photos.name[image]
    return hashlib.sha256(np.ascontiguousarray(photos.images[image]).data).hexdigest()


def carry_out(
    attack: Attack, order: Order, x: torch.Tensor, context: CraftContext, retake: Retake | None = None
) -> torch.Tensor:
    """Craft a batch as it was ordered.

    Raises:
        AttackError, TargetError: see `benchbench.evaluate.craft.craft`.
    """
    import torch

    def tensor(labels: NDArray[np.int64]) -> torch.Tensor:
        return torch.from_numpy(labels.copy()).to(x.device)

    context.seeds = order.seeds
    if attack.card.knowledge == "oracle" and retake is not None:

        def again(classes: torch.Tensor) -> torch.Tensor:
            taken = [retake(int(image), int(c)) for image, c in zip(order.image, classes.tolist(), strict=True)]
            return to_tensor(np.stack(taken), x.device)

        context.retake = again
    with as_it_was():
        true = tensor(order.true) if order.true is not None else None
        return craft(attack, x, true, tensor(order.wanted), context, order.where, order.target)
