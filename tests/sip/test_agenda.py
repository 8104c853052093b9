"""What is due is done in its order, and what is cancelled is not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pinecall_run.sip.agenda import Agenda


@given(st.lists(st.tuples(st.integers(0, 20), st.booleans())), st.integers(0, 20))
def test_in_order_once_and_not_when_cancelled(plans: list[tuple[int, bool]], until: int) -> None:
    agenda, done = Agenda(), []
    for at, is_cancelled in plans:
        entry = agenda.add(at, lambda now, at=at: done.append((at, now)))
        if is_cancelled:
            entry.cancel()
    kept = sorted(at for at, is_cancelled in plans if not is_cancelled)
    agenda.tick(until)
    assert done == [(at, until) for at in kept if at <= until]
    assert agenda.deadline() == next((at for at in kept if at > until), None)


def test_what_is_added_meanwhile_is_done_too_if_it_is_due() -> None:
    agenda, done = Agenda(), []
    agenda.add(1, lambda now: agenda.add(2, done.append))
    agenda.add(1, lambda now: agenda.add(9, done.append))
    agenda.tick(3)
    assert done == [3]
    assert agenda.deadline() == 9
