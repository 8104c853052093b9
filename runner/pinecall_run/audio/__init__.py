"""Samples of sound and what is done to them, without I/O: 16 kHz mono inside, in chunks of 20 ms."""
