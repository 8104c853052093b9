"""Who hears and who speaks, by what a configuration names."""

from __future__ import annotations

import sys

import pytest

from pinecall_run.providers.contracts import ProviderError
from pinecall_run.vendors.table import served
from pinecall_run.voice import stages as stages_module
from pinecall_run.voice.stages import open_stages


def test_who_names_nobody_is_heard_and_spoken_to_offline() -> None:
    stages = open_stages({}, {})
    assert [ear.provider for ear in stages.ears] == ["local"]
    assert [voice.provider for voice in stages.voices] == ["local"]
    assert stages.notes == [
        "calls are heard by pocketsphinx and spoken by espeak-ng, offline: demo grade, English only"
    ]
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


def test_where_nobody_can_hear_each_of_them_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "pinecall_run.providers.local_ear", raising=False)
    for package in ("pocketsphinx", "espeakng_loader"):
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ProviderError) as raised:
        open_stages({"stt": ["soniox", "local"]}, {})
    assert str(raised.value) == (
        f"soniox is not served here (served: {', '.join(sorted(served('stt')))}); "
        "the speech-to-text provider local is not installed (install it with: pip install 'pinecall-run[local]')"
    )


@pytest.mark.parametrize(
    ("stt", "voice", "notes"),
    [
        ("local", "vendor", ["calls are heard by pocketsphinx, offline: demo grade, English only"]),
        ("vendor", "local", ["calls are spoken by espeak-ng, offline: demo grade"]),
        ("vendor", "vendor", []),
    ],
)
def test_only_what_is_offline_is_said_to_be(
    stt: str, voice: str, notes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages_module, "open_stt", lambda spec, _: object())
    monkeypatch.setattr(stages_module, "open_tts", lambda spec, _: object())
    assert open_stages({"stt": stt, "voice": voice}, {}).notes == notes
