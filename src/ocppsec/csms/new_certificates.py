"""A certificate that a handshake shows for the first time is in force once its station can know that it works.

The one before stays good until then.  A station that shows the new one and hears nothing, because we were killed or the
connection broke, takes it for one that does not work and goes back to the old one (A02.FR.28): refused as superseded it
would be out, the longer the stricter its firmware is.  It can know when it was heard behind the answer to its
BootNotification, or, where it need not boot, when it was heard at all and no BootNotification has followed.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from functools import partial

from ocppsec.csms.renewer import Renewer
from ocppsec.csms.session import Session
from ocppsec.events import Emit, StoreUnavailable
from ocppsec.registry.store import RegistryError, Store

MOMENT_SECONDS = 0.3
"""In which a station that boots has begun to do so."""


class NewCertificates:
    def __init__(self, store: Store, renewer: Renewer, *, emit: Emit, now: Callable[[], datetime]) -> None:
        """*renewer* is told of each certificate in force that a connection stands on."""
        self._store = store
        self._renewer = renewer
        self._emit = emit
        self._now = now

    def opened(self, session: Session) -> None:
        if not session.facts.certificate_is_new:
            self._renewer.connected(session)
        elif session.accepted and session.link is not None:
            session.link.prove(partial(self._heard, session))

    def _heard(self, session: Session) -> None:
        asyncio.get_running_loop().call_later(MOMENT_SECONDS, self._believe, session)

    def _believe(self, session: Session) -> None:
        if not session.boots:
            self.stays(session)

    def stays(self, session: Session) -> None:
        """It is connected and does not boot: it did so before, or need not."""
        if session.facts.certificate_is_new and session.link is not None and not session.link.closed:
            session.run(self._settled_or_closed(session))

    async def _settled_or_closed(self, session: Session) -> None:
        try:
            await self.settle(session)
        except RegistryError as error:
            self._emit(StoreUnavailable(doing="keeping that a certificate is in force", reason=str(error)))
            session.close(1011, "try again later")

    async def settle(self, session: Session) -> None:
        """From now on it is this certificate and no other; raises `StoreUnavailable`, and may be repeated."""
        certificate = session.facts.certificate
        if session.facts.certificate_is_new and certificate is not None:
            await self._store.activate_certificate(certificate.fingerprint, self._now())
            self._renewer.connected(session)
