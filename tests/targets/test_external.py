"""Targets with weights from elsewhere: content in the identity, classes by name, nothing of a pickle run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision.models import resnet

from benchbench.base.errors import BenchError
from benchbench.base.identity import plain
from benchbench.contracts.fit import FitContext, Setup
from benchbench.contracts.profile import load_profile
from benchbench.contracts.target import TARGETS, TargetCard
from benchbench.learn.external import ExternalTarget

CPU = torch.device("cpu")
MODELS = ("Acme_One", "Acme_Two", "Far_X")


@dataclass(frozen=True, kw_only=True)
class Mine(ExternalTarget):
    card = TargetCard(name="mine", backbone="-", preprocessor="-", overlap="partial")

    def network(self, classes: int) -> nn.Module:
        return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, classes))


def setup(models: tuple[str, ...] = MODELS) -> Setup:
    return Setup(profile=load_profile("smoke"), data_id="d", known=2, classes=len(models), camera_models=models)


def weights(path: Path, scale: float = 1.0) -> Path:
    save_file({"2.weight": scale * torch.eye(3), "2.bias": torch.zeros(3)}, path)
    return path


def loaded(target: ExternalTarget, where: Setup) -> nn.Module:
    (fit,) = target.fits(where).values()
    state = fit.run(FitContext(data=Any, device=CPU, needs={}, folder=Path(), checkpoint=Path()))  # type: ignore[arg-type]
    return target.load({"order": fit.load(state, {}, {})}, CPU)


def test_logits_come_in_the_data_sets_order(tmp_path: Path) -> None:
    target = Mine(weights=weights(tmp_path / "w.safetensors"), class_order=("Far_X", "Acme_Two", "Acme_One"))
    x = torch.tensor([0.1, 0.2, 0.7]).view(1, 3, 1, 1).expand(1, 3, 8, 8)
    assert torch.allclose(loaded(target, setup())(x), torch.tensor([[0.7, 0.2, 0.1]]), atol=1e-6)
    turned = setup(("Acme_Two", "Acme_One", "Far_X"))
    assert torch.allclose(loaded(target, turned)(x), torch.tensor([[0.2, 0.7, 0.1]]), atol=1e-6)


def test_classes_that_are_not_the_data_sets_are_refused_by_name(tmp_path: Path) -> None:
    target = Mine(weights=weights(tmp_path / "w.safetensors"), class_order=("Acme_One", "Acme_Two", "Far_Y"))
    with pytest.raises(BenchError, match="class_order of target 'mine' lacks 'Far_X' and names 'Far_Y', which is none"):
        target.fits(setup())


def test_the_content_is_the_identity_and_the_place_is_not(tmp_path: Path) -> None:
    one, other = weights(tmp_path / "a.safetensors"), weights(tmp_path / "b.safetensors")
    specs = [Mine(weights=w, class_order=MODELS).spec() for w in (one, other)]
    assert specs[0] == specs[1] and str(tmp_path) not in str(specs)
    changed = weights(tmp_path / "c.safetensors", 2.0)
    assert Mine(weights=changed, class_order=MODELS).spec() != specs[0]
    (tmp_path / "f").mkdir()
    weights(tmp_path / "f" / "x.safetensors")
    before = plain(tmp_path / "f")
    weights(tmp_path / "f" / "x.safetensors", 3.0)
    assert plain(tmp_path / "f") != before
    with pytest.raises(BenchError, match=r"gone\.pt' cannot be read \(No such file"):
        Mine(weights=tmp_path / "gone.pt", class_order=MODELS).spec()


def test_weights_that_cannot_be_are_a_sentence(tmp_path: Path) -> None:
    class Touch:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "was-here",))

    torch.save({"x": Touch()}, tmp_path / "evil.pt")
    torch.save([1], tmp_path / "list.pt")
    save_file({"other": torch.zeros(1)}, tmp_path / "other.safetensors")
    for name, sentence in {
        "evil.pt": "holds no weights that can be read safely",
        "list.pt": "holds a list; a state dict is expected",
        "other.safetensors": "does not hold the weights of target 'mine'",
    }.items():
        with pytest.raises(BenchError, match=sentence):
            loaded(Mine(weights=tmp_path / name, class_order=MODELS), setup())
    assert not (tmp_path / "was-here").exists()


def released(channels: int) -> nn.ModuleDict:
    """The release's ResNet-18 by its own names, from torchvision's blocks."""
    net = resnet.resnet18(weights=None, num_classes=3)
    net.conv1 = nn.Conv2d(channels, 64, 7, stride=2, padding=3, bias=False)
    layers = [net.conv1, net.bn1, net.relu, net.maxpool, net.layer1, net.layer2, net.layer3, net.layer4]
    features = nn.Sequential(*layers, nn.Dropout(0.5), nn.AdaptiveAvgPool2d(1))
    return nn.ModuleDict({"features": features, "classifier": net.fc})


@pytest.mark.parametrize(("sees", "channels"), [("rgb", 3), ("finite_difference", 6), ("rgb+con_conv", 6)])
def test_a_checkpoint_of_the_release_answers_as_it_does_there(tmp_path: Path, sees: str, channels: int) -> None:
    torch.manual_seed(0)
    theirs = released(channels).eval()
    state = dict(theirs.state_dict())
    levels = torch.rand(2, 3, 64, 64) * 255
    seen = levels
    if sees == "finite_difference":
        x, y = levels, levels
        for _ in range(3):  # first differences, the lost row or column zero
            x = nn.functional.pad(x[..., 1:] - x[..., :-1], (1, 0))
            y = nn.functional.pad(y[..., 1:, :] - y[..., :-1, :], (0, 0, 1, 0))
        seen = torch.cat([x, y], 1)
    elif sees == "rgb+con_conv":
        state["suppressor.suppressor"] = torch.randn(3, 3, 5, 5)
        filtered = nn.functional.conv2d(levels, state["suppressor.suppressor"], padding=2)
        seen = torch.cat([levels, filtered], 1)
    torch.save({"n_epoch": 90, "classifier": state, "best_acc": 0.9}, tmp_path / "best.pth")
    order = "class_order=['Acme_One','Acme_Two','Far_X']"
    target = TARGETS.create(f"cama-release:resnet18/{sees}[weights={tmp_path}/best.pth,{order},overlap=partial]")
    assert target.name == f"cama-release:resnet18/{sees}/partial"
    with torch.no_grad():
        expected = theirs["classifier"](theirs["features"](seen).flatten(1))
        found = loaded(target, setup())(levels / 255)  # type: ignore[arg-type]
    assert torch.allclose(found, expected, rtol=1e-3, atol=1e-3)


def test_the_bridge_says_what_it_needs(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"needs weights: cama-release:resnet18/rgb\[weights=best\.pth"):
        TARGETS.create("cama-release:resnet18/rgb")
    with pytest.raises(BenchError, match=r"unknown target 'cama-release:resnet19/rgb'\. Did you mean 'resnet18/rgb'"):
        TARGETS.create("cama-release:resnet19/rgb")
    assert not any("cama-release" in name for name in TARGETS.names()), "neither 'all' nor a glob means it"
