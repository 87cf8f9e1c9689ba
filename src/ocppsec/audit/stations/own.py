"""The station's own certificate: A02, TC_A_11, TC_A_14, TC_M_23."""

from itertools import pairwise
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from ocppsec.audit import forge
from ocppsec.audit.checks.check import Check, check
from ocppsec.audit.finding import Need, Outcome, Severity, failed, inconclusive, not_applicable, passed
from ocppsec.audit.stations.lab import StationLab
from ocppsec.certificates.hash_data import hash_data

_LEAVE: Final = (Need.DESTRUCTIVE,)
_REPORT: Final = "InvalidChargingStationCertificate"
_EARLY: Final = 0.95
_LATE: Final = 1.2
"""Clocks differ a little, and a busy machine is late."""


def _names(subject: x509.Name, oid: x509.ObjectIdentifier) -> list[str]:
    return [str(one.value) for one in subject.get_attributes_for_oid(oid)]


@check(
    id="certificate.request",
    title="On demand the station asks for a certificate of its own, rightly",
    severity=Severity.HIGH,
    tests=("TC_A_11_CS",),
    requirements=("A02.FR.02", "A02.FR.03", "A00.FR.511", "A00.FR.502", "A00.FR.503"),
    needs=_LEAVE,
    remedy="A new key, a PKCS#10 request in PEM with CN = serial number and O = OrganizationName.",
)
async def request(lab: StationLab) -> Outcome:
    if lab.profile < 2:
        return inconclusive("the station did not get to profile 2")
    await lab.set_variable("SecurityCtrlr", "OrganizationName", lab.subject.organization)
    talk = await lab.talk()
    before = talk.count("SignCertificate")
    answer = await lab.call("TriggerMessage", {"requestedMessage": "SignChargingStationCertificate"})
    if answer.get("status") != "Accepted":
        return failed(
            f"TriggerMessage SignChargingStationCertificate: {answer.get('status', answer.get('error'))}"
        )
    if not await talk.until(lambda one: one.count("SignCertificate") > before, seconds=lab.patience):
        return failed("Accepted, but no SignCertificate came (F06.FR.10)")
    try:
        csr = x509.load_pem_x509_csr((talk.last("SignCertificate") or {}).get("csr", "").encode())
    except ValueError as error:
        return failed(f"the request cannot be read: {error}")
    lab.facts["csr"] = csr
    lab.note("waiting for SignCertificate", csr.subject.rfc4514_string())
    return _judged(lab, csr)


def _judged(lab: StationLab, csr: x509.CertificateSigningRequest) -> Outcome:
    key = csr.public_key()
    if not csr.is_signature_valid:
        return failed("the signature of the request is wrong")
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        return failed("the key is neither RSA nor EC")
    if key.key_size < (2048 if isinstance(key, rsa.RSAPublicKey) else 224):
        return failed(f"the key has {key.key_size} bits")
    names = _names(csr.subject, NameOID.COMMON_NAME)
    if lab.serial_number is not None and names != [lab.serial_number]:
        return failed(f"the common name is {names}, the serial number {lab.serial_number}")
    if _names(csr.subject, NameOID.ORGANIZATION_NAME) != [lab.subject.organization]:
        return failed("the organization is not OrganizationName")
    return passed(f"CN {names[0] if names else ''}, {key.key_size} bits")


async def _deliver(lab: StationLab, certificate: x509.Certificate) -> str:
    payload = {"certificateChain": forge.pem(certificate), "certificateType": "ChargingStationCertificate"}
    answer: dict[str, Any] = await lab.call("CertificateSigned", payload)
    return str(answer.get("status", answer.get("error")))


@check(
    id="certificate.bad-refused",
    title="A certificate it did not ask for, or of another CA, is rejected and reported",
    severity=Severity.HIGH,
    tests=("TC_A_14_CS",),
    requirements=("A02.FR.06", "A02.FR.07"),
    needs=_LEAVE,
    remedy="Check key, dates, names and issuer; answer Rejected and raise InvalidChargingStationCertificate.",
)
async def bad_refused(lab: StationLab) -> Outcome:
    csr: x509.CertificateSigningRequest | None = lab.facts.get("csr")
    if csr is None:
        return inconclusive("the station asked for no certificate")
    key: Any = csr.public_key()
    foreign = forge.forger(forge.subject("Foreign CA", "Foreign"))
    own = forge.Forger(certificate=lab.root.certificate, key=lab.root.key)
    bad = {
        "of a CA it does not know": foreign.certify_public(key, csr.subject),
        "for another key": own.certify(forge.ec_key(), csr.subject),
        "that has expired": own.certify_public(key, csr.subject, days=(-30, -1)),
    }
    for told, certificate in bad.items():
        status = await _deliver(lab, certificate)
        if status != "Rejected":
            return failed(f"a certificate {told} was answered {status}")
    talk = await lab.talk()
    await talk.until(lambda _one: _REPORT in lab.events(), seconds=min(5.0, lab.patience))
    if _REPORT not in lab.events():
        return failed("rejected, but InvalidChargingStationCertificate was not reported")
    return passed("all rejected, and reported")


@check(
    id="certificate.good-accepted",
    title="The certificate it asked for is accepted",
    severity=Severity.HIGH,
    tests=("TC_A_11_CS",),
    requirements=("A02.FR.08",),
    needs=_LEAVE,
    remedy="Accept what is right; on profile 3 reconnect with it.",
)
async def good_accepted(lab: StationLab) -> Outcome:
    answer = await request.run(lab)
    csr: x509.CertificateSigningRequest | None = lab.facts.get("csr")
    if csr is None:
        return answer
    key: Any = csr.public_key()
    certificate = lab.root.certify_public(key, csr.subject)
    status = await _deliver(lab, certificate)
    if status != "Accepted":
        return failed(f"a good certificate was answered {status}")
    lab.facts["certified"] = certificate
    return passed("Accepted")


@check(
    id="certificate.not-deletable",
    title="Its own certificate cannot be deleted",
    severity=Severity.HIGH,
    tests=("TC_M_23_CS",),
    requirements=("M04.FR.06",),
    needs=_LEAVE,
    remedy="Answer Failed to DeleteCertificate with the hash data of the ChargingStationCertificate.",
)
async def not_deletable(lab: StationLab) -> Outcome:
    certificate: x509.Certificate | None = lab.facts.get("certified")
    if certificate is None:
        return inconclusive("the station has no certificate of ours")
    data = hash_data(certificate, lab.root.certificate)
    wire = {"hashAlgorithm": data.hash_algorithm, "issuerNameHash": data.issuer_name_hash,
            "issuerKeyHash": data.issuer_key_hash, "serialNumber": data.serial_number}  # fmt: skip
    answer = await lab.call("DeleteCertificate", {"certificateHashData": wire})
    status = answer.get("status", answer.get("error"))
    if status == "Accepted":
        return failed("the station deleted its own certificate")
    return passed(str(status)) if status == "Failed" else failed(f"answered {status}, Failed is right")


@check(
    id="certificate.asks-again",
    title="Without a certificate it repeats SignCertificate with doubled waits, and stops",
    severity=Severity.MEDIUM,
    tests=("TC_A_23_CS",),
    requirements=("A02.FR.17", "A02.FR.18", "A02.FR.19"),
    needs=_LEAVE,
    remedy="Ask again after CertSigningWaitMinimum, and with each of CertSigningRepeatTimes after twice as long.",
)
async def asks_again(lab: StationLab) -> Outcome:
    if lab.profile < 2:
        return inconclusive("the station did not get to profile 2")
    wait = await lab.borrow("SecurityCtrlr", "CertSigningWaitMinimum", "1", "10")
    if wait is None or await lab.borrow("SecurityCtrlr", "CertSigningRepeatTimes", "1") is None:
        return not_applicable(
            "CertSigningWaitMinimum and CertSigningRepeatTimes are not there, or cannot be set"
        )
    seconds = int(wait)
    talk = await lab.talk()
    since = len(talk.calls)
    before = talk.count("SignCertificate")
    answer = await lab.call("TriggerMessage", {"requestedMessage": "SignChargingStationCertificate"})
    if answer.get("status") != "Accepted":
        return inconclusive(f"TriggerMessage: {answer.get('status', answer.get('error'))}")
    await talk.until(
        lambda one: one.count("SignCertificate") >= before + 3, seconds=lab.patience + 3 * seconds
    )
    await talk.until(lambda one: one.count("SignCertificate") > before + 3, seconds=4 * seconds * _LATE)
    asked = [
        (moment, payload)
        for (action, payload), moment in zip(talk.calls[since:], talk.moments[since:], strict=True)
        if action == "SignCertificate"
    ]
    gaps = [after[0] - first[0] for first, after in pairwise(asked)]
    lab.note(f"three requests wanted, {seconds} s and {2 * seconds} s apart", _seconds(gaps))
    if len(asked) < 3:
        return failed(f"it asked {len(asked)} times, three times is right")
    if gaps[0] < seconds * _EARLY or gaps[1] < 2 * seconds * _EARLY:
        return failed(f"it asked again after {_seconds(gaps)}; {seconds} s and {2 * seconds} s are right")
    if len(asked) > 3:
        return failed("it asked a fourth time, CertSigningRepeatTimes is 1")
    answers = [await _certify(lab, payload) for _, payload in asked]
    if "Accepted" not in answers:
        return failed(f"a certificate for each of its requests was answered {', '.join(answers)}")
    return passed(f"it asked again after {_seconds(gaps)}, then no more")


def _seconds(gaps: list[float]) -> str:
    return " and ".join(f"{gap:.1f} s" for gap in gaps) or "one request"


async def _certify(lab: StationLab, payload: dict[str, Any]) -> str:
    csr = x509.load_pem_x509_csr(str(payload.get("csr", "")).encode())
    key: Any = csr.public_key()
    return await _deliver(lab, lab.root.certify_public(key, csr.subject))


CHECKS: tuple[Check[StationLab], ...] = (request, bad_refused, asks_again, good_accepted, not_deletable)
