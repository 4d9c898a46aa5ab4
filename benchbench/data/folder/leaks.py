"""What two roles of a split share: devices, scenes, pixels, and photographs that show the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

from benchbench.contracts.roles import ROLES, Role
from benchbench.data.folder.split import Listing

NEAR = 3
"""Bits of a look hash that two photographs of one thing may differ in."""
_FLAT = 8
"""A hash with fewer bits of one kind is of a plain surface, and says nothing."""
_BAND = 16


@dataclass(frozen=True)
class Leaks:
    """What two or more roles share.

    devices, pixels: how many are in two roles. scenes: the same, or None where the folder says none. alike: pairs of
    photographs, each with its role, that show the same thing in other pixels.
    """

    devices: int
    scenes: int | None
    pixels: int
    alike: tuple[tuple[str, Role, str, Role], ...] = ()


def find_leaks(found: Listing, seen: Mapping[str, tuple[str, int]]) -> Leaks:
    """Compare the roles of a split.

    Args:
        seen: digest of the pixels and look hash of each photograph that can be read, by path.
    """
    role_of = {item.name: role for role in ROLES for item in found.items[role]}
    devices = {role: {(i.camera, i.device) for i in found.items[role]} for role in ROLES}
    scenes = {role: {i.scene for i in found.items[role]} - {-1} for role in ROLES}
    pixels = {role: {seen[i.name][0] for i in found.items[role] if i.name in seen} for role in ROLES}
    pairs = list(combinations(ROLES, 2))
    known = any(scenes.values())
    return Leaks(
        devices=len(set().union(*(devices[a] & devices[b] for a, b in pairs))),
        scenes=len(set().union(*(scenes[a] & scenes[b] for a, b in pairs))) if known else None,
        pixels=len(set().union(*(pixels[a] & pixels[b] for a, b in pairs))),
        alike=tuple(_alike({path: seen[path] for path in role_of if path in seen}, role_of)),
    )


def _alike(seen: Mapping[str, tuple[str, int]], role_of: Mapping[str, Role]) -> Iterator[tuple[str, Role, str, Role]]:
    """Each photograph whose like is in another role, once. Two hashes that differ in three bits agree in a quarter."""
    buckets: dict[tuple[int, int], list[str]] = {}
    told: set[str] = set()
    for path, (digest, look) in seen.items():
        if not _FLAT <= look.bit_count() <= 64 - _FLAT:
            continue
        keys = [(band, look >> (band * _BAND) & 0xFFFF) for band in range(64 // _BAND)]
        for other in (other for key in keys for other in buckets.get(key, ())):
            theirs, there = seen[other]
            near = role_of[other] != role_of[path] and theirs != digest and (there ^ look).bit_count() <= NEAR
            if near and path not in told:
                told.add(path)
                yield path, role_of[path], other, role_of[other]
        for key in keys:
            buckets.setdefault(key, []).append(path)
