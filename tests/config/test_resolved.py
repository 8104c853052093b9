"""A project's values with every variable filled in and every secret masked."""

from typing import Any

from pinecall_run.config.resolved import at, escaped, resolved, shape_at
from pinecall_run.config.variables import substitute
from pinecall_run.resources import schema
from pinecall_run.source.document import Document

TEXT = """\
version: 1
server: {url: "${URL}", api_key: "${KEY}"}
agents:
  desk:
    prompt: "$${x} costs $5, $$ and ${NAME}"
    channels:
      - {type: whatsapp, ref: "12345678", access_token: plain, app_secret: "${GONE}", verify_token: ""}
    session_limits: {idle_timeout_seconds: "${IDLE}"}
"""


def values(text: str = TEXT, **environ: str) -> Any:
    document, _ = Document.parse(text, "pinecall.yaml")
    return resolved(document, schema("pinecall"), environ)


def test_variables_have_their_values_and_secrets_are_masked() -> None:
    found = values(URL="wss://v.example", KEY="canary", NAME="${NAME}", IDLE="30")
    assert found["server"] == {"url": "wss://v.example", "api_key": "***"}
    assert found["agents"]["desk"]["session_limits"] == {"idle_timeout_seconds": 30}
    (channel,) = found["agents"]["desk"]["channels"]
    assert channel["access_token"] == "***"
    assert channel["app_secret"] == "${GONE}", "not set: what is written says which variable is wanted"
    assert channel["verify_token"] == ""


def test_a_secret_is_masked_whatever_is_written_in_its_place() -> None:
    assert values("server: {url: x, api_key: [a, {b: c}]}") == {"server": {"url": "x", "api_key": "***"}}


def test_what_is_printed_means_the_same_when_read_again() -> None:
    found = values(URL="", KEY="", NAME="${NAME}", IDLE="")["agents"]["desk"]["prompt"]
    assert substitute(found, {}).text == "${x} costs $5, $ and ${NAME}"
    for text in ("$", "$$", "$$$", "${", "$${", "$$${", "a$", "$a", "${X} $ ${", "$5"):
        assert substitute(escaped(text), {}).text == text
        assert substitute(escaped(text), {}).problems == ()


def test_a_route_leads_to_a_value_and_to_what_may_stand_there() -> None:
    assert at({"a": [{"b": 1}]}, ("a", 0, "b")) == 1
    assert at({"a": []}, ("a", 0)) is at({"a": 3}, ("a", "b")) is at({}, ("a",)) is None
    limits = shape_at(schema("pinecall"), ("agents", "desk", "session_limits"))
    assert "idle_timeout_seconds" in limits.keys
    assert not limits.is_open
    assert limits.child("idle_timeout_seconds").default == 60
    assert shape_at(schema("pinecall"), ("agents", "desk", "channels", 3, "app_secret")).is_secret
    assert shape_at(schema("pinecall"), ("agents", "desk", "voice")).is_open


def test_what_an_option_is_depends_on_its_vendor() -> None:
    route = ("agents", "desk", "voice", "speed")
    here = {"agents": {"desk": {"voice": {"provider": "local"}}}}
    elsewhere = {"agents": {"desk": {"voice": {"provider": "rime"}}}}
    assert shape_at(schema("pinecall"), route, here).default == 1
    assert not shape_at(schema("pinecall"), route, elsewhere).is_known
