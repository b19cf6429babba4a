"""What every room may use: no domain knowledge, no imports of other rooms."""
