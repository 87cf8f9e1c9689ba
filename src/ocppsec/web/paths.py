"""Where things are: locations in the API, and the URLs a station connects to."""

from collections.abc import Iterable
from typing import Protocol
from urllib.parse import quote


class Door(Protocol):
    @property
    def url(self) -> str: ...
    @property
    def profiles(self) -> tuple[int, ...]: ...


def station_location(identity: str) -> str:
    return f"/api/v1/stations/{quote(identity, safe='')}"


def upgrade_location(upgrade_id: str) -> str:
    return f"/api/v1/upgrades/{quote(upgrade_id, safe='')}"


def campaign_location(campaign_id: str) -> str:
    return f"/api/v1/campaigns/{quote(campaign_id, safe='')}"


def door_urls(doors: Iterable[Door]) -> dict[str, str]:
    """By profile, the URL of the first door that serves it."""
    urls: dict[str, str] = {}
    for door in doors:
        for profile in door.profiles:
            urls.setdefault(str(profile), door.url)
    return dict(sorted(urls.items()))


def station_urls(doors: Iterable[Door], identity: str) -> dict[str, str]:
    """By profile, the whole URL of one station: a door's URL, a slash and its identity."""
    return {profile: f"{url}/{quote(identity, safe='')}" for profile, url in door_urls(doors).items()}
