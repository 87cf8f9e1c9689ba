"""The CSMS root is replaced while things break, phase by phase, or given up in the middle."""

from patience import PATIENCE, anyhow, patiently, through, until

from ocppsec.certificates.facts import public_key_sha256
from ocppsec.certificates.pem import read_certificates
from ocppsec.station.trust import csms_roots
from ocppsec.upgrades.rollover.phases import Phase

FOLLOWING = {
    Phase.PREPARED: Phase.DISTRIBUTE,
    Phase.DISTRIBUTE: Phase.SERVE,
    Phase.SERVE: Phase.ISSUE,
    Phase.ISSUE: Phase.ALONE,
    Phase.ALONE: Phase.WITHDRAW,
}
"""The rest goes on by itself."""
TURNS = (None, None, Phase.SERVE, Phase.ISSUE, Phase.ALONE)
"""Where it is given up; None is told twice, for that is what it is made for."""


async def rollover(made, fleet):
    before = made.csms.authority.present.root
    turn = made.faults.choose("turn", TURNS)

    async def again():
        phase = made.csms.rollover.phase
        if phase is None and not await ended():
            await anyhow(lambda: made.ask(lambda csms: csms.rollover.begin()))
        elif phase is turn and phase is not None:
            await anyhow(lambda: made.ask(lambda csms: csms.rollover.abort()))
        elif phase in FOLLOWING:
            await anyhow(lambda: made.ask(lambda csms: forward(csms, FOLLOWING[phase])))

    async def forward(csms, phase):
        behind = await let_behind(made, fleet)
        await csms.rollover.forward(to=phase, exceptions=behind, accept_missing=0, confirmed=True)

    async def ended():
        rows = await patiently(lambda: made.store.peek("rollovers", limit=1))
        return bool(rows) and not rows[0].open

    async def arrived():
        return await ended() and made.csms.rollover.phase is None

    if not await through(made.faults, "rollover", again, arrived):
        return [f"the rollover stands in {made.csms.rollover.phase}: {await in_the_way(made)}"]
    after = made.csms.authority.present.root
    if (after == before) is (turn is None):
        return [
            f"the root {'was not' if turn is None else 'was'} replaced, and it was {turn or 'not'} to be given up"
        ]
    return await trusted(made, fleet)


async def let_behind(made, fleet):
    """The odd one by name, where it counts."""
    station = await patiently(lambda: made.store.peek("station", fleet.odd))
    if station.floor < 2:
        return ()
    made.watch.let_behind = True
    return (fleet.odd,)


async def in_the_way(made):
    view = await anyhow(lambda: made.csms.rollover.status())
    return view and {one.identity: one.in_the_way for one in view.stations if one.in_the_way}


async def trusted(made, fleet):
    """Every able station trusts the root in force and no other of ours, and its certificate is of it."""
    authority = made.csms.authority
    root, issuer = authority.present.root, authority.present.hierarchy.stations.certificate
    wrong = [] if authority.coming is None else ["a coming root is left on the disk"]

    def confirmed(identity):
        own = made.stations[identity].remembered.certificates
        return len(own) == 1 or read_certificates(own[0].chain_pem)[0].issuer == issuer.subject

    for identity in fleet.able:
        await until(lambda identity=identity: confirmed(identity), PATIENCE / 8)
        kept = made.stations[identity].remembered
        keys, ours = (
            {public_key_sha256(one.public_key()) for one in csms_roots(kept)},
            public_key_sha256(root.public_key()),
        )
        if keys != {ours}:
            wrong.append(f"{identity} trusts {len(keys)} roots, and {'also' if ours in keys else 'not'} ours")
        leaf = read_certificates(kept.certificates[0].chain_pem)[0]
        try:
            leaf.verify_directly_issued_by(issuer)
        except Exception as error:
            wrong.append(f"{identity} has a certificate of another CA: {error!r}")
    return wrong
