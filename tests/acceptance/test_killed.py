"""kill -9 of the CSMS after each recorded step of an upgrade, then a restart: the station ends on profile 3.

Each step has a station of its own, which dawdles there for ever; when every station stands where it should, one
kill -9 hits all steps at once.  Signing needs no station, so that step's kill comes with its line in the log.
"""

import asyncio
import json
import os
import signal

import pytest
from rig.crew import Crew
from rig.server import Up, eventually
from rig.wire import ask, basic, client_context, request, target

SETTINGS = "ask the station for its settings (GetVariables)"
ROOTS = "ask which CSMS roots are installed (GetInstalledCertificateIds)"
SWITCH = [
    "write the network profile into a free slot (SetNetworkProfile)",
    "put the new slot first (SetVariables NetworkConfigurationPriority)",
    "restart the station when it is idle (Reset)",
    "wait for the station to boot on the new profile",
    "wait for BootNotification on the new profile",
]
AWAITING_REQUEST = "profile 3: wait for the certificate request (SignCertificate)"
SIGNING = "profile 3: check and sign the certificate request"
STEPS = [
    f"profile 2: {step}"
    for step in [
        SETTINGS,
        "ask which configuration slots there are (GetReport)",
        "wait for the list of configuration slots (NotifyReport)",
        ROOTS,
        "install the CSMS root (InstallCertificate)",
        "check that the CSMS root is installed (GetInstalledCertificateIds)",
        *SWITCH,
    ]
] + [
    f"profile 3: {SETTINGS}",
    f"profile 3: {ROOTS}",
    "profile 3: set OrganizationName (SetVariables)",
    "profile 3: ask for a certificate request (TriggerMessage)",
    AWAITING_REQUEST,
    SIGNING,
    "profile 3: deliver the station certificate (CertificateSigned)",
    *[f"profile 3: {step}" for step in SWITCH],
]


class Story:
    """Who stands where, as the log tells it, and who may go on."""

    def __init__(self):
        self.at = {}
        self.hold = {f"K{number}": step for number, step in enumerate(STEPS)}
        self.signer = f"K{STEPS.index(SIGNING)}"
        self.hold[self.signer] = AWAITING_REQUEST
        self.kill = None

    def on_line(self, line):
        event = json.loads(line) if line.startswith("{") else {}
        if event.get("event") == "upgrade-stepped":
            self.at[event["identity"]] = event["step"]
            if event["step"] == SIGNING and event["identity"] == self.signer and self.kill is not None:
                kill, self.kill = self.kill, None  # the next process takes the step up, and says so
                kill()

    def pace(self, identity):
        async def pace():
            await asyncio.sleep(
                0.4
            )  # the log line is a moment behind the message, on a busy machine a long one
            while identity in self.hold and self.at.get(identity) == self.hold[identity]:
                await asyncio.sleep(0.05)

        return pace

    def standing(self):
        """every station stands at its step"""
        failed = {identity: step for identity, step in self.at.items() if step.startswith("failed")}
        assert not failed
        return all(self.at.get(identity) == step for identity, step in self.hold.items())


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """The server after the kill and the restart, and what it says of each upgrade in the end."""
    directory = tmp_path_factory.mktemp("killed")
    story, server, crew = Story(), Up(directory / "state"), Crew(directory / "flash")
    server.on_line = story.on_line
    try:
        server.start()
        passwords = {identity: server.add(identity) for identity in story.hold}
        for identity, password in passwords.items():
            crew.power_on(identity, url=server.door(1), password=password, pace=story.pace(identity))
        eventually(lambda: all(crew.booted(identity, 1) for identity in passwords), within=30)
        upgrades = {identity: server.begin_upgrade(identity) for identity in passwords}
        eventually(story.standing, within=90)
        stood = {
            identity: server.get(f"/upgrades/{upgrade}")["step"] for identity, upgrade in upgrades.items()
        }
        pid = server.pid
        story.kill = lambda: os.kill(pid, signal.SIGKILL)
        del story.hold[story.signer]
        server.await_death()
        story.hold.clear()
        server.start()
        ended = {}
        for identity, upgrade in upgrades.items():
            eventually(lambda path=f"/upgrades/{upgrade}": server.get(path)["status"] != "open", within=90)
            ended[identity] = server.get(f"/upgrades/{upgrade}")
        yield server, stood, ended, passwords
    finally:
        crew.close()
        server.stop()


@pytest.mark.parametrize("step", STEPS)
def test_an_upgrade_survives_kill_9_at(killed, step):
    """The CSMS killed while an upgrade stands at this step, and started again: the station ends on profile 3."""
    server, stood, ended, passwords = killed
    identity = f"K{STEPS.index(step)}"
    assert stood[identity] == (AWAITING_REQUEST if step == SIGNING else step)
    assert ended[identity]["status"] == "done", (ended[identity]["reason"], ended[identity]["steps"])
    station = server.station(identity)
    assert (station["floor"], station["observed"]) == (3, 3)
    data = request(target(identity), authorization=basic(identity, passwords[identity]))
    for profile, context in ((1, None), (2, client_context(server.root))):
        assert ask(server.door(profile), data, context=context).status == 403


def test_the_signing_step_was_recorded_when_the_kill_came(killed):
    """The kill with the signature under way came after the step was kept, and the step was taken up again."""
    _, _, ended, _ = killed
    steps = [step["step"] for step in ended[f"K{STEPS.index(SIGNING)}"]["steps"]]
    assert SIGNING in steps


def test_every_step_there_is_was_killed(up, crew, identity):
    """An undisturbed upgrade takes exactly the steps after which the process is killed here."""
    password = up.add(identity)
    crew.power_on(identity, url=up.door(1), password=password)
    eventually(lambda: crew.booted(identity, 1))
    upgrade = up.begin_upgrade(identity)
    eventually(lambda: up.get(f"/upgrades/{upgrade}")["status"] != "open")
    steps = up.get(f"/upgrades/{upgrade}")["steps"]
    taken = list(dict.fromkeys(step["step"] for step in steps))
    assert taken == [*STEPS, "done: profile 3"]
