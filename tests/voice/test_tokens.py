"""A token opens one session of one kind within a minute, and nothing else does."""

from __future__ import annotations

import base64
import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinecall_run.voice.tokens import LIFETIME_SECONDS, BadTokenError, TokenMint


def mint_of(secret: bytes = b"secret") -> TokenMint:
    numbers = itertools.count()
    return TokenMint(secret, lambda: f"nonce{next(numbers)}")


def test_a_token_says_once_what_was_put_in_it() -> None:
    mint = mint_of()
    token = mint.mint("chat", "front desk ñ", 100.0, scope="supervise", metadata={"userId": "ü"})
    assert token.startswith("cht_")
    payload = token.removeprefix("cht_").split(".")[0]
    assert json.loads(base64.urlsafe_b64decode(payload + "=="))["agent"] == "front desk ñ"  # protocol: tokens
    claims = mint.redeem("chat", token, 100.0 + LIFETIME_SECONDS - 0.1)
    assert (claims.agent, claims.scope, claims.metadata) == ("front desk ñ", "supervise", {"userId": "ü"})
    with pytest.raises(BadTokenError, match="used before"):
        mint.redeem("chat", token, 101.0)


def test_a_token_expires() -> None:
    mint = mint_of()
    token = mint.mint("chat", "a", 100.0, scope="participate")
    with pytest.raises(BadTokenError, match="expired"):
        mint.redeem("chat", token, 100.0 + LIFETIME_SECONDS)


def test_a_token_of_another_server_is_not_good() -> None:
    token = mint_of(b"other").mint("chat", "a", 100.0, scope="supervise")
    with pytest.raises(BadTokenError, match="not one of this server's"):
        mint_of().redeem("chat", token, 100.0)


@pytest.mark.parametrize("change", ["prefix", "wearing the other's prefix"])
def test_a_token_of_another_kind_is_not_good(change: str) -> None:
    mint = mint_of()
    token = mint.mint("webrtc", "a", 100.0, scope="participate")
    if change != "prefix":
        token = token.replace("wrt_", "cht_")
    with pytest.raises(BadTokenError):
        mint.redeem("chat", token, 100.0)


@pytest.mark.parametrize(
    "garbage",
    [
        "",
        "cht_",
        "cht_.",
        "cht_a.b",
        "cht_\u00e9.\u00e9",
        "cht_\ud800.\udfff",
        "wrt_x.y",
        "cht_" + "a" * 10_000,
        "\x00",
    ],
)
def test_garbage_is_refused_in_a_sentence(garbage: str) -> None:
    with pytest.raises(BadTokenError, match="not one of this server's"):
        mint_of().redeem("chat", garbage, 100.0)


@given(st.data())
def test_no_change_of_a_token_is_let_through(data: st.DataObject) -> None:
    mint = mint_of()
    token = mint.mint("chat", "agent", 100.0, scope="participate")
    at = data.draw(st.integers(0, len(token) - 1))
    edit = data.draw(st.sampled_from(["cut", "drop", "swap", "append"]))
    other = data.draw(st.characters().filter(lambda c: c != token[at]))
    changed = {
        "cut": token[:at],
        "drop": token[:at] + token[at + 1 :],
        "swap": token[:at] + other + token[at + 1 :],
        "append": token + other,
    }[edit]
    if changed != token:
        with pytest.raises(BadTokenError):
            mint.redeem("chat", changed, 100.0)
    assert mint.redeem("chat", token, 100.0).agent == "agent"


def test_used_tokens_are_remembered_only_while_they_could_be_used_again() -> None:
    mint = mint_of()
    for second in range(500):
        mint.redeem("chat", mint.mint("chat", "a", float(second), scope="participate"), float(second))
    assert len(mint._used) <= LIFETIME_SECONDS + 1
