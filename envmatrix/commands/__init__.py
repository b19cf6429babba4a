"""What each verb does; the command line that calls it is in :mod:`envmatrix.cli`."""
