"""Where the private keys of the CAs are: a file, encrypted or not, or a token that never gives them away.

For each key there is a file in the directory of the hierarchy, and it says where the key is: it holds the key, or
the PKCS#11 URI (RFC 7512) of the key in a token, or that it is not on this machine.  So a directory that is copied
or moved keeps its keys, each key may be somewhere else, and a key that was lost is not taken for one that is kept
elsewhere.
"""

from dataclasses import dataclass, field
from pathlib import Path

from ocppsec.certificates.key_place import SCHEME, KeyPlace, new_label
from ocppsec.certificates.keys import (
    KeyFamily,
    KeyUnusable,
    PrivateKey,
    check_new_passphrase,
    load_key,
    new_key,
    save_key,
)
from ocppsec.certificates.safekeeping import PRIVATE_FILE, require_private, write_file
from ocppsec.certificates.tokens import Tokens

_URI_LIMIT = 1000
_ELSEWHERE = b"elsewhere: this key is not on this machine\n"


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """On another machine, which signs by file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Custody:
    """How keys are read, and how new ones are kept."""

    family: KeyFamily = KeyFamily.EC_P256
    """Of new keys; those there are keep theirs."""
    passphrase: bytes | None = field(default=None, repr=False)
    """Of key files; None for files in clear."""
    tokens: Tokens | None = None
    """None where no token is set up."""
    token: str | None = None
    """Label of the token new keys are made in; None for files."""

    def key(self, path: Path) -> PrivateKey | None:
        """The key that *path* holds or names, None for one elsewhere.

        Raises `KeyUnusable`, `TooOpen`, FileNotFoundError.
        """
        match place_in(path):
            case Elsewhere():
                return None
            case None:
                return load_key(path, self.passphrase)
            case KeyPlace() as place:
                return self._in_token(path, place)

    def _in_token(self, path: Path, place: KeyPlace) -> PrivateKey:
        key = self._tokens(path).key(place)
        if key is None:
            raise KeyUnusable(
                f"{path} names the key {place.label!r}, which is not in the token {place.token!r}: is it the"
                " token that the key was made in?  Restore it from the token's backup; a new key would make a new CA"
            )
        return key

    def key_or_new(self, path: Path, name: str) -> PrivateKey | None:
        """As `key`, but made when there is none, raising `ShortPassphrase`: in a token under a label with *name*.

        The place is written before the key is made, so whatever a kill leaves behind, the next call completes.
        """
        if not path.exists():
            if self.token is None:
                check_new_passphrase(self.passphrase)
                key = new_key(self.family)
                save_key(path, key, self.passphrase)
                return key
            place = KeyPlace(token=self.token, label=new_label(name))
            write_file(path, f"{place.uri()}\n".encode("ascii"), mode=PRIVATE_FILE)
        named = place_in(path)
        if not isinstance(named, KeyPlace):
            return self.key(path)
        tokens = self._tokens(path)
        return tokens.key(named) or tokens.new_key(named, self.family)

    def _tokens(self, path: Path) -> Tokens:
        if self.tokens is None:
            raise KeyUnusable(
                f"{path} names a key in a token, and no token is set up: set ca.pkcs11_module and ca.pkcs11_pin"
            )
        return self.tokens


def keep_elsewhere(path: Path) -> None:
    """From now on *path* says that the key is not on this machine."""
    write_file(path, _ELSEWHERE, mode=PRIVATE_FILE)


def place_in(path: Path) -> KeyPlace | Elsewhere | None:
    """Where *path* says that the key is, None when it holds the key itself."""
    require_private(path)
    content = path.read_bytes()
    if content == _ELSEWHERE:
        return Elsewhere()
    if not content.startswith(SCHEME.encode("ascii")):
        return None
    try:
        return KeyPlace.parse(content[:_URI_LIMIT].decode("ascii").strip())
    except ValueError as error:
        raise KeyUnusable(f"{path} is no PKCS#11 URI that names one key: {error}") from None
