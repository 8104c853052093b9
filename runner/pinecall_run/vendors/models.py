"""Language models with an interface of their own."""

from pinecall_run.vendors.facts import Provider

PROVIDERS = (
    Provider("anthropic", "model", "Anthropic Claude"),
    Provider("google", "model", "Google Gemini"),
)
