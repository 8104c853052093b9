"""From a changed file to what runs: a transaction, over when the server has taken the change or the old one is back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

from pinecall_run.config.model import Config
from pinecall_run.config.reloads import effects
from pinecall_run.deploy.changes import Change, changes, shapes
from pinecall_run.deploy.deployment import DeployedAgent, Deployment
from pinecall_run.deploy.diff import plan
from pinecall_run.live import notices
from pinecall_run.live.bind import bind_project
from pinecall_run.live.code import SWAPPING
from pinecall_run.live.lifespan import LifespanError, Lifespans, State
from pinecall_run.live.load import Checked, check_project
from pinecall_run.live.watch import Fingerprint, fingerprint, watch
from pinecall_run.protocol.outputs import AgentChanged, Postponed, Settled
from pinecall_run.resources import schema
from pinecall_run.wire.commands import Command
from pinecall_run.wire.registration import Registration

QUIET_SECONDS = 0.02
"""How often it is looked whether nobody swaps revisions."""

OPEN_SECONDS = 30.0
"""How long a lifespan of changed code may take to be entered."""

TRIES = 3
"""How often the files are read anew when they changed while they were read: what is loaded is of one moment."""

Propose = Callable[[Mapping[str, Registration], Sequence[Command]], None]
"""See :meth:`pinecall_run.protocol.client.ClientPeer.propose`."""


class Reloads:
    """What runs, what the server was asked for, and the way from the one to the other.

    ``older`` counts the live calls by the revision that they began with.
    """

    def __init__(
        self,
        checked: Checked,
        deployment: Deployment,
        environ: Mapping[str, str],
        lifespans: Lifespans,
        propose: Propose,
        notify: Callable[[notices.Notice], None],
        older: Callable[[], Mapping[str, int]],
        *,
        watches: bool = True,
    ) -> None:
        self.checked, self.deployment = checked, deployment
        """What should run, whether or not the server has taken it yet."""
        self._state = State()
        self._taken = checked, deployment, self._state
        """What the server took last, in whole."""
        self._new_calls = _by_agent(deployment, self._state)
        self._lifespans = lifespans
        self._watches = watches
        self._files: Fingerprint = checked.files
        self._begun_with = deployment.config
        self._environ = environ
        self._propose = propose
        self._notify = notify
        self._older = older
        self._one = asyncio.Lock()
        self._wanted = asyncio.Event()
        self._outcome: asyncio.Future[Settled | Postponed] | None = None
        self._is_over = self._has_failed = False

    def for_new_call(self, agent: str) -> tuple[DeployedAgent, str, State] | None:
        """What a call that begins now begins with, its revision, and the lifespan that it has: what the server has of
        this agent by now."""
        return self._new_calls.get(agent)

    async def open(self) -> None:
        """Open what has to be open before the first call.

        Raises:
            LifespanError: the project's lifespan cannot be entered.
        """
        try:
            self._state = await self._lifespans.open(self.deployment.lifespan)
        except LifespanError as error:
            error.args = (self.checked.secrets.hide(str(error)),)  # it may quote what it failed with
            raise
        self._taken = self.checked, self.deployment, self._state
        self._new_calls = _by_agent(self.deployment, self._state)

    def stop(self) -> None:
        """Nothing is reloaded, or put back, from now on."""
        self._is_over = True
        if self._outcome is not None and not self._outcome.done():
            self._outcome.set_result(Postponed())

    def soon(self) -> None:
        """Reload as soon as the reload that goes on is over."""
        self._wanted.set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Reload whenever a file changed or somebody asks for it, one after the other; whatever is wrong, go on."""
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(self._watch(stopping))
            reloading = group.create_task(self._reload_when_wanted())
            await stopping.wait()
            reloading.cancel()
            await asyncio.wait([watching])

    async def _watch(self, stopping: asyncio.Event) -> None:
        if not self._watches:
            return
        try:
            async for _ in watch(self._loaded, stopping):
                self.soon()
        except Exception as error:  # noqa: BLE001 - without it a project still runs
            sentence = f"files are watched no more, so nothing is reloaded: {type(error).__name__}"
            self._notify(notices.Trouble(sentence))

    def _loaded(self) -> Fingerprint:
        """What is known of each file; tools may have imported more since they were bound."""
        code = self.checked.code
        return {**self._files, **(code.files if code is not None else {})}

    async def _reload_when_wanted(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            try:
                await self.reload()
            except Exception as error:  # noqa: BLE001 - what runs goes on, and the next change may be better
                self._notify(notices.ReloadFailed(f"it failed with {type(error).__name__}"))

    async def reload(self) -> bool:
        """Load the project anew and, if nothing is wrong with it and the server takes it, make it live.

        Live calls keep what they have. Modules are imported here, in the loop's own thread, as they were at the start:
        some of what they make may not leave the thread it was made in.
        """
        async with self._one:
            if self._is_over:
                return False
            for _ in range(TRIES):
                checked = await asyncio.to_thread(
                    check_project, self.checked.project, self._environ, needs_secrets=True
                )
                async with _quiet():
                    deployment, found = bind_project(checked, self.checked.code)
                checked.diagnostics += found
                if await asyncio.to_thread(fingerprint, checked.files) == checked.files:
                    return await self._decide(checked, deployment)
            self._installed_again()
            return False  # somebody is still writing, and will be noticed

    async def _decide(self, checked: Checked, deployment: Deployment | None) -> bool:
        if deployment is not None:
            return await self._make_live(checked, deployment)
        self._files = {**self.checked.files, **checked.files}  # the file that mends it may be a new one
        self._installed_again()
        return self._failed(notices.ReloadRefused(checked))

    def _installed_again(self) -> None:
        if self.checked.code is not None and not self.checked.code.is_installed:
            self.checked.code.install()

    async def _make_live(self, checked: Checked, deployment: Deployment) -> bool:
        before = self.deployment
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                state = await self._lifespans.open(deployment.lifespan)
        except (LifespanError, TimeoutError) as error:
            late = f"the lifespan {deployment.config.lifespan} was not entered within {OPEN_SECONDS:g} s"
            reason = str(error) if isinstance(error, LifespanError) else late
            self._files = checked.files
            self._installed_again()
            return self._failed(notices.ReloadFailed(checked.secrets.hide(reason)))
        found = changes(shapes(before), shapes(deployment), effects(schema("pinecall")))
        outcome = self._ask_for(checked, deployment, state)
        restart = [_restarting(each.config) for each in (deployment, before)]
        if deployment.revision == before.revision and restart[0] == restart[1] and not self._has_failed:
            await outcome
            return True
        settled = await outcome
        if isinstance(settled, Settled) and settled.refusals:
            await self._put_back(settled)
            return False
        if self._is_over:
            return False  # nobody hears of it any more
        self._tell(found, is_postponed=isinstance(settled, Postponed))
        return True

    def _ask_for(self, checked: Checked, deployment: Deployment, state: State) -> asyncio.Future[Settled | Postponed]:
        steps = plan(self.deployment.registrations, deployment.registrations)
        self.checked, self.deployment, self._files = checked, deployment, checked.files
        self._state = state
        self._installed_again()
        outcome = self._outcome = asyncio.get_running_loop().create_future()
        if not self._is_over:
            self._propose(deployment.registrations, [action.command for action in steps.actions])
        elif not outcome.done():
            outcome.set_result(Postponed())
        return outcome

    def _put_back(self, settled: Settled) -> asyncio.Future[Settled | Postponed]:
        """What the server took last is what should run again. What it says to that changes nothing any more."""
        files = self._files
        outcome = self._ask_for(*self._taken)
        self._files = files  # as they are, which has been tried
        refusals = [(refusal.agent_id, refusal.sentence) for refusal in settled.refusals]
        self._failed(notices.ReloadRejected(refusals))
        return outcome

    def _failed(self, notice: notices.Notice) -> bool:
        """Tell that a reload came to nothing; that the next one is as before is worth a word then."""
        self._has_failed = True
        self._notify(notice)
        return False

    def _tell(self, found: list[Change], *, is_postponed: bool) -> None:
        revision = self.deployment.revision
        older = {each: count for each, count in self._older().items() if each != revision}
        begun, now = _restarting(self._begun_with), _restarting(self.deployment.config)
        restart_for = [key for key in now if now[key] != begun[key]]
        self._has_failed = False
        self._notify(notices.Reloaded(revision, found, older, restart_for, is_postponed))

    # what the server says

    def handle(self, output: AgentChanged | Settled | Postponed) -> None:
        """Take note of what the link tells."""
        if self._is_over:
            return
        if isinstance(output, AgentChanged):
            agent = self.deployment.agents.get(output.agent_id)
            if agent is not None:
                self._new_calls[output.agent_id] = agent, self.deployment.revision, self._state
            return
        is_back = self.deployment is self._taken[1]
        if isinstance(output, Settled) and (is_back or not output.refusals):
            self._taken = self.checked, self.deployment, self._state
            self._new_calls = _by_agent(self.deployment, self._state)
            self._lifespans.keep(self._state)
        if self._outcome is not None and not self._outcome.done():
            self._outcome.set_result(output)
        elif isinstance(output, Settled) and output.refusals and not is_back:
            self._put_back(output)  # of what was postponed, and is refused by the next connection


def _by_agent(deployment: Deployment, state: State) -> dict[str, tuple[DeployedAgent, str, State]]:
    return {name: (agent, deployment.revision, state) for name, agent in deployment.agents.items()}


def _restarting(config: Config) -> dict[str, object]:
    """What only a new process takes up."""
    return {"server": config.server, "journal": config.journal}


@asynccontextmanager
async def _quiet() -> AsyncIterator[None]:
    """While nobody else swaps revisions, as a tool does that imports a module for the first time; the event loop turns
    until then."""
    while not SWAPPING.acquire(blocking=False):  # noqa: ASYNC110 - a lock of threads tells no event loop
        await asyncio.sleep(QUIET_SECONDS)
    try:
        yield
    finally:
        SWAPPING.release()
