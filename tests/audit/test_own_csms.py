"""Our own CSMS, in process, judged by the same audit as everybody else."""

import contextlib

import pytest
from zoo.audits import LIMITS

from ocppsec.audit.finding import Verdict
from ocppsec.audit.forge import ec_key, key_pem, request, subject
from ocppsec.audit.run import Selection, audit_csms
from ocppsec.audit.target import Papers, Target, doors
from ocppsec.csms.configuration import Configuration, default_doors
from ocppsec.csms.service import Csms
from ocppsec.registry.memory import MemoryStore


@contextlib.asynccontextmanager
async def our_csms(tmp_path):
    configuration = Configuration(
        state=tmp_path / "state",
        doors=default_doors("127.0.0.1", ws_port=0, wss_port=0, mtls_port=0),
        hostname="localhost",
        organization="ACME",
    )
    csms = Csms(configuration, MemoryStore(), emit=lambda _event: None)
    await csms.start()
    try:
        yield csms
    finally:
        await csms.stop()


async def station_on(csms, identity, profile):
    return (await csms.add_station(identity, profile=profile)).generated_password


def target(csms, profile, password, **more):
    url = csms.url_for(profile)
    return Target(
        **doors(url, ws=csms.url_for(1), wss=csms.url_for(2), mtls=csms.url_for(3), profile=profile),
        identity="CS1",
        password=password,
        other_identity="CS2",
        organization="ACME",
        roots=csms.authority.root_pem,
        never_booted=True,
        destructive=True,
        **more,
    )


def judged(report):
    """What did not pass, by verdict."""
    left = {}
    for one in report.findings:
        left.setdefault(one.verdict, {})[one.about.id] = one.why
    return left


@pytest.mark.parametrize("profile", [1, 2])
async def test_our_csms_passes_what_it_is_asked(tmp_path, profile):
    """With a password on profile 1 and 2 nothing fails, and nothing is inconclusive without a reason of ours."""
    async with our_csms(tmp_path) as csms:
        password = await station_on(csms, "CS1", profile)
        await station_on(csms, "CS2", profile)
        report = await audit_csms(target(csms, profile, password), limits=LIMITS)
    found = judged(report)
    assert not found.get(Verdict.FAIL), found[Verdict.FAIL]
    unasked = {"connection.one-call-at-a-time"}  # the CSMS has no wish of its own after a boot
    if profile == 1:  # a station with target 1 is not let in higher, and gets no certificate without TLS
        unasked |= {"profiles.no-return-to-clear", "certificates.issued"}
    assert found.get(Verdict.INCONCLUSIVE, {}).keys() <= unasked, found[Verdict.INCONCLUSIVE]
    assert len(found[Verdict.PASS]) > 50


async def certified(csms, password):
    """A certificate that our CSMS issues to CS1, asked for as a station on profile 2 does."""
    from ocppsec.audit.lab import Lab

    key = ec_key()
    async with Lab(target(csms, 2, password), pause=0, patience=5) as lab:
        chain = []

        def take(action, payload):
            chain.append(payload["certificateChain"])
            return {"status": "Accepted"}

        async with lab.station(take) as socket:
            payload = {
                "csr": request(key, subject("CS1", "ACME")),
                "certificateType": "ChargingStationCertificate",
            }
            assert (await socket.call("SignCertificate", payload))[2]["status"] == "Accepted"
            while not chain:
                await socket.listen(0.1)
    return Papers(chain_pem=chain[0], key_pem=key_pem(key))


async def test_our_csms_passes_on_profile_3(tmp_path):
    """With a certificate of its own CA nothing fails: neither without one, nor with a forged or a borrowed one."""
    async with our_csms(tmp_path) as csms:
        password = await station_on(csms, "CS1", 2)
        await station_on(csms, "CS2", 3)
        papers = await certified(csms, password)
        await csms.store.set_target("CS1", 3)
        report = await audit_csms(
            target(csms, 3, password, papers=papers),
            limits=LIMITS,
            selection=Selection(only=("first", "mtls", "profiles", "connection", "boot")),
        )
    found = judged(report)
    assert not found.get(Verdict.FAIL), found[Verdict.FAIL]
    passed = found[Verdict.PASS].keys()
    assert {
        "mtls.valid", "mtls.absent", "mtls.foreign-ca", "mtls.other-station", "mtls.serial-at-boot",
        "profiles.no-return-to-password", "profiles.no-return-to-clear",
    } <= passed, found  # fmt: skip


async def test_our_csms_raises_the_audits_station(tmp_path):
    """TC_A_19: asked for it, our CSMS takes the station to profile 2, and refuses it on 1 afterwards."""
    async with our_csms(tmp_path) as csms:
        password = await station_on(csms, "CS1", 1)

        async def operator(what):
            assert what == "upgrade CS1 to profile 2"
            await csms.begin_upgrade("CS1", 2)
            return True

        report = await audit_csms(
            target(csms, 1, password, operator=True),
            limits=LIMITS,
            selection=Selection(only=("profiles.upgrade", "profiles.no-return-to-clear")),
            operator=operator,
        )
    assert {one.verdict for one in report.findings} == {Verdict.PASS}, judged(report)


REMOVED = [
    pytest.param(
        "ocppsec.profiles.password.Hasher.verify", lambda *_: True, "auth.wrong-password", id="password"
    ),
    pytest.param(
        "ocppsec.profiles.admission._check_profile",
        lambda *_: None,
        "profiles.no-return-to-clear",
        id="floor",
    ),
    pytest.param(
        "ocppsec.profiles.throttle.LoginThrottle.check", lambda *_: 0.0, "first.logins-limited", id="throttle"
    ),
    pytest.param(
        "ocppsec.csms.tls.CIPHERS",
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "tls.suite-aes128-gcm-sha256",
        id="suites",
    ),
]


@pytest.mark.parametrize(("rule", "instead", "check"), REMOVED)
async def test_a_rule_removed_from_our_csms_turns_the_audit_red(tmp_path, monkeypatch, rule, instead, check):
    """The audit does not know our CSMS: what it no longer does is found."""
    monkeypatch.setattr(rule, instead)
    async with our_csms(tmp_path) as csms:
        password = await station_on(csms, "CS1", 2)
        await station_on(csms, "CS2", 2)
        report = await audit_csms(
            target(csms, 2, password), limits=LIMITS, selection=Selection(only=(check,))
        )
    assert report.of(check).verdict is Verdict.FAIL, report.of(check).why
