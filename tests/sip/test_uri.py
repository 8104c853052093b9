"""Addresses: read, written, and refused when they are none."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinecall_run.sip.grammar import GrammarError
from pinecall_run.sip.uri import NameAddr, Uri, read_host, read_name_addr, read_uri, sip_uri


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        ("sip:ana@example.com", Uri("sip", "ana", "example.com")),
        ("SIP:ana:pw@EXAMPLE.com:5070", Uri("sip", "ana:pw", "example.com", 5070)),
        ("sips:1.2.3.4", Uri("sips", "", "1.2.3.4")),
        ("sip:[2001:db8::1]:5060", Uri("sip", "", "[2001:db8::1]", 5060)),
        (
            "sip:a;b=c%40d@h;lr;Transport=tcp?Subject=x",
            Uri("sip", "a;b=c%40d", "h", None, {"lr": None, "transport": "tcp"}, "Subject=x"),
        ),
        ("tel:+1-555;phone-context=x", Uri("tel", "+1-555;phone-context=x", "")),
    ],
)
def test_addresses(text: str, uri: Uri) -> None:
    assert read_uri(text) == uri
    assert read_uri(str(uri)) == uri


def test_the_name_in_an_address() -> None:
    assert read_uri("sip:%2B1%20555:secret@h").name == "+1 555"
    assert read_uri("tel:+1555;ext=3").name == "+1555"
    assert read_uri("sip:h").name == ""
    assert str(read_uri("sip:a:b@h:1;lr?x=y").bare()) == "sip:a:b@h"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sip",
        "sip:",
        "sip:@h",
        "sip:a b@h",
        " sip:a@h",
        "sip:a@h:0x1",
        "sip:a@h:99999",
        "sip:a@",
        "sip:a@h;=1",
        "sip:a@b@h",
        "<sip:a@h>",
        "sip:a@h?",
        "1:a",
        "sip:a@h;x=\r\n",
        "sip:%zz@h",
        "sip:a@-",
        "sip:" + "a" * 3000,
    ],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(GrammarError):
        read_uri(text)


def test_a_name_is_escaped_into_an_address() -> None:
    assert str(sip_uri("a b@c", "H", 5061, is_secure=True)) == "sips:a%20b%40c@h:5061"


def test_hosts() -> None:
    assert read_host("[::1]:5") == ("[::1]", 5)
    with pytest.raises(GrammarError):
        read_host("::1")


@pytest.mark.parametrize(
    ("text", "display", "uri", "tag"),
    [
        ("<sip:a@h>;tag=1", "", "sip:a@h", "1"),
        ("sip:a@h;tag=1", "", "sip:a@h", "1"),
        ("Ana B <sip:a@h;x=1>", "Ana B", "sip:a@h;x=1", ""),
        ('"Ana <x>, \\"B\\"" <sip:a@h> ; tag = 1', 'Ana <x>, "B"', "sip:a@h", "1"),
        ('""<sip:a@h>', "", "sip:a@h", ""),
        ("Añá <sip:a@h>", "Añá", "sip:a@h", ""),
        ("<tel:+1555>", "", "tel:+1555", ""),
    ],
)
def test_names_with_addresses(text: str, display: str, uri: str, tag: str) -> None:
    found = read_name_addr(text)
    assert (found.display, str(found.uri), found.tag) == (display, uri, tag)
    assert read_name_addr(str(found)) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Bell, A <sip:a@h>",
        '"a" sip:a@h',
        "<sip:a@h>x",
        "< sip:a@h >",
        "sip:a@h?x=1",
        '"a"b <sip:a@h>',
        "<sip:a@h>;=",
        "a",
    ],
)
def test_what_is_no_name_with_an_address(text: str) -> None:
    with pytest.raises(GrammarError):
        read_name_addr(text)


@given(st.text(min_size=1), st.text())
def test_whatever_names_are_they_come_back(user: str, display: str) -> None:
    try:
        address = NameAddr(sip_uri(user, "example.com"), display)
    except UnicodeEncodeError:
        return
    if len(str(address.uri)) < 2000:
        found = read_name_addr(str(address))
        assert (found.display, found.uri.name.partition(":")[0]) == (display, user.partition(":")[0])


@given(st.text())
def test_no_text_breaks_it(text: str) -> None:
    for read in (read_uri, read_name_addr, read_host, lambda text: read_uri(f"sip:{text}")):
        with contextlib.suppress(GrammarError):
            read(text)
