"""What people install: the wheel alone does the main job, whichever package of the same import name is about."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import textwrap
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ("pyproject.toml", "README.md", "LICENSE", "benchbench", "attacks", "targets", "results")


def ran(*command: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload,no-any-return]


@pytest.mark.slow
def test_the_wheel_does_the_main_job_in_another_folder(tiny: str, tmp_path: Path) -> None:
    source, place, folder = tmp_path / "source", tmp_path / "place", tmp_path / "elsewhere"
    for name in SOURCE:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        copy(ROOT / name, source / name)  # a build leaves folders behind
    pip = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
    built = ran(*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", tmp_path, source)
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name.startswith("benchbench_forensics-")
    packed = set(zipfile.ZipFile(wheel).namelist())
    folders = {"benchbench": "benchbench", "attacks": "benchbench_attacks", "targets": "benchbench_targets"}
    folders["results/published"] = "benchbench_published"
    assert any(re.fullmatch(r"benchbench_reference/[^/]+/[^/]+/packs/[^/]+\.jsonl", name) for name in packed)
    for here, there in folders.items():
        files = [p for p in (source / here).rglob("*") if p.is_file() and p.suffix != ".pyc"]
        left_out = {f"{there}/{p.relative_to(source / here).as_posix()}" for p in files} - packed
        assert {name for name in left_out if not name.startswith("benchbench/launch/")} == set()
    ran(sys.executable, "-m", "venv", "--without-pip", place)
    installed = ran(*pip, "--python", place / "bin" / "python", "install", "--no-deps", wheel)
    assert installed.returncode == 0, installed.stderr
    folder.mkdir()
    (site,) = place.glob("lib/python*/site-packages")
    # The dependencies are those of this environment. Its .pth files, and so this checkout, play no part.
    paths = os.pathsep.join((str(site), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")))
    environment = {**os.environ, "PYTHONPATH": paths, "BENCHBENCH_CACHE": str(tmp_path / "cache")}

    def bench(*arguments: str) -> str:
        done = ran(place / "bin" / "bench", *arguments, cwd=folder, env=environment, timeout=600)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def several(*commands: list[str], then: str) -> list[str]:
        """Run commands in one process, which imports torch once, as `bench` would each, then Python."""
        code = (
            "import sys\nfrom benchbench_launch import main\n"
            f"for sys.argv in {[['bench', *command] for command in commands]}:\n"
            "    try:\n        main()\n    except SystemExit as ended:\n        assert not ended.code, sys.argv\n"
            "    print('\\f', end='')\n"
        ) + textwrap.dedent(then)
        done = ran(place / "bin" / "python", "-c", code, cwd=folder, env=environment, timeout=600)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.split("\f")

    where = ran(
        place / "bin" / "python", "-c", "import benchbench; print(benchbench.__file__)", cwd=folder, env=environment
    )
    assert where.stdout.strip() == str(site / "benchbench" / "__init__.py")
    where = ("--targets", "resnet18/rgb/complete", "--split", "in")
    # Profile 'quick' renders for a minute; its networks are asked for below.
    said = bench("run", "--attack", "identity", *where, "--workers", "1", "--profile", tiny)
    assert "1 computed, 0 already there, 0 skipped, 0 failed" in said
    assert {"leaderboard.html", "leaderboard.csv", "virtual"} <= {path.name for path in (folder / "runs").iterdir()}
    zoo = """
        import torch
        from pathlib import Path
        from benchbench import ATTACKS, TARGETS, RecipeSource, load_profile
        from benchbench.contracts.fit import collect
        from benchbench.data.virtual.recipe import VirtualRecipe
        from benchbench.evaluate.networks import networks
        from benchbench.records.cache import Cache
        from benchbench.records.zoo import Zoo

        profile, zoo, place = load_profile("quick"), Zoo(), Path("adopted")
        setup = RecipeSource.of(VirtualRecipe(**profile.data)).facts(place).setup(profile, 0)
        assert len(zoo.ids()) == len(zoo.networks) > 48
        for fit_id in zoo.ids():
            zoo.state(fit_id)
        target = TARGETS.create("resnet18/rgb/complete")
        fits = {**ATTACKS.create("cama", profile.attacks).fits(setup), **target.fits(setup)}
        print(len(zoo.adopt(collect(fits, setup.data_id), Cache(place))), "adopted")
        loaded = networks(fits, setup, place, torch.device("cpu"))
        print(tuple(target.load(loaded, torch.device("cpu"))(torch.rand(2, 3, 256, 256)).shape))
        """
    told, table, profiles, attacks, _, adopted = several(
        ["run", "--attack", "cama", *where, "--dry-run"],
        ["table", "2a", "--published"],
        ["list", "profiles"],
        ["list", "attacks"],
        ["new", "attack", "box-blur"],
        then=zoo,
    )
    assert "fits that missing and stale cells need: 5 present, 0 missing" in told, "the zoo came along"
    assert adopted.splitlines() == ["5 adopted", "(2, 6)"], "whole, and a run finds what it needs"
    assert "91.2" in table, "the paper's figure for Cama on ResNet-18 RGB"
    assert "paper" in profiles
    assert "cama" in attacks
    project = (folder / "benchbench-box-blur" / "pyproject.toml").read_text(encoding="utf-8")
    assert 'dependencies = ["benchbench-forensics"]' in project


def another_package(folder: Path, with_module: bool) -> dict[str, str]:
    """Put what `pip install benchbench` installs, in its shape, before this package; return the environment."""
    metadata = folder / "benchbench-1.0.1.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: benchbench\nVersion: 1.0.1\n", encoding="utf-8")
    if with_module:
        (folder / "benchbench").mkdir()
        (folder / "benchbench" / "__init__.py").write_text("", encoding="utf-8")
    return {**os.environ, "PYTHONPATH": str(folder)}


@pytest.mark.parametrize("with_module", [True, False])
def test_the_wrong_package_is_named(tmp_path: Path, with_module: bool) -> None:
    environment = another_package(tmp_path / "site", with_module)
    code = "import sys; from benchbench_launch import main; sys.argv = ['bench', 'doctor', '--cache', 'c']; main()"
    done = ran(sys.executable, "-c", code, env=environment, cwd=tmp_path)
    sentence = (
        "'benchbench 1.0.1' is installed, another project's package with the same import name; this one is "
        "'benchbench-forensics'. Run: pip uninstall benchbench; then, in a checkout: pip install --force-reinstall "
        "--no-deps -e ."
    )
    if with_module:  # it stands before ours, which cannot be imported
        assert done.returncode == 2 and done.stderr == f"bench: {sentence}\n" and not done.stdout
    else:  # ours was installed over it
        assert done.returncode == 1 and f"wrong package: {sentence}\n" in done.stdout, done.stderr


def test_python_m_benchbench_is_bench(tmp_path: Path) -> None:
    module = ran(sys.executable, "-m", "benchbench", "--version", cwd=tmp_path)
    assert module.stdout.startswith("benchbench ") and module.returncode == 0
    # A mistake that is found without the attacks, which import torch.
    unknown = ran(sys.executable, "-m", "benchbench", "run", "--attack", "cama", "--profile", "quik", cwd=tmp_path)
    assert unknown.returncode == 2 and unknown.stderr.startswith("bench: unknown profile 'quik'. Did you mean 'quick'?")


def test_nothing_makes_pip_fetch_the_other_package() -> None:
    fetching = re.compile(
        r"pip3? install[^\n`]*?[\s'\"]benchbench(?![\w/-])|dependencies = \[[^\]]*\"benchbench(?![\w-])"
        r"|^\s*\"benchbench[\[>=]",
        re.MULTILINE,
    )
    assert fetching.search("pip install 'benchbench[ray]'") and fetching.search('dependencies = ["benchbench"]')
    folders = ("benchbench", "attacks", "targets", "tests/plugin", "docs", "tools", ".ci")
    files = [path for name in folders for path in (ROOT / name).rglob("*") if path.is_file()]
    files += [
        ROOT / name for name in ("README.md", "CONTRIBUTING.md", "Makefile", "pyproject.toml", "results/README.md")
    ]
    assert len(files) > 150
    for path in files:
        if path.suffix in (".safetensors", ".pyc", ".png", ".jpg", ".json"):
            continue
        found = fetching.search(path.read_text(encoding="utf-8"))
        assert not found, f"{path}: {found.group() if found else ''}"


def pythons(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return ran("sh", ROOT / "tools" / "pythons", *arguments, env={**os.environ, **environment})


def test_a_python_is_said_to_fit_or_why_not(tmp_path: Path) -> None:
    number = ".".join(map(str, sys.version_info[:2]))
    assert pythons(sys.executable).stdout.startswith(f"{number} ")
    for change, reason in {
        "sys.version_info = (3, 9, 2, 'final', 0)": "; 3.11 or newer is expected",
        "sys.maxsize = 2**31 - 1": " of 32 bits, for which PyTorch is not made",
        "platform.libc_ver = lambda: ('', '')": " for musl (Alpine), for which PyTorch is not made",
        "sys.platform = 'win32'": " for Windows, where benchbench was not tried; use it in WSL",
        "sys.platform, platform.machine = 'darwin', lambda: 'x86_64'": " for Intel Macs",
        "platform.python_implementation = lambda: 'PyPy'": " of PyPy; CPython is expected",
        "sys.modules['ensurepip'] = None": "cannot make a virtual environment",
    }.items():
        code = f"import platform, sys\n{change}\nimport python_fits\nprint(python_fits.sentence())"
        done = ran(sys.executable, "-c", code, cwd=ROOT / "tools")
        assert reason in done.stdout, (change, done.stdout, done.stderr)


def test_pythons_under_a_version_manager_count(tmp_path: Path) -> None:
    tmp_path = tmp_path / "a home"  # paths may have spaces
    for version in ("3.12.4", "3.14.0"):
        python = tmp_path / "versions" / version / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.write_text(f'#!/bin/sh\necho "{version[:4]} $0"\n', encoding="utf-8")
        python.chmod(0o755)
    # No Python on PATH but what the tool itself needs.
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sh", "dirname", "tail", "sed", "sort"):
        (folder / name).symlink_to(str(shutil.which(name)))
    found = pythons(PATH=str(folder), HOME=str(tmp_path), PYENV_ROOT=str(tmp_path)).stdout.splitlines()
    assert found == sorted(found, key=lambda line: -int(line.split()[0].partition(".")[2]))
    # A system may have Pythons of its own at fixed places, 3.12 before the manager's.
    assert f"3.14 {tmp_path}/versions/3.14.0/bin/python" in found and any(line.startswith("3.12 ") for line in found)
    asked = pythons("python3.12", PATH=str(folder), HOME=str(tmp_path), PYENV_ROOT=str(tmp_path))
    assert asked.stdout == f"3.12 {tmp_path}/versions/3.12.4/bin/python\n", "make bench PYTHON=python3.12"
    unknown = pythons("python3.99", PATH=str(folder), HOME=str(tmp_path), PYENV_ROOT=str(tmp_path))
    assert unknown.returncode == 1 and unknown.stderr.startswith("there is no 'python3.99' here")


SAYS = """#!/bin/sh
    case "$1 $2" in
    "-c import"*) echo VERSION ;;
    "-m venv") mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
    *) echo "$0: $*" ;;
    esac
    """
"""A Python that only says what it was asked."""
LISTED = """
    echo asked >>searches
    while read -r line; do
        [ -z "$1" ] || [ "${line##*/}" = "$1" ] || continue
        echo "$line"
    done <listed
    """
"""In place of tools/pythons."""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The Makefile and its tools, and three Pythons in a folder whose name is hard to quote."""
    lines = []
    for version in ("3.13", "3.12", "3.11"):
        python = tmp_path / "it's a folder" / f"python{version}"
        python.parent.mkdir(exist_ok=True)
        python.write_text(textwrap.dedent(SAYS).replace("VERSION", version), encoding="utf-8")
        python.chmod(0o755)
        lines.append(f"{version} {python}\n")
    (tmp_path / "listed").write_text("".join(lines), encoding="utf-8")
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "pythons").write_text(textwrap.dedent(LISTED), encoding="utf-8")
    for name in ("Makefile", "pyproject.toml", "tools/other_pythons"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def untold() -> dict[str, str]:
    """The environment without what a make that runs these tests was told, and with room on any disk."""
    told = ("MAKEFLAGS", "MAKELEVEL", "PYTHON", "VENV", "OTHERS", "KEEP", "ROOM")
    return {name: value for name, value in os.environ.items() if name not in told} | {"ROOM": "0"}


def made(checkout: Path, *arguments: str) -> list[str]:
    done = ran("make", *arguments, cwd=checkout, env=untold())
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def installed(checkout: Path) -> None:
    (checkout / ".venv" / "bin").mkdir(parents=True)
    shutil.copy(checkout / "it's a folder" / "python3.13", checkout / ".venv" / "bin" / "python")
    (checkout / ".venv" / ".installed-dev").touch()  # newer than pyproject.toml: nothing is to be installed


def test_other_pythons_each_get_an_environment(checkout: Path) -> None:
    installed(checkout)

    def passes(*arguments: str) -> list[str]:
        return [line for line in made(checkout, "tests-others", *arguments) if "not slow" in line]

    first, last = passes()
    assert first.startswith(".venv-3.12/bin/python: ") and last.startswith(".venv-3.11-lowest/bin/python: ")
    lowest = checkout / "it's a folder" / "python3.11"
    assert (checkout / ".venv-3.11-lowest" / ".needs").read_text().startswith(f"{lowest} torch==")
    assert passes("OTHERS=") == []
    (only,) = passes(f"OTHERS='{checkout}/it'\\''s a folder/python3.13'")
    assert only.startswith(".venv-3.13-lowest/bin/python: "), "the Python at hand, where there is no other"


def test_where_space_is_short_a_pass_at_a_time_or_none(checkout: Path) -> None:
    installed(checkout)
    assert not made(checkout, "others", "KEEP=no") and not list(checkout.glob(".venv-*")), "left to the pass itself"
    said = made(checkout, "tests-others", "KEEP=no")
    assert len([line for line in said if "not slow" in line]) == 2 and not list(checkout.glob(".venv-*"))
    said = made(checkout, "tests-others", "ROOM=9999999")
    assert [line.rpartition(", where ")[2] for line in said if "LEFT OUT" in line] == [
        "9999999 are needed for its environment"
    ] * 2
    assert not [line for line in said if "not slow" in line] and not list(checkout.glob(".venv-*"))


WAITS = """#!/bin/sh
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    [ -e .venv-3.11-lowest/.needs ] && { echo "${0##*/} beside installs"; exit 0; }
    sleep 0.5
done
"""
"""In place of ruff: the installs of other Pythons go on while it runs."""


def test_other_pythons_are_installed_beside_lint_and_types_and_a_failure_stops_all(checkout: Path) -> None:
    installed(checkout)
    for name in ("bench", "lint-imports", "mypy", "ruff"):
        tool = checkout / ".venv" / "bin" / name
        tool.write_text(WAITS if name == "ruff" else f"#!/bin/sh\necho {name}\n", encoding="utf-8")
        tool.chmod(0o755)
    said = made(checkout, "test")
    assert said.count("ruff beside installs") == 2
    asked = [line.partition("python: ")[2] for line in said]
    passes = [place for place, line in enumerate(asked) if line.startswith("-m pytest")]
    assert len(passes) == 4 and passes[0] > max(said.index(name) for name in ("mypy", "lint-imports"))
    # This package is built where nothing else is at work: each build writes into the same folder.
    builds = [place for place, line in enumerate(asked) if "--editable" in line]
    assert len(builds) == 2 and min(builds) > passes[1], "after the passes of the Python at hand"
    assert not [line for line in made(checkout, "test") if "pip install" in line]
    (checkout / ".venv" / "bin" / "mypy").write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    done = ran("make", "test", cwd=checkout, env=untold())
    assert done.returncode != 0 and "-m pytest" not in done.stdout


def test_pythons_are_looked_for_once(checkout: Path) -> None:
    """The environment and the passes of other Pythons both ask."""
    said = made(checkout, "tests-others")
    assert f"'{checkout}/it's a folder/python3.13' -m venv .venv" in said and (checkout / ".venv/bin/python").exists()
    assert len([line for line in said if "not slow" in line]) == 2
    assert (checkout / "searches").read_text() == "asked\n"
    made(checkout, "tests", "OTHERS=")
    assert (checkout / "searches").read_text() == "asked\n"


def test_a_python_that_the_environment_does_not_have_is_said_to_be_ignored(checkout: Path) -> None:
    made(checkout, "tests", "PYTHON=python3.12")
    assert (checkout / ".venv" / "bin" / "python").read_text() == (checkout / "it's a folder/python3.12").read_text()
    ignored = "PYTHON='{}' is ignored: .venv has Python 3.12; remove it, or name another folder with VENV=.venv-mine."
    for asked in ("python3.13", "python3.99"):
        assert [line for line in made(checkout, "tests", f"PYTHON={asked}") if "PYTHON" in line] == [
            ignored.format(asked)
        ]
    for asked in ("PYTHON=python3.12", "PYTHON="):
        assert not [line for line in made(checkout, "tests", asked) if "ignored" in line]
