"""Network profiles and the way up: A05, B09, B10."""

import asyncio
from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID

from ocppsec.audit.checks.check import Check, check
from ocppsec.audit.finding import Need, Outcome, Severity, failed, inconclusive, passed
from ocppsec.audit.stations.lab import StationLab

_LEAVE: Final = (Need.DESTRUCTIVE,)
_REFUSED: Final = ("Rejected", "Failed")
_MOMENT: Final = 3.0
"""Seconds between the answer to a boot and the variables that follow from it."""


async def _priority(lab: StationLab) -> list[str]:
    _, value = await lab.variable("OCPPCommCtrlr", "NetworkConfigurationPriority")
    return [slot.strip() for slot in value.split(",") if slot.strip()]


async def _store(lab: StationLab, profile: int) -> tuple[int | None, str]:
    """Put a profile into a slot that is not in use; (slot, status)."""
    used = await _priority(lab)
    url = lab.urls["wss" if profile > 1 else "ws"]
    status = "no free slot"
    for slot in [slot for slot in (2, 3, 1, 0) if str(slot) not in used]:
        data = {"configurationSlot": slot, "connectionData": lab.network_profile(url, profile)}
        answer = await lab.call("SetNetworkProfile", data)
        status = str(answer.get("status", answer.get("error")))
        if status == "Accepted":
            return slot, status
    return None, status


async def _prefer(lab: StationLab, slot: int) -> str:
    value = ",".join([str(slot), *(one for one in await _priority(lab) if one != str(slot))])
    return await lab.set_variable("OCPPCommCtrlr", "NetworkConfigurationPriority", value)


async def _not_without(lab: StationLab, profile: int, what: str) -> Outcome:
    slot, status = await _store(lab, profile)
    if slot is None:
        if status in _REFUSED:
            return passed(f"SetNetworkProfile is {status} already")
        return inconclusive(f"no slot for it: {status}")
    status = await _prefer(lab, slot)
    if status in ("Accepted", "RebootRequired"):
        return failed(
            f"profile {profile} was preferred without {what}: the next reboot locks the station out"
        )
    return passed(f"NetworkConfigurationPriority {status}")


@check(
    id="slots.no-2-without-root",
    title="Without a CSMS root the station does not prefer profile 2",
    severity=Severity.HIGH,
    tests=("TC_A_20_CS",),
    requirements=("A05.FR.02",),
    needs=_LEAVE,
    remedy="Reject NetworkConfigurationPriority when the new profile needs a root that is not installed.",
)
async def no_2_without_root(lab: StationLab) -> Outcome:
    answer = await lab.call("GetInstalledCertificateIds", {"certificateType": ["CSMSRootCertificate"]})
    if answer.get("certificateHashDataChain"):
        return inconclusive("a CSMS root is installed already")
    return await _not_without(lab, 2, "a root")


@check(
    id="slots.no-3-without-certificate",
    title="Without a certificate of its own the station does not prefer profile 3",
    severity=Severity.HIGH,
    tests=("TC_A_21_CS",),
    requirements=("A05.FR.03",),
    needs=_LEAVE,
    remedy="Reject NetworkConfigurationPriority when the new profile needs a certificate that is not there.",
)
async def no_3_without_certificate(lab: StationLab) -> Outcome:
    return await _not_without(lab, 3, "a certificate")


@check(
    id="slots.unknown-slot",
    title="A slot the station does not have is rejected",
    severity=Severity.LOW,
    tests=("TC_B_43_CS",),
    requirements=("B09.FR.05", "B09.FR.02"),
    needs=_LEAVE,
    remedy="Reject with InvalidConfSlot.",
)
async def unknown_slot(lab: StationLab) -> Outcome:
    profile = lab.network_profile(lab.urls["ws"], 1)
    answer = await lab.call("SetNetworkProfile", {"configurationSlot": 9999, "connectionData": profile})
    status = answer.get("status", answer.get("error"))
    return failed("slot 9999 was Accepted") if status == "Accepted" else passed(str(status))


async def _upgrade(lab: StationLab, profile: int) -> Outcome:
    slot, status = await _store(lab, profile)
    if slot is None:
        return failed(f"SetNetworkProfile for profile {profile}: {status}")
    status = await _prefer(lab, slot)
    if status not in ("Accepted", "RebootRequired"):
        return failed(f"NetworkConfigurationPriority with slot {slot} first: {status}")
    lab.forget_visits()
    await lab.call("Reset", {"type": "OnIdle"})
    visit = await lab.visit(lambda one: one.talk is not None and one.secure, seconds=lab.patience)
    if visit is None or visit.talk is None:
        return failed("after the Reset the station did not connect over TLS")
    lab.note("waiting for the station on its new profile", f"{visit.tls_version}, {visit.cipher}")
    if not await visit.talk.until(lambda one: one.booted, seconds=lab.patience):
        return failed("it connected on the new profile, but sent no BootNotification (B10.FR.10)")
    if profile == 3 and (outcome := _presented(visit.certificate, lab.serial_number)) is not None:
        return outcome
    if profile == 2 and not visit.header("authorization"):
        return failed("on profile 2 it sent no password")
    lab.profile = profile
    objection = await _settled(lab, profile, slot)
    if objection:
        return failed(objection)
    return passed(f"on profile {profile} with {visit.tls_version}; SecurityProfile says so")


async def _settled(lab: StationLab, profile: int, slot: int) -> str:
    """What the station has not set right after its success; it has a moment for it."""
    loop = asyncio.get_running_loop()
    until = loop.time() + min(_MOMENT, lab.patience)
    while True:
        _, told = await lab.variable("SecurityCtrlr", "SecurityProfile")
        used = await _priority(lab)
        objection = ""
        if told != str(profile):
            objection = f"connected on profile {profile}, but SecurityProfile says {told or 'nothing'}"
        elif used != [str(slot)]:
            objection = f"NetworkConfigurationPriority still names lower profiles: {','.join(used)}"
        if not objection or loop.time() > until:
            return objection
        await asyncio.sleep(0.2)


def _presented(der: bytes | None, serial_number: str | None) -> Outcome | None:
    if der is None:
        return failed("on profile 3 it presented no certificate")
    subject = x509.load_der_x509_certificate(der).subject
    names = [str(one.value) for one in subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if serial_number is not None and names != [serial_number]:
        return failed(f"the certificate's common name is {names}, the serial number {serial_number}")
    return None


@check(
    id="slots.upgrade-to-2",
    title="The station goes to profile 2 when it is told to",
    severity=Severity.HIGH,
    tests=("TC_A_19_CS", "TC_A_04_CS"),
    requirements=("A05.FR.04", "A05.FR.05", "A05.FR.06", "B10.FR.04", "A00.FR.313"),
    needs=_LEAVE,
    remedy="After the Reset connect with the first slot; after success set SecurityProfile and drop lower slots.",
)
async def upgrade_to_2(lab: StationLab) -> Outcome:
    if not lab.facts.get("root"):
        return inconclusive("our root is not installed, so there is no way to profile 2")
    await lab.hurry()
    return await _upgrade(lab, 2)


@check(
    id="slots.no-way-down",
    title="A station on profile 2 or 3 takes no profile 1 any more",
    severity=Severity.CRITICAL,
    tests=("TC_A_22_CS",),
    requirements=("A00.FR.005", "B09.FR.04", "B09.FR.31"),
    needs=_LEAVE,
    remedy="Reject SetNetworkProfile with a lower profile (NoSecurityDowngrade).",
)
async def no_way_down(lab: StationLab) -> Outcome:
    if lab.profile < 2:
        return inconclusive("the station did not get to profile 2")
    slot, status = await _store(lab, 1)
    return passed(status) if slot is None else failed("SetNetworkProfile with profile 1 was Accepted")


@check(
    id="slots.upgrade-to-3",
    title="The station goes to profile 3 with its new certificate",
    severity=Severity.HIGH,
    tests=("TC_A_19_CS", "TC_A_07_CS"),
    requirements=("A00.FR.402", "A05.FR.04", "A05.FR.06", "A00.FR.511"),
    needs=_LEAVE,
    remedy="Present the ChargingStationCertificate in the TLS handshake; CN is the serial number.",
)
async def upgrade_to_3(lab: StationLab) -> Outcome:
    if not lab.facts.get("certified"):
        return inconclusive("the station has no certificate of ours")
    return await _upgrade(lab, 3)


BEFORE: tuple[Check[StationLab], ...] = (no_2_without_root, unknown_slot)
UPGRADE: tuple[Check[StationLab], ...] = (no_3_without_certificate, upgrade_to_2, no_way_down)
AFTER: tuple[Check[StationLab], ...] = (upgrade_to_3,)
