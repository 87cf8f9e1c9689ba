"""One identity, two connections: only an admitted newcomer takes over, and the old one's end harms nobody (LESSONS 16, 25)."""

import threading
import time

import pytest
from rig.server import eventually
from rig.wire import Raw, ask, basic, client_context, request, target


@pytest.fixture
def at_work(up, identity):
    """A booted station on profile 1, and its password."""
    password = up.add(identity)
    with Raw(up.door(1), identity, password=password) as station:
        station.boot(identity)
        yield station, password


def answer_one_call(station):
    """Answer the next CALL of the CSMS with an empty list of certificates."""
    call = station.text()
    station.send(f'[3,"{call[1]}",{{"status":"NotFound"}}]'.encode())


def test_an_admitted_newcomer_takes_over(up, identity, at_work):
    """The old connection is closed in order, and calls reach the new one."""
    old, password = at_work
    with Raw(up.door(1), identity, password=password) as new:
        assert new.status == 101
        assert old.closing() == (1000, "replaced by a newer connection")
        answering = threading.Thread(target=answer_one_call, args=(new,))
        answering.start()
        done = up.command("station", "call", identity, "GetInstalledCertificateIds", "--json")
        answering.join(timeout=10)
        assert (done.code, done.json) == (0, {"status": "NotFound"})


def test_the_end_of_a_half_open_connection_does_not_remove_the_new_one(up, identity, at_work):
    """After a power cut the old socket dies late: the new connection is still the station's (generation)."""
    old, password = at_work
    with Raw(up.door(1), identity, password=password) as new:
        time.sleep(3.5)  # the old one answers nothing and is dropped by force
        assert up.station(identity)["connection"] is not None
        assert "currentTime" in new.call("Heartbeat", {})[2]
        old.sock.close()
        time.sleep(0.2)
        assert up.station(identity)["connection"] is not None
    eventually(lambda: up.station(identity)["connection"] is None)


def test_many_newcomers_leave_one(up, identity, at_work):
    """A flapping station ends with exactly one connection."""
    _, password = at_work
    made = [Raw(up.door(1), identity, password=password) for _ in range(10)]
    try:
        assert [station.closing()[0] for station in made[:-1]] == [1000] * 9
        assert "currentTime" in made[-1].call("Heartbeat", {})[2]
        assert up.get("/doors")["connections"]["1"] >= 1
    finally:
        for station in made:
            station.sock.close()


@pytest.mark.parametrize(
    ("authorization", "profile", "status"),
    [
        pytest.param(None, 1, 401, id="no-password"),
        pytest.param("wrong", 1, 401, id="wrong-password"),
        pytest.param("other-user", 1, 401, id="other-user"),
        pytest.param("not base64", 1, 401, id="malformed"),
        pytest.param("right", 2, 403, id="right-password-at-another-door"),
        pytest.param("right-but-other-subprotocol", 1, 400, id="other-subprotocol"),
    ],
)
def test_who_is_not_admitted_leaves_the_connection_alone(
    up, identity, at_work, source, authorization, profile, status
):
    """An unauthenticated duplicate changes nothing for the station that is there."""
    station, password = at_work
    since = up.station(identity)["connection"]["since"]
    header = {
        "wrong": basic(identity, "x" * 20),
        "other-user": basic("somebody", password),
        "not base64": "Basic ?",
        None: None,
    }.get(authorization, basic(identity, password))
    subprotocol = "ocpp1.6" if authorization == "right-but-other-subprotocol" else "ocpp2.0.1"
    data = request(target(identity), authorization=header, subprotocol=subprotocol)
    answer = ask(up.door(profile), data, context=client_context(up.root), source=source)
    assert answer.status == status
    assert "currentTime" in station.call("Heartbeat", {})[2]
    assert up.station(identity)["connection"]["since"] == since


def test_a_stranger_with_the_certificate_of_another_leaves_the_connection_alone(up, on_three, identity):
    """On profile 3 too: another station's certificate opens nobody else's door."""
    context = client_context(up.root, chain=on_three.chain, key=on_three.key)
    with Raw(up.door(3), on_three.identity, context=context) as station:
        station.boot(on_three.serial)
        up.add(identity, profile=3)
        answer = ask(up.door(3), request(target(identity)), context=context)
        assert answer.status == 403
        assert answer.body.startswith("certificate-of-another-station")
        assert "currentTime" in station.call("Heartbeat", {})[2]


def test_a_removed_station_is_closed_and_unknown(up, identity, at_work):
    """What the registry no longer knows is not connected either."""
    station, password = at_work
    assert up.command("station", "remove", identity).code == 0
    assert station.closing()[0] == 1008
    data = request(target(identity), authorization=basic(identity, password))
    assert ask(up.door(1), data).status == 404
