"""What tests of agents fail with."""

from __future__ import annotations


class Unexpected(AssertionError):
    """Something else came than a test expects, or nothing did; the message says what was expected and what came."""
