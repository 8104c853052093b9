"""OpenAI's models that hear and speak themselves."""

from pinecall_run.vendors.facts import Provider, number, one_of, text, texts, whole
from pinecall_run.vendors.naming import REALTIME

_VOICES = ("alloy", "ash", "ballad", "cedar", "coral", "echo", "marin", "sage", "shimmer", "verse")
_EARS = ("gpt-transcribe", "gpt-realtime-whisper", "gpt-4o-transcribe", "gpt-4o-mini-transcribe", "whisper-1")

PROVIDERS = (
    Provider(
        REALTIME,
        "model",
        "OpenAI Realtime: hears, answers and speaks, in place of the three",
        "pinecall_run.providers.realtime_model",
        extra="voice",
        keys=("OPENAI_API_KEY",),
        endpoint="OPENAI_REALTIME_URL",
        options={
            "voice": text(f"Who speaks: {', '.join(_VOICES)}, or voice_… for one of your own.", default="marin"),
            "speed": number("How fast it speaks.", 0.25, 1.5, default=1),
            "max_tokens": whole("Most tokens of one reply, those of its sound included.", 1, 4096),
            "reasoning": one_of(
                "How much it thinks first (gpt-realtime-2 and later).", "minimal", "low", "medium", "high", "xhigh"
            ),
            "transcription": one_of("The model that puts into words what the caller said.", *_EARS),
            "keywords": texts("Words that callers say, for the transcription (gpt-transcribe alone takes them).", 100),
            "noise_reduction": one_of("How far the caller's microphone is.", "near_field", "far_field"),
            "eagerness": one_of(
                "How soon it takes a turn to be over by what was said; without it silence decides.",
                "low",
                "medium",
                "high",
                "auto",
            ),
            "silence_ms": whole("The silence that ends a turn.", 100, 5000, default=500),
            "threshold": number("From which probability on sound is a voice.", 0, 1, default=0.5),
        },
        names=("gpt-realtime-2.1", "gpt-realtime-2.1-mini", "gpt-realtime-1.5", "gpt-realtime", "gpt-realtime-mini"),
        page="https://developers.openai.com/api/docs/guides/realtime-conversations",
        is_duplex=True,
    ),
)
