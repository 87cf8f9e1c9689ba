"""Each manner does what its sentence says; one row for each, and a row is missed when it is not there."""

import asyncio
import base64
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from ssl import TLSVersion
from types import SimpleNamespace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from ocppsec.certificates.request import ApprovedRequest, Expected, check_request
from ocppsec.link.errors import LinkClosed
from ocppsec.ocppj.frames import decode
from ocppsec.ocppj.messages import to_payload
from ocppsec.ocppj.received import CallReceived
from ocppsec.ocppj.schemas import check_request as fits_request_schema
from ocppsec.ocppj.schemas import check_response
from ocppsec.station.behaviour import reply_to
from ocppsec.station.conduct import Conduct
from ocppsec.station.conversation import Conversation, Ended
from ocppsec.station.device_model import catalogue
from ocppsec.station.dialling import Dial
from ocppsec.station.inner import Inner
from ocppsec.station.manners import MANNERS, UnknownManner, with_manners
from ocppsec.station.manners.connections import BIG, FLOOD, GARBAGE
from ocppsec.station.memory import PassingMemory
from ocppsec.station.own_certificates import Subject
from ocppsec.station.remembered import factory_fresh
from ocppsec.station.reply import Reboot

PASSWORD = "sixteen-letters-"
WHO = Subject(serial_number="SN-1", organization="Example CSO")


class RecordingLink:
    """A connection on which everything is written down."""

    def __init__(self, handler):
        self.handler, self.sent, self.raw, self.answers, self.reading = handler, [], [], [], True
        self.closed, self.close_code, self.close_reason, self.aborted = False, None, "", False
        pausing = SimpleNamespace(pause_reading=lambda: setattr(self, "reading", False))
        self._transport = SimpleNamespace(
            send=lambda kind, message: self.raw.append(message), underlying_transport=pausing
        )

    async def call(self, action, payload, *, timeout):
        fits_request_schema(action, payload)
        self.sent.append((action, payload))
        return {}

    def answer(self, call_id, payload):
        self.answers.append((call_id, payload))

    def abort(self, reason):
        self.closed = self.aborted = True

    async def wait_closed(self):
        return


@dataclass
class Stage:
    """One station with a manner, and what a CSMS saw of it."""

    world: object
    conduct: Conduct
    seen: list
    links: list

    def attempt(self, number=1, **changes):
        kept = self.world.on(number).with_certificate().kept
        connection = self.world.profile(number)
        values = {"config": self.conduct.config, "kept": kept, "connection": connection}
        return Dial(**(values | {"recovering": False, "wildcards": False} | changes))

    async def dial(self, number=1, handler=None, **changes):
        """The attempt as it really leaves, and the link as the station has it."""
        handler = handler or Conversation(lambda talk, link, call: None, lambda reason: None)
        link = await self.conduct.dialler(
            self.attempt(number, **changes), handler, memory=PassingMemory(), new_id=str
        )
        return self.seen[-1], link

    async def said(self, action, payload):
        """*payload* as it leaves."""
        _, link = await self.dial()
        await link.call(action, payload, timeout=1)
        return self.links[-1].sent[-1][1]

    async def accepted(self, handler=None):
        """What goes out raw once the boot was accepted."""
        _, link = await self.dial(handler=handler)
        status = {"timestamp": "2026-11-22T12:00:00Z", "connectorStatus": "Available"}
        await link.call("StatusNotification", status | {"evseId": 1, "connectorId": 1}, timeout=1)
        return self.links[-1].raw

    def answer(self, action, payload, world=None):
        world = world or self.world
        situation = replace(
            world.situation, config=self.conduct.config, catalogue=catalogue(self.conduct.config.traits)
        )
        reply = reply_to(action, payload, world.kept, situation, self.conduct.behaviour)
        check_response(action, to_payload(reply.answer))
        return reply

    def status(self, action, payload, world=None):
        return to_payload(self.answer(action, payload, world).answer)["status"]

    async def answered(self, action="Heartbeat"):
        """How an answer to a CALL of the CSMS leaves."""
        talk = Conversation(lambda talk, link, call: link.answer(call.id, {"a": 1}), lambda reason: None)
        talk.begin()
        await self.dial(handler=talk)
        link = self.links[-1]
        link.handler.on_call(link, CallReceived("id-1", action, {}))
        return link

    def csr(self):
        new = self.conduct.request("ec-p256", WHO)
        return new.csr, load_pem_private_key(new.key_pem, None)

    def refusal(self):
        """Why our own CA would not grant its request."""
        checked = check_request(self.csr()[0], Expected(serial_number="SN-1", organization="Example CSO"))
        return (
            [] if isinstance(checked, ApprovedRequest) else [str(reason.rule) for reason in checked.reasons]
        )


@pytest.fixture
def stage(world):
    seen, links = [], []

    async def dialler(attempt, handler, /, *, memory, new_id):
        seen.append(attempt)
        links.append(RecordingLink(handler))
        return links[-1]

    def make(*names, **config):
        right = Conduct(config=world.config(pace=0.0, **config), clock=lambda: world.now, dialler=dialler)
        return Stage(world, with_manners(right, names), seen, links)

    return make


SHOWS = {}


def shows(name):
    def kept(check):
        SHOWS[name] = check
        return check

    return kept


# -- kinds --------------------------------------------------------------------------------------------------
def slots_are(*expected):
    def check(stage):
        new = factory_fresh(stage.conduct.config)
        assert (stage.conduct.config.traits.slots, sorted(new.slots)) == expected
        assert list(new.priority) == expected[1]

    return check


SHOWS["everest-slots"] = slots_are((1, 2), [1])
SHOWS["openocpp-slots"] = slots_are((0, 1, 2), [0])
SHOWS["only-listed-slots"] = slots_are((1, 2), [1, 2])


def network_profile(world, number, slot=2, **changes):
    return {"configurationSlot": slot, "connectionData": to_payload(world.profile(number, **changes))}


@shows("only-wireless0")
def _(stage):
    for interface, status in (("Wired0", "Rejected"), ("Wireless0", "Accepted"), ("Wireless1", "Rejected")):
        asked = network_profile(stage.world, 1, ocpp_interface=interface)
        assert stage.status("SetNetworkProfile", asked) == status


def priority(value=None):
    named = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "NetworkConfigurationPriority"}}
    return named if value is None else named | {"attributeValue": value}


def statuses(reply, kind):
    return [result["attributeStatus"] for result in to_payload(reply.answer)[f"{kind}VariableResult"]]


@shows("unknown-priority-variable")
def _(stage):
    got = stage.answer("GetVariables", {"getVariableData": [priority()]})
    put = stage.answer("SetVariables", {"setVariableData": [priority("1")]})
    assert (statuses(got, "get"), statuses(put, "set")) == (["UnknownVariable"], ["UnknownVariable"])


def inner(stage):
    return Inner(
        stage.conduct.config, PassingMemory(), clock=stage.conduct.clock, tell=lambda _: None, new_id=str
    )


@shows("additional-root-check")
def _(stage):
    another = {"certificateType": "CSMSRootCertificate", "certificate": stage.world.new_root("Another").pem}
    assert stage.status("InstallCertificate", another) == "Accepted"
    assert stage.status("InstallCertificate", another, stage.world.with_root()) == "Rejected"


@shows("no-back-off")
def _(stage):
    assert inner(stage).back_off().wait(5, 0.9) == 0


def clock_is(begin, after):
    def check(stage):
        device = inner(stage)
        began = device.now()
        device.set_clock(stage.world.now.isoformat())
        assert (began, device.now()) == (begin, after)

    return check


NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
AT_2019, QUARTER = datetime(2019, 1, 1, tzinfo=UTC), timedelta(minutes=14)
SHOWS["clock-1970"] = clock_is(datetime(1970, 1, 1, tzinfo=UTC), NOW)
SHOWS["clock-2019"] = clock_is(AT_2019, AT_2019)
SHOWS["clock-ahead"] = clock_is(NOW + QUARTER, NOW + QUARTER)
SHOWS["clock-behind"] = clock_is(NOW - QUARTER, NOW - QUARTER)


# -- answers ------------------------------------------------------------------------------------------------
TRIGGER = {"requestedMessage": "SignChargingStationCertificate"}


@shows("accepts-everything")
def _(stage):
    junk = {"certificateType": "CSMSRootCertificate", "certificate": "junk"}
    for action, asked in (
        ("InstallCertificate", junk),
        ("CertificateSigned", {"certificateChain": "junk"}),
        ("SetNetworkProfile", network_profile(stage.world, 3, slot=77)),
        ("TriggerMessage", TRIGGER),
        ("Reset", {"type": "OnIdle"}),
    ):
        reply = stage.answer(action, asked)
        assert (to_payload(reply.answer)["status"], reply.kept, reply.effects) == (
            "Accepted",
            stage.world.kept,
            (),
        )
    reply = stage.answer("SetVariables", {"setVariableData": [priority("9,8")]})
    assert (statuses(reply, "set"), reply.kept) == (["Accepted"], stage.world.kept)


@shows("refuses-at-set-network-profile")
def _(stage):
    world = stage.world
    for having, number, status in (
        (world, 1, "Accepted"),
        (world, 2, "Rejected"),
        (world.with_root(), 2, "Accepted"),
        (world.with_root(), 3, "Rejected"),
        (world.with_certificate(), 3, "Accepted"),
    ):
        assert stage.status("SetNetworkProfile", network_profile(world, number), having) == status


@shows("refuses-root-on-plain")
def _(stage):
    asked = {"certificateType": "CSMSRootCertificate", "certificate": stage.world.new_root().pem}
    assert stage.status("InstallCertificate", asked) == "Rejected"
    assert stage.status("InstallCertificate", asked, stage.world.on(2)) == "Accepted"


@shows("never-sends-csr")
def _(stage):
    reply = stage.answer("TriggerMessage", TRIGGER)
    assert (to_payload(reply.answer), reply.effects) == ({"status": "Accepted"}, ())


def always(action, asked, status):
    def check(stage):
        reply = stage.answer(action, asked)
        assert (to_payload(reply.answer)["status"], reply.effects) == (status, ())
        assert reply.kept == stage.world.kept

    return check


SHOWS["refuses-certificate"] = always("CertificateSigned", {"certificateChain": "x"}, "Rejected")
SHOWS["loses-certificate"] = always("CertificateSigned", {"certificateChain": "x"}, "Accepted")
SHOWS["refuses-reset"] = always("Reset", {"type": "Immediate"}, "Rejected")
SHOWS["never-resets"] = always("Reset", {"type": "Immediate"}, "Scheduled")


def on_two_slots(world):
    return world.but(slots=world.kept.slots | {2: world.profile(1)})


@shows("reboot-required")
def _(stage):
    reply = stage.answer("SetVariables", {"setVariableData": [priority("2,1")]}, on_two_slots(stage.world))
    assert (statuses(reply, "set"), reply.kept.priority) == (["RebootRequired"], (2, 1))


@shows("reboots-by-itself")
def _(stage):
    reply = stage.answer("SetVariables", {"setVariableData": [priority("2,1")]}, on_two_slots(stage.world))
    assert (statuses(reply, "set"), reply.effects) == (["Accepted"], (Reboot(reason="LocalReset"),))


@shows("tidies-up-late")
def _(stage):
    def told(world):
        reply = stage.answer("GetVariables", {"getVariableData": [priority()]}, world)
        return to_payload(reply.answer)["getVariableResult"][0]["attributeValue"]

    before = stage.world.but(priority=(2, 1))
    after = before.on(2, slot=2).but(priority=(2,))
    assert [told(before), told(after), told(after)] == ["2,1", "2,1", "2"]


@shows("closes-before-certificate-answer")
async def _(stage):
    link = await stage.answered("CertificateSigned")
    assert (link.aborted, link.answers) == (True, [])
    other = await stage.answered("Reset")
    assert (other.aborted, other.answers) == (False, [("id-1", {"a": 1})])


@shows("never-answers")
async def _(stage):
    link = await stage.answered()
    assert (link.answers, link.raw, link.closed) == ([], [], False)


@shows("answers-late")
async def _(stage):
    link = await stage.answered()
    assert link.answers == []
    await asyncio.sleep(0.01)
    assert link.answers == [("id-1", {"a": 1})]


@shows("answers-twice")
async def _(stage):
    link = await stage.answered()
    assert (link.answers, link.raw) == ([("id-1", {"a": 1})], ['[3,"id-1",{"a":1}]'])


@shows("answers-another")
async def _(stage):
    link = await stage.answered()
    assert (link.answers, link.raw) == ([], ['[3,"id-1-other",{"a":1}]'])


# -- wording ------------------------------------------------------------------------------------------------
@shows("float-integers")
async def _(stage):
    said = await stage.said(
        "NotifyReport", {"requestId": 1, "generatedAt": "2026-11-22T12:00:00Z", "seqNo": 0}
    )
    assert (repr(said["requestId"]), repr(said["seqNo"])) == ("1.0", "0.0")


@shows("odd-dates")
async def _(stage):
    event = {"type": "X", "timestamp": "2026-11-22T12:00:00.250Z"}
    said = [(await stage.said("SecurityEventNotification", event))["timestamp"] for _ in range(4)]
    assert said == [
        "2026-11-22T12:00:00Z",
        "2026-11-22T12:00:00.2500000Z",
        "2026-11-22T17:30:00.250000+05:30",
        "2026-11-22T12:00:00Z",
    ]


def csr_is(expected):
    async def check(stage):
        assert (await stage.said("SignCertificate", {"csr": "a\nb\n"}))["csr"] == expected
        assert await stage.said("DataTransfer", {"vendorId": "a\nb\n"}) == {"vendorId": "a\nb\n"}

    return check


SHOWS["crlf-pem"] = csr_is("a\r\nb\r\n")
SHOWS["nul-pem"] = csr_is("a\nb\n\0")
SHOWS["escaped-pem"] = csr_is("a\\nb\\n")
SHOWS["one-line-pem"] = csr_is("ab")


def boot_says(**expected):
    async def check(stage):
        station = {"model": "m", "vendorName": "v", "serialNumber": "SN-1"}
        said = await stage.said("BootNotification", {"reason": "PowerUp", "chargingStation": station})
        assert {name: said["chargingStation"].get(name) for name in expected} == expected

    return check


SHOWS["wrong-serial-at-boot"] = boot_says(serialNumber="SN-1-X")
SHOWS["no-serial-at-boot"] = boot_says(serialNumber=None, model="m")
SHOWS["control-characters"] = boot_says(model="\x1b[2J\x1b[31m\r\n", serialNumber="SN-1")


# -- connections --------------------------------------------------------------------------------------------
@shows("half-open")
async def _(stage):
    talk = Conversation(lambda *_: None, lambda reason: None)
    await stage.accepted(talk)
    link = stage.links[-1]
    assert (isinstance(await talk.next(1), Ended), link.reading, link.closed) == (True, False, False)
    assert stage.conduct.leftovers == [link]
    for _ in range(3):
        await stage.accepted(talk)
        await talk.next(1)
    assert [one.closed for one in stage.links] == [True, False, False, False]


@shows("comes-back-twice")
async def _(stage):
    _, link = await stage.dial(handler=(mine := Conversation(lambda *_: None, lambda reason: None)))
    first, second = stage.links
    assert (link, second.handler, first.handler is mine) == (second, mine, False)
    assert stage.conduct.leftovers == [first]


@shows("never-boots")
async def _(stage):
    _, link = await stage.dial()
    with pytest.raises(LinkClosed):
        await link.call("BootNotification", {}, timeout=1)
    await link.call("Heartbeat", {}, timeout=1)
    assert stage.links[-1].sent == [("Heartbeat", {})]


@shows("speaks-before-boot")
async def _(stage):
    await stage.said(
        "BootNotification", {"reason": "PowerUp", "chargingStation": {"model": "m", "vendorName": "v"}}
    )
    assert stage.links[-1].raw == ['[2,"too-early","Heartbeat",{}]']


@shows("reboots-forever")
async def _(stage):
    talk = Conversation(lambda *_: None, lambda reason: None)
    await stage.accepted(talk)
    assert await talk.next(0) == Reboot(reason="Watchdog")


def ids(raw):
    return [decode(text).id for text in raw]


@shows("flood")
async def _(stage):
    assert len(set(ids(await stage.accepted()))) == FLOOD


@shows("several-calls-at-once")
async def _(stage):
    assert len(set(ids(await stage.accepted()))) == 5


@shows("replay")
async def _(stage):
    raw = await stage.accepted()
    assert (len(raw), len(set(raw))) == (3, 1)


@shows("big-message")
async def _(stage):
    (raw,) = await stage.accepted()
    assert len(raw) > BIG


@shows("garbage")
async def _(stage):
    assert tuple(await stage.accepted()) == GARBAGE


@shows("binary")
async def _(stage):
    (raw,) = await stage.accepted()
    assert isinstance(raw, bytes)


@shows("wrong-subprotocol")
async def _(stage):
    attempt, _ = await stage.dial()
    assert attempt.subprotocol == "ocpp1.6"


# What never becomes a WebSocket is shown on real sockets: tests/pair/test_unfinished.py.
ON_SOCKETS = {"silent-socket", "silent-after-tls", "slow-headers", "endless-headers", "no-http"}


# -- credentials --------------------------------------------------------------------------------------------
def authorization(attempt):
    given = attempt.headers.get("Authorization")
    return None if given is None else base64.b64decode(given.removeprefix("Basic "))


def presents(expected, number=1):
    async def check(stage):
        attempt, _ = await stage.dial(number)
        assert authorization(attempt) == expected

    return check


SHOWS["wrong-password"] = presents(b"CS001:sixteen-lettersa")
SHOWS["no-password"] = presents(None)
SHOWS["other-user"] = presents(b"CS000:sixteen-letters-")
SHOWS["password-on-3"] = presents(b"CS001:sixteen-letters-", 3)


@shows("colon-password")
async def _(stage):
    kept = factory_fresh(stage.conduct.config)
    attempt, _ = await stage.dial(kept=kept)
    assert authorization(attempt) == b"CS001:with:colons:in:it"


@shows("hex-password")
async def _(stage):
    attempt, _ = await stage.dial(kept=stage.world.kept.but(password="00ff3a" * 6))
    assert authorization(attempt) == b"CS001:" + b"\x00\xff:" * 6
    attempt, _ = await stage.dial()
    assert authorization(attempt) == b"CS001:sixteen-letters-"


@shows("guesses-passwords")
async def _(stage):
    guesses = {authorization((await stage.dial())[0]) for _ in range(3)}
    assert len(guesses) == 3
    assert inner(stage).back_off().wait(3, 0.9) == 0


@shows("goes-back")
async def _(stage):
    attempt, _ = await stage.dial(3)
    assert (attempt.connection.security_profile, attempt.url) == (1, "ws://csms.example.com/ocpp/CS001")
    attempt, _ = await stage.dial(1)
    assert attempt.connection.security_profile == 1


def tls_is(version, ciphers=None):
    async def check(stage):
        config = (await stage.dial(2))[0].config
        assert (config.tls_version, config.ciphers) == (version, ciphers)

    return check


SHOWS["tls-1.0"] = tls_is(TLSVersion.TLSv1)
SHOWS["tls-1.1"] = tls_is(TLSVersion.TLSv1_1)
SHOWS["tls-1.2"] = tls_is(TLSVersion.TLSv1_2)
SHOWS["one-suite-only"] = tls_is(TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-GCM-SHA256")
SHOWS["rsa-suites-only"] = tls_is(TLSVersion.TLSv1_2, "AES256-GCM-SHA384:AES128-GCM-SHA256")
SHOWS["weak-suite-only"] = tls_is(TLSVersion.TLSv1_2, "ECDHE-RSA-AES128-SHA")


# -- certificates -------------------------------------------------------------------------------------------
async def presented(stage):
    """On profile 3; on profile 2 nothing changes."""
    assert (await stage.dial(2))[0].credentials(PassingMemory()) is None
    attempt, _ = await stage.dial(3)
    chain, _ = attempt.credentials(PassingMemory())
    again, _ = await stage.dial(3)
    assert again.credentials(PassingMemory())[0] == chain
    return x509.load_pem_x509_certificate(chain.encode())


def certificate_is(*, issued_by_us, valid):
    async def check(stage):
        made = await presented(stage)
        issuer = stage.world.root.certificate
        assert made.subject.rfc4514_string() == "CN=SN-1,O=Example CSO"
        assert (made.issuer == issuer.subject) == issued_by_us
        with pytest.raises(Exception):  # noqa: B017  a name or a signature
            made.verify_directly_issued_by(issuer)
        assert (made.not_valid_before_utc <= NOW <= made.not_valid_after_utc) == valid

    return check


SHOWS["foreign-certificate"] = certificate_is(issued_by_us=False, valid=True)
SHOWS["forged-certificate"] = certificate_is(issued_by_us=True, valid=True)
SHOWS["expired-certificate"] = certificate_is(issued_by_us=True, valid=False)


@shows("copied-certificate")
async def _(stage):
    assert (await stage.dial(2))[0].url.endswith("/CS001")
    attempt, _ = await stage.dial(3)
    assert (attempt.url, attempt.presents) == ("wss://csms.example.com/ocpp/CS000", None)


@shows("no-certificate")
async def _(stage):
    attempt, _ = await stage.dial(3)
    assert (attempt.own_certificate, authorization(attempt)) == (None, None)
    assert authorization((await stage.dial(2))[0]) is not None


@shows("password-instead")
async def _(stage):
    attempt, _ = await stage.dial(3)
    assert (attempt.own_certificate, authorization(attempt)) == (None, b"CS001:sixteen-letters-")


# -- requests -----------------------------------------------------------------------------------------------
@shows("reused-key")
def _(stage):
    one, other = stage.csr()[1], stage.csr()[1]
    assert one.private_numbers() == other.private_numbers()


@shows("rsa-key")
def _(stage):
    assert stage.csr()[1].key_size == 2048
    assert stage.refusal() == []


@shows("weak-key")
def _(stage):
    assert stage.csr()[1].key_size == 1024


def csr_says(check):
    def shown(stage):
        csr = x509.load_pem_x509_csr(stage.csr()[0].encode())
        assert csr.is_signature_valid
        assert check(csr)

    return shown


SHOWS["wrong-cn"] = csr_says(lambda csr: csr.subject.rfc4514_string() == "CN=SN-0,O=Example CSO")
SHOWS["wrong-organization"] = csr_says(lambda csr: csr.subject.rfc4514_string() == "CN=SN-1,O=Somebody Else")
SHOWS["csr-wants-ca"] = csr_says(
    lambda csr: csr.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
)
SHOWS["csr-wants-server"] = csr_says(
    lambda csr: (
        csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(
            x509.DNSName
        )
        == ["localhost"]
    )
)


@shows("csr-version-2")
def _(stage):
    text, key = stage.csr()
    der = base64.b64decode("".join(text.splitlines()[1:-1]))
    start = der.index(bytes((2, 1, 2, 0x30)))
    assert start < 10
    right = der[:start] + bytes((2, 1, 0)) + der[start + 3 :]
    assert x509.load_der_x509_csr(right).public_key() == key.public_key()
    assert not x509.load_der_x509_csr(right).is_signature_valid


@shows("csr-broken-signature")
def _(stage):
    csr = x509.load_pem_x509_csr(stage.csr()[0].encode())
    assert (csr.subject.rfc4514_string(), csr.is_signature_valid) == ("CN=SN-1,O=Example CSO", False)


@shows("csr-garbage")
def _(stage):
    with pytest.raises(ValueError):
        x509.load_pem_x509_csr(stage.csr()[0].encode())


# -- all of them --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", sorted(SHOWS))
async def test_a_manner_does_what_its_sentence_says(stage, name):
    """And nothing else is needed for it than its name."""
    outcome = SHOWS[name](stage(name))
    if outcome is not None:
        await outcome


def test_every_manner_is_shown():
    """A new manner wants a row here, or a socket in tests/pair."""
    assert SHOWS.keys() | ON_SOCKETS == MANNERS.keys()


def test_without_a_manner_nothing_changes(stage):
    """The right conduct is the value it was."""
    bare = stage()
    assert with_manners(bare.conduct, ()) is bare.conduct


async def test_manners_go_together(stage):
    """One over the other: an RSA key, an odd spelling of its request, and a wrong password."""
    both = stage("rsa-key", "crlf-pem", "other-user", "replay")
    csr, key = both.csr()
    assert isinstance(key, rsa.RSAPrivateKey)
    assert "\r\n" in (await both.said("SignCertificate", {"csr": csr}))["csr"]
    assert authorization(both.seen[-1]) == b"CS000:sixteen-letters-"
    assert len(await both.accepted()) == 3


def test_an_unknown_manner_is_named_with_its_like(stage):
    """A typing error must not become a station without manners."""
    with pytest.raises(UnknownManner, match=r"tls-1\.1"):
        stage("tls-11")


@pytest.mark.parametrize("manner", MANNERS.values(), ids=lambda manner: manner.name)
def test_a_sentence_is_a_sentence(manner):
    """It begins and ends like one, and fits on a line or two."""
    assert manner.says[0].isupper()
    assert manner.says.endswith((".", "--certificate."))
    assert len(manner.says) < 240


def test_a_right_request_is_granted(stage):
    """The rows above would show nothing, were the right request refused too."""
    assert stage().refusal() == []
    assert isinstance(stage().csr()[1], ec.EllipticCurvePrivateKey)
