"""A plugin project that works as generated: `bench new attack NAME`."""

from __future__ import annotations

import keyword
import re
from pathlib import Path

from benchbench.base.errors import BenchError

_FILES = {
    "pyproject.toml.jinja": "pyproject.toml",
    "module.py.jinja": "{module}.py",
    "test_module.py.jinja": "test_{module}.py",
    "README.md.jinja": "README.md",
}

_OURS = ("attacks", "forensics", "launch", "published", "targets")
"""Names that would give a project the distribution or the module of one of ours."""


def new_attack(name: str, parent: Path) -> list[Path]:
    """Write the project of an attack into the new folder `parent`/benchbench-`name`; return its files.

    Args:
        name: what people will type: lower-case letters, digits and single hyphens, a letter first.

    Raises:
        BenchError: the name cannot be used or is taken, or the folder is there already.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    from benchbench.contracts.attack import ATTACKS

    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name) or keyword.iskeyword(name) or name == "all":
        raise BenchError(
            f"'{name}' cannot name an attack; use lower-case letters, digits and hyphens, e.g. 'box-blur'."
        )
    if name in _OURS:
        raise BenchError(f"'benchbench-{name}' is a part of benchbench itself; choose another name than '{name}'.")
    if name in ATTACKS.names():
        raise BenchError(f"attack '{name}' is there already, from {ATTACKS.origin(name)}; choose another name.")
    folder = parent / f"benchbench-{name}"
    if folder.exists():
        raise BenchError(f"'{folder}' is there already; nothing was written.")
    words = name.split("-")
    values = {
        "name": name,
        "distribution": f"benchbench-{name}",
        "module": f"benchbench_{'_'.join(words)}",
        "cls": "".join(word.capitalize() for word in words),
        "title": " ".join(words).capitalize(),
    }
    environment = Environment(
        loader=PackageLoader("benchbench.authoring", "templates/attack"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # Python and TOML, from a name that was just checked
    )
    written = []
    folder.mkdir(parents=True)
    for template, file in _FILES.items():
        path = folder / file.format(**values)
        path.write_text(environment.get_template(template).render(values), encoding="utf-8")
        written.append(path)
    return written
