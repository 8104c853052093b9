"""The pages about vendors, `docs/providers/`, which are made from what is known of them."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.rules._scan import ROOT

from pinecall_run.cli._provider_text import TITLES, example, install, options
from pinecall_run.vendors import mapping
from pinecall_run.vendors.facts import STAGES, Provider
from pinecall_run.vendors.table import PROVIDERS

FOLDER = ROOT / "docs/providers"
INDEX = FOLDER / "README.md"

_ABOUT = """# Vendors

Who can listen, think and speak, by stage. In a project a stage names one of them, or a list of which the first that can
be used is used ([several voices, several ears](../voice.md#several-voices-several-ears)). `pinecall-run providers` says
what of it is on your machine, and which keys are set; an extra is installed with `pip install 'pinecall-run[EXTRA]'`.

Keys are variables of the environment in which the voice server runs; the embedded one has that of `pinecall-run`. They
are never written, neither to a file nor to a log. Options are checked by `validate`, and offered by editors that know
the [schema](../../schemas/pinecall.schema.json).
"""
_NOT_SERVED = "Known to the protocol, and not run by the embedded server: {names}."


def pages() -> dict[Path, str]:
    """What each generated page has to hold."""
    vendors: dict[str, list[Provider]] = {}
    for stage in STAGES:
        for one in PROVIDERS[stage].values():
            if has_page(one):
                vendors.setdefault(one.name, []).append(one)
    written = {FOLDER / f"{name}.md": page(name, found) for name, found in vendors.items()}
    return {INDEX: _index(), **dict(sorted(written.items()))}


def has_page(provider: Provider) -> bool:
    """Whether there is something to say of a vendor."""
    return provider.is_served or mapping.has_options(provider)


def page(name: str, found: list[Provider]) -> str:
    """The page of one vendor, with each stage that it has."""
    return "\n".join([f"# {name}", *(line for one in found for line in _stage(one))]) + "\n"


def _stage(one: Provider) -> Iterator[str]:
    yield f"\n## {TITLES[one.stage]}\n"
    yield f"{one.summary}. `{one.stage}: {one.name}`\n" if one.stage == "stt" else f"{one.summary}.\n"
    facts = {
        "keys": ", ".join(f"`{key}`" for key in one.keys),
        "endpoint": f"`{one.endpoint}` sends it elsewhere: to a proxy, a region, a test" if one.endpoint else "",
        "install": f"`{install(one)}`" if one.extra else "",
        "names": ", ".join(f"`{each}`" for each in one.names),
        "the vendor's page": f"<{one.page}>" if one.page else "",
    }
    if any(facts.values()):
        yield "| | |\n|---|---|"
        yield from (f"| {fact} | {value} |" for fact, value in facts.items() if value)
        yield ""
    yield "| key | takes | unsaid | says |\n|---|---|---|---|"
    yield from (
        f"| `{each.name}` | {_cell(each.takes)} | {f'`{each.default}`' if each.default else ''} | {_cell(each.says)} |"
        for each in options(one)
    )
    yield f"\n```yaml\n{example(one)}```"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _index() -> str:
    lines = [_ABOUT]
    for stage in STAGES:
        known: Mapping[str, Provider] = PROVIDERS[stage]
        lines += [f"## {TITLES[stage]}\n", "| provider | is | keys | extra |", "|---|---|---|---|"]
        for name, one in sorted(known.items()):
            if has_page(one):
                keys = ", ".join(f"`{key}`" for key in one.keys)
                extra = f"`{one.extra}`" if one.extra else ""
                lines.append(f"| [{name}]({name}.md) | {one.summary} | {keys} | {extra} |")
        others = ", ".join(f"`{name}`" for name, one in sorted(known.items()) if not has_page(one))
        lines += ["", *([_NOT_SERVED.format(names=others), ""] if others else [])]
    return "\n".join(lines).rstrip() + "\n"
