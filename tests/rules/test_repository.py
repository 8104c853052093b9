"""The repository holds nothing of one machine, no registry of one network, and no secret."""

import re
import subprocess
from collections.abc import Iterable, Iterator

import pytest
from tests.rules._exceptions import check
from tests.rules._scan import ROOT, Finding, report

# what: what it looks like, what is wrong with it and what to do. The group is what a failed test prints:
# of a secret, no more than its prefix.
TRACES = {
    "machine-path": (
        re.compile(r"(?:^|[^A-Za-z0-9_])(/(?:root|home|work|Users)/[A-Za-z][\w./-]*)", re.MULTILINE),
        "is a path of one machine: make it relative",
    ),
    "registry": (
        re.compile(r"(?<![\w-])((?:pypi|pythonhosted|npmjs)\.org|npmjs\.com|deb\.debian\.org)\b"),
        "is the address of a package registry: leave it to the user's own settings",
    ),
    "secret": (
        re.compile(r"(?<![A-Za-z0-9])(sk-(?=[\w-]{20})|ghp_(?=\w{20})|AKIA(?=[0-9A-Z]{16}))", re.ASCII),
        "looks like a secret: take it out and revoke it",
    ),
}


def traces(files: Iterable[tuple[str, str]]) -> Iterator[Finding]:
    for path, text in files:
        for what, (pattern, wrong) in TRACES.items():
            for match in pattern.finditer(text):
                line = text.count("\n", 0, match.start(1)) + 1
                yield Finding(path, line, what, f"{match[1]} {wrong}")


def _files() -> Iterator[tuple[str, str]]:
    """What is tracked, or would be with the next `git add`; undecodable bytes do not matter here."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode()
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"git cannot list the repository: {error}")
    for path in filter(None, listed.split("\0")):
        if (ROOT / path).is_file():
            yield path, (ROOT / path).read_text(encoding="utf-8", errors="replace")


def test_the_repository_holds_nothing_of_one_machine_and_no_secret() -> None:
    check("repository", traces(_files()))


def test_paths_registries_and_secrets_are_caught() -> None:
    text = "\n".join(
        [
            "open('/home/ana/notes')",
            "/work/main",
            "https://example.com/home/ana, /homes/x, and /tmp/x are fine",
            "see https://files.pythonhosted.org/x and https://pypi.org/simple",
            "notpypi.org and risk-assessment-of-everything-there-is are fine",
            "key = sk-abcdefghijklmnopqrstuvwx",
            "ghp_abcdefghijklmnopqrstuvwx AKIAABCDEFGHIJKLMNOP sk-short",
        ]
    )
    assert report(traces([("docs/a.md", text)])) == [
        "docs/a.md:1: /home/ana/notes is a path of one machine: make it relative",
        "docs/a.md:2: /work/main is a path of one machine: make it relative",
        *(
            f"docs/a.md:4: {host} is the address of a package registry: leave it to the user's own settings"
            for host in ("pypi.org", "pythonhosted.org")
        ),
        "docs/a.md:6: sk- looks like a secret: take it out and revoke it",
        "docs/a.md:7: AKIA looks like a secret: take it out and revoke it",
        "docs/a.md:7: ghp_ looks like a secret: take it out and revoke it",
    ]
