"""Verdicts: skip classes, contracts, the judgement over many records. Pure functions of values."""
