"""Starts what the tests need, and speaks to it."""
