"""What a forensic preprocessor is."""

from __future__ import annotations

from torch import nn


class Preprocessor(nn.Module):
    """Maps photographs in [0, 1] to a backbone's input.

    Attributes:
        key: names what is computed; preprocessors with one key give the same output, so that it can be computed once
            for all targets that share it. Empty where the preprocessor is learned.
        channels: channels of the output.
        whole_image: computed on the whole photograph before patches are cut, never on a patch.
    """

    key: str = ""
    channels: int = 3
    whole_image: bool = False
