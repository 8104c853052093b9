"""Channel addresses: one form for each, and a sentence for what is none."""

import pytest

from pinecall_run.config.channels import ChannelRef, Kind, international, parse_channel, parse_ref


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("webrtc", ChannelRef("webrtc")),
        ("chat", ChannelRef("chat")),
        ("+15551234567", ChannelRef("phone", "+15551234567")),
        ("+1 (555) 123-4567", ChannelRef("phone", "+15551234567")),
        ("+34 911.234.567", ChannelRef("phone", "+34911234567")),
        ("+1234567", ChannelRef("phone", "+1234567")),
        ("+123456789012345", ChannelRef("phone", "+123456789012345")),
        ("sip:lobby@acme.example", ChannelRef("sip", "sip:lobby@acme.example")),
        ("sips:lobby@acme.example:5061;transport=tls", ChannelRef("sip", "sips:lobby@acme.example:5061;transport=tls")),
        ("sip:acme.example", ChannelRef("sip", "sip:acme.example")),
        ("SIP:lobby@[2001:DB8::1]:5070", ChannelRef("sip", "SIP:lobby@[2001:DB8::1]:5070")),
        ("whatsapp:106540352242922", ChannelRef("whatsapp", "106540352242922")),
    ],
)
def test_short_forms(written: str, expected: ChannelRef) -> None:
    assert parse_channel(written) == expected


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("", "is not a channel"),
        ("Chat", "is not a channel"),
        ("phone", "is not a channel"),
        ("http://x", "is not a channel"),
        ("15551234567", "E.164"),
        ("+0551234567", "E.164"),
        ("+123456", "E.164"),
        ("+1234567890123456", "E.164"),
        ("+1555١٢٣٤٥٦٧", "is not a channel"),
        ("+1555\uff11\uff12\uff13\uff14\uff15\uff16\uff17", "is not a channel"),
        ("()", "E.164"),
        ("sip:", "SIP address"),
        ("sip:a b@c", "SIP address"),
        ("sip:lobby@acme.example:port", "SIP address"),
        ("sip:lobby@acme.example:70000", "SIP address"),
        ("sip:lobby@acme.example:0", "SIP address"),
        ("whatsapp:", "WhatsApp"),
        ("whatsapp:+15551234567", "WhatsApp"),
        ("whatsapp:12", "WhatsApp"),
    ],
)
def test_what_is_no_channel(written: str, words: str) -> None:
    said = parse_channel(written)
    assert isinstance(said, str)
    assert words in said


@pytest.mark.parametrize(
    ("kind", "ref", "expected"),
    [
        ("phone", "+1 555 123 4567", ChannelRef("phone", "+15551234567")),
        ("phone", "sip:lobby@acme.example", ChannelRef("sip", "sip:lobby@acme.example")),
        ("whatsapp", "106540352242922", ChannelRef("whatsapp", "106540352242922")),
        ("chat", "", ChannelRef("chat")),
    ],
)
def test_long_forms(kind: Kind, ref: str, expected: ChannelRef) -> None:
    assert parse_ref(kind, ref) == expected


@pytest.mark.parametrize(("kind", "ref"), [("phone", "5551234567"), ("sip", "+15551234567"), ("whatsapp", "")])
def test_long_forms_at_a_wrong_address(kind: Kind, ref: str) -> None:
    assert isinstance(parse_ref(kind, ref), str)


@pytest.mark.parametrize("written", ["chat", "+15551234567", "sip:lobby@acme.example", "whatsapp:106540352242922"])
def test_a_channel_is_shown_as_it_may_be_written(written: str) -> None:
    assert str(parse_channel(written)) == written


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("sip:lobby@acme.example", "SIP:Lobby@ACME.example:5060", True),
        ("sips:acme.example:5061", "sips:acme.example", True),
        ("sip:lobby@[::1]:5060", "sip:lobby@[::1]", True),
        ("sip:lobby@acme.example:5060;transport=tcp", "sip:lobby@acme.example;transport=tcp", True),
        ("sip:lobby@acme.example", "sips:lobby@acme.example", False),
        ("sip:lobby@acme.example:5061", "sip:lobby@acme.example", False),
        ("sip:lobby@acme.example;transport=tcp", "sip:lobby@acme.example", False),
        ("sip:5060@acme.example", "sip:acme.example", False),
    ],
)
def test_spellings_of_one_sip_address(one: str, other: str, same: bool) -> None:
    refs = [parse_channel(one), parse_channel(other)]
    identities = {ref.identity for ref in refs if isinstance(ref, ChannelRef)}
    assert len(identities) == (1 if same else 2)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("0034911234567", ("+34911234567", True)),
        ("00 34 (911) 234-567", ("+34911234567", True)),
        ("34911234567", ("+34911234567", False)),
        ("5551234567", ("", False)),
        ("+034911234567", ("", False)),
        ("000", ("", False)),
        ("01134911234567", ("", False)),
        ("3491123456712345", ("", False)),
        ("fax", ("", False)),
        ("", ("", False)),
    ],
)
def test_the_number_that_was_meant(written: str, expected: tuple[str, bool]) -> None:
    assert international(written) == expected
