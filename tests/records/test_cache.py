from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchbench.base.errors import StoreError
from benchbench.records.cache import Cache


@pytest.fixture
def centers(bench: Callable[..., Any], tmp_path: Path) -> tuple[Cache, Any, str]:
    from benchbench_stega.photographs import Colors
    from benchbench_stega.toys import Centers

    bench()
    return Cache(tmp_path / "a" / "c"), Centers(role="p", classes=3), Colors().data_id


def test_a_fit_is_kept_whole(centers: Any) -> None:
    import torch

    cache, fit, data_id = centers
    fit_id = fit.fit_id(data_id)
    record = cache.record(fit_id)
    assert record["label"] == "centers p 3" and record["spec"] == fit.spec() and record["facts"] == {"started_at": 0}
    assert record["needs"] == {"means": fit.needs()["means"].fit_id(data_id)}
    assert sorted(record["files"]) == ["state.safetensors"]
    network = cache.load(fit, data_id)
    assert not network.training and not any(p.requires_grad for p in network.parameters())
    assert cache.load(fit, data_id) is network
    assert network(torch.rand(2, 3, 4, 4)).shape == (2, 3)
    assert not list((cache.root / "work").iterdir()), "checkpoints and locks are gone"
    means = cache.load(fit.needs()["means"], data_id)
    assert means.shape == (3, 8, 8, 3) and not means.flags.writeable


def test_a_missing_or_damaged_fit_says_so(centers: Any) -> None:
    from dataclasses import replace

    cache, fit, data_id = centers
    with pytest.raises(StoreError, match=r"'centers p 3' \(.{8}\) is not in the cache; 'bench run' computes it"):
        Cache(cache.root).load(replace(fit, steps=99), data_id)
    state = cache.folder(fit.fit_id(data_id)) / "state.safetensors"
    state.write_bytes(state.read_bytes()[:-4])
    with pytest.raises(StoreError, match="is damaged"):
        Cache(cache.root).load(fit, data_id)
    (cache.folder(fit.fit_id(data_id)) / "record.json").write_text("{")
    with pytest.raises(StoreError, match="cannot be read"):
        cache.record(fit.fit_id(data_id))


def test_a_left_over_workspace_is_cleaned(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    with cache.lock("f"):
        (cache.workspace("f") / "half.npy").touch()
    with cache.lock("f"):
        assert not list(cache.workspace("f").iterdir())


def test_a_fit_that_fails_to_save_leaves_no_fit(tmp_path: Path) -> None:
    import resource

    import torch

    cache = Cache(tmp_path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with cache.lock("f"):
        folder = cache.workspace("f")
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))  # as if the disk were full
        try:
            with pytest.raises(StoreError, match="cannot be written"):
                cache.save("f", folder, {"w": torch.zeros(4000)}, {})
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not cache.has("f") and not (tmp_path / "fits").exists()


@pytest.mark.slow
def test_two_runs_at_once_compute_a_fit_once(
    plugin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = f"""
        from pathlib import Path
        from benchbench.harness.run import run
        from benchbench.contracts.profile import load_profile
        from benchbench.contracts.protocol import Protocol
        from benchbench.harness.options import RunOptions
        from benchbench_stega.fade import Fade
        from benchbench_stega.photographs import Colors
        from benchbench_stega.toys import Toy
        import sys, time
        root = Path({str(tmp_path)!r})
        (root / sys.argv[1]).touch()
        until = time.monotonic() + 120
        while not ((root / "a").exists() and (root / "b").exists()):  # whoever started first waits for the other
            assert time.monotonic() < until, "the other does not come"
            time.sleep(0.01)
        options = RunOptions(workers=1, cache=root / "c", results=root / "r")
        target = Toy(look="rgb", overlap="complete", steps=10, delay=0.1)
        print(run([Fade()], [target], protocols=[Protocol()], profile=load_profile("smoke"), source=Colors(),
                  options=options).sentence)
        """
    # One of the two is this process, which has imported torch already.
    command = [sys.executable, "-c", textwrap.dedent(code), "a"]
    other = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    monkeypatch.setattr(sys, "argv", ["here", "b"])
    exec(textwrap.dedent(code), {"__name__": "here"})
    said = [capsys.readouterr().out.strip(), other.communicate()[0].strip()]
    assert said == ["2 computed, 0 already there, 0 skipped, 0 failed"] * 2
    (record,) = [r for _, r in Cache(tmp_path / "c").records() if r["label"] == "centers p 3"]
    assert record["facts"] == {"started_at": 0}
    assert len(list((tmp_path / "r").rglob("cells/*/*.json"))) == 2


def test_clean_matrices(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    assert cache.clean("k") is None
    cache.save_clean("k", "t", {"confusion": [[1, 2]]})
    assert cache.clean("k") == {"confusion": [[1, 2]]}
    (tmp_path / "clean" / "k.json").write_text(json.dumps({"confusion": [[1]]})[:-3])
    assert cache.clean("k") is None
