"""The server's own certificates while it runs: renewed, or read again when their files change, tested, then used.

New material is rehearsed before any station meets it; what is bad is told and the old stays in use.  A connection that
is open does not notice: a context is for the next handshake.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

from ocppsec.certificates.authority_directory import AuthorityDamaged
from ocppsec.certificates.files import AuthorityFiles
from ocppsec.certificates.issue import IssueFailed
from ocppsec.certificates.keys import KeyUnusable
from ocppsec.certificates.safekeeping import require_private
from ocppsec.csms.rehearsal import rehearse
from ocppsec.csms.tls import BadMaterial, Chain
from ocppsec.events import Emit, ServerCertificatesRefused, ServerCertificatesUsed

_CHECK_SECONDS = 5.0
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnFiles:
    """A certificate that the operator brings along instead of ours."""

    certificate: Path
    """PEM, leaf first, with its intermediates."""
    key: Path
    root: Path | None = None
    """What stations trust for it, to test against; None for our own root."""
    awaited: bool = False
    """It is fetched while we run: until it is there for the first time, ours are served."""

    @property
    def there(self) -> bool:
        return not self.awaited or self.certificate.exists()


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What the doors are to serve, tested."""

    chains: tuple[Chain, ...]
    authority: AuthorityFiles


Use = Callable[[Material], None]
"""Serve this from the next connection on; raises `BadMaterial`, and then nothing has changed."""


class ServerCertificates:
    def __init__(
        self,
        load: Callable[[], AuthorityFiles],
        use: Use,
        *,
        hostname: str,
        own: OwnFiles | None,
        emit: Emit,
        now: Callable[[], datetime],
        check_seconds: float = _CHECK_SECONDS,
    ) -> None:
        """*load* reads or renews our own; it may take a while and is called in a thread."""
        self._load = load
        self._use = use
        self._hostname = hostname
        self._own = own
        self._emit = emit
        self._now = now
        self._check_seconds = check_seconds
        self._seen: tuple[object, ...] = ()
        self._lock = asyncio.Lock()
        self._asked = asyncio.Event()
        self._authority: AuthorityFiles | None = None
        self.ends: datetime | None = None
        """When the first of those that are served ends; None before any is."""

    @property
    def authority(self) -> AuthorityFiles:
        assert self._authority is not None, "begun"
        return self._authority

    @property
    def believed_by(self) -> tuple[str, ...]:
        """Roots (PEM), each of which is enough to believe what is served; raises `BadMaterial`."""
        return self._chains(self.authority)[1]

    async def begin(self, authority: AuthorityFiles) -> None:
        """At the start there is no old material to keep: raises `BadMaterial`."""
        self._seen = self._look()
        await self._take(authority)

    async def reload(self) -> bool:
        """Read everything again; False when it was bad and the old stays."""
        async with self._lock:
            self._seen = self._look()
            try:
                await self._take(await _in_thread(self._load))
            except (BadMaterial, AuthorityDamaged, KeyUnusable, IssueFailed, OSError) as error:
                self._emit(ServerCertificatesRefused(reason=str(error)))
                return False
        return True

    async def rehearse(self, load: Callable[[], AuthorityFiles]) -> None:
        """Raises `BadMaterial` when stations would refuse what *load* gives; it is not served."""
        async with self._lock:
            await self._tested(await _in_thread(load))

    async def switch(self, load: Callable[[], AuthorityFiles], kept: Callable[[], Awaitable[None]]) -> None:
        """Serve what *load* gives, once it is tested and *kept* has said so; when it raises, nothing has changed."""
        async with self._lock:
            authority = await _in_thread(load)
            chains, ends = await self._tested(authority)
            await kept()
            self._serve(authority, chains, ends)

    def reload_soon(self) -> None:
        """`run` will, at once; for a signal."""
        self._asked.set()

    async def run(self) -> None:
        """Look after them until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._check_seconds):
                    await self._asked.wait()
            if self._asked.is_set() or self._look() != self._seen or self._is_due():
                self._asked.clear()
                await self.reload()

    async def _take(self, authority: AuthorityFiles) -> None:
        chains, ends = await self._tested(authority)
        self._serve(authority, chains, ends)

    async def _tested(self, authority: AuthorityFiles) -> tuple[tuple[Chain, ...], datetime]:
        """Met as a station would, with each of the roots that is to be enough."""
        chains, roots = self._chains(authority)
        ends = [
            await _in_thread(partial(rehearse, chains, hostname=self._hostname, root_pem=root))
            for root in roots
        ]
        return chains, min(ends)

    def _serve(self, authority: AuthorityFiles, chains: tuple[Chain, ...], ends: datetime) -> None:
        self._use(Material(chains=chains, authority=authority))
        self._authority = authority
        self.ends = ends
        self._emit(
            ServerCertificatesUsed(
                certificates=tuple(chain.certificate.name for chain in chains), not_after=ends.isoformat()
            )
        )

    def _chains(self, authority: AuthorityFiles) -> tuple[tuple[Chain, ...], tuple[str, ...]]:
        if self._own is None or not self._own.there:
            ours = (authority.server_ec, authority.server_rsa)
            return tuple(
                Chain(certificate=files.chain, key=files.key, password=files.passphrase) for files in ours
            ), authority.accepted_by
        if self._own.key.exists():
            require_private(self._own.key)
        root = authority.root_pem if self._own.root is None else _text(self._own.root)
        return (Chain(certificate=self._own.certificate, key=self._own.key),), (root,)

    def _is_due(self) -> bool:
        """Ours are renewed by `load`; what the operator brings is renewed by the operator."""
        if (self._own is not None and self._own.there) or self._authority is None:
            return False
        return self._now() >= min(self._authority.server_ec.renew_at, self._authority.server_rsa.renew_at)

    def _look(self) -> tuple[object, ...]:
        """What tells that one of the operator's files was replaced."""
        if self._own is None:
            return ()
        return tuple(
            _trace(path)
            for path in (self._own.certificate, self._own.key, self._own.root)
            if path is not None
        )


def _trace(path: Path) -> object:
    try:
        status = path.stat()
    except OSError:
        return None
    return (status.st_mtime_ns, status.st_size, status.st_ino)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise BadMaterial(f"{path} cannot be read as PEM: {error}") from error


async def _in_thread(work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(None, work)
