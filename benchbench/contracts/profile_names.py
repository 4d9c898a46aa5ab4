"""The names that a profile mentions: a misspelled one would change nothing, without a word."""

from __future__ import annotations

from fnmatch import fnmatchcase

from benchbench.base.errors import UnknownNameError, did_you_mean
from benchbench.contracts.attack import ATTACKS
from benchbench.contracts.backbone import BACKBONES
from benchbench.contracts.preprocessor import PREPROCESSORS
from benchbench.contracts.profile import Profile, load_profile, profile_names
from benchbench.contracts.target import TARGETS


def check_mentioned(profile: Profile) -> None:
    """Look whether everything that a profile changes is there.

    Raises:
        UnknownNameError: an attack, a parameter, a pattern of targets, a preprocessor or a stream that nothing bears.
        BenchError: a parameter out of its range.
    """
    for attack in profile.attacks:
        ATTACKS.create(attack, profile.attacks)
    for attack in profile.cgan_overrides:
        ATTACKS.get(attack)
    grid = [f"{b}/{p}/{o}" for b in BACKBONES.names() for p in PREPROCESSORS.names() for o in ("complete", "partial")]
    # What a bridge makes has a name of its own, and goes by that; and an attack may train a backbone as its surrogate.
    bridged = [text for prefix, names in TARGETS.bridges().items() for n in names for text in (n, f"{prefix}:{n}")]
    names = list(dict.fromkeys([*TARGETS.names(), *bridged, *grid, *BACKBONES.names()]))
    for pattern in profile.target_overrides:
        named = "*" not in pattern and "?" not in pattern and pattern in TARGETS
        if not named and not any(fnmatchcase(target, pattern) for target in names):
            raise UnknownNameError(
                f"profile '{profile.name}': 'target_overrides' has '{pattern}', which matches none of {len(names)} "
                f"targets.{did_you_mean(pattern, names)}  See: bench list targets"
            )
    for name in profile.residual_overrides:
        PREPROCESSORS.get(name)
    # An attack names its evaluator's streams itself, so what is like none of the known ones may be a stranger's.
    known = {"high", "low", *PREPROCESSORS.names()}
    known |= {stream for name in profile_names() for stream in load_profile(name).evaluator_overrides}
    for stream in profile.evaluator_overrides:
        if stream not in known and (hint := did_you_mean(stream, sorted(known))):
            raise UnknownNameError(
                f"profile '{profile.name}': 'evaluator_overrides' has '{stream}', no stream of an evaluator."
                f"{hint}  streams: {', '.join(sorted(known))}"
            )
