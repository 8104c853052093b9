"""Deepgram's speech to text."""

from pinecall_run.vendors.facts import Provider, number, one_of, text, texts, whole, yes_or_no  # noqa: F401

PROVIDERS = (
    Provider("deepgram", "stt", "Deepgram Nova: fast transcripts in many languages"),
    Provider("deepgram-flux", "stt", "Deepgram Flux: transcripts and turns"),
)
