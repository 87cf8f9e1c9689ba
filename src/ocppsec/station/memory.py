"""Where a station keeps what it must not forget: a directory of its own, or nowhere for short-lived fleets.

One JSON and one file for each private key, all for us alone, each replaced as a whole.  A key is written before
the memory names it, and removed after the memory has forgotten it: a kill in between leaves at most a key that
nobody uses.
"""

from pathlib import Path
from typing import Final, Protocol

import msgspec

from ocppsec.certificates.safekeeping import (
    PRIVATE_FILE,
    make_private_directory,
    require_private,
    write_file,
)
from ocppsec.station.remembered import Remembered

_STATE: Final = "station.json"
_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(Remembered)


class MemoryDamaged(Exception):  # noqa: N818  what it is
    """The file cannot be understood; the message names it and says what to do."""


class Memory(Protocol):
    """What a station needs of its storage."""

    def load(self) -> Remembered | None:
        """What was saved last; None for a station that was never switched on."""

    def save(self, kept: Remembered) -> None: ...
    def save_key(self, name: str, pem: bytes) -> None: ...
    def key(self, name: str) -> bytes: ...
    def forget_keys_but(self, names: frozenset[str]) -> None: ...


class FileMemory:
    """In *directory*, created 0700 when missing."""

    def __init__(self, directory: Path) -> None:
        make_private_directory(directory)
        self._directory = directory

    def load(self) -> Remembered | None:
        path = self._directory / _STATE
        if not path.exists():
            return None
        require_private(path)
        try:
            return _decoder.decode(path.read_bytes())
        except msgspec.DecodeError:
            # Not chained: the message may quote a value, and passwords are in the file.
            raise MemoryDamaged(
                f"{path} cannot be read; move the directory away to start as new from the factory"
            ) from None

    def save(self, kept: Remembered) -> None:
        write_file(self._directory / _STATE, _encoder.encode(kept), mode=PRIVATE_FILE)

    def save_key(self, name: str, pem: bytes) -> None:
        write_file(self._key_path(name), pem, mode=PRIVATE_FILE)

    def key(self, name: str) -> bytes:
        path = self._key_path(name)
        require_private(path)
        return path.read_bytes()

    def forget_keys_but(self, names: frozenset[str]) -> None:
        for path in self._directory.glob("*.key"):
            if path.stem not in names:
                path.unlink()

    def _key_path(self, name: str) -> Path:
        return self._directory / f"{name}.key"


class PassingMemory:
    """In RAM: survives a reboot of the simulated station, not the end of the process."""

    __slots__ = ("_kept", "_keys")

    def __init__(self) -> None:
        self._kept: Remembered | None = None
        self._keys: dict[str, bytes] = {}

    def load(self) -> Remembered | None:
        return self._kept

    def save(self, kept: Remembered) -> None:
        self._kept = kept

    def save_key(self, name: str, pem: bytes) -> None:
        self._keys[name] = pem

    def key(self, name: str) -> bytes:
        return self._keys[name]

    def forget_keys_but(self, names: frozenset[str]) -> None:
        self._keys = {name: pem for name, pem in self._keys.items() if name in names}
