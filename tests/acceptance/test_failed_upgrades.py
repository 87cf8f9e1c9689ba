"""An upgrade that fails says why, takes nothing away, and can be tried again (LESSONS 11)."""

import json
import socket
import threading

import pytest
from rig.server import eventually
from rig.wire import Raw, ask, basic, client_context, request, target


class Obstinate:
    """A booted station that answers by a script, in a thread: action → payload, CALLERROR code, or None for silence."""

    def __init__(self, station, answers):
        self._station = station
        self._answers = {
            "GetVariables": "NotSupported",
            "GetReport": {"status": "NotSupported"},
            "GetInstalledCertificateIds": {"status": "NotFound"},
            **answers,
        }
        self.heard = []
        self._thread = threading.Thread(target=self._obey, daemon=True)
        self._thread.start()

    def _obey(self):
        try:
            while True:
                _, number, action, payload = self._station.text()
                self.heard.append(action)
                answer = self._answers.get(action, "NotImplemented")
                if callable(answer):
                    answer = answer(payload)
                if isinstance(answer, dict):
                    self._station.send(json.dumps([3, number, answer]).encode())
                elif answer is not None:
                    self._station.send(json.dumps([4, number, answer, "", {}]).encode())
        except (OSError, AssertionError):
            return

    def end(self):
        self._station.sock.shutdown(socket.SHUT_RDWR)
        self._thread.join(timeout=10)


def all_set(payload):
    """Accepted for every variable."""
    results = [
        {"attributeStatus": "Accepted", "component": item["component"], "variable": item["variable"]}
        for item in payload["setVariableData"]
    ]
    return {"setVariableResult": results}


REFUSALS = [
    pytest.param(
        {"InstallCertificate": {"status": "Rejected"}}, "InstallCertificate Rejected", id="root-rejected"
    ),
    pytest.param({"InstallCertificate": {"status": "Failed"}}, "InstallCertificate Failed", id="root-failed"),
    pytest.param({"InstallCertificate": "NotSupported"}, "NotSupported", id="no-certificates"),
    pytest.param(
        {"InstallCertificate": {"status": "Accepted"}, "SetNetworkProfile": {"status": "Rejected"}},
        "SetNetworkProfile",
        id="profile-rejected",
    ),
    pytest.param(
        {"InstallCertificate": {"status": "Accepted"}, "SetNetworkProfile": "NotImplemented"},
        "SetNetworkProfile",
        id="profile-unknown",
    ),
]


@pytest.mark.parametrize(("answers", "word"), REFUSALS)
def test_a_refusing_station_fails_the_upgrade_with_a_reason(up, identity, answers, word):
    """Exit code 1 and words that name the step; the old profile and the new one are both open, and it can begin again."""
    password = up.add(identity)
    with Raw(up.door(1), identity, password=password) as raw:
        raw.boot(identity)
        station = Obstinate(raw, answers)
        done = up.command("station", "upgrade", identity, "--to", "2", "--wait", "--timeout", "20")
        assert done.code == 1, done
        assert word in done.err
        assert up.begin_upgrade(identity, 2), "it can be tried again at once"
        eventually(lambda: up.get(f"/stations/{identity}/upgrades")["upgrades"][0]["status"] == "failed")
        station.end()
    data = request(target(identity), authorization=basic(identity, password))
    for profile in (1, 2):
        assert ask(up.door(profile), data, context=client_context(up.root)).status == 101
    assert up.station(identity)["floor"] == 1


def test_a_station_that_rises_after_its_upgrade_failed_does_not_fall_back(up, identity):
    """Given up, but the station boots on 2 all the same, later: from then on 1 is closed (A05.FR.07)."""
    password = up.add(identity)
    with Raw(up.door(1), identity, password=password) as raw:
        raw.boot(identity)
        station = Obstinate(raw, {"InstallCertificate": {"status": "Rejected"}})
        assert up.command("station", "upgrade", identity, "--to", "2", "--wait").code == 1
        station.end()
    with Raw(up.door(2), identity, password=password, context=client_context(up.root)) as raw:
        assert raw.boot(identity)[2]["status"] == "Accepted"
        raw.pong()
        eventually(lambda: up.station(identity)["floor"] == 2)
    answer = ask(up.door(1), request(target(identity), authorization=basic(identity, password)))
    assert answer.status == 403


def test_an_accepted_that_was_a_lie_is_noticed(up, identity):
    """Accepted to everything, and nothing done: the floor stays, because only a boot on the new profile counts."""
    password = up.add(identity)
    yes = {"status": "Accepted"}
    with Raw(up.door(1), identity, password=password) as raw:
        raw.boot(identity)
        station = Obstinate(
            raw,
            {
                "InstallCertificate": yes,
                "SetNetworkProfile": yes,
                "Reset": yes,
                "SetVariables": all_set,
            },
        )
        up.begin_upgrade(identity, 2)
        eventually(lambda: "Reset" in station.heard)
        station.end()
    with Raw(up.door(1), identity, password=password) as raw:
        assert raw.boot(identity, reason="RemoteReset")[2]["status"] == "Accepted"
        shown = up.station(identity)
        assert (shown["floor"], shown["connection"]["profile"]) == (1, 1)


def test_a_station_that_is_away_is_waited_for(up, crew, identity):
    """The upgrade begins without the station, and goes on when it comes."""
    password = up.add(identity)
    upgrade = up.begin_upgrade(identity, 3)
    done = up.command("station", "upgrade", identity, "--to", "3")
    assert done.code != 0, "one at a time"
    crew.power_on(identity, url=up.door(1), password=password)
    eventually(lambda: up.get(f"/upgrades/{upgrade}")["status"] == "done", within=20)
    assert up.station(identity)["floor"] == 3


def test_waiting_in_vain_is_exit_code_6(up, identity):
    """--timeout ends the waiting, not the upgrade."""
    up.add(identity)
    done = up.command("station", "upgrade", identity, "--to", "2", "--wait", "--timeout", "1")
    assert done.code == 6, done
    assert up.get(f"/stations/{identity}/upgrades")["upgrades"][0]["status"] == "open"
    again = up.command("station", "upgrade", identity, "--to", "2", "--wait", "--timeout", "1")
    assert again.code == 6, "who asks again waits for the same one"
    other = up.command("station", "upgrade", identity, "--to", "3", "--wait", "--timeout", "1")
    assert other.code == 1, "to another profile there is none to wait for"
