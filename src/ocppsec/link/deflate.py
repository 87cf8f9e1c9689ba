"""permessage-deflate (RFC 7692): negotiated by the `websockets` library, limited by us.

Part 4 makes it mandatory for a CSMS.  Both directions give up their context after each message: an idle
station costs no zlib window, and one message cannot be used to learn about another.
"""

from websockets.exceptions import InvalidHeader, NegotiationError, PayloadTooBig, ProtocolError
from websockets.extensions.permessage_deflate import (
    ClientPerMessageDeflateFactory,
    PerMessageDeflate,
    ServerPerMessageDeflateFactory,
)
from websockets.frames import Frame, Opcode
from websockets.headers import build_extension, parse_extension

WORTHWHILE = 512
"""Shorter messages go out as they are: deflate would cost more than it saves."""


class TooBig(Exception):  # noqa: N818
    """A message inflates to more than the limit."""


class Malformed(Exception):  # noqa: N818
    """Compressed data that is none."""


class Deflate:
    """One negotiated extension."""

    __slots__ = ("_extension",)

    def __init__(self, extension: PerMessageDeflate) -> None:
        self._extension = extension

    def compress(self, message: bytes) -> bytes:
        return bytes(self._extension.encode(Frame(Opcode.TEXT, message)).data)

    def inflate(self, payload: bytes, limit: int) -> bytes:
        """The message in *payload*; raises `TooBig` before more than *limit* bytes are held, `Malformed`."""
        try:
            frame = self._extension.decode(Frame(Opcode.TEXT, payload, rsv1=True), max_size=limit)
        except PayloadTooBig as error:
            raise TooBig(f"inflates to more than {limit} bytes") from error
        except ProtocolError as error:
            raise Malformed("compressed data is corrupt") from error
        return bytes(frame.data)


_SERVER = ServerPerMessageDeflateFactory(server_no_context_takeover=True, client_no_context_takeover=True)
_CLIENT = ClientPerMessageDeflateFactory(server_no_context_takeover=True, client_no_context_takeover=True)


def offer() -> str:
    """The ``Sec-WebSocket-Extensions`` a client sends."""
    return build_extension([(_CLIENT.name, list(_CLIENT.get_request_params()))])


def accept_offer(header: str | None) -> tuple[str, Deflate] | None:
    """What a server answers to an offer, and the extension; None when there is nothing it can accept."""
    if header is None:
        return None
    try:
        offers = parse_extension(header)
    except InvalidHeader:
        return None  # RFC 6455 9.1: extensions are an offer; without agreement there is none
    for name, parameters in offers:
        if name != _SERVER.name:
            continue
        try:
            answer, extension = _SERVER.process_request_params(parameters, [])
        except NegotiationError:
            continue
        return build_extension([(_SERVER.name, list(answer))]), Deflate(extension)
    return None


def accept_answer(header: str | None) -> Deflate | None:
    """The extension a server agreed to; raises `Malformed` when it answers what nobody offered."""
    if header is None:
        return None
    try:
        ((name, parameters),) = parse_extension(header)
        if name != _CLIENT.name:
            raise Malformed(f"the server answered with an extension nobody offered: {name}")
        return Deflate(_CLIENT.process_response_params(parameters, []))
    except (InvalidHeader, NegotiationError, ValueError) as error:
        raise Malformed("the server's Sec-WebSocket-Extensions cannot be understood") from error
