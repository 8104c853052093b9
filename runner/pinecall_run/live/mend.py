"""A project's sure fixes applied, round after round, until there is nothing more to fix."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from pinecall_run.live.everywhere import check_everywhere
from pinecall_run.live.files import read_file
from pinecall_run.live.load import Checked
from pinecall_run.live.project import Project, content_hash
from pinecall_run.live.rewrite import Change, encoded
from pinecall_run.source.diagnostic import Diagnostic, in_order
from pinecall_run.source.fix import apply_edits, compatible, is_editable

MAX_ROUNDS = 100
"""One fix may bring out what another stage of the check finds, but not without end."""


@dataclass(frozen=True, slots=True)
class Mended:
    """What was fixed, the files that this changes, and what is left. Nothing is written yet."""

    fixed: list[Diagnostic]
    changes: list[Change]
    left: Checked


def mend_project(project: Project, environ: Mapping[str, str], select: Collection[str] = ()) -> Mended:
    """Apply every fix of the findings with a code of ``select`` (none stands for all)."""
    edited: dict[Path, bytes] = {}
    original: dict[Path, bytes] = {}
    fixed: list[Diagnostic] = []
    left = check_everywhere(project, environ)
    for _ in range(MAX_ROUNDS):
        chosen = compatible(f for f in in_order(left.diagnostics) if not select or f.code in select)
        chosen = [finding for finding in chosen if _can_edit(finding, left)]
        further = edited | _edit(chosen, left, edited, original)
        checked = check_everywhere(project, environ, edited=further)
        still = {(finding.code, finding.span, finding.message) for finding in checked.diagnostics}
        # A fix that leaves its finding, or makes the file unreadable, was none.
        if not chosen or _is_broken(left, checked) or all((f.code, f.span, f.message) in still for f in chosen):
            break
        edited, left = further, checked
        fixed += chosen
    paths = sorted(edited, key=str)
    changes = [Change(path, project.shown(path), original[path], edited[path]) for path in paths]
    return Mended(fixed, [change for change in changes if change.before != change.after], left)


def _can_edit(finding: Diagnostic, checked: Checked) -> bool:
    names = {edit.span.file for edit in finding.fix.edits} if finding.fix else set()
    return all(name in checked.texts and is_editable(checked.texts[name]) for name in names)


def _edit(
    chosen: list[Diagnostic], checked: Checked, edited: Mapping[Path, bytes], original: dict[Path, bytes]
) -> dict[Path, bytes]:
    """The new content of the files that fixes change; what such a file held at first is added to ``original``."""
    paths = {checked.project.shown(path): path for path in checked.files}
    edits = [edit for finding in chosen if finding.fix for edit in finding.fix.edits]
    changed = {}
    for name in dict.fromkeys(edit.span.file for edit in edits):
        path = paths[name]
        if path not in edited and not _is_as_checked(path, checked, original):
            continue
        before = edited.get(path, original[path])
        text = apply_edits(checked.texts[name], [edit for edit in edits if edit.span.file == name])
        changed[path] = encoded(text, before)
    return changed


def _is_as_checked(path: Path, checked: Checked, original: dict[Path, bytes]) -> bool:
    """Whether a file still holds what was checked; an edit of anything else would destroy it."""
    try:
        original[path] = read_file(path)
    except OSError:
        return False
    return content_hash(original[path]) == checked.files[path]


def _is_broken(before: Checked, after: Checked) -> bool:
    had_nodes = before.document is not None and before.document.root is not None
    return had_nodes and (after.document is None or after.document.root is None)
