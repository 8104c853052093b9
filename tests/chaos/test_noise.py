"""Neither peer fails at anything that the other side may send."""

from tests.chaos._noise import storm


def test_random_frames_lead_to_no_exception() -> None:
    assert storm(20_000, seed=20) > 5_000
