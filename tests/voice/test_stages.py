"""Who hears and who speaks, by what a configuration names."""

from __future__ import annotations

import pytest

from pinecall_run.providers.contracts import ProviderError
from pinecall_run.voice.stages import open_stages


def test_who_names_nobody_is_heard_and_spoken_to_offline() -> None:
    stages = open_stages({}, {})
    assert [ear.provider for ear in stages.ears] == ["local"]
    assert [voice.provider for voice in stages.voices] == ["local"]
    assert [note.partition(", offline")[0] for note in stages.notes] == [
        "calls are heard by pocketsphinx", "calls are spoken by espeak-ng",
    ]  # fmt: skip
    assert not stages.has_turns


def test_who_is_passed_over_is_said_with_who_goes_in_their_place() -> None:
    stages = open_stages({"stt": ["deepgram-flux", "local"], "voice": ["elevenlabs:x", "local"]}, {})
    passed = stages.notes[:2]
    assert [note.partition(":")[0] for note in passed] == ["stt", "voice"]
    assert all(note.endswith("using local") for note in passed)
    assert "deepgram-flux" in stages.notes[0]


def test_a_vendor_that_is_not_here_and_has_no_fallback_is_an_error() -> None:
    with pytest.raises(ProviderError, match="elevenlabs"):
        open_stages({"voice": "elevenlabs:x"}, {})
