"""The name under which four modules of the command line still compile their regular expressions."""

from re import compile as lazy

__all__ = ["lazy"]
