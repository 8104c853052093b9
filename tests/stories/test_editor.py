"""What an editor shows: a YAML language server reads the schema that a project's first line names."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import pytest
from tests.stories._stage import ROOT

PATIENCE = 30.0
SERVER = os.environ.get("YAML_LANGUAGE_SERVER") or shutil.which("yaml-language-server")
"""The program; ``.ci/run`` installs it with npm into a cache outside of the repository."""

pytestmark = [
    pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed"),
    pytest.mark.skipif(
        SERVER is None or not Path(SERVER).exists(),
        reason="yaml-language-server is not there: install it with npm, or name it in YAML_LANGUAGE_SERVER",
    ),
]

TEXT = """\
# yaml-language-server: $schema=pinecall.schema.json
version: 1
agents:
  desk:
    prompt: You are the desk.
    voise: elevenlabs:EXAVITQu4vr4xnSDxMaL
    greeting_in_chat: true
    \n"""


class Server:
    """The server as a process, spoken to as the Language Server Protocol says: JSON with a header of its length
    (https://microsoft.github.io/language-server-protocol/specifications/lsp/3.17/specification/#baseProtocol)."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._count = 0
        self._heard: Queue[dict[str, Any] | None] = Queue()
        self._kept: list[dict[str, Any]] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        while header := self._process.stdout.readline():
            if header.lower().startswith(b"content-length:"):
                length = int(header.split(b":")[1])
                while self._process.stdout.readline().strip():
                    pass  # other headers, up to the empty line
                self._heard.put(json.loads(self._process.stdout.read(length)))
        self._heard.put(None)

    def send(self, method: str, params: Any, **more: Any) -> None:
        self._write({"jsonrpc": "2.0", "method": method, "params": params, **more})

    def _write(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        data = json.dumps(message).encode()
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(data), data))
        self._process.stdin.flush()

    def ask(self, method: str, params: Any) -> Any:
        self._count += 1
        self.send(method, params, id=self._count)
        answer = self.until(lambda message: message.get("id") == self._count and "method" not in message)
        assert "error" not in answer, answer
        return answer["result"]

    def until(self, wanted: Any) -> dict[str, Any]:
        """The next message that is wanted; what the server asks for on the way is answered with nothing."""
        while True:
            try:
                message = self._heard.get(timeout=PATIENCE)
            except Empty:
                pytest.fail("the language server says nothing")
            if message is None:
                pytest.fail("the language server ended")
            if wanted(message):
                return message
            if "method" in message and "id" in message:
                count = len(message.get("params", {}).get("items", [])) if "configuration" in message["method"] else 0
                self._write({"jsonrpc": "2.0", "id": message["id"], "result": [None] * count if count else None})

    def findings(self, uri: str) -> list[dict[str, Any]]:
        """The first diagnostics of a document that are not empty."""
        message = self.until(
            lambda message: (
                message.get("method") == "textDocument/publishDiagnostics"
                and message["params"]["uri"] == uri
                and message["params"]["diagnostics"]
            )
        )
        found: list[dict[str, Any]] = message["params"]["diagnostics"]
        return found


@contextmanager
def _serving(folder: Path) -> Iterator[Server]:
    assert SERVER is not None
    words = [str(SERVER), "--stdio"]
    with subprocess.Popen(words, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        server = Server(process)
        try:
            capabilities = {"textDocument": {"hover": {"contentFormat": ["markdown"]}}}
            root = {"uri": folder.as_uri(), "name": "project"}
            asked = {"processId": os.getpid(), "rootUri": folder.as_uri(), "workspaceFolders": [root]}
            server.ask("initialize", {**asked, "capabilities": capabilities})
            server.send("initialized", {})
            options = {"validate": True, "completion": True, "hover": True, "schemaStore": {"enable": False}}
            server.send("workspace/didChangeConfiguration", {"settings": {"yaml": options}})
            yield server
        finally:
            process.kill()
            server._reader.join(5)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, str]]:
    """A server with a pinecall.yaml open, and the document's address."""
    folder = tmp_path_factory.mktemp("editor")
    shutil.copy(ROOT / "schemas/pinecall.schema.json", folder)
    file = folder / "pinecall.yaml"
    file.write_text(TEXT)
    with _serving(folder) as server:
        uri = file.as_uri()
        server.send("textDocument/didOpen", {"textDocument": {
            "uri": uri, "languageId": "yaml", "version": 1, "text": TEXT}})  # fmt: skip
        yield server, uri


def _schema() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((ROOT / "schemas/pinecall.schema.json").read_text(encoding="utf-8"))
    return loaded


def _at(uri: str, line: int, character: int) -> dict[str, Any]:
    return {"textDocument": {"uri": uri}, "position": {"line": line, "character": character}}


def test_a_wrong_key_is_marked_where_it_stands(opened: tuple[Server, str]) -> None:
    server, uri = opened
    found = server.findings(uri)
    assert [(one["range"]["start"]["line"], one["range"]["start"]["character"]) for one in found] == [(5, 4)]
    assert "voise" in found[0]["message"]


def test_inside_an_agent_its_keys_are_offered_with_their_descriptions(opened: tuple[Server, str]) -> None:
    server, uri = opened
    answer = server.ask("textDocument/completion", _at(uri, 7, 4))
    items = {item["label"]: item for item in (answer["items"] if isinstance(answer, dict) else answer)}
    agent = _schema()["$defs"]["agent"]["properties"]
    assert set(agent) - {"prompt", "greeting_in_chat"} <= set(items)
    assert "greeting_in_chat" not in items  # it is there already
    for key in ("channels", "tools", "timezone", "allowed_origins"):
        said = items[key].get("documentation")
        assert agent[key]["description"] in (said["value"] if isinstance(said, dict) else str(said))


def test_a_key_explains_itself(opened: tuple[Server, str]) -> None:
    server, uri = opened
    answer = server.ask("textDocument/hover", _at(uri, 6, 8))
    said = answer["contents"]["value"]
    # the server escapes some of Markdown's characters
    assert _schema()["$defs"]["agent"]["properties"]["greeting_in_chat"]["description"] in said.replace("\\", "")
