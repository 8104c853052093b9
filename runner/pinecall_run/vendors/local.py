"""What runs on this machine, without a key or a network."""

from pinecall_run.vendors.facts import Provider, number, texts, whole

_GRAMMAR = {
    "description": "What callers say: a list of sentences, in which `<number>` stands for any number, or a grammar in "
    "JSGF. It is heard well; anything else as without one.",
    "examples": [
        ["where is order <number>", "thank you"],
        "#JSGF V1.0;\ngrammar desk;\npublic <said> = where is my (order | parcel);\n",
    ],
    "anyOf": [
        {
            "type": "string",
            "pattern": "^\\s*#JSGF",
            "x-says": "a grammar that begins with #JSGF; sentences go into a list",
            "x-multiline": True,
        },
        {"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1}},
    ],
}

PROVIDERS = (
    Provider(
        "local",
        "stt",
        "pocketsphinx, offline: demo grade, English",
        "pinecall_run.providers.local_ear",
        extra="local",
        options={
            "grammar": _GRAMMAR,
            "keyterms": texts("Words to listen for.", examples=[["Cointel", "portero"]]),
        },
    ),
    Provider(
        "local",
        "voice",
        "espeak-ng, offline: demo grade",
        "pinecall_run.providers.local_voice",
        extra="local",
        options={
            "speed": number("How fast it speaks; 1 is its usual pace.", 0.5, 2, default=1, examples=[0.9]),
            "pitch": whole("How high it speaks.", 0, 100, default=50, examples=[40]),
        },
        names=("en-us", "en-gb", "es"),
    ),
    Provider("scripted", "model", "rules in a file, for tests and demos", "pinecall_run.providers.scripted_model"),
)
