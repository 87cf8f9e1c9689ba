"""Which slot gets the new profile, and what the priority list becomes."""

from dataclasses import dataclass

import pytest
from msgspec.structs import replace
from upgrade_examples import progress

from ocppsec.ocppj.messages import OCPPInterface
from ocppsec.upgrades.slots import active_slot, free_slots, interfaces, priority_lists
from ocppsec.upgrades.states import Facts


@dataclass(frozen=True)
class Row:
    facts: Facts
    free: tuple[int, ...]
    lists: tuple[tuple[int, ...], ...]
    ours: int | None = None
    proven: int | None = None


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(
            Row(Facts(priority=(1,), active_slot=1, slots=(1, 2)), (2,), ((2, 1),)),
            id="EVerest: slots 1 and 2",
        ),
        pytest.param(
            Row(Facts(priority=(2, 1), active_slot=2, slots=(1, 2)), (1,), ((1, 2),)),
            id="the other way round",
        ),
        pytest.param(
            Row(Facts(priority=(0,), active_slot=0, slots=(0, 1, 2)), (1, 2), ((1, 0),)),
            id="OpenOCPP: from 0",
        ),
        pytest.param(
            Row(Facts(priority=(1, 2), active_slot=1, slots=(1, 2, 3)), (3, 2), ((3, 1),)),
            id="slots outside of the list first",
        ),
        pytest.param(Row(Facts(priority=(1,), active_slot=1), (2, 0, 3), ((2, 1),)), id="no list of slots"),
        pytest.param(
            Row(Facts(priority=(7, 8), active_slot=7), (1, 2, 0, 3, 8), ((1, 7),)),
            id="odd numbers in the list",
        ),
        pytest.param(
            Row(Facts(priority=(1,), slots=(1, 2)), (2,), ((2, 1),)), id="a list of one is the active one"
        ),
        pytest.param(
            Row(Facts(priority=(1, 2), slots=(1, 2)), (), ()), id="two in the list, none told active"
        ),
        pytest.param(
            Row(Facts(priority=(1, 2), slots=(1, 2, 3)), (3,), ((3, 1, 2),)), id="the same with a third slot"
        ),
        pytest.param(
            Row(Facts(priority=(1, 2), slots=(1, 2)), (1,), ((1, 2),), ours=2),
            id="an earlier upgrade of ours knows",
        ),
        pytest.param(
            Row(Facts(priority=(2, 1), active_slot=1, slots=(1, 2, 3)), (3, 1), ((3, 2),), proven=2),
            id="it booted there: what it tells is old",
        ),
        pytest.param(
            Row(Facts(priority=(1,), active_slot=1, slots=(1, 2)), (2,), ((2, 1),), proven=2),
            id="it booted there, but has given the slot up",
        ),
        pytest.param(
            Row(Facts(priority=(1, 3), slots=(1, 2, 3)), (2,), ((2, 1, 3),), ours=2),
            id="what we knew is not in the list any more",
        ),
        pytest.param(
            Row(Facts(active_slot=1, slots=(1, 2)), (2,), ((2, 1),), ours=2), id="the station knows better"
        ),
        pytest.param(Row(Facts(), (2, 0, 3), ((2, 1), (2, 0))), id="silent: guesses"),
        pytest.param(Row(Facts(), (1, 0, 3), ((1, 2),), ours=2), id="silent, and we know"),
        pytest.param(Row(Facts(slots=(0, 1)), (0,), ((0, 1),)), id="silent but for its slots"),
        pytest.param(Row(Facts(priority=(1,), active_slot=1, slots=(1,)), (), ()), id="one slot only"),
    ],
)
def test_choice(row: Row) -> None:
    """Never the slot in use, never the new slot without an old one behind it."""
    given = progress(facts=row.facts, proven_slot=row.proven)
    given = replace(given, plan=replace(given.plan, active_slot=row.ours))
    assert free_slots(given) == row.free
    if row.free:
        assert priority_lists(given, row.free[0]) == row.lists
    assert active_slot(given) not in row.free


@pytest.mark.parametrize(
    ("facts", "ours", "expected"),
    [
        pytest.param(Facts(active_slot=0, priority=(1,)), 2, 0, id="told"),
        pytest.param(Facts(priority=(1,)), 2, 1, id="the only one in the list"),
        pytest.param(Facts(priority=(1, 2)), 2, 2, id="ours, in the list"),
        pytest.param(Facts(priority=(1, 3)), 2, None, id="ours, not in the list"),
        pytest.param(Facts(priority=(1, 2)), None, None, id="one of two"),
        pytest.param(Facts(), 2, 2, id="ours, no list"),
        pytest.param(Facts(), None, None, id="nothing known"),
    ],
)
def test_active_slot(facts: Facts, ours: int | None, expected: int | None) -> None:
    """The station's word first, then what follows from its list, then what we remember."""
    given = progress(facts=facts)
    assert active_slot(replace(given, plan=replace(given.plan, active_slot=ours))) == expected


def test_interfaces() -> None:
    """The interface the station uses comes first, and once; the others follow in the plan's order."""
    known = interfaces(progress(facts=Facts(interface=OCPPInterface.WIRELESS1)))
    assert known[:2] == (OCPPInterface.WIRELESS1, OCPPInterface.WIRED0)
    assert len(known) == len(set(known)) == 8
    assert interfaces(progress())[0] is OCPPInterface.WIRED0
