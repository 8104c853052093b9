"""Where in the user's code an error came from."""

from __future__ import annotations

import sysconfig
from pathlib import PurePath

_OURS = PurePath(__file__).parents[1]
_LIBRARY = PurePath(sysconfig.get_path("stdlib"))
_INSTALLED = {"site-packages", "dist-packages"}


def user_line(error: BaseException) -> tuple[str, int] | None:
    """File and line of the innermost frame that is neither ours, nor the standard library's, nor of an installed
    package; of a syntax error the line it is in. ``None`` when there is no such frame."""
    if isinstance(error, SyntaxError) and error.filename and is_users(error.filename):
        return error.filename, error.lineno or 1
    place, traceback = None, error.__traceback__
    while traceback is not None:
        file = traceback.tb_frame.f_code.co_filename
        if is_users(file):
            place = file, traceback.tb_lineno
        traceback = traceback.tb_next
    return place


def is_users(file: str) -> bool:
    """Whether code is the user's to change: neither ours, nor the standard library's, nor an installed package's."""
    path = PurePath(file)
    is_code = not file.startswith("<")  # <frozen importlib…>, <string>
    return is_code and not (_INSTALLED & set(path.parts) or _OURS in path.parents or _LIBRARY in path.parents)
