"""EST, RFC 7030: what the PKIs of the EV world speak, and many company CAs.

We are a registration authority: we come with our own name (TLS client certificate, HTTP Basic or both) and hand in the
request exactly as the station signed it.  The answer is a PKCS #7 bag in which certificates have no order.
"""

import asyncio
import base64
import binascii
import warnings
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import pkcs7

from ocppsec.issuers.issuer import AskFailed, CannotRevoke, NotYet, Order, Revocation
from ocppsec.issuers.web import Answer, Endpoint

_BAG = "application/pkcs7-mime"
_REQUEST = "application/pkcs10"
_LEAST_WAIT = 1.0
_USUAL_WAIT = 10.0
_LONGEST_LINE = 76


class Est:
    """*profile* is the label of a CA or a profile in the path (RFC 7030 3.2.2); many servers have none."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        profile: str | None = None,
        user: tuple[str, str] | None = None,
        patience: float = 0.0,
    ) -> None:
        """*patience* is for how many seconds a server that says "later" (202) is asked again."""
        self._endpoint = endpoint
        self._path = "/.well-known/est" + (f"/{profile}" if profile else "")
        self._user = user
        self._patience = patience

    @property
    def name(self) -> str:
        return self._endpoint.name

    async def ask(self, order: Order) -> tuple[x509.Certificate, ...]:
        # 4.2.2: who has a certificate asks for the next one at another place; the request is the same.
        path = f"{self._path}/{'simplereenroll' if order.renews else 'simpleenroll'}"
        body = _lines(base64.b64encode(order.csr))
        headers = {"Content-Type": _REQUEST, "Content-Transfer-Encoding": "base64", "Accept": _BAG}
        loop = asyncio.get_running_loop()
        until = loop.time() + self._patience
        while True:
            answer = await self._endpoint.post(path, body, headers=headers, user=self._user)
            if answer.status != 202:
                break
            wait = _retry_after(answer)
            if loop.time() + wait > until:
                # 4.2.3: nothing is lost, the same request asked again gets its certificate.
                raise NotYet(
                    f"{self.name} has not decided yet, and wants to be asked again",
                    ca=self.name,
                    seconds=wait,
                )
            await asyncio.sleep(wait)
        if answer.status != 200:
            raise self._endpoint.refused(answer)
        return self._bag(answer)

    async def authorities(self) -> tuple[x509.Certificate, ...]:
        """4.1: /cacerts."""
        answer = await self._endpoint.get(f"{self._path}/cacerts", headers={"Accept": _BAG})
        if answer.status != 200:
            raise self._endpoint.refused(answer)
        return self._bag(answer)

    async def revoke(self, revocation: Revocation) -> None:  # noqa: ARG002
        raise CannotRevoke(f"{self.name} takes no revocations: EST has no message for it; tell its operator")

    async def close(self) -> None:
        await self._endpoint.close()

    def _bag(self, answer: Answer) -> tuple[x509.Certificate, ...]:
        if answer.media_type != _BAG:
            raise self._unreadable(
                answer, f"it is {answer.media_type[:60] or 'of no media type'}, not {_BAG}"
            )
        try:
            der = base64.b64decode(b"".join(answer.body.split()), validate=True)
        except binascii.Error:
            raise self._unreadable(answer, "it is not base64") from None
        try:
            with warnings.catch_warnings():
                # Its certificates are a SET, which DER wants sorted; openssl and others leave them as they were.
                warnings.simplefilter("ignore", UserWarning)
                return tuple(pkcs7.load_der_pkcs7_certificates(der))
        except (ValueError, UnsupportedAlgorithm):
            raise self._unreadable(answer, "it is no PKCS #7 with certificates") from None

    def _unreadable(self, answer: Answer, why: str) -> AskFailed:
        return self._endpoint.nonsense(f"{why} ({len(answer.body)} bytes)")


def _lines(text: bytes) -> bytes:
    """RFC 2045: no line of base64 is longer than 76."""
    starts = range(0, len(text), _LONGEST_LINE)
    return b"".join(text[start : start + _LONGEST_LINE] + b"\r\n" for start in starts)


def _retry_after(answer: Answer) -> float:
    """Seconds; the header has a number or a date (RFC 9110 10.2.3)."""
    value = answer.headers.get("retry-after", "").strip()
    if value.isdigit() and len(value) < 10:
        return max(_LEAST_WAIT, float(value))
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return _USUAL_WAIT
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(_LEAST_WAIT, (aware - datetime.now(UTC)).total_seconds())
