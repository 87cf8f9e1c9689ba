"""Each stage of a connection has its deadline: first byte, TLS, HTTP head, boot, and pings after that (LESSONS 18)."""

import asyncio
import contextlib
import socket
import ssl
import time
from dataclasses import replace

import pytest
from rig.server import eventually, port_of
from rig.wire import Raw, basic, client_context, dial, read_answer, request, target

from ocppsec.csms import assembly
from ocppsec.csms.doors import Deadlines

SOON = 1.5
"""Seconds in which a deadline of a few tenths has certainly passed, on a busy machine too."""
LONG = 30.0
LINGER = 2.0
"""Seconds in which a refused client that goes on sending is still read from."""


def until_closed(sock, started):
    """Seconds until the server closed or reset."""
    sock.settimeout(LONG)
    with contextlib.suppress(ConnectionError):
        while sock.recv(4096):
            pass
    return time.monotonic() - started


def drip(sock, data, every=0.05):
    """Send byte by byte, for ever if the server lets us."""
    sent = 0
    with contextlib.suppress(OSError):
        for byte in data:
            sock.sendall(bytes([byte]))
            sent += 1
            time.sleep(every)
    return sent


def plain(url, *, source="127.0.0.1"):
    return socket.create_connection(("127.0.0.1", port_of(url)), timeout=10, source_address=(source, 0))


def client_hello():
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_hostname="localhost").do_handshake()
    return outgoing.read()


@pytest.mark.parametrize("profile", [1, 2, 3])
def test_a_silent_socket_is_closed(house, profile):
    """Who connects and says nothing is gone after the deadline for the first byte, and not before."""
    house = house(deadlines=Deadlines(first_byte=0.4, handshake=LONG, head=LONG))
    with plain(house.door(profile)) as sock:
        assert 0.3 < until_closed(sock, time.monotonic()) < 0.4 + SOON


@pytest.mark.parametrize("profile", [2, 3])
@pytest.mark.parametrize("manner", ["stops", "drips"])
def test_a_slow_tls_handshake_is_ended(house, profile, manner):
    """Half a ClientHello, or one byte at a time: closed in time, with an event that names the stage."""
    house = house(deadlines=Deadlines(first_byte=LONG, handshake=0.5, head=LONG))
    hello = client_hello()
    with plain(house.door(profile)) as sock:
        started = time.monotonic()
        if manner == "drips":
            assert drip(sock, hello) < len(hello)
        else:
            sock.sendall(hello[:40])
        assert until_closed(sock, started) < 0.5 + SOON
    (event,) = eventually(lambda: house.told("handshake-failed"))
    assert event.reason == "handshake-timeout"


@pytest.mark.parametrize("profile", [1, 2])
@pytest.mark.parametrize("manner", ["stops", "drips"])
def test_a_slow_request_head_is_answered_408(house, profile, manner):
    """Half a request head, or one byte at a time: 408, complete, and the end."""
    house = house(deadlines=Deadlines(first_byte=LONG, handshake=LONG, head=0.5))
    data = request(target("CS"))
    with dial(house.door(profile), context=client_context(house.root)) as sock:
        started = time.monotonic()
        if manner == "drips":
            assert drip(sock, data) < len(data)
        else:
            sock.sendall(data[:40])
        answer = read_answer(sock)
        assert (answer.status, answer.complete) == (408, True)
        assert time.monotonic() - started < 0.5 + LINGER + SOON


def test_an_endless_head_is_answered_431(house):
    """Eight KiB of head are enough for anybody."""
    house = house()
    with dial(house.door(1)) as sock:
        sock.sendall(request(target("CS"))[:-2] + b"X-More: " + b"x" * 9000)
        answer = read_answer(sock)
    assert (answer.status, answer.complete) == (431, True)


def test_a_station_that_does_not_boot_is_sent_away(house):
    """Admitted, but no BootNotification: closed with 1008 in time."""
    house = house(boot_seconds=0.4)
    with Raw(house.door(1), "CS", password=house.add("CS")) as station:
        assert station.status == 101
        code, reason = station.closing()
    assert (code, reason) == (1008, "no BootNotification in time")


def test_a_station_that_boots_stays(house):
    """The deadline for the boot ends with the boot."""
    house = house(boot_seconds=0.4)
    with Raw(house.door(1), "CS", password=house.add("CS")) as station:
        station.boot("CS")
        time.sleep(0.8)
        assert "currentTime" in station.call("Heartbeat", {})[2]


def test_a_silent_station_is_pinged_and_a_dead_one_dropped(house, monkeypatch):
    """After a while of silence comes a ping; without any answer the connection ends."""
    monkeypatch.setattr(assembly, "_SWEEP_SECONDS", 0.05)
    house = house(ping_seconds=0.3, pong_seconds=0.3)
    with Raw(house.door(1), "CS", password=house.add("CS")) as station:
        station.boot("CS")
        assert station.read()[0] == 9
        assert station.closing() == (1006, "")
    eventually(lambda: house.csms.connection("CS") is None)


def test_a_station_that_answers_pings_stays(house, monkeypatch):
    """A pong is a sign of life."""
    monkeypatch.setattr(assembly, "_SWEEP_SECONDS", 0.05)
    house = house(ping_seconds=0.2, pong_seconds=0.3)
    with Raw(house.door(1), "CS", password=house.add("CS")) as station:
        station.boot("CS")
        for _ in range(4):
            opcode, payload = station.read()
            assert opcode == 9
            station.send(payload, opcode=10)
        assert house.csms.connection("CS") is not None


def test_a_full_waiting_room_does_not_grow(house):
    """Connections nobody has decided on are bounded; those behind them wait in the backlog and get their turn."""
    house = house(most_undecided=5, deadlines=Deadlines(head=0.5))
    silent = [plain(house.door(1), source=f"127.0.1.{number}") for number in range(1, 21)]
    for sock in silent:
        sock.sendall(b"G")  # who says nothing at all waits in the kernel, and takes no place
    started = time.monotonic()
    try:
        with dial(house.door(1), timeout=LONG) as sock:
            sock.sendall(request(target("STRANGER"), authorization=basic("STRANGER", "x" * 16)))
            assert read_answer(sock).status == 404
        assert time.monotonic() - started > 0.4, "its turn came when a silent one had gone"
    finally:
        for sock in silent:
            sock.close()


def test_one_address_cannot_shut_a_door(house):
    """However many silent connections it opens, and again and again: the places of the others stay free."""
    house = house(most_undecided=20, deadlines=Deadlines(first_byte=LONG))
    silent = [plain(house.door(1), source="127.0.1.1") for _ in range(60)]
    try:
        with plain(house.door(1), source="127.0.1.2") as sock:
            sock.sendall(request(target("STRANGER"), authorization=basic("STRANGER", "x" * 16)))
            assert read_answer(sock).status == 404
        for sock in silent:
            sock.close()
        time.sleep(0.3)
        with plain(house.door(1), source="127.0.1.1") as sock:
            sock.sendall(request(target("STRANGER"), authorization=basic("STRANGER", "x" * 16)))
            assert read_answer(sock).status == 404, "the places it held are counted once"
    finally:
        for sock in silent:
            sock.close()


class Ponders:
    """An application that takes its time."""

    def on_call(self, identity, action, payload):
        return asyncio.Event().wait()


def test_an_orderly_stop_does_not_wait_for_ever(house, monkeypatch):
    """Whoever owes an answer has a moment; then the station is told that the CSMS goes away (1001)."""
    monkeypatch.setattr(assembly, "_FINISH_SECONDS", 0.3)
    house = house()
    reception = house.csms._reception
    reception.serve(replace(reception._house, application=Ponders()))
    with Raw(house.door(1), "CS", password=house.add("CS")) as station:
        station.boot("CS")
        station.send(
            b'[2,"2","StatusNotification",{"timestamp":"2026-11-22T12:00:00Z","connectorStatus":"Available",'
            b'"evseId":1,"connectorId":1}]'
        )
        time.sleep(0.2)
        stopped = asyncio.run_coroutine_threadsafe(house.csms.stop(), house._loop)
        while (frame := station.read())[0] != 8:
            pass
        assert frame[1][:2] == (1001).to_bytes(2, "big")
        station.send(frame[1][:2], opcode=8)
        stopped.result(SOON)
