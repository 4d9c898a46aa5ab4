"""SpoC's networks and losses, against counts by hand, scipy, numpy's singular values and plain loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from benchbench.learn.losses import FeatureMatching, Generated
from benchbench_attacks._spoc_losses import (
    Adversarial,
    AnchorDistance,
    Perceptual,
    anchor_of,
    answers,
    critic_loss,
    triplet_loss,
)
from benchbench_attacks._spoc_networks import (
    Embedder,
    FixedLayer,
    MeanOnlyBatchNorm2d,
    SpocCritic,
    SpocGenerator,
    SpocShape,
    frozen_network,
    gaussian_blur,
)

NARROW = SpocShape(generator=(8, 12), critic=8)


def pictures(count: int = 3, size: int = 32, seed: int = 0) -> torch.Tensor:
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def weights(network: torch.nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_published_sizes():
    # 3-64, 64-64 twice, 64-128, 128-128 twice, 128-3, all 3 x 3 with biases.
    by_hand = sum(9 * a * b + b for a, b in ((3, 64), (64, 64), (64, 64), (64, 128), (128, 128), (128, 128), (128, 3)))
    assert weights(SpocGenerator(SpocShape())) == by_hand == 448_131
    assert weights(SpocCritic(SpocShape())) == (9 * 9 * 64 + 64) + 4 * (9 * 64 * 64 + 64) + (9 * 64 + 1) == 153_537
    assert Embedder().eval()(pictures(1, 64)).shape == (1, 512)


def test_the_critic_sees_13_by_13_of_the_fixed_maps():
    critic = SpocCritic(NARROW).eval()
    maps = torch.randn(1, 9, 32, 32, requires_grad=True)
    scores = critic.body[1:](maps)
    assert scores.shape == (1, 1, 20, 20)
    scores[0, 0, 7, 9].backward()
    rows, columns = np.nonzero(maps.grad[0].abs().sum(0).numpy())
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (7, 19, 9, 21)


def test_spectral_norm_is_on_the_five_in_the_middle_and_makes_their_largest_singular_value_one():
    torch.manual_seed(0)
    network = SpocGenerator(NARROW).train()
    for _ in range(60):  # one power iteration a pass
        network(pictures(1, 16))
    convolutions = [m for m in network.body if isinstance(m, torch.nn.Conv2d)]
    sizes = [np.linalg.norm(c.weight.detach().flatten(1).numpy(), 2) for c in convolutions]
    assert np.allclose(sizes[1:6], 1, atol=0.02)
    assert [hasattr(c, "parametrizations") for c in convolutions] == [False, True, True, True, True, True, False]
    x = pictures()
    network.eval()
    expected = network(x)
    plain = frozen_network(SpocGenerator(NARROW), network.state_dict())
    assert not any(hasattr(m, "parametrizations") for m in plain.modules())
    assert torch.allclose(plain(x), expected, atol=1e-5)


def test_the_blur_is_scipys():
    x = pictures(2, 20).double()
    expected = gaussian_filter(x.numpy(), (0, 0, 0.4, 0.4), mode="mirror", truncate=4)
    assert np.allclose(gaussian_blur(x, 0.4).numpy(), expected, atol=1e-12)


def test_the_generator_adds_to_the_blurred_picture():
    network = SpocGenerator(NARROW).eval()
    for parameter in network.body[-1].parameters():
        torch.nn.init.zeros_(parameter)
    x = pictures()
    blurred = gaussian_blur(x, 0.4)
    assert torch.allclose(network(x), torch.tanh(blurred), atol=1e-6)
    assert torch.allclose(SpocGenerator(SpocShape(inverse=True)).eval()(x), 0.999 * blurred, atol=1e-5)


def test_mean_only_batch_norm_takes_off_the_mean_alone():
    norm = MeanOnlyBatchNorm2d(3)
    torch.nn.init.constant_(norm.bias, 0.5)
    x = torch.randn(4, 3, 5, 5) * 7 + 2
    y = norm(x)
    assert torch.allclose(y.mean((0, 2, 3)), torch.full((3,), 0.5), atol=1e-5)
    assert torch.allclose(y.std((0, 2, 3)), x.std((0, 2, 3)), rtol=1e-5)
    assert torch.allclose(norm.running_mean, 0.1 * x.mean((0, 2, 3)))
    assert torch.allclose(norm.eval()(x), x + 0.5 - norm.running_mean.view(1, 3, 1, 1))


def test_the_gain_multiplies_third_differences_alone():
    x = pictures()
    plain, gained = FixedLayer()(x), FixedLayer(4.0)(x)
    assert torch.equal(plain[:, :3], x) and torch.equal(gained[:, :3], x)
    rows = np.diff(x.numpy(), 3, axis=2)
    assert np.allclose(plain[:, 6:, 3:].numpy(), rows, atol=1e-5)
    assert torch.equal(gained[:, 3:], 4 * plain[:, 3:])
    assert torch.equal(SpocCritic(NARROW.model_copy(update={"gain": 4.0})).body[0](x), gained)
    assert torch.equal(Embedder((4, 6, 8, 10), 4.0).fixed(x), gained)


def test_embeddings_are_maxima_over_the_last_maps():
    torch.manual_seed(1)
    network = Embedder((4, 6, 8, 10)).eval()
    x = pictures()
    maps = network.maps(x)
    assert [tuple(m.shape[1:]) for m in maps] == [(4, 16, 16), (6, 8, 8), (8, 4, 4), (10, 2, 2)]
    assert torch.equal(network(x), maps[-1].flatten(2).max(2).values)


def test_triplet_loss_against_plain_loops():
    torch.manual_seed(0)
    vectors, labels = torch.randn(9, 4) * 0.05, torch.tensor([0, 0, 0, 1, 1, 2, 2, 2, 3])
    e, terms = vectors.numpy(), []
    for a in range(9):
        for p in range(9):
            for n in range(9):
                if a != p and labels[a] == labels[p] and labels[a] != labels[n]:
                    terms.append(max(0.0, np.abs(e[a] - e[p]).sum() - np.abs(e[a] - e[n]).sum() + 0.01))
    assert 0 < np.count_nonzero(terms) < len(terms)
    assert float(triplet_loss(vectors, labels)) == pytest.approx(np.mean(terms), rel=1e-5)
    assert float(triplet_loss(vectors, torch.zeros(9, dtype=torch.long))) == 0


def test_terms_against_a_plain_restatement():
    torch.manual_seed(0)
    embedder, critic = Embedder((4, 6, 8, 10)).eval(), SpocCritic(NARROW).eval()
    x, changed, real = pictures(), pictures(seed=1).requires_grad_(), pictures(5, seed=2)
    made = Generated(x, changed, torch.zeros(3, dtype=torch.long), real)

    def maps(p):
        return embedder.maps(p * 2 - 1)

    vectors = embedder(real).detach().numpy()
    anchor, reference = anchor_of(torch.from_numpy(vectors))
    assert np.allclose(anchor, vectors.mean(0), atol=1e-6)
    assert reference == pytest.approx(np.mean([np.abs(v - vectors.mean(0)).sum() for v in vectors]), rel=1e-5)
    ours = embedder(changed).detach().numpy()
    expected = np.mean([max(0.0, np.abs(v - vectors.mean(0)).sum() - reference + 0.01) for v in ours])
    assert AnchorDistance(1.0, maps, anchor, reference)(made).item() == pytest.approx(expected, rel=1e-4)
    near = AnchorDistance(1.0, maps, embedder(changed)[0].detach(), 1e3)
    assert near(made).item() == 0

    layers = zip(embedder.maps(changed), embedder.maps(real), strict=True)
    expected = sum(float((a.mean(0) - b.mean(0)).abs().mean()) for a, b in layers)
    assert FeatureMatching(1.0, maps)(made).item() == pytest.approx(expected, rel=1e-5)
    layers = zip(embedder.maps(changed), embedder.maps(x), strict=True)
    assert Perceptual(1.0, maps)(made).item() == pytest.approx(
        sum(float((a - b).abs().mean()) for a, b in layers), rel=1e-5
    )

    def d(p):
        return torch.sigmoid(critic(p).double())

    expected = -torch.log(d(real)).mean() - 0.5 * (torch.log(1 - d(changed)).mean() + torch.log(1 - d(x)).mean())
    found = critic_loss(*answers(critic, real, x, changed))
    assert float(found) == pytest.approx(float(expected), rel=1e-5)
    term = Adversarial(1.0, critic)(made)
    assert term.item() == pytest.approx(float(-torch.log(d(changed)).mean()), rel=1e-5)
    term.backward()
    assert changed.grad.abs().sum() > 0
    assert all(p.grad is None and p.requires_grad for p in critic.parameters())


def test_the_critic_sees_where_photographs_and_pictures_differ_in_their_mean():
    """Its norm takes off the mean of the batch: in one batch, as in the paper, nothing between its parts is lost."""
    torch.manual_seed(0)
    norm = MeanOnlyBatchNorm2d(2)
    real, before, after = (torch.full((n, 2, 4, 4), level) for n, level in ((1, 5.0), (2, 1.0), (3, 2.0)))
    found = answers(norm, real, before, after)
    assert [len(part) for part in found] == [1, 2, 3]
    mean = (5.0 + 2 * 1.0 + 3 * 2.0) / 6
    assert [float(part.mean()) for part in found] == pytest.approx([5 - mean, 1 - mean, 2 - mean], abs=1e-6)
    made = Generated(before, after.requires_grad_(), torch.zeros(3, dtype=torch.long), real)
    assert float(Adversarial(1.0, norm)(made)) == pytest.approx(np.log1p(np.exp(mean - 2)), rel=1e-6)
    with pytest.raises(ValueError, match="real photographs"):
        Adversarial(1.0, norm)(Generated(before, after, torch.zeros(3, dtype=torch.long)))
