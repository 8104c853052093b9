"""``pinecall-run chat``: alone, joined to a running project, from a pipe, and refused."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.stories._stage import clean_environment, command, copy_project, edit, running

from pinecall_run.live.embedded import ports
from pinecall_run.voice.serving import listen


async def _chat(project: Path, *words: str, said: str, **environment: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *command("chat", *words), cwd=project, env=clean_environment(**environment),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(30):
        out, err = await process.communicate(said.encode())
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


EXPECTED = """\
  → lookup_order(order_id="ORD-1001")
  ← {"id": "ORD-1001", "customer": "Ada Byron", "item": "espresso machine", "status": "shipped", "expected": "Tuesday"}
support> Order ORD-1001, the espresso machine, is shipped and should arrive on Tuesday.
"""


async def test_a_piped_question_starts_what_it_needs(tmp_path: Path) -> None:
    project = copy_project(tmp_path)
    code, out, err = await _chat(project, "support", said="Where is order ORD-1001?\n")
    assert (code, out) == (0, EXPECTED)
    assert err == "(answers come from examples/shop/support.script.yaml, not from a language model)\n"


async def test_several_lines_are_answered_in_order_and_the_last_needs_no_newline(tmp_path: Path) -> None:
    code, out, _ = await _chat(copy_project(tmp_path), "sales", said="a kettle?\n\nespresso machine")
    assert code == 0
    assert [line for line in out.splitlines() if line.startswith("sales>")] == [
        "sales> The gooseneck kettle is 59.00 EUR, but it is sold out at the moment.",
        "sales> The espresso machine is 349.00 EUR; we have 4 in stock.",
    ]


def _usual_port() -> str:
    """A free one of those where a running project is looked for; it takes the highest, as others take the lowest."""
    listening = listen("127.0.0.1", sorted(ports(None)[:-1], reverse=True))
    listening.socket.close()
    return listening.url.rpartition(":")[2]


async def test_it_joins_the_running_project(tmp_path: Path) -> None:
    project = copy_project(tmp_path)
    async with running(project, "--port", _usual_port()) as program:
        code, out, _ = await _chat(project, said="Where is order ORD-1001?\n")
        assert (code, out) == (0, EXPECTED)
        await program.until(rf"tool lookup_order\(.*pid {program.pid}")


async def test_another_project_on_this_machine_is_not_joined(tmp_path: Path) -> None:
    first, second = tmp_path / "one", tmp_path / "two"
    async with running(copy_project(first), "--port", _usual_port()) as program:
        code, _, _ = await _chat(copy_project(second), said="hello\n")
        assert code == 0
        assert not any("began" in line for line in program.lines)


async def test_a_greeting_is_not_taken_for_the_answer(tmp_path: Path) -> None:
    project = copy_project(tmp_path)
    edit(
        project / "pinecall.yaml",
        lambda text: text.replace("    greeting: Acme", "    greeting_in_chat: true\n    greeting: Acme"),
    )
    code, out, _ = await _chat(project, said="ORD-1003\n")
    assert code == 0
    assert out.splitlines()[0] == "support> Acme support, hello. How can I help?"
    assert out.splitlines()[-1] == "support> Order ORD-1003, the gooseneck kettle, is delivered."


async def test_an_unknown_agent_is_a_usage_error(tmp_path: Path) -> None:
    code, out, err = await _chat(copy_project(tmp_path), "suport", said="hello\n")
    assert (code, out) == (2, "")
    assert "there is no agent suport; did you mean support?" in err


async def test_a_model_without_a_key_is_one_sentence(tmp_path: Path) -> None:
    code, out, err = await _chat(copy_project(tmp_path), said="hello\n", PINECALL_MODEL="gpt-4.1-mini")
    assert (code, out) == (1, "")
    assert "the model gpt-4.1-mini needs a key; set OPENAI_API_KEY where the voice server runs" in err
    assert "Traceback" not in err
