"""Language models behind OpenAI's chat completions, and how each vendor's differ.

Sources, read in November 2026: https://developers.openai.com/api/docs/guides/latest-model, https://docs.mistral.ai/api/,
https://console.groq.com/docs/api-reference, https://docs.x.ai/developers/rest-api-reference,
https://api-docs.deepseek.com/guides/thinking_mode, https://openrouter.ai/docs/api/reference/parameters,
https://inference-docs.cerebras.ai/resources/openai, https://docs.ollama.com/api/openai-compatibility and
https://docs.vllm.ai/en/latest/serving/openai_compatible_server.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pinecall_run.vendors.facts import Provider, Schema, number, one_of, text, whole, yes_or_no

ENDPOINT_OPTIONS: Mapping[str, Schema] = {
    "base_url": text("An endpoint that is not the vendor's own. No key of the environment is sent there.",
                     pattern="^https?://"),
    "api_key": text("The key, in place of the environment's. It belongs into a variable: ${NAME}."),
}  # fmt: skip
"""What names another endpoint or key than the environment does (docs/decisions/keys-and-endpoints.md)."""

_MAX_TOKENS = whole("An answer ends after so many tokens, in the middle of a word if need be.", 1)
_TOP_P = number("Only the likeliest words that together have this probability are chosen among.", 0, 1)
_SEED = whole("The same seed and question give the same answer, as far as the vendor can.")
_PARALLEL = yes_or_no("Whether it may ask for several tools at once.", default=True)
_EFFORT = "How long the model thinks before it answers: callers wait for it. Which of these depends on the model."


def _temperature(most: float = 2) -> Schema:
    return number("How freely words are chosen: at 0 nearly always the likeliest.", 0, most)


@dataclass(frozen=True, slots=True)
class Dialect:
    """One vendor's way of speaking OpenAI's chat completions.

    Attributes:
        title: the vendor as it writes itself.
        url: where it is.
        options: what it takes, beside :data:`ENDPOINT_OPTIONS`.
        fields: of options, how requests call them, where that is another name.
        always: what every request has.
        asks_for_usage: whether it tells what an answer took only when ``stream_options`` ask for it.
        is_strict: whether histories must be as Mistral's are: roles in turn, calls with ids of nine letters and digits.
        takes_names: whether messages may name who said them.
        keys: environment variables with its key.
        names: some models.
        page: its page on the options.
    """

    title: str
    url: str
    options: Mapping[str, Schema]
    fields: Mapping[str, str] = field(default_factory=dict)
    always: Mapping[str, Any] = field(default_factory=dict)
    asks_for_usage: bool = True
    is_strict: bool = False
    takes_names: bool = True
    keys: Sequence[str] = ()
    names: Sequence[str] = ()
    page: str = ""


DIALECTS: Mapping[str, Dialect] = {
    "openai": Dialect(
        "OpenAI",
        "https://api.openai.com/v1",
        {
            "temperature": _temperature(),
            "max_tokens": _MAX_TOKENS,
            "top_p": _TOP_P,
            "seed": _SEED,
            "reasoning_effort": one_of(
                f"{_EFFORT} Without it models that think are asked for as little as they can.",
                "none",
                "minimal",
                "low",
                "medium",
                "high",
                "xhigh",
            ),
            "verbosity": one_of("How long answers are (gpt-5 and later).", "low", "medium", "high"),
            "parallel_tool_calls": _PARALLEL,
            "service_tier": one_of("What answers cost, and how soon they come.", "auto", "default", "flex", "priority"),
        },
        keys=("OPENAI_API_KEY",),
        names=("gpt-4.1-mini", "gpt-4.1", "gpt-4.1-nano", "gpt-4o-mini", "gpt-5.4", "gpt-5.4-mini", "gpt-6.2-sol"),
        page="https://developers.openai.com/api/docs/api-reference/chat/create",
    ),
    "mistral": Dialect(
        "Mistral",
        "https://api.mistral.ai/v1",
        {
            "temperature": _temperature(1.5),
            "max_tokens": _MAX_TOKENS,
            "top_p": _TOP_P,
            "seed": whole("The same seed and question give the same answer, as far as the vendor can.", 0),
            "reasoning_effort": one_of(_EFFORT, "none", "high"),
            "parallel_tool_calls": _PARALLEL,
        },
        fields={"seed": "random_seed"},
        asks_for_usage=False,
        is_strict=True,
        keys=("MISTRAL_API_KEY",),
        names=("mistral-small-latest", "mistral-medium-latest", "mistral-large-latest"),
        page="https://docs.mistral.ai/api/",
    ),
    "groq": Dialect(
        "Groq",
        "https://api.groq.com/openai/v1",
        {
            "temperature": _temperature(),
            "max_tokens": _MAX_TOKENS,
            "top_p": _TOP_P,
            "seed": _SEED,
            "reasoning_effort": one_of(_EFFORT, "none", "default", "low", "medium", "high"),
            "parallel_tool_calls": _PARALLEL,
            "service_tier": one_of(
                "What answers cost, and how soon they come.", "auto", "on_demand", "flex", "performance"
            ),
        },
        fields={"max_tokens": "max_completion_tokens"},
        takes_names=False,
        keys=("GROQ_API_KEY",),
        names=("openai/gpt-oss-120b", "openai/gpt-oss-20b", "llama-3.3-70b-versatile", "llama-3.1-8b-instant"),
        page="https://console.groq.com/docs/api-reference#chat-create",
    ),
    "xai": Dialect(
        "xAI",
        "https://api.x.ai/v1",
        {
            "temperature": _temperature(),
            "max_tokens": _MAX_TOKENS,
            "top_p": _TOP_P,
            "seed": _SEED,
            "reasoning_effort": one_of(_EFFORT, "none", "low", "medium", "high"),
            "parallel_tool_calls": _PARALLEL,
        },
        fields={"max_tokens": "max_completion_tokens"},
        keys=("XAI_API_KEY",),
        names=("grok-4-1-fast-non-reasoning", "grok-4.3", "grok-4.7"),
        page="https://docs.x.ai/developers/rest-api-reference",
    ),
    "deepseek": Dialect(
        "DeepSeek",
        "https://api.deepseek.com",
        {"temperature": _temperature(), "max_tokens": _MAX_TOKENS, "top_p": _TOP_P},
        # It thinks unless it is told not to, and once it has thought it wants its thoughts back with results of tools.
        always={"thinking": {"type": "disabled"}},
        keys=("DEEPSEEK_API_KEY",),
        names=("deepseek-flash", "deepseek-v4-pro"),
        page="https://api-docs.deepseek.com/api/create-chat-completion",
    ),
    "openrouter": Dialect(
        "OpenRouter",
        "https://openrouter.ai/api/v1",
        {
            "temperature": _temperature(),
            "max_tokens": _MAX_TOKENS,
            "top_p": _TOP_P,
            "seed": _SEED,
            "reasoning_effort": one_of(_EFFORT, "none", "minimal", "low", "medium", "high", "xhigh"),
            "parallel_tool_calls": _PARALLEL,
        },
        keys=("OPENROUTER_API_KEY",),
        page="https://openrouter.ai/docs/api/reference/parameters",
    ),
    "cerebras": Dialect(
        "Cerebras",
        "https://api.cerebras.ai/v1",
        {
            "temperature": _temperature(1.5),
            "max_tokens": _MAX_TOKENS,
            "top_p": _TOP_P,
            "seed": _SEED,
            "reasoning_effort": one_of(_EFFORT, "none", "low", "medium", "high"),
        },
        fields={"max_tokens": "max_completion_tokens"},
        keys=("CEREBRAS_API_KEY",),
        names=("gpt-oss-120b",),
        page="https://inference-docs.cerebras.ai/resources/openai",
    ),
    "ollama": Dialect(
        "Ollama",
        "http://localhost:11434/v1",
        {
            "temperature": _temperature(),
            "max_tokens": _MAX_TOKENS,
            "top_p": _TOP_P,
            "seed": _SEED,
            "reasoning_effort": one_of(_EFFORT, "none", "low", "medium", "high"),
        },
        page="https://docs.ollama.com/api/openai-compatibility",
    ),
    "vllm": Dialect(
        "vLLM",
        "http://localhost:8000/v1",
        {
            "temperature": _temperature(),
            "max_tokens": _MAX_TOKENS,
            "top_p": _TOP_P,
            "seed": _SEED,
            "reasoning_effort": one_of(_EFFORT, "none", "low", "medium", "high"),
            "parallel_tool_calls": _PARALLEL,
        },
        page="https://docs.vllm.ai/en/latest/serving/openai_compatible_server",
    ),
}
"""By the name of the provider."""

_SUMMARIES = {
    "openai": "OpenAI's models, and by base_url any endpoint that speaks its chat completions",
    "openrouter": "OpenRouter: models of many vendors behind one key",
    "ollama": "Ollama: models on this machine",
    "vllm": "vLLM: models on a machine of one's own",
    "xai": "xAI Grok",
}

PROVIDERS = tuple(
    Provider(
        name,
        "model",
        _SUMMARIES.get(name, dialect.title),
        "pinecall_run.providers.openai_model",
        extra="openai",
        keys=dialect.keys,
        endpoint=f"{name.upper()}_BASE_URL",
        options={**dialect.options, **ENDPOINT_OPTIONS},
        names=dialect.names,
        page=dialect.page,
    )
    for name, dialect in DIALECTS.items()
)
