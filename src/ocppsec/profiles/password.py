"""Station passwords: made, judged, hashed, verified.  The only module that handles them.

A generated password has 238 bits, so a salted HMAC with a pepper kept outside the database is enough (NIST SP
800-63B 5.1.2.2: from 112 bits on no slow hash is needed) and costs microseconds: 10,000 stations that reconnect
at once do not stop the server.  argon2id is verified for imported passwords of people, never made here.
Passwords on the wire are bytes, any bytes; they are compared in constant time.
"""

import base64
import hashlib
import hmac
import string
from collections.abc import Sequence
from random import Random, SystemRandom
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

MIN_LENGTH: Final = 16
MAX_LENGTH: Final = 40
SALT_BYTES: Final = 16
PEPPER_BYTES: Final = 32
MATCHES_NOTHING: Final = "v1$0000000000000000$$"
"""A hash no password matches; verifying it costs what a real one costs."""

_BASE62: Final = string.ascii_letters + string.digits
# passwordString of 2.0.1; the errata allow any UTF-8, but a station by the older text refuses that.
_CHARACTERS: Final = frozenset(_BASE62 + "*-_=:+|@.")
_RANDOM: Final = SystemRandom()


def generate(random: Random = _RANDOM) -> str:
    """A new password: 40 characters of base62, A01.FR.06 and 07."""
    return "".join(random.choices(_BASE62, k=MAX_LENGTH))


def acceptable(password: str) -> bool:
    return why_unacceptable(password) is None


def why_unacceptable(password: str) -> str | None:
    """What is wrong with *password*, in plain words that do not quote it; None when nothing is."""
    if len(password) < MIN_LENGTH:
        return f"a password has at least {MIN_LENGTH} characters; this one has {len(password)}"
    if len(password) > MAX_LENGTH:
        return f"a password has at most {MAX_LENGTH} characters; this one has {len(password)}"
    if not _CHARACTERS.issuperset(password):
        return "a password is made of letters, digits and * - _ = : + | @ . (OCPP 2.0.1, passwordString)"
    return None


class Hasher:
    """Makes and verifies hashes; holds the peppers, which never show.

    *previous* are peppers that hashes may still have been made with; new ones use *pepper*.
    """

    __slots__ = ("_argon2", "_current", "_peppers")

    def __init__(self, pepper: bytes, previous: Sequence[bytes] = ()) -> None:
        if any(len(each) < PEPPER_BYTES for each in (pepper, *previous)):
            raise ValueError(f"a pepper has at least {PEPPER_BYTES} random bytes")
        self._current = _key_id(pepper)
        self._peppers = {_key_id(each): each for each in (*previous, pepper)}
        self._argon2 = PasswordHasher()  # its parameters are read from the hash when it verifies

    def __repr__(self) -> str:
        return f"<Hasher {self._current}>"

    def hash(self, identity: str, password: bytes, salt: bytes) -> str:
        """``v1$key id$salt$mac``, bound to *identity*; *salt* is 16 fresh random bytes."""
        if len(salt) < SALT_BYTES:
            raise ValueError(f"a salt has at least {SALT_BYTES} random bytes")
        mac = _mac(self._peppers[self._current], salt, identity, password)
        return f"v1${self._current}${_encode(salt)}${_encode(mac)}"

    def verify(self, password_hash: str, identity: str, password: bytes) -> bool:
        """False also for a hash that cannot be read; the same work is done for it."""
        if password_hash.startswith("$argon2id$"):
            return self._verify_argon2(password_hash, password)
        key_id, salt, expected = _parse(password_hash)
        pepper = self._peppers.get(key_id)
        mac = _mac(pepper or self._peppers[self._current], salt, identity, password)
        return hmac.compare_digest(mac, expected) and pepper is not None

    def readable(self, password_hash: str) -> bool:
        """False when no password could match: a lost pepper, or a hash of another make."""
        return password_hash.startswith("$argon2id$") or _parse(password_hash)[0] in self._peppers

    def outdated(self, password_hash: str) -> bool:
        """True when it should be made anew at the next login: an older pepper, or imported."""
        return _parse(password_hash)[0] != self._current

    def costly(self, password_hash: str) -> bool:
        """True when verifying takes tens of milliseconds: not on the event loop."""
        return password_hash.startswith("$argon2id$")

    def _verify_argon2(self, password_hash: str, password: bytes) -> bool:
        try:
            return self._argon2.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False


def _mac(pepper: bytes, salt: bytes, identity: str, password: bytes) -> bytes:
    # Every field with its length before it: no two different inputs give the same bytes.
    fields = (b"ocpp-basic", salt, identity.encode(), password)
    message = b"".join(len(each).to_bytes(4, "big") + each for each in fields)
    return hmac.digest(pepper, message, "sha256")


def _key_id(pepper: bytes) -> str:
    return hashlib.sha256(b"ocppsec pepper\0" + pepper).hexdigest()[:16]


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _parse(password_hash: str) -> tuple[str, bytes, bytes]:
    """Key id, salt, MAC; no key id when it is not one of ours."""
    version, _, rest = password_hash.partition("$")
    key_id, _, rest = rest.partition("$")
    salt, _, mac = rest.partition("$")
    try:
        return (key_id if version == "v1" else ""), _decode(salt), _decode(mac)
    except ValueError:
        return "", b"", b""
