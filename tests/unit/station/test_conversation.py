from dataclasses import dataclass

import pytest

from ocppsec.station.conversation import Conversation, Ended, Wake
from ocppsec.station.reply import StopAsking


@dataclass
class FormerLink:
    close_code: int = 1001
    close_reason: str = "restart"


@pytest.fixture
def answered():
    return []


@pytest.fixture
def talk(answered):
    return Conversation(lambda _talk, _link, call: answered.append(call), answered.append)


async def test_nothing_is_answered_before_the_server_was_looked_at(talk, answered):
    """A CSMS that asks early is answered in order once it is known to be the right one."""
    talk.on_call(None, "first")
    talk.on_call(None, "second")
    assert answered == []
    talk.begin()
    talk.on_call(None, "third")
    assert answered == ["first", "second", "third"]


async def test_effects_come_before_the_end(talk):
    """A Reset that was answered counts, though the CSMS hung up at once."""
    talk.put(StopAsking())
    talk.on_closed(FormerLink())
    assert await talk.next(None) == StopAsking()
    assert await talk.next(None) == Ended(code=1001, reason="restart")


async def test_waiting_ends_when_something_is_due(talk):
    """Then there is nothing but a reason to look around."""
    assert await talk.next(0) == Wake()


async def test_what_is_dropped_is_told(talk, answered):
    """It is counted below; a watcher may want to know."""
    talk.on_dropped(None, "late answer")
    assert answered == ["late answer"]
