"""What must not reach an isolated environment from the caller's own; apart, so that no tox is imported for the list."""

# Variables that would let something of the system or of the user into an environment that is to have none of it.
LEAKS = ("PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE", "PYTHONSTARTUP", "VIRTUALENV_SYSTEM_SITE_PACKAGES")

# PIP_INDEX_URL and the like stay: where packages come from is the host's affair, what is importable is the profile's.
PIP_LEAKS = ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_USER", "PIP_PYTHON", "PIP_NO_DEPS", "PIP_REQUIREMENT")
