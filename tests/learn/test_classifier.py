"""Networks against the literature's parameter counts and the closed forms of their preprocessors."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from benchbench.base.errors import BenchError
from benchbench.contracts.preprocessor import PREPROCESSORS
from benchbench.contracts.profile import Backbones, load_profile
from benchbench.learn.backbones.densenet import DenseNetShape
from benchbench.learn.backbones.vgg import VggShape
from benchbench.learn.classifier import Classifier, make_backbone
from benchbench.learn.folding import fold_batch_norm
from benchbench_targets.grid import PAPER_BACKBONES, PAPER_PREPROCESSORS

PUBLISHED = Backbones()


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(
    ("name", "millions", "tolerance"),
    [("resnet18", 11.18, 0.01), ("resnet50", 23.52, 0.01), ("densenet100", 0.77, 0.005), ("vgg16", 14.72, 0.01)],
)
def test_published_parameter_counts(name, millions, tolerance):
    # ResNet: He et al. 2016 without the 1000-way layer; DenseNet-BC (L=100, k=12): Huang et al. 2017, table 2, 0.8 M;
    # VGG-16: the 13 convolutions of Simonyan & Zisserman have 14.71 M weights.
    network = make_backbone(name, PUBLISHED.shape(name), 3, 6)
    assert count(network) / 1e6 == pytest.approx(millions, abs=tolerance)


def test_vgg_convolutions_alone():
    network = make_backbone("vgg16", VggShape(), 3, 6)
    convolutions = sum(count(m) for m in network.modules() if isinstance(m, nn.Conv2d))
    assert convolutions == 14_714_688


def test_the_paper_profile_keeps_the_published_networks():
    assert load_profile("paper").backbones == PUBLISHED


@pytest.mark.parametrize("backbone", PAPER_BACKBONES)
def test_dropout_stands_before_the_head(backbone):
    torch.manual_seed(0)  # few of the narrow network's features are above 0, and two draws may drop the same
    shapes = load_profile("smoke").backbones
    network = make_backbone(backbone, shapes.shape(backbone), 3, 6, dropout=0.5).train()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    x = torch.rand(2, 3, 64, 64)
    first = network(x)
    assert not all(torch.equal(network(x), first) for _ in range(8))
    assert torch.equal(network.eval()(x), network(x))


@pytest.mark.parametrize("backbone", PAPER_BACKBONES)
@pytest.mark.parametrize("preprocessor", PAPER_PREPROCESSORS)
def test_whole_images_of_any_size(backbone, preprocessor):
    shapes = load_profile("smoke").backbones
    network = Classifier(backbone, preprocessor, 5, shapes.shape(backbone)).eval()
    with torch.inference_mode():
        for size in ((64, 64), (67, 96)):
            x = torch.rand(2, 3, *size)
            logits = network(x)
            assert logits.shape == (2, 5)
            torch.testing.assert_close(network.classify(network.preprocessor(x)), logits)


def test_preprocessors_scale_to_minus_one_one():
    x = torch.rand(1, 3, 32, 32)
    torch.testing.assert_close(PREPROCESSORS.create("rgb")(x), x * 2 - 1)
    torch.testing.assert_close(
        PREPROCESSORS.create("rgb+fd")(x), torch.cat([x * 2 - 1, PREPROCESSORS.create("fd")(x)], dim=1)
    )


def test_shared_keys_name_equal_computations():
    x = torch.rand(1, 3, 32, 32)
    for name in PAPER_PREPROCESSORS:
        first, second = PREPROCESSORS.create(name).eval(), PREPROCESSORS.create(name).eval()
        if first.key:
            torch.testing.assert_close(first(x), second(x))
        else:
            assert sum(p.numel() for p in first.parameters()) > 0, "only a learned preprocessor has no key"
        assert first(x).shape[1] == first.channels


def test_a_wrong_shape_is_named():
    with pytest.raises(BenchError, match="backbone 'resnet18' cannot have a DenseNetShape"):
        make_backbone("resnet18", DenseNetShape(), 3, 6)


@pytest.mark.parametrize("backbone", PAPER_BACKBONES)
def test_folding_changes_nothing_but_rounding(backbone):
    torch.manual_seed(0)
    network = make_backbone(backbone, load_profile("smoke").backbones.shape(backbone), 3, 6).train()
    for _ in range(3):  # batch norm statistics that are not the initial ones
        network(torch.randn(8, 3, 64, 64) * 2 + 1)
    network.eval().requires_grad_(False)
    x = torch.rand(2, 3, 64, 64)
    folded = fold_batch_norm(copy.deepcopy(network))
    torch.testing.assert_close(folded(x), network(x), atol=1e-4, rtol=1e-4)
    left = [m for m in folded.modules() if isinstance(m, nn.BatchNorm2d)]
    assert len(left) < sum(isinstance(m, nn.BatchNorm2d) for m in network.modules())


class Branching(nn.Module):
    """A stranger's network, whose forward asks for values."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))

    def forward(self, x):
        return self.layers(x if x.mean() > 0 else -x)


def test_a_network_that_cannot_be_traced_stays_as_it_is():
    network, x = Branching().eval(), torch.rand(1, 3, 16, 16)
    expected = network(x)
    torch.testing.assert_close(fold_batch_norm(network)(x), expected)
    assert isinstance(network.layers[1], nn.BatchNorm2d)
