"""What a plugin author runs: does an attack or a target keep its contract?

from benchbench import check_attack

def test_my_attack():
    check_attack(MyAttack(), networks={"evaluator": my_small_network})
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from benchbench.base.errors import AttackError, TargetError
from benchbench.contracts.attack import Attack, CraftContext, evaluators
from benchbench.contracts.fit import Fit, Setup, collect, silent
from benchbench.contracts.target import Target
from benchbench.contracts.task import TASKS, TaskContext
from benchbench.contracts.trials import ANY, Trials
from benchbench.evaluate.craft import craft, image_seed

if TYPE_CHECKING:
    from benchbench.contracts.profile import Profile

KNOWN = 3
"""Classes that the checks let an attacker know."""
_CLOSE = 1e-5
"""Differences that floating-point sums in another order explain."""
_FLIPPED = 0.01
"""Share of values that may differ by more in another batch: a step along the sign of a gradient near 0 may flip."""


def sample_images(count: int = 4, size: int = 32) -> torch.Tensor:
    """Return fixed 8-bit images, float32 (count, 3, size, size) in [0, 1], with black and white pixels among them."""
    draws = torch.randint(0, 256, (count, 3, size, size), generator=torch.Generator().manual_seed(0))
    draws[:, :, 0, 0], draws[:, :, 0, 1] = 0, 255
    return draws.float() / 255


class LinearTarget(torch.nn.Module):
    """A classifier in closed form: logit c is the mean of the photograph times a fixed pattern in [-1, 1], and a gain.

    Its gradient is the pattern, so the smallest change that turns one class into another is known, and an attack
    that follows gradients must succeed on it.

    Args:
        classes: how many.
        gain: factor on the means, which lie within [-1, 1].

    Shape:
        float32 (N, 3, H, W) in [0, 1] -> (N, classes), any H and W.
    """

    patterns: torch.Tensor

    def __init__(self, classes: int = KNOWN, gain: float = 50.0) -> None:
        super().__init__()
        self.gain = gain
        draws = torch.rand((classes, 3, 8, 8), generator=torch.Generator().manual_seed(0))
        self.register_buffer("patterns", draws * 2 - 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits."""
        h, w = x.shape[-2:]
        tiled = self.patterns.repeat(1, 1, -(-h // 8), -(-w // 8))[..., :h, :w]
        return self.gain * torch.einsum("nchw,kchw->nk", x - 0.5, tiled) / (3 * h * w)


def check_attack(
    attack: Attack,
    networks: Mapping[str, Any] | None = None,
    *,
    images: torch.Tensor | None = None,
    known: int = KNOWN,
    fools: torch.nn.Module | None = None,
) -> list[str]:
    """Check the contract and return what was checked, a line each.

    Types, shape, range; the input and every global random state untouched; the same result for the same seeds, for a
    photograph alone and in a batch, in any order, and in batches of a job that follow one another; other sizes.

    Args:
        attack: an instance.
        networks: what `context.networks` shall hold: loaded results of the attack's fits, or small stand-ins.
        images: float32 (N >= 2, 3, H, W) in [0, 1]; random ones by default.
        known: classes that the attacker knows.
        fools: a network (N, 3, H, W) -> (N, known) that the attack, given `networks`, must turn towards the wanted
            class; `LinearTarget(known)` for an attack that follows gradients. For a white-box attack it is the
            target, and `LinearTarget` by default.

    Raises:
        AttackError: says what the attack did and what was expected.
    """
    x = sample_images() if images is None else images
    source = torch.arange(len(x)) % known
    target = (source + 1) % known
    seeds = tuple(image_seed(0, attack.name, i) for i in range(len(x)))
    nets = dict(networks or {})
    if attack.card.knowledge == "white-box":
        fools = fools or LinearTarget(known)
        nets.setdefault("target", fools)

    def context(index: torch.Tensor, pixels: torch.Tensor = x) -> CraftContext:
        chosen = tuple(seeds[i] for i in index.tolist())
        made = CraftContext(device=x.device, known=known, networks=dict(nets), seeds=chosen)
        if attack.card.knowledge == "oracle":
            # A camera of these classes would see the scene darker or brighter.
            made.retake = lambda classes: (pixels[index] * (0.8 + 0.3 * classes.view(-1, 1, 1, 1) / known)).clamp(0, 1)
        return made

    def crafted(rows: slice | list[int], pixels: torch.Tensor = x, job: CraftContext | None = None) -> torch.Tensor:
        index = torch.arange(len(x))[rows]
        given = context(index, pixels)
        if job is not None:  # which keeps its context between batches
            job.seeds, job.retake = given.seeds, given.retake
            given = job
        return craft(attack, pixels[index], source[index], target[index], given, "the conformance suite")

    whole = crafted(slice(None))
    kept = ["float32 in [0, 1], finite, of the shape of its input", "input and global random states untouched"]
    _same(attack, whole, crafted(slice(None)), "gave two results for the same seeds; draw from context.generators()", 0)
    kept.append("the same result for the same seeds")
    alone = torch.cat([crafted([i]) for i in range(len(x))])
    _same(attack, whole, alone, "gave another result for an image alone than in a batch")
    backwards = list(range(len(x)))[::-1]
    _same(attack, whole, crafted(backwards)[backwards], "depends on the order of the batch")
    kept.append("a photograph's result depends neither on the batch nor on its order")
    job, parts = context(torch.arange(len(x))), ([len(x) - 1], [0], list(range(1, len(x))), list(range(len(x) - 1)))
    for rows in parts:
        _same(attack, whole[rows], crafted(rows, job=job), "keeps something between batches that changes its results")
    kept.append("batches of one job leave nothing behind that changes the next")
    h, w = x.shape[-2:]
    smaller = x[..., : h - 3, : max(w // 2, 8) + 1].contiguous()
    crafted(slice(None), smaller)
    kept.append(f"another size: {smaller.shape[-1]} x {smaller.shape[-2]}")
    if not attack.card.targeted:
        target = source.new_full(source.shape, known - 1)
        _same(attack, whole, crafted(slice(None)), "depends on the wanted class; its card says targeted=False")
        kept.append("the wanted class plays no part, as its card says")
    if type(attack).surrogate is not Attack.surrogate:
        kept.append(_surrogate(attack, whole, context(torch.arange(len(x))), known))
    if fools is not None and attack.card.targeted:
        kept.append(_fooled(attack, fools, x, whole, target))
    return kept


def _surrogate(attack: Attack, crafted: torch.Tensor, context: CraftContext, known: int) -> str:
    given = crafted.clone()
    with torch.no_grad():
        try:
            found = evaluators(attack, given, context)
        except ValueError as error:
            raise AttackError(f"surrogate() of '{attack.name}' returned {error}.") from error
    if not torch.equal(given, crafted):
        raise AttackError(f"surrogate() of '{attack.name}' changed its input in place; work on a copy.")
    if not found:
        return "surrogate() has no evaluator to ask"
    return f"surrogate() gives finite logits of shape (N, {known}), its input untouched"


def _fooled(
    attack: Attack, network: torch.nn.Module, x: torch.Tensor, crafted: torch.Tensor, target: torch.Tensor
) -> str:
    with torch.no_grad():
        before, after = (
            torch.log_softmax(network(images), dim=1).gather(1, target[:, None]).mean() for images in (x, crafted)
        )
    if not float(after) > float(before):
        raise AttackError(
            f"'{attack.name}' lowered the log probability of the wanted class from {float(before):.3f} to "
            f"{float(after):.3f} on a network that it was given; check the sign of its step."
        )
    return f"log probability of the wanted class: {float(before):.3f} before, {float(after):.3f} after"


def try_attack(attack: Attack, profile: Profile, cache: Path) -> list[str]:
    """Train what an attack needs at a profile's size on virtual cameras, then `check_attack` on photographs of q.

    Raises:
        AttackError: it broke its contract.
    """
    setup, networks, images = _trained(attack.fits, profile, cache)
    return check_attack(attack, networks, images=images, known=setup.known)


def try_target(target: Target, profile: Profile, cache: Path) -> list[str]:
    """Train a target at a profile's size on virtual cameras, then `check_target` on photographs of q.

    Raises:
        TargetError: it broke its contract.
    """
    setup, networks, images = _trained(target.fits, profile, cache)
    return check_target(target, networks, target.classes(setup), images=images)


def _trained(
    fits: Callable[[Setup], Mapping[str, Fit]], profile: Profile, cache: Path
) -> tuple[Setup, dict[str, Any], torch.Tensor]:
    """Build photographs and fits one after the other, in this process; return them loaded, with four photographs."""
    from benchbench.data.source import RecipeSource
    from benchbench.data.virtual.recipe import VirtualRecipe
    from benchbench.evaluate.networks import networks, to_tensor
    from benchbench.harness.fits import FitCall

    source = RecipeSource.of(VirtualRecipe.of(profile.data, profile.name))
    photos = source.build(cache, 0, lambda label, done, total: None).photos("q")
    setup = source.facts(cache).setup(profile, 0)
    wanted = fits(setup)
    for fit in collect(wanted, setup.data_id).values():
        FitCall(fit, setup, source, cache, "cpu")(silent)
    rows = np.linspace(0, len(photos.images) - 1, 4).astype(int)
    cpu = torch.device("cpu")
    return setup, networks(wanted, setup, cache, cpu), to_tensor(photos.images[rows], cpu)


def _same(attack: Attack, one: torch.Tensor, other: torch.Tensor, complaint: str, share: float = _FLIPPED) -> None:
    apart = (one - other).abs()
    if float((apart > _CLOSE).float().mean()) > share:
        raise AttackError(f"'{attack.name}' {complaint} (largest difference {float(apart.max()):.2g}).")


def check_target(
    target: Target, networks: Mapping[str, Any], classes: int, *, images: torch.Tensor | None = None
) -> list[str]:
    """Check the contract and return what was checked, a line each.

    Logits of the right shape, finite, per image, the same on every call.

    Args:
        target: an instance.
        networks: loaded results of the target's fits.
        classes: how many classes it tells apart.
        images: float32 (N >= 2, 3, H, W) in [0, 1]; random ones by default.

    Raises:
        TargetError: says what the target did and what was expected.
    """
    from benchbench.evaluate.panel import Member, Panel

    x = sample_images() if images is None else images
    before = x.clone()
    module = target.load(networks, x.device)
    if module.training:
        raise TargetError(f"target '{target.name}' loads a module in training mode; call eval().")
    context = TaskContext(known=classes, classes=classes, target=target.name)
    rows = np.arange(len(x))
    panel = Panel({target.name: Member(module, TASKS.create(target.card.task), context)})
    panel.examine(x, Trials(rows, rows * 0, rows * 0 + ANY))
    if panel.failures:
        raise TargetError(panel.failures[target.name])
    with torch.no_grad():
        whole, again = module(x), module(x)
        alone = torch.cat([module(image[None]) for image in x])
    if not torch.equal(before, x):
        raise TargetError(f"target '{target.name}' changed its input in place; work on a copy.")
    if not torch.equal(whole, again):
        raise TargetError(f"target '{target.name}' gave two results for the same images.")
    if float((whole - alone).abs().max()) > 1e-3 * max(1.0, float(whole.abs().max())):
        raise TargetError(f"target '{target.name}' gave another result for an image alone than in a batch.")
    _check_parts(target, module, x)
    return [
        f"finite logits of shape (N, {classes}), input untouched",
        "the same on every call",
        "a photograph's logits do not depend on its batch",
        "classify(preprocessor(x)) is the target itself, where it offers both",
    ]


def _check_parts(target: Target, module: torch.nn.Module, x: torch.Tensor) -> None:
    """Where a target offers `preprocessor` and `classify`, they must give what it gives itself."""
    preprocessor, classify = getattr(module, "preprocessor", None), getattr(module, "classify", None)
    if callable(preprocessor) and callable(classify):
        with torch.no_grad():
            difference = float((classify(preprocessor(x)) - module(x)).abs().max())
        if difference > 1e-4:
            raise TargetError(f"target '{target.name}': classify(preprocessor(x)) differs from the target itself.")
