"""Starts virtual machines and keeps a record of them."""
