"""Attacks without a package: a class in a file, an object in Python; the attacker's networks by name."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import pytest

from benchbench import ATTACKS, NETWORKS, BenchError, UnknownNameError, networks
from benchbench.contracts.fit import Setup
from benchbench.contracts.profile import load_profile
from benchbench.records.cells import CellStore

FILE = """
    from dataclasses import dataclass
    from typing import ClassVar

    from benchbench import Attack, AttackCard, networks


    def step(x, by):
        return (x + by).clamp(0, 1)


    @dataclass(frozen=True, kw_only=True)
    class Brighter(Attack):
        by: float = 0.1
        card: ClassVar[AttackCard] = AttackCard(name="brighter", title="Brighter", version=1, knowledge="surrogate")

        def fits(self, setup):
            return networks("evaluator/rgb+fd", setup)

        def perturb(self, x, true, wanted, context):
            evaluator = context.network("evaluator/rgb+fd")
            assert evaluator(x).shape == (len(x), context.known)
            return step(x, self.by)
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "brighter.py"
    path.write_text(textwrap.dedent(FILE))
    return path


def test_a_file_is_an_attack_and_its_content_its_identity(file):
    first = ATTACKS.create(f"{file}[by=0.2]")
    assert (first.name, first.by) == ("brighter", 0.2)
    assert ATTACKS.create(f"{file}:Brighter[by=0.2]").spec() == first.spec()
    file.write_text(file.read_text().replace("x + by", "x - by"))
    other = ATTACKS.create(f"{file}[by=0.2]")
    assert {**other.spec(), "params": {}} == {**first.spec(), "params": {}}
    assert other.spec()["params"]["file"] != first.spec()["params"]["file"], "a helper beside the class counts too"
    assert "file" not in ATTACKS.create("pgd").spec()["params"]


@pytest.mark.parametrize(
    "text, message",
    [
        ("raise KeyError('x')", "cannot be imported: KeyError: 'x'."),
        ("x = 1", "has no attack: a subclass of Attack with all its methods is expected."),
        (textwrap.dedent(FILE) + "\nclass Other(Brighter): pass", "has 2 attacks (Brighter, Other); name one, as in"),
    ],
)
def test_a_file_that_is_no_attack_is_a_sentence(file, text, message):
    file.write_text(text)
    with pytest.raises(BenchError, match=r"brighter\.py") as found:
        ATTACKS.create(str(file))
    assert message in str(found.value)


def test_no_file_and_no_such_class_are_sentences(file, tmp_path):
    with pytest.raises(BenchError, match="cannot be read"):
        ATTACKS.create(str(tmp_path / "none.py"))
    with pytest.raises(UnknownNameError, match=r"has no attack 'Nope'\.  there: Brighter"):
        ATTACKS.create(f"{file}:Nope")


def test_objects_stand_among_names(file):
    mine = ATTACKS.create(str(file))
    assert [a.name for a in ATTACKS.resolve([mine, "noise", mine])] == ["brighter", "noise"]
    assert ATTACKS.resolve(mine) == [mine]
    with pytest.raises(BenchError, match="--attack: 3 is a int; a name, or an instance of Attack, is expected"):
        ATTACKS.resolve([3])


def test_titles_are_names_too():
    profile = load_profile("smoke")
    assert ATTACKS.create("SpoC", profile.attacks) == ATTACKS.create("spoc-cgan", profile.attacks)
    assert (
        ATTACKS.create("PGD[steps=3]", profile.attacks).spec() == ATTACKS.create("pgd[steps=3]", profile.attacks).spec()
    )


def test_networks_by_name_are_those_of_the_attacks():
    setup = Setup(profile=load_profile("quick"), data_id="d" * 32, known=6, classes=12, seed=0)
    theirs = {fit.fit_id("d" * 32) for fit in ATTACKS.create("cama").fits(setup).values()}
    for name in ("evaluator/high", "evaluator/dual"):
        mine = {fit.fit_id("d" * 32) for fit in networks(name, setup).values()}
        assert mine <= theirs and len(mine) == 3, "nothing new is trained"
    assert set(networks("evaluator/cc,evaluator/rgb+fd", setup)) == {
        "evaluator/cc:classifier",
        "evaluator/rgb+fd:classifier",
    }
    with pytest.raises(UnknownNameError, match=r"unknown network 'evaluator/hihg'\. Did you mean 'evaluator/high'"):
        networks("evaluator/hihg", setup)
    assert len(NETWORKS.names()) == 5


@pytest.mark.slow
def test_a_file_runs_with_workers_on_a_part_of_the_photographs(file, tmp_path, bench_here):
    place = ["--cache", str(tmp_path / "c"), "--results", str(tmp_path / "r"), "--workers", "2", "--quiet"]
    asked = ["--attack", str(file), "--targets", "resnet18/hp/complete", "--profile", "smoke", "--limit", "1"]
    done = bench_here("run", *asked, *place)
    assert done.returncode in (0, 3), done.stderr
    assert done.stdout.startswith("2 computed, 0 already there, 0 skipped, 0 failed")
    cells = {cell.split.name: cell for cell in CellStore(tmp_path / "r").cells()}
    assert {name: cell.split.images for name, cell in cells.items()} == {"in": 6, "out": 6}, "of 12 each"
    assert cells["in"].protocol["limit"] == 1 and cells["in"].attack.params["file"]
    assert bench_here("run", *asked, *place).stdout.startswith("0 computed, 2 already there")
    file.write_text(file.read_text() + "# changed\n")
    assert bench_here("run", *asked, *place, "--split", "in").stdout.startswith("1 computed, 0 already there")
    board = (tmp_path / "r" / "virtual" / "smoke" / "tables-limit1" / "README.md").read_text()
    rows = [line for line in board.splitlines() if line.startswith("| Brighter")]
    assert rows and not any("file=" in row for row in rows), "earlier states of the file are no rows"


NOTEBOOK = """
    import json, sys
    from benchbench import ATTACKS, Attack, AttackCard
    from benchbench.contracts.origin import stamp
    from dataclasses import dataclass
    from typing import ClassVar
    @dataclass(frozen=True, kw_only=True)
    class Mine(Attack):
        card: ClassVar[AttackCard] = AttackCard(name="mine", title="Mine", version=1, knowledge="none")
        def perturb(self, x, true, wanted, context):
            return x * BY
    mine = Mine()
    stamp(mine)
    print(json.dumps(mine.spec()["params"]))
"""


def test_what_a_script_defines_is_known_by_its_methods(tmp_path):
    """Not by the rest of the script: a change of the analysis below it computes nothing again."""
    text = textwrap.dedent(NOTEBOOK)
    found = []
    for changed in (text, text + "print('more')\n", text.replace("x * BY", "x / BY")):
        (tmp_path / "script.py").write_text(changed)
        done = subprocess.run([sys.executable, str(tmp_path / "script.py")], capture_output=True, text=True, check=True)
        found.append(json.loads(done.stdout.splitlines()[0])["file"])
    assert found[0] == found[1] != found[2]


BROKEN = """
    from dataclasses import dataclass
    from typing import ClassVar

    from benchbench import Attack, AttackCard


    @dataclass(frozen=True, kw_only=True)
    class Broken(Attack):
        size: int = 3
        card: ClassVar[AttackCard] = AttackCard(name="broken", title="Broken", version=1, knowledge="none")

        def __post_init__(self):
            if self.size == 4:
                raise ValueError("size is 4; an odd number is expected")

        def fits(self, setup):
            raise RuntimeError("no weights")

        def perturb(self, x, true, wanted, context):
            return x
"""


def test_what_an_attack_raises_is_a_sentence_and_the_others_finish(tmp_path, tiny, bench_here):
    path = tmp_path / "broken.py"
    path.write_text(textwrap.dedent(BROKEN))
    place = ["--cache", str(tmp_path / "c"), "--results", str(tmp_path / "r"), "--workers", "1", "--quiet"]
    place += ["--targets", "resnet18/hp/complete", "--profile", tiny, "--no-report"]
    done = bench_here("run", "--attack", f"{path}[size=4]", *place)
    assert done.returncode == 2
    assert f"attack '{path}' cannot be made: ValueError: size is 4; an odd number is expected." in done.stderr
    done = bench_here("run", "--attack", f"{path},identity", *place)
    assert done.returncode == 1
    assert done.stdout.startswith("2 computed"), "identity"
    assert done.stderr == "bench: attack 'broken' cannot say what it needs: RuntimeError: no weights.\n"
