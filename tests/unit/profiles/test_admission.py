"""Who may enter: the decision as a table, and the proof that the table misses nothing.

Each row names a situation and its outcome.  `test_no_comparison_is_idle` breaks every comparison, condition and
negation of the module, one at a time, and wants a row to notice (LESSONS 1).
"""

import ast
import sys
import types
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ocppsec.certificates.facts import ClientCertificate
from ocppsec.profiles import admission, onboarding
from ocppsec.profiles.identity import BadIdentity
from ocppsec.profiles.onboarding import Pending
from ocppsec.profiles.presented import (
    BasicCredentials,
    Issuer,
    MalformedCredentials,
    PlainBasicAuth,
    PlainNothing,
    TlsBasicAuth,
    TlsClientCertificate,
    TlsNothing,
)
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.profiles.record import (
    AdmissionRecord,
    CertificateRecord,
    CertificateState,
    Onboarding,
    Stage,
    Way,
)
from ocppsec.profiles.refusal import (
    STATUS,
    RefusalReason,
    Refused,
    refused_plain_on_tls_door,
    refused_store_unavailable,
    refused_tls_on_plain_door,
    refused_too_many_failures,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
END = datetime(2027, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 6, 1, 12, 30, tzinfo=UTC)
SECOND = timedelta(seconds=1)
GOOD, OLD, BAD = b"the-good-password", b"the-old-password-", b"a-wrong-password-"


def verify(password_hash, identity, password):
    """A hash here is the identity and the password, readable."""
    return password_hash == f"{identity}/{password.decode()}"


def door(*profiles):
    return {"name": "test", "profiles": frozenset(SecurityProfile(each) for each in profiles)}


WS, WSS, MTLS = door(1), door(2), door(3)
COMBINED = door(1, 2, 3)


OURS = Issuer(not_before=START - SECOND, not_after=END + timedelta(days=365))
MAKER = replace(OURS, manufacturer="maker")


def certificate(fingerprint="f1", *, issuer=OURS, **changed):
    facts = {
        "fingerprint": fingerprint,
        "serial_number": "1F",
        "common_names": ("SN1",),
        "organizations": ("CSO",),
        "not_before": START,
        "not_after": END,
        "is_ca": False,
        "extended_key_usage": None,
    }
    return TlsClientCertificate(ClientCertificate(**{**facts, **changed}), issuer)


def issued(fingerprint="f1", state=CertificateState.ACTIVE, *, identity="CP1", days=0):
    return CertificateRecord(
        fingerprint=fingerprint,
        identity=identity,
        serial_number="1F",
        subject="CN=SN1,O=CSO",
        public_key_sha256=f"key of {fingerprint}",
        not_before=START,
        not_after=END,
        state=state,
        issued_at=START + timedelta(days=days),
        chain="",
    )


ACTIVE, PENDING = CertificateState.ACTIVE, CertificateState.PENDING
SUPERSEDED, REVOKED = CertificateState.SUPERSEDED, CertificateState.REVOKED


def station(floor, target=None, *, passwords=("CP1/the-good-password",), certificates=None, **changed):
    record = AdmissionRecord(
        identity="CP1",
        serial_number="SN1",
        floor=SecurityProfile(floor),
        target=SecurityProfile(floor if target is None else target),
        password_hashes=passwords,
        certificates=(issued(),) if certificates is None else certificates,
    )
    return replace(record, **changed)


def new(way, *, floor=1, target=3, passwords=(), **changed):
    """A station that was announced; it has nothing of its own yet."""
    entry = Onboarding(
        identity="CP1",
        way=way,
        stage=Stage.OPEN,
        target=SecurityProfile(target),
        until=NOW,
        most_connections=3,
        added_at=START,
        connections=2,
        password_hash="CP1/the-good-password" if way is Way.PASSWORD else None,
    )
    hashes = (entry.password_hash, *passwords) if entry.password_hash else passwords
    return station(floor, target, passwords=hashes, certificates=(), onboarding=replace(entry, **changed))


AS_NEW = {"pending": Pending.ONBOARDING, "pending_until": NOW}


def factory(**changed):
    """What the maker's CA gave it; the O is the maker's."""
    return certificate("m1", issuer=changed.pop("issuer", MAKER), **{"organizations": ("Maker",), **changed})


def plain(password=GOOD, user=b"CP1"):
    return PlainBasicAuth(BasicCredentials(user, password))


def tls(password=GOOD, user=b"CP1"):
    return TlsBasicAuth(BasicCredentials(user, password))


@dataclass
class Row:
    name: str
    door: dict[str, Any]
    presented: Any
    record: AdmissionRecord | None
    outcome: Any
    """The reason of a refusal, or the fields of `Admitted` that are not as by default."""
    says: tuple[str, ...] = ()
    """What a refusal expects, in words."""
    identity: Any = "CP1"
    now: datetime = NOW
    organizations: tuple[str, ...] = ("CSO", "Partner")
    owner: CertificateRecord | None = field(default=None)
    in_use: bool = False


R = RefusalReason
UPGRADING = station(1, 3)
ROWS = [
    # who is it
    Row("path names nobody", WS, plain(), None, R.BAD_IDENTITY, identity=BadIdentity("is empty")),
    Row("nobody registered", WS, plain(), None, R.UNKNOWN_STATION),
    Row("store folded case", WS, plain(user=b"cp1"), station(1), R.UNKNOWN_STATION, identity="cp1"),
    Row("bad identity beats record", WS, plain(), station(1), R.BAD_IDENTITY, identity=BadIdentity("x")),
    # which profile, and may it: each door, each profile
    Row("1 at the ws door", WS, plain(), station(1), {"profile": 1, "password_matched": 0}),
    Row("2 at the wss door", WSS, tls(), station(2), {"profile": 2, "password_matched": 0}),
    Row("3 at the mtls door", MTLS, certificate(), station(3), {"profile": 3, "certificate": "f1"}),
    Row("1 at the combined door", COMBINED, plain(), station(1), {"profile": 1, "password_matched": 0}),
    Row("2 at the combined door", COMBINED, tls(), station(2), {"profile": 2, "password_matched": 0}),
    Row("3 at the combined door", COMBINED, certificate(), station(3), {"profile": 3, "certificate": "f1"}),
    Row("1 at the wss door", WSS, plain(), station(1), R.WRONG_DOOR, ("profile 2,",)),
    Row("1 where 2 and 3 are served", door(2, 3), plain(), station(1), R.WRONG_DOOR, ("profile 2 or 3,",)),
    Row("2 at the ws door", WS, tls(), station(2), R.WRONG_DOOR, ("profile 1,",)),
    Row("3 at the wss door", WSS, certificate(), station(3), R.WRONG_DOOR, ("profile 2,",)),
    Row("no certificate at the mtls door", MTLS, TlsNothing(), station(3), R.CERTIFICATE_MISSING),
    Row("password at the mtls door", MTLS, tls(), station(2), R.CERTIFICATE_MISSING, ("client certificate",)),
    Row("plain at the mtls door", MTLS, plain(), station(1), R.WRONG_DOOR, ("profile 3,",)),
    # floor and target
    Row("back on 1 after 2", WS, plain(), station(2), R.PROFILE_BELOW_FLOOR, ("profile 2: TLS, a wss",)),
    Row("back on 1 after 3", WS, plain(), station(3), R.PROFILE_BELOW_FLOOR, ("profile 3: TLS with a client",)),
    Row("back on 2 after 3", WSS, tls(), station(3), R.PROFILE_BELOW_FLOOR, ("profile 3",)),
    Row("back on 2, combined door", COMBINED, tls(), station(3), R.PROFILE_BELOW_FLOOR),
    Row("below the floor while upgrading", WS, plain(), station(2, 3), R.PROFILE_BELOW_FLOOR, ("profile 2 to 3",)),
    Row("nothing presented, below the floor", WS, PlainNothing(), station(3), R.PROFILE_BELOW_FLOOR),
    Row("2 before its time", WSS, tls(), station(1), R.PROFILE_ABOVE_TARGET, ("profile 1",)),
    Row("3 before its time", MTLS, certificate(), station(2), R.PROFILE_ABOVE_TARGET, ("profile 2",)),
    Row("upgrading, still on 1", WS, plain(), UPGRADING, {"profile": 1, "password_matched": 0}),
    Row("upgrading, on 2", WSS, tls(), UPGRADING, {"profile": 2, "password_matched": 0}),
    Row("upgrading, on 3", MTLS, certificate(), UPGRADING, {"profile": 3, "certificate": "f1"}),
    # profile 0
    Row("0 where it is switched on", door(0, 1), PlainNothing(), station(0), {"profile": 0}),
    Row("0 with a password nobody asked for", door(0, 1), plain(BAD), station(0), {"profile": 0}),
    Row("0 where it is not served", WS, PlainNothing(), station(0), R.WRONG_DOOR, ("profile 1,",)),
    Row("0 is the floor, 1 the target", door(0, 1), PlainNothing(), station(0, 1), R.CREDENTIALS_MISSING),
    Row("0 is the floor, 1 presented", door(0, 1), plain(), station(0, 1), {"profile": 1, "password_matched": 0}),
    Row("0 is the floor, wrong password", door(0, 1), plain(BAD), station(0, 1), R.WRONG_PASSWORD),
    Row("nothing where 1 is due", door(0, 1), PlainNothing(), station(1), R.CREDENTIALS_MISSING),
    Row("TLS of a station on 0", WSS, TlsNothing(), station(0), R.PROFILE_ABOVE_TARGET, ("profile 0",)),
    # credentials
    Row("no credentials", WS, PlainNothing(), station(1), R.CREDENTIALS_MISSING),
    Row("no credentials over TLS", WSS, TlsNothing(), station(2), R.CREDENTIALS_MISSING),
    Row(
        "malformed",
        WS,
        PlainBasicAuth(MalformedCredentials("no colon")),
        station(1),
        R.CREDENTIALS_MALFORMED,
    ),
    Row(
        "malformed over TLS",
        WSS,
        TlsBasicAuth(MalformedCredentials("no colon")),
        station(2),
        R.CREDENTIALS_MALFORMED,
    ),
    Row("wrong password", WS, plain(BAD), station(1), R.WRONG_PASSWORD, ("the registered password",)),
    Row("wrong password over TLS", WSS, tls(BAD), station(2), R.WRONG_PASSWORD),
    Row("empty password", WS, plain(b""), station(1), R.WRONG_PASSWORD),
    Row("no password registered", WS, plain(), station(1, passwords=()), R.WRONG_PASSWORD, ("none is registered",)),
    Row("another user", WS, plain(user=b"CP2"), station(1), R.USER_NAME_NOT_IDENTITY, ("'CP1'",)),
    Row("the user in another case", WS, plain(user=b"cp1"), station(1), R.USER_NAME_NOT_IDENTITY),
    Row("another user over TLS", WSS, tls(user=b"CP2"), station(2), R.USER_NAME_NOT_IDENTITY),
    Row(
        "the second password",
        WS,
        plain(OLD),
        station(1, passwords=("CP1/x", "CP1/the-old-password-")),
        {"profile": 1, "password_matched": 1},
    ),
    Row("a hash of another station", WS, plain(), station(1, passwords=("CP2/the-good-password",)), R.WRONG_PASSWORD),
    # certificates: whose
    Row("two CNs", MTLS, certificate(common_names=("SN1", "SN2")), station(3), R.SEVERAL_COMMON_NAMES),
    Row("the same CN twice", MTLS, certificate(common_names=("SN1", "SN1")), station(3), R.SEVERAL_COMMON_NAMES),
    Row("no CN", MTLS, certificate(common_names=()), station(3), R.CERTIFICATE_OF_ANOTHER_STATION),
    Row("another CN", MTLS, certificate(common_names=("SN2",)), station(3), R.CERTIFICATE_OF_ANOTHER_STATION, ("'SN1'",)),
    Row("CN is the identity", MTLS, certificate(common_names=("CP1",)), station(3), R.CERTIFICATE_OF_ANOTHER_STATION),
    Row("issued by nobody we know", MTLS, certificate("f9"), station(3), R.CERTIFICATE_UNKNOWN),
    Row("none was ever issued", MTLS, certificate(), station(3, certificates=()), R.CERTIFICATE_UNKNOWN),
    Row(
        "issued to another, with our CN",
        MTLS,
        certificate("f9"),
        station(3),
        R.CERTIFICATE_OF_ANOTHER_STATION,
        ("to this station",),
        owner=issued("f9", identity="CP2"),
    ),
    Row("owner of something else", MTLS, certificate("f9"), station(3), R.CERTIFICATE_UNKNOWN, owner=issued("f8")),
    Row(
        "found by looking it up",
        MTLS,
        certificate("f9"),
        station(3),
        {"profile": 3, "certificate": "f9"},
        owner=issued("f9"),
    ),
    Row(
        "the second of two",
        MTLS,
        certificate("f2"),
        station(3, certificates=(issued("f2"), issued("f1", SUPERSEDED))),
        {"profile": 3, "certificate": "f2"},
    ),
    # certificates: state
    Row("revoked", MTLS, certificate(), station(3, certificates=(issued(state=REVOKED),)), R.CERTIFICATE_REVOKED),
    Row(
        "revoked, of a station removed",
        MTLS,
        certificate("f9"),
        station(3),
        R.CERTIFICATE_REVOKED,
        owner=issued("f9", REVOKED, identity="CP2"),
    ),
    Row(
        "pending",
        MTLS,
        certificate(),
        station(3, certificates=(issued(state=PENDING),)),
        {"profile": 3, "certificate": "f1", "certificate_is_new": True},
    ),
    Row(
        "old, the new one only issued",
        MTLS,
        certificate(),
        station(3, certificates=(issued("f2", PENDING, days=1), issued())),
        {"profile": 3, "certificate": "f1"},
    ),
    Row("superseded", MTLS, certificate(), station(3, certificates=(issued(state=SUPERSEDED),)), R.CERTIFICATE_SUPERSEDED),
    Row(
        "superseded by one that was seen",
        MTLS,
        certificate(),
        station(3, certificates=(issued("f2", ACTIVE, days=1), issued(state=SUPERSEDED))),
        R.CERTIFICATE_SUPERSEDED,
    ),
    Row(
        "superseded, the newer one only issued",
        MTLS,
        certificate(),
        station(3, certificates=(issued("f2", PENDING, days=1), issued(state=SUPERSEDED))),
        {"profile": 3, "certificate": "f1"},
    ),
    Row(
        "superseded, one newer seen and one only issued",
        MTLS,
        certificate(),
        station(3, certificates=(issued("f3", PENDING, days=2), issued("f2", days=1), issued(state=SUPERSEDED))),
        R.CERTIFICATE_SUPERSEDED,
    ),
    Row(
        "superseded, an older one only issued",
        MTLS,
        certificate(),
        station(3, certificates=(issued("f0", PENDING, days=-1), issued(state=SUPERSEDED))),
        R.CERTIFICATE_SUPERSEDED,
    ),
    Row(
        "superseded, an older one was seen, the newer only issued",
        MTLS,
        certificate(),
        station(3, certificates=(issued("f0", days=-1), issued("f2", PENDING, days=1), issued(state=SUPERSEDED))),
        {"profile": 3, "certificate": "f1"},
    ),
    # certificates: organization
    Row("another organization", MTLS, certificate(organizations=("Other",)), station(3), R.ORGANIZATION_MISMATCH, ("'CSO' or 'Partner'",)),
    Row("no organization", MTLS, certificate(organizations=()), station(3), R.ORGANIZATION_MISMATCH),
    Row("one organization too many", MTLS, certificate(organizations=("CSO", "Other")), station(3), R.ORGANIZATION_MISMATCH),
    Row("a trusted organization", MTLS, certificate(organizations=("Partner",)), station(3), {"profile": 3, "certificate": "f1"}),
    Row("organization in another case", MTLS, certificate(organizations=("cso",)), station(3), R.ORGANIZATION_MISMATCH),
    Row("no organization configured", MTLS, certificate(), station(3), R.ORGANIZATION_MISMATCH, ("no one is configured",), organizations=()),
    # certificates: time
    Row("expired", MTLS, certificate(), station(3), R.CERTIFICATE_EXPIRED, now=END + SECOND),
    Row("in its last second", MTLS, certificate(), station(3), {"profile": 3, "certificate": "f1"}, now=END),
    Row("not yet valid", MTLS, certificate(), station(3), R.CERTIFICATE_NOT_YET_VALID, now=START - SECOND),
    Row("in its first second", MTLS, certificate(), station(3), {"profile": 3, "certificate": "f1"}, now=START),
    # certificates: an expired one that somebody has allowed, and the CA above
    Row(
        "expired and allowed",
        MTLS,
        certificate(),
        station(3, expired_until=END + SECOND),
        {"profile": 3, "certificate": "f1", "expired": True, "pending": Pending.EXPIRED, "pending_until": END + SECOND},
        now=END + SECOND,
    ),
    Row("allowed until a moment ago", MTLS, certificate(), station(3, expired_until=END), R.CERTIFICATE_EXPIRED, now=END + SECOND),
    Row("allowed and not expired", MTLS, certificate(), station(3, expired_until=END), {"profile": 3, "certificate": "f1"}),
    Row("allowed is no licence to be early", MTLS, certificate(), station(3, expired_until=END), R.CERTIFICATE_NOT_YET_VALID, now=START - SECOND),
    Row(
        "allowed, and revoked",
        MTLS,
        certificate(),
        station(3, expired_until=END + SECOND, certificates=(issued(state=REVOKED),)),
        R.CERTIFICATE_REVOKED,
        now=END + SECOND,
    ),
    Row(
        "allowed, and superseded",
        MTLS,
        certificate(),
        station(3, expired_until=END + SECOND, certificates=(issued(state=SUPERSEDED),)),
        R.CERTIFICATE_SUPERSEDED,
        now=END + SECOND,
    ),
    Row("nobody we trust has signed it", MTLS, certificate(issuer=None), station(3), R.ISSUER_NOT_VALID),
    Row("its CA has expired", MTLS, certificate(issuer=replace(OURS, not_after=NOW - SECOND)), station(3), R.ISSUER_NOT_VALID),
    Row("its CA in its last second", MTLS, certificate(issuer=replace(OURS, not_after=NOW)), station(3), {"profile": 3, "certificate": "f1"}),
    Row("its CA in its first second", MTLS, certificate(issuer=replace(OURS, not_before=NOW)), station(3), {"profile": 3, "certificate": "f1"}),
    Row("its CA is not valid yet", MTLS, certificate(issuer=replace(OURS, not_before=NOW + SECOND)), station(3), R.ISSUER_NOT_VALID),
    Row(
        "allowed, and its CA has expired",
        MTLS,
        certificate(issuer=replace(OURS, not_after=END)),
        station(3, expired_until=END + SECOND),
        R.ISSUER_NOT_VALID,
        now=END + SECOND,
    ),
    # a new station: listed
    Row("listed, shows nothing", WS, PlainNothing(), new(Way.LISTED), {"profile": 1, **AS_NEW}),
    Row("listed, over TLS", WSS, TlsNothing(), new(Way.LISTED), {"profile": 2, **AS_NEW}),
    Row("listed, a password nobody knows", WS, plain(BAD), new(Way.LISTED), {"profile": 1, **AS_NEW}),
    Row("listed, with a password of its own by now", WS, plain(OLD), new(Way.LISTED, passwords=("CP1/the-old-password-",)), {"profile": 1, "password_matched": 0}),
    Row("listed, below where it may begin", WS, PlainNothing(), new(Way.LISTED, floor=2), R.PROFILE_BELOW_FLOOR),
    Row("listed, on its own", WS, PlainNothing(), new(Way.LISTED, stage=Stage.RAISING), R.CREDENTIALS_MISSING),
    Row("listed, done", WS, plain(BAD), new(Way.LISTED, stage=Stage.DONE), R.WRONG_PASSWORD),
    Row("listed, its time has passed", WS, PlainNothing(), new(Way.LISTED), R.ONBOARDING_EXPIRED, ("until 2026-06-01",), now=NOW + SECOND),
    Row("listed, and found overdue", WS, PlainNothing(), new(Way.LISTED, stage=Stage.EXPIRED), R.ONBOARDING_EXPIRED),
    Row("listed, somebody is in by it", WS, PlainNothing(), new(Way.LISTED), R.ONBOARDING_IN_USE, in_use=True),
    Row("listed, used up", WS, PlainNothing(), new(Way.LISTED, connections=3), R.ONBOARDING_USED_UP, ("within 3",)),
    Row("not listed, shows nothing", WS, PlainNothing(), new(Way.PASSWORD), R.CREDENTIALS_MISSING),
    # a new station: a password for once
    Row("once", WS, plain(), new(Way.PASSWORD), {"profile": 1, "password_matched": 0, **AS_NEW}),
    Row("once, over TLS", WSS, tls(), new(Way.PASSWORD), {"profile": 2, "password_matched": 0, **AS_NEW}),
    Row("once, another", WS, plain(BAD), new(Way.PASSWORD), R.WRONG_PASSWORD),
    Row("once, its time has passed", WS, plain(), new(Way.PASSWORD), R.ONBOARDING_EXPIRED, now=NOW + SECOND),
    Row("once, wrong and its time has passed", WS, plain(BAD), new(Way.PASSWORD), R.WRONG_PASSWORD, now=NOW + SECOND),
    Row("once, somebody is in by it", WS, plain(), new(Way.PASSWORD), R.ONBOARDING_IN_USE, in_use=True),
    Row("once, used up", WS, plain(), new(Way.PASSWORD, connections=3), R.ONBOARDING_USED_UP),
    Row("once, and on its own already", WS, plain(), new(Way.PASSWORD, stage=Stage.RAISING), R.WRONG_PASSWORD),
    Row("once, and done", WS, plain(), new(Way.PASSWORD, stage=Stage.DONE), R.WRONG_PASSWORD),
    Row(
        "once was before: its own",
        WS,
        plain(OLD),
        new(Way.PASSWORD, passwords=("CP1/the-old-password-",)),
        {"profile": 1, "password_matched": 1},
    ),
    # a new station: its manufacturer's certificate
    Row("made by somebody trusted", MTLS, factory(), new(Way.CERTIFICATE), {"profile": 3, **AS_NEW}),
    Row("made by the one that is meant", MTLS, factory(), new(Way.CERTIFICATE, manufacturer="maker"), {"profile": 3, **AS_NEW}),
    Row("made by another one", MTLS, factory(), new(Way.CERTIFICATE, manufacturer="other"), R.MANUFACTURER_CERTIFICATE, ("of other",)),
    Row("made, of a station that is not new", MTLS, factory(), station(3), R.MANUFACTURER_CERTIFICATE),
    Row("made, of a station that is new another way", MTLS, factory(), new(Way.LISTED), R.MANUFACTURER_CERTIFICATE),
    Row("made, and on its own already", MTLS, factory(), new(Way.CERTIFICATE, stage=Stage.RAISING), R.MANUFACTURER_CERTIFICATE),
    Row("made, its time has passed", MTLS, factory(), new(Way.CERTIFICATE), R.ONBOARDING_EXPIRED, now=NOW + SECOND),
    Row("made, used up", MTLS, factory(), new(Way.CERTIFICATE, connections=3), R.ONBOARDING_USED_UP),
    Row("made, somebody is in by it: the same key", MTLS, factory(), new(Way.CERTIFICATE), {"profile": 3, **AS_NEW}, in_use=True),
    Row("made, another serial number", MTLS, factory(common_names=("SN2",)), new(Way.CERTIFICATE), R.CERTIFICATE_OF_ANOTHER_STATION, ("'SN1'",)),
    Row("made, two CNs", MTLS, factory(common_names=("SN1", "SN2")), new(Way.CERTIFICATE), R.SEVERAL_COMMON_NAMES),
    Row("made, of a CA", MTLS, factory(is_ca=True), new(Way.CERTIFICATE), R.MANUFACTURER_CERTIFICATE, ("not of a CA",)),
    Row("made, for the right O", MTLS, factory(issuer=replace(MAKER, organizations=frozenset({"Maker"}))), new(Way.CERTIFICATE), {"profile": 3, **AS_NEW}),
    Row("made, for another O", MTLS, factory(issuer=replace(MAKER, organizations=frozenset({"Other"}))), new(Way.CERTIFICATE), R.ORGANIZATION_MISMATCH, ("'Other'",)),
    Row(
        "made, for no O",
        MTLS,
        factory(issuer=replace(MAKER, organizations=frozenset({"Maker"})), organizations=()),
        new(Way.CERTIFICATE),
        R.ORGANIZATION_MISMATCH,
    ),
    Row("made, and revoked", MTLS, factory(issuer=replace(MAKER, revoked="stolen")), new(Way.CERTIFICATE), R.CERTIFICATE_REVOKED, ("stolen",)),
    Row("made, and nobody knows", MTLS, factory(issuer=replace(MAKER, unclear="silence")), new(Way.CERTIFICATE), R.CERTIFICATE_STATUS_UNKNOWN, ("silence",)),
    Row("made, and expired", MTLS, factory(not_after=NOW - SECOND), new(Way.CERTIFICATE), R.CERTIFICATE_EXPIRED),
    Row(
        "made, expired and allowed",
        MTLS,
        factory(not_after=NOW - SECOND),
        replace(new(Way.CERTIFICATE), expired_until=NOW),
        {"profile": 3, "expired": True, **AS_NEW},
    ),
    Row("made by a CA that has expired", MTLS, factory(issuer=replace(MAKER, not_after=NOW - SECOND)), new(Way.CERTIFICATE), R.ISSUER_NOT_VALID),
    Row("made, but our own name on it is not known", MTLS, certificate("m1"), new(Way.CERTIFICATE), R.CERTIFICATE_UNKNOWN),
]  # fmt: skip


def decide(module, row):
    return module.admit(
        module.Door(**row.door),
        row.identity,
        row.presented,
        row.record,
        module.Policy(organizations=frozenset(row.organizations)),
        row.now,
        verify=verify,
        owner=row.owner,
        in_use=row.in_use,
    )


def judge(module, row):
    """Fails when *module* decides otherwise than *row* says."""
    decision = decide(module, row)
    if isinstance(row.outcome, RefusalReason):
        assert isinstance(decision, Refused)
        assert decision.reason is row.outcome
        for words in row.says:
            assert words in decision.expected
    else:
        assert not isinstance(decision, Refused), decision
        assert decision == module.Admitted(**row.outcome)


@pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in ROWS])
def test_admission(row):
    """Each situation has its outcome, each refusal its own reason."""
    judge(admission, row)


def test_every_reason_of_admission_has_a_row():
    """No reason is without a row; four are given by the door, not by the decision."""
    by_the_door = {R.TOO_MANY_FAILURES, R.STORE_UNAVAILABLE}

    assert {row.outcome for row in ROWS if isinstance(row.outcome, RefusalReason)} == set(R) - by_the_door


REFUSALS = [decide(admission, row) for row in ROWS if isinstance(row.outcome, RefusalReason)]


@pytest.mark.parametrize(
    "refused",
    [pytest.param(each, id=f"{number}-{each.reason}") for number, each in enumerate(REFUSALS)],
)
def test_refusals_explain_themselves(refused):
    """Status, what was presented, what was expected, and advice that names the next command; no password."""
    assert refused.status == STATUS[refused.reason]
    assert refused.presented
    assert refused.expected
    assert "`ocppsec " in refused.advice
    assert "{" not in refused.advice
    for secret in (GOOD, OLD, BAD):
        assert secret.decode() not in repr(refused)


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        (R.UNKNOWN_STATION, 404),
        (R.BAD_IDENTITY, 404),
        (R.PROFILE_BELOW_FLOOR, 403),
        (R.WRONG_PASSWORD, 401),
        (R.CREDENTIALS_MISSING, 401),
        (R.CERTIFICATE_REVOKED, 403),
        (R.TOO_MANY_FAILURES, 429),
        (R.STORE_UNAVAILABLE, 503),
    ],
)
def test_status(reason, status):
    """404 for nobody, 401 where another password helps, 403 where none does, 503 when we cannot know."""
    assert STATUS[reason] == status


def test_only_passwords_are_asked_for_again():
    """401 goes with a challenge, so nothing but missing or wrong credentials is answered with it."""
    assert {reason for reason, status in STATUS.items() if status == 401} == {
        R.CREDENTIALS_MISSING,
        R.CREDENTIALS_MALFORMED,
        R.USER_NAME_NOT_IDENTITY,
        R.WRONG_PASSWORD,
    }
    assert set(STATUS) == set(R)


def test_what_the_throttle_hears_of():
    """Guesses count as failed logins; a station that is unknown or on the wrong profile does not."""
    assert {each.reason for each in REFUSALS if each.failed_login} == {
        R.WRONG_PASSWORD,
        R.USER_NAME_NOT_IDENTITY,
    }


def test_advice_can_be_pasted():
    """An identity that means something to a shell is quoted in the advice."""
    refused = decide(admission, replace(ROWS[1], identity="a|b c"))

    assert "ocppsec station add 'a|b c'`" in refused.advice


def test_refusals_of_the_door():
    """What the door refuses by itself explains itself as well."""
    away = refused_store_unavailable("CP1")
    slowed = refused_too_many_failures("CP1", 1.2)

    assert (away.status, away.reason) == (503, R.STORE_UNAVAILABLE)
    assert away.retry_after
    assert (slowed.status, slowed.reason, slowed.retry_after) == (429, R.TOO_MANY_FAILURES, 2)
    assert refused_too_many_failures("CP1", 0.0).retry_after == 1
    for each in (refused_plain_on_tls_door(), refused_tls_on_plain_door()):
        assert (each.status, each.reason) == (400, R.WRONG_DOOR)
        assert each.presented
        assert each.expected
        assert each.advice


def verifications_without_a_password(module):
    """How often a password is verified for a station that has none."""
    asked = []
    module.admit(
        module.Door(**WS),
        "CP1",
        plain(),
        station(1, passwords=()),
        module.Policy(organizations=frozenset()),
        NOW,
        verify=lambda *args: bool(asked.append(args)),
    )
    return len(asked)


def test_no_work_is_saved_without_a_password():
    """A station without password costs one verification as well: the time does not tell."""
    assert verifications_without_a_password(admission) == 1


@pytest.mark.parametrize(
    ("presented", "record", "fingerprint"),
    [
        pytest.param(certificate("f9"), station(3), "f9", id="not among the station's"),
        pytest.param(certificate("f1"), station(3), None, id="among the station's"),
        pytest.param(certificate("f1"), station(3, certificates=()), "f1", id="the station has none"),
        pytest.param(certificate("f9"), None, None, id="unknown station"),
        pytest.param(tls(), station(3), None, id="no certificate"),
    ],
)
def test_certificate_to_look_up(presented, record, fingerprint):
    """The owner is looked up only for a certificate that the record does not hold."""
    assert admission.certificate_to_look_up(presented, record) == fingerprint


# -- the proof ----------------------------------------------------------------------------------------------

OTHERWISE = {
    ast.Eq: [ast.NotEq],
    ast.NotEq: [ast.Eq],
    ast.Lt: [ast.LtE, ast.GtE],
    ast.LtE: [ast.Lt, ast.Gt],
    ast.Gt: [ast.GtE, ast.LtE],
    ast.GtE: [ast.Gt, ast.Lt],
    ast.Is: [ast.IsNot],
    ast.IsNot: [ast.Is],
    ast.In: [ast.NotIn],
    ast.NotIn: [ast.In],
}


class Breaker(ast.NodeTransformer):
    """Breaks the *wanted*-th thing that can be broken; counts them all on the way."""

    def __init__(self, wanted):
        self.wanted, self.count, self.broken = wanted, 0, None

    def turn(self, node, *others):
        for other in others:
            if self.count == self.wanted:
                self.broken = f"line {node.lineno}: {ast.unparse(node)}  ->  {ast.unparse(other)}"
                node = ast.copy_location(other, node)
            self.count += 1
        return node

    def visit_Compare(self, node):
        self.generic_visit(node)
        others = []
        for index, op in enumerate(node.ops):
            for kind in OTHERWISE[type(op)]:
                ops = [kind() if place == index else each for place, each in enumerate(node.ops)]
                others.append(ast.Compare(node.left, ops, node.comparators))
        return self.turn(node, *others)

    def visit_BoolOp(self, node):
        self.generic_visit(node)
        fewer = [[each for each in node.values if each is not left] for left in node.values]
        others = [ast.BoolOp(node.op, values) if len(values) > 1 else values[0] for values in fewer]
        return self.turn(node, *others)

    def visit_UnaryOp(self, node):
        self.generic_visit(node)
        return self.turn(node, node.operand) if isinstance(node.op, ast.Not) else node

    def visit_If(self, node):
        self.generic_visit(node)
        for value in (False, True):
            node.test = self.turn(node.test, ast.Constant(value))
        return node

    def visit_IfExp(self, node):
        self.generic_visit(node)
        return self.turn(node, node.body, node.orelse)

    def visit_Call(self, node):
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id in {"any", "all"}:
            other = ast.Name("all" if node.func.id == "any" else "any", ast.Load())
            return self.turn(node, ast.Call(other, node.args, node.keywords))
        return node


def broken(number, source=admission):
    """The module with one thing broken, and what; None when there is no such thing."""
    breaker = Breaker(number)
    text = Path(source.__file__).read_text(encoding="utf-8")
    tree = ast.fix_missing_locations(breaker.visit(ast.parse(text)))
    if breaker.broken is None:
        return None
    module = types.ModuleType("broken")
    sys.modules[module.__name__] = module
    try:
        exec(compile(tree, source.__file__, "exec"), module.__dict__)
    finally:
        del sys.modules[module.__name__]
    return module, breaker.broken


def noticed(module):
    """True when some row, or one of the two tests beside the table, fails with *module*."""
    try:
        for row in ROWS:
            judge(module, row)
        for presented, record, fingerprint in LOOK_UPS:
            assert module.certificate_to_look_up(presented, record) == fingerprint
        assert verifications_without_a_password(module) == 1
    except Exception:
        return True
    return False


LOOK_UPS = [parameter.values for parameter in test_certificate_to_look_up.pytestmark[0].args[1]]


def test_no_comparison_is_idle():
    """Whatever comparison, condition or negation of the decision is broken, some row of the table fails."""
    unnoticed, number = [], 0
    while (found := broken(number)) is not None:
        module, what = found
        if not noticed(module):
            unnoticed.append(what)
        number += 1

    assert number > 60
    assert unnoticed == []


# -- what becomes of a new station --------------------------------------------------------------------------
LISTED, ONCE = new(Way.LISTED).onboarding, new(Way.PASSWORD).onboarding
BY_CERTIFICATE = new(Way.CERTIFICATE).onboarding
WHO = [
    (LISTED, "SN1", True),
    (LISTED, "SN2", False),
    (LISTED, None, False),
    (ONCE, "SN1", True),
    (ONCE, "SN2", False),
    (ONCE, None, True),
    (BY_CERTIFICATE, None, False),
]
FAILED = ("newest", "older", "oldest")
STEPS = [
    (1, (), False, "Raise"),
    (2, FAILED[:2], False, "Raise"),
    (2, FAILED, False, "GiveUp"),
    (2, FAILED, True, "Wait"),
    (1, (), True, "Wait"),
    (3, (), True, "Arrived"),
    (3, FAILED, False, "Arrived"),
]


def becomes(module):
    """Judges *module* by what it makes of a new station."""
    for entry, reported, fits in WHO:
        assert module.serial_number_fits(entry, reported, "SN1") is fits
    for profile, failed, upgrading, step in STEPS:
        found = module.next_step(LISTED, SecurityProfile(profile), failed, upgrading=upgrading)
        assert type(found).__name__ == step
    assert "newest" in module.next_step(LISTED, SecurityProfile.BASIC, FAILED, upgrading=False).reason
    once = module.came_in(replace(LISTED, connections=0), NOW)
    twice = module.came_in(once, NOW + SECOND)
    assert (once.connections, twice.connections, twice.first_at) == (1, 2, NOW)
    assert module.was_not_in(twice) == replace(once, first_at=NOW)
    for stage in Stage:
        after = module.on_its_own(replace(LISTED, stage=stage, reason="x"), NOW)
        shut = stage in (Stage.OPEN, Stage.EXPIRED)
        assert (after.stage, after.own_at) == ((Stage.RAISING, NOW) if shut else (stage, None))
    for entry in (LISTED, ONCE, BY_CERTIFICATE):
        for stage in Stage:
            told = module.without_password(replace(entry, stage=stage)).reason
            assert bool(told) == (entry is LISTED and stage is Stage.RAISING)
    assert [module.overdue(LISTED, NOW + late) for late in (-SECOND, SECOND - SECOND, SECOND)] == [
        False,
        False,
        True,
    ]
    assert not module.overdue(replace(LISTED, stage=Stage.RAISING), NOW + SECOND)


def test_what_becomes_of_a_new_station():
    """Who it has to be, what shuts its way in, and what follows when it has booted as itself."""
    becomes(onboarding)


def test_no_comparison_of_onboarding_is_idle(monkeypatch):
    """The same proof for the rules of new stations, by the table of admission and by what becomes of them."""
    unnoticed, number = [], 0
    while (found := broken(number, onboarding)) is not None:
        module, what = found
        monkeypatch.setattr(admission, "onboarding", module)
        try:
            becomes(module)
            if not noticed(admission):
                unnoticed.append(what)
        except Exception:
            pass
        number += 1

    assert number > 20
    assert unnoticed == []
