"""What manners are made of: a `Conduct` with a rule, a trait, a word or a connection changed.

Nothing is patched: a changed link is a stand-in that hands everything else on to the right one.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar, cast

from picows import WSMsgType

from ocppsec.link.link import Handler, Link
from ocppsec.ocppj.received import CallReceived
from ocppsec.station.behaviour import Rule
from ocppsec.station.conduct import Conduct
from ocppsec.station.dialling import Dial, Failure
from ocppsec.station.memory import Memory
from ocppsec.station.remembered import Remembered
from ocppsec.station.reply import Reply, Situation

T = TypeVar("T")
Payload = dict[str, Any]
Deed = Callable[[Link, Handler], None]


class _StandIn:
    def __init__(self, behind: object, instead: dict[str, Any]) -> None:
        self._behind = behind
        self._instead = instead

    def __getattr__(self, name: str) -> Any:
        return self._instead[name] if name in self._instead else getattr(self._behind, name)


def altered(thing: T, **instead: Any) -> T:
    """*thing*, but with other methods or attributes of these names."""
    return cast("T", _StandIn(thing, instead))


# -- what a station is and answers --------------------------------------------------------------------------
def with_traits(right: Conduct, **changes: Any) -> Conduct:
    return replace(right, config=replace(right.config, traits=replace(right.config.traits, **changes)))


def answering(right: Conduct, action: str, other: Callable[[Rule], Rule]) -> Conduct:
    """With the rule for *action* made by *other* from the right one."""
    return replace(right, behaviour={**right.behaviour, action: other(right.behaviour[action])})


def saying(right: Conduct, action: str, response: Any) -> Conduct:
    """*response* to each *action*, whatever is asked; nothing changes and nothing follows."""

    def rule(_request: Any, kept: Remembered, _situation: Situation) -> Reply:
        return Reply(answer=response, kept=kept)

    return answering(right, action, lambda _right: rule)


# -- what goes over a connection ----------------------------------------------------------------------------
def bent(
    right: Conduct,
    *,
    attempt: Callable[[Dial], Dial] = lambda attempt: attempt,
    handler: Callable[[Handler], Handler] = lambda handler: handler,
    link: Callable[[Link, Handler], Link] = lambda link, _handler: link,
) -> Conduct:
    """With other credentials, another handler, or another link where one comes about."""

    async def dialler(
        dialled: Dial, theirs: Handler, /, *, memory: Memory, new_id: Callable[[], str]
    ) -> Link | Failure:
        mine = handler(theirs)
        outcome = await right.dialler(attempt(dialled), mine, memory=memory, new_id=new_id)
        return outcome if isinstance(outcome, Failure) else link(outcome, theirs)

    return replace(right, dialler=dialler)


def wording(right: Conduct, change: Callable[[str, Payload], Payload]) -> Conduct:
    """With each payload that leaves, request or response, changed by *change*, which gets the action too."""

    def handler(theirs: Handler) -> Handler:
        def on_call(link: Link, call: CallReceived) -> None:
            def answer(call_id: str, payload: Payload) -> None:
                link.answer(call_id, change(call.action, payload))

            theirs.on_call(altered(link, answer=answer), call)

        return altered(theirs, on_call=on_call)

    def link(right_link: Link, _handler: Handler) -> Link:
        async def call(action: str, payload: Payload, *, timeout: float) -> Payload:
            return await right_link.call(action, change(action, payload), timeout=timeout)

        return altered(right_link, call=call)

    return bent(right, handler=handler, link=link)


def before(right: Conduct, action: str, deed: Deed) -> Conduct:
    """*deed* is done each time before the station sends *action*."""

    def link(right_link: Link, handler: Handler) -> Link:
        async def call(sent: str, payload: Payload, *, timeout: float) -> Payload:
            if sent == action:
                deed(right_link, handler)
            return await right_link.call(sent, payload, timeout=timeout)

        return altered(right_link, call=call)

    return bent(right, link=link)


def once_accepted(right: Conduct, deed: Deed) -> Conduct:
    """*deed* is done after each accepted boot: then a station says that it is available."""
    return before(right, "StatusNotification", deed)


def send_raw(link: Link, *messages: str | bytes) -> None:
    """Past the conversation: nothing checks, counts or awaits these."""
    transport = link._transport  # noqa: SLF001
    if transport is None or link.closed:
        return
    for message in messages:
        kind = WSMsgType.TEXT if isinstance(message, str) else WSMsgType.BINARY
        transport.send(kind, message)
