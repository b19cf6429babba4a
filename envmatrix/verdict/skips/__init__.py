"""skips."""
