"""A ClientHello made by hand, and what the ServerHello behind it says.

OpenSSL no longer offers what a station must never be given: old versions, forgotten suites, compression.  So the
offer is written here, and no handshake is ever finished.
"""

import os
import struct
from dataclasses import dataclass
from typing import Final

HANDSHAKE, ALERT = 22, 21

SSL3, TLS10, TLS11, TLS12 = 0x0300, 0x0301, 0x0302, 0x0303
VERSIONS: Final = {SSL3: "SSL 3.0", TLS10: "TLS 1.0", TLS11: "TLS 1.1", TLS12: "TLS 1.2"}

COMMON_SUITES: Final = (
    0xC02B, 0xC02C, 0xC02F, 0xC030, 0x009C, 0x009D, 0xC009, 0xC00A, 0xC013, 0xC014, 0x002F, 0x0035, 0x000A,
)  # fmt: skip
WEAK_SUITES: Final = {
    0x0000: "NULL_WITH_NULL_NULL", 0x0001: "RSA_WITH_NULL_MD5", 0x0002: "RSA_WITH_NULL_SHA",
    0x003B: "RSA_WITH_NULL_SHA256", 0x0003: "RSA_EXPORT_WITH_RC4_40_MD5", 0x0006: "RSA_EXPORT_WITH_RC2_CBC_40_MD5",
    0x0008: "RSA_EXPORT_WITH_DES40_CBC_SHA", 0x0004: "RSA_WITH_RC4_128_MD5", 0x0005: "RSA_WITH_RC4_128_SHA",
    0x0009: "RSA_WITH_DES_CBC_SHA", 0x000A: "RSA_WITH_3DES_EDE_CBC_SHA", 0xC008: "ECDHE_ECDSA_WITH_3DES_EDE_CBC_SHA",
    0xC012: "ECDHE_RSA_WITH_3DES_EDE_CBC_SHA", 0xC007: "ECDHE_ECDSA_WITH_RC4_128_SHA",
    0xC011: "ECDHE_RSA_WITH_RC4_128_SHA", 0xC006: "ECDHE_ECDSA_WITH_NULL_SHA", 0xC010: "ECDHE_RSA_WITH_NULL_SHA",
    0x0018: "DH_anon_WITH_RC4_128_MD5", 0x0034: "DH_anon_WITH_AES_128_CBC_SHA", 0x006C: "DH_anon_WITH_AES_128_CBC_SHA256",
    0x00A6: "DH_anon_WITH_AES_128_GCM_SHA256", 0xC015: "ECDH_anon_WITH_NULL_SHA", 0xC018: "ECDH_anon_WITH_AES_128_CBC_SHA",
}  # fmt: skip
"""No encryption, no authentication, export strength, RC4, DES and 3DES: unfit even for legacy use (A00.FR.320)."""

RENEGOTIATION_INFO: Final = 0xFF01


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerHello:
    version: int
    suite: int
    compression: int
    extensions: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    number: int


def client_hello(
    *,
    version: int = TLS12,
    suites: tuple[int, ...] = COMMON_SUITES,
    compression: tuple[int, ...] = (0,),
    host: str = "",
) -> bytes:
    """The record to send.  TLS 1.3 is never offered: here we ask about what came before it."""
    extensions = b"".join(
        (
            _extension(10, _listed(struct.pack("!HHH", 0x0017, 0x0018, 0x0019))),
            _extension(11, b"\x01\x00"),
            _extension(13, _listed(struct.pack("!9H", *_SIGNATURES))) if version >= TLS12 else b"",
            _extension(RENEGOTIATION_INFO, b"\x00"),
            _extension(0, _listed(b"\x00" + _listed(host.encode("idna")))) if _is_name(host) else b"",
        )
    )
    body = struct.pack("!H", version) + os.urandom(32) + b"\x00"
    body += _listed(b"".join(struct.pack("!H", suite) for suite in suites))
    body += bytes([len(compression), *compression])
    body += _listed(extensions) if version > SSL3 else b""
    message = b"\x01" + len(body).to_bytes(3, "big") + body
    return struct.pack("!BHH", HANDSHAKE, min(version, TLS10), len(message)) + message


_SIGNATURES: Final = (0x0403, 0x0503, 0x0603, 0x0804, 0x0805, 0x0401, 0x0501, 0x0201, 0x0203)


def _is_name(host: str) -> bool:
    return bool(host) and not host.replace(".", "").isdigit() and ":" not in host


def _listed(content: bytes) -> bytes:
    return struct.pack("!H", len(content)) + content


def _extension(kind: int, content: bytes) -> bytes:
    return struct.pack("!H", kind) + _listed(content)


def read_answer(data: bytes) -> ServerHello | Alert | None:
    """What *data*, all bytes so far, begins with; None while it is incomplete.  Raises ValueError for no TLS."""
    if len(data) < 5:
        return None
    kind, _, size = struct.unpack("!BHH", data[:5])
    if kind not in (HANDSHAKE, ALERT):
        raise ValueError("not a TLS record")
    if len(data) < 5 + size:
        return None
    body = data[5 : 5 + size]
    if kind == ALERT:
        return Alert(number=body[1] if len(body) == 2 else 0)
    try:
        return _server_hello(body)
    except (struct.error, IndexError) as error:
        raise ValueError("a ServerHello that cannot be read") from error


def _server_hello(body: bytes) -> ServerHello:
    if body[0] != 2:
        raise ValueError("a handshake message that is no ServerHello")
    (version,) = struct.unpack("!H", body[4:6])
    at = 38 + 1 + body[38]
    (suite,) = struct.unpack("!H", body[at : at + 2])
    compression = body[at + 2]
    end = 4 + int.from_bytes(body[1:4], "big")
    return ServerHello(
        version=version,
        suite=suite,
        compression=compression,
        extensions=frozenset(_kinds(body[at + 5 : end])),
    )


def _kinds(data: bytes) -> list[int]:
    kinds = []
    while len(data) >= 4:
        kind, size = struct.unpack("!HH", data[:4])
        kinds.append(kind)
        data = data[4 + size :]
    return kinds
