"""A second CSMS root: how the station takes it, and what it does with the first (M05, B10).

With AdditionalRootCertificateCheck there is one CSMS root: a new one has to be signed by it, and the old one stays as
a fallback until the new one has worked.
"""

from typing import Final

from ocppsec.audit import forge
from ocppsec.audit.checks.check import Check, check
from ocppsec.audit.finding import Need, Outcome, Severity, failed, inconclusive, not_applicable, passed
from ocppsec.audit.stations.lab import StationLab
from ocppsec.audit.stations.moving import prefer, set_out
from ocppsec.audit.stations.roots import install, is_among, listed, only_one

_LEAVE: Final = (Need.DESTRUCTIVE,)
_OFF: Final = "AdditionalRootCertificateCheck is not there, or off"


def _successor(lab: StationLab) -> forge.Forger:
    """A new root, signed by the one the station has."""
    key = forge.ec_key()
    name = forge.subject("Audit CSMS Root 2", lab.subject.organization)
    signed = lab.root.certify(key, name, ca=True, days=(-1, 300))
    return forge.Forger(certificate=signed, key=key, issuer=lab.root.certificate)


@check(
    id="roots.signed-by-old",
    title="With AdditionalRootCertificateCheck a root that the old one did not sign is refused",
    severity=Severity.CRITICAL,
    tests=("TC_M_09_CS",),
    requirements=("M05.FR.10", "M05.FR.11"),
    needs=_LEAVE,
    remedy="Verify the new root's signature with the old root's key before it is stored.",
)
async def signed_by_old(lab: StationLab) -> Outcome:
    if lab.profile < 2:
        return inconclusive("the station did not get to profile 2")
    if not await only_one(lab):
        return not_applicable(_OFF)
    stranger = forge.forger(forge.subject("Stranger's Root", lab.subject.organization))
    status = await install(lab, stranger.pem)
    there = await listed(lab)
    if status == "Accepted" or is_among(stranger, there):
        return failed(f"a root of a stranger was answered {status}, and is installed")
    if not is_among(lab.root, there):
        return failed(f"answered {status}, but the old root is gone")
    return passed(f"answered {status}, and the old root alone is listed")


@check(
    id="slots.new-root",
    title="A migration to a server under a new root keeps the old root until the new one worked",
    severity=Severity.HIGH,
    tests=("TC_B_47_CS",),
    requirements=("B10.FR.07", "M05.FR.12", "M05.FR.15", "M05.FR.16"),
    needs=_LEAVE,
    remedy="On the new slot trust the new root alone; back on the old slot let the old root help.",
)
async def old_root_helps(lab: StationLab) -> Outcome:
    if lab.profile < 2:
        return inconclusive("the station did not get to profile 2")
    if not await only_one(lab):
        return not_applicable(_OFF)
    await lab.hurry()
    await lab.borrow("OCPPCommCtrlr", "NetworkProfileConnectionAttempts", "1", "2")
    successor = _successor(lab)
    status = await install(lab, successor.pem)
    if status != "Accepted":
        return failed(f"a root signed by the old one was answered {status}")
    since = len(lab.desk.visits)
    left = await set_out(lab, "/new")
    if isinstance(left, Outcome):
        return left
    back = await lab.visit(lambda one: one.talk is not None, seconds=lab.patience)
    refused = sum(bool(one.failed) for one in lab.desk.visits[since:])
    lab.note("a server under the old root, by the new slot", f"{refused} handshakes refused by the station")
    if back is None:
        lab.desk.context = lab.good = lab.context(lab.leaf(issuer=successor), more=successor.pem)
        came = await lab.visit(lambda one: one.talk is not None, seconds=lab.patience)
        lab.root = successor if came is not None else lab.root
        return failed(
            "the server under the new root did not come up, and the station did not find the way back"
        )
    if back.path.startswith("/new/"):
        return failed("by the new slot it believed a server under the old root")
    await prefer(lab, left.before)
    await lab.give_back("OCPPCommCtrlr", "NetworkProfileConnectionAttempts")
    lab.facts["successor"] = successor
    return passed(f"refused by the new slot ({refused} times), and back by the old slot with the old root")


@check(
    id="slots.new-root-works",
    title="It moves to a server under a new root",
    severity=Severity.HIGH,
    tests=("TC_B_50_CS",),
    requirements=("M05.FR.13",),
    needs=_LEAVE,
    remedy="Trust every installed CSMS root by a new slot; once a new one has worked its predecessor goes (with"
    " AdditionalRootCertificateCheck).",
)
async def new_root_works(lab: StationLab) -> Outcome:
    if lab.profile < 2:
        return inconclusive("the station did not get to profile 2")
    await lab.hurry()
    one = await only_one(lab)
    name = forge.subject("Audit CSMS Root 2", lab.subject.organization)
    fresh = _successor(lab) if one else forge.forger(name)
    new: forge.Forger = lab.facts.get("successor") or fresh
    if "successor" not in lab.facts:
        status = await install(lab, new.pem)
        if status != "Accepted":
            return inconclusive(f"a second root was answered {status}")
    left = await set_out(lab, "/new")
    if isinstance(left, Outcome):
        return left
    lab.desk.context = lab.context(lab.leaf(issuer=new), more=new.pem)
    there = await lab.visit(lambda one: one.talk is not None, seconds=lab.patience)
    if there is None or there.talk is None:
        return failed("it did not connect to the server under the new root")
    lab.root, lab.good = new, lab.desk.context
    if not await there.talk.until(lambda one: one.booted, seconds=lab.patience):
        return failed("it connected to the server under the new root, but did not boot there")
    await prefer(lab, [left.slot])
    roots = await listed(lab)
    if one and len(roots) != 1:
        return failed(f"the new root has worked, and {len(roots)} CSMS roots are listed")
    return passed("it booted at the server under the new root")


CHECKS: tuple[Check[StationLab], ...] = (signed_by_old, old_root_helps, new_root_works)
