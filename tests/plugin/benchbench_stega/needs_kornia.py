"""An attack whose dependency is not installed."""

import kornia  # noqa: F401
