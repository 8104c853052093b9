"""TwiML, read back by the emulated Twilio's strict reader."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tests.emulators._twilio_twiml import parse

from pinecall_run.transports import twiml

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=20).map(str.strip)


def test_a_stream_has_its_address_and_parameters() -> None:
    (verb,) = parse(twiml.stream("wss://a.example/s", {"token": 'a"<b'}).encode())
    (noun,) = verb.nouns
    assert (verb.name, noun.name, noun.attributes["url"]) == ("Connect", "Stream", "wss://a.example/s")
    assert [dict(each.attributes) for each in noun.nouns] == [{"name": "token", "value": 'a"<b'}]


def test_a_call_is_turned_away_in_two_ways() -> None:
    reasons = [parse(twiml.reject(is_busy=is_busy).encode())[0].attributes["reason"] for is_busy in (True, False)]
    assert reasons == ["busy", "rejected"]


@given(TEXT.filter(bool), TEXT.filter(bool))
def test_nobodys_words_become_verbs(to: str, message: str) -> None:
    said, dialed = parse(twiml.forward(to, message=message, language="", whisper="").encode())
    assert (said.name, said.text) == ("Say", message)
    assert (dialed.name, dialed.nouns[0].text) == ("Dial", to)


def test_forwarding_to_numbers_and_to_sip() -> None:
    (dialed,) = parse(twiml.forward("sip:a@b.example", message="", language="es", whisper="https://a/b").encode())
    assert (dialed.nouns[0].name, dialed.nouns[0].attributes["url"]) == ("Sip", "https://a/b")
    said, dialed = parse(twiml.forward("+1555", message="Hola", language="es", whisper="").encode())
    assert said.attributes == {"language": "es-ES"}
    assert (dialed.nouns[0].name, dialed.nouns[0].attributes) == ("Number", {})


def test_who_comes_is_told_in_a_language_that_has_the_words() -> None:
    for language, spoken, begins in (("de", "de-DE", "Ein Anruf"), ("es-MX", "es-MX", "Una"), ("tlh", "en-US", "A c")):
        (said,) = parse(twiml.whispered("+15551", "", language).encode())
        assert (said.attributes["language"], said.text[: len(begins)]) == (spoken, begins)
        assert said.text.endswith("1 5 5 5 1.")


def test_whoever_takes_a_call_is_told_who_comes_and_what_it_is_about() -> None:
    who, what = parse(twiml.whispered("+1", "A lamp & <shade>", "es").encode())
    assert (who.text, what.text) == ("Una llamada de 1.", "A lamp & <shade>")
    assert who.attributes == what.attributes == {"language": "es-ES"}
    (what,) = parse(twiml.whispered("", "A lamp.", "").encode())
    assert (what.text, what.attributes) == ("A lamp.", {})
    assert twiml.whispered("", "", "es") == ""


def test_nothing_to_do_is_nothing() -> None:
    assert parse(twiml.EMPTY.encode()) == []


def test_a_farewell_is_said_and_nothing_follows() -> None:
    assert "<Response><Say>A &lt; B</Say></Response>" in twiml.farewell("A < B", "")
