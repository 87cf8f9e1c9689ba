"""What an upgrade is told at its start, out of what we serve and what we know of the station."""

from collections.abc import Awaitable, Callable, Sequence

from cryptography import x509
from msgspec.structs import replace

from ocppsec.certificates.files import AuthorityFiles
from ocppsec.certificates.generations import Generation
from ocppsec.certificates.hash_data import CertificateHashData, HashAlgorithm, hash_data
from ocppsec.certificates.pem import read_certificates, write_chain
from ocppsec.csms.errors import BadInput, NotNow
from ocppsec.csms.session import Session
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.registry.records import Station, Upgrade, UpgradeStatus
from ocppsec.upgrades.plan import Deadlines, FurtherRoot, Lowering, Plan, RootHash, StationAtStart
from ocppsec.upgrades.states import Done, UnreadableState, decode_state

_ROOT_LIMIT = 20_000
_ALGORITHMS: tuple[HashAlgorithm, ...] = ("SHA256", "SHA384", "SHA512")


def plan_for(
    station: Station,
    to: int,
    authority: AuthorityFiles,
    *,
    organization: str,
    url_for: Callable[[int], str | None],
    earlier: Sequence[Upgrade] = (),
    deadlines: Deadlines | None = None,
    generation: Generation | None = None,
    further_roots: Sequence[x509.Certificate] = (),
    lowering: Lowering | None = None,
) -> Plan:
    """Raises `BadInput` for a target that is none, or that no door serves.

    *generation* is the hierarchy whose root the station is to have; None takes the one that is served.
    *further_roots* are those of another CA that signs stations' certificates.
    """
    if to not in (SecurityProfile.TLS_BASIC, SecurityProfile.TLS_CLIENT):
        raise BadInput(f"an upgrade leads to profile 2 or 3, not {to}", "--to 2 or --to 3")
    if to <= station.floor and lowering is None:
        raise BadInput(
            f"{station.identity} is on profile {int(station.floor)} already",
            "nothing is to be done",
        )
    if lowering is not None and station.floor < SecurityProfile.TLS_BASIC:
        raise BadInput(
            f"{station.identity} is on profile {int(station.floor)}: only a station on profile 3 is lowered, to 2",
            f"ocppsec station upgrade {station.identity} --to {to}",
        )
    urls = {profile: url for profile in (2, 3) if profile <= to and (url := url_for(profile)) is not None}
    begin = to if lowering is not None else max(2, station.floor + 1)
    missing = [profile for profile in range(begin, to + 1) if profile not in urls]
    if missing:
        words = " and ".join(str(profile) for profile in missing)
        raise BadInput(f"no door serves profile {words}", "open one in the configuration (doors)")
    return Plan(
        target=to,
        lowering=lowering,
        urls=urls,
        root_pem=authority.root_pem if generation is None else generation.root_pem,
        root_hashes=_root_hashes(authority, generation),
        further_roots=tuple(_further(root) for root in further_roots),
        organization=organization,
        active_slot=_slot_of(earlier),
        deadlines=deadlines or Deadlines(),
    )


async def proven(
    plan: Plan,
    start: StationAtStart,
    objection: Callable[[int, str], Awaitable[str | None]],
    served: Sequence[str],
) -> Plan:
    """*plan* with the root that our doors are believed by; raises `NotNow` when a station could not come in.

    *objection* (profile, root PEM) says why not; *served* are the roots (PEM) that lead to what the doors serve.
    Where the operator brings a server certificate under another root, that one has to be in the station first; ours,
    above its own certificate, is a further one then.
    """
    legs = [plan.target] if plan.lowering else range(max(2, start.profile + 1), plan.target + 1)
    for profile in legs:
        against = await objection(profile, plan.root_pem)
        if against is None:
            continue
        for root in served:
            if root != plan.root_pem and await objection(profile, root) is None:
                plan = _under(plan, root)
                break
        else:
            raise NotNow(
                f"a station would be sent to profile {profile} in vain: {against}",
                "ocppsec doctor looks at doors and certificates; nothing was changed at the station",
            )
    return plan


def _under(plan: Plan, root_pem: str) -> Plan:
    (root,) = read_certificates(root_pem.encode(), limit=_ROOT_LIMIT)
    as_further = _further(root)
    ours = FurtherRoot(pem=plan.root_pem, hashes=plan.root_hashes)
    return replace(
        plan,
        root_pem=as_further.pem,
        root_hashes=as_further.hashes,
        further_roots=(ours, *plan.further_roots),
    )


def _slot_of(earlier: Sequence[Upgrade]) -> int | None:
    """The slot that the last upgrade which ended well has activated, for stations that do not say."""
    for upgrade in earlier:
        if upgrade.status is UpgradeStatus.DONE:
            try:
                ended = decode_state(upgrade.state)
            except UnreadableState:  # of another version: then the station is asked, as a new one is
                return None
            if isinstance(ended, Done):
                return ended.slot
    return None


def start_of(station: Station, session: Session | None) -> StationAtStart:
    """The profile it is on: of its open connection, else of its last one, else the one it was registered with."""
    profile = session.profile if session is not None else station.observed
    return StationAtStart(
        profile=int(station.floor if profile is None else profile),
        connected=session is not None and session.accepted,
        # On a profile above its floor nothing is proved yet: it may have reconnected only, or not know that it booted.
        booted=session is not None and session.accepted and session.profile <= station.floor,
        reported_serial=station.reported_serial_number,
        registered_serial=station.serial_number,
    )


def _root_hashes(authority: AuthorityFiles, generation: Generation | None) -> tuple[RootHash, ...]:
    """Of every form in which a station may have the root, in every algorithm."""
    if generation is None:
        return tuple(_root_hash(authority.root_hash_data(algorithm)) for algorithm in _ALGORITHMS)
    return tuple(
        _root_hash(name) for algorithm in _ALGORITHMS for name in generation.names_of_root(algorithm)
    )


def _further(root: x509.Certificate) -> FurtherRoot:
    hashes = tuple(_root_hash(hash_data(root, root, algorithm)) for algorithm in _ALGORITHMS)
    return FurtherRoot(pem=write_chain((root,)), hashes=hashes)


def _root_hash(data: CertificateHashData) -> RootHash:
    return RootHash(
        hash_algorithm=data.hash_algorithm,
        issuer_name_hash=data.issuer_name_hash,
        issuer_key_hash=data.issuer_key_hash,
        serial_number=data.serial_number,
    )
