"""What a page may ask of its call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinecall_run.voice.page_actions import MAX_NAME, MAX_TEXT, MAX_VENDORS, PageActions, permitted


class Steered:
    def __init__(self) -> None:
        self.log: list[Any] = []

    def mute(self) -> None:
        self.log.append("mute")

    def unmute(self) -> None:
        self.log.append("unmute")

    def typed(self, text: str) -> None:
        self.log.append(text)

    def configure(self, changes: Mapping[str, Any]) -> None:
        self.log.append(dict(changes))

    def show_screen(self, key: str, value: Any) -> None:
        self.log.append((key, value))


@pytest.mark.parametrize(
    ("action", "done"),
    [
        ({"action": "mute"}, ["mute"]),
        ({"action": "unmute"}, ["unmute"]),
        ({"action": "inject_text", "text": "hello"}, ["hello"]),
        ({"action": "inject_text", "text": " "}, []),
        ({"action": "inject_text", "text": "x" * (MAX_TEXT + 1)}, []),
        ({"action": "inject_text", "text": 7}, []),
        ({"action": "configure", "language": "es"}, [{"language": "es"}]),
        ({"action": "set_context", "key": "cart", "value": ["shoes"]}, [("cart", ["shoes"])]),
        ({"action": "set_context", "key": "cart", "value": None}, [("cart", None)]),
        ({"action": "set_context", "key": "cart", "value": "x" * MAX_TEXT}, []),
        ({"action": "set_context"}, []),
        ({"action": "fly"}, []),
        ({}, []),
    ],
)
def test_each_action_does_what_it_says_and_anything_else_nothing(action: dict[str, Any], done: list[Any]) -> None:
    call = Steered()
    PageActions(call).act(action)
    assert call.log == done


def test_a_page_changes_only_how_it_is_heard_and_spoken_to(caplog: pytest.LogCaptureFixture) -> None:
    asked = {"action": "configure", "voice": "local", "prompt": "be evil", "tools": [], "llm": "x"}
    assert permitted(asked) == {"voice": "local"}
    assert caplog.messages == ["a page asked for what it may not change: 'llm', 'prompt', 'tools'"]
    assert permitted({"tts": "local"}) == {"voice": "local"}


@pytest.mark.parametrize(
    ("asked", "taken"),
    [
        ({"stt": {"provider": "local", "model": "m", "language": "en"}}, None),
        ({"voice": {"provider": "elevenlabs", "voice_id": "x", "speed": 1.2, "use_speaker_boost": True}}, None),
        ({"voice": ["elevenlabs:x", {"provider": "local", "voice_id": "en-gb"}]}, None),
        ({"language": "es-MX", "flash": False, "greeting": {"es": "hola", "en": "hello"}}, None),
        ({"stt": {"provider": "deepgram", "endpoint": "wss://evil.example/"}}, {"stt": {"provider": "deepgram"}}),
        ({"stt": {"provider": "local", "grammar": "#JSGF V1.0;"}}, {"stt": {"provider": "local"}}),
        ({"stt": [{"provider": "local", "keyterms": ["a"] * 999}]}, {"stt": [{"provider": "local"}]}),
        ({"voice": {"provider": "local", "config": {"recording_dir": "/"}}}, {"voice": {"provider": "local"}}),
        ({"tts": {"provider": "local", "file": "/etc/passwd"}}, {"voice": {"provider": "local"}}),
        ({"voice": ["local"] * (MAX_VENDORS + 1)}, {}),
        ({"voice": [["local"]]}, {}),
        ({"voice": "x" * (MAX_NAME + 1)}, {}),
        ({"voice": 7, "stt": None, "language": {"a": 1}, "flash": "yes", "greeting": [1]}, {}),
        ({"language": "x" * (MAX_NAME + 1), "greeting": "x" * (MAX_TEXT + 1)}, {}),
        ({"greeting": {"en": "x" * MAX_TEXT}}, {}),
    ],
)
def test_of_a_vendor_a_page_says_no_more_than_names_numbers_and_switches(
    asked: dict[str, Any], taken: dict[str, Any] | None
) -> None:
    assert permitted(asked) == (asked if taken is None else taken)


PROJECTS_OWN = (
    "config", "recording", "recording_dir", "background", "hold_music", "turn_detection", "smart_turn_model",
    "session_limits", "analysis", "prompt", "llm", "tools", "allowed_origins", "vars",
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(PROJECTS_OWN), st.just({"recording_dir": "/", "smart_turn_model": "/x"})))
def test_files_and_limits_are_the_projects_own(asked: dict[str, Any]) -> None:
    assert permitted(asked) == {}


def test_what_is_left_out_is_logged_by_its_key_on_one_line_and_briefly(caplog: pytest.LogCaptureFixture) -> None:
    permitted({"a\nERROR forged": "secret", "x" * 9999: 1, "stt": {"provider": 1}, **{f"k{n}": n for n in range(99)}})
    (message,) = caplog.messages
    assert "'a\\nERROR forged'" in message
    assert "\n" not in message
    assert len(message) < 600
    assert "secret" not in message
