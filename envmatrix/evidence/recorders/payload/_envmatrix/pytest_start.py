"""Brings the recorder into pytest, without a variable that the children of a test would inherit and stumble over.

PYTEST_DONT_REWRITE
"""

import os
import sys

from _envmatrix import process


def patch(name, module):
    """Have every pytest of this process take the recorder where it takes what PYTEST_PLUGINS names."""
    manager = module.PytestPluginManager
    consider_env = manager.consider_env

    def consider(self):
        if not process.inherited and process.active() is None:
            process.write("opened", pid=os.getpid(), version=_version())
        consider_env(self)
        try:
            from _envmatrix import pytests

            if not self.has_plugin(pytests.NAME):
                self.register(pytests.Plugin(), pytests.NAME)
        except Exception as error:
            process.note("pytest would not take the recorder: %s: %s" % (type(error).__name__, error))

    consider.__doc__ = consider_env.__doc__
    manager.consider_env = consider


def _version():
    return str(getattr(sys.modules.get("_pytest"), "__version__", ""))
