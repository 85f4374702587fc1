"""What survived: every claim of chapters 1 to 4 against every control, as verdicts that are computed."""

from helpers.findings.survived.tables import sentence, sure

__all__ = ["sentence", "sure"]
