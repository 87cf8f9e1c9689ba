"""What an upgrade is told at its start, out of what we serve and what we know of the station."""

from collections.abc import Callable, Sequence

from ocppsec.certificates.files import AuthorityFiles
from ocppsec.csms.errors import BadInput
from ocppsec.csms.session import Session
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.registry.records import Station, Upgrade, UpgradeStatus
from ocppsec.upgrades.plan import Deadlines, Plan, RootHash, StationAtStart
from ocppsec.upgrades.states import Done, UnreadableState, decode_state

_ALGORITHMS = ("SHA256", "SHA384", "SHA512")


def plan_for(
    station: Station,
    to: int,
    authority: AuthorityFiles,
    *,
    organization: str,
    url_for: Callable[[int], str | None],
    earlier: Sequence[Upgrade] = (),
    deadlines: Deadlines | None = None,
) -> Plan:
    """Raises `BadInput` for a target that is none, or that no door serves."""
    if to not in (SecurityProfile.TLS_BASIC, SecurityProfile.TLS_CLIENT):
        raise BadInput(f"an upgrade leads to profile 2 or 3, not {to}", "--to 2 or --to 3")
    if to <= station.floor:
        raise BadInput(
            f"{station.identity} is on profile {int(station.floor)} already", "nothing is to be done"
        )
    urls = {profile: url for profile in (2, 3) if profile <= to and (url := url_for(profile)) is not None}
    missing = [profile for profile in range(max(2, station.floor + 1), to + 1) if profile not in urls]
    if missing:
        words = " and ".join(str(profile) for profile in missing)
        raise BadInput(f"no door serves profile {words}", "open one in the configuration (doors)")
    return Plan(
        target=to,
        urls=urls,
        root_pem=authority.root_pem,
        root_hashes=tuple(_root_hash(authority, algorithm) for algorithm in _ALGORITHMS),
        organization=organization,
        active_slot=_slot_of(earlier),
        deadlines=deadlines or Deadlines(),
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
        booted=session is not None and session.accepted,
        reported_serial=station.reported_serial_number,
        registered_serial=station.serial_number,
    )


def _root_hash(authority: AuthorityFiles, algorithm: str) -> RootHash:
    data = authority.root_hash_data(algorithm)  # type: ignore[arg-type]
    return RootHash(
        hash_algorithm=data.hash_algorithm,
        issuer_name_hash=data.issuer_name_hash,
        issuer_key_hash=data.issuer_key_hash,
        serial_number=data.serial_number,
    )
