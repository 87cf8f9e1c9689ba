"""A refusal arrives in full, over ws and over wss, every time, and the connection ends after it (LESSONS 23)."""

import contextlib
import socket
import ssl
import time

import pytest
from rig.database import locked, without_stations
from rig.server import Up
from rig.wire import Raw, ask, basic, client_context, dial, frame, read_answer, request, target

TIMES = 50
LINGER = 2.0
"""Seconds a refused client is read from at most."""
GARBAGE = frame(b"x" * 60_000, opcode=2) * 16
"""A megabyte: more than the server has read when it decides."""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """With a station on each profile."""
    server = Up(tmp_path_factory.mktemp("refusals") / "state").start()
    server.password = server.add("ONE")
    server.add("TWO", profile=2)
    server.add("THREE", profile=3)
    yield server
    server.stop()


def door_of(server, scheme):
    return (server.door(1), None) if scheme == "ws" else (server.door(2), client_context(server.root))


def seconds_until_cut_off(sock, *, within):
    """How long a client can go on sending."""
    started = time.monotonic()
    with contextlib.suppress(OSError):
        while time.monotonic() - started < within:
            sock.sendall(b"still here")
            time.sleep(0.05)
    return time.monotonic() - started


CASES = [
    pytest.param("STRANGER", 404, "unknown-station", id="404"),
    pytest.param("at-home", 401, "credentials-missing", id="401"),
    pytest.param("THREE", 403, "profile-below-floor", id="403"),
    pytest.param("down", 503, "store-unavailable", id="503"),
]


@pytest.mark.parametrize("scheme", ["ws", "wss"])
@pytest.mark.parametrize("manner", ["polite", "keeps-sending"])
@pytest.mark.parametrize(("who", "status", "reason"), CASES)
def test_a_refusal_is_read_in_full_50_times_of_50(server, scheme, manner, who, status, reason):
    """Status, headers, body and the end of the connection, also for a client that goes on sending."""
    url, context = door_of(server, scheme)
    identity = {"at-home": "ONE" if scheme == "ws" else "TWO", "down": "ONE"}.get(who, who)
    data = request(target(identity))
    sending = GARBAGE if manner == "keeps-sending" else b""

    def all_of_them():
        return [ask(url, data, context=context, keep_sending=sending) for _ in range(TIMES)]

    if who == "down":
        with without_stations(server.state):
            answers = all_of_them()
    else:
        answers = all_of_them()
    assert {answer.status for answer in answers} == {status}
    assert all(answer.complete for answer in answers)
    assert all(answer.body.startswith(reason) for answer in answers)
    assert all(answer.headers["connection"] == "close" for answer in answers)
    assert all(answer.closed for answer in answers), "an orderly end, no reset"
    assert max(answer.seconds for answer in answers) < LINGER
    assert all(("www-authenticate" in answer.headers) is (status == 401) for answer in answers)
    assert all(("retry-after" in answer.headers) is (status == 503) for answer in answers)


@pytest.mark.parametrize("scheme", ["ws", "wss"])
def test_a_refused_client_that_never_closes_is_dropped(server, scheme):
    """Who neither closes nor stops sending is read from for a while, so that no reset overtakes the answer, then cut off."""
    url, context = door_of(server, scheme)
    with dial(url, context=context) as sock:
        sock.sendall(request(target("STRANGER")))
        assert read_answer(sock).complete
        assert LINGER / 2 < seconds_until_cut_off(sock, within=LINGER + 5) < LINGER + 2


@pytest.mark.parametrize("scheme", ["ws", "wss"])
def test_a_client_that_half_closes_gets_its_answer(server, scheme):
    """A client may say that it has nothing more to send, and still reads its refusal."""
    url, context = door_of(server, scheme)
    with dial(url, context=context) as sock:
        sock.sendall(request(target("STRANGER")))
        if scheme == "ws":
            sock.shutdown(socket.SHUT_WR)
        answer = read_answer(sock)
    assert (answer.status, answer.complete) == (404, True)


def test_a_wrong_password_hears_nothing_of_the_right_one(server):
    """Not even whether there is one."""
    answer = ask(server.door(1), request(target("ONE"), authorization=basic("ONE", "not-its-password")))
    assert answer.status == 401
    assert answer.body.strip() == "wrong-password"


def test_basic_credentials_are_asked_for_by_name(server):
    """401 names the scheme and a realm (RFC 7617)."""
    answer = ask(server.door(1), request(target("ONE")))
    assert answer.headers["www-authenticate"].startswith('Basic realm="')


def test_a_plain_request_at_the_tls_door_is_told_so(server):
    """ws:// dialled to the wss port: answered in clear."""
    url = server.door(2).replace("wss://", "ws://")
    answer = ask(url, request(target("TWO")))
    assert (answer.status, answer.complete) == (400, True)
    assert "wss://" in answer.body


def test_tls_at_the_plain_door_gets_an_alert(server):
    """wss:// dialled to the ws port: an alert rather than a timeout."""
    url = server.door(1).replace("ws://", "wss://")
    with pytest.raises(ssl.SSLError, match=r"(?i)protocol.version"):
        dial(url, context=client_context(server.root))


def test_a_database_that_cannot_be_read_lets_nobody_in(server):
    """503 for the right password too, 503 on /readyz, and everything is well again afterwards (LESSONS 3)."""
    data = request(target("ONE"), authorization=basic("ONE", server.password))
    with without_stations(server.state):
        assert ask(server.door(1), data).status == 503
    assert ask(server.door(1), data).status == 101


def test_a_locked_database_accepts_no_boot(server):
    """What cannot be kept is not promised: BootNotification gets a CALLERROR, and the next one is accepted."""
    with Raw(server.door(1), "ONE", password=server.password) as station:
        with locked(server.state):
            answer = station.boot("ONE")
            assert (answer[0], answer[2]) == (4, "InternalError"), answer
            assert station.call("Heartbeat", {})[2] == "SecurityError"
            assert server.api("GET", "/readyz")[0] == 503
        assert station.boot("ONE")[2]["status"] == "Accepted"
        assert server.api("GET", "/readyz")[0] == 200
