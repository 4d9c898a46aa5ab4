"""The terms of a generator's loss: each against numbers from another source, and what each may train."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from scipy.special import log_softmax
from skimage.metrics import peak_signal_noise_ratio
from torch import Tensor, nn

from benchbench.learn.image_to_image import PatchCritic
from benchbench.learn.losses import (
    WEIGHT_RATE,
    Classification,
    FeatureMatching,
    Generated,
    LeastSquares,
    Pixel,
    PixelByClass,
    Term,
    total,
)


class LinearCritic(nn.Module):
    """Scores that numpy can repeat: one number a picture, its mean times a weight a label."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([0.5, -1.0, 2.0]))
        self.seen: list[Tensor] = []
        self.judged: list[list[int]] = []

    def look(self, x: Tensor) -> Tensor:
        self.seen.append(x)
        return x.mean((1, 2, 3))

    def judge(self, seen: Tensor, label: Tensor) -> Tensor:
        self.judged.append(label.tolist())
        return (seen * self.weight[label]).view(-1, 1, 1, 1)


@dataclass(frozen=True)
class TowardsUniform:
    """A stranger's term, as a paper to come may bring it: KL(uniform || E(x'))."""

    weight: float
    network: Callable[[Tensor], Tensor]

    def __call__(self, made: Generated) -> Tensor:
        logits = made.through(self.network)
        return -logits.log_softmax(1).mean(1).mean() - np.log(logits.shape[1])


def batch(n: int = 4, seed: int = 0) -> Generated:
    rng = torch.Generator().manual_seed(seed)
    x, changed = (torch.rand(n, 3, 6, 5, generator=rng) * 2 - 1 for _ in range(2))
    return Generated(x, changed.requires_grad_(), torch.arange(n) % 3)


def linear_streams(count: int, seed: int = 1) -> Callable[[Tensor], list[Tensor]]:
    rng = torch.Generator().manual_seed(seed)
    weights = [torch.randn(3 * 6 * 5, 3, generator=rng) for _ in range(count)]
    return lambda x: [x.flatten(1) @ w for w in weights]


def slope(term: Callable[[Generated], Tensor], made: Generated, direction: Tensor, step: float = 2e-3) -> float:
    """The central difference of a term along a direction of x'."""
    ends = [
        term(Generated(made.x, made.changed.detach() + sign * step * direction, made.wanted, made.real))
        for sign in (1, -1)
    ]
    return float(ends[0].double() - ends[1].double()) / (2 * step)


def terms() -> dict[str, Term]:
    def maps(x: Tensor) -> list[Tensor]:
        return [x.square(), x.mean((2, 3))]

    return {
        "least squares": LeastSquares(1.0, LinearCritic()),
        "classification": Classification(1.0, linear_streams(2), 1),
        "feature matching": FeatureMatching(1.0, maps),
        "a stranger's": TowardsUniform(1.0, lambda x: linear_streams(1)(x)[0]),
    }


@pytest.mark.parametrize("name", terms())
def test_gradients_are_finite_differences(name: str) -> None:
    term, made = terms()[name], batch()
    made.real = torch.full((2, 3, 6, 5), 3.0)  # far off: no absolute value changes its sign within a step
    term(made).backward()
    # Downhill or uphill in every value, so that the difference stands clear of rounding; how far is drawn.
    direction = made.changed.grad.sign() * (torch.rand(made.x.shape, generator=torch.Generator().manual_seed(2)) + 0.5)
    assert float((made.changed.grad * direction).sum()) == pytest.approx(slope(term, made, direction), rel=2e-3)


@pytest.mark.parametrize("name", [*terms(), "pixel"])
def test_a_term_is_a_mean_over_the_batch(name: str) -> None:
    term, made = (terms() | {"pixel": Pixel(1.0)})[name], batch()
    made.real = torch.zeros_like(made.x)
    twice = Generated(*(torch.cat([t, t]) for t in (made.x, made.changed, made.wanted, made.real)))
    value = term(made)
    assert value.shape == () and value.dtype == torch.float32
    torch.testing.assert_close(term(twice), value)


def test_pixel_is_the_mean_absolute_difference_and_its_gradient_a_sign() -> None:
    made = batch()
    value = Pixel(10.0)(made)
    difference = made.changed.detach().numpy() - made.x.numpy()
    assert value.item() == pytest.approx(np.abs(difference).mean(), rel=1e-6)
    value.backward()
    np.testing.assert_allclose(made.changed.grad.numpy(), np.sign(difference) / difference.size, rtol=1e-6)


def test_a_checkpoint_holds_the_pixel_weight_under_these_names() -> None:
    """Training that an older version began goes on."""
    saved = {"pixel": torch.tensor(7.0), "psnr": torch.tensor(33.0), "offset": torch.tensor(1.5)}
    pixel = Pixel(10.0, 35.0)
    assert list(pixel.state_dict()) == list(saved) and not list(pixel.parameters())
    pixel.load_state_dict(saved)
    assert float(pixel.weight) == 7.0


@pytest.mark.parametrize(("level", "goal"), [(0.2, 35.0), (0.02, 42.0), (0.001, 35.0)])
def test_the_pixel_weight_follows_its_difference_equation(level: float, goal: float) -> None:
    x = torch.zeros(4, 3, 8, 8)
    pixel, psnr, weight = Pixel(10.0, goal), goal, 10.0
    for _ in range(50):
        pixel.adapt(x, x + level)
        psnr += 0.05 * (-20 * np.log10(level / 2) - psnr)
        weight *= np.exp(WEIGHT_RATE * np.clip(goal - psnr, -5, 5))
    assert float(pixel.psnr) == pytest.approx(psnr, rel=1e-5)
    assert float(pixel.weight) == pytest.approx(weight, rel=1e-4)
    assert (weight > 10) == (-20 * np.log10(level / 2) < goal)


def test_the_psnr_is_the_mean_of_those_of_the_pictures() -> None:
    made, pixel = batch(), Pixel(10.0, 0.0)
    strength = torch.tensor([0.01, 0.3, 0.1, 1.0]).view(-1, 1, 1, 1)
    changed = made.x + strength * (made.changed.detach() - made.x)
    pixel.adapt(made.x, changed)
    pairs = zip(made.x.double().numpy(), changed.double().numpy(), strict=True)
    expected = np.mean([peak_signal_noise_ratio(a, b, data_range=2) for a, b in pairs])
    assert float(pixel.psnr) == pytest.approx(0.05 * expected, rel=1e-5)


def test_the_pixel_weight_has_bounds_and_without_a_goal_none_moves_it() -> None:
    x = torch.zeros(1, 3, 8, 8)
    for start, level, bound in ((999.9, 1.0, 1000.0), (0.0501, 0.0, 0.05)):
        pixel = Pixel(start, 35.0)
        for _ in range(100):
            pixel.adapt(x, x + level)
        assert float(pixel.weight) == pytest.approx(bound)
    fixed = Pixel(0.0)
    fixed.adapt(x, x + 0.5)
    assert float(fixed.weight) == 0.0


def test_the_goal_is_that_of_whole_photographs() -> None:
    """Patches at 36 dB whose photographs come out at 38 are at the goal of 38."""
    pixel = Pixel(10.0, goal=38.0)
    x = torch.zeros(1, 3, 8, 8)
    changed = torch.full_like(x, 2 * 10 ** (-36 / 20))
    for _ in range(200):
        pixel.adapt(x, changed)
    assert abs(float(pixel.psnr) - 36) < 0.01 and float(pixel.weight) > 10
    pixel.correct(38.0)
    settled = float(pixel.weight)
    pixel.adapt(x, changed)
    assert abs(float(pixel.weight) / settled - 1) < 1e-4


@pytest.mark.parametrize("seed", range(3))
def test_a_pixel_weight_by_class_is_a_loop_over_pictures(seed: int) -> None:
    """Random batches with classes missing, against plain numbers: the loss, its gradient, the weights after each."""
    rng = torch.Generator().manual_seed(seed)
    classes, goal = 4, 12.0
    pixel = PixelByClass(10.0, goal, classes)
    weight, psnr, offset = [10.0] * classes, [goal] * classes, [0.0] * classes
    for step in range(30):
        x, changed = (torch.rand(5, 3, 6, 5, generator=rng) * 2 - 1 for _ in range(2))
        changed = x + (changed - x) * torch.rand(5, 1, 1, 1, generator=rng)
        wanted = torch.randint(0, 3 if step % 2 else classes, (5,), generator=rng)
        made = Generated(x, changed.requires_grad_(), wanted)
        loss = total([pixel], made)
        loss.backward()
        differences = made.changed.detach().double().numpy() - x.double().numpy()
        expected = [weight[c] * np.abs(d).mean() / 5 for c, d in zip(wanted.tolist(), differences, strict=True)]
        assert loss.item() == pytest.approx(sum(expected), rel=1e-4)
        slopes = [weight[c] * np.sign(d) / differences.size for c, d in zip(wanted.tolist(), differences, strict=True)]
        np.testing.assert_allclose(made.changed.grad.numpy(), np.stack(slopes), rtol=1e-4)
        if step == 20:
            found = [11.0, 12.5, 13.0, 14.0]
            pixel.correct(torch.tensor(found))
            offset = [f - p for f, p in zip(found, psnr, strict=True)]
        pixel.adapt(x, made.changed.detach(), wanted)
        for c in range(classes):
            mine = [
                10 * np.log10(4 / np.mean(d**2)) for k, d in zip(wanted.tolist(), differences, strict=True) if k == c
            ]
            if mine:
                psnr[c] += 0.05 * (np.mean(mine) - psnr[c])
            weight[c] *= np.exp(WEIGHT_RATE * np.clip(goal - offset[c] - psnr[c], -5, 5))
    np.testing.assert_allclose(pixel.psnr.numpy(), psnr, rtol=1e-5)
    np.testing.assert_allclose(pixel.pixel.numpy(), weight, rtol=1e-4)
    assert len(set(weight)) == classes and float(pixel.weight) == pytest.approx(np.mean(weight), rel=1e-4)


def test_equal_weights_by_class_are_one_weight() -> None:
    made = batch()
    torch.testing.assert_close(total([PixelByClass(7.0, 35.0, 3)], made), total([Pixel(7.0, 35.0)], made))
    with pytest.raises(ValueError, match="`wanted` is missing"):
        PixelByClass(7.0, 35.0, 3).adapt(made.x, made.changed.detach())


def test_each_class_reaches_the_goal_whatever_it_costs() -> None:
    """Pictures of class c are changed by a_c / weight_c: each weight settles where that is the goal's level."""
    strength, goal = torch.tensor([0.05, 0.2, 0.8]), 30.0
    pixel, x, wanted = PixelByClass(10.0, goal, 3), torch.zeros(6, 3, 4, 4), torch.arange(6) % 3
    for _ in range(4000):
        changed = x + (strength / pixel.pixel)[wanted].view(-1, 1, 1, 1)
        pixel.adapt(x, changed, wanted)
    np.testing.assert_allclose((strength / pixel.pixel).numpy(), 2 * 10 ** (-goal / 20), rtol=0.02)


def test_equation_1_by_hand() -> None:
    made, critic = batch(), LinearCritic()
    weight = np.array([0.5, -1.0, 2.0])[made.wanted.numpy()]
    scores = made.changed.detach().numpy().mean((1, 2, 3)) * weight
    assert LeastSquares(1.0, critic)(made).item() == pytest.approx(((scores - 1) ** 2).mean(), rel=1e-5)


def test_equation_2_by_hand() -> None:
    made, critic = batch(), LinearCritic()
    label, wrong = torch.tensor([1, 2, 0, 0]), torch.tensor([2, 0, 1, 2])
    loss = LeastSquares(1.0, critic).critic_loss(made.x, label, wrong, made.changed.detach(), made.wanted)
    x, changed = made.x.numpy().mean((1, 2, 3)), made.changed.detach().numpy().mean((1, 2, 3))
    weight = np.array([0.5, -1.0, 2.0])
    real, mislabeled, fake = x * weight[label], x * weight[wrong], changed * weight[made.wanted]
    expected = (((real - 1) ** 2).mean() + ((mislabeled**2).mean() + (fake**2).mean()) / 2) / 2
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    loss.backward()
    by_hand = np.zeros(3)
    for scores, labels, means, goal, share in (
        (real, label, x, 1.0, 1.0), (mislabeled, wrong, x, 0.0, 0.5), (fake, made.wanted, changed, 0.0, 0.5)
    ):  # fmt: skip
        np.add.at(by_hand, labels.numpy(), share * (scores - goal) * means / len(means))
    np.testing.assert_allclose(critic.weight.grad.numpy(), by_hand, rtol=1e-4)
    # Batch norm must not see photographs and generated pictures in one batch.
    assert critic.judged == [label.tolist(), wrong.tolist(), made.wanted.tolist()]
    assert len(critic.seen) == 2  # the photographs once


@pytest.mark.parametrize("first", ["cc", "rgb+fd"])
def test_the_generators_step_trains_no_critic(first: str) -> None:
    torch.manual_seed(0)
    critic = PatchCritic(3, 4, first)
    made = Generated(torch.rand(4, 3, 32, 32), torch.rand(4, 3, 32, 32, requires_grad=True), torch.arange(4) % 3)
    LeastSquares(1.0, critic)(made).backward()
    assert made.changed.grad.abs().sum() > 0
    assert all(p.grad is None for p in critic.parameters())
    assert all(p.requires_grad for p in critic.parameters())  # its own step comes next


def test_classification_is_the_negative_log_likelihood_of_the_wanted_class() -> None:
    made, streams = batch(), linear_streams(2)
    logits = [s.detach().double().numpy() for s in streams((made.changed + 1) / 2)]
    picked = [log_softmax(found, axis=1)[np.arange(4), made.wanted] for found in logits]
    for stream in (0, 1):
        value = Classification(1.0, streams, stream)(made)
        assert value.item() == pytest.approx(-picked[stream].mean(), rel=1e-5)
    # Equation 4: minus half the mean of log(E_H E_L), here with its weight of 0.01.
    both = total([Classification(0.005, streams, i) for i in range(2)], made)
    assert both.item() == pytest.approx(-0.01 / 2 * (picked[0] + picked[1]).mean(), rel=1e-5)


def test_logits_of_few_bits_are_averaged_in_many() -> None:
    made = batch()
    logits = torch.tensor([[3.015625, 3.0, 2.984375]]).expand(4, 3).bfloat16()
    value = Classification(1.0, lambda x: [logits])(made)
    expected = -log_softmax(logits.double().numpy(), axis=1)[np.arange(4), made.wanted].mean()
    assert value.dtype == torch.float32 and value.item() == pytest.approx(expected, rel=1e-6)


def test_a_network_runs_once_a_batch_and_sees_pictures_from_0_to_1() -> None:
    seen: list[Tensor] = []
    streams = linear_streams(2)

    def network(x: Tensor) -> list[Tensor]:
        seen.append(x)
        return streams(x)

    made = batch()
    total([Classification(1.0, network, i) for i in range(2)], made)
    torch.testing.assert_close(seen, [made.changed / 2 + 0.5])
    total([Classification(1.0, network, 0)], batch(seed=5))
    assert len(seen) == 2  # another batch is asked anew


def test_feature_matching_compares_mean_maps() -> None:
    made = batch()
    made.real = torch.rand(7, 3, 6, 5, generator=torch.Generator().manual_seed(3)) * 2 - 1
    value = FeatureMatching(1.0, lambda x: [x.square(), x.mean((2, 3))])(made)
    ours, real = ((t.detach().double().numpy() + 1) / 2 for t in (made.changed, made.real))
    first = np.abs((ours**2).mean(0) - (real**2).mean(0)).mean()
    second = np.abs(ours.mean((0, 2, 3)) - real.mean((0, 2, 3))).mean()
    assert value.item() == pytest.approx(first + second, rel=1e-5)


def test_feature_matching_asks_for_no_pairs_and_trains_towards_real_alone() -> None:
    made = batch()
    made.real = made.changed.detach().flip(0).requires_grad_()
    term = FeatureMatching(1.0, lambda x: [x, x.square()])
    value = term(made)
    assert value.item() == pytest.approx(0, abs=1e-6)
    value.backward()
    assert made.real.grad is None and made.changed.grad is not None
    with pytest.raises(ValueError, match="real photographs"):
        term(batch())


def test_a_loss_is_the_weighted_sum_of_its_terms_a_strangers_among_them() -> None:
    made, streams, pixel = batch(), linear_streams(2), Pixel(10.0, 35.0)
    pixel.adapt(made.x, made.changed.detach())
    weight = float(pixel.weight)
    assert weight > 10  # the adapted weight counts, not the first
    stranger = TowardsUniform(0.5, lambda x: streams(x)[0])
    found = total([pixel, LeastSquares(0.3, LinearCritic()), Classification(0.01, streams, 1), stranger], made)
    scores = made.changed.detach().numpy().mean((1, 2, 3)) * np.array([0.5, -1.0, 2.0])[made.wanted.numpy()]
    logs = [log_softmax(s.detach().double().numpy(), axis=1) for s in streams((made.changed + 1) / 2)]
    expected = weight * np.abs(made.changed.detach().numpy() - made.x.numpy()).mean()
    expected += 0.3 * ((scores - 1) ** 2).mean() - 0.01 * logs[1][np.arange(4), made.wanted].mean()
    expected += 0.5 * (np.log(1 / 3) - logs[0]).mean()
    assert found.item() == pytest.approx(expected, rel=1e-5)
