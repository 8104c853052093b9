"""How long tests wait for what happens at once."""

PATIENCE = 20.0
"""Seconds after which it does not happen. Nothing is said of how fast it is: a machine with other work on it may stand
still for some of them."""
