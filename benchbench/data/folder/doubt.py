"""Labels that may not be what they seem: EXIF says otherwise, or a name looks like something else."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from benchbench.contracts.layout import Layout, PathLayout, PhotoFile
from benchbench.data.folder.split import devices

_DATE = re.compile(r"(19|20)\d\d[-_.]?(0[1-9]|1[0-2])[-_.]?([0-2]\d|3[01])")
_PREFIXES = frozenset(
    {"img", "image", "dsc", "dscn", "dscf", "dcim", "pxl", "mvimg", "imgp", "sam"}
    | {"p", "pic", "photo", "picture", "screenshot", "vid", "wp", "cimg"}
)
"""What cameras and phones begin the names of their files with."""
_MAKERS = {
    "agfa": "agfa", "apple": "apple", "asus": "asus", "canon": "canon", "casio": "casio", "eastman": "kodak",
    "epson": "epson", "fujifilm": "fuji", "fuji": "fuji", "hewlett-packard": "hp", "hp": "hp", "htc": "htc",
    "huawei": "huawei", "kodak": "kodak", "konica": "konica", "leica": "leica", "lenovo": "lenovo", "lg": "lg",
    "minolta": "konica", "motorola": "motorola", "nikon": "nikon", "nokia": "nokia", "olympus": "olympus",
    "oneplus": "oneplus", "panasonic": "panasonic", "pentax": "pentax", "praktica": "praktica", "ricoh": "ricoh",
    "rollei": "rollei", "samsung": "samsung", "sony": "sony", "wiko": "wiko", "xiaomi": "xiaomi",
}  # fmt: skip
"""Makers by the first word of their name, in names and in EXIF alike."""


def contradictions(
    entries: Sequence[PhotoFile], exif: Mapping[str, tuple[str, str]], layout: Layout
) -> Iterator[tuple[str, str]]:
    """Yield (path, sentence) where EXIF and labels cannot both be right.

    Args:
        exif: make and model of photographs that say them, by path.
    """
    of_model: dict[str, Counter[str]] = {}
    first: dict[tuple[str, str], str] = {}
    makes: dict[tuple[str, str], str] = {}
    for entry in entries:
        make, model = exif.get(entry.path, ("", ""))
        model = layout.same_models.get(model, model)
        if not model:
            continue
        of_model.setdefault(entry.model, Counter())[model] += 1
        first.setdefault((entry.model, model), entry.path)
        makes.setdefault((entry.model, model), make)
    classes: dict[str, list[str]] = {}
    for name, said in of_model.items():
        (most, _), *others = said.most_common()
        for other, count in others:
            path, noun = first[name, other], "photograph" if count == 1 else "photographs"
            yield (
                path,
                (f"EXIF of {count} {noun} of '{name}' says '{other}', of the others '{most}'; the first is '{path}'."),
            )
        named, by_exif = _maker(name), _maker(makes[name, most] or most)
        if named and by_exif and named != by_exif:
            yield first[name, most], f"'{name}' is by its name of {named}, and EXIF says '{most}'."
        classes.setdefault(most, []).append(name)
    for said_model, names in classes.items():
        if len(names) > 1 and layout.class_is_model:
            told = " and ".join(f"'{name}'" for name in names[:4])
            yield first[names[1], said_model], f"{told} are one camera model by EXIF, '{said_model}'."


def _maker(text: str) -> str:
    words = re.split(r"[\s_,]+", text.lower())
    return _MAKERS.get(words[0], "") if words else ""


def doubts(entries: Sequence[PhotoFile], layout: Layout) -> Iterator[str]:
    """Yield a sentence a model whose name or devices look like something else."""
    for model, names in devices(entries).items():
        dates = [name for name in names if _DATE.search(name)]
        if dates:
            yield f"device '{dates[0]}' of model '{model}' looks like a date ({len(dates)} of {len(names)} devices do)."
        if not isinstance(layout, PathLayout):
            continue
        if model.lower() in _PREFIXES:
            yield f"model '{model}' is how names of files begin, and no camera model."
        elif len(re.split(r"[\s_-]+", model.strip())) < 2:
            yield f"model '{model}' names no maker; is it a camera model?"
