"""The shared conditional GAN: labels, planes, receptive field, the adapted pixel weight, the dual stream."""

from __future__ import annotations

import pytest
import torch

from benchbench.learn.classifier import Classifier
from benchbench.learn.image_to_image import ImageToImage, PatchCritic, planes
from benchbench.profile import GeneratorShape, ResNetShape
from benchbench_attacks._cgan import Losses, wrong_labels
from benchbench_attacks._evaluator import DualStream
from benchbench_attacks.cama import Cama
from benchbench_attacks.misl_cgan import MislCgan
from benchbench_attacks.spoc_cgan import SpocCgan

SHAPES = [
    GeneratorShape(channels=4),
    GeneratorShape(kind="full-resolution", channels=4, blocks=2, skip=True),
    GeneratorShape(kind="full-resolution", channels=4, blocks=2, space_to_depth=2),
]


def test_wrong_labels_are_wrong_and_uniform():
    labels = torch.arange(6).repeat(2000)
    wrong = wrong_labels(labels, 6, torch.Generator().manual_seed(0))
    assert (wrong != labels).all()
    shares = torch.bincount((wrong - labels) % 6, minlength=6) / len(labels)
    torch.testing.assert_close(shares[1:], torch.full((5,), 0.2), atol=0.015, rtol=0)


def test_planes_are_one_for_the_target_alone():
    made = planes(torch.tensor([2, 0]), 3, torch.zeros(2, 3, 4, 5))
    assert made.shape == (2, 3, 4, 5)
    assert made.sum((2, 3)).tolist() == [[0, 0, 20], [20, 0, 0]]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [(32, 32), (45, 38)])
def test_generators_keep_any_size_and_range_and_obey_the_target(shape, size):
    torch.manual_seed(0)
    network = ImageToImage(shape, planes=6, bounded=True).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    x = torch.rand(2, 3, *size) * 2 - 1
    with torch.inference_mode():
        changed = network(x, torch.tensor([0, 1]))
        other = network(x, torch.tensor([3, 1]))
    assert changed.shape == x.shape
    assert changed.abs().max() <= 1
    assert not torch.equal(changed[0], other[0])
    torch.testing.assert_close(changed[1], other[1])


def test_a_skip_connection_starts_as_the_identity():
    network = ImageToImage(GeneratorShape(kind="full-resolution", channels=4, skip=True), 6, bounded=True).eval()
    x = torch.rand(2, 3, 16, 16) * 2 - 1
    torch.testing.assert_close(network(x, torch.tensor([0, 1])), x)


def test_published_generator_size():
    # Counted by hand from Johnson et al. with six condition planes, two residual blocks, biases on the last layer only.
    c = 64
    weights = 9 * c * 49 + c * 2 * c * 9 + 2 * c * 4 * c * 9 + 4 * (4 * c) ** 2 * 9
    weights += 4 * c * 2 * c * 9 + 2 * c * c * 9 + c * 3 * 49 + 3
    norms = 2 * (c + 2 * c + 4 * c + 4 * 4 * c + 2 * c + c)
    network = ImageToImage(GeneratorShape(), planes=6, bounded=True)
    assert sum(p.numel() for p in network.parameters()) == weights + norms


def test_critic_sees_34_pixels():
    torch.manual_seed(0)
    critic = PatchCritic(6, 4, "cc").eval()
    critic.constrained = None  # the field of the published PatchGAN, without the 5x5 filter before it
    x = torch.rand(1, 3, 96, 96, requires_grad=True)
    scores = critic(x, torch.tensor([0]))
    scores[0, 0, scores.shape[2] // 2, scores.shape[3] // 2].backward()
    touched = x.grad.abs().sum((0, 1)) > 0
    rows = touched.any(1).nonzero()
    assert int(rows.max() - rows.min()) + 1 == 34


def test_pixel_weight_rises_while_psnr_is_too_low():
    x = torch.zeros(4, 3, 8, 8)
    for level, rises in ((0.2, True), (0.001, False)):
        losses = Losses(10.0, 35.0)
        for _ in range(50):
            losses.adapt(x, x + level)
        assert (float(losses.pixel) > 10) == rises
    fixed = Losses(10.0, None)
    fixed.adapt(x, x + 0.5)
    assert float(fixed.pixel) == 10.0


def test_dual_stream_is_the_mean_log_probability_of_both_bands():
    torch.manual_seed(0)
    shape = ResNetShape(channels=(4, 4, 8, 8), stem=4)
    residual = ImageToImage(SHAPES[1].model_copy(update={"skip": False}), planes=0, bounded=False).eval()
    high, low = (Classifier("resnet18", "rgb", 6, shape).eval() for _ in range(2))
    evaluator = DualStream(residual, high, low).eval()
    x = torch.rand(2, 3, 32, 32)
    scaled = x * 2 - 1
    band = residual(scaled)
    expected = (high.backbone(band).softmax(1).log() + low.backbone(scaled - band).softmax(1).log()) / 2
    torch.testing.assert_close(evaluator(x), expected)


def test_published_settings():
    attacks = (Cama(), MislCgan(), SpocCgan())
    settings = {a.name: (a.adversarial_weight, a.pixel_weight, a.classifier_weight) for a in attacks}
    assert settings == {"cama": (1.0, 10.0, 0.005), "misl-cgan": (1.0, 10.0, 0.01), "spoc-cgan": (0.3, 10.0, 0.01)}
