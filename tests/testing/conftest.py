"""Fixtures of the kit's tests."""

from tests.testing._projects import desk

__all__ = ["desk"]
