"""Trying again, and what failures of any library come to."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import AsyncGenerator, Callable, Sequence

import httpx2
import pytest

from pinecall_run.providers import asking
from pinecall_run.providers.contracts import FailureKind, ModelPiece, ProviderError, Text
from pinecall_run.providers.failures import Vendor

ACME = Vendor("Acme", "ACME_API_KEY", "ACME_BASE_URL")


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "PAUSES", (0.001, 0.002))


def failing(kind: FailureKind, retry_after: float = 0.0) -> ProviderError:
    return ProviderError(kind, kind=kind, retry_after=retry_after)


def answers(script: Sequence[str | ProviderError]) -> tuple[Callable[[], AsyncGenerator[ModelPiece, None]], list[int]]:
    """Tries that come out as they are written: a text, or a failure; before one with the hint ``+`` that was said."""
    tries: list[int] = []

    async def once() -> AsyncGenerator[ModelPiece, None]:
        tries.append(1)
        result = script[len(tries) - 1]
        if isinstance(result, str):
            yield Text(result)
            return
        if result.hint == "+":
            yield Text("+")
        raise result

    return once, tries


@pytest.mark.parametrize(
    ("script", "tries", "is_answered"),
    [(["x"], 1, True),
     ([failing("unavailable"), failing("network"), "x"], 3, True),
     ([failing("rate_limit"), "x"], 2, True),
     ([failing("unavailable")] * 3, 3, False),
     ([failing("rate_limit", retry_after=3)], 1, False),
     ([failing("key")], 1, False), ([failing("request")], 1, False), ([failing("timeout")], 1, False),
     ([ProviderError("broke", "+", kind="network")], 1, False)],
)  # fmt: skip
async def test_what_may_pass_is_tried_again_while_nothing_was_said(
    script: list[str | ProviderError], tries: int, is_answered: bool
) -> None:
    once, made = answers(script)
    pieces: list[ModelPiece] = []

    async def listen() -> None:
        async for piece in asking.ask(once):
            pieces.append(piece)

    if is_answered:
        await listen()
        assert pieces == [Text("x")]
    else:
        with pytest.raises(ProviderError) as raised:
            await listen()
        assert raised.value is script[-1]
    assert len(made) == tries


def caused(error: Exception, cause: BaseException) -> Exception:
    error.__cause__ = cause
    return error


REFUSED = ConnectionRefusedError(111, "Connection refused")


@pytest.mark.parametrize(
    ("error", "kind", "sentence"),
    [(httpx2.ReadTimeout("x"), "timeout", "did not answer in time"),
     (caused(RuntimeError(), httpx2.ConnectTimeout("x")), "timeout", "did not answer in time"),
     (TimeoutError(), "timeout", "did not answer in time"),
     (httpx2.ReadError("x"), "network", "broke the connection off"),
     (caused(httpx2.ReadError("x"), ConnectionResetError(104, "reset")), "network", "broke the connection off"),
     (httpx2.RemoteProtocolError("x"), "network", "broke the connection off"),
     (caused(httpx2.ConnectError("x"), REFUSED), "network", "cannot be reached: Connection refused"),
     (caused(httpx2.ConnectError("x"), caused(OSError("all"), ExceptionGroup("all", [REFUSED]))), "network",
      "cannot be reached: Connection refused"),
     (caused(httpx2.ConnectError("x"), socket.gaierror(-2, "x")), "network", "its name is not known"),
     (caused(httpx2.ConnectError("x"), ssl.SSLError(1, "WRONG_VERSION")), "network", "TLS failed (WRONG_VERSION)"),
     (httpx2.ConnectError("x"), "network", "cannot be reached"),
     (httpx2.InvalidURL("x"), "request", "has an address that cannot be"),
     (json.JSONDecodeError("x", "my card is 4111", 0), "garbage", "none of its interface"),
     (KeyError("my card is 4111"), "failed", "failed with KeyError")],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_what_is_no_answer_is_told_by_what_it_is(error: Exception, kind: str, sentence: str) -> None:
    found = asking.of_transport(ACME, error)
    assert found.kind == kind
    assert str(found).startswith("Acme ")
    assert sentence in str(found)
    assert "4111" not in str(found)


def test_names_are_told_and_sentences_are_not() -> None:
    found = asking.names("invalid_request_error", None, "my card is 4111", "messages[0].content", 3, "x" * 61)
    assert found == "invalid_request_error, messages[0].content"
    assert asking.names("a", "a") == "a"


def test_errors_of_answers() -> None:
    assert asking.no_such_model(ACME, "m").hint == "check `model` and ACME_BASE_URL"
    assert str(asking.gave_nothing(ACME, "my card is 4111")) == "Acme gave no answer (no reason)"
    assert not asking.gave_nothing(ACME, "SAFETY").is_lasting
    assert asking.broke_off(ACME).kind == "network"
    assert "max_tokens" in asking.cut_in_a_call(ACME).hint
