"""What a plugin author runs: does an attack or a target keep its contract?

from benchbench.testing import check_attack

def test_my_attack():
    check_attack(MyAttack(), networks={"evaluator": my_small_network})
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from benchbench.attack import Attack, CraftContext, craft, image_seed
from benchbench.errors import AttackError, TargetError
from benchbench.target import Target

if TYPE_CHECKING:
    import torch

KNOWN = 3
"""Classes that the checks let an attacker know."""
_CLOSE = 1e-5
"""Differences that floating-point sums in another order explain."""


def sample_images(count: int = 4, size: int = 32) -> torch.Tensor:
    """Return fixed 8-bit images, float32 (count, 3, size, size) in [0, 1], with black and white pixels among them."""
    import torch

    draws = torch.randint(0, 256, (count, 3, size, size), generator=torch.Generator().manual_seed(0))
    draws[:, :, 0, 0], draws[:, :, 0, 1] = 0, 255
    return draws.float() / 255


def check_attack(
    attack: Attack, networks: Mapping[str, Any] | None = None, *, images: torch.Tensor | None = None
) -> None:
    """Check the contract: types, shape, range, no change of the input, seeds, independence of the batch.

    Args:
        attack: an instance.
        networks: what `context.networks` shall hold: loaded results of the attack's fits, or small stand-ins.
        images: float32 (N >= 2, 3, H, W) in [0, 1]; random ones by default.

    Raises:
        AttackError: says what the attack did and what was expected.
    """
    import torch

    x = sample_images() if images is None else images
    source = torch.arange(len(x)) % KNOWN
    target = (source + 1) % KNOWN
    seeds = tuple(image_seed(0, attack.name, i) for i in range(len(x)))

    def crafted(rows: slice | list[int], shift: int = 0) -> torch.Tensor:
        index = torch.arange(len(x))[rows]
        context = CraftContext(
            device=x.device,
            known=KNOWN,
            networks=dict(networks or {}),
            seeds=tuple(image_seed(shift, seeds[i]) if shift else seeds[i] for i in index.tolist()),
        )
        return craft(attack, x[index], source[index], target[index], context, "benchbench.testing")

    whole = crafted(slice(None))
    _same(attack, whole, crafted(slice(None)), "gave two results for the same seeds; draw from context.generators()")
    alone = torch.cat([crafted([i]) for i in range(len(x))])
    _same(attack, whole, alone, "gave another result for an image alone than in a batch")
    backwards = list(range(len(x)))[::-1]
    _same(attack, whole, crafted(backwards)[backwards], "depends on the order of the batch")
    if not attack.card.targeted:
        target = source.new_full(source.shape, KNOWN - 1)
        _same(attack, whole, crafted(slice(None)), "depends on the wanted class; its card says targeted=False")


def _same(attack: Attack, one: torch.Tensor, other: torch.Tensor, complaint: str) -> None:
    difference = float((one - other).abs().max())
    if difference > _CLOSE:
        raise AttackError(f"'{attack.name}' {complaint} (largest difference {difference:.2g}).")


def check_target(
    target: Target, networks: Mapping[str, Any], classes: int, *, images: torch.Tensor | None = None
) -> None:
    """Check the contract: logits of the right shape, finite, per image, the same on every call.

    Args:
        target: an instance.
        networks: loaded results of the target's fits.
        classes: how many classes it tells apart.
        images: float32 (N >= 2, 3, H, W) in [0, 1]; random ones by default.

    Raises:
        TargetError: says what the target did and what was expected.
    """
    import torch

    from benchbench.scoring import Panel

    x = sample_images() if images is None else images
    before = x.clone()
    module = target.load(networks, x.device)
    if module.training:
        raise TargetError(f"target '{target.name}' loads a module in training mode; call eval().")
    panel = Panel({target.name: module}, {target.name: classes})
    panel.classify(x)
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


def _check_parts(target: Target, module: torch.nn.Module, x: torch.Tensor) -> None:
    """Where a target offers `preprocessor` and `classify`, they must give what it gives itself."""
    import torch

    preprocessor, classify = getattr(module, "preprocessor", None), getattr(module, "classify", None)
    if callable(preprocessor) and callable(classify):
        with torch.no_grad():
            difference = float((classify(preprocessor(x)) - module(x)).abs().max())
        if difference > 1e-4:
            raise TargetError(f"target '{target.name}': classify(preprocessor(x)) differs from the target itself.")
