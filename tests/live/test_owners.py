"""A process is known to be alive as long as it is, however it ends."""

from pathlib import Path

from tests.live._elsewhere import WRITE, elsewhere

from pinecall_run.live.journal_file import JournalFile
from pinecall_run.live.owners import Owners


def test_a_process_lives_until_it_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "w.journal"
    with elsewhere(path) as process:
        journal = JournalFile(path)
        journal.open()
        entry = journal.begin(WRITE).result(5)
        assert entry is not None
        assert journal.is_owner_alive(entry)
        assert journal.is_owner_alive(entry), "to look does not change it"
        process.kill()
        process.wait()
        assert not journal.is_owner_alive(entry)
    journal.close().result(5)


def test_a_process_knows_itself_and_nobody_it_has_not_seen(tmp_path: Path) -> None:
    owners = Owners(tmp_path / "owners")
    assert owners.lives(owners.mark)
    assert not owners.lives(owners.mark ^ 1)
    assert (tmp_path / "owners").stat().st_mode & 0o777 == 0o600
    owners.close()
