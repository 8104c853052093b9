"""All vendors that this package knows, by stage and name."""

from __future__ import annotations

from collections.abc import Mapping

from pinecall_run.vendors import (
    aws,
    cartesia,
    compatible,
    deepgram,
    elevenlabs,
    elsewhere,
    gladia,
    local,
    models,
    realtime,
)
from pinecall_run.vendors.facts import STAGES, Provider, Stage

_MODULES = (aws, cartesia, compatible, deepgram, elevenlabs, elsewhere, gladia, local, models, realtime)

PROVIDERS: Mapping[Stage, Mapping[str, Provider]] = {
    stage: {one.name: one for module in _MODULES for one in module.PROVIDERS if one.stage == stage} for stage in STAGES
}


def known(stage: Stage) -> frozenset[str]:
    """The names of all that the protocol knows, whether they are served here or not."""
    return frozenset(PROVIDERS[stage])


def served(stage: Stage) -> frozenset[str]:
    """The names of those that the embedded server runs."""
    return frozenset(name for name, one in PROVIDERS[stage].items() if one.is_served)
