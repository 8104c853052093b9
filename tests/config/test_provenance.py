"""A value's origin: the place that won, and what it overrode."""

import pytest

from pinecall_run.config.environments import layers, stacked
from pinecall_run.config.provenance import candidates, origins, parse_route
from pinecall_run.source.diagnostic import Route
from pinecall_run.source.document import Document

BASE = """\
x-shared: &shared
  language: en
  voice: {provider: a, speed: 1}
agents:
  desk:
    <<: *shared
    language: es
    channels: [chat]
environments:
  prod:
    agents:
      desk: {language: pt, voice: {speed: 2}}
"""
OVERLAY = "agents:\n  desk:\n    channels: [webrtc, chat]\n    greeting: null\n"

Place = tuple[str, int]


def found(route: Route, environment: str | None = "prod") -> dict[Route, list[Place]]:
    """By route of each leaf: the place that won, and those that it overrode."""
    base, _ = Document.parse(BASE, "pinecall.yaml")
    over, _ = Document.parse(OVERLAY, "pinecall.prod.yaml")
    stack, _ = layers(base, over if environment else None, environment, ["prod"])
    document, _ = stacked(stack)
    return {
        origin.route[len(route) :]: [node.span[:2] for node in (origin.node, *origin.overridden)]
        for origin in origins(document, stack, route)
    }


@pytest.mark.parametrize(
    ("route", "environment", "expected"),
    [
        (("agents", "desk", "language"), None, {(): [("pinecall.yaml", 7), ("pinecall.yaml", 2)]}),
        (
            ("agents", "desk", "language"),
            "prod",
            {(): [("pinecall.yaml", 12), ("pinecall.yaml", 7), ("pinecall.yaml", 2)]},
        ),
        (
            ("agents", "desk", "voice"),
            "prod",
            {("provider",): [("pinecall.yaml", 3)], ("speed",): [("pinecall.yaml", 12), ("pinecall.yaml", 3)]},
        ),
        (("agents", "desk", "channels"), "prod", {(): [("pinecall.prod.yaml", 3), ("pinecall.yaml", 8)]}),
        (("agents", "desk", "channels", 1), "prod", {(): [("pinecall.prod.yaml", 3)]}),
        (("agents", "desk", "greeting"), "prod", {}),
        (("agents", "nobody"), "prod", {}),
    ],
)
def test_origins(route: Route, environment: str | None, expected: dict[Route, list[Place]]) -> None:
    assert found(route, environment) == expected


def test_what_was_taken_away_is_still_a_candidate() -> None:
    base, _ = Document.parse("a: {b: 1}", "pinecall.yaml")
    over, _ = Document.parse("a: {b: null}", "pinecall.prod.yaml")
    stack, _ = layers(base, over, "prod", ["prod"])
    assert [node.span.file for node in candidates(stack, ("a", "b"))] == ["pinecall.prod.yaml", "pinecall.yaml"]


def test_merges_that_meet_again_end() -> None:
    text = "m0: &m0 {k: v}\n" + "".join(f"m{n}: &m{n} {{<<: [*m{n - 1}, *m{n - 1}]}}\n" for n in range(1, 15))
    base, _ = Document.parse(text, "pinecall.yaml")
    stack, _ = layers(base, None, None)
    assert len(candidates(stack, ("m14", "k"))) == 1


@pytest.mark.parametrize(
    ("written", "route"),
    [
        ("agents.desk.channels[2].ref", ("agents", "desk", "channels", 2, "ref")),
        ("version", ("version",)),
        ("a[0][1]", ("a", 0, 1)),
        ("agents.front-desk_2", ("agents", "front-desk_2")),
        ("", None),
        (".", None),
        ("a..b", None),
        ("a.", None),
        ("[0]", None),
        ("a[x]", None),
        ("a[0", None),
        ("a[-1]", None),
        ("a b", None),
    ],
)
def test_routes(written: str, route: Route | None) -> None:
    assert parse_route(written) == route
