"""A registration is a value: what deployments compare and links keep."""

from pinecall_run.wire.commands import AgentCreate, ChannelAdd
from pinecall_run.wire.registration import Registration


def test_registrations_are_compared_by_their_frames() -> None:
    def registration(voice: str) -> Registration:
        return Registration(AgentCreate(agent_id="a", voice=voice), (ChannelAdd(agent_id="a", type="chat"),))

    assert registration("v") == registration("v")
    assert registration("v") != registration("w")
    assert Registration(AgentCreate(agent_id="a")).channels == ()
