"""SpoC in a tiny data set: what it trains, what its variants leave out, and the contract of an attack."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from benchbench.authoring.conformance import check_attack
from benchbench.base.errors import BenchError
from benchbench.contracts.attack import ATTACKS
from benchbench.contracts.fit import Setup, collect
from benchbench.contracts.profile import load_profile
from benchbench.learn.losses import Pixel
from benchbench.learn.patches import PatchSource
from benchbench_attacks._spoc_fits import held_out_apart, told_apart
from benchbench_attacks._spoc_networks import Embedder, SpocCritic, SpocShape
from benchbench_attacks.spoc import Spoc

SETUP = Setup(profile=load_profile("smoke"), data_id="0" * 32, known=3, classes=4)


class Paints(torch.nn.Module):
    """Stands for the generator of a class: a shift of its own."""

    def __init__(self, shift: float) -> None:
        super().__init__()
        self.shift = shift

    def forward(self, x):
        return x + self.shift


def test_each_wanted_model_has_its_own_generator():
    attack = Spoc()
    networks = {f"generator/{c}": Paints(0.1 * (c + 1)) for c in range(3)}
    check_attack(attack, networks)
    x = torch.full((4, 3, 8, 8), 0.5)
    from benchbench.contracts.attack import CraftContext

    context = CraftContext(device=x.device, known=3, networks=networks)
    changed = attack.perturb(x, None, torch.tensor([2, 0, 1, 2]), context)
    assert torch.allclose(changed.mean((1, 2, 3)) - 0.5, torch.tensor([0.15, 0.05, 0.1, 0.15]), atol=1e-6)


def test_variants_leave_a_part_out_and_are_other_networks():
    whole, no_critic, no_embedder = Spoc(), Spoc(discriminator=False), Spoc(embedder=False)
    labels = {name: [f.label for f in collect(a.fits(SETUP), "0").values()] for name, a in
              (("whole", whole), ("critic", no_critic), ("embedder", no_embedder))}  # fmt: skip
    assert sum(label.startswith("simulator/") for label in labels["whole"]) == 5  # one generator is off training
    assert "spoc/embedder" in labels["whole"] and "spoc/embedder" in labels["critic"]
    assert "spoc/embedder" not in labels["embedder"]
    assert [n for n in labels["embedder"] if n.startswith("spoc")] == [f"spoc-no-embedder/{c}" for c in (1, 2, 3)]
    ids = [a.fits(SETUP)["generator/1"].fit_id("0") for a in (whole, no_critic, no_embedder)]
    assert len(set(ids)) == 3
    assert no_critic.fits(SETUP)["generator/1"].adversarial_weight == 0


@pytest.mark.parametrize(
    "typed",
    [
        *("spoc[adversarial_weight=-1]", "spoc[embedder_weight=nan]", "spoc[psnr=-5]", "spoc[psnr=1e9]"),
        *("gap[epsilon=-8]", "gap[epsilon=0]", "ti-mi-fgsm[steps=0]", "ti-mi-fgsm[epsilon=-1]", "adv-cam-id[psnr=500]"),
        *("ti-mi-fgsm[kernel=4]", "ti-mi-fgsm[kernel=0]"),
    ],
)
def test_values_out_of_range_are_refused_in_a_sentence(typed):
    with pytest.raises(
        BenchError, match=f"attack '{typed.partition('[')[0]}'.*{typed.partition('[')[2].partition('=')[0]}"
    ):
        ATTACKS.create(typed)


def test_the_loss_is_the_papers_list_of_terms_and_its_embedder_is_asked_in_float32():
    fit = Spoc(
        pixel_weight=2, perceptual_weight=0, embedder_weight=0.5, matching_weight=0.1, adversarial_weight=3
    ).fits(SETUP)["generator/0"]
    embedder, critic, pixel = (
        Embedder((4, 6, 8, 10)).eval(),
        SpocCritic(SpocShape(generator=(4, 6), critic=4)),
        Pixel(2.0),
    )
    photographs = np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3), dtype=np.uint8)
    real = PatchSource([photographs], np.zeros(4, np.int64), np.arange(4), 64, torch.device("cpu"))
    context = SimpleNamespace(device=torch.device("cpu"), needs={"embedder": embedder}, facts={})
    terms = fit.terms(context, real, critic, pixel)
    assert [(type(t).__name__, float(t.weight)) for t in terms] == [
        ("Pixel", 2), ("AnchorDistance", 0.5), ("FeatureMatching", pytest.approx(0.05)), ("Adversarial", 3)
    ]  # fmt: skip
    x = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.autocast("cpu", torch.bfloat16):
        said = terms[1].maps(x)
    assert all(torch.equal(a, b) for a, b in zip(said, embedder.maps(x * 2 - 1), strict=True))
    for left_out, names in (("discriminator", {"Adversarial"}), ("embedder", {"AnchorDistance", "FeatureMatching"})):
        fewer = (
            Spoc(perceptual_weight=0, **{left_out: False})
            .fits(SETUP)["generator/0"]
            .terms(context, real, critic, pixel)
        )
        assert {type(t).__name__ for t in terms} - {type(t).__name__ for t in fewer} == names


def test_held_out_models_are_none_that_are_trained_on():
    labels = np.repeat(np.arange(30), 2)
    train, rest = held_out_apart(labels)
    assert sorted(set(labels[rest])) == [9, 19, 29]
    assert not set(labels[train]) & set(labels[rest])
    few = np.repeat(np.arange(4), 2)
    assert all(len(part) == 8 for part in held_out_apart(few))


def test_told_apart_counts_triplets():
    vectors = torch.tensor([[0.0], [1.0], [1.5], [3.0]])
    labels = torch.tensor([0, 0, 1, 1])
    d = (vectors - vectors.T).abs()
    right = [
        bool(d[a, p] < d[a, n])
        for a in range(4) for p in range(4) for n in range(4)
        if a != p and labels[a] == labels[p] and labels[a] != labels[n]
    ]  # fmt: skip
    assert told_apart(vectors, labels) == pytest.approx(np.mean(right))
