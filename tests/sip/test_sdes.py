"""Keys in descriptions: those that we can use, and those that we leave alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinecall_run.sip.sdes import Crypto, read_crypto

KEY = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"  # RFC 4568, 9


def test_the_example_of_rfc_4568() -> None:
    found = read_crypto(f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20|1:4".replace("|1:4", ""))
    assert found is not None
    assert (found.tag, found.suite, found.key[:6], len(found.key)) == (1, "AES_CM_128_HMAC_SHA1_80", b"YS___s", 30)
    assert read_crypto(str(found)) == found
    assert KEY not in repr(found)


@pytest.mark.parametrize("lifetime", ["", "|2^31", "|1048576"])
def test_lifetimes_do_not_matter(lifetime: str) -> None:
    assert read_crypto(f"9 AES_CM_128_HMAC_SHA1_32 inline:{KEY}{lifetime}") is not None


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
    assert read_crypto(str(crypto)) == crypto
    read_crypto(text)
    read_crypto(f"{crypto}{text}")
