"""Private keys: which kinds we make, and how they lie on the disk.

PKCS#8, mode 0600, encrypted when a passphrase is given.  Keys are loaded only from files that are still
private.  Nothing here ever prints a key, and no error repeats what was in a file.
"""

from enum import StrEnum
from pathlib import Path
from typing import assert_never

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from ocppsec.certificates.safekeeping import PRIVATE_FILE, require_private, write_file

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey

_EXPONENT = 65_537


class KeyFamily(StrEnum):
    """What a key is made of; all at least 112 bits strong (A00.FR.501 to 503)."""

    EC_P256 = "ec-p256"
    EC_P384 = "ec-p384"
    RSA_2048 = "rsa-2048"
    RSA_3072 = "rsa-3072"
    RSA_4096 = "rsa-4096"


def family_of(key: PublicKey) -> KeyFamily:
    """Raises ValueError for a key of no family of ours."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        return {"secp256r1": KeyFamily.EC_P256, "secp384r1": KeyFamily.EC_P384}.get(
            key.curve.name
        ) or KeyFamily(key.curve.name)
    return KeyFamily(f"rsa-{key.key_size}")


class KeyUnusable(Exception):  # noqa: N818  what it is, not what went wrong in us
    """A key file cannot be used; the message names the file, the reason and what to do."""


SHORTEST_PASSPHRASE = 12


class ShortPassphrase(KeyUnusable):
    """Of a new passphrase; what lies encrypted under a short one is read as ever."""


def check_new_passphrase(passphrase: bytes | None) -> None:
    """Raises `ShortPassphrase`: who has copied a file can try without end, so few characters are none."""
    length = SHORTEST_PASSPHRASE if passphrase is None else len(passphrase.decode("utf-8", "replace"))
    if length < SHORTEST_PASSPHRASE:
        raise ShortPassphrase(
            f"a new passphrase has at least {SHORTEST_PASSPHRASE} characters, this one has {length}"
        )


def new_key(family: KeyFamily) -> PrivateKey:
    """A new key from the system's random numbers.  RSA takes tenths of a second and more."""
    match family:
        case KeyFamily.EC_P256:
            return ec.generate_private_key(ec.SECP256R1())
        case KeyFamily.EC_P384:
            return ec.generate_private_key(ec.SECP384R1())
        case KeyFamily.RSA_2048 | KeyFamily.RSA_3072 | KeyFamily.RSA_4096:
            return rsa.generate_private_key(_EXPONENT, int(family.removeprefix("rsa-")))
        case _:
            assert_never(family)


def save_key(path: Path, key: PrivateKey, passphrase: bytes | None = None) -> None:
    """Write *key*, as a whole or not at all."""
    write_file(path, key_pem(key, passphrase), mode=PRIVATE_FILE)


def key_pem(key: PrivateKey, passphrase: bytes | None = None) -> bytes:
    encryption: KeySerializationEncryption = (
        BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    )
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def load_key(path: Path, passphrase: bytes | None = None) -> PrivateKey:
    """The key in *path*; raises `KeyUnusable`, `TooOpen`, FileNotFoundError."""
    require_private(path)
    content = path.read_bytes()
    encrypted = b"ENCRYPTED" in content
    if encrypted and not passphrase:
        raise KeyUnusable(f"{path} is encrypted and no passphrase was given: set OCPPSEC_CA__PASSPHRASE_FILE")
    if passphrase and not encrypted:
        raise KeyUnusable(
            f"{path} is not encrypted though a passphrase was given: start without it, or encrypt the files"
            " with ocppsec ca passphrase"
        )
    try:
        key = load_pem_private_key(content, passphrase or None)
    except (ValueError, UnsupportedAlgorithm):
        # Not chained: what OpenSSL says of a key file helps nobody and may quote it.
        why = "the passphrase is wrong or the file is damaged" if encrypted else "the file is damaged"
        raise KeyUnusable(f"{path} cannot be read: {why}") from None
    if not isinstance(key, PrivateKey):
        raise KeyUnusable(f"{path} holds a key that is neither EC nor RSA")
    return key
