"""envmatrix runs a test matrix through tox on what the host can really do, and judges only what really ran."""

__version__ = "0.1.0"
