"""Asks the CAs of others whether they have revoked a certificate: lists ahead of time, OCSP when it is needed.

A job fetches the lists and keeps the newest of each; a verdict reads memory, and waits at most its few seconds for a
list that is on its way or for an OCSP answer.  Every list that is known has one task in `run`, which alone fetches it.
"""

import asyncio
import os
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

import httpx2
from cryptography import x509
from cryptography.exceptions import InvalidSignature

from ocppsec.certificates.facts import serial_number
from ocppsec.certificates.foreign_answer import ANSWER_LIMIT, Answer, question, read_answer, responder_of
from ocppsec.certificates.foreign_list import LIST_LIMIT, BadList, ForeignList, points_of, read_list
from ocppsec.certificates.foreign_status import (
    Cause,
    ForeignIssuer,
    Good,
    StatusPolicy,
    StatusRule,
    Unclear,
    Verdict,
    refusal,
    together,
)
from ocppsec.csms.outward import Errand, Outward, Resolve, Unanswered, addresses
from ocppsec.events import Emit, ForeignListFailed, ForeignStatusUnclear

_SCHEMES: Final = ("http", "https")
_FETCH_SECONDS: Final = 30.0
_SOONEST_SECONDS: Final = 60.0
_LATEST_SECONDS: Final = 6 * 3600.0
_MOST_LISTS: Final = 64
"""Of one CA: some cut theirs into parts, and each certificate says which is its."""
_MOST_AT_ONCE: Final = 8
_MOST_ANSWERS: Final = 1_000
_LONGEST_KNOWN: Final = timedelta(days=1)
_NONCE_BYTES: Final = 16


@dataclass(eq=False, slots=True)
class _Shelf:
    """Holds the newest list that was found at one address."""

    issuer: ForeignIssuer
    url: str
    newest: ForeignList | None = None
    trouble: Unclear | None = None
    """What was wrong with the last try; None when it was fine."""
    failures: int = 0
    tried: asyncio.Event = field(default_factory=asyncio.Event)
    """Set behind every try, cleared by who asks for another."""
    wanted: asyncio.Event = field(default_factory=asyncio.Event)
    at: datetime | None = None
    """When it was tried last."""

    def may_be_tried(self, now: datetime) -> bool:
        """Not at every connection: a CA that serves an old list goes on doing so."""
        return self.at is None or now - self.at >= timedelta(seconds=_SOONEST_SECONDS)

    def verdict(self, certificate: x509.Certificate, now: datetime) -> Verdict:
        if self.newest is None:
            return self.trouble or Unclear(cause=Cause.UNREACHABLE, reason="the CRL is not here yet")
        known = self.newest.verdict(certificate, now=now, grace=self.issuer.rule.grace)
        if isinstance(known, Unclear) and known.cause is Cause.STALE and self.trouble is not None:
            return Unclear(cause=self.trouble.cause, reason=f"{known.reason}, and {self.trouble.reason}")
        return known

    def pause(self, now: datetime) -> float:
        """Seconds until the next try."""
        if self.newest is None or self.failures:
            return _SOONEST_SECONDS * float(2 ** min(max(0, self.failures - 1), 4))
        left = (self.newest.next_update - now).total_seconds()
        return min(max(left / 2, _SOONEST_SECONDS), _LATEST_SECONDS)


class ForeignStatus:
    def __init__(
        self,
        issuers: Sequence[ForeignIssuer],
        *,
        inside: frozenset[str],
        emit: Emit,
        now: Callable[[], datetime],
        seconds: float = 2.0,
        resolve: Resolve = addresses,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        """*inside* names hosts that may be asked although they have an address of our own networks, besides those
        that the rules of the issuers name.
        """
        self._issuers = {issuer.certificate: issuer for issuer in issuers}
        named = (url for issuer in issuers for url in (issuer.rule.crl, issuer.rule.ocsp) if url is not None)
        self._outward = Outward(
            inside=inside | {urlsplit(url).hostname or "" for url in named},
            whose="csms.ocsp_hosts",
            resolve=resolve,
            transport=transport,
        )
        self._emit = emit
        self._now = now
        self._seconds = seconds
        self._shelves: dict[tuple[x509.Certificate, str], _Shelf] = {}
        self._new: asyncio.Queue[_Shelf] = asyncio.Queue()
        self._lists = asyncio.Semaphore(_MOST_AT_ONCE)
        self._questions = asyncio.Semaphore(_MOST_AT_ONCE)
        """Of its own: servers that are slow with their lists keep no question waiting."""
        self._answers: OrderedDict[tuple[x509.Certificate, int], Answer] = OrderedDict()
        for issuer in issuers:
            if issuer.rule.crl is not None and issuer.rule.policy is not StatusPolicy.OFF:
                self._shelf(issuer, issuer.rule.crl)

    # -- the job ----------------------------------------------------------------------------------------
    async def run(self) -> None:
        """Fetch lists ahead, for as long as this is not cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                shelf = await self._new.get()
                tasks.create_task(self._keep(shelf))

    async def _keep(self, shelf: _Shelf) -> None:
        while True:
            await self._fetch(shelf)
            shelf.at = self._now()
            shelf.wanted.clear()
            shelf.tried.set()
            try:
                async with asyncio.timeout(shelf.pause(self._now())):
                    await shelf.wanted.wait()
            except TimeoutError:
                continue

    async def _fetch(self, shelf: _Shelf) -> None:
        errand = Errand(url=shelf.url, schemes=_SCHEMES, limit=LIST_LIMIT, seconds=_FETCH_SECONDS)
        try:
            async with self._lists:
                body = await self._outward.fetch(errand)
            issuer, now = shelf.issuer.certificate, self._now()
            loop = asyncio.get_running_loop()
            found = await loop.run_in_executor(None, lambda: read_list(body, issuer, now=now))
        except Unanswered as error:
            self._failed(shelf, Unclear(cause=Cause.UNREACHABLE, reason=f"the CRL cannot be had: {error}"))
        except BadList as error:
            self._failed(shelf, Unclear(cause=Cause.NONSENSE, reason=str(error)))
        else:
            shelf.failures, shelf.trouble = 0, None
            if found.replaces(shelf.newest):
                shelf.newest = found

    def _failed(self, shelf: _Shelf, trouble: Unclear) -> None:
        shelf.failures += 1
        if shelf.trouble != trouble:  # told once, not at every try
            self._emit(ForeignListFailed(issuer=shelf.issuer.name, url=shelf.url, reason=trouble.reason))
        shelf.trouble = trouble

    def _shelf(self, issuer: ForeignIssuer, url: str) -> _Shelf | None:
        """That of *url*, a new one if need be; None when this CA has too many."""
        found = self._shelves.get((issuer.certificate, url))
        if found is None and sum(each.issuer is issuer for each in self._shelves.values()) < _MOST_LISTS:
            found = self._shelves[issuer.certificate, url] = _Shelf(issuer, url)
            self._new.put_nowait(found)
        return found

    # -- verdicts ---------------------------------------------------------------------------------------
    def rule_of(self, issuer: x509.Certificate) -> StatusRule | None:
        found = self._issuers.get(issuer)
        return None if found is None else found.rule

    async def verdict(self, leaf_der: bytes, issuer: x509.Certificate) -> Verdict:
        """What is known of the certificate *leaf_der*, which *issuer* has issued; within *seconds*."""
        known = self._issuers.get(issuer)
        if known is None:
            return Unclear(cause=Cause.NO_SOURCE, reason="nobody has said how to ask this CA")
        if known.rule.policy is StatusPolicy.OFF:
            return Good(source="nobody, as the settings say (off)")
        try:
            leaf = x509.load_der_x509_certificate(leaf_der)
            leaf.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature):
            return Unclear(cause=Cause.NONSENSE, reason="the certificate is not one of this CA")
        heard: list[Verdict] = []
        try:
            async with asyncio.timeout(self._seconds):
                await self._ask_all(leaf, known, heard)
        except TimeoutError:
            text = f"{known.name} gave no answer within {self._seconds:g} s"
            heard.append(Unclear(cause=Cause.UNREACHABLE, reason=text))
        found = together(heard)
        if isinstance(found, Unclear):
            self._emit(
                ForeignStatusUnclear(
                    issuer=known.name,
                    serial_number=serial_number(leaf),
                    reason=found.reason,
                    counts=refusal(found, known.rule.policy) is None,
                )
            )
        return found

    async def _ask_all(self, leaf: x509.Certificate, issuer: ForeignIssuer, heard: list[Verdict]) -> None:
        for url in _lists_of(leaf, issuer.rule):
            heard.append(await self._listed(leaf, issuer, url))  # noqa: PERF401  what was heard survives a timeout
        if any(not isinstance(verdict, Unclear) for verdict in heard):
            return
        responder = issuer.rule.ocsp or responder_of(leaf)
        if responder is not None:
            heard.append(await self._answered(leaf, issuer, responder))

    async def _listed(self, leaf: x509.Certificate, issuer: ForeignIssuer, url: str) -> Verdict:
        shelf = self._shelf(issuer, url)
        if shelf is None:
            return Unclear(cause=Cause.NO_SOURCE, reason=f"{issuer.name} has more than {_MOST_LISTS} CRLs")
        verdict = shelf.verdict(leaf, self._now())
        if isinstance(verdict, Unclear) and shelf.may_be_tried(self._now()):  # never fetched, or grown old
            shelf.tried.clear()
            shelf.wanted.set()
            await shelf.tried.wait()
            verdict = shelf.verdict(leaf, self._now())
        return verdict

    async def _answered(self, leaf: x509.Certificate, issuer: ForeignIssuer, url: str) -> Verdict:
        key = (issuer.certificate, leaf.serial_number)
        kept = self._answers.get(key)
        if kept is not None and self._now() < kept.until:
            return kept.verdict
        asked = question(leaf, issuer.certificate, os.urandom(_NONCE_BYTES))
        errand = Errand(
            url=url,
            schemes=_SCHEMES,
            limit=ANSWER_LIMIT,
            seconds=self._seconds,
            content=asked,
            content_type="application/ocsp-request",
        )
        try:
            async with self._questions:
                body = await self._outward.fetch(errand)
        except Unanswered as error:
            return Unclear(cause=Cause.UNREACHABLE, reason=f"its CA's responder: {error}")
        now = self._now()
        answer = read_answer(body, asked, issuer.certificate, now=now, grace=issuer.rule.grace)
        if answer.until > now:
            self._keep_answer(
                key, Answer(verdict=answer.verdict, until=min(answer.until, now + _LONGEST_KNOWN))
            )
        return answer.verdict

    def _keep_answer(self, key: tuple[x509.Certificate, int], answer: Answer) -> None:
        self._answers[key] = answer
        self._answers.move_to_end(key)
        if len(self._answers) > _MOST_ANSWERS:
            self._answers.popitem(last=False)


def _lists_of(leaf: x509.Certificate, rule: StatusRule) -> Iterator[str]:
    """Where this certificate would stand when it was revoked."""
    if rule.crl is not None:
        yield rule.crl
        return
    yield from sorted(url for url in points_of(leaf) if urlsplit(url).scheme in _SCHEMES)[:2]
