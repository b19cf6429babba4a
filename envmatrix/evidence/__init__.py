"""Evidence: recorders put into environments, foreign formats read, the record of a cell's run, the store."""
