"""Targets trained once more: which networks are compared, and what the table says of them."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchbench.contracts.fit import Setup
from benchbench.contracts.profile import load_profile
from benchbench.contracts.target import TARGETS
from benchbench.studies.learning import Reading
from benchbench_attacks._evaluator import evaluator_fits

SETUP = Setup(profile=load_profile("quick"), data_id="none", known=6, classes=12)


@pytest.fixture(scope="module")
def tool() -> Any:
    place = Path(__file__).parents[1] / "tools" / "targets_again.py"
    spec = importlib.util.spec_from_file_location("targets_again", place)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def start(fit: Any) -> dict[str, torch.Tensor]:
    torch.manual_seed(fit.seed)
    return dict(fit.build().state_dict())


def test_the_first_network_is_the_runs_target_and_the_second_starts_from_other_weights(tool: Any) -> None:
    fits = tool.twins("resnet18/cc/complete,resnet18/rgb/complete", SETUP, tool.SEED)
    assert [*fits] == [f"resnet18/{name}/complete{again}" for name in ("cc", "rgb") for again in ("", ", again")]
    first, second = (fits[f"resnet18/cc/complete{again}"] for again in ("", ", again"))
    assert first == TARGETS.create("resnet18/cc/complete").fits(SETUP)["classifier"]
    assert second == replace(first, seed=tool.SEED) != first
    evaluator, one, other = (start(fit) for fit in (evaluator_fits("cc", SETUP)["classifier"], first, second))
    weights = [name for name, value in one.items() if value.dim() == 4]
    assert weights and all(torch.equal(one[name], evaluator[name]) for name in one), "what this tool asks about"
    assert not any(torch.equal(one[name], other[name]) for name in weights)


def test_the_table_has_the_share_named_right_and_that_taken_for_the_wanted_model(tool: Any) -> None:
    true, wanted = np.divmod(np.arange(36), 6)
    keep = true != wanted
    true, wanted = true[keep], wanted[keep]
    half = np.where(np.arange(30) % 2 == 0, wanted, true)

    def reading(said: dict[str, Any]) -> Reading:
        image = true.astype(np.int64)
        return Reading(
            image=image, scene=image, true=true, wanted=wanted, said=said, own={}, psnr=np.full(30, 35.0), cosine=None
        )

    clean = reading({"a": true, "a, again": np.zeros(30, np.int64)})
    found = tool.table(clean, {"cama": reading({"a": wanted, "a, again": half})}, 6)
    assert [row.key for row in found.rows] == ["a", "a, again"]
    values = [[entry.value for entry in row.entries] for row in found.rows]
    assert values[0] == pytest.approx([1, 1]) and values[1] == pytest.approx([1 / 6, 1 / 2])
