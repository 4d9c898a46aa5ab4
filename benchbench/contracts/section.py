"""A part of a profile."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A frozen part of a profile; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")
