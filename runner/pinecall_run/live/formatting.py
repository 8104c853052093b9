"""A project's pinecall.yaml laid out afresh."""

from __future__ import annotations

from pinecall_run.config.quoting import to_quote
from pinecall_run.live.files import read_file
from pinecall_run.live.load import Checked
from pinecall_run.live.project import Project
from pinecall_run.live.rewrite import Change, encoded
from pinecall_run.resources import schema
from pinecall_run.source.diagnostic import Diagnostic, Span, has_errors
from pinecall_run.source.document import Document
from pinecall_run.source.formatting import format_text
from pinecall_run.source.reader import decode


def format_project(
    project: Project, data: bytes | None = None, name: str | None = None
) -> tuple[Change | None, Checked]:
    """The configuration as it should be laid out; ``None`` when it cannot be read, and the findings that say why.

    ``data`` stands in for the file's content, and ``name`` for its name.
    """
    shown = name or project.shown(project.file)
    result = Checked(project)
    if data is None:
        try:
            data = read_file(project.file)
        except OSError as error:
            message = f"{shown} cannot be read: {(error.strerror or 'unknown reason').lower()}"
            result.diagnostics.append(Diagnostic("PCR001", message, Span.at(shown)))
            return None, result
    text, result.diagnostics = decode(data, shown)
    if text is None:
        return None, result
    result.texts[shown] = text
    document, result.diagnostics = Document.parse(text, shown)
    result.document = result.written[shown] = document
    if document.root is None or has_errors(result.diagnostics):
        return None, result
    formatted = format_text(text, to_quote(document.root, schema("pinecall")))
    return Change(project.file, shown, data, encoded(formatted, data)), result
