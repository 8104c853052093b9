"""The project of docs/channels/outbound.md as it stands there: a tool calls somebody, and a machine answers."""

from __future__ import annotations

import re
from pathlib import Path

from tests._ports import free_port
from tests.emulators.twilio_server import twilio_server
from tests.stories._phone import NUMBER, OTHER
from tests.stories._stage import chatting, running

PAGE = (Path(__file__).resolve().parents[2] / "docs/channels/outbound.md").read_text(encoding="utf-8")
SCRIPT = """\
otherwise: Where can I reach you?
rules:
  - when: 'at (?P<number>[+]\\d+)'
    call: {call_back: {number: "{{ number }}"}}
    reply: "{{ call_back.error or 'I reached ' ~ call_back.reached }}."
"""


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found
    return found[1]


async def test_the_tool_of_the_page_leaves_word_on_a_machine_and_says_who_is_busy(tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    project = block("yaml").replace("https://voice.example.com", url)
    assert url in project
    (tmp_path / "pinecall.yaml").write_text(
        project.replace("    prompt:", "    model: scripted:script.yaml\n    prompt:")
    )
    (tmp_path / "script.yaml").write_text(SCRIPT)
    (tmp_path / "desk.py").write_text(block("python"))
    async with (
        twilio_server([NUMBER]) as twilio,
        running(tmp_path, "--port", str(port), "--show-content", **twilio.environ) as program,
        chatting(program.url, "desk") as chat,
    ):
        twilio.answered_by[OTHER] = "machine_end_beep"
        assert (await chat.ask(f"Call me at {OTHER}")).text == f"I reached {OTHER}."
        await program.until(r"ended \(client_hangup")
        said = [line.partition("agent: ")[2] for line in program.lines if " CA" in line and " agent: " in line]
        assert said == ["This is Acme: you wanted us to call.", "We will try again tomorrow. Goodbye."]
        assert twilio.requests[0][2]["MachineDetection"] == "DetectMessageEnd"
        twilio.outcomes[OTHER] = "busy"
        assert (await chat.ask(f"Again at {OTHER}")).text == f"{OTHER} was not reached: busy."
