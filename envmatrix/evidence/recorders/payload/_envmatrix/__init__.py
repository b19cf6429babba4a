"""What envmatrix puts into an environment to record its test runs. Python 3.7 and newer, standard library only."""
