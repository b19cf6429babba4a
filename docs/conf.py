"""Sphinx's settings; ``sphinx-build -W docs build/docs`` makes the pages."""

project = "envmatrix"
extensions = ["myst_parser"]
exclude_patterns = ["_build"]
html_theme = "alabaster"
html_theme_options = {"description": "Judges what really ran", "fixed_sidebar": True}
html_show_copyright = False
myst_heading_anchors = 3
