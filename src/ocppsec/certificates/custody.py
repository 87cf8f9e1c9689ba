"""Where the private keys of the CAs are: a file, encrypted or not, or a token that never gives them away.

For each key there is a file in the directory of the hierarchy, and it says where the key is: it holds the key, or
the PKCS#11 URI (RFC 7512) of the key in a token.  So a directory that is copied or moved keeps its keys, and each
key may be somewhere else.
"""

from dataclasses import dataclass, field
from pathlib import Path

from ocppsec.certificates.keys import KeyFamily, KeyUnusable, PrivateKey, load_key, new_key, save_key
from ocppsec.certificates.safekeeping import PRIVATE_FILE, require_private, write_file
from ocppsec.certificates.tokens import SCHEME, KeyPlace, Tokens, new_label

_URI_LIMIT = 1000


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

    def key(self, path: Path) -> PrivateKey:
        """The key that *path* holds or names; raises `KeyUnusable`, `TooOpen`, FileNotFoundError."""
        place = place_in(path)
        if place is None:
            return load_key(path, self.passphrase)
        key = self._tokens(path).key(place)
        if key is None:
            raise KeyUnusable(
                f"{path} names the key {place.label!r}, which is not in the token {place.token!r}: is it the"
                " token that the key was made in?  Restore it from the token's backup; a new key would make a new CA"
            )
        return key

    def key_or_new(self, path: Path, name: str) -> PrivateKey:
        """The key that *path* holds or names, made when there is none: in a token under a label with *name*.

        Whatever a kill leaves behind, the next call finds or completes.
        """
        if not path.exists():
            if self.token is None:
                key = new_key(self.family)
                save_key(path, key, self.passphrase)
                return key
            place = KeyPlace(token=self.token, label=new_label(name))
            write_file(path, f"{place.uri()}\n".encode("ascii"), mode=PRIVATE_FILE)
        place_there = place_in(path)
        if place_there is None:
            return load_key(path, self.passphrase)
        tokens = self._tokens(path)
        return tokens.key(place_there) or tokens.new_key(place_there, self.family)

    def _tokens(self, path: Path) -> Tokens:
        if self.tokens is None:
            raise KeyUnusable(
                f"{path} names a key in a token, and no token is set up: set ca.pkcs11_module and ca.pkcs11_pin"
            )
        return self.tokens


def place_in(path: Path) -> KeyPlace | None:
    """The token's key that *path* names, None when *path* holds the key itself."""
    require_private(path)
    content = path.read_bytes()
    if not content.startswith(SCHEME.encode("ascii")):
        return None
    try:
        return KeyPlace.parse(content[:_URI_LIMIT].decode("ascii").strip())
    except ValueError as error:
        raise KeyUnusable(f"{path} is no PKCS#11 URI that names one key: {error}") from None
