"""The workplace of a station's audit: the desk, a CA of its own, and the station on whatever connection it has."""

import asyncio
import json
import os
import ssl
import tempfile
import uuid
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from cryptography import x509

from ocppsec.audit import forge
from ocppsec.audit.finding import Exchange, Need
from ocppsec.audit.stations.conversation import Conversation
from ocppsec.audit.stations.desk import Desk, Visit
from ocppsec.link.errors import CallFailed, CallRefused

PATH = "/ocpp"
_BACK_OFF = {
    "RetryBackOffWaitMinimum": "1",
    "RetryBackOffRandomRange": "0",
    "RetryBackOffRepeatTimes": "0",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The station under audit and what we were told of it."""

    identity: str
    password: str | None = field(default=None, repr=False)
    serial_number: str | None = None
    organization: str = "Audit CSO"
    hostname: str = "localhost"
    """What the station dials; the name in our certificates."""
    listen: str = "127.0.0.1"
    ports: tuple[int, int] = (0, 0)
    """Without and with TLS; 0 takes a free one."""
    interface: str = "Wired0"
    destructive: bool = False

    def has(self, need: Need) -> bool:
        match need:
            case Need.PASSWORD:
                return self.password is not None
            case Need.DESTRUCTIVE:
                return self.destructive
            case _:
                return False


class NoStation(Exception):  # noqa: N818  what happened
    """The station is not there, or not accepted; the message says which."""


class StationLab:
    """Use as an async context; `urls` are open from then on."""

    def __init__(self, subject: Subject, *, patience: float) -> None:
        self.subject = subject
        self.patience = patience
        self.trail: list[Exchange] = []
        self.root = forge.forger(forge.subject("Audit CSMS Root", subject.organization))
        self.password = subject.password
        """As it is now."""
        self.serial_number = subject.serial_number
        self.profile = 1
        self.facts: dict[str, Any] = {}
        """What one check leaves for the next."""
        self.desk = Desk(host=subject.listen, ports=subject.ports, new_id=lambda: str(uuid.uuid4()))
        self._directory = tempfile.TemporaryDirectory(prefix="ocppsec-audit-")
        self._seen = 0
        self._away = False
        self._before: dict[tuple[str, str], str] = {}
        self.good = self.context(self.leaf())

    async def __aenter__(self) -> Self:
        self.desk.context = self.good
        self.desk.prepare = self._watch
        await self.desk.open()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.desk.close()
        self._directory.cleanup()

    async def tidy(self) -> None:
        """The next check finds our good certificate again."""
        self.desk.context = self.good
        self.desk.admit = True
        self.desk.closed = lambda _path: False

    def _watch(self, talk: Conversation) -> None:
        talk.tell = self.desk.changed.set
        if not self.desk.visits:  # the first boot is kept waiting, to see what the station sends meanwhile
            talk.registration, talk.interval = "Pending", 1

    def url(self, profile: int, path: str = PATH) -> str:
        """Of this audit, for a slot with *profile*."""
        plain, secure = self.desk.ports
        scheme, port = ("wss", secure) if profile > 1 else ("ws", plain)
        return f"{scheme}://{self.subject.hostname}:{port}{path}"

    @property
    def urls(self) -> dict[str, str]:
        return {"ws": self.url(1), "wss": self.url(2)}

    def note(self, sent: str, received: object) -> None:
        self.trail.append(Exchange(sent=sent, received=str(received)))

    # -- certificates to show ---------------------------------------------------------------------------------
    def leaf(self, **how: Any) -> tuple[x509.Certificate, forge.Key]:
        """A server certificate; *how* makes it bad: issuer, common_name, days."""
        issuer: forge.Forger = how.pop("issuer", self.root)
        name = how.pop("common_name", self.subject.hostname)
        key = forge.ec_key()
        certificate = issuer.certify(
            key, forge.subject(name, self.subject.organization), host_names=(name,), **how
        )
        return certificate, key

    def context(
        self,
        leaf: tuple[x509.Certificate, forge.Key],
        *,
        most: ssl.TLSVersion | None = None,
        more: str = "",
    ) -> ssl.SSLContext:
        """A context that shows *leaf*; *more* are roots (PEM) beside ours that stations' certificates hang under."""
        path = Path(self._directory.name) / f"{uuid.uuid4()}.pem"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(forge.pem(leaf[0]).encode() + forge.key_pem(leaf[1]))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if most is not None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                context.minimum_version = ssl.TLSVersion.TLSv1
                context.maximum_version = most
            context.set_ciphers("ALL:@SECLEVEL=0")
        context.load_cert_chain(path)
        context.load_verify_locations(cadata=self.root.pem + more)
        context.verify_mode = ssl.CERT_OPTIONAL
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        return context

    # -- the station ------------------------------------------------------------------------------------------
    async def visit(
        self, condition: Callable[[Visit], bool] = lambda _visit: True, *, seconds: float
    ) -> Visit | None:
        """The next connection that *condition* holds for, of those not looked at yet."""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    while self._seen < len(self.desk.visits):
                        visit = self.desk.visits[self._seen]
                        self._seen += 1
                        if condition(visit):
                            return visit
                    self.desk.changed.clear()
                    await self.desk.changed.wait()
        except TimeoutError:
            return None

    def look_again(self) -> None:
        """Everybody who came counts again."""
        self._seen = 0

    def forget_visits(self) -> None:
        """Only who comes from now on counts."""
        self._seen = len(self.desk.visits)

    def current(self) -> Visit | None:
        """The newest connection that is open."""
        return next(
            (one for one in reversed(self.desk.visits) if one.talk is not None and one.talk.open), None
        )

    async def talk(self) -> Conversation:
        """The station's open and accepted conversation; waits for it.  Raises `NoStation`.

        Who stayed away once is not waited for as long again: thirty checks would take an hour to say the same.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + (self.patience / 10 if self._away else self.patience)
        self._away = True
        while (left := until - loop.time()) > 0:
            visit = self.current()
            if (
                visit is not None
                and visit.talk is not None
                and (visit.talk.booted or self._reconnected(visit))
            ):
                return visit.talk
            self.desk.changed.clear()
            try:
                async with asyncio.timeout(left):
                    await self.desk.changed.wait()
            except TimeoutError:
                break
        raise NoStation("the station is not connected" if self.current() is None else "it has not booted")

    def _reconnected(self, visit: Visit) -> bool:
        """A mere reconnect needs no BootNotification (Part 4, 5.3): it counts once another one was accepted."""
        before = self.desk.visits[: visit.number]
        return any(one.talk is not None and one.talk.booted and one.secure == visit.secure for one in before)

    async def call(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        """The answer of the station; a CALLERROR comes as ``{"error": code}``.  Raises `NoStation`."""
        talk = await self.talk()
        assert talk.link is not None
        told = f"{action} {_short(payload)}"
        try:
            answer = await talk.link.call(action, payload, timeout=min(30.0, self.patience))
        except CallRefused as refused:
            answer = {"error": refused.code}
        except CallFailed as failed:
            self.note(told, failed)
            raise NoStation(str(failed)) from failed
        self.note(told, _short(answer))
        return answer

    async def set_variable(self, component: str, variable: str, value: str) -> str:
        """The attributeStatus; a CALLERROR's code where there is none."""
        data = {"component": {"name": component}, "variable": {"name": variable}, "attributeValue": value}
        secret = variable == "BasicAuthPassword"
        answer = await (self._call_secretly if secret else self.call)(
            "SetVariables", {"setVariableData": [data]}
        )
        results = answer.get("setVariableResult") or [{}]
        return str(results[0].get("attributeStatus", answer.get("error", "nothing")))

    async def _call_secretly(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        trail, self.trail = self.trail, []
        try:
            answer = await self.call(action, payload)
        finally:
            self.trail = trail
        self.note(f"{action} BasicAuthPassword (not shown)", _short(answer))
        return answer

    async def variable(self, component: str, variable: str) -> tuple[str, str]:
        """(attributeStatus, value)."""
        data = {"component": {"name": component}, "variable": {"name": variable}}
        answer = await self.call("GetVariables", {"getVariableData": [data]})
        result = (answer.get("getVariableResult") or [{}])[0]
        return str(result.get("attributeStatus", answer.get("error"))), str(result.get("attributeValue", ""))

    async def hurry(self) -> None:
        """Let the station reconnect at once, as laboratories do: a back-off of minutes is not what is judged here."""
        for variable, short in _BACK_OFF.items():
            await self.borrow("OCPPCommCtrlr", variable, short)

    async def borrow(self, component: str, variable: str, *values: str) -> str | None:
        """Set a variable to the first of *values* that the station takes, until `restore`; None when it takes none."""
        status, before = await self.variable(component, variable)
        if status != "Accepted":
            return None
        for value in values:
            if value == before or await self.set_variable(component, variable, value) == "Accepted":
                self._before.setdefault((component, variable), before)
                return value
        return None

    async def give_back(self, component: str, variable: str) -> None:
        """One borrowed variable as it was; raises `NoStation`."""
        value = self._before.pop((component, variable), None)
        if value is not None:
            await self.set_variable(component, variable, value)

    async def restore(self) -> None:
        """What was borrowed is as it was; raises `NoStation` when the station is gone."""
        for (component, variable), value in self._before.items():
            await self.set_variable(component, variable, value)
        self._before.clear()

    def events(self) -> list[str]:
        """The types of all security events the station has reported."""
        return [
            str(payload.get("type"))
            for visit in self.desk.visits
            if visit.talk is not None
            for action, payload in visit.talk.calls
            if action == "SecurityEventNotification"
        ]

    def hang_up(self) -> None:
        """End the open connection, so that the station dials again."""
        visit = self.current()
        self.forget_visits()
        if visit is not None and visit.talk is not None and visit.talk.link is not None:
            visit.talk.link.close(1001, "please come again")

    def network_profile(self, url: str, profile: int) -> dict[str, Any]:
        return {
            "ocppVersion": "OCPP20",
            "ocppTransport": "JSON",
            "ocppCsmsUrl": url,
            "messageTimeout": 30,
            "securityProfile": profile,
            "ocppInterface": self.subject.interface,
        }


def _short(payload: dict[str, Any]) -> str:
    """For the report: certificates and the like are cut."""
    cut = {
        name: f"{value[:60]}…" if isinstance(value, str) and len(value) > 60 else value
        for name, value in payload.items()
    }
    text = json.dumps(cut, ensure_ascii=False)
    return text if len(text) <= 400 else text[:400] + "…"
