"""Read git: the identity of tested content, changed paths and revisions."""
