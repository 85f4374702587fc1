"""What instruction tuning changes inside a language model: the methods behind the book."""

from __future__ import annotations

from pathlib import Path

__version__ = "0.1.0"
# python -m helpers compute and .report go on working for one version.
__path__.append(str(Path(__file__).parent / "commands" / "old_names"))
