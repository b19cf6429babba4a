"""``python -m envmatrix`` is the same as ``envmatrix``."""

from envmatrix.cli.entry import main

if __name__ == "__main__":
    main()
