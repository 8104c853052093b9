"""The call as a tool sees it: what it knows, and what it can say and end."""

from pinecall_run.tools.call import Call
from pinecall_run.wire import commands


def test_a_call_speaks_and_hangs_up_through_what_it_was_given() -> None:
    sent: list[commands.Command] = []
    call = Call("call_1", "desk", "phone", "r1", _send=sent.append, _message_id=lambda: "msg_1")
    call.say("One moment.")
    call.hangup()
    assert sent == [
        commands.BotReply(call_id="call_1", message_id="msg_1", text="One moment.", in_reply_to=""),
        commands.CallHangup(call_id="call_1"),
    ]


def test_a_call_that_leads_nowhere_can_be_made_by_hand() -> None:
    call = Call("call_1", "desk", "chat", "r1", {"customer": 7})
    call.say("nobody hears it")
    call.hangup()
    assert call.metadata["customer"] == 7
    assert call == Call("call_1", "desk", "chat", "r1", {"customer": 7}, _send=print)
    assert "_send" not in repr(call)
