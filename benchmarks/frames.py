"""What the stations of a run send, as finished WebSocket frames, and how answers are recognised.

Made before the clock starts: the load must not cost more than the server.  All frames carry the same masking
key; it is a real one, so the server has to unmask.
"""

import json
from collections.abc import Callable
from typing import Any

_KEY = bytes((0x5A, 0xC3, 0x17, 0x8E))
_TEXT = 0x81
_CLOSE = 0x88
VARIANTS = 64
"""Different messages of a kind, sent in turn."""


def client_frame(kind: int, payload: bytes) -> bytes:
    """RFC 6455 5.2, from a client and therefore masked."""
    size = len(payload)
    length = bytes((0x80 | size,)) if size < 126 else bytes((0x80 | 126,)) + size.to_bytes(2, "big")
    return (
        bytes((kind,)) + length + _KEY + bytes(byte ^ _KEY[place % 4] for place, byte in enumerate(payload))
    )


CLOSE = client_frame(_CLOSE, (1000).to_bytes(2, "big"))


class Message:
    """One CALL: its frame, and how its CALLRESULT begins."""

    __slots__ = ("answer", "frame")

    def __init__(self, call_id: str, action: str, payload: dict[str, Any]) -> None:
        text = json.dumps([2, call_id, action, payload], separators=(",", ":"))
        self.frame = client_frame(_TEXT, text.encode())
        self.answer = f'[3,"{call_id}",'.encode()

    def is_answered_by(self, text: bytes) -> bool:
        return text.startswith(self.answer)


def boot(identity: str) -> Message:
    station = {
        "model": "Bench 22",
        "vendorName": "Vendor",
        "serialNumber": identity,
        "firmwareVersion": "1.0",
    }
    return Message("boot-0001", "BootNotification", {"reason": "PowerUp", "chargingStation": station})


def heartbeats() -> list[Message]:
    return [Message(f"5a0c8d7e-heartbeat-{number:04}", "Heartbeat", {}) for number in range(VARIANTS)]


def transaction_events() -> list[Message]:
    """Energy, power, current and voltage of a running transaction, as stations send every minute."""
    return [
        Message(f"5a0c8d7e-event-{number:04}", "TransactionEvent", _event(number))
        for number in range(VARIANTS)
    ]


def _event(number: int) -> dict[str, Any]:
    timestamp = f"2026-11-22T12:{number % 60:02}:00.000Z"
    sampled = [
        _sampled(1000.0 + number, "Energy.Active.Import.Register", "Wh"),
        _sampled(7360.0, "Power.Active.Import", "W"),
        _sampled(32.0, "Current.Import", "A") | {"phase": "L1"},
        _sampled(230.1, "Voltage", "V") | {"phase": "L1-N"},
    ]
    return {
        "eventType": "Updated",
        "timestamp": timestamp,
        "triggerReason": "MeterValuePeriodic",
        "seqNo": number,
        "offline": False,
        "transactionInfo": {"transactionId": "b7f2c1d0-4b1e-4b6f-9f0e", "chargingState": "Charging"},
        "evse": {"id": 1, "connectorId": 1},
        "meterValue": [{"timestamp": timestamp, "sampledValue": sampled}],
    }


def _sampled(value: float, measurand: str, unit: str) -> dict[str, Any]:
    return {
        "value": value,
        "context": "Sample.Periodic",
        "measurand": measurand,
        "location": "Outlet",
        "unitOfMeasure": {"unit": unit, "multiplier": 0},
    }


CALLS: dict[str, Callable[[], list[Message]]] = {
    "heartbeat": heartbeats,
    "transaction": transaction_events,
}

INVALID = {
    "heartbeat": Message("invalid-1", "Heartbeat", {"nobody": "defined this"}),
    "transaction": Message("invalid-2", "TransactionEvent", _event(0) | {"seqNo": "one"}),
}
"""What a server that validates answers with CALLERROR."""
