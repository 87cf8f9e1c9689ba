"""CALL, CALLRESULT and CALLERROR as values, and the text they travel as (Part 4, 4.2).

`decode` takes whatever a peer may send.  What cannot be used raises `Unreadable`, which already carries the
CALLERROR the standard asks for, or none where the standard asks for silence: an answer is never answered.

Readings chosen here:

* A message id that cannot be read, is empty or is longer than 36 characters is answered with id "-1" (4.2.3).
* A type number other than 2, 3 and 4 is answered with MessageTypeNotSupported.  Part 4 asks to ignore the
  payload (4.1.3) and asks for this CALLERROR (4.4); both are done: the sender learns that it has to fall back,
  and since an answer is never answered nothing more comes of it.
* A payload of null is an empty one (4.1.5: discouraged, not forbidden).  We never write it.
* A name twice in one object is refused: two readers would see two different messages (RFC 8259, 4).
"""

import json
import re
from typing import Annotated, Any, Final

import msgspec

from ocppsec.ocppj.errors import MAX_DESCRIPTION, ErrorCode, in_our_spelling

MAX_ID: Final = 36
UNREADABLE_ID: Final = "-1"
"""Part 4, 4.2.3: the id of a CALLERROR about a message whose own id could not be read."""

CALL: Final = 2
CALL_RESULT: Final = 3
CALL_ERROR: Final = 4

MAX_CODE: Final = 50
"""The longest of the standard (4.3) has 29 characters; what a peer invents is cut here, for the sake of logs."""

MAX_DEPTH: Final = 64
"""Official messages nest seven deep; DataTransfer and customData may go further, but not without end."""

_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_ID)]


class Call(msgspec.Struct, frozen=True, array_like=True, tag=2, forbid_unknown_fields=True):
    """A request.  The payload may hold a password, so it is in no repr."""

    id: _Id
    action: str
    payload: dict[str, Any]

    def __repr__(self) -> str:
        return f"Call(id={self.id!r}, action={self.action!r})"


class CallResult(msgspec.Struct, frozen=True, array_like=True, tag=3, forbid_unknown_fields=True):
    """The answer to a CALL that was carried out."""

    id: _Id
    payload: dict[str, Any]

    def __repr__(self) -> str:
        return f"CallResult(id={self.id!r})"


class CallError(msgspec.Struct, frozen=True, array_like=True, tag=4, forbid_unknown_fields=True):
    """The answer to a CALL that was not.  `code` is text: a peer may invent one."""

    id: _Id
    code: str
    description: str
    details: dict[str, Any]

    def __repr__(self) -> str:
        return f"CallError(id={self.id!r}, code={self.code!r})"


Frame = Call | CallResult | CallError


class Unreadable(Exception):  # noqa: N818  says what the message is
    """Not a frame we can use.

    `answer` is the CALLERROR to send, None when the message is to be dropped; `answered_id` is set when it
    was meant as the answer to a CALL with that id.
    """

    def __init__(
        self, reason: str, *, answer: CallError | None = None, answered_id: str | None = None
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.answer = answer
        self.answered_id = answered_id


_decoder: Final = msgspec.json.Decoder(Frame)
_any_decoder: Final = msgspec.json.Decoder()
_encoder: Final = msgspec.json.Encoder()

# What can still be learned from a text that is not JSON: its type, and its id when that is plain.
_HEAD: Final = re.compile(rb'\s*\[\s*(\d)\s*(?=[,\]])(?:,\s*"([ !#-\[\]-~]{1,36})"\s*[,\]])?')


def encode(frame: Frame) -> str:
    """The text of *frame*.  Raises ValueError for a payload JSON has no words for (NaN, lone surrogates, objects)."""
    try:
        text = _encoder.encode(frame)
        if b"null" in text:  # msgspec writes NaN and infinity as null
            json.dumps(msgspec.structs.astuple(frame), allow_nan=False)
        return text.decode()
    except (TypeError, RecursionError, OverflowError) as no_json:
        raise ValueError(f"not expressible as JSON: {type(no_json).__name__}") from no_json


def decode(data: str | bytes) -> Frame:
    """The frame in *data*, which is the content of one text message (bytes: its UTF-8); else `Unreadable`."""
    # Lone surrogates pass here and are refused as what they are then, bad UTF-8.
    raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    try:
        frame: Frame = _decoder.decode(raw)
        reason = _fault(raw, frame)
    except msgspec.ValidationError:
        return _second_look(raw)
    except (ValueError, RecursionError):
        raise _not_json(raw) from None
    if reason is not None:
        raise _unusable(frame, reason)
    if type(frame) is CallError:
        return _call_error(frame.id, frame.code, frame.description, frame.details)
    return frame


def _fault(raw: bytes, frame: Frame) -> str | None:
    """What is wrong with a frame that has the right shape."""
    if _too_deep(raw, frame):
        return "nested too deeply"
    if _repeats_a_name(raw, frame):
        return "a name occurs twice in one object"
    return None


def _too_deep(raw: bytes, frame: Frame) -> bool:
    if raw.count(b"[") + raw.count(b"{") <= MAX_DEPTH:
        return False
    level: list[Any] = [frame.details if isinstance(frame, CallError) else frame.payload]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if type(outer) is dict else outer)
            if type(inner) is dict or type(inner) is list
        ]
        if not level:
            return False
    return True


def _repeats_a_name(raw: bytes, frame: Frame) -> bool:
    r"""Whether the decoder dropped a member because a later one had the same name.

    Written again, the frame has one colon for each name and those within texts.  A text that was read without
    losing anything has exactly as many, unless it hides some behind ``\u`` escapes.  Only when the counts
    differ or there are such escapes is it worth the slow look.
    """
    if b"\\u" not in raw and raw.count(b":") == _encoder.encode(frame).count(b":"):
        return False
    repeated = False

    def members(pairs: list[tuple[str, Any]]) -> None:
        nonlocal repeated
        repeated = repeated or len({name for name, _ in pairs}) != len(pairs)

    json.loads(raw, object_pairs_hook=members)
    return repeated


def _unusable(frame: Frame, reason: str) -> Unreadable:
    if isinstance(frame, Call):
        return _refusal(frame.id, ErrorCode.FORMAT_VIOLATION, reason)
    return Unreadable(reason, answered_id=frame.id)


def _not_json(raw: bytes) -> Unreadable:
    """The text is no JSON.  Its beginning may still say whom to tell, and whether it was an answer."""
    reason = "not JSON"
    head = _HEAD.match(raw)
    kind, plain_id = head.groups() if head else (None, None)
    id_ = plain_id.decode("ascii") if plain_id else None
    if kind in {b"3", b"4"}:
        return Unreadable(reason, answered_id=id_)
    return _refusal(id_, ErrorCode.FORMAT_VIOLATION if id_ else ErrorCode.RPC_FRAMEWORK_ERROR, reason)


def _second_look(raw: bytes) -> Frame:
    """JSON, perhaps, but no frame: say what is wrong.  A careless answer or an empty payload still counts."""
    try:
        parts = _any_decoder.decode(raw)
    except (ValueError, RecursionError):
        raise _not_json(raw) from None
    if not isinstance(parts, list) or not parts:
        raise _refusal(None, ErrorCode.RPC_FRAMEWORK_ERROR, "not a list that begins with a message type")
    kind, id_ = parts[0], _usable_id(parts[1]) if len(parts) > 1 else None
    match parts:
        case [2, str(), str(action), None] if id_ is not None:
            return Call(id_, action, {})
        case [3, str(), None] if id_ is not None:
            return CallResult(id_, {})
    if kind == CALL:
        raise _wrong_call(parts, id_)
    if kind == CALL_ERROR and id_ is not None and len(parts) > 2 and isinstance(parts[2], str):
        description = parts[3] if len(parts) > 3 and isinstance(parts[3], str) else ""
        return _call_error(id_, parts[2], description, {})
    if kind in (CALL_RESULT, CALL_ERROR):
        raise Unreadable("not shaped like an answer", answered_id=id_)
    raise _refusal(id_, ErrorCode.MESSAGE_TYPE_NOT_SUPPORTED, "the message type is none of 2, 3 and 4")


def _wrong_call(parts: list[Any], id_: str | None) -> Unreadable:
    if id_ is None:
        reason = f"the message id is not a text of 1 to {MAX_ID} characters"
        return _refusal(None, ErrorCode.RPC_FRAMEWORK_ERROR, reason)
    if len(parts) != 4:
        return _refusal(id_, ErrorCode.RPC_FRAMEWORK_ERROR, "a CALL has four elements")
    if not isinstance(parts[2], str):
        return _refusal(id_, ErrorCode.RPC_FRAMEWORK_ERROR, "the action is not a text")
    if not isinstance(parts[3], dict):
        return _refusal(id_, ErrorCode.FORMAT_VIOLATION, "the payload is not an object")
    return _refusal(id_, ErrorCode.RPC_FRAMEWORK_ERROR, "not shaped like a CALL")


def _usable_id(value: object) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= MAX_ID else None


def _refusal(id_: str | None, code: ErrorCode, reason: str) -> Unreadable:
    return Unreadable(reason, answer=CallError(id_ or UNREADABLE_ID, code, reason, {}))


def _call_error(id_: str, code: str, description: str, details: dict[str, Any]) -> CallError:
    return CallError(id_, in_our_spelling(code)[:MAX_CODE], description[:MAX_DESCRIPTION], details)
