"""A root rollover in words and values for people, and the roots as its workflow takes them."""

from collections.abc import Sequence
from dataclasses import dataclass

from ocppsec.certificates.facts import fingerprint
from ocppsec.certificates.files import AuthorityFiles
from ocppsec.certificates.generations import Generation
from ocppsec.certificates.pem import write_chain
from ocppsec.csms.root_carrier import RootCarrier
from ocppsec.csms.trust import ALGORITHMS
from ocppsec.registry.records import Rollover
from ocppsec.upgrades.counted import are
from ocppsec.upgrades.plan import RootHash
from ocppsec.upgrades.rollover import phases
from ocppsec.upgrades.rollover.phases import Obstacle, Operation, Phase, Standing
from ocppsec.upgrades.rollover.roots import Root, Roots, Which


@dataclass(frozen=True, slots=True, kw_only=True)
class StationView:
    """How it stands with one station that must trust us."""

    identity: str
    shows: frozenset[Which] | None
    step: str
    reason: str
    met: bool
    certificates: frozenset[Which]
    issues_under: Which
    excepted: bool
    in_the_way: str
    """Why the next phase would harm it; empty when it would not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """How it stands with the rollover."""

    rollover: Rollover
    operation: Operation
    old_sha256: str
    """Of the root that goes; once it is gone, of the one in force."""
    new_sha256: str | None
    following: Phase | None
    stations: tuple[StationView, ...]


def view_of(
    row: Rollover,
    operation: Operation,
    standings: Sequence[Standing],
    authority: AuthorityFiles,
    carrier: RootCarrier,
) -> View:
    following = phases.forward(operation)
    ahead = (
        phases.obstacles(following, standings, operation.exceptions) if isinstance(following, Phase) else ()
    )
    reasons = {obstacle.identity: obstacle.reason for obstacle in ahead}
    return View(
        rollover=row,
        operation=operation,
        old_sha256=fingerprint(authority.present.root),
        new_sha256=None if authority.coming is None else fingerprint(authority.coming.root),
        following=following if isinstance(following, Phase) else None,
        stations=tuple(_station(operation, standing, carrier, reasons) for standing in standings),
    )


def _station(
    operation: Operation, standing: Standing, carrier: RootCarrier, reasons: dict[str, str]
) -> StationView:
    part = carrier.part(standing.identity)
    return StationView(
        identity=standing.identity,
        shows=standing.shows,
        step="" if part is None else part.step,
        reason=standing.problem,
        met=standing.met,
        certificates=standing.certificates,
        issues_under=phases.issues_under(operation, standing.identity, standing.shows),
        excepted=standing.identity in operation.exceptions,
        in_the_way=reasons.get(standing.identity, ""),
    )


ADVICE = {
    Phase.DISTRIBUTE: "",
    Phase.SERVE: "wait for them, or let them behind by name: --except ID, or by number: --accept-missing N",
    Phase.ISSUE: "wait for them, or let them behind by name: --except ID, or by number: --accept-missing N",
    Phase.ALONE: "wait for them, or let them behind by name: --except ID, or by number: --accept-missing N",
    Phase.WITHDRAW: "wait for them; who is let behind (--except ID) can connect no more on profiles 2 and 3",
    Phase.CONCLUDE: "wait for them; who is let behind (--except ID) keeps the old root, which is worth nothing",
    Phase.DISCARD: "wait for them; who is let behind (--except ID) keeps the new root, which is worth nothing",
    Phase.DONE: "",
    Phase.ABORTED: "",
}
_MOST_TOLD = 20


def in_the_way(phase: Phase, found: Sequence[Obstacle]) -> str:
    told = "; ".join(f"{obstacle.identity}: {obstacle.reason}" for obstacle in found[:_MOST_TOLD])
    more = f"; and {len(found) - _MOST_TOLD} more" if len(found) > _MOST_TOLD else ""
    stations = are(len(found), "station")
    return f"{stations} in the way of {phase}: {told}{more}"


def roots_of(present: Generation, coming: Generation) -> Roots:
    return Roots(old=_root(present, coming), new=_root(coming, present))


def _root(generation: Generation, other: Generation) -> Root:
    form = generation.form_signed_by(other.root)
    assert form is not None, "prepared"
    names = (name for algorithm in ALGORITHMS for name in generation.names_of_root(algorithm))
    return Root(
        pem=generation.root_pem,
        signed_pem=write_chain((form.certificate,)),
        hashes=tuple(
            RootHash(
                hash_algorithm=name.hash_algorithm,
                issuer_name_hash=name.issuer_name_hash,
                issuer_key_hash=name.issuer_key_hash,
                serial_number=name.serial_number,
            )
            for name in names
        ),
    )
