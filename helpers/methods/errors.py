"""The one base of everything that goes wrong and that whoever runs the package can mend."""

from __future__ import annotations


class Mendable(ValueError):
    """What was given, why it cannot be used and what to do, in its message.

    A command ends on it in one sentence; a finding that refuses with it costs no other finding.
    """
