"""A value becomes text in some format, chosen by name."""
