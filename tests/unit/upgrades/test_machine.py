"""The picture of the machine is the machine."""

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import pytest
import scripted_stations as stations
from random_walks import EVERYTHING, Walk

from ocppsec.upgrades.machine import ARROWS, mermaid, page
from ocppsec.upgrades.states import Open, OpenState, State
from ocppsec.upgrades.workflow import decide

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "upgrade-machine.md"
DRAWN = {(arrow.start.__name__, arrow.end.__name__) for arrow in ARROWS}
FROM_ANYWHERE = {end for start, end in DRAWN if start == "Open"}


@pytest.fixture(scope="module")
def walked() -> set[tuple[str, str]]:
    """Every way from one state to another that a few thousand walks and all scripts found."""
    randomness = random.Random(2)
    walks = (Walk(choose=randomness.choice, gentle=index % 2 == 0).run() for index in range(4000))
    steps = list(chain.from_iterable(walk.steps for walk in walks))
    found = {(type(before).__name__, type(after).__name__) for before, _, after, _ in steps}
    for state in _a_few_of_each(before for before, _, _, _ in steps):
        found |= {(type(state).__name__, type(decide(state, event)[0]).__name__) for event in EVERYTHING}
    for kind in vars(stations).values():
        if isinstance(kind, type) and issubclass(kind, stations.CorrectStation):
            conversation = stations.Conversation(kind())
            conversation.run()
            found |= conversation.edges
    return found


def _a_few_of_each(states: Iterable[State]) -> Iterator[State]:
    """With and without a slot that the station took, and an answer to the Reset: what follows may differ."""
    seen: Counter[tuple[type, bool, bool]] = Counter()
    for state in states:
        slotless = isinstance(state, Open) and state.progress.slot is None
        kind = (type(state), slotless, getattr(state, "answered", False))
        seen[kind] += 1
        if seen[kind] <= 10:
            yield state


def test_every_way_is_drawn(walked: set[tuple[str, str]]) -> None:
    """The machine goes no way the picture does not show; staying in a step need not be drawn."""
    moved = {(start, end) for start, end in walked if start != end and end not in FROM_ANYWHERE}
    assert moved - DRAWN == set()


def test_every_drawn_way_exists(walked: set[tuple[str, str]]) -> None:
    """The picture shows no way the machine never goes."""
    ends = {end for _, end in walked}
    missing = {(start, end) for start, end in DRAWN - walked if start != "Open" or end not in ends}
    assert missing == set()


def test_every_state_is_drawn() -> None:
    """No step is missing in the picture."""
    states = {kind.__name__ for kind in OpenState.__args__}
    assert states <= {name for arrow in DRAWN for name in arrow}
    assert all(name in mermaid() for name in states)


def test_page_is_true() -> None:
    """The page in the documentation is the one made from the table."""
    again = "python -c 'from ocppsec.upgrades.machine import page; print(page(), end=\"\")'"
    assert PAGE.read_text(encoding="utf-8") == page(), f"make it again: {again} > {PAGE}"
