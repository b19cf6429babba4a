"""The servers that envmatrix knows: how each is spoken to, found, installed and started."""
