"""The CSMS under audit, and what we were given of it."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

from ocppsec.audit.finding import Need


class BadTarget(ValueError):  # noqa: N818  what it is
    """What was given cannot be audited; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Papers:
    """A client certificate with its chain, and the key."""

    chain_pem: str
    key_pem: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """One URL of the CSMS, without an identity."""

    url: str

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("ws", "wss") or not parts.hostname:
            raise BadTarget(f"{self.url} is no ws:// or wss:// URL")

    @property
    def secure(self) -> bool:
        return urlsplit(self.url).scheme == "wss"

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or (443 if self.secure else 80)

    @property
    def host_header(self) -> str:
        return urlsplit(self.url).netloc.rpartition("@")[2]

    def path(self, identity: str) -> str:
        """The request target of a station: the URL, a slash and the identity, percent-encoded once (Part 4, 3.1.1)."""
        return f"{urlsplit(self.url).path.rstrip('/')}/{quote(identity, safe='')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where to look and with what.  All but one URL may be absent; what needs it is then not tested."""

    profile: int
    """The station is on it already, so to boot there changes nothing: as somebody said, else that of the first URL."""
    plain: Door | None = None
    secure: Door | None = None
    """For profile 2, and for profile 3 where no other door was named."""
    mutual: Door | None = None
    identity: str | None = None
    password: str | None = field(default=None, repr=False)
    other_identity: str | None = None
    serial_number: str | None = None
    """Registered for *identity*; the identity itself where not given."""
    organization: str | None = None
    roots: str | None = None
    """PEM."""
    papers: Papers | None = None
    expired: Papers | None = None
    never_booted: bool = False
    """Somebody vouches that *identity* has not booted before."""
    operator: bool = False
    destructive: bool = False

    @property
    def serial(self) -> str:
        return self.serial_number or self.identity or ""

    @property
    def first(self) -> Door:
        """The door the station uses; the only one, where there is but one."""
        order = (
            (self.plain, self.secure, self.mutual)
            if self.profile < 2
            else (self.secure, self.mutual, self.plain)
        )
        door = next((one for one in order if one is not None), None)
        if door is None:
            raise BadTarget("no URL was given")
        return door

    @property
    def doors(self) -> tuple[Door, ...]:
        """Each once."""
        found = [door for door in (self.plain, self.secure, self.mutual) if door is not None]
        return tuple(dict.fromkeys(found))

    def has(self, need: Need) -> bool:
        match need:
            case Need.PLAIN:
                return self.plain is not None
            case Need.SECURE:
                return self.secure is not None
            case Need.MUTUAL:
                return self.mutual is not None
            case Need.IDENTITY:
                return self.identity is not None
            case Need.PASSWORD:
                return self.password is not None
            case Need.OTHER_IDENTITY:
                return self.other_identity is not None
            case Need.ROOT:
                return self.roots is not None
            case Need.CERTIFICATE:
                return self.papers is not None
            case Need.EXPIRED:
                return self.expired is not None
            case Need.OPERATOR:
                return self.operator
            case Need.DESTRUCTIVE:
                return self.destructive


def doors(
    url: str,
    *,
    ws: str | None = None,
    wss: str | None = None,
    mtls: str | None = None,
    profile: int | None = None,
) -> dict[str, Any]:
    """The doors and the profile of a target: *url* is the one its station uses, the others where they are known.

    A CSMS that has one TLS endpoint serves profiles 2 and 3 there.  Raises `BadTarget`.
    """
    main = Door(url=url)
    found: dict[str, Any] = {"secure" if main.secure else "plain": main}
    for name, other, secure in (("plain", ws, False), ("secure", wss, True), ("mutual", mtls, True)):
        if other is None:
            continue
        door = Door(url=other)
        if door.secure != secure:
            raise BadTarget(f"{other} has to be a {'wss' if secure else 'ws'}:// URL")
        found[name] = door
    if "mutual" not in found and "secure" in found:
        found["mutual"] = found["secure"]
    found["profile"] = (2 if main.secure else 1) if profile is None else profile
    return found
