"""TLS contexts of the doors, and the handshake.  The only module that makes a server context.

Every option is set by hand, so that the Python version changes nothing (`create_default_context` differs between
3.12 and 3.13).  Facts and measurements: docs/decisions/0002-tls-endpoint.md.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiofastnet

from ocppsec.csms.alerting import connect_with_alerts
from ocppsec.link.sockets import deliver_alerts, keep_no_sessions

CIPHERS = ":".join(
    (
        # A00.FR.318/421: the four a CSMS has to serve; the RSA pair has no forward secrecy and comes last.
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES256-GCM-SHA384",
        "AES128-GCM-SHA256",
        "AES256-GCM-SHA384",
    )
)
_SHUTDOWN_SECONDS = 2.0
_LINGER_SECONDS = 1.0
_LINGER_READS = 16
_BIO_BYTES = 17 * 1024
"""One TLS record; used only where OpenSSL cannot write to the socket itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """A server certificate with its intermediates (PEM file, leaf first) and its key file."""

    certificate: Path
    key: Path
    password: bytes | None = None


class BadMaterial(Exception):  # noqa: N818
    """Certificates or keys that cannot serve; says which and why."""


class DoorContext(ssl.SSLContext):
    """A context that keeps aiofastnet from decoding client certificates.

    It does so by way of a temporary file, in every handshake, on the event loop: a quarter of the cost of
    connecting, and a full /tmp would shut the door of profile 3.  It asks ``verify_mode`` first, so Python is
    told that nobody asks for a certificate; OpenSSL, which decides, knows better.  Whoever wants the
    certificate takes the DER (``getpeercert(True)``).
    """

    @property
    def verify_mode(self) -> ssl.VerifyMode:
        return ssl.CERT_NONE

    @verify_mode.setter
    def verify_mode(self, value: int) -> None:
        ssl.SSLContext.verify_mode.fset(self, value)  # type: ignore[attr-defined]


def server_context(chains: Sequence[Chain], *, client_anchors: str | None, required: bool) -> ssl.SSLContext:
    """A context that serves all *chains* (one of each key family).

    *client_anchors* are the station-issuing CA certificates (PEM); None asks for no client certificate.  With
    *required* a handshake without one fails.
    """
    context = DoorContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # A00.FR.313/416
    context.set_ciphers(CIPHERS)
    context.options |= ssl.OP_NO_COMPRESSION  # A00.FR.321/424
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE | ssl.OP_NO_TICKET
    context.options |= ssl.OP_SINGLE_ECDH_USE | ssl.OP_SINGLE_DH_USE
    # A ticket serialises the client certificate (a millisecond each), stations seldom resume, and who resumes is
    # not verified again: no resumption.  Admission looks at the certificate on every connection all the same.
    context.num_tickets = 0
    keep_no_sessions(context)
    for chain in chains:
        try:
            context.load_cert_chain(chain.certificate, chain.key, password=chain.password or b"")
        except (ssl.SSLError, OSError) as error:
            raise BadMaterial(f"{chain.certificate.name} with {chain.key.name}: {error}") from error
    context.verify_mode = ssl.CERT_NONE
    context.verify_flags = ssl.VERIFY_X509_TRUSTED_FIRST
    if client_anchors is not None:
        # Anchors are the issuing CAs alone, never the root: nothing else under it may pass for a station.
        context.load_verify_locations(cadata=client_anchors)
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL
    deliver_alerts(context)
    return context


_NO_CHECK_TIME = 0x20_0000
"""X509_V_FLAG_NO_CHECK_TIME; Python passes the number on and has no name for it."""


def look_at_dates(context: ssl.SSLContext, *, wanted: bool) -> None:
    """Whether OpenSSL refuses an expired client certificate before HTTP, from the next handshake on.

    When it does not, nobody has looked at a date when the handshake is done, not even at a CA's.
    """
    if wanted:
        context.verify_flags &= ~_NO_CHECK_TIME
    else:
        context.verify_flags |= _NO_CHECK_TIME


async def handshake(
    sock: socket.socket, context: ssl.SSLContext, protocol: Callable[[], asyncio.Protocol], *, timeout: float
) -> asyncio.Transport:
    """Shake hands on an accepted socket; raises what went wrong after the alert was delivered."""
    with sock.dup() as guard:  # keeps the connection when the transport closes its socket behind the alert
        try:
            return await _handshake(sock, context, protocol, timeout=timeout)
        except (ssl.SSLError, OSError) as error:
            if isinstance(error, ssl.SSLError):
                await _linger(guard)
            sock.close()  # aiofastnet leaves it open when the first record was bad already
            raise


async def _linger(sock: socket.socket) -> None:
    """Close in the order that lets the peer read the alert.

    In TLS 1.3 the client has finished, and sends its request, before we judge its certificate.  A close with
    that request unread, or a request that meets a closed socket, becomes a reset, and the client then reports a
    broken connection instead of the alert.
    """
    loop = asyncio.get_running_loop()
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(_LINGER_SECONDS):
            sock.shutdown(socket.SHUT_WR)
            for _ in range(_LINGER_READS):
                if not await loop.sock_recv(sock, 4096):
                    return


async def _handshake(
    sock: socket.socket, context: ssl.SSLContext, protocol: Callable[[], asyncio.Protocol], *, timeout: float
) -> asyncio.Transport:
    loop = asyncio.get_running_loop()
    if not deliver_alerts(context):
        return await connect_with_alerts(loop, sock, context, protocol, timeout=timeout)
    transport, _ = await aiofastnet.connect_accepted_socket(
        loop,
        protocol,
        sock,
        ssl=context,
        ssl_handshake_timeout=timeout,
        ssl_shutdown_timeout=_SHUTDOWN_SECONDS,
        ssl_incoming_bio_size=_BIO_BYTES,
        ssl_outgoing_bio_size=_BIO_BYTES,
    )
    return transport


NAMELESS = " ID "
"""Stands in advice for the station: before HTTP nobody has said who he is."""

_ADVICE = {
    "HTTP_REQUEST": "the client speaks plain ws:// here; this door is wss://",
    "UNSUPPORTED_PROTOCOL": "the station offers only TLS below 1.2 (A00.FR.313): update its firmware",
    "VERSION_TOO_LOW": "the station offers only TLS below 1.2 (A00.FR.313): update its firmware",
    "NO_SHARED_CIPHER": "the station offers none of the suites of A00.FR.318",
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "this door is for security profile 3 and the station has no certificate "
    "to show: connect to the door of profile 2, or upgrade the station",
    "TLSV1_ALERT_UNKNOWN_CA": "the station does not trust our root: install it as CSMSRootCertificate first "
    "(ocppsec ca show --pem)",
    "SSLV3_ALERT_BAD_CERTIFICATE": "the station rejects our certificate: check its clock, the host name in its URL "
    "and the installed root",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "the station says our certificate has expired: check its clock",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "the station rejects our certificate: check the host name in its URL and its clock",
    "certificate has expired": "the station's certificate, or the CA's that issued it, was not renewed in time; let "
    f"this one station in to renew it: ocppsec station allow-expired{NAMELESS}--for 2h",
    "certificate is not yet valid": "the station's certificate is not valid yet: check our clock",
    "unable to get local issuer certificate": "the station's certificate was not issued by our station CA",
    "unsuitable certificate purpose": "the station shows a certificate that is not meant for a TLS client",
}


def explain(error: BaseException) -> tuple[str, str]:
    """A failed handshake as (reason, advice), both fit for a log."""
    if isinstance(error, ssl.SSLCertVerificationError):
        word = error.verify_message or "unknown"
        return f"CERTIFICATE_VERIFY_FAILED: {word}", _ADVICE.get(
            word, "the station's certificate does not verify"
        )
    if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLSyscallError):
        word = getattr(error, "reason", None) or type(error).__name__  # not every one of aiofastnet's has it
        return word, _ADVICE.get(word, "see the reason; OpenSSL's words")
    if isinstance(error, ConnectionAbortedError | TimeoutError):
        return "handshake-timeout", "the client fell silent during the TLS handshake"
    return "connection-lost", "the client hung up during the TLS handshake: it may not accept our certificate"
