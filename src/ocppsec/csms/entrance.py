"""The doors of one CSMS: their TLS contexts, their sockets, and the URLs that stations are told."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass

from ocppsec.csms import tls
from ocppsec.csms.anchors import Anchor, Anchors
from ocppsec.csms.configuration import Configuration
from ocppsec.csms.doors import Door
from ocppsec.csms.doors import Gate as Decide
from ocppsec.csms.gate import PATH
from ocppsec.csms.proof import Prover
from ocppsec.csms.server_certificates import Material
from ocppsec.events import DoorOpened, Emit
from ocppsec.profiles.profile import SecurityProfile


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenDoor:
    name: str
    url: str
    """Without the identity: a station dials url + "/" + its identity."""
    profiles: tuple[int, ...]


class Entrance:
    """Opens and closes the doors together."""

    def __init__(
        self,
        configuration: Configuration,
        decide: Decide,
        *,
        emit: Emit,
        door_saw: Emit,
        further_anchors: str = "",
    ) -> None:
        """*further_anchors* (PEM): CAs of others whose certificates may be shown at the door of profile 3."""
        self._further_anchors = further_anchors
        self._configuration = configuration
        self._decide = decide
        self._emit = emit
        self._door_saw = door_saw
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._anchors: Anchors | None = None
        self._expired_reach_admission = False
        self._doors: list[Door] = []
        self._prover = Prover(configuration.hostname)

    def use(self, material: Material) -> None:
        """Serve these certificates from the next connection on; open ones stay.

        Raises `tls.BadMaterial`, and then nothing has changed.
        """
        own = material.authority.station_issuers_pem + self._further_anchors
        anchors = Anchors(own, self._configuration.manufacturers)
        contexts = {
            spec.name: tls.server_context(
                material.chains,
                client_anchors=anchors.pem if spec.asks_for_certificate else None,
                required=spec.requires_certificate,
            )
            for spec in self._configuration.doors
            if spec.tls
        }
        self._contexts, self._anchors = contexts, anchors
        self.let_expired_reach_admission(self._expired_reach_admission)

    def let_expired_reach_admission(self, wanted: bool) -> None:
        """A00.FR.429: OpenSSL refuses an expired certificate before anybody has said who he is.

        Admission looks at the dates of every certificate and of its CA, whatever is said here.
        """
        self._expired_reach_admission = wanted
        for spec in self._configuration.doors:
            if spec.asks_for_certificate and spec.name in self._contexts:
                tls.look_at_dates(self._contexts[spec.name], wanted=not wanted)

    def issuer_of(self, der: bytes) -> Anchor | None:
        """Which anchor has signed a certificate that a door has let pass."""
        return self._anchors.issuer_of(der) if self._anchors is not None else None

    async def open(self) -> None:
        """All doors or none; raises OSError when a port cannot be had."""
        settings = self._configuration
        for spec in settings.doors:
            door = Door(
                spec,
                self._decide,
                self._door_saw,
                context=self._context_of(spec.name),
                deadlines=settings.deadlines,
                most_undecided=settings.most_undecided,
            )
            try:
                await door.open()
            except OSError:
                await self.close()
                raise
            self._doors.append(door)
        for opened in self.doors:
            self._emit(DoorOpened(door=opened.name, url=opened.url, profiles=opened.profiles))

    async def close(self) -> None:
        """Harmless when repeated."""
        await asyncio.gather(*(door.close() for door in self._doors))

    async def objection(self, profile: int, root_pem: str) -> str | None:
        """Why a station that trusts *root_pem* alone cannot come in on *profile* (2 or 3); None when it can."""
        for door in self._doors:
            if profile in door.spec.profiles:
                return await self._prover.objection(door, self._contexts.get(door.spec.name), root_pem)
        return "no door serves it"

    @property
    def doors(self) -> tuple[OpenDoor, ...]:
        return tuple(opened for door in self._doors for opened in self._urls(door))

    def url_for(self, profile: int) -> str | None:
        return next((door.url for door in self.doors if profile in door.profiles), None)

    def _context_of(self, name: str) -> Callable[[], ssl.SSLContext | None]:
        return lambda: self._contexts.get(name)

    def _urls(self, door: Door) -> list[OpenDoor]:
        """A combined door has two URLs, one with TLS and one without."""
        hostname = self._configuration.hostname
        host = f"[{hostname}]" if ":" in hostname else hostname
        plain = sorted(int(profile) for profile in door.spec.profiles if profile < SecurityProfile.TLS_BASIC)
        secure = sorted(
            int(profile) for profile in door.spec.profiles if profile >= SecurityProfile.TLS_BASIC
        )
        return [
            OpenDoor(
                name=door.spec.name, url=f"{scheme}://{host}:{door.port}{PATH}", profiles=tuple(profiles)
            )
            for scheme, profiles in (("ws", plain), ("wss", secure))
            if profiles
        ]
