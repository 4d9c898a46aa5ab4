"""Precision 'mixed': bfloat16 where it is there in hardware, float32 elsewhere; one identity, and a record of which."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from benchbench import TARGETS
from benchbench.contracts.fit import FitContext, Setup
from benchbench.contracts.profile import load_profile
from benchbench.learn.loop import Loop, make_schedule
from benchbench.learn.precision import autocast, precision_used

CPU = torch.device("cpu")


def processor(monkeypatch: pytest.MonkeyPatch, limit: str = "", **able: bool) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True, **able})
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    monkeypatch.delenv("DNNL_MAX_CPU_ISA", raising=False)
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", limit)


@pytest.mark.parametrize(
    ("able", "limit", "expected"),
    [
        ({}, "", "float32"),
        ({"avx512_f": True}, "", "float32"),
        ({"avx512_f": True, "avx512_bf16": True}, "", "bfloat16"),
        ({"amx_bf16": True}, "", "bfloat16"),
        ({"bf16": True}, "", "bfloat16"),
        ({"avx512_bf16": True}, "AVX2", "float32"),
        ({"avx512_bf16": True}, "avx512_core_vnni", "float32"),
        ({"avx512_bf16": True}, "AVX512_CORE_BF16", "bfloat16"),
        ({"avx512_bf16": True}, "DEFAULT", "bfloat16"),
    ],
)
def test_mixed_follows_the_processor(
    monkeypatch: pytest.MonkeyPatch, able: dict[str, bool], limit: str, expected: str
) -> None:
    processor(monkeypatch, limit, **able)
    assert precision_used("mixed", CPU) == expected
    assert precision_used("bfloat16", CPU) == "bfloat16" and precision_used("float32", CPU) == "float32"
    with autocast(CPU, "mixed"):
        assert nn.Linear(2, 2)(torch.zeros(1, 2)).dtype == getattr(torch, expected)


def test_mixed_follows_the_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    for there in (True, False):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation, there=there: there)
        assert precision_used("mixed", torch.device("cuda")) == ("bfloat16" if there else "float32")
    assert precision_used("mixed", torch.device("mps")) == "float32", "not tried there"


def test_the_identity_says_mixed(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = load_profile("quick")
    recipes = (quick.recipe_for("resnet18/rgb/complete"), quick.evaluator_recipe("low"), quick.residual, quick.cgan)
    assert {recipe.precision for recipe in recipes} == {"mixed"}
    setup = Setup(profile=quick, data_id="d", known=6, classes=12)
    found = []
    for able in ({}, {"avx512_bf16": True}):
        processor(monkeypatch, **able)
        found.append([fit.fit_id("d") for fit in TARGETS.create("resnet18/ww/complete").fits(setup).values()])
    assert found[0] == found[1]


class KilledError(Exception):
    pass


def train(folder: Path, stop_after: int | None = None) -> str:
    network = nn.Linear(4, 2)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    steps = 0

    def step(generator: torch.Generator) -> torch.Tensor:
        nonlocal steps
        if steps == stop_after:
            raise KilledError
        steps += 1
        loss = network(torch.randn(4, 4, generator=generator)).square().mean()
        loss.backward()
        optimizer.step()
        return loss.detach()

    loop = Loop(
        modules={"network": network},
        optimizers={"sgd": optimizer},
        schedules={"sgd": make_schedule(optimizer, "constant", [0.1], 20)},
        keep="network",
        step=step,
        score=lambda: (0.0,),
        epochs=4,
        steps_per_epoch=5,
        validate_every=1,
        precision="mixed",
        seed=0,
        checkpoint_seconds=0.0,
    )
    context = FitContext(
        data=SimpleNamespace(), device=CPU, needs={}, folder=folder, checkpoint=folder / "checkpoint.pt"
    )
    loop.run(context)
    return str(context.facts["precision"])


def test_the_record_says_what_was_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    processor(monkeypatch)
    assert train(tmp_path / "a") == "float32"
    processor(monkeypatch, avx512_bf16=True)
    assert train(tmp_path / "b") == "bfloat16"
    with pytest.raises(KilledError):
        train(tmp_path / "c", stop_after=12)
    processor(monkeypatch)
    assert train(tmp_path / "c") == "bfloat16, then float32", "another machine goes on"
