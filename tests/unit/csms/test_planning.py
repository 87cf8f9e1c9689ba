"""What an upgrade is told of the ones before it."""

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from ocppsec.certificates.hierarchy import create_hierarchy
from ocppsec.certificates.pem import write_chain
from ocppsec.csms.errors import BadInput
from ocppsec.csms.planning import _slot_of, proven, start_of
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.registry.records import Station, Upgrade, UpgradeStatus
from ocppsec.upgrades.plan import Lowering, Plan, StationAtStart


def test_an_upgrade_of_another_version_tells_nothing() -> None:
    """Its state cannot be read: the station is asked for its slots, as a new one is."""
    ended = Upgrade(
        id="u1",
        identity="CS001",
        target=SecurityProfile.TLS_BASIC,
        status=UpgradeStatus.DONE,
        step="",
        reason="",
        state='{"version":99}',
        version=4,
        deadline=None,
        started_at=datetime(2026, 11, 22, tzinfo=UTC),
    )
    assert _slot_of([ended]) is None


NOW = datetime(2026, 11, 22, tzinfo=UTC)
OURS, THEIRS = (
    write_chain((create_hierarchy(organization=name, now=NOW).root.certificate,))
    for name in ("Ours", "Theirs")
)
PLAN = Plan(
    target=3,
    urls={2: "wss://csms.example:9443/ocpp", 3: "wss://csms.example:9444/ocpp"},
    root_pem=OURS,
    root_hashes=(),
    organization="CSO",
)
START = StationAtStart(profile=1, registered_serial="S")


class Doors:
    """Believed by these roots; `asked` is on which profiles."""

    def __init__(self, *roots):
        self.roots, self.asked = roots, []

    async def __call__(self, profile, root_pem):
        self.asked.append(profile)
        return None if root_pem in self.roots else "a station would refuse our certificate"


@pytest.mark.parametrize(
    ("plan", "profile", "legs"),
    [
        pytest.param(PLAN, 1, [2, 3], id="1 to 3"),
        pytest.param(PLAN, 2, [3], id="2 to 3"),
        pytest.param(replace(PLAN, target=2), 1, [2], id="1 to 2"),
        pytest.param(PLAN, 3, [], id="there already"),
        pytest.param(replace(PLAN, target=2, lowering=Lowering(by="", reason="r")), 3, [2], id="3 to 2"),
    ],
)
async def test_each_door_on_the_way_is_proved(plan, profile, legs):
    """Before the station is asked anything, and with nothing changed where all is well."""
    doors = Doors(OURS)
    assert await proven(plan, replace(START, profile=profile), doors, (OURS,)) == plan
    assert doors.asked == legs


async def test_nobody_is_sent_where_he_cannot_come_in():
    """The reason says on which profile, and that nothing was changed."""
    with pytest.raises(BadInput, match="profile 2 in vain"):
        await proven(PLAN, START, Doors(), (OURS, THEIRS))


async def test_the_root_of_a_certificate_that_the_operator_brings():
    """Stations get what they believe our doors by; ours comes along for their own certificates."""
    plan = await proven(PLAN, START, Doors(THEIRS), (THEIRS,))
    assert plan.root_pem == THEIRS
    (further,) = plan.further_roots
    assert (further.pem, further.hashes) == (OURS, PLAN.root_hashes)
    assert {name.hash_algorithm for name in plan.root_hashes} == {"SHA256", "SHA384", "SHA512"}
    assert replace(plan, root_pem=OURS, root_hashes=(), further_roots=()) == PLAN


class Connected:
    def __init__(self, profile: SecurityProfile, *, accepted: bool = True):
        self.profile, self.accepted = profile, accepted


@pytest.mark.parametrize(
    ("session", "booted"),
    [
        pytest.param(Connected(SecurityProfile.BASIC), True, id="on its floor"),
        pytest.param(
            Connected(SecurityProfile.TLS_CLIENT), False, id="above it: it may have reconnected only"
        ),
        pytest.param(Connected(SecurityProfile.BASIC, accepted=False), False, id="no boot accepted yet"),
        pytest.param(None, False, id="away"),
    ],
)
def test_only_what_raised_the_floor_counts_as_booted(session: Connected | None, booted: bool) -> None:
    """An upgrade that believed a mere reconnect was done with a floor below its target, or raised one unproved."""
    station = Station(
        identity="CS001",
        serial_number="SN1",
        floor=SecurityProfile.BASIC,
        target=SecurityProfile.TLS_CLIENT,
        observed=None,
        added_at=datetime(2026, 11, 22, tzinfo=UTC),
    )

    start = start_of(station, session)  # type: ignore[arg-type]

    assert start.booted is booted
