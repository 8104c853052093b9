"""A web application with voice agents beside its routes: `uvicorn app:create_app --factory`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Request
from pydantic import BaseModel

from pinecall_run import Call, DialError, Runner

PROJECT = Path(__file__).with_name("pinecall.yaml")


class Order(BaseModel):
    """Whom to call."""

    to: str


async def the_runner(request: Request) -> Runner:
    """The application's runner."""
    runner: Runner = request.app.state.runner
    return runner


TheRunner = Annotated[Runner, Depends(the_runner)]


def create_app(runner: Runner | None = None) -> FastAPI:
    """The application. Its agents run for as long as it does, and calls may end before it does."""
    agents = runner or Runner(PROJECT, drain_seconds=20)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with agents:
            app.state.runner = agents
            yield

    app = FastAPI(lifespan=lifespan)

    @app.get("/health")
    async def health(runner: TheRunner) -> dict[str, Any]:
        if not runner.is_connected:
            raise HTTPException(503, "the voice server is away")
        return {"revision": runner.revision}

    @app.get("/calls")
    async def calls(runner: TheRunner) -> list[dict[str, Any]]:
        return [_shown(call) for call in runner.calls]

    @app.post("/calls", status_code=201)
    async def dial(order: Order, runner: TheRunner) -> dict[str, Any]:
        try:
            return _shown(await runner.dial("desk", to=order.to))
        except DialError as error:
            raise HTTPException(502, str(error)) from error

    @app.get("/tickets")
    async def opened() -> list[dict[str, Any]]:
        from tickets import tickets  # the module that the agent's tool is in, found where the runner found it

        return tickets

    return app


def _shown(call: Call) -> dict[str, Any]:
    return {"id": call.id, "agent": call.agent, "channel": call.channel, "direction": call.direction, "to": call.to}
