"""Calls share the model of a file, whoever is first, and are told where there is none."""

import asyncio
import logging
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from tests.voice._fakes import settle

from pinecall_run.voice.judges import Judges
from pinecall_run.voice.smart_turn import SmartTurnError


class FakeModel:
    """Loaded when it is let."""

    def __init__(self, goes_on: threading.Event) -> None:
        assert goes_on.wait(10)
        self.calls = 0
        self.is_closed = False

    def open(self, on_verdict: Any) -> Any:
        self.calls += 1
        return self

    async def close(self) -> None:
        self.is_closed = True


class Loader:
    def __init__(self) -> None:
        self.goes_on = threading.Event()
        self.goes_on.set()
        self.files: list[str] = []
        self.made: list[FakeModel] = []

    def __call__(self, file: str) -> Any:
        self.files.append(Path(file).name)
        model = FakeModel(self.goes_on)
        self.made.append(model)
        return model


def ignored(probability: float) -> None: ...


@pytest.fixture
def file(tmp_path: Path) -> str:
    (tmp_path / "turns.onnx").write_bytes(b"model")
    return str(tmp_path / "turns.onnx")


async def test_a_file_is_loaded_once_for_all_calls_off_the_loop(file: str) -> None:
    load = Loader()
    load.goes_on.clear()
    judges = Judges(load)
    waiting = [asyncio.create_task(judges.open(file, ignored)) for _ in range(3)]
    await settle()
    assert not any(task.done() for task in waiting)
    load.goes_on.set()
    assert len(set(await asyncio.gather(*waiting))) == 1
    await judges.open(file, ignored)
    await judges.open(file + "-2", ignored)
    assert load.files == ["turns.onnx", "turns.onnx-2"]
    await judges.close()
    assert [model.is_closed for model in load.made] == [True, True]


async def test_a_call_that_ends_while_it_waits_takes_nothing_from_the_others(file: str) -> None:
    load = Loader()
    load.goes_on.clear()
    judges = Judges(load)
    gone, stays = (asyncio.create_task(judges.open(file, ignored)) for _ in range(2))
    await settle()
    gone.cancel()
    await settle()
    load.goes_on.set()
    assert await stays is not None
    assert load.made[0].calls == 1
    await judges.close()


async def test_a_server_that_ends_while_a_model_is_loaded_lets_go_of_it(file: str) -> None:
    load = Loader()
    load.goes_on.clear()
    judges = Judges(load)
    waiting = asyncio.create_task(judges.open(file, ignored))
    await settle()
    waiting.cancel()
    closing = asyncio.create_task(judges.close())
    await settle()
    load.goes_on.set()
    await closing
    assert load.made[0].is_closed


async def test_a_changed_file_is_for_the_next_call_and_the_old_model_ends_with_its_last(file: str) -> None:
    load = Loader()
    judges = Judges(load)
    await judges.open(file, ignored)
    os.utime(file, ns=(1, 1))
    await judges.open(file, ignored)
    old, new = load.made
    await judges.open(file, ignored)
    assert (old.calls, new.calls, old.is_closed) == (1, 2, False)
    old.calls = 0
    await judges.open(file, ignored)
    assert (old.is_closed, new.is_closed) == (True, False)
    await judges.close()


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (SmartTurnError("the turn model x is not there"), "turns end by silence: the turn model x is not there"),
        (MemoryError("secret"), "turns end by silence, the turn model failed: MemoryError at test_judges.py"),
    ],
)
async def test_a_model_that_cannot_be_used_is_one_line_of_the_log(
    error: Exception, told: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def load(file: str) -> Any:
        raise error

    judges = Judges(load)
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            assert await judges.open(str(tmp_path / "gone.onnx"), ignored) is None
    (record,) = caplog.records
    assert record.message.startswith(told)
    (tmp_path / "gone.onnx").write_bytes(b"there now")
    assert await judges.open(str(tmp_path / "gone.onnx"), ignored) is None
    assert len(caplog.records) == 2, "it was tried again"
    await judges.close()


async def test_without_a_file_the_real_loader_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    judges = Judges()
    assert await judges.open(str(tmp_path / "gone.onnx"), ignored) is None
    assert "gone.onnx is not there" in caplog.text
    await judges.close()
