"""What was said at a step of an upgrade, kept beside it for evidence: the station's answer that led to it, our request.

Bounded, and without secrets: certificates and other long texts by their hash, and no password, should a station tell one.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from ocppsec.ocppj.messages import to_payload
from ocppsec.upgrades.exchange import (
    Answered,
    CallRefused,
    CallTimedOut,
    CsrReceived,
    Effect,
    Event,
    Note,
    ReportReceived,
    Send,
)

LONGEST_TEXT: Final = 200
MOST_IN_A_LIST: Final = 20
LONGEST: Final = 8000
"""Characters of what is kept of one step."""


def with_messages(effects: tuple[Effect, ...], event: Event | None) -> tuple[Effect, ...]:
    """*effects* of a decision, its first note with what led to it and what it sends."""
    text = json.dumps([*_received(event), *_sent(effects)], separators=(",", ":"))
    if len(text) > LONGEST:
        text = json.dumps([{"left out": f"{len(text)} characters"}])
    place = next((number for number, effect in enumerate(effects) if isinstance(effect, Note)), None)
    if place is None or text == "[]":
        return effects
    note = effects[place]
    assert isinstance(note, Note)
    return (*effects[:place], replace(note, messages=text), *effects[place + 1 :])


def _received(event: Event | None) -> Iterator[dict[str, Any]]:
    match event:
        case Answered(response):
            yield {
                "from": "station",
                "result of": response.action,
                "payload": shortened(to_payload(response)),
            }
        case CallRefused(code=code, description=description):
            yield {"from": "station", "error": code, "description": shortened(description)}
        case CallTimedOut():
            yield {"from": "station", "no answer": True}
        case CsrReceived(csr=csr):
            yield {"from": "station", "action": "SignCertificate", "payload": {"csr": _hashed(csr)}}
        case ReportReceived(report=report):
            yield {"from": "station", "action": report.action, "payload": shortened(to_payload(report))}


def _sent(effects: tuple[Effect, ...]) -> Iterator[dict[str, Any]]:
    for effect in effects:
        if isinstance(effect, Send):
            request = effect.request
            yield {"from": "csms", "action": request.action, "payload": shortened(to_payload(request))}


def shortened(value: Any) -> Any:
    match value:
        case str() if len(value) > LONGEST_TEXT:
            return _hashed(value)
        case list():
            more = [f"{len(value) - MOST_IN_A_LIST} more"] if len(value) > MOST_IN_A_LIST else []
            return [*(shortened(one) for one in value[:MOST_IN_A_LIST]), *more]
        case {"variable": {"name": str(name)}} if name.strip().lower() == "basicauthpassword":
            return {"variable": {"name": name}, "left out": "a password"}
        case dict():
            return {key: shortened(one) for key, one in value.items()}
        case _:
            return value


def _hashed(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()} ({len(text)} characters)"
