"""A change of content is noticed once, however the file came to have it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.live._projects import write

from pinecall_run.live import watch as module
from pinecall_run.live.watch import Fingerprint, fingerprint, watch

PATIENCE = 5.0


class Watching:
    """A watched set of files; ``loaded`` is what was read of them last."""

    def __init__(self, *files: Path) -> None:
        self.loaded: Fingerprint = fingerprint(files)
        self.stop = asyncio.Event()
        self._changes = watch(lambda: self.loaded, self.stop, poll_milliseconds=50)
        self._next: asyncio.Task[list[Path]] | None = None

    async def begin(self) -> None:
        self._next = asyncio.ensure_future(anext(self._changes))
        await asyncio.sleep(0.03)  # the system's watches are there, or the next look finds it

    async def change(self, *, reloads: bool = True) -> list[str]:
        if self._next is None:
            self._next = asyncio.ensure_future(anext(self._changes))
        files = await asyncio.wait_for(self._next, PATIENCE)
        if reloads:
            self.loaded = fingerprint(self.loaded)
        self._next = asyncio.ensure_future(anext(self._changes))
        return [file.name for file in files]

    async def silence(self, seconds: float = 0.12) -> bool:
        assert self._next is not None
        await asyncio.wait([self._next], timeout=seconds)
        return not self._next.done()

    async def end(self) -> None:
        self.stop.set()
        if self._next is not None:
            with pytest.raises(StopAsyncIteration):
                await asyncio.wait_for(self._next, 1.0)


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Watching]:
    files = [write(tmp_path / "a.yaml", "one"), write(tmp_path / "prompts" / "p.md", "one"), tmp_path / "later.md"]
    watching = Watching(*files)
    await watching.begin()
    yield watching
    await watching.end()


def edit_in_place(file: Path) -> None:
    file.write_text("two")


def edit_in_place_with_the_same_size_and_time(file: Path) -> None:
    before = file.stat()
    file.write_text("eno")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def rename_over_it(file: Path) -> None:
    os.replace(write(file.with_suffix(".tmp"), "two"), file)


def move_away_and_write_anew(file: Path) -> None:
    file.rename(file.with_suffix(".bak"))
    file.write_text("two")


def replace_by_a_link(file: Path) -> None:
    target = write(file.parent.parent / "elsewhere" / "target", "two")
    file.unlink()
    file.symlink_to(target)


@pytest.mark.parametrize(
    "edit",
    [
        edit_in_place,
        edit_in_place_with_the_same_size_and_time,
        rename_over_it,
        move_away_and_write_anew,
        replace_by_a_link,
        Path.unlink,
    ],
)
@pytest.mark.parametrize("name", ["a.yaml", "prompts/p.md"])
async def test_every_way_to_change_a_file(watched: Watching, tmp_path: Path, edit: object, name: str) -> None:
    edit(tmp_path / name)  # type: ignore[operator]
    assert await watched.change() == [Path(name).name]
    assert await watched.silence(0.08)


async def test_a_file_that_was_missing_appears_even_in_a_folder_that_was_missing(tmp_path: Path) -> None:
    watching = Watching(write(tmp_path / "a.yaml", ""), tmp_path / "new" / "folder" / "p.md")
    await watching.begin()
    write(tmp_path / "new" / "folder" / "p.md", "here")
    assert await watching.change() == ["p.md"]
    write(tmp_path / "new" / "folder" / "p.md", "again")
    assert await watching.change() == ["p.md"]
    await watching.end()


async def test_a_mounted_folder_is_swapped_by_its_link(tmp_path: Path) -> None:
    """As Kubernetes updates a ConfigMap: files are links through ``..data``, which is replaced by rename."""
    for release in ("..one", "..two"):
        write(tmp_path / release / "a.yaml", "same")
        write(tmp_path / release / "p.md", release)
    (tmp_path / "..data").symlink_to("..one")
    for name in ("a.yaml", "p.md"):
        (tmp_path / name).symlink_to(f"..data/{name}")
    watching = Watching(tmp_path / "a.yaml", tmp_path / "p.md")
    await watching.begin()
    (tmp_path / "..data_tmp").symlink_to("..two")
    os.replace(tmp_path / "..data_tmp", tmp_path / "..data")
    assert await watching.change() == ["p.md"]
    await watching.end()


async def test_several_edits_at_once_are_one_change(watched: Watching, tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / "a.yaml").write_text(f"edit {number}")
    (tmp_path / "later.md").write_text("here")
    (tmp_path / "prompts" / "p.md").write_text("two")
    assert await watched.change() == ["a.yaml", "later.md", "p.md"]
    assert await watched.silence()


async def test_other_files_and_touches_are_no_change(watched: Watching, tmp_path: Path) -> None:
    write(tmp_path / "other.yaml", "x")
    (tmp_path / "a.yaml").touch()
    (tmp_path / "a.yaml").write_text("one")
    assert await watched.silence()


async def test_what_changed_before_anybody_watched_is_noticed(tmp_path: Path) -> None:
    watching = Watching(write(tmp_path / "a.yaml", "as it was loaded"))
    write(tmp_path / "a.yaml", "edited while the server started")
    assert await watching.change() == ["a.yaml"]
    await watching.end()


async def test_a_file_that_no_longer_matters_is_no_change(watched: Watching, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("two")
    assert await watched.change() == ["a.yaml"]
    watched.loaded = {file: known for file, known in watched.loaded.items() if file.name != "p.md"}
    (tmp_path / "prompts" / "p.md").write_text("two")
    (tmp_path / "a.yaml").write_text("three")
    assert await watched.change() == ["a.yaml"]


async def test_code_that_is_not_loaded_again_is_noticed_once_for_each_content(
    watched: Watching, tmp_path: Path
) -> None:
    for text in ("two", "three"):
        (tmp_path / "a.yaml").write_text(text)
        assert await watched.change(reloads=False) == ["a.yaml"]
        (tmp_path / "later.md").write_text(text)
        assert await watched.change(reloads=False) == ["later.md"]
    (tmp_path / "a.yaml").write_text("one")  # as it is loaded: nothing to tell
    assert await watched.silence()


async def test_where_the_system_watches_nothing_the_clock_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*folders: Path, **_: object) -> AsyncIterator[None]:
        raise OSError(28, "no space left on device")  # what inotify says when its watches are used up

    monkeypatch.setattr(module, "awatch", refuse)
    watching = Watching(write(tmp_path / "a.yaml", "one"))
    await watching.begin()
    for text in ("two", "three"):
        write(tmp_path / "a.yaml", text)
        assert await watching.change() == ["a.yaml"]
    await watching.end()


async def test_a_file_that_is_away_for_a_moment_has_not_changed(watched: Watching, tmp_path: Path) -> None:
    for name in ("a.yaml", "prompts/p.md"):
        (tmp_path / name).rename(tmp_path / "away")
        await asyncio.sleep(0.06)
        (tmp_path / "away").rename(tmp_path / name)
        assert await watched.silence(0.2)


async def test_a_folder_that_vanishes_and_returns(watched: Watching, tmp_path: Path) -> None:
    (tmp_path / "prompts").rename(tmp_path / "away")
    assert await watched.change() == ["p.md"]
    (tmp_path / "away").rename(tmp_path / "prompts")
    assert await watched.change() == ["p.md"]
    (tmp_path / "prompts" / "p.md").write_text("two")
    assert await watched.change() == ["p.md"]
