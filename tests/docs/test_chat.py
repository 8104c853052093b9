"""docs/channels/chat.md: its project is sound, and its numbers and sentences are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.rules._scan import ROOT

from pinecall_run.cli.validate import command
from pinecall_run.transports import _allowance, chat
from pinecall_run.voice import chat_session, conversation, conversations, threads, token_door, tokens

PAGE = (ROOT / "docs/channels/chat.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("block", re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))
def test_a_project_of_the_page_is_sound(block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("pinecall.yaml").write_text(block)
    assert CliRunner().invoke(command, []).output == "pinecall.yaml: 1 agent, no findings\n"


@pytest.mark.parametrize(
    "sentence",
    [
        f"| a message | {chat.MAX_TEXT:,} characters",
        f"| messages | {chat.MESSAGES_PER_SECOND} a second, after {chat.MESSAGES} at once |",
        f"| messages that wait for their answers | {chat_session.WAITING} |",
        f"Up to {chat_session.WAITING} messages may wait",
        f"| a key and its value in `set_context` | {chat.MAX_TEXT:,} bytes",
        f"| {conversation.SCREEN_KEYS}, and {conversation.SCREEN_CHARACTERS:,} characters |",
        f"| frames of any kind | {_allowance.PER_SECOND} a second, after {_allowance.BURST} at once |",
        f"| frames that the page left unread | {chat.OUTBOX:,} | the socket closes with {chat.TRY_AGAIN} |",
        f"for {threads.LIFETIME_SECONDS / 60:.0f} minutes after its last connection",
        f"its latest {threads.THREAD_BYTES // 1024} KiB",
        f"at most {threads.MAX_THREADS:,} and {threads.MAX_BYTES // 2**20} MiB",
        f"nothing is said in for {conversations.IDLE_SECONDS / 60:.0f} minutes",
        f"once, within {tokens.LIFETIME_SECONDS:.0f} s",
        f"at most {token_door.MAX_METADATA} characters",
        f"`{threads.RESUMED}`",
    ],
)
def test_its_numbers_are_those_of_the_code(sentence: str) -> None:
    assert sentence in PAGE


def test_its_frames_are_those_of_the_socket() -> None:
    source = Path(chat.__file__).read_text(encoding="utf-8")
    told = set(re.findall(r"`(chat\.\w+)`", PAGE))
    assert told == set(re.findall(r'"(chat\.\w+)"', source))


def test_refusals_are_worded_as_in_the_code() -> None:
    written = "".join(Path(module.__file__).read_text(encoding="utf-8") for module in (tokens, chat_session))
    refusals = re.findall(r"\| `(the token [^`]+)` \|", PAGE)
    assert len(refusals) == 3
    assert [sentence for sentence in refusals if f'"{sentence}"' not in written] == []
