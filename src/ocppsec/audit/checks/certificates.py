"""Certificate requests, as the station: A02, A03, TC_A_11, TC_A_14."""

from collections.abc import Callable
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ocppsec.audit.checks.check import Check, check
from ocppsec.audit.finding import About, Need, Outcome, Severity, failed, inconclusive, passed
from ocppsec.audit.forge import ec_key, request, rsa_key, subject, with_broken_signature
from ocppsec.audit.lab import Lab
from ocppsec.audit.websocket import Socket
from ocppsec.audit.wire import Ended

_NEEDS: Final = (Need.IDENTITY, Need.DESTRUCTIVE)
_SIGNING_SECONDS: Final = 5.0


class Asked:
    """What came of a SignCertificate: the answer, and the CertificateSigned behind it, if any."""

    def __init__(self) -> None:
        self.status = ""
        self.chain: str | None = None
        self.too_early = False
        """CertificateSigned came before the answer."""


async def _ask(lab: Lab, csr: str, told: str) -> Asked | Outcome:
    """Send *csr* as the accepted station.  Every certificate that comes is rejected, so that none takes effect."""
    asked = Asked()

    def take(action: str, payload: dict[str, Any]) -> dict[str, Any]:
        if action != "CertificateSigned":
            return {"error": ["NotSupported", "an audit is on this connection", {}]}
        asked.too_early = not asked.status
        asked.chain = str(payload.get("certificateChain", ""))
        return {"status": "Rejected", "statusInfo": {"reasonCode": "InvalidCertificate"}}

    async with lab.station(take) as socket:
        if socket is None:
            return inconclusive("the station is not accepted")
        try:
            payload = {"csr": csr, "certificateType": "ChargingStationCertificate"}
            answer = await socket.call("SignCertificate", payload)
            asked.status = str(answer[2].get("status")) if answer[0] == 3 else f"CALLERROR {answer[2]}"
            lab.note(f"SignCertificate with {told}", answer)
            if asked.status == "Accepted":
                await _until_signed(socket, asked, min(_SIGNING_SECONDS, lab.patience))
                lab.note("waiting for CertificateSigned", "it came" if asked.chain else "it did not come")
        except Ended as ended:
            lab.note(f"SignCertificate with {told}", ended.how)
            if not asked.status:
                return failed(f"SignCertificate was not answered: {ended.how}")
    return asked


async def _until_signed(socket: Socket, asked: Asked, seconds: float) -> None:
    for _ in range(int(seconds / 0.1)):
        if asked.chain is not None:
            return
        await socket.listen(0.1)


@check(
    id="certificates.issued",
    title="A good request is answered first, then certified for the right station",
    severity=Severity.HIGH,
    tests=("TC_A_11_CSMS", "TC_A_14_CSMS"),
    requirements=("A02.FR.11", "A02.FR.14", "A00.FR.511"),
    needs=_NEEDS,
    remedy="Answer SignCertificate, have the CA sign, then send CertificateSigned with leaf and intermediates.",
)
async def issued(lab: Lab) -> Outcome:
    key = ec_key()
    csr = request(key, subject(lab.target.serial, lab.target.organization or ""))
    asked = await _ask(lab, csr, "a good request")
    if isinstance(asked, Outcome):
        return asked
    if asked.status != "Accepted":
        return inconclusive(f"{asked.status}: does it need profile 2, --serial or --organization?")
    if asked.chain is None:
        return inconclusive("Accepted, but no CertificateSigned came while we waited")
    if asked.too_early:
        return failed("CertificateSigned came before the answer to SignCertificate")
    try:
        leaf = x509.load_pem_x509_certificates(asked.chain.encode())[0]
    except (ValueError, IndexError):
        return failed("what came in CertificateSigned is no PEM")
    if leaf.public_key() != key.public_key():
        return failed("the certificate is for another key than the request")
    if _common_names(leaf) != [lab.target.serial]:
        return failed(f"the common name is {_common_names(leaf)}, not the serial number {lab.target.serial}")
    if _is_ca(leaf):
        return failed("the station got the certificate of a CA")
    return passed("answered first, then a certificate for this key and serial number")


def _common_names(certificate: x509.Certificate) -> list[str]:
    return [str(one.value) for one in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]


def _is_ca(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


Maker = Callable[[Lab], str]


def _name(lab: Lab) -> x509.Name:
    return subject(lab.target.serial, lab.target.organization or "")


_BAD: Final[dict[str, tuple[Maker, bool]]] = {
    "no request at all": (lambda _lab: "this is no certificate request", True),
    "a broken signature": (lambda lab: with_broken_signature(request(ec_key(), _name(lab))), True),
    "an RSA key of 1024 bits": (lambda lab: request(rsa_key(1024), _name(lab)), True),
    "a key on secp192r1": (lambda lab: request(ec.generate_private_key(ec.SECP192R1()), _name(lab)), True),
    "the serial number of another station": (
        lambda lab: request(ec_key(), subject("SERIAL-OF-ANOTHER", lab.target.organization or "")),
        False,
    ),
    "another organization": (
        lambda lab: request(ec_key(), subject(lab.target.serial, "Another Operator")),
        False,
    ),
    "a wish to be a CA": (lambda lab: request(ec_key(), _name(lab), ca=True), False),
}
"""What is wrong, and whether Accepted alone is a fail; else what counts is the certificate."""


def _bad_check(told: str, make: Maker, *, at_once: bool) -> Check[Lab]:
    async def run(lab: Lab) -> Outcome:
        asked = await _ask(lab, make(lab), told)
        if isinstance(asked, Outcome):
            return asked
        return _judged(lab, asked, told, at_once=at_once)

    about = About(
        id=f"certificates.{'-'.join(told.lower().split())}",
        title=f"A certificate request with {told} gets no such certificate",
        severity=Severity.HIGH,
        tests=("TC_A_11_CSMS",),
        requirements=("A02.FR.12", "A00.FR.501", "A00.FR.511"),
        needs=_NEEDS,
        remedy="Check signature, key and names of a request against what is registered; reject with InvalidCSR."
        "  Take nothing but the key from it.",
    )
    return Check(about=about, run=run)


def _judged(lab: Lab, asked: Asked, told: str, *, at_once: bool) -> Outcome:
    if asked.status != "Accepted":
        return passed(f"answered {asked.status}")
    if at_once:
        return failed(f"Accepted, though it has {told}")
    if asked.chain is None:
        return inconclusive("Accepted, and no certificate came while we waited")
    try:
        leaf = x509.load_pem_x509_certificates(asked.chain.encode())[0]
        organizations = [
            str(one.value) for one in leaf.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
        ]
        bad = (
            _is_ca(leaf) or _common_names(leaf) != [lab.target.serial] or "Another Operator" in organizations
        )
    except (ValueError, IndexError, UnsupportedAlgorithm):
        return failed("Accepted, and what came cannot be read as a certificate")
    if bad:
        return failed(f"certified: {leaf.subject.rfc4514_string()}{', a CA' if _is_ca(leaf) else ''}")
    return passed("certified, but without what it asked for")


CHECKS: tuple[Check[Lab], ...] = (
    issued,
    *(_bad_check(told, make, at_once=at_once) for told, (make, at_once) in _BAD.items()),
)
