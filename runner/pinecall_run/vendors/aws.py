"""Amazon's speech to text (Transcribe) and voices (Polly).

Sources, read in November 2026: https://docs.aws.amazon.com/transcribe/latest/APIReference/
API_streaming_StartStreamTranscription.html, https://docs.aws.amazon.com/transcribe/latest/dg/lang-id-stream.html;
https://docs.aws.amazon.com/polly/latest/dg/ API_SynthesizeSpeech.html, prosody-tag.html, speechmarks.html,
standard-voices.html, available-voices.html and doc-history.html, botocore's model of Polly. From memory are
that only final results are redacted, and the engines of voices that these pages could not be asked for.
"""

from collections.abc import Mapping

from pinecall_run.vendors.facts import Provider, Schema, one_of, text, texts, yes_or_no

KEY, SECRET = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"
TRANSCRIBE_ENDPOINT, POLLY_ENDPOINT = "AWS_ENDPOINT_URL_TRANSCRIBE_STREAMING", "AWS_ENDPOINT_URL_POLLY"


def _words(listed: str) -> tuple[str, ...]:
    return tuple(listed.split())


TRANSCRIBE_LANGUAGES = _words("""
    en-US en-GB en-AU en-IN en-IE en-NZ en-AB en-ZA en-WL es-ES es-US es-MX fr-FR fr-CA it-IT de-DE de-CH pt-BR pt-PT
    ja-JP ko-KR zh-CN zh-TW zh-HK th-TH ar-SA ar-AE ca-ES hi-IN nl-NL no-NO sv-SE pl-PL fi-FI af-ZA eu-ES hr-HR cs-CZ
    da-DK fa-IR fa-AF gl-ES el-GR he-IL id-ID lv-LV ms-MY ro-RO ru-RU sr-RS sk-SK so-SO tl-PH uk-UA vi-VN zu-ZA am-ET
    be-BY bg-BG bn-IN bs-BA ckb-IQ ckb-IR cy-WL et-ET gu-IN ht-HT hu-HU hy-AM is-IS jv-ID ka-GE kab-DZ kk-KZ km-KH
    kn-IN lg-IN lt-LT mk-MK ml-IN mr-IN my-MM ne-NP or-IN pa-IN ps-AF si-LK sl-SI sq-AL su-ID sw-KE sw-TZ sw-UG sw-RW
    sw-BI ta-IN te-IN tr-TR uz-UZ
""")
"""Of each language the one first that is meant where no country is named."""

STABILITY = "high"
PII = (
    "ALL", "ADDRESS", "BANK_ACCOUNT_NUMBER", "BANK_ROUTING", "CREDIT_DEBIT_CVV", "CREDIT_DEBIT_EXPIRY",
    "CREDIT_DEBIT_NUMBER", "EMAIL", "NAME", "PHONE", "PIN", "SSN",
)  # fmt: skip

ENGINES = ("neural", "generative", "long-form", "standard")
VOICES: Mapping[str, tuple[str, ...]] = {
    language: _words(names)
    for language, names in {
        "en-US": "Joanna Danielle Gregory Ivy Joey Justin Kendra Kevin Kimberly Matthew Ruth Salli Stephen Tiffany",
        "en-GB": "Amy Arthur Brian Emma",
        "en-AU": "Olivia Nicole Russell",
        "en-IN": "Kajal Aditi Raveena",
        "en-IE": "Niamh",
        "en-NZ": "Aria",
        "en-SG": "Jasmine",
        "en-ZA": "Ayanda",
        "en-GB-WLS": "Geraint",
        "es-ES": "Lucia Conchita Enrique Sergio",
        "es-US": "Lupe Miguel Pedro Penelope",
        "es-MX": "Mia Andres",
        "fr-FR": "Lea Ambre Celine Florian Mathieu Remi",
        "fr-CA": "Gabrielle Chantal Liam",
        "fr-BE": "Isabelle",
        "de-DE": "Vicki Daniel Hans Lennart Marlene",
        "de-AT": "Hannah",
        "de-CH": "Sabrina",
        "it-IT": "Bianca Adriano Beatrice Carla Giorgio Lorenzo",
        "pt-BR": "Camila Ricardo Thiago Vitoria",
        "pt-PT": "Ines Cristiano",
        "ja-JP": "Kazuha Mizuki Takumi Tomoko",
        "ko-KR": "Seoyeon Jihye",
        "hi-IN": "Kajal Aditi",
        "cmn-CN": "Zhiyu",
        "yue-CN": "Hiujin",
        "arb": "Zeina",
        "ar-AE": "Hala Zayd",
        "ca-ES": "Arlet",
        "cs-CZ": "Jitka",
        "cy-GB": "Gwyneth",
        "da-DK": "Sofie Mads Naja",
        "fi-FI": "Suvi",
        "is-IS": "Dora Karl",
        "nb-NO": "Ida Liv",
        "nl-NL": "Laura Lotte Ruben",
        "nl-BE": "Lisa",
        "pl-PL": "Ola Ewa Jacek Jan Maja",
        "ro-RO": "Carmen",
        "ru-RU": "Tatyana Maxim",
        "sv-SE": "Elin Astrid",
        "tr-TR": "Burcu Filiz",
    }.items()
}
"""By language, and of each the one first that speaks where none is named. Polly has others, too."""

POLLY_LANGUAGES = {"zh": "cmn-CN", "ar": "arb", "no": "nb-NO", "nb": "nb-NO"}
"""Languages that Polly calls otherwise than BCP 47 does."""

BILINGUAL: Mapping[str, str] = {"Aditi": "hi-IN", "Kajal": "hi-IN"}
"""Voices that are told which of their languages it is, and their second one."""

ENGINE: Mapping[str, str] = {
    **dict.fromkeys(_words("Ambre Beatrice Florian Lennart Lorenzo Tiffany"), "generative"),
    **dict.fromkeys(
        _words(
            "Aditi Astrid Carla Carmen Celine Chantal Conchita Cristiano Dora Enrique Ewa Filiz Geraint Giorgio "
            "Gwyneth Hans Jacek Jan Karl Liv Lotte Mads Maja Marlene Mathieu Maxim Miguel Mizuki Naja Nicole Penelope "
            "Raveena Ricardo Ruben Russell Tatyana Zeina"
        ),
        "standard",
    ),
}
"""Of voices that have no neural one, the engine."""

_REGION = text(
    "The region of AWS; without it that of AWS_REGION, AWS_DEFAULT_REGION or the profile.",
    pattern="^[a-z]+(-[a-z0-9]+)+$",
)
_NAME = {"type": "string", "pattern": "^[0-9a-zA-Z._-]{1,200}$"}


def _names(description: str) -> Schema:
    return {"type": "array", "items": _NAME, "description": description}


_TRANSCRIBE_OPTIONS: Mapping[str, Schema] = {
    "region": _REGION,
    "partial_results_stability": one_of(
        f"How soon words of what seems to be said no longer change, at some cost of their accuracy; {STABILITY} unless "
        "something else is said.",
        "high", "medium", "low", "off",
    ),
    "language_options": texts(
        "Languages of which one is spoken; Transcribe finds out which. Of each at most one country's.", 5, minItems=2
    ),
    "identify_multiple_languages": yes_or_no(
        "With language_options: the language may change within a call.", default=False
    ),
    "vocabulary_names": _names("Custom vocabularies of the account; with language_options one for each language."),
    "vocabulary_filter_names": _names("Lists of words of the account that are masked or removed, likewise."),
    "vocabulary_filter_method": one_of(
        "What becomes of the words of vocabulary_filter_names; they are masked unless something else is said.",
        "mask", "remove",
    ),
    "redact": {
        "type": "array",
        "items": {"enum": list(PII)},
        "minItems": 1,
        "description": "What is left out of transcripts. Nothing is then told before it is final, because only that is "
        "redacted.",
    },
}  # fmt: skip
_POLLY_OPTIONS: Mapping[str, Schema] = {
    "region": _REGION,
    "engine": one_of("How the voice is made; without it neural, or what the voice has.", *ENGINES),
    "rate": text(
        "How fast it speaks: a word, or 20% to 200% of its usual pace.",
        pattern=r"^(x-slow|slow|medium|fast|x-fast|([2-9]\d|1\d\d|200)%)$",
    ),
    "volume": text(
        "How loud it speaks: a word, or decibels more or less such as +6dB.",
        pattern=r"^(default|silent|x-soft|soft|medium|loud|x-loud|[+-]\d{1,2}(\.\d+)?dB)$",
    ),
    "pitch": text(
        "How high it speaks, with the engine standard: a word, or such as +10%, from -33.3% to +50%.",
        pattern=r"^(default|x-low|low|medium|high|x-high|\+([1-4]?\d(\.\d+)?|50)%|-([12]?\d(\.\d+)?|3[0-2](\.\d+)?|33(\.[0-3])?)%)$",
    ),
    "lexicon_names": texts("Pronunciation lexicons of the account, in the region.", 5),
    "word_times": yes_or_no(
        "When each word sounds is asked for, which is a second request that is paid for like the first and that the "
        "sound waits for; the engine generative cannot tell. Without it the times are estimated.",
        default=False,
    ),
}

PROVIDERS = (
    Provider(
        "transcribe",
        "stt",
        "Amazon Transcribe, streamed; a model is a custom language model of the account",
        "pinecall_run.providers.transcribe_ear",
        "aws",
        endpoint=TRANSCRIBE_ENDPOINT,
        options=_TRANSCRIBE_OPTIONS,
        page="https://docs.aws.amazon.com/transcribe/latest/APIReference/API_streaming_StartStreamTranscription.html",
    ),
    Provider(
        "polly",
        "voice",
        "Amazon Polly",
        "pinecall_run.providers.polly_voice",
        "aws",
        endpoint=POLLY_ENDPOINT,
        options=_POLLY_OPTIONS,
        names=tuple(dict.fromkeys(name for names in VOICES.values() for name in names)),
        page="https://docs.aws.amazon.com/polly/latest/dg/API_SynthesizeSpeech.html",
    ),
)
