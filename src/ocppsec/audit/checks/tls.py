"""TLS: versions, suites, certificates, compression, renegotiation (A00.FR.306 to 323, 409 to 426, 5xx).

Offers that OpenSSL no longer makes are written by hand (`hello`); what has to work is done as a whole handshake.
"""

import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from ocppsec.audit.checks.check import Check, check
from ocppsec.audit.finding import About, Need, Outcome, Severity, failed, inconclusive, not_applicable, passed
from ocppsec.audit.hello import (
    RENEGOTIATION_INFO,
    SSL3,
    TLS10,
    TLS11,
    VERSIONS,
    WEAK_SUITES,
    Alert,
    ServerHello,
)
from ocppsec.audit.lab import Knock, Lab
from ocppsec.audit.target import Door
from ocppsec.audit.wire import Ended, TlsFacts

_TESTS: Final = ("TC_A_04_CSMS",)
_ECDSA: Final = ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384")
_RSA: Final = ("AES128-GCM-SHA256", "AES256-GCM-SHA384")
_FAMILIES: Final = {"ECDSA": ":".join(_ECDSA), "RSA": ":".join((*_RSA, "ECDHE-RSA-AES128-GCM-SHA256"))}


def _door(lab: Lab) -> Door:
    door = lab.target.secure
    assert door is not None, "a need of every check here"
    return door


async def _works(lab: Lab) -> TlsFacts | None:
    """Whether there is TLS at all; without it no refusal means anything."""
    facts = await lab.handshake(_door(lab))
    lab.note(
        "a handshake with everything that is usual today", facts if isinstance(facts, TlsFacts) else facts.how
    )
    return facts if isinstance(facts, TlsFacts) else None


@check(
    id="tls.old-versions",
    title="TLS below 1.2 and SSL are refused",
    severity=Severity.HIGH,
    tests=("TC_A_06_CSMS",),
    requirements=("A00.FR.313", "A00.FR.314", "A00.FR.315", "A00.FR.416", "A00.FR.417", "A00.FR.418"),
    needs=(Need.SECURE,),
    remedy="Set the lowest version of the server to TLS 1.2.",
)
async def old_versions(lab: Lab) -> Outcome:
    silent = False
    for version in (TLS11, TLS10, SSL3):
        answer = await lab.hello(_door(lab), version=version)
        lab.note(f"ClientHello for {VERSIONS[version]} at most", _told(answer))
        if isinstance(answer, ServerHello) and answer.version < 0x0303:
            return failed(f"the server agreed to {VERSIONS.get(answer.version, hex(answer.version))}")
        silent = silent or (isinstance(answer, Ended) and answer.silent)
    if await _works(lab) is None:
        return inconclusive("no handshake works at all")
    if silent:
        return failed("the server neither agrees nor refuses: it falls silent")
    return passed("TLS 1.1, TLS 1.0 and SSL 3.0 are refused")


def _told(answer: ServerHello | Alert | Ended) -> str:
    match answer:
        case ServerHello():
            suite = WEAK_SUITES.get(answer.suite, f"{answer.suite:#06x}")
            return f"ServerHello, {VERSIONS.get(answer.version, hex(answer.version))}, suite {suite}"
        case Alert():
            return f"TLS alert {answer.number}"
        case Ended():
            return answer.how


@check(
    id="tls.weak-suites",
    title="Suites without encryption or authentication, and broken ones, are refused",
    severity=Severity.HIGH,
    requirements=("A00.FR.320", "A00.FR.322", "A00.FR.423", "A00.FR.425"),
    needs=(Need.SECURE,),
    remedy="Offer the four suites of A00.FR.318, TLS 1.3, and ECDHE with AES-GCM; nothing else.",
)
async def weak_suites(lab: Lab) -> Outcome:
    answer = await lab.hello(_door(lab), suites=tuple(WEAK_SUITES))
    lab.note("ClientHello with NULL, anonymous, EXPORT, RC4, DES and 3DES suites alone", _told(answer))
    if isinstance(answer, ServerHello):
        return failed(f"the server chose {WEAK_SUITES.get(answer.suite, hex(answer.suite))}")
    if await _works(lab) is None:
        return inconclusive("no handshake works at all")
    if isinstance(answer, Ended) and answer.silent:
        return failed("the server neither agrees nor refuses: it falls silent")
    return passed("refused")


@check(
    id="tls.compression",
    title="TLS compression is not used",
    severity=Severity.HIGH,
    tests=_TESTS,
    requirements=("A00.FR.321", "A00.FR.424"),
    needs=(Need.SECURE,),
    remedy="Switch TLS compression off (CRIME).",
)
async def compression(lab: Lab) -> Outcome:
    answer = await lab.hello(_door(lab), compression=(1, 0))
    lab.note("ClientHello that prefers DEFLATE", _told(answer))
    if not isinstance(answer, ServerHello):
        return inconclusive("the server does not agree to TLS 1.2, where compression could be")
    if answer.compression:
        return failed("the server chose compression")
    return passed("the server chose no compression")


@check(
    id="tls.renegotiation",
    title="Renegotiation is secured (RFC 5746)",
    severity=Severity.MEDIUM,
    requirements=("A00.FR.317", "A00.FR.420"),
    needs=(Need.SECURE,),
    remedy="Use a TLS library that knows RFC 5746, and forbid renegotiation by the client.",
)
async def renegotiation(lab: Lab) -> Outcome:
    answer = await lab.hello(_door(lab))
    lab.note("ClientHello with renegotiation_info", _told(answer))
    if not isinstance(answer, ServerHello):
        return inconclusive("the server does not agree to TLS 1.2")
    if RENEGOTIATION_INFO not in answer.extensions:
        return failed("the server does not know renegotiation_info")
    return passed("the server answers renegotiation_info; whether clients may start one was not tried")


# -- the four suites ----------------------------------------------------------------------------------------
def _suite_check(suite: str, iana: str, family: str) -> Check[Lab]:
    async def run(lab: Lab) -> Outcome:
        door = lab.target.secure or lab.target.mutual
        assert door is not None
        facts = await lab.handshake(door, ciphers=suite, most=ssl.TLSVersion.TLSv1_2)
        lab.note(f"TLS 1.2 with {iana} alone", facts if isinstance(facts, TlsFacts) else facts.how)
        if isinstance(facts, TlsFacts):
            return passed(f"negotiated: {facts}")
        if await _works(lab) is None:
            return inconclusive("no handshake works at all")
        return failed(f"not served: {facts.how}")

    about = About(
        id=f"tls.suite-{suite.lower()}",
        title=f"{iana} is served",
        severity=Severity.MEDIUM,
        tests=_TESTS,
        requirements=("A00.FR.318", "A00.FR.421"),
        needs=(Need.SECURE,),
        remedy=f"Serve this suite; it needs an {family} server certificate."
        + (" Many stacks switch RSA key transport off by default." if family == "RSA" else ""),
    )
    return Check(about=about, run=run)


SUITES: Final = (
    _suite_check(_ECDSA[0], "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDSA"),
    _suite_check(_ECDSA[1], "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDSA"),
    _suite_check(_RSA[0], "TLS_RSA_WITH_AES_128_GCM_SHA256", "RSA"),
    _suite_check(_RSA[1], "TLS_RSA_WITH_AES_256_GCM_SHA384", "RSA"),
)


# -- the certificates -----------------------------------------------------------------------------------------
Judge = Callable[[Lab, x509.Certificate], Outcome]


async def _each_certificate(lab: Lab, judge: Judge) -> Outcome:
    """*judge* of the certificate of either family; the worst counts."""
    outcome: Outcome | None = None
    for family, ciphers in _FAMILIES.items():
        facts = await lab.handshake(_door(lab), ciphers=ciphers, most=ssl.TLSVersion.TLSv1_2)
        if not isinstance(facts, TlsFacts):
            continue
        try:
            certificate = x509.load_der_x509_certificate(facts.certificate)
            lab.note(f"a handshake for the {family} certificate", certificate.subject.rfc4514_string())
            found = judge(lab, certificate)
        except (ValueError, UnsupportedAlgorithm) as error:
            return failed(f"the {family} certificate cannot be read: {error}")
        if found.verdict != "pass":
            return failed(f"{family}: {found.why}")
        outcome = found
    return outcome or inconclusive("no TLS 1.2 handshake works, so no certificate was seen")


@check(
    id="tls.certificate-name",
    title="The common name is the host that stations dial",
    severity=Severity.HIGH,
    tests=_TESTS,
    requirements=("A00.FR.510", "A00.FR.309", "A00.FR.412"),
    needs=(Need.SECURE,),
    remedy="Issue the certificate with CN = the FQDN of the endpoint; no wildcard.  A subjectAltName, where there"
    " is one, has to name the same host.",
)
async def certificate_name(lab: Lab) -> Outcome:
    return await _each_certificate(lab, _judge_name)


def _judge_name(lab: Lab, certificate: x509.Certificate) -> Outcome:
    host = _door(lab).host.lower()
    names = [
        str(one.value).lower() for one in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    ]
    if names != [host]:
        return failed(f"the common name is {', '.join(names) or 'missing'}, stations dial {host}")
    try:
        alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return passed(f"CN {host}, no subjectAltName")
    dns = [name.lower() for name in alternative.get_values_for_type(x509.DNSName)]
    addresses = [str(address) for address in alternative.get_values_for_type(x509.IPAddress)]
    if host not in (*dns, *addresses):
        return failed(f"the subjectAltName is {', '.join((*dns, *addresses))}, stations dial {host}")
    return passed(f"CN and subjectAltName are {host}")


@check(
    id="tls.certificate-validity",
    title="The certificates are valid now",
    severity=Severity.HIGH,
    tests=_TESTS,
    requirements=("A00.FR.308", "A00.FR.411"),
    needs=(Need.SECURE,),
    remedy="Renew the certificate in time, and watch its end.",
)
async def certificate_validity(lab: Lab) -> Outcome:
    return await _each_certificate(lab, _judge_validity)


def _judge_validity(lab: Lab, certificate: x509.Certificate) -> Outcome:  # noqa: ARG001
    now = datetime.now(UTC)
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now < begin:
        return failed(f"valid only from {begin:%Y-%m-%d %H:%M} UTC")
    if now > end:
        return failed(f"expired at {end:%Y-%m-%d %H:%M} UTC")
    return passed(f"valid until {end:%Y-%m-%d %H:%M} UTC")


@check(
    id="tls.certificate-strength",
    title="Keys and signatures are strong enough, and there is a serial number",
    severity=Severity.HIGH,
    tests=_TESTS,
    requirements=("A00.FR.501", "A00.FR.502", "A00.FR.503", "A00.FR.506", "A00.FR.508"),
    needs=(Need.SECURE,),
    remedy="RSA with 2048 bits or EC with 224 bits at least, signed over SHA-256 or better.",
)
async def certificate_strength(lab: Lab) -> Outcome:
    return await _each_certificate(lab, _judge_strength)


def _judge_strength(lab: Lab, certificate: x509.Certificate) -> Outcome:  # noqa: ARG001
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        return failed("the key is neither RSA nor EC")
    least = 2048 if isinstance(key, rsa.RSAPublicKey) else 224
    if key.key_size < least:
        return failed(f"the key has {key.key_size} bits, {least} are the least")
    algorithm = certificate.signature_hash_algorithm
    if algorithm is None or algorithm.name not in {"sha256", "sha384", "sha512"}:
        return failed(f"signed over {algorithm.name if algorithm else 'nothing'}")
    if certificate.serial_number <= 0:
        return failed("there is no positive serial number")
    return passed(f"{key.key_size} bits, {algorithm.name}")


@check(
    id="tls.certificate-chain",
    title="Both certificates verify up to the root that stations have",
    severity=Severity.HIGH,
    tests=_TESTS,
    requirements=("A00.FR.308", "A00.FR.411"),
    needs=(Need.SECURE, Need.ROOT),
    remedy="Send every intermediate behind the certificate, and chain both families to a root stations know.",
)
async def certificate_chain(lab: Lab) -> Outcome:
    seen = []
    for family, ciphers in _FAMILIES.items():
        how = {"ciphers": ciphers, "most": ssl.TLSVersion.TLSv1_2}
        if not isinstance(await lab.handshake(_door(lab), **how), TlsFacts):
            continue
        facts = await lab.handshake(_door(lab), roots=lab.target.roots, **how)
        told = f"verified, {len(facts.chain)} certificates sent" if isinstance(facts, TlsFacts) else facts.how
        lab.note(f"a handshake for the {family} certificate, verified up to the root", told)
        if not isinstance(facts, TlsFacts):
            return failed(f"{family}: {facts.how}")
        seen.append(family)
    if not seen:
        return inconclusive("no TLS 1.2 handshake works, so no chain was seen")
    return passed(f"{' and '.join(seen)} verified")


# -- what is not TLS, on a TLS door -----------------------------------------------------------------------------
@check(
    id="tls.no-clear-text",
    title="The TLS door does not speak in clear",
    severity=Severity.HIGH,
    requirements=("A00.FR.312", "A00.FR.415"),
    needs=(Need.SECURE,),
    remedy="Refuse what is no TLS on this port.",
)
async def no_clear_text(lab: Lab) -> Outcome:
    secure = _door(lab)
    clear = Door(
        url=secure.url.replace("wss://", "ws://", 1)
        if ":" in secure.host_header
        else f"ws://{secure.host}:443"
    )
    if lab.target.plain is not None and (clear.host, clear.port) == (
        lab.target.plain.host,
        lab.target.plain.port,
    ):
        return not_applicable("ws:// and wss:// share this port")
    answer = await lab.knock(Knock(door=clear, identity=lab.target.identity or lab.stranger))
    if answer.admitted:
        return failed("a WebSocket without TLS was opened on the TLS door")
    if await _works(lab) is None:
        return inconclusive("no handshake works at all")
    if answer.silent:
        return failed("a request in clear is neither answered nor ended")
    return passed(f"not let in: {answer}")


@check(
    id="tls.refusals-complete",
    title="Refusals arrive whole over TLS",
    severity=Severity.MEDIUM,
    requirements=("A00.FR.207", "A00.FR.324"),
    needs=(Need.SECURE,),
    remedy="Send the answer in full, then close_notify, then close; a reset overtakes what was not yet read.",
)
async def refusals_complete(lab: Lab) -> Outcome:
    torn = 0
    last = ""
    for _ in range(10):
        answer = await lab.knock(Knock(door=_door(lab), identity=lab.stranger, label="as a stranger"))
        if answer.admitted:
            return inconclusive("strangers are let in, so there is no refusal")
        if answer.status is None and answer.tls is None:
            return inconclusive(f"no TLS connection came about: {answer}")
        if not (answer.status and answer.complete):
            torn += 1
            last = str(answer)
    if torn:
        return failed(f"{torn} of 10 refusals did not arrive: {last}")
    return passed("10 of 10 refusals arrived whole")


@check(
    id="tls.revoked-not-resumed",
    title="A revoked certificate does not come back by resuming its session",
    severity=Severity.HIGH,
    requirements=("A00.FR.705", "A00.FR.407"),
    needs=(Need.MUTUAL, Need.IDENTITY, Need.CERTIFICATE, Need.OPERATOR, Need.DESTRUCTIVE),
    turn=3,
    remedy="Check the certificate in the application on every connection, resumed or not, and make a new TLS"
    " context when trust changes.",
)
async def revoked_not_resumed(lab: Lab) -> Outcome:
    sessions = []
    for most in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        knock = lab.with_certificate(most=most)
        assert knock is not None
        answer = await lab.knock(knock)
        if answer.admitted and answer.tls_session is not None:
            sessions.append((most, answer.tls_session))
    await lab.tidy()
    if not sessions:
        return not_applicable(
            "the CSMS hands out no sessions to resume, or lets nobody in with this certificate"
        )
    if not await lab.operator(f"revoke the certificate of {lab.target.identity}"):
        return inconclusive("nobody revoked the certificate")
    full = await lab.knock(lab.with_certificate() or Knock(door=lab.target.first, identity=""))
    if full.admitted:
        return failed("the revoked certificate is still let in")
    for most, session in sessions:
        knock = lab.with_certificate(most=most, session=session, label="with the old TLS session")
        assert knock is not None
        if (await lab.knock(knock)).admitted:
            return failed("a full handshake is refused, but the old session was resumed and let in")
    return passed("neither a full handshake nor a resumed session is let in")


CHECKS: tuple[Check[Lab], ...] = (
    old_versions,
    *SUITES,
    weak_suites,
    compression,
    renegotiation,
    certificate_name,
    certificate_validity,
    certificate_strength,
    certificate_chain,
    no_clear_text,
    refusals_complete,
    revoked_not_resumed,
)
