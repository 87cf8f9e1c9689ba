"""How a station comes by its next certificate: it asks, repeats the request, and renews in time (A02, A03).

What comes back is judged by `own_certificates`; here is only what the station sends.
"""

import asyncio
from collections.abc import Awaitable, Callable

from ocppsec.certificates.keys import KeyFamily
from ocppsec.ocppj.messages import (
    CertificateSigningUse,
    GenericStatus,
    Request,
    Response,
    SignCertificateRequest,
    SignCertificateResponse,
)
from ocppsec.station.calendar import Calendar, Duty
from ocppsec.station.inner import Inner
from ocppsec.station.own_certificates import renewal_due, with_request, without_request
from ocppsec.station.signing import Asking, NewRequest, start_asking
from ocppsec.station.variables import subject

_RENEWAL_AGAIN = 86_400.0
"""A03: the next look at the certificate, when the last request brought no new one."""


class Certification:
    """On one connection; a request under way outlives it, in `Inner`."""

    def __init__(
        self, inner: Inner, calendar: Calendar, call: Callable[[Request], Awaitable[Response | None]]
    ) -> None:
        self._inner = inner
        self._calendar = calendar
        self._call = call

    def resume(self) -> None:
        """A02.FR.17: a lost connection does not end a request."""
        if self._inner.asking is not None:
            self._calendar.at(Duty.ASK_AGAIN, self._inner.ask_again_at - self._calendar.now())

    async def ask(self) -> None:
        """A02.FR.02: with a new key pair, kept before its request leaves."""
        inner = self._inner
        new = await self._new_request()
        name = f"station-{inner.new_id()}"
        inner.memory.save_key(name, new.key_pem)
        inner.keep(with_request(inner.kept, new.csr, name))
        asking = start_asking(
            new.csr,
            name,
            wait=inner.number("SecurityCtrlr", "CertSigningWaitMinimum") * inner.config.pace,
            repeats=inner.number("SecurityCtrlr", "CertSigningRepeatTimes"),
        )
        await self._send(asking)

    async def _new_request(self) -> NewRequest:
        inner = self._inner
        family, who = inner.config.traits.key_family, subject(inner.kept, inner.situation())
        if family == KeyFamily.EC_P256:
            return inner.request(family, who)
        return await asyncio.to_thread(inner.request, family, who)  # RSA takes tenths of a second and more

    async def _send(self, asking: Asking) -> None:
        """The next repetition is fixed before it leaves: whatever ends this CALL or this connection, it holds."""
        self._schedule(*asking.sent())
        response = await self._call(
            SignCertificateRequest(
                csr=asking.csr, certificate_type=CertificateSigningUse.CHARGING_STATION_CERTIFICATE
            )
        )
        if isinstance(response, SignCertificateResponse) and response.status == GenericStatus.REJECTED:
            self._inner.keep(without_request(self._inner.kept, asking.key))
            self.stop_asking()

    def _schedule(self, asking: Asking | None, wait: float | None) -> None:
        self.stop_asking()
        if asking is not None and wait is not None:
            self._inner.asking, self._inner.ask_again_at = asking, self._calendar.now() + wait
            self._calendar.at(Duty.ASK_AGAIN, wait)

    async def ask_again(self) -> None:
        """A02.FR.17: the same request again; its key is kept, so that any of the answers will do."""
        if self._inner.asking is not None:
            await self._send(self._inner.asking)

    def stop_asking(self) -> None:
        self._inner.asking = None
        self._calendar.cancel(Duty.ASK_AGAIN)

    # -- A03 ----------------------------------------------------------------------------------------------
    def schedule_renewal(self) -> None:
        """Only where the boot was accepted, for nobody has asked for it (B02.FR.02)."""
        inner = self._inner
        due = renewal_due(inner.kept, days=inner.config.traits.renewal_days)
        if due is not None:
            self._calendar.at(Duty.RENEW, max(0.0, (due - inner.now()).total_seconds()))

    async def renew(self) -> None:
        """A03.FR.02; where the last request is still under way or O has no value, tomorrow again."""
        inner = self._inner
        self._calendar.at(Duty.RENEW, _RENEWAL_AGAIN * inner.config.pace)
        if inner.asking is None and subject(inner.kept, inner.situation()).organization:
            await self.ask()
