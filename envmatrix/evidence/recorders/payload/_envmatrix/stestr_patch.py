"""Notes which streams stestr writes, and the modules that it could not import and then says nothing about in them.

PYTEST_DONT_REWRITE
"""

import os

from _envmatrix import writer as _envmatrix_writer


def patch(name, module):
    """Patch the repository's writer; a stestr that a test started is left alone."""
    if _envmatrix_writer.inherited not in ("", "subunit") or _envmatrix_writer.active_session() is not None:
        return
    writer = module._SafeInserter
    begin, end = writer.__init__, writer.stopTestRun

    def observed_begin(self, *args, **kwargs):
        begin(self, *args, **kwargs)
        path = os.path.abspath(self.fname)
        self._envmatrix = (os.urandom(6).hex(), os.path.getsize(path))
        _write_stream(self, path, False)

    def observed_end(self):
        end(self)
        _write_stream(self, os.path.abspath(os.path.join(self._repository.base, str(self._run_id))), True)

    writer.__init__, writer.stopTestRun = observed_begin, observed_end


def _write_stream(writer, path, whole):
    if type(writer).__name__ != "_FailingInserter":  # a summary of what is in the other streams
        key, offset = writer._envmatrix
        _envmatrix_writer.write("stream", key=key, path=path, offset=offset, whole=whole)
