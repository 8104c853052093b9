"""Amazon's speech to text (Transcribe) and voices (Polly)."""

from pinecall_run.vendors.facts import Provider

PROVIDERS = (
    Provider("transcribe", "stt", "Amazon Transcribe, streamed"),
    Provider("polly", "voice", "Amazon Polly"),
)
