"""Evidence and verdicts in formats of other tools."""
