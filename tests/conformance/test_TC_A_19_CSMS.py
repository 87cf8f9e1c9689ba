"""TC_A_19_CSMS, upgrade of the security profile: one step up, then the lower profile is refused.

E201 6.3.4 names what counts as refused: the handshake fails, or the HTTP upgrade of this identity does.
"""

import time

import pytest
from rig.server import eventually
from rig.wire import Raw, ask, basic, client_context, request, target


@pytest.fixture
def at_home(up, crew, identity):
    """A foreign station on profile 1, and its password."""
    password = up.add(identity)
    crew.power_on(identity, url=up.door(1), password=password)
    eventually(lambda: crew.booted(identity, 1))
    return password


def refused_on(up, identity, password, profile):
    data = request(target(identity), authorization=basic(identity, password))
    answer = ask(up.door(profile), data, context=client_context(up.root))
    return (answer.status, answer.complete, answer.body.partition(":")[0]) == (
        403,
        True,
        "profile-below-floor",
    )


def test_one_step_at_a_time(up, crew, identity, at_home):
    """1→2, refused on 1; 2→3, refused on 2 and 1; `why` says so."""
    for goal in (2, 3):
        done = up.command("station", "upgrade", identity, "--to", str(goal), "--wait", "--timeout", "40")
        assert done.code == 0, done
        assert crew.booted(identity, goal)
        assert up.station(identity)["floor"] == goal
        for lower in range(1, goal):
            assert refused_on(up, identity, at_home, lower)
    why = up.command("station", "why", identity)
    assert why.code == 0
    assert "profile-below-floor" in why.out


def test_until_the_boot_on_the_new_profile_both_are_let_in(up, identity):
    """A station that connects but does not boot has proved nothing: the old profile stays open (A05, B10)."""
    password = up.add(identity)
    with Raw(up.door(1), identity, password=password) as station:
        station.boot(identity)
        up.begin_upgrade(identity)
        with Raw(up.door(2), identity, password=password, context=client_context(up.root)) as other:
            assert other.status == 101
            eventually(lambda: up.station(identity)["observed"] == 2)  # what a connection changes is changed
            time.sleep(0.3)
        with Raw(up.door(1), identity, password=password) as again:
            assert again.status == 101
    assert up.station(identity)["floor"] == 1


def test_a_boot_on_the_higher_profile_closes_the_lower(up, identity):
    """Wherever it came from: once booted on 2, never again on 1 (A05.FR.07)."""
    password = up.add(identity)
    with Raw(up.door(1), identity, password=password) as station:
        station.boot(identity)
        up.begin_upgrade(identity)
        with Raw(up.door(2), identity, password=password, context=client_context(up.root)) as other:
            other.send(
                b'[2,"1","BootNotification",{"reason":"PowerUp","chargingStation":{"model":"M","vendorName":"V"}}]'
            )
            while (answer := other.text())[:2] != [3, "1"]:
                pass
            assert answer[2]["status"] == "Accepted"
            time.sleep(0.3)
            assert up.station(identity)["floor"] == 1, "nothing shows yet that the answer has arrived"
            other.pong()
            eventually(lambda: up.station(identity)["floor"] == 2)
    assert refused_on(up, identity, password, 1)


def test_without_an_upgrade_a_higher_profile_is_refused(up, identity):
    """Where the station should not be yet, it does not come in: the target is the operator's."""
    password = up.add(identity)
    data = request(target(identity), authorization=basic(identity, password))
    answer = ask(up.door(2), data, context=client_context(up.root))
    assert answer.status == 403
    assert answer.body.startswith("profile-above-target")
