"""A client that repairs nothing: TCP, TLS over memory, one HTTP request, and exactly what came back.

TLS runs over an `ssl.MemoryBIO`, so that an alert, an orderly end, a torn one and a reset are four things.
No certificate is verified unless the caller's context does: an audit looks at bad servers too.
"""

import asyncio
import contextlib
import os
import ssl
import warnings
from dataclasses import dataclass
from pathlib import Path

from ocppsec.audit.target import Papers

PIECE = 65_536
_HANDSHAKE = b"\x16"


class Ended(Exception):  # noqa: N818  what happened
    """No (more) bytes will come.  *how* is fit for a report."""

    def __init__(self, how: str, *, orderly: bool = False, alert: bool = False, silent: bool = False) -> None:
        super().__init__(how)
        self.how = how
        self.orderly = orderly
        self.alert = alert
        """The peer said no in TLS's own words."""
        self.silent = silent
        """The peer said nothing at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFacts:
    version: str
    cipher: str
    certificate: bytes
    """Of the server, DER."""
    chain: tuple[bytes, ...]
    """As sent, the server's first."""
    resumed: bool

    def __str__(self) -> str:
        return f"{self.version}, {self.cipher}{', resumed' if self.resumed else ''}"


def client_context(
    *,
    papers_files: tuple[str, str] | None = None,
    ciphers: str | None = None,
    most: ssl.TLSVersion | None = None,
    roots: str | None = None,
) -> ssl.SSLContext:
    """A context that verifies only where *roots* are given, and then the chain alone (names are another check)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if roots is not None:
        context.load_verify_locations(cadata=roots)
        context.verify_mode = ssl.CERT_REQUIRED
    suites = ciphers or "DEFAULT:AES128-GCM-SHA256:AES256-GCM-SHA384"
    # Where nothing is verified, a key that is too weak has to be seen before it can be judged.
    context.set_ciphers(suites if roots is not None else f"{suites}:@SECLEVEL=0")
    if most is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.maximum_version = most
    if papers_files is not None:
        context.load_cert_chain(*papers_files)
    return context


class Wire:
    """One connection.  `send` and `receive` work on it with or without TLS."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, patience: float
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._patience = patience
        self._in = ssl.MemoryBIO()
        self._out = ssl.MemoryBIO()
        self._tls: ssl.SSLObject | None = None
        self.facts: TlsFacts | None = None
        self.greeted = False
        """In TLS the server has said more than an alert: what was offered was good enough to begin with."""

    @classmethod
    async def dial(cls, host: str, port: int, *, patience: float) -> "Wire":
        """Raises `Ended`."""
        try:
            async with asyncio.timeout(patience):
                return cls(*await asyncio.open_connection(host, port), patience=patience)
        except TimeoutError:
            raise Ended(f"no TCP connection within {patience:g} s", silent=True) from None
        except OSError as error:
            raise Ended(f"no TCP connection: {error.strerror or error}") from error

    async def handshake(
        self, context: ssl.SSLContext, host: str, *, session: ssl.SSLSession | None = None
    ) -> TlsFacts:
        """Raises `Ended`; its `alert` tells a refusal from a torn connection."""
        tls = context.wrap_bio(self._in, self._out, server_hostname=host, session=session)
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                await self._flush()
                await self._feed()
            except ssl.SSLError as error:
                await self._flush_quietly()
                raise _tls_ended(error) from error
        await self._flush()
        self._tls = tls
        self.facts = _facts(tls)
        return self.facts

    @property
    def session(self) -> ssl.SSLSession | None:
        """For a later resumption; in TLS 1.3 only after something was read."""
        return self._tls.session if self._tls is not None else None

    async def send(self, data: bytes) -> None:
        """Raises `Ended`."""
        if self._tls is None:
            await self._write(data)
        else:
            self._tls.write(data)
            await self._flush()

    async def receive(self, patience: float | None = None) -> bytes:
        """Some bytes; raises `Ended`."""
        if self._tls is None:
            return await self._read(patience)
        while True:
            try:
                data = self._tls.read(PIECE)
                if not data:
                    raise Ended("the server ended the connection (close_notify)", orderly=True)
                return data
            except ssl.SSLWantReadError:
                await self._feed(patience)
            except ssl.SSLZeroReturnError:
                raise Ended("the server ended the connection (close_notify)", orderly=True) from None
            except ssl.SSLError as error:
                raise _tls_ended(error) from error

    def abort(self) -> None:
        """Drop the connection; harmless when repeated."""
        self._writer.transport.abort()

    # -- bytes on the socket ------------------------------------------------------------------------------
    async def _feed(self, patience: float | None = None) -> None:
        data = await self._read(patience)
        self.greeted = self.greeted or data[:1] == _HANDSHAKE
        self._in.write(data)

    async def _read(self, patience: float | None) -> bytes:
        wait = self._patience if patience is None else patience
        try:
            async with asyncio.timeout(wait):
                data = await self._reader.read(PIECE)
        except TimeoutError:
            raise Ended(f"nothing within {wait:g} s", silent=True) from None
        except OSError as error:
            raise Ended(f"the connection was torn down: {error.strerror or type(error).__name__}") from error
        if not data:
            torn = "the server closed the socket"
            raise Ended(
                torn if self._tls is None else f"{torn} without ending TLS", orderly=self._tls is None
            )
        return data

    async def _write(self, data: bytes) -> None:
        try:
            self._writer.write(data)
            async with asyncio.timeout(self._patience):
                await self._writer.drain()
        except TimeoutError:
            raise Ended("the server does not read", silent=True) from None
        except OSError as error:
            raise Ended(f"the connection was torn down: {error.strerror or type(error).__name__}") from error

    async def _flush(self) -> None:
        if self._out.pending:
            await self._write(self._out.read())

    async def _flush_quietly(self) -> None:
        with contextlib.suppress(Ended):
            await self._flush()


def _facts(tls: ssl.SSLObject) -> TlsFacts:
    cipher = tls.cipher()
    return TlsFacts(
        version=tls.version() or "",
        cipher=cipher[0] if cipher else "",
        certificate=tls.getpeercert(True) or b"",
        chain=_chain(tls),
        resumed=bool(tls.session_reused),
    )


def _chain(tls: ssl.SSLObject) -> tuple[bytes, ...]:
    """As the server sent it.  Public since Python 3.13, the same method of an inner object before."""
    inner = tls if hasattr(tls, "get_unverified_chain") else tls._sslobj  # type: ignore[attr-defined]  # noqa: SLF001
    chain = inner.get_unverified_chain() or ()
    return tuple(one if isinstance(one, bytes) else one.public_bytes(2) for one in chain)  # 2: DER


def _tls_ended(error: ssl.SSLError) -> Ended:
    if isinstance(error, ssl.SSLCertVerificationError):
        return Ended(f"the server's certificate does not verify: {error.verify_message}")
    reason = error.reason or str(error)
    if "ALERT" in reason:
        words = reason.partition("ALERT_")[2].replace("_", " ").lower()
        return Ended(f"TLS alert: {words or reason}", alert=True)
    if isinstance(error, ssl.SSLEOFError):
        return Ended("the server closed the socket without ending TLS")
    return Ended(f"TLS failed: {reason.replace('_', ' ').lower()}")


def save_papers(papers: Papers, directory: str, name: str) -> tuple[str, str]:
    """OpenSSL loads keys from files alone; *directory* is private and goes with the audit."""
    files = []
    for suffix, content in (("pem", papers.chain_pem.encode()), ("key", papers.key_pem)):
        path = Path(directory) / f"{name}.{suffix}"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        files.append(str(path))
    return files[0], files[1]
