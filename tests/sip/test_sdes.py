"""Keys in descriptions: those that we can use, and those that we leave alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sip._script import Dice

from pinecall_run.sip.sdes import SUITES, Crypto, Keys, read_crypto

KEY = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"  # RFC 4568, 9


def test_the_example_of_rfc_4568() -> None:
    found = read_crypto(f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20|1:4".replace("|1:4", ""))
    assert found is not None
    assert (found.tag, found.suite, found.key[:6], len(found.key)) == (1, "AES_CM_128_HMAC_SHA1_80", b"YS___s", 30)
    assert read_crypto(found.line) == found
    assert KEY not in f"{found} {found!r}"


@pytest.mark.parametrize("lifetime", ["", "|2^31", "|1048576"])
def test_lifetimes_do_not_matter(lifetime: str) -> None:
    assert read_crypto(f"9 AES_CM_128_HMAC_SHA1_32 inline:{KEY}{lifetime}") is not None


@pytest.mark.parametrize("hints", [" WSH=64", " -FUTURE=1", "|2^31 WSH=128 -X"])
def test_hints_do_not_matter(hints: str) -> None:
    assert read_crypto(f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}{hints}") is not None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1 AES_CM_128_HMAC_SHA1_80",
        f"x AES_CM_128_HMAC_SHA1_80 inline:{KEY}",
        f"1 AES_256_CM_HMAC_SHA1_80 inline:{KEY}",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY[:-4]}",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20|1:4",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|1:4",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} UNENCRYPTED_SRTP",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} WSH=64 KDR=1",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY};inline:{KEY}",
        "1 AES_CM_128_HMAC_SHA1_80 inline:====",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}=",
    ],
)
def test_what_we_cannot_do(text: str) -> None:
    assert read_crypto(text) is None


@given(st.text(), st.binary(min_size=30, max_size=30))
def test_keys_come_back_and_no_text_breaks_it(text: str, key: bytes) -> None:
    crypto = Crypto(1, "AES_CM_128_HMAC_SHA1_80", key)
    assert read_crypto(crypto.line) == crypto
    read_crypto(text)
    read_crypto(f"{crypto.line}{text}")


def test_each_suite_has_a_key_of_its_own_and_keeps_it() -> None:
    keys = Keys(Dice())
    first, second = keys.offered()
    assert [(key.tag, key.suite) for key in (first, second)] == [(1, SUITES[0]), (2, SUITES[1])]
    assert first.key != second.key
    again = keys.answering(Crypto(7, SUITES[1], bytes(30)))
    assert (again.tag, again.suite, again.key) == (7, SUITES[1], second.key)
    assert [key.key for key in keys.offered([SUITES[1]])] == [second.key]


def test_a_key_is_not_used_again_after_another_suite() -> None:
    keys, first, second = Keys(Dice()), *(Crypto(1, suite, bytes(30)) for suite in SUITES)
    used = [keys.answering(theirs).key for theirs in (first, first, second, first)]
    assert used[0] == used[1]
    assert len(set(used)) == 3
