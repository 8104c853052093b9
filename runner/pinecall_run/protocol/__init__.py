"""Both halves of the wire as state machines without sockets, clocks or randomness."""
