"""The tox plugin."""
