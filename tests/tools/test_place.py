"""The line of the user's code that an error came from, whoever raised it in the end."""

import json

import pytest
from tests.tools._modules import Write

from pinecall_run.tools.place import user_line


def caught(text: str) -> BaseException:
    with pytest.raises((Exception, SystemExit)) as error:
        exec(compile(text, "user/shop.py", "exec"), {"json": json})
    return error.value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = 1\n1 / 0", ("user/shop.py", 2)),
        ("def f():\n  raise ValueError\n\nf()", ("user/shop.py", 2)),
        ("\njson.loads('{')", ("user/shop.py", 2)),
        ("import ast\nast.literal_eval('1 +')", ("user/shop.py", 2)),
        ("raise SystemExit", ("user/shop.py", 1)),
    ],
)
def test_the_innermost_line_of_the_users_code(text: str, expected: tuple[str, int]) -> None:
    assert user_line(caught(text)) == expected


def test_of_a_syntax_error_the_line_it_is_in(write: Write) -> None:
    folder = write(broken="x = 1\ny = = 2\n", shop="\nimport broken\n")
    with pytest.raises(SyntaxError) as error:
        __import__("shop")
    assert user_line(error.value) == (str(folder / "broken.py"), 2)


@pytest.mark.parametrize("file", ["<string>", "/x/lib/python3/site-packages/shop.py", json.__file__])
def test_code_that_is_not_the_users_has_no_line(file: str) -> None:
    with pytest.raises(ZeroDivisionError) as error:
        exec(compile("1 / 0", file, "exec"))
    traceback = error.value.__traceback__
    assert traceback is not None
    assert user_line(error.value.with_traceback(traceback.tb_next)) is None


def test_an_error_that_was_never_raised_has_none() -> None:
    assert user_line(ValueError()) is None
