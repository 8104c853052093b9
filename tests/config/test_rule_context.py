"""What rules are given: who was first, where an address is written."""

from pinecall_run.config.channels import ChannelRef
from pinecall_run.config.model import Channel
from pinecall_run.config.rule_context import PlacedChannel, RuleContext
from pinecall_run.source.document import Document


def test_the_first_of_a_thing_stays_the_first() -> None:
    document, _ = Document.parse("a: 1", "pinecall.yaml")
    context = RuleContext(document, tuple, lambda name: False, True)
    assert context.first("number", "one", ("a",)) == ("one", ("a",))
    assert context.first("number", "two", ("b",)) == ("one", ("a",))
    assert context.first("name", "two", ("b",)) == ("two", ("b",))


def test_an_address_is_where_it_is_written() -> None:
    channel = Channel(ChannelRef("phone", "+15551234567"))
    assert PlacedChannel(channel, ("channels", 0), {"ref": "x"}).address_route == ("channels", 0, "ref")
    assert PlacedChannel(channel, ("channels", 0), {}).address_route == ("channels", 0)
