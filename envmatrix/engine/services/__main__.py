"""The keeper's entry: ``python -m envmatrix.engine.run.services REQUEST``."""

from __future__ import annotations

import sys

from envmatrix.engine.services.keeper import main

sys.exit(main(sys.argv[1]))
