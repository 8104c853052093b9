"""ElevenLabs' voices, and its speech to text."""

from pinecall_run.vendors.facts import Provider

PROVIDERS = (
    Provider("elevenlabs", "voice", "ElevenLabs: natural voices in many languages"),
    Provider("elevenlabs", "stt", "ElevenLabs Scribe, in real time"),
)
