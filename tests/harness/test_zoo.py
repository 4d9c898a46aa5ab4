"""The zoo: networks by fit_id that need no training, the same to the bit, and never a stale one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from benchbench.base.errors import StoreError
from benchbench.harness.options import RunOptions
from benchbench.records.cache import Cache
from benchbench.records.zoo import Zoo

Bench = Callable[..., Any]


class Watch:
    """A display that notes which networks were trained."""

    def __init__(self) -> None:
        self.trained: list[str] = []

    def start(self, seconds: Any) -> None:
        pass

    def update(self, stage: str, done: float, total: float, text: str) -> None:
        if stage == "networks" and text and text != "ready":
            self.trained += [text]

    def close(self) -> None:
        pass


def targets(steps: int = 3) -> list[Any]:
    from benchbench_stega.toys import Toy

    return [Toy(look=k, overlap="complete", steps=steps) for k in ("rgb", "gray")]


@pytest.fixture
def zoo(bench: Bench, tmp_path: Path) -> Zoo:
    """A zoo of two targets' networks, trained in the cache 'a'."""
    bench(targets=targets())
    cache = Cache(tmp_path / "a" / "c")
    found = Zoo(tmp_path / "zoo")
    found.write(cache, [i for i, r in cache.records() if r["label"].startswith("centers p")], {}, {})
    return found


def options(root: Path, zoo: Zoo | None, where: str) -> RunOptions:
    place = zoo.root if zoo is not None else None
    return RunOptions(workers=1, batch=4, cache=root / where / "c", results=root / where / "r", zoo=place)


def labels(cache: Path, own: bool) -> list[str]:
    """Return the fits of a cache: those trained there, or those from a zoo."""
    return sorted(r["label"] for _, r in Cache(cache).records() if ("zoo" not in r) == own)


def test_networks_of_the_zoo_are_used_and_nothing_is_trained(
    bench: Bench, zoo: Zoo, tmp_path: Path, cell_facts: Callable[[Path], Any]
) -> None:
    summary = bench(targets=targets(), options=options(tmp_path, zoo, "b"))
    assert summary.sentence == "4 computed, 0 already there, 0 skipped, 0 failed"
    assert labels(tmp_path / "b" / "c", own=False) == ["centers p 3", "centers p 3 gray"]
    # The attack's own network is not in the zoo; what the targets' networks were trained on is not needed.
    assert labels(tmp_path / "b" / "c", own=True) == ["centers q 3", "means q 3"]
    assert cell_facts(tmp_path / "b" / "r") == cell_facts(tmp_path / "a" / "r")
    for fit_id in zoo.ids():
        first, second = (tmp_path / w / "c" / "fits" / fit_id / "state.safetensors" for w in "ab")
        assert first.read_bytes() == second.read_bytes()


def test_without_one_file_exactly_that_network_is_trained(bench: Bench, zoo: Zoo, tmp_path: Path) -> None:
    gone = next(i for i, r in zoo.networks.items() if r["label"] == "centers p 3 gray")
    zoo.path(gone).unlink()
    assert bench(targets=targets(), options=options(tmp_path, zoo, "b")).exit_code == 0
    trained = ["centers p 3 gray", "centers q 3", "means p 3", "means q 3"]
    assert labels(tmp_path / "b" / "c", own=True) == trained
    assert labels(tmp_path / "b" / "c", own=False) == ["centers p 3"]


def test_a_stale_network_is_never_used(bench: Bench, zoo: Zoo, tmp_path: Path, monkeypatch: Any) -> None:
    """Another recipe, other photographs, another version of the code."""
    from benchbench_stega.photographs import Colors
    from benchbench_stega.toys import Centers

    assert bench(targets=targets(steps=4), options=options(tmp_path, zoo, "recipe")).exit_code == 0
    assert labels(tmp_path / "recipe" / "c", own=False) == []
    assert bench(targets=targets(), source=Colors(each=4), options=options(tmp_path, zoo, "data")).exit_code == 0
    assert labels(tmp_path / "data" / "c", own=False) == []
    monkeypatch.setattr(Centers, "version", 2)
    assert bench(targets=targets(), options=options(tmp_path, zoo, "code")).exit_code == 0
    assert labels(tmp_path / "code" / "c", own=False) == []


def test_the_cache_comes_first_and_no_zoo_trains(bench: Bench, zoo: Zoo, tmp_path: Path) -> None:
    bench(targets=targets(), options=options(tmp_path, None, "b"))
    assert labels(tmp_path / "b" / "c", own=False) == []
    shutil.rmtree(tmp_path / "b" / "r")
    watch = Watch()
    bench(targets=targets(), options=options(tmp_path, zoo, "b"), display=watch)
    assert watch.trained == [] and labels(tmp_path / "b" / "c", own=False) == []


def test_a_damaged_file_is_one_sentence_and_nothing_is_lost(bench: Bench, zoo: Zoo, tmp_path: Path) -> None:
    path = zoo.path(sorted(zoo.ids())[0])
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(StoreError, match=rf"{path.name} is damaged; delete it and 'centers .*' is trained"):
        bench(targets=targets(), options=options(tmp_path, zoo, "b"))
    path.unlink()
    assert bench(targets=targets(), options=options(tmp_path, zoo, "b")).exit_code == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "cannot be read"),
        ('{"networks": {}}', "cannot be read"),
        ('{"format": 1, "networks": {}}', "cannot be read"),
        ('{"format": 1, "networks": {"f": {}}, "photographs": {}}', "cannot be read"),
        ('{"format": Infinity, "networks": {}}', "cannot be read"),
        ('{"format": 9, "networks": {}}', "newer"),
    ],
)
def test_a_damaged_index_is_one_sentence(zoo: Zoo, text: str, message: str) -> None:
    (zoo.root / "index.json").write_text(text)
    with pytest.raises(StoreError, match=f"index.json .*{message}.*--no-zoo"):
        Zoo(zoo.root).ids()


def test_a_folder_without_an_index_is_an_empty_zoo(tmp_path: Path) -> None:
    assert Zoo(tmp_path).ids() == frozenset() and Zoo(tmp_path).photographs("x") is None


def test_half_precision_is_exact_or_not_used(tmp_path: Path) -> None:
    """Weights that half precision holds take two bytes, all others stay as they are, to the bit."""
    weight = torch.randn(8, 3, 3, 3, generator=torch.Generator().manual_seed(0)) * 0.05
    state = {"weight": weight.half().float(), "bias": torch.randn(8) * 1e-3, "variance": torch.full((8,), 1e-9)}
    state |= {"unrounded": weight, "steps": torch.tensor(7), "high": torch.full((2, 2), 1e6)}
    cache = Cache(tmp_path / "c")
    cache.save("f" * 32, cache.workspace("f" * 32), state, {"label": "net/one", "needs": {}})
    zoo = Zoo(tmp_path / "zoo")
    zoo.write(cache, ["f" * 32], {}, {})
    assert zoo.index["networks"]["f" * 32]["half"] == ["weight"]
    found = Zoo(tmp_path / "zoo").state("f" * 32)
    assert found.keys() == state.keys()
    for name, value in state.items():
        assert found[name].dtype == value.dtype and torch.equal(found[name], value), name


def test_writing_again_removes_what_is_no_longer_wanted(zoo: Zoo, tmp_path: Path) -> None:
    cache = Cache(tmp_path / "a" / "c")
    one = sorted(zoo.ids())[0]
    before = zoo.path(one).read_bytes()
    zoo.write(cache, [one], {}, {})
    assert [p.name for p in zoo.root.glob("*.safetensors")] == [zoo.path(one).name]
    assert zoo.path(one).read_bytes() == before and list(zoo.networks) == [one]
    assert json.loads((zoo.root / "index.json").read_text())["networks"][one]["sha256"]


def test_a_folder_of_other_files_is_refused_and_keeps_them(zoo: Zoo, tmp_path: Path) -> None:
    stranger = tmp_path / "models" / "llama.safetensors"
    stranger.parent.mkdir()
    stranger.write_bytes(b"mine")
    with pytest.raises(StoreError, match="holds files that are not a zoo's"):
        Zoo(stranger.parent).write(Cache(tmp_path / "a" / "c"), zoo.ids(), {}, {})
    beside = zoo.root / "llama.safetensors"
    beside.write_bytes(b"mine")
    zoo.write(Cache(tmp_path / "a" / "c"), zoo.ids(), {}, {})
    assert stranger.exists() and beside.exists()


def test_a_build_that_is_killed_leaves_the_zoo_as_it_was(zoo: Zoo, tmp_path: Path, monkeypatch: Any) -> None:
    """A network that was trained again, on another processor say, does not overwrite the one that the index names."""
    import benchbench.records.zoo as module

    cache = Cache(tmp_path / "a" / "c")
    for fit_id in zoo.ids():
        record = {k: v for k, v in cache.record(fit_id).items() if k != "files"}
        folder = cache.workspace(fit_id)
        shutil.rmtree(cache.folder(fit_id))
        cache.save(fit_id, folder, {"centers": torch.rand(3, 3)}, record)
    write = module.write_atomic

    def killed(path: Path, content: bytes) -> None:
        if path.name == "index.json":
            raise KeyboardInterrupt
        write(path, content)

    monkeypatch.setattr(module, "write_atomic", killed)
    before = {fit_id: zoo.state(fit_id)["centers"] for fit_id in zoo.ids()}
    with pytest.raises(KeyboardInterrupt):
        zoo.write(cache, zoo.ids(), {}, {})
    again = Zoo(zoo.root)
    assert all(torch.equal(again.state(fit_id)["centers"], value) for fit_id, value in before.items())


def test_a_cache_that_cannot_be_written_is_one_sentence(zoo: Zoo, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        zoo.adopt(zoo.ids(), Cache(tmp_path / "file"))


def test_a_store_gets_networks_that_the_cache_had_before(bench: Bench, zoo: Zoo, tmp_path: Path) -> None:
    """Another machine finds in the store what this one took from the zoo, now or earlier."""
    from dataclasses import replace

    here = options(tmp_path, zoo, "b")
    bench(targets=targets(), options=here)
    store = f"file://{tmp_path}/store"
    bench(targets=targets(), options=replace(here, remote=store, results=tmp_path / "other"))
    stored = {path.name.removesuffix(".files.json") for path in (tmp_path / "store" / "fits").glob("*.files.json")}
    assert zoo.ids() <= stored


def test_what_failed_before_is_no_reason_to_skip_a_network_of_the_zoo(bench: Bench, zoo: Zoo, tmp_path: Path) -> None:
    """Two targets grew on one stack, which now fails: the one whose network is in the zoo needs it no more."""
    from benchbench_stega.toys import Means, Toy

    gray = next(i for i, r in zoo.networks.items() if r["label"] == "centers p 3 gray")
    zoo.path(gray).unlink()
    run, Means.run = Means.run, lambda self, context: 1 / 0 if self.role == "p" else run(self, context)
    try:
        two = [Toy(look=k, overlap="complete") for k in ("rgb", "gray")]
        summary = bench(targets=two, options=options(tmp_path, zoo, "b"))
    finally:
        Means.run = run
    assert summary.sentence == "2 computed, 0 already there, 2 skipped ('means p 3' failed), 0 failed"


def test_more_than_a_network_is_refused(zoo: Zoo, tmp_path: Path) -> None:
    cache = Cache(tmp_path / "a" / "c")
    stack = next(i for i, r in cache.records() if r["label"] == "means p 3")
    with pytest.raises(StoreError, match="'means p 3' is more than a network"):
        zoo.write(cache, [stack], {}, {})


def test_build_and_verify_find_what_is_wrong(bench: Bench, tmp_path: Path, cell_facts: Callable[[Path], Any]) -> None:
    """A built zoo is in order; a network that answers otherwise, one that is gone and one too many are named."""
    from benchbench_stega.photographs import Colors
    from benchbench_stega.shift import Shift

    from benchbench.contracts.profile import load_profile
    from benchbench.harness.zoo import _distinct, build, verify

    zoo = Zoo(tmp_path / "zoo")
    case: dict[str, Any] = {
        "profile": load_profile("smoke"),
        "source": Colors(),
        "options": RunOptions(workers=1, batch=4, cache=tmp_path / "c", results=tmp_path / "never"),
    }
    build(zoo, [Shift()], targets(), **case)
    assert not (tmp_path / "never").exists(), "a build writes no results"
    record = next(r for r in zoo.networks.values() if r["label"] == "centers p 3")
    assert record["clean"] == {"in": {"correct": 9, "of": 9}, "out": {"correct": 0, "of": 0}}
    assert record["file"].startswith("centers-p-3-")
    scores = zoo.index["photographs"][Colors().data_id]["clean"].values()
    found = next(s for s in scores if (s["target"], s["split"]) == ("toy/rgb/complete", "in"))
    assert found["confusion"] == [[3, 0, 0], [0, 3, 0], [0, 0, 3]]
    before = {path.name: path.read_bytes() for path in zoo.root.iterdir()}
    build(zoo, [Shift()], targets(), **case)
    assert {path.name: path.read_bytes() for path in zoo.root.iterdir()} == before, "the same files again"
    # A run takes the confusion matrices from the zoo where the photographs are the same to the bit, or else its own.
    assert bench([Shift()], targets(), options=options(tmp_path, zoo, "run")).exit_code == 0
    for where, place, value in (("pixels", ("fingerprints", "test"), "others"), ("machine", ("cpu",), "another")):
        other = Zoo(shutil.copytree(zoo.root, tmp_path / where))
        facts = other.index["photographs"][Colors().data_id]
        for score in facts["clean"].values():
            score["confusion"] = [[0, 9, 0]] * len(score["confusion"])  # what must not be taken
        for key in place[:-1]:
            facts = facts[key]
        facts[place[-1]] = value
        (other.root / "index.json").write_text(json.dumps(other.index))
        assert bench([Shift()], targets(), options=options(tmp_path, Zoo(other.root), f"own-{where}")).exit_code == 0
        assert cell_facts(tmp_path / "run" / "r") == cell_facts(tmp_path / f"own-{where}" / "r")
    clean, wrong = verify(zoo, [Shift()], targets(), **case)
    assert wrong == [] and str(clean.targets["toy/rgb/complete"]["in"]) == "100.0 %"

    index = json.loads((zoo.root / "index.json").read_text())
    fit_id = next(i for i, r in index["networks"].items() if r["label"] == "centers p 3")
    scores = index["photographs"][Colors().data_id]["clean"].values()
    next(s for s in scores if (s["target"], s["split"]) == ("toy/rgb/complete", "in"))["correct"] = 5
    index["networks"]["0" * 32] = index["networks"][fit_id] | {"label": "stranger"}
    (zoo.root / "index.json").write_text(json.dumps(index))
    gray = next(i for i, r in index["networks"].items() if r["label"] == "centers p 3 gray")
    zoo.path(gray).unlink()
    _, wrong = verify(Zoo(zoo.root), [Shift()], targets(), **case)
    assert len(wrong) == 3
    assert any("the file of 'centers p 3 gray' is missing" in w for w in wrong)
    assert any("'stranger' (00000000) is in the zoo and nothing uses it" in w for w in wrong)
    assert any("names 9 of 9 correctly; the index says 55.6 %" in w for w in wrong)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("benchbench.harness.zoo.makers_of", lambda setup: {"0" * 32: "stranger", "1" * 32: "absent"})
        _, wrong = verify(Zoo(zoo.root), [Shift()], targets(), **case)
        assert len(wrong) == 2 and not any("stranger" in w for w in wrong), "it makes a scenario's pictures"
    _, wrong = verify(zoo, [Shift()], targets(steps=9), **case)
    assert sum("is not in the zoo: its recipe, code or photographs have changed" in w for w in wrong) == 2
    both = [Shift(), Shift(steps=9)]
    build(zoo, both, targets(), **case)
    assert verify(Zoo(zoo.root), both, targets(), **case)[1] == []
    assert [name.partition(" ")[0] for name in _distinct(both)] == ["shift"] * 2 and len(set(_distinct(both))) == 2


def test_an_examiner_of_another_task_is_kept_and_has_no_clean_accuracy(bench: Bench, tmp_path: Path) -> None:
    """A pair of photographs, or many crops, are what it answers for: no class of one photograph can be right."""
    from benchbench_stega.photographs import Colors
    from benchbench_stega.shift import Shift
    from benchbench_stega.toys import Toy

    from benchbench.contracts.profile import load_profile
    from benchbench.harness.zoo import build, verify

    class Voter(Toy):
        @property
        def card(self) -> Any:
            return replace(super().card, name="toy/vote", task="vote")

    voter = Voter(look="gray", overlap="complete", steps=5)
    zoo = Zoo(tmp_path / "zoo")
    case: dict[str, Any] = {
        "profile": load_profile("smoke"),
        "source": Colors(),
        "options": RunOptions(workers=1, batch=4, cache=tmp_path / "c", results=tmp_path / "never"),
    }
    build(zoo, [Shift()], [*targets(), voter], **case)
    gray = [record["clean"] for record in zoo.networks.values() if record["label"] == "centers p 3 gray"]
    assert len(gray) == 2 and gray.count(None) == 1, "the target's network has one"
    clean, wrong = verify(zoo, [Shift()], [*targets(), voter], **case)
    assert wrong == [] and set(clean.targets) == {"toy/rgb/complete", "toy/gray/complete"}
