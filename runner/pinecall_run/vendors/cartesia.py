"""Cartesia's voices, and its speech to text."""

from pinecall_run.vendors.facts import Provider

PROVIDERS = (
    Provider("cartesia", "voice", "Cartesia Sonic: the first sound comes soon"),
    Provider("cartesia", "stt", "Cartesia Ink"),
)
