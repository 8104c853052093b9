"""What runs on this machine, without a key or a network."""

from pinecall_run.vendors.facts import Provider

PROVIDERS = (
    Provider(
        "local", "stt", "pocketsphinx, offline: demo grade, English", "pinecall_run.providers.local_ear", extra="local"
    ),
    Provider("local", "voice", "espeak-ng, offline: demo grade", "pinecall_run.providers.local_voice", extra="local"),
    Provider("scripted", "model", "rules in a file, for tests and demos", "pinecall_run.providers.scripted_model"),
)
