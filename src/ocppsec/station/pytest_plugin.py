"""Fixtures for the tests of any CSMS; pytest loads this by itself where ocppsec is installed.

Nothing of the station is imported before a test asks for a fixture.
"""

from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ocppsec.station.testing import TestAuthority, TestStation


@pytest.fixture(scope="session")
def station_authority() -> "TestAuthority":
    """A PKI for this run: configure the CSMS under test with its `chain_pem` and `server_files`."""
    from ocppsec.station.testing import TestAuthority

    return TestAuthority.create()


@pytest.fixture
def a_station(station_authority: "TestAuthority") -> "Iterator[Callable[..., Awaitable[TestStation]]]":
    """Starts stations, one with each call; the arguments are those of the function in `testing`.

    `station_authority` is its authority unless another is named.  At the end of the test every station hangs up.
    """
    from ocppsec.station import testing

    running: list[TestStation] = []

    async def start(url: str, **options: Any) -> "TestStation":
        station = await testing.a_station(url, **{"authority": station_authority, **options})
        running.append(station)
        return station

    yield start
    for station in running:
        station.station.stop()
