"""Language models behind OpenAI's interface."""

from pinecall_run.vendors.facts import Provider, number, whole

_MODULE = "pinecall_run.providers.openai_model"
_OPTIONS = {
    "temperature": number("Sampling temperature.", 0, 2, examples=[0.3]),
    "max_tokens": whole("Most tokens of one reply.", 1, examples=[400]),
}

PROVIDERS = (
    Provider(
        "openai",
        "model",
        "OpenAI",
        _MODULE,
        extra="openai",
        keys=("OPENAI_API_KEY",),
        endpoint="OPENAI_BASE_URL",
        options=_OPTIONS,
        names=("gpt-4.1-mini", "gpt-4.1"),
    ),
    Provider("cerebras", "model", "Cerebras"),
    Provider("deepseek", "model", "DeepSeek"),
    Provider("groq", "model", "Groq"),
    Provider("mistral", "model", "Mistral"),
    Provider("openrouter", "model", "OpenRouter"),
    Provider("xai", "model", "xAI Grok"),
)
