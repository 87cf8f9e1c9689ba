"""Another passphrase for every key file of a state directory.

Each file is replaced as a whole, so a kill leaves every key readable with the old passphrase or the new one; the
same command once more finishes what was begun.  Nothing is written before all files were read.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ocppsec.certificates.custody import place_in
from ocppsec.certificates.keys import KeyUnusable, key_pem, load_key
from ocppsec.certificates.safekeeping import PRIVATE_FILE, write_file

_BEGIN_CERTIFICATE = b"-----BEGIN CERTIFICATE-----"


@dataclass(frozen=True, slots=True, kw_only=True)
class Passphrases:
    """None where keys are in clear."""

    old: bytes | None = field(repr=False)
    new: bytes | None = field(repr=False)


def change_passphrase(state: Path, passphrases: Passphrases) -> tuple[Path, ...]:
    """The files that were changed; raises `KeyUnusable`, `TooOpen`, OSError."""
    todo = [
        (path, content) for path in key_files(state) if (content := _changed(path, passphrases)) is not None
    ]
    for path, content in todo:
        write_file(path, content, mode=PRIVATE_FILE)
    return tuple(path for path, _ in todo)


def key_files(state: Path) -> Iterator[Path]:
    """Of the CAs, those that issue no more too, and of the server; not those that only name a key."""
    for path in (*sorted((state / "ca").rglob("*.key")), *sorted((state / "tls").rglob("*.pem"))):
        if place_in(path) is None:
            yield path


def _changed(path: Path, passphrases: Passphrases) -> bytes | None:
    """What *path* has to hold; None when it does already."""
    try:
        load_key(path, passphrases.new)
    except KeyUnusable:
        key = load_key(path, passphrases.old)
    else:
        return None
    _, begin, chain = path.read_bytes().partition(_BEGIN_CERTIFICATE)
    return key_pem(key, passphrases.new) + begin + chain
