"""What happens to a fleet on profile 3: new certificates, roots in and out, a step down and up again."""

import asyncio

from campaigns import campaign
from cryptography import x509
from patience import anyhow, patiently, through
from rising import to

from ocppsec.certificates.hierarchy import create_root, new_authority_key
from ocppsec.certificates.pem import write_chain
from ocppsec.ocppj.messages import InstallCertificateUse
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.profiles.record import CertificateState
from ocppsec.registry.records import UpgradeStatus

ALLOW = {
    "setVariableData": [
        {
            "attributeValue": "true",
            "component": {"name": "SecurityCtrlr"},
            "variable": {"name": "AllowSecurityProfileDowngrade"},
        }
    ]
}
USES = (InstallCertificateUse.CSMS_ROOT_CERTIFICATE, InstallCertificateUse.V2G_ROOT_CERTIFICATE)


# -- certificates -------------------------------------------------------------------------------------------
async def renewals(made, fleet):
    """Each asked for by itself, of every station that is on profile 3."""
    there = [one for one, (status, _) in fleet.statuses.items() if status == "done" or one in fleet.able]
    old = {identity: await in_force(made, identity) for identity in there}
    must = {identity: old[identity] for identity in there if identity in fleet.able}

    async def again():
        for identity, before in old.items():
            if made.csms.renewer.open(identity) is None and await in_force(made, identity) == before:
                await anyhow(lambda identity=identity: made.ask(lambda csms: csms.renewer.renew(identity)))

    async def arrived():
        return all([await in_force(made, one) not in (None, before) for one, before in must.items()])

    if await through(made.faults, "renewals", again, arrived):
        return []
    stand = [await patiently(lambda one=one: made.store.peek("renewals", one, limit=1)) for one in must]
    return [
        f"{row.identity} is not renewed: {row.step}: {row.reason}"
        for rows in stand
        for row in rows
        if row.open
    ]


async def renewed_by_campaign(made, fleet):
    old = {identity: await in_force(made, identity) for identity in fleet.able}
    wrong = await campaign(made, fleet, "renew", kind="renew")
    return wrong + [
        f"{identity} has its old certificate still"
        for identity, before in old.items()
        if await in_force(made, identity) in (None, before)
    ]


async def in_force(made, identity):
    records = await patiently(lambda: made.store.peek("certificates", identity))
    return next((one.fingerprint for one in records if one.state == CertificateState.ACTIVE), None)


# -- roots of others ----------------------------------------------------------------------------------------
async def roots_in_and_out(made, fleet):
    """A root of somebody else is installed everywhere, and withdrawn again; ours stays."""
    pem = await asyncio.to_thread(_foreign_root, made.now())
    use = made.faults.choose("use", USES)
    wrong = []
    for kind, wanted in (("install-root", True), ("withdraw-root", False)):
        wrong += await campaign(made, fleet, kind, kind=kind, root={"pem": pem, "use": use})
        for identity in fleet.able:
            held = {(root.use, root.pem) for root in made.stations[identity].remembered.roots}
            if ((use, pem) in held) is not wanted:
                wrong.append(f"{identity} {'does not have' if wanted else 'has'} the root behind {kind}")
    return wrong


def _foreign_root(now):
    root = create_root(
        new_authority_key(), organization="Somebody Else", now=now, serial=x509.random_serial_number()
    )
    return write_chain([root.certificate])


# -- down and up --------------------------------------------------------------------------------------------
async def down_and_up(made, fleet):
    """Profile 3 to 2, each station by name, then a campaign up again."""
    going = made.watch.may_fall
    going |= set(fleet.sound)
    climbed = {}
    for identity in fleet.sound:
        tries = await patiently(lambda identity=identity: made.store.peek("upgrades", identity))
        up = [one for one in tries if one.target == SecurityProfile.TLS_BASIC]
        climbed[identity] = sum(one.status is UpgradeStatus.DONE for one in up)

    async def again():
        for identity in sorted(going):
            tries = await patiently(lambda identity=identity: made.store.peek("upgrades", identity))
            down = [one for one in tries if one.target == SecurityProfile.TLS_BASIC]
            if sum(one.status is UpgradeStatus.DONE for one in down) > climbed[identity]:
                going.discard(identity)  # from now on it falls no more
            elif all(one.status is not UpgradeStatus.OPEN for one in tries):
                await anyhow(lambda identity=identity: made.ask(lambda csms: lower(csms, identity)))

    async def arrived():
        return not going

    if not await through(made.faults, "step down", again, arrived):
        return [f"{identity} is not on profile 2" for identity in going]
    return await to(made, fleet, 3, select="identity!=ODD")


async def lower(csms, identity):
    await csms.call(identity, "SetVariables", ALLOW, timeout=3)
    await csms.begin_downgrade(identity, by="chaos", reason="the seed says so")
