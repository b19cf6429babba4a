"""Brings the recorder into pytest, without a variable that the children of a test would inherit and stumble over.

PYTEST_DONT_REWRITE
"""

import os
import sys

from _envmatrix import writer


def patch(name, module):
    """Have every pytest of this process take the recorder where it takes what PYTEST_PLUGINS names."""
    manager = module.PytestPluginManager
    consider_env = manager.consider_env
    prepare = getattr(module, "_prepareconfig", None)

    def prepared(*args, **kwargs):
        _write_opened()
        return prepare(*args, **kwargs)

    def consider(self):
        _write_opened()
        consider_env(self)
        try:
            from _envmatrix import pytest_plugin

            if not self.has_plugin(pytest_plugin.NAME):
                self.register(pytest_plugin.Plugin(), pytest_plugin.NAME)
        except Exception as error:
            writer.write_note("pytest would not take the recorder: %s: %s" % (type(error).__name__, error))

    consider.__doc__ = consider_env.__doc__
    manager.consider_env = consider
    if prepare is not None:  # an error in the options or in the configuration comes before consider_env
        module._prepareconfig = prepared


def _write_opened():
    if not writer.inherited and writer.active_session() is None:
        writer.write("opened", pid=os.getpid(), version=_pytest_version())


def _pytest_version():
    return str(getattr(sys.modules.get("_pytest"), "__version__", ""))
