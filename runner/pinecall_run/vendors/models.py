"""Language models with an interface of their own.

Sources, read in November 2026: https://platform.claude.com/docs/en/api/messages, …/build-with-claude/effort and
…/api/migration-2026-10-21; https://ai.google.dev/api/generate-content, https://ai.google.dev/gemini-api/docs/thinking
and …/docs/openai (how efforts come to budgets of thoughts).
"""

from __future__ import annotations

from pinecall_run.vendors.compatible import ENDPOINT_OPTIONS
from pinecall_run.vendors.facts import Provider, number, one_of, whole, yes_or_no

_EFFORT = (
    "How long the model thinks before it answers: callers wait for it. Without it, and with none, as little as the "
    "model can."
)

PROVIDERS = (
    Provider(
        "anthropic",
        "model",
        "Anthropic Claude",
        "pinecall_run.providers.anthropic_model",
        extra="anthropic",
        keys=("ANTHROPIC_API_KEY",),
        endpoint="ANTHROPIC_BASE_URL",
        options={
            "max_tokens": whole("An answer ends after so many tokens, thoughts included.", 1, 128_000, default=4096),
            "temperature": number("How freely words are chosen (models up to 4.6).", 0, 1),
            "reasoning_effort": one_of(_EFFORT, "none", "low", "medium", "high", "xhigh", "max"),
            "parallel_tool_calls": yes_or_no("Whether it may ask for several tools at once.", default=True),
            "service_tier": one_of("Whether capacity that is paid for ahead may be used.", "auto", "standard_only"),
            **ENDPOINT_OPTIONS,
        },
        names=("claude-haiku-5-5", "claude-sonnet-5-5", "claude-opus-5-5", "claude-haiku-4-5", "claude-sonnet-5"),
        page="https://platform.claude.com/docs/en/api/messages",
    ),
    Provider(
        "google",
        "model",
        "Google Gemini",
        "pinecall_run.providers.google_model",
        extra="google",
        keys=("GOOGLE_API_KEY",),
        endpoint="GOOGLE_GEMINI_BASE_URL",
        options={
            "max_tokens": whole("An answer ends after so many tokens, thoughts included.", 1),
            "temperature": number("How freely words are chosen: at 0 nearly always the likeliest.", 0, 2),
            "top_p": number("Only the likeliest words that together have this probability are chosen among.", 0, 1),
            "seed": whole("The same seed and question give the same answer, as far as the vendor can."),
            "reasoning_effort": one_of(_EFFORT, "none", "minimal", "low", "medium", "high"),
            **ENDPOINT_OPTIONS,
        },
        names=("gemini-3.8-flash", "gemini-3.1-flash-lite", "gemini-2.5-flash", "gemini-2.5-flash-lite"),
        page="https://ai.google.dev/api/generate-content",
    ),
)
