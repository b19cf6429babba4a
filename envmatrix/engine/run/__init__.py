"""Runs cells through tox: the plugin, one cell's session, services, the proof inside the environment."""
