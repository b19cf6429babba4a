"""Probes: one module each, one Protocol, one dict."""
