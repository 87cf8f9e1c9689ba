"""Root certificates: install, list, delete (block M), and what may not be installed."""

from dataclasses import asdict
from typing import Any, Final

from ocppsec.audit import forge
from ocppsec.audit.checks.check import Check, check
from ocppsec.audit.finding import Need, Outcome, Severity, failed, inconclusive, not_applicable, passed
from ocppsec.audit.stations.lab import StationLab
from ocppsec.certificates.hash_data import CertificateHashData, hash_data, same

_LEAVE: Final = (Need.DESTRUCTIVE,)


async def install(lab: StationLab, pem: str) -> str:
    answer = await lab.call(
        "InstallCertificate", {"certificateType": "CSMSRootCertificate", "certificate": pem}
    )
    return str(answer.get("status", answer.get("error")))


async def listed(lab: StationLab) -> list[CertificateHashData]:
    answer = await lab.call("GetInstalledCertificateIds", {"certificateType": ["CSMSRootCertificate"]})
    return [_data(one["certificateHashData"]) for one in answer.get("certificateHashDataChain") or ()]


def _data(wire: dict[str, Any]) -> CertificateHashData:
    return CertificateHashData(
        hash_algorithm=wire["hashAlgorithm"],
        issuer_name_hash=wire["issuerNameHash"],
        issuer_key_hash=wire["issuerKeyHash"],
        serial_number=wire["serialNumber"],
    )


def _wire(data: CertificateHashData) -> dict[str, str]:
    words = asdict(data)
    return {"hashAlgorithm": words["hash_algorithm"], "issuerNameHash": words["issuer_name_hash"],
            "issuerKeyHash": words["issuer_key_hash"], "serialNumber": words["serial_number"]}  # fmt: skip


async def only_one(lab: StationLab) -> bool:
    """AdditionalRootCertificateCheck: one CSMS root, and a new one is signed by it."""
    status, value = await lab.variable("SecurityCtrlr", "AdditionalRootCertificateCheck")
    return status == "Accepted" and value.lower() == "true"


def is_among(root: forge.Forger, names_there: list[CertificateHashData]) -> bool:
    issuer = root.issuer or root.certificate
    names = {one: hash_data(root.certificate, issuer, one) for one in ("SHA256", "SHA384", "SHA512")}
    return any(same(names[one.hash_algorithm], one) for one in names_there)


async def _refused(lab: StationLab, root: forge.Forger, what: str) -> Outcome:
    status = await install(lab, root.pem)
    if status == "Accepted":
        return failed(f"{what} was installed")
    if is_among(root, await listed(lab)):
        return failed(f"{what} was answered {status}, and is installed all the same")
    return passed(f"answered {status}, and not listed")


@check(
    id="roots.expired-refused",
    title="An expired root is not installed",
    severity=Severity.HIGH,
    tests=("TC_M_07_CS",),
    requirements=("M05.FR.07",),
    needs=_LEAVE,
    remedy="Check the validity period before a root is stored.",
)
async def expired_refused(lab: StationLab) -> Outcome:
    name = forge.subject("Expired Root", lab.subject.organization)
    return await _refused(lab, forge.forger(name, days=(-30, -1)), "an expired root")


@check(
    id="roots.leaf-refused",
    title="A certificate that is no CA is not installed as a root",
    severity=Severity.HIGH,
    tests=("TC_M_07_CS",),
    requirements=("M05.FR.07",),
    needs=_LEAVE,
    remedy="Install self-signed CA certificates alone.",
)
async def leaf_refused(lab: StationLab) -> Outcome:
    key = forge.ec_key()
    leaf = lab.root.certify(key, forge.subject("a server", lab.subject.organization))
    status = await install(lab, forge.pem(leaf))
    return failed("a server certificate was installed as a root") if status == "Accepted" else passed(status)


@check(
    id="roots.garbage-refused",
    title="What is no certificate is not installed",
    severity=Severity.MEDIUM,
    requirements=("M05.FR.07",),
    needs=_LEAVE,
    remedy="Answer Rejected to what cannot be read.",
)
async def garbage_refused(lab: StationLab) -> Outcome:
    garbage = "-----BEGIN CERTIFICATE-----\nbm90IGEgY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n"
    status = await install(lab, garbage)
    return failed("garbage was Accepted") if status == "Accepted" else passed(status)


@check(
    id="roots.installed",
    title="A CSMS root is installed and listed under its right name",
    severity=Severity.HIGH,
    tests=("TC_M_01_CS", "TC_M_12_CS"),
    requirements=("M05.FR.01", "M03.FR.02"),
    needs=_LEAVE,
    remedy="The hashes are over the issuer's name (DER) and the content of its public key's BIT STRING.",
)
async def installed(lab: StationLab) -> Outcome:
    status = await install(lab, lab.root.pem)
    if status != "Accepted":
        return failed(f"a good root was answered {status}")
    lab.facts["root"] = True
    if not is_among(lab.root, await listed(lab)):
        return failed("Accepted, but GetInstalledCertificateIds does not list it by its hashes")
    return passed("Accepted, and listed by its hashes")


@check(
    id="roots.deleted",
    title="A root is deleted by its name, an unknown one is NotFound",
    severity=Severity.MEDIUM,
    tests=("TC_M_20_CS", "TC_M_22_CS"),
    requirements=("M04.FR.01", "M04.FR.02"),
    needs=_LEAVE,
    remedy="Find the certificate by all four parts of its hash data, whatever the case of the hex digits.",
)
async def deleted(lab: StationLab) -> Outcome:
    if await only_one(lab):
        return not_applicable("with AdditionalRootCertificateCheck there is one root, and it has to stay")
    second = forge.forger(forge.subject("Second Root", lab.subject.organization))
    data = hash_data(second.certificate, second.certificate)
    unknown = await lab.call("DeleteCertificate", {"certificateHashData": _wire(data)})
    if unknown.get("status") != "NotFound":
        return failed(f"a root that is not there: {unknown.get('status', unknown.get('error'))}")
    if await install(lab, second.pem) != "Accepted":
        return inconclusive("a second root was not installed, so there is none to delete")
    known = next((one for one in await listed(lab) if is_among(second, [one])), data)
    answer = await lab.call("DeleteCertificate", {"certificateHashData": _wire(known)})
    if answer.get("status") != "Accepted":
        return failed(f"an installed root: {answer.get('status', answer.get('error'))}")
    if is_among(second, await listed(lab)):
        return failed("Accepted, but it is still listed")
    return passed("NotFound for the unknown, Accepted for the installed, and gone")


CHECKS: tuple[Check[StationLab], ...] = (expired_refused, leaf_refused, garbage_refused, installed, deleted)
