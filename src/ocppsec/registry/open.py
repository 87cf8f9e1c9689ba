"""Opens the store that a path or URL names."""

from pathlib import Path
from typing import Final

from ocppsec.registry.sql.store import SqlStore
from ocppsec.registry.store import Store

_SQLITE: Final = "sqlite:///"


async def open_store(where: Path | str) -> Store:
    """A path or ``sqlite:///path``; the file is made when it is missing, its directory is not.

    Raises `StoreUnavailable`, and ValueError for a database of a kind that is not served.
    """
    return await SqlStore.open(_path(str(where)))


def _path(where: str) -> Path:
    where = where.removeprefix(_SQLITE)
    scheme, there, _ = where.partition("://")
    if there:  # never more of it: a database URL may hold a password
        raise ValueError(f"no store for {scheme}://; give a path or sqlite:///path")
    return Path(where).absolute()
