"""One CALL of a workflow: what came of it, in the workflows' own words."""

from typing import Any

from ocppsec.csms.session import Session
from ocppsec.link.errors import CallFailed, CallRefused, CallTimedOut, LinkClosed
from ocppsec.ocppj.errors import LocalError, OcppError
from ocppsec.ocppj.messages import parse_response, to_payload
from ocppsec.upgrades import exchange


async def ask(session: Session, request: Any, *, timeout: float) -> exchange.Event:
    """Call a connected station; what came of it, as the workflows take it."""
    assert session.link is not None
    try:
        payload = await session.link.call(request.action, to_payload(request), timeout=timeout)
        return exchange.Answered(parse_response(request.action, payload))
    except CallRefused as error:
        return exchange.CallRefused(error.code, error.description)
    except CallTimedOut:
        return exchange.CallTimedOut()
    except (LinkClosed, CallFailed):
        return exchange.LinkLost()
    except (OcppError, LocalError) as error:
        return exchange.CallRefused("FormatViolation", str(error))
