"""The two models of a pair."""

from __future__ import annotations

from typing import Literal

Role = Literal["base", "tuned"]
ROLES: tuple[Role, Role] = ("base", "tuned")
