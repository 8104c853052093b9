"""Tools of one agent that have one function, or names that are hard to tell apart, are found."""

from pinecall_run.tools.alike import Alike, alike
from pinecall_run.tools.path import ToolPath


def test_tools_that_are_alike() -> None:
    find, store = ToolPath("shop", "find"), ToolPath("shop", "store")
    assert list(alike({"find": find, "store": store, "find_2": ToolPath("db", "find")})) == []
    assert list(alike({"find": find, "seek": find, "look": find})) == [
        Alike("seek", "find", True),
        Alike("look", "find", True),
    ]
    assert list(alike({"look-up": find, "Look_Up": store})) == [Alike("Look_Up", "look-up", False)]
    assert list(alike({"find": find, "Find": find})) == [Alike("Find", "find", True)]
