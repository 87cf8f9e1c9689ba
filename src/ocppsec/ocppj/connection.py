"""One OCPP-J conversation: whose turn it is, and what may be sent (Part 4, 4.1).

Knows neither which role we play nor what carries the texts.  The shell feeds `receive`, sends what `outgoing`
hands out, and starts the deadline of the CALL named by `sent_call`; when it passes it says `give_up`.

Both directions have at most one unanswered CALL.  Ours wait in a queue.  The peer must wait too, but many
do not; theirs wait here, so that whoever answers sees them one by one: after `answer` or `refuse`, ask
`next_received`.

Nothing a peer sends raises.  What is wrong with it becomes a CALLERROR (counted in `refused`) or is dropped
(counted in `dropped`, and reported).  What *we* do wrong raises `LocalError`, and nothing of it is sent.
"""

from collections import Counter
from typing import Any, Final

from ocppsec.ocppj.errors import MAX_DESCRIPTION, ErrorCode, LocalError, SchemaViolation
from ocppsec.ocppj.frames import (
    MAX_ID,
    UNREADABLE_ID,
    Call,
    CallError,
    CallResult,
    Frame,
    Unreadable,
    decode,
    encode,
)
from ocppsec.ocppj.received import Answered, CallReceived, Dropped, DropReason, Received, Refused
from ocppsec.ocppj.schemas import check_request, check_response

__all__ = ["Answered", "CallReceived", "Connection", "DropReason", "Dropped", "Received", "Refused"]

MAX_WAITING: Final = 16
"""CALLs of an impatient peer that are kept while an earlier one is being answered."""

_REMEMBERED: Final = 16
"""Ended CALLs whose late answers are recognised, and whose ids are not used again."""


class Connection:
    """See the module.  Ids are the caller's business; they must be new (Part 4, 4.1.4)."""

    __slots__ = ("_answering", "_ended", "_queue", "_sent", "_texts", "_waiting", "dropped", "refused")

    def __init__(self) -> None:
        self._answering: CallReceived | None = None
        self._waiting: list[CallReceived] = []
        self._sent: tuple[str, str] | None = None  # id and action of our CALL that left and has no answer
        self._queue: list[tuple[str, str, str]] = []  # id, action and text of those that have not left
        self._ended: tuple[str, ...] = ()
        self._texts: list[str] = []
        self.dropped: Counter[str] = Counter()
        """How often what was dropped, by `DropReason`."""
        self.refused: Counter[str] = Counter()
        """How often a message of the peer got a CALLERROR from this room, by `ErrorCode`."""

    # -- what arrives -----------------------------------------------------------------------------------

    def receive(self, data: str | bytes) -> tuple[Received, ...]:
        """Take one text message (bytes: its UTF-8) in.  Never raises, whatever it holds.

        `outgoing` may have something to send afterwards, also when nothing is returned.
        """
        try:
            frame = decode(data)
        except Unreadable as problem:
            return self._not_readable(problem)
        if isinstance(frame, Call):
            return self._asked(frame)
        return self._told(frame)

    def next_received(self) -> tuple[Received, ...]:
        """The peer's next CALL, if one waits and none is being answered."""
        if self._answering is not None or not self._waiting:
            return ()
        self._answering = self._waiting.pop(0)
        return (self._answering,)

    def _asked(self, call: Call) -> tuple[Received, ...]:
        busy = self._answering is not None or bool(self._waiting)
        if busy and self._is_unanswered(call.id):
            return self._drop(DropReason.REPEATED_CALL, call.id)
        if busy and len(self._waiting) >= MAX_WAITING:
            return self._reject(
                call.id, ErrorCode.GENERIC_ERROR, "too many CALLs before the first was answered"
            )
        try:
            check_request(call.action, call.payload)
        except SchemaViolation as violation:
            return self._reject(call.id, violation.code, violation.description)
        received = CallReceived(call.id, call.action, call.payload)
        if busy:
            self._waiting.append(received)
            return self.next_received()
        self._answering = received
        return (received,)

    def _is_unanswered(self, id_: str) -> bool:
        current = self._answering
        return (current is not None and current.id == id_) or any(call.id == id_ for call in self._waiting)

    def _told(self, frame: CallResult | CallError) -> tuple[Received, ...]:
        action = self._end(frame.id)
        if action is None:
            return self._drop(self._why_unexpected(frame), frame.id)
        if isinstance(frame, CallError):
            return (Refused(frame.id, action, frame.code, frame.description, frame.details, by_us=False),)
        try:
            check_response(action, frame.payload)
        except SchemaViolation as violation:
            return (Refused(frame.id, action, violation.code, violation.description, {}, by_us=True),)
        return (Answered(frame.id, action, frame.payload),)

    def _end(self, id_: str) -> str | None:
        """The action of the CALL that *id_* ends; None when it is not the one that waits for an answer."""
        if self._sent is None or self._sent[0] != id_:
            return None
        action = self._sent[1]
        self._sent = None
        self._ended = (*self._ended[1 - _REMEMBERED :], id_)
        return action

    def _why_unexpected(self, frame: CallResult | CallError) -> DropReason:
        if frame.id in self._ended:
            return DropReason.LATE_ANSWER
        if isinstance(frame, CallError) and frame.id == UNREADABLE_ID:
            return DropReason.PEER_COULD_NOT_READ
        return DropReason.ANSWER_TO_NOTHING

    def _not_readable(self, problem: Unreadable) -> tuple[Received, ...]:
        if problem.answer is not None:
            return self._reject(problem.answer.id, ErrorCode(problem.answer.code), problem.reason)
        id_ = problem.answered_id
        action = self._end(id_) if id_ is not None else None
        if id_ is None or action is None:
            return self._drop(DropReason.UNREADABLE_ANSWER, id_)
        return (Refused(id_, action, ErrorCode.FORMAT_VIOLATION, problem.reason, {}, by_us=True),)

    def _drop(self, reason: DropReason, id_: str | None) -> tuple[Received, ...]:
        self.dropped[reason] += 1
        return (Dropped(reason, id_),)

    def _reject(self, id_: str, code: ErrorCode, description: str) -> tuple[Received, ...]:
        self.refused[code] += 1
        self._texts.append(encode(CallError(id_, code, description, {})))
        return ()

    # -- what we say ------------------------------------------------------------------------------------

    def call(self, id: str, action: str, payload: dict[str, Any]) -> None:  # noqa: A002  the wire's word
        """Queue a CALL; it leaves with a later `outgoing`, when no other of ours is unanswered."""
        if not 0 < len(id) <= MAX_ID or id == UNREADABLE_ID:
            raise LocalError(f"a message id has 1 to {MAX_ID} characters and is not {UNREADABLE_ID}")
        if id == self.sent_call or id in self._ended or any(id == queued[0] for queued in self._queue):
            raise LocalError("this message id was used before")
        try:
            check_request(action, payload, ours=True)
        except SchemaViolation as violation:
            raise LocalError(f"{action} not sent: {violation}") from None
        self._queue.append((id, action, _text(Call(id, action, payload))))

    def answer(self, id: str, payload: dict[str, Any]) -> None:  # noqa: A002
        """Answer the CALL being answered.

        With a payload the schema refuses, the peer gets InternalError, so that it does not wait, and
        `LocalError` is raised.
        """
        action = self._take_up(id).action
        try:
            check_response(action, payload, ours=True)
            text = _text(CallResult(id, payload))
        except (SchemaViolation, LocalError) as problem:
            self._texts.append(
                encode(CallError(id, ErrorCode.INTERNAL_ERROR, "no valid answer was found", {}))
            )
            raise LocalError(f"answer to {action} not sent: {problem}") from None
        self._texts.append(text)

    def refuse(
        self,
        id: str,  # noqa: A002
        code: ErrorCode,
        description: str = "",
        details: dict[str, Any] | None = None,
    ) -> None:
        """Answer the CALL being answered with a CALLERROR; the description is cut to 255 characters."""
        action = self._take_up(id).action
        try:
            text = _text(CallError(id, code, description[:MAX_DESCRIPTION], details or {}))
        except LocalError as problem:
            self._texts.append(encode(CallError(id, code, "", {})))
            raise LocalError(f"refusal of {action} sent without its words: {problem}") from None
        self._texts.append(text)

    def _take_up(self, id_: str) -> CallReceived:
        call = self._answering
        if call is None or call.id != id_:
            raise LocalError("there is no CALL with this id to answer")
        self._answering = None
        return call

    def give_up(self, id: str) -> None:  # noqa: A002
        """Stop waiting for the answer to this CALL; if it has not left, it never will.

        A late answer is dropped.  For a CALL that ended already this does nothing: deadline and answer may cross.
        """
        self._queue = [queued for queued in self._queue if queued[0] != id]
        self._end(id)

    @property
    def sent_call(self) -> str | None:
        """The id of our CALL that left with `outgoing` and waits for its answer."""
        return self._sent[0] if self._sent else None

    def outgoing(self) -> list[str]:
        """The texts to send now, in order; each is handed out once."""
        if self._sent is None and self._queue:
            id_, action, text = self._queue.pop(0)
            self._sent = (id_, action)
            self._texts.append(text)
        texts, self._texts = self._texts, []
        return texts


def _text(frame: Frame) -> str:
    try:
        return encode(frame)
    except ValueError as no_json:
        raise LocalError(f"the payload is {no_json}") from None
