"""What has one sure remedy is mended, and nothing that has not."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.live._projects import project

from pinecall_run.live.load import Checked, check_project
from pinecall_run.live.mend import Mended, mend_project
from pinecall_run.live.project import Project
from pinecall_run.source.diagnostic import has_errors

TOOLS = {"shoptools_DOT_py": "def lookup_order() -> None:\n    'Look it up.'\n\ndef _private(): ...\n"}


def mended(folder: Path, config: str, select: tuple[str, ...] = (), **files: str) -> tuple[str, Mended]:
    """The configuration after mending, and all that mending says."""
    result = mend_project(Project.at(project(folder, config, **files)), {}, select)
    changed = {change.path.name: change.after.decode() for change in result.changes}
    return changed.get("pinecall.yaml", config), result


def agent(rest: str) -> str:
    return f"version: 1\nagents:\n  desk:\n    prompt: Hello. # 😀\n    channels: [chat]\n{rest}"


SURE = {
    "a key": ("    langauge: en # c\n", "    language: en # c\n", "renamed langauge to language"),
    "a quoted key": ('    "greting": x\n', '    "greeting": x\n', "renamed greting to greeting"),
    "another use of case": ("    greetingInChat: true\n", "    greeting_in_chat: true\n", "renamed greetingInChat to"),
    "a key in brackets": (
        "    interruption: {min_word: 3}\n",
        "    interruption: {min_words: 3}\n",
        "renamed min_word to min_words",
    ),
    "a truth value": ("    greeting_in_chat: yes # c\n", "    greeting_in_chat: true # c\n", "changed yes to true"),
    "another": ("    interruption: Off\n", "    interruption: false\n", "changed Off to false"),
    "a quoted truth value": ("    interruption: 'true'\n", "    interruption: true\n", "took the quotes off true"),
    "a quoted number": (
        '    interruption: {min_words: "3"}\n',
        "    interruption: {min_words: 3}\n",
        "took the quotes",
    ),
    "a variable in brackets": (
        "    stt: {provider: ${STT:-flux}, keyterms: [a]} # c\n",
        '    stt: {provider: "${STT:-flux}", keyterms: [a]} # c\n',
        "put quotes around what has a variable",
    ),
    "a zone": (
        "    timezone: europe/madrid\n",
        "    timezone: Europe/Madrid\n",
        "changed europe/madrid to Europe/Madrid",
    ),
    "a tool": (
        "    tools: {look: 'shoptools:lookup_ordr'}\n",
        "    tools: {look: 'shoptools:lookup_order'}\n",
        "changed shoptools:lookup_ordr to shoptools:lookup_order",
    ),
}


@pytest.mark.parametrize("name", SURE)
def test_what_is_sure_is_mended(tmp_path: Path, name: str) -> None:
    before, after, title = SURE[name]
    text, result = mended(tmp_path, agent(before), **TOOLS)
    assert text == agent(after)
    assert [finding.fix.title[: len(title)] for finding in result.fixed if finding.fix] == [title]
    assert result.left.diagnostics == []


@pytest.mark.parametrize(
    "rest",
    [
        "    wheather: x\n",
        "    language: en\n    langauge: es\n",  # the key that was meant is there
        "    langauge: en\n    languge: es\n",  # two that mean one
        "    &x langauge: en\n",
        "    greeting_in_chat: maybe\n",
        "    greeting_in_chat: ${X:-yes}\n",
        "    timezone: Mars/Base\n",
        "    tools: {look: shoptools.lookup_orderz9}\n",
        "    tools: {look: shoptools.private}\n",
        "    tools: {look: shoptools.mookup_order}\n",  # among authors' names a letter may make the difference
        "    session_limits: {idle_timeout_seconds: thirty}\n",
    ],
)
def test_what_is_not_sure_is_left(tmp_path: Path, rest: str) -> None:
    text, result = mended(tmp_path, agent(rest), **TOOLS)
    assert (text, result.fixed, result.changes) == (agent(rest), [], [])
    assert has_errors(result.left.diagnostics)


def test_one_fix_brings_out_the_next(tmp_path: Path) -> None:
    config = (
        'version: "1"\nagents:\n  desk:\n    promt: {file: prompts/dsk.j2, vars: {name: x}}\n'
        "    channels: [webrct, {type: Chat}]\n    model: {model: ${M:-x}}\n"
    )
    text, result = mended(tmp_path, config, prompts__desk_DOT_j2="You are {{ nmae }}.\n")
    assert text == (
        "version: 1\nagents:\n  desk:\n    prompt: {file: prompts/desk.j2, vars: {name: x}}\n"
        '    channels: [webrtc, {type: chat}]\n    model: {model: "${M:-x}"}\n'
    )
    codes = [finding.code for finding in result.fixed]
    assert codes[0] == "PCR003", "what cannot be read hides the rest"
    assert sorted(codes) == ["PCR001", "PCR003", "PCR101", "PCR104", "PCR104", "PCR302", "PCR502"]
    assert result.left.diagnostics == []
    template = next(change for change in result.changes if change.path.name == "desk.j2")
    assert template.after == b"You are {{ name }}.\n"
    assert template.path.read_bytes() == template.before  # nothing is written yet


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("{{ nmae }}", "{{ name }}"),
        ("ok {% if nmae %}x{% endif %}", "ok {% if name %}x{% endif %}"),
        ("{{ nmae }}\n{{ nmae|upper }} {{ name }}", "{{ name }}\n{{ name|upper }} {{ name }}"),
        ("{{ nmae }}\n{{ nmae|upper }}", None),  # or is `name` what is misspelt
        ("{{ tmie }}\n{{ tmie }}", "{{ time }}\n{{ time }}"),
        ("${SEVERAL:-long words} {{ nmae }}", "${SEVERAL:-long words} {{ name }}"),
        ("nmae {{ nmae }}", None),  # which of them is meant
        ("{{ nmae ~ nmae }}", None),
        ("{{ 'a' ~ nmae }} {{ \"nmae\" }}", None),
        ("{{\n nmae }}", None),
        ("{{ mane }}", None),
    ],
)
def test_a_prompt_variable_is_mended_where_it_is_the_only_one(
    tmp_path: Path, prompt: str, expected: str | None
) -> None:
    def config(text: str) -> str:
        lines = "".join(f"        {line}\n" for line in text.split("\n"))
        head = "version: 1\nagents:\n  a:\n    channels: [chat]\n    prompt:\n"
        return f"{head}      vars: {{name: x}}\n      text: |\n{lines}"

    text, _ = mended(tmp_path, config(prompt))
    assert text == config(expected or prompt)


def test_a_template_that_agents_share_with_other_variables_is_left(tmp_path: Path) -> None:
    config = (
        "version: 1\nagents:\n"
        "  a: {prompt: {file: p.j2, vars: {name: x}}, channels: [chat]}\n"
        "  b: {prompt: {file: p.j2, vars: {nmae: x}}, channels: [chat]}\n"
    )
    _, result = mended(tmp_path, config, p_DOT_j2="{{ nmae }}\n")
    assert (result.fixed, result.changes) == ([], [])
    assert [finding.code for finding in result.left.diagnostics] == ["PCR302"]


def test_a_wrong_key_that_agents_merge_is_mended_once_where_it_is_written(tmp_path: Path) -> None:
    config = (
        "version: 1\nx-base: &base\n  langauge: en # c\n  channels: [chat]\n"
        "agents:\n  a: {<<: *base, prompt: x}\n  b: {<<: *base, prompt: x}\n"
    )
    text, result = mended(tmp_path, config)
    assert text == config.replace("langauge", "language")
    assert result.left.diagnostics == []


def test_a_fix_that_makes_the_file_unreadable_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pinecall_run.live.mend.apply_edits", lambda text, edits: "a: [")
    _, result = mended(tmp_path, agent("    langauge: en\n"))
    assert (result.fixed, result.changes) == ([], [])
    assert [finding.code for finding in result.left.diagnostics] == ["PCR101"]


def test_only_selected_codes_are_mended(tmp_path: Path) -> None:
    text, result = mended(tmp_path, agent("    langauge: en\n    greeting_in_chat: no\n"), ("PCR103",))
    assert text == agent("    langauge: en\n    greeting_in_chat: false\n")
    assert [finding.code for finding in result.left.diagnostics] == ["PCR101"]


def test_a_byte_order_mark_and_line_endings_stay(tmp_path: Path) -> None:
    data = b"\xef\xbb\xbf" + agent("    langauge: en\n").replace("\n", "\r\n").encode()
    (tmp_path / "pinecall.yaml").write_bytes(data)
    (change,) = mend_project(Project.at(tmp_path), {}).changes
    assert change.after == data.replace(b"langauge", b"language")


TYPOS = st.lists(
    st.tuples(st.integers(0, 10_000), st.sampled_from(["", "x", "yes", "${X}", " ", '"', "&a ", "\n", "e"]))
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TYPOS)
def test_mending_ends_and_a_second_time_finds_nothing(tmp_path: Path, typos: list[tuple[int, str]]) -> None:
    text = agent("    language: en\n    stt: {provider: x, keyterms: [a]}\n    interruption: {min_words: 3}\n")
    for place, piece in typos[:4]:
        at = place % len(text)
        text = text[:at] + piece + text[at + 1 :]
    (tmp_path / "pinecall.yaml").write_bytes(text.encode())
    path = Project.at(tmp_path)
    first = mend_project(path, {})
    before = check_project(path, {})
    for change in first.changes:
        change.write()
    assert has_errors(first.left.diagnostics) <= has_errors(before.diagnostics)
    assert first.left.diagnostics == check_project(path, {}).diagnostics
    assert mend_project(path, {}).changes == []
    assert "# 😀" in (tmp_path / "pinecall.yaml").read_text() or "# 😀" not in text


@pytest.mark.parametrize("now", [None, "version: 1 # somebody else saved it a moment ago\n"])
def test_a_file_that_is_not_what_was_checked_any_more_is_left_alone(
    now: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = project(tmp_path, agent("    langauge: en\n")) / "pinecall.yaml"

    def check_then_change(*given: Any, **more: Any) -> Checked:
        checked = check_project(*given, **more)
        file.unlink(missing_ok=True)
        if now is not None:
            file.write_text(now)
        return checked

    monkeypatch.setattr("pinecall_run.live.mend.check_everywhere", check_then_change)
    assert mend_project(Project.at(tmp_path), {}).changes == []
