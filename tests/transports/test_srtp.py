"""Encrypted sound, against the vectors of RFC 3711 and an implementation of its text that is not libsrtp."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.transports._srtp import Reference, derived, keystream

from pinecall_run.sip.sdes import SUITES, Crypto
from pinecall_run.transports.srtp import MOST_STREAMS, REPLAY_PACKETS, Cipher

MASTER = bytes.fromhex("E1F97A0D3E018BE0D64FA32C06DE4139")
SALT = bytes.fromhex("0EC675AD498AFEEBB6960B3AABE6")
OURS, THEIRS = (Crypto(1, SUITES[0], key) for key in (MASTER + SALT, bytes(range(30))))


def packet(sequence: int, payload: bytes = b"\xab" * 16, *, ssrc: int = 0xCAFEBABE) -> bytes:
    return struct.pack("!BBHLL", 0x80, 0x0F, sequence, 0xDECAFBAD, ssrc) + payload


def report(ssrc: int = 7) -> bytes:
    return struct.pack("!BBHL", 0x80, 201, 1, ssrc)


def cipher(ours: Crypto | None = OURS, theirs: Crypto | None = THEIRS) -> Cipher:
    it = Cipher()
    it.agree(ours, theirs)
    return it


def test_the_reference_is_that_of_rfc_3711() -> None:
    key, iv = bytes.fromhex("2B7E151628AED2A6ABF7158809CF4F3C"), int("F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000", 16)
    stream = keystream(key, iv, 0xFF02 * 16)
    assert stream[:32].hex().upper() == "E03EAD0935C95E80E166B16DD92B4EB4D23513162B02D0F72A43A2FE4A5F97AB"
    assert stream[-48:-32].hex().upper() == "EC8CDF7398607CB0F2D21675EA9EA1E4"
    assert derived(MASTER, SALT, 0, 16).hex().upper() == "C61E7A93744F39EE10734AFE3FF7A087"
    assert derived(MASTER, SALT, 2, 14).hex().upper() == "30CBBC08863D8C85D49DB34A9AE1"
    assert derived(MASTER, SALT, 1, 20).hex().upper() == "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"


def test_keys_of_the_vectors_make_a_packet_that_is_known() -> None:
    sealed = cipher().sealed(packet(0x1234))
    assert sealed[12:].hex() == "4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb"


@pytest.mark.parametrize("suite", SUITES)
def test_both_ways_with_somebody_else(suite: str) -> None:
    ours, theirs = Crypto(1, suite, MASTER + SALT), Crypto(1, suite, bytes(range(30)))
    it, here, there = cipher(ours, theirs), Reference(ours), Reference(theirs)
    for step in range(40):
        sequence, rollovers = (65_520 + step) & 0xFFFF, (65_520 + step) >> 16
        plain = packet(sequence, bytes([step]) * 160)
        assert here.unprotect(it.sealed(plain), rollovers) == plain
        assert it.opened(there.protect(plain, rollovers)) == plain
    sealed = it.sealed_report(report())
    assert len(sealed) == len(report()) + 4 + 10, "reports have 80 bits of proof with either suite"
    assert here.unprotect_report(sealed) == report()
    assert it.opened_report(there.protect_report(report(), 1)) == report()


def test_without_keys_nothing_happens_to_it() -> None:
    it = cipher(None, None)
    assert (it.sealed(b"x"), it.sealed_report(b"x"), it.opened(b"x"), it.opened_report(b"x")) == (b"x",) * 4


def test_what_is_plain_forged_or_of_another_key_is_not_taken() -> None:
    it, there = cipher(), Reference(THEIRS)
    sealed = there.protect(packet(1))
    assert it.opened(packet(1)) is None
    assert it.opened(Reference(OURS).protect(packet(1))) is None
    for at in range(len(sealed)):
        assert it.opened(sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]) is None
    assert it.opened(sealed) == packet(1)
    assert it.opened_report(report()) is None
    assert it.opened_report(there.protect_report(report(), 1)[:-1] + b"\0") is None


def test_what_comes_again_or_far_too_late_is_not_taken() -> None:
    it, there = cipher(), Reference(THEIRS)
    late = there.protect(packet(3))
    for sequence in (1, 2, 4, 5):
        assert it.opened(there.protect(packet(sequence))) is not None
        assert it.opened(there.protect(packet(sequence))) is None
    assert it.opened(late) is not None, "out of order is not again"
    assert it.opened(there.protect(packet(6 + REPLAY_PACKETS))) is not None
    assert it.opened(there.protect(packet(6))) is None
    told = there.protect_report(report(), 1)
    assert [it.opened_report(told) is None for _ in range(2)] == [False, True]


def test_a_key_that_stays_goes_on_counting() -> None:
    it, there = cipher(), Reference(THEIRS)
    sealed = there.protect(packet(1))
    assert it.opened(sealed) is not None
    it.agree(Crypto(9, OURS.suite, OURS.key), Crypto(9, THEIRS.suite, THEIRS.key))
    assert it.opened(sealed) is None
    other = Crypto(9, THEIRS.suite, bytes(30))
    it.agree(OURS, other)
    assert it.opened(there.protect(packet(2))) is None
    assert it.opened(Reference(other).protect(packet(2))) is not None
    it.agree(OURS, Crypto(9, SUITES[1], bytes(30)))
    assert it.opened(Reference(other).protect(packet(3))) is None


def test_streams_are_few() -> None:
    it, there = cipher(), Reference(THEIRS)
    taken = [it.opened(there.protect(packet(1, ssrc=number))) is not None for number in range(MOST_STREAMS + 2)]
    assert taken == [True] * MOST_STREAMS + [False] * 2
    assert it.opened(there.protect(packet(2, ssrc=0))) is not None


@given(st.binary(max_size=80))
def test_garbage_is_nothing(data: bytes) -> None:
    it = cipher()
    assert it.opened(data) is None
    assert it.opened_report(data) is None


def test_what_is_too_long_is_nothing() -> None:
    assert cipher().opened(packet(1, bytes(1_600))) is None


def test_keys_do_not_show() -> None:
    assert repr(OURS.key) not in f"{OURS!r} {OURS} {cipher()!r}"
