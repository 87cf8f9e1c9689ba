"""States survive being stored."""

import pytest
from upgrade_examples import progress

from ocppsec.upgrades.states import AwaitingBoot, Done, UnreadableState, decode_state, encode_state


def test_round_trip() -> None:
    """A decoded state equals the one that was encoded."""
    state = AwaitingBoot(progress=progress(seen=("é", "\ud7ff")), connected=False, answered=True)
    assert decode_state(encode_state(state)) == state
    assert decode_state(encode_state(Done(profile=3))) == Done(profile=3)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("[]", id="another shape"),
        pytest.param('{"version":1,"state":{"type":"Dancing"}}', id="no such state"),
        pytest.param('{"version":2,"state":{"type":"Done","profile":3}}', id="a newer version"),
        pytest.param('{"version":1,"state":{"type":"Done","profile":"3"}}', id="a wrong type"),
        pytest.param("\ud800", id="half a character"),
    ],
)
def test_unreadable(text: str) -> None:
    """What is no state is named so, instead of being taken for one."""
    with pytest.raises(UnreadableState):
        decode_state(text)
