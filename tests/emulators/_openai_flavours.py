"""How the vendors that speak OpenAI's chat completions differ from OpenAI, and from each other.

Sources, read in November 2026: https://console.groq.com/docs/openai, https://docs.mistral.ai/api/,
https://docs.x.ai/developers/debugging, https://api-docs.deepseek.com/api/create-chat-completion,
https://openrouter.ai/docs/api/reference/errors-and-debugging and …/streaming,
https://inference-docs.cerebras.ai/resources/openai, https://docs.ollama.com/api/openai-compatibility,
https://docs.vllm.ai/en/latest/serving/openai_compatible_server; what Mistral refuses, from its answers as quoted in
https://github.com/editor-code-assistant/eca/issues/315 and https://github.com/anomalyco/opencode/issues/1680; in what
order it wants roles, https://github.com/mistralai/mistral-common/issues/169 and
https://github.com/0xPlaygrounds/rig/pull/1130; DeepSeek's ``thinking``,
https://api-docs.deepseek.com/guides/thinking_mode.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.emulators._model_script import Answer


def _nested(answer: Answer) -> Mapping[str, Any]:
    kind = "server_error" if answer.status >= 500 else "invalid_request_error"
    return {"error": {"message": answer.message, "type": kind, "param": None, "code": answer.code}}


def _flat(answer: Answer) -> Mapping[str, Any]:
    return dict(_nested(answer)["error"])


def _of_mistral(answer: Answer) -> Mapping[str, Any]:
    if answer.status == 401:
        return {"detail": "Unauthorized"}
    message = (
        {"detail": [{"type": "extra_forbidden", "msg": answer.message}]} if answer.status == 422 else answer.message
    )
    return {"object": "error", **_flat(answer), "message": message}


def _of_xai(answer: Answer) -> Mapping[str, Any]:
    return {"code": answer.code or "Client specified an invalid argument", "error": answer.message}


def _of_openrouter(answer: Answer) -> Mapping[str, Any]:
    return {"error": {"code": answer.status, "message": answer.message}}


def _of_vllm(answer: Answer) -> Mapping[str, Any]:
    return {"error": {"message": answer.message, "type": "BadRequestError", "param": None, "code": answer.status}}


@dataclass(frozen=True)
class Flavour:
    """What is special about one vendor.

    Attributes:
        prefix: the path before ``/chat/completions``.
        without: fields of OpenAI's that are refused, with ``status``.
        own: fields that OpenAI has not.
        is_ordered: whether an assistant must speak between a tool's result and a user, and not last.
        wrong_key: the status of the answer to a key that is wrong.
        ignores_unknown: whether fields that are nobody's are let pass.
        error: the body of an error.
        usage: in a chunk of its own if it is asked for, or without asking in the ``last`` or in ``every`` chunk.
        comment: a line that may come between events and means nothing.
        call_id: what identifiers of tool calls must look like.
    """

    prefix: str = "/v1"
    without: frozenset[str] = frozenset()
    own: frozenset[str] = frozenset()
    is_ordered: bool = False
    status: int = 400
    wrong_key: int = 401
    ignores_unknown: bool = False
    error: Callable[[Answer], Mapping[str, Any]] = _nested
    usage: Literal["asked", "last", "every"] = "asked"
    comment: bytes = b""
    call_id: re.Pattern[str] = field(default=re.compile(r".+", re.DOTALL))


FLAVOURS: Mapping[str, Flavour] = {
    "openai": Flavour(),
    "mistral": Flavour(
        without=frozenset({"max_completion_tokens", "seed", "user", "logit_bias", "store", "verbosity"}),
        own=frozenset({"random_seed", "safe_prompt", "prompt_mode"}),
        is_ordered=True,
        status=422,
        error=_of_mistral,
        usage="last",
        call_id=re.compile(r"[a-zA-Z0-9]{9}"),
    ),
    "groq": Flavour(prefix="/openai/v1", without=frozenset({"logprobs", "top_logprobs", "logit_bias"})),
    "xai": Flavour(wrong_key=400, error=_of_xai, usage="every"),
    "deepseek": Flavour(prefix="", own=frozenset({"thinking"}), comment=b": keep-alive\n\n"),
    "openrouter": Flavour(
        prefix="/api/v1",
        error=_of_openrouter,
        usage="last",
        comment=b": OPENROUTER PROCESSING\n\n",
        ignores_unknown=True,
    ),
    "cerebras": Flavour(without=frozenset({"frequency_penalty", "presence_penalty", "logit_bias"}), error=_flat),
    "ollama": Flavour(ignores_unknown=True),
    "vllm": Flavour(ignores_unknown=True, error=_of_vllm),
}
