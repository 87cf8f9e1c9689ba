"""Rescue that acts, and the step down, with the installed command and a station on somebody else's stack."""

import json
import os

from rig.server import eventually

REASON = "the site was rebuilt"


def kept(up, identity):
    done = up.command("station", "interventions", identity, "--json")
    return [(one["what"], one["reason"]) for one in done.json["interventions"]]


def test_watched_given_up_and_raised_when_it_comes(up, crew, identity):
    """Nothing runs but the server: what a person asks for is kept, done, told, and goes on when the station comes."""
    password = up.add(identity)
    rescue = ("station", "rescue", identity)
    assert up.command(*rescue, "--do", "watch").code == 2  # no reason
    assert up.command(*rescue, "--do", "pray", "--reason", REASON).code == 2
    at_target = up.command(*rescue, "--do", "watch", "--reason", REASON)
    assert at_target.code != 0
    assert "where it should be" in at_target.err
    assert kept(up, identity) == []

    assert up.command(*rescue, "--do", "open-profile", "--profile", "3", "--reason", REASON).code == 0
    offered = up.command(*rescue)
    assert "watch" in offered.out
    assert up.command(*rescue, "--do", "watch", "--for", "7d", "--reason", REASON).code == 0
    ended = up.command(*rescue, "--do", "give-up", "--reason", "not this week", "--json")
    given_up = up.get(f"/upgrades/{ended.json['upgrade']}")
    assert (given_up["status"], "not this week" in given_up["reason"]) == ("failed", True)
    watched = up.command(*rescue, "--do", "watch", "--reason", REASON, "--json").json["upgrade"]

    crew.power_on(identity, url=up.door(1), password=password)
    eventually(lambda: up.get(f"/upgrades/{watched}")["status"] != "open", within=90)
    ended = up.get(f"/upgrades/{watched}")
    assert ended["status"] == "done", (ended["reason"], ended["steps"])
    assert kept(up, identity) == [
        ("watch", REASON),
        ("give-up", "not this week"),
        ("watch", REASON),
        ("open-profile", REASON),
    ]
    told = [event for event in up.events("intervened") if event["identity"] == identity]
    assert [event["what"] for event in told] == ["open-profile", "watch", "give-up", "watch"]

    refused = up.command("station", "downgrade", identity, "--to", "2", "--reason", REASON, "--wait")
    assert refused.code == 1
    assert "does not have AllowSecurityProfileDowngrade" in refused.err
    assert up.station(identity)["floor"] == 3
    assert up.command("station", "downgrade", identity, "--to", "1", "--reason", REASON).code == 2
    assert up.command("station", "downgrade", identity, "--to", "2").code == 2
    status, _ = up.api("POST", f"/stations/{identity}/downgrades", {"to": 1, "reason": REASON})
    assert status in {400, 422}


def test_a_further_password_for_a_station_that_lost_its_own(up, crew, identity, tmp_path):
    """The old one and the new one let in; once the new one was used the old one is dead; it is in no log."""
    up.add(identity)
    told = up.command("station", "rescue", identity, "--do", "new-password", "--reason", REASON, "--json")
    assert told.code == 0, told.err
    password = json.loads(told.out)["password"]
    crew.power_on(identity, url=up.door(1), password=password)
    eventually(lambda: crew.booted(identity, 1), within=60)
    assert kept(up, identity) == [("new-password", REASON)]
    assert not any(password in line for line in up.lines)
    database = (up.state / "ocppsec.db").read_bytes()
    wal = up.state / "ocppsec.db-wal"
    assert password.encode() not in database + (wal.read_bytes() if os.path.exists(wal) else b"")
