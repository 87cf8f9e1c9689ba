"""The CSMS and its API together in one process, from the state directory to the open doors and back."""

import asyncio
import ipaddress
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO
from urllib.parse import urlsplit

from ocppsec.cli.assemble import running_csms, unopened
from ocppsec.cli.settings import Settings
from ocppsec.cli.state import ApiAddress, announced, held, new_token, prepare
from ocppsec.csms.service import Csms
from ocppsec.observability import Metrics, Observer, SecurityLog, configure_logging
from ocppsec.web.access import Access, host_of
from ocppsec.web.api import create_app
from ocppsec.web.paths import door_urls
from ocppsec.web.server import ApiServer


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    csms: Csms
    observer: Observer
    api_url: str
    directory: Path

    def door_urls(self) -> dict[str, str]:
        """By profile; profile 0 is left out, for nobody should be told to use it."""
        return {profile: url for profile, url in door_urls(self.csms.doors).items() if profile != "0"}


@asynccontextmanager
async def served(settings: Settings, directory: Path, *, log: TextIO | None = None) -> AsyncIterator[Served]:
    """Everything open and ready inside, everything closed and written after; raises `Failure`.

    *log* takes the log lines; standard error by default.
    """
    prepare(directory)
    async with AsyncExitStack() as stack:
        stack.enter_context(held(directory))
        observer = _observer(settings, directory, log or sys.stderr)
        stack.callback(observer.close)
        csms = await stack.enter_async_context(running_csms(settings, directory, observer.emit))
        observer.metrics.watch_connections(csms.connections_count)
        observer.metrics.watch_expiry(lambda: csms.expiry.newest)
        token = settings.api.token.get_secret_value() if settings.api.token else new_token()
        url = await stack.enter_async_context(_api(settings, csms, observer, token))
        stack.enter_context(announced(directory, ApiAddress(url=url, token=token, pid=os.getpid())))
        yield Served(csms=csms, observer=observer, api_url=url, directory=directory)


def _observer(settings: Settings, directory: Path, log: TextIO) -> Observer:
    return Observer(
        logger=configure_logging(log, form=settings.log.format, level=settings.log.level),
        metrics=Metrics(),
        security_log=SecurityLog(directory / "security-log.jsonl"),
        clock=lambda: datetime.now(UTC),
    )


@asynccontextmanager
async def _api(settings: Settings, csms: Csms, observer: Observer, token: str) -> AsyncIterator[str]:
    server = ApiServer(settings.api.host, settings.api.port)
    try:
        url = server.listen()
    except OSError as error:
        raise unopened(f"the API on port {settings.api.port}", error) from error
    access = Access(
        token=token,
        hosts=hosts_of(settings),
        metrics_open=is_loopback(settings.api.host),
    )
    try:
        await server.start(
            create_app(csms, access=access, metrics=observer.metrics.render, on_bug=observer.tell_bug)
        )
        yield url
    finally:
        await server.stop()


def hosts_of(settings: Settings) -> frozenset[str]:
    """Names the API answers to; whatever else is in a Host header was put there by a rebound name."""
    named = {settings.api.host, settings.csms.hostname, *settings.api.allowed_hosts}
    if settings.ca.public_url:
        named.add(host_of(urlsplit(settings.ca.public_url).netloc.encode()))
    bracketed = {f"[{name}]" for name in named if ":" in name}
    return frozenset(name.lower() for name in {*named, *bracketed, "localhost", "127.0.0.1", "[::1]"})


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def new_loop(name: str) -> asyncio.AbstractEventLoop:
    if name == "uvloop" and sys.platform != "win32":
        import uvloop

        return uvloop.new_event_loop()
    return asyncio.new_event_loop()
