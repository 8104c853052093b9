"""Language models behind OpenAI's interface."""

from pinecall_run.vendors.facts import Provider

_MODULE = "pinecall_run.providers.openai_model"

PROVIDERS = (
    Provider("openai", "model", "OpenAI", _MODULE, extra="openai", endpoint="OPENAI_BASE_URL"),
    Provider("cerebras", "model", "Cerebras"),
    Provider("deepseek", "model", "DeepSeek"),
    Provider("groq", "model", "Groq"),
    Provider("mistral", "model", "Mistral"),
    Provider("openrouter", "model", "OpenRouter"),
    Provider("xai", "model", "xAI Grok"),
)
