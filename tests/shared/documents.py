"""README and docs as tests read them: their files, their code blocks, the commands in these."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "results/README.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]
CODE = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)


def commands(text: str) -> Iterator[list[str]]:
    """Yield the words after `bench` of each command in code blocks."""
    for block in CODE.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            started = re.search(r"(?:^|-- |run: |bin/)(?:bench|python -m benchbench) +(.*)", line.strip())
            if started:
                lexer = shlex.shlex(started[1], posix=True, punctuation_chars="|>;&")
                lexer.whitespace_split = True
                words = list(lexer)
                end = next((i for i, word in enumerate(words) if set(word) <= set("|>;&")), len(words))
                yield words[:end]
