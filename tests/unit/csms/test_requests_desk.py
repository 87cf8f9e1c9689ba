"""Requests that wait for a person: what is kept, what a repetition changes, and what a decision sets going."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ocppsec.certificates.approval import Approval, needs_person
from ocppsec.certificates.hierarchy import create_hierarchy
from ocppsec.certificates.issue import (
    Rehearsal,
    issue_station_certificate,
    rehearse_station_certificate,
)
from ocppsec.certificates.keys import KeyFamily, new_key
from ocppsec.certificates.lint import Finding
from ocppsec.certificates.request import ApprovedRequest, RefusedRequest
from ocppsec.certificates.signing_request import make_request
from ocppsec.csms.certifier import Certified, Certifier
from ocppsec.csms.errors import BadInput
from ocppsec.csms.request_book import RequestBook, Waits
from ocppsec.csms.requests_desk import RequestsDesk, UnknownRequest
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.profiles.record import CertificateState
from ocppsec.registry.memory import MemoryStore
from ocppsec.registry.records import NewStation, RequestState

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
REFUSED, ACCEPTED, WAITING, APPROVED, DENIED, REPLACED = RequestState


@pytest.mark.parametrize(
    ("approval", "with_certificate", "person"),
    [
        (Approval.RULE, False, False),
        (Approval.RULE, True, False),
        (Approval.FIRST, False, True),
        (Approval.FIRST, True, False),
        (Approval.PERSON, False, True),
        (Approval.PERSON, True, True),
    ],
)
def test_who_decides(approval, with_certificate, person):
    """By setting, and by what the connection has shown."""
    assert needs_person(approval, with_certificate=with_certificate) == person


class Office:
    """A certifier with its book and desk; signing is real."""

    def __init__(self, approval=Approval.PERSON):
        self.store, self.events, self.went_on = MemoryStore(), [], []
        self.authority = create_hierarchy(organization="CSO", now=NOW).stations
        self.clock = [NOW]
        self.serials = iter(range(2**150, 2**151))
        self.signed = 0
        book = RequestBook(self.store, approval=approval, emit=self.events.append, now=self.now)
        self.certifier = Certifier(
            self.store, self, organization="CSO", emit=self.events.append, now=self.now, book=book
        )
        self.desk = RequestsDesk(
            self.store, self.certifier, self.rehearse, self.go_on, emit=self.events.append, now=self.now
        )

    def now(self):
        return self.clock[0]

    def _how(self):
        return {"now": NOW, "serial": next(self.serials)}

    async def issue(self, approved, csr, *, identity):
        self.signed += 1
        return issue_station_certificate(approved, self.authority, **self._how())

    def rehearse(self, identity, approved):
        return rehearse_station_certificate(approved, self.authority, **self._how())

    async def go_on(self, request, denial):
        self.went_on.append((request.id, denial))

    async def register(self, identity="CS1"):
        await self.store.add_station(
            NewStation(
                identity=identity,
                serial_number=f"SN-{identity}",
                profile=SecurityProfile.TLS_BASIC,
                password_hash=None,
                added_at=NOW,
            )
        )

    async def receive(self, csr, **more):
        return await self.certifier.receive("CS1", csr, **{"secure": True, **more})

    async def states(self):
        return [one.state for one in await self.store.requests()]

    def told(self, name):
        return [event for event in self.events if event.name == name]


def request(identity="CS1", **more):
    return make_request(new_key(KeyFamily.EC_P256), common_name=f"SN-{identity}", organization="CSO", **more)


@pytest.fixture
async def office():
    office = Office()
    await office.register()
    return office


async def in_force(office):
    """The station's certificate, as a handshake has shown it."""
    csr = request()
    waits = await office.receive(csr)
    await office.desk.approve(waits.request)
    certified = await office.certifier.certify("CS1", csr)
    await office.store.activate_certificate(certified.fingerprint, NOW)
    return certified.fingerprint


# -- waiting ------------------------------------------------------------------------------------------------
async def test_it_waits_however_often_it_comes(office):
    """A02.FR.17: the same key again is the same request; nothing is signed for it, and people are told once."""
    csr = request()
    first = await office.receive(csr)
    assert isinstance(first, Waits)
    assert await office.receive(csr) == first
    assert await office.certifier.certify("CS1", csr) == first
    (kept,) = await office.store.requests()
    assert (kept.id, kept.state, kept.times, kept.repeated_at) == (first.request, WAITING, 2, NOW)
    assert office.signed == 0
    assert [event.request for event in office.told("certificate-request-waits")] == [first.request]


async def test_approved(office):
    """It is signed once, and the request knows its certificate."""
    csr = request()
    waits = await office.receive(csr)
    office.clock[0] += timedelta(hours=3)
    decided = await office.desk.approve(waits.request)
    assert (decided.state, decided.decided_at) == (APPROVED, office.clock[0])
    assert office.went_on == [(waits.request, None)]
    first = await office.certifier.certify("CS1", csr)
    assert isinstance(first, Certified)
    assert await office.certifier.certify("CS1", csr) == first
    assert (await office.store.request(waits.request)).fingerprint == first.fingerprint
    assert office.signed == 1


async def test_denied(office):
    """Its key is refused from then on, with the person's words; another key is another request."""
    csr = request()
    waits = await office.receive(csr)
    await office.desk.deny(waits.request, "  not ours ")
    assert office.went_on == [(waits.request, "a person denied it: not ours")]
    for verdict in (await office.receive(csr), await office.certifier.certify("CS1", csr)):
        assert isinstance(verdict, RefusedRequest)
        assert str(verdict) == "denied: a person denied it: not ours"
    assert isinstance(await office.receive(request()), Waits)
    assert office.signed == 0
    (told,) = office.told("certificate-request-decided")
    assert (told.approved, told.reason) == (False, "not ours")


async def test_another_key_meanwhile(office):
    """The newest request is the one that waits, and whoever holds the older one gets what the station holds now."""
    older, newer = request(), request()
    first = await office.receive(older)
    second = await office.receive(newer)
    assert first != second
    assert await office.states() == [WAITING, REPLACED]
    assert await office.certifier.certify("CS1", older) == second
    with pytest.raises(BadInput, match="replaced"):
        await office.desk.approve(first.request)
    await office.desk.approve(second.request)
    certified = await office.certifier.certify("CS1", older)
    assert certified == await office.certifier.certify("CS1", newer)
    assert office.signed == 1


async def test_back_to_the_older_key(office):
    """A station that repeats its older request has that key: it waits anew, and the newer one no more."""
    older, newer = request(), request()
    await office.receive(older)
    await office.receive(newer)
    third = await office.receive(older)
    assert await office.states() == [WAITING, REPLACED, REPLACED]
    assert (await office.store.request(third.request)).csr == older


async def test_one_person_decides(office):
    """Of two who decide at once the second is told what the first has said."""
    waits = await office.receive(request())
    outcomes = await asyncio.gather(
        office.desk.approve(waits.request), office.desk.deny(waits.request, "no"), return_exceptions=True
    )
    assert sum(isinstance(one, BadInput) for one in outcomes) == 1
    assert len(office.went_on) == 1
    with pytest.raises(BadInput):
        await office.desk.deny(waits.request, "no")


@pytest.mark.parametrize("reason", ["", "   ", "x" * 201, "two\nlines", "\u202e"])
async def test_a_denial_has_a_reason(office, reason):
    """One that a person can read, and a statusInfo has room for."""
    waits = await office.receive(request())
    with pytest.raises(BadInput):
        await office.desk.deny(waits.request, reason)
    assert await office.states() == [WAITING]


async def test_nobody_asked_so(office):
    """An id of nothing is told as such."""
    with pytest.raises(UnknownRequest):
        await office.desk.approve("0" * 16)


# -- by rule, or by a person --------------------------------------------------------------------------------
async def test_by_rule():
    """Without a person what keeps the rules is signed, and kept all the same."""
    office = Office(Approval.RULE)
    await office.register()
    csr = request()
    assert isinstance(await office.receive(csr), ApprovedRequest)
    assert isinstance(await office.certifier.certify("CS1", csr), Certified)
    (kept,) = await office.store.requests()
    assert (kept.state, kept.fingerprint is None, kept.decided_at) == (ACCEPTED, False, None)


async def test_the_first_by_a_person():
    """*first*: renewals go by rule, but only over a connection that has shown the certificate in force."""
    office = Office(Approval.FIRST)
    await office.register()
    await office.register("CS2")
    fingerprint = await in_force(office)
    assert isinstance(await office.receive(request(), shown=fingerprint), ApprovedRequest)
    assert isinstance(await office.receive(request()), Waits)
    assert isinstance(await office.receive(request(), shown="00" * 32), Waits)
    verdict = await office.certifier.receive("CS2", request("CS2"), secure=True, shown=fingerprint)
    assert isinstance(verdict, Waits)


@pytest.mark.parametrize("why", ["expired", "revoked", "superseded"])
async def test_a_certificate_that_is_not_in_force(why):
    """A certificate that has run out, or does not count any more, speaks for nobody."""
    office = Office(Approval.FIRST)
    await office.register()
    fingerprint = await in_force(office)
    if why == "expired":
        office.clock[0] += timedelta(days=91)
    else:
        state = CertificateState.REVOKED if why == "revoked" else CertificateState.SUPERSEDED
        await office.store.set_certificate_state(fingerprint, state, at=NOW)
    assert isinstance(await office.receive(request(), shown=fingerprint), Waits)


async def test_a_state_of_an_older_version(office):
    """A request that was taken before requests were kept needs a person too: its way here is not known."""
    assert isinstance(await office.certifier.certify("CS1", request()), Waits)


# -- refused ------------------------------------------------------------------------------------------------
async def test_what_breaks_rules_is_kept_with_its_reasons(office):
    """Each with why; the same again is counted."""
    csr = request("CS9")
    for _ in range(2):
        assert isinstance(await office.receive(csr), RefusedRequest)
    assert isinstance(await office.receive("junk"), RefusedRequest)
    junk, wrong = await office.store.requests()
    assert (junk.state, junk.public_key_sha256, junk.csr) == (REFUSED, None, "junk")
    assert (wrong.state, wrong.times) == (REFUSED, 2)
    assert "A00.FR.511" in wrong.reasons[0]


async def test_a_flood_is_not_kept(office):
    """What comes too often is refused, and fills nothing."""
    for _ in range(30):
        verdict = await office.receive(request())
    assert isinstance(verdict, RefusedRequest)
    assert len(await office.store.requests()) == 5


async def test_a_refused_key_may_come_again(office):
    """What was refused for the connection it came over waits when it comes over a better one."""
    csr = request()
    assert isinstance(await office.receive(csr, secure=False), RefusedRequest)
    assert isinstance(await office.receive(csr), Waits)
    assert await office.states() == [WAITING, REFUSED]


# -- what would be signed -----------------------------------------------------------------------------------
async def test_a_preview(office):
    """What would be signed, held against every rule for stations, each with its requirement; no key was used."""
    waits = await office.receive(request())
    preview = await office.desk.preview(await office.desk.find(waits.request))
    assert (preview.subject, preview.refusals, office.signed) == ("CN=SN-CS1,O=CSO", (), 0)
    rules = {each.rule: each for each in preview.looked_at}
    assert rules["key-usage"].requirement == "A00.FR.512"
    assert not any(each.finding for each in preview.looked_at)
    assert {"organization", "station-name", "lifetime", "extensions"} <= rules.keys()


async def test_what_breaks_our_rules_is_not_approved(office):
    """The rehearsal is linted before a person's word counts."""
    waits = await office.receive(request())
    broken = Finding("lifetime", "PKI policy", "valid for 9999 days")

    def badly(identity, approved):
        rehearsal = rehearse_station_certificate(approved, office.authority, **office._how())
        return Rehearsal(certificate=rehearsal.certificate, findings=(broken,))

    office.desk._rehearse = badly
    with pytest.raises(BadInput, match="9999 days"):
        await office.desk.approve(waits.request)
    assert await office.states() == [WAITING]


async def test_what_has_become_wrong_is_not_approved(office):
    """A request is judged again when a person says yes: the station may have been registered anew meanwhile."""
    waits = await office.receive(request())
    kept = await office.desk.find(waits.request)
    await office.store.remove_station("CS1", at=NOW)
    assert (await office.desk.preview(kept)).refusals == ("CS1 is not registered any more",)
    with pytest.raises(UnknownRequest):
        await office.desk.approve(waits.request)


async def test_another_ca_decides(office):
    """Where another CA says what is in a certificate there is nothing to show but that our rules are kept."""
    waits = await office.receive(request())
    office.desk._rehearse = None
    preview = await office.desk.preview(await office.desk.find(waits.request))
    assert (preview.pem, preview.refusals, preview.looked_at) == ("", (), ())
    await office.desk.approve(waits.request)


async def test_a_crash_behind_the_signature(office):
    """Signed and recorded, but the request does not know it: the same certificate again, and none more."""
    csr = request()
    waits = await office.receive(csr)
    await office.desk.approve(waits.request)
    issued = office.certifier._book.issued
    office.certifier._book.issued = lambda *_: issued("CS1", "00", "00")
    first = await office.certifier.certify("CS1", csr)
    assert await office.receive(csr) == first
    assert office.signed == 1


# -- bad input ----------------------------------------------------------------------------------------------
VECTORS = Path(__file__).parents[2] / "vectors" / "certificates"


def named(common_name, organization="CSO"):
    return make_request(new_key(KeyFamily.EC_P256), common_name=common_name, organization=organization)


def bad_requests():
    good = request()
    lines = good.splitlines(keepends=True)
    return {
        "nothing": ("", "not-pem"),
        "cut off in the middle": (good[: len(good) // 2], "not-pem"),
        "cut off inside of the DER": (lines[0] + "".join(lines[1:3]) + lines[-1], "unreadable"),
        "oversized": (good + "\n" * 5500, "not-pem"),
        "a certificate": (good.replace("CERTIFICATE REQUEST", "CERTIFICATE"), "not-pem"),
        "a private key": (good.replace("CERTIFICATE REQUEST", "PRIVATE KEY"), "not-pem"),
        "two of them": (good + request(), "not-pem"),
        "DER in base64, without its lines": ("".join(lines[1:-1]), "not-pem"),
        "version 2": ((VECTORS / "csr-version-2.pem").read_text(), "wrong-version"),
        "a name like a URL": (named("https://cs1/x"), "common-name-like-address"),
        "a name like an address": (named("192.168.0.7"), "common-name-like-address"),
        "a name with a line end": (named("SN-CS1\n"), "odd-characters"),
        "the name of another": (named("SN-CS2"), "wrong-common-name"),
        "another organization": (named("SN-CS1", "cso"), "wrong-organization"),
        "wants to be a CA": ((VECTORS / "csr-wants-ca.pem").read_text(), "wants-to-be-ca"),
        "a small RSA key": ((VECTORS / "csr-rsa-1024.pem").read_text(), "unsuitable-key"),
        "signed over SHA-1": ((VECTORS / "csr-sha1.pem").read_text(), "unsuitable-signature-algorithm"),
    }


@pytest.mark.parametrize("name", bad_requests())
async def test_bad_input(name):
    """Each is refused with its reason and kept with it; nothing is signed, and a good request still is."""
    csr, code = bad_requests()[name]
    office = Office(Approval.RULE)
    await office.register()
    verdict = await office.receive(csr)
    assert code in {reason.code for reason in verdict.reasons}
    assert isinstance(await office.certifier.certify("CS1", csr), RefusedRequest)
    (kept,) = await office.store.requests()
    assert (kept.state, kept.csr) == (REFUSED, csr)
    assert code in " ".join(kept.reasons)
    assert (office.signed, await office.store.certificates("CS1")) == (0, [])
    assert isinstance(await office.certifier.certify("CS1", request()), Certified)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda text: text.replace("\n", "\r\n"), id="CRLF"),
        pytest.param(lambda text: text.replace("\n", "\\n"), id="escaped line ends"),
        pytest.param(lambda text: text + "\0", id="trailing NUL"),
        pytest.param(lambda text: text.replace("CERTIFICATE", "NEW CERTIFICATE"), id="old label"),
    ],
)
async def test_the_same_in_other_words(change):
    """However a station writes it, it is one request and one certificate."""
    office = Office(Approval.RULE)
    await office.register()
    csr = request()
    assert isinstance(await office.receive(change(csr)), ApprovedRequest)
    first = await office.certifier.certify("CS1", change(csr))
    assert await office.certifier.certify("CS1", csr) == first
    assert office.signed == 1
    assert len(await office.store.requests()) == 1


async def test_reused_keys():
    """A key is certified once: not again for its station, for no other, and never when it was revoked."""
    office = Office(Approval.RULE)
    for identity in ("CS1", "CS2"):
        await office.register(identity)
    key = new_key(KeyFamily.EC_P256)

    def asks(identity):
        return make_request(key, common_name=f"SN-{identity}", organization="CSO")

    first = await office.certifier.certify("CS1", asks("CS1"))
    await office.store.activate_certificate(first.fingerprint, NOW)
    codes = [(await office.receive(asks("CS1"))).reasons[0].code]
    other = await office.certifier.receive("CS2", asks("CS2"), secure=True)
    codes.append(other.reasons[0].code)
    await office.store.set_certificate_state(first.fingerprint, CertificateState.REVOKED, at=NOW)
    codes.append((await office.receive(asks("CS1"))).reasons[0].code)
    assert codes == ["key-used-before", "key-of-another-station", "key-revoked"]
    assert office.signed == 1
