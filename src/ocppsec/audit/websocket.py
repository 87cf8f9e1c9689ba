"""A WebSocket by hand on a `Wire`: whole frames or broken ones, OCPP-J calls or anything else.

Nothing is answered on its own but pings.  What the CSMS asks meanwhile is kept in `asked`, for checks that look
at when and how often it asks; `answer` decides what it gets.
"""

import asyncio
import json
import os
import struct
import zlib
from collections.abc import Callable
from typing import Any, Final

from ocppsec.audit.wire import Ended, Wire

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
_LARGEST: Final = 4 * 1024 * 1024

Json = Any
Answerer = Callable[[str, dict[str, Any]], dict[str, Any] | None]
"""Action and payload of a CALL to the payload of its CALLRESULT; None leaves it unanswered."""


class Hung(Ended):
    """The server closed the WebSocket: *code* is that of its close frame, 1006 without one."""

    def __init__(self, code: int, reason: str, how: str = "", *, silent: bool = False) -> None:
        super().__init__(how or f"closed with {code} {reason}".strip(), orderly=code != 1006, silent=silent)
        self.code = code


def frame(
    payload: bytes, *, opcode: int = TEXT, fin: bool = True, rsv: int = 0, masked: bool = True
) -> bytes:
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    bit = 0x80 if masked else 0
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", first, bit | size)
    elif size < 65_536:
        head = struct.pack("!BBH", first, bit | 126, size)
    else:
        head = struct.pack("!BBQ", first, bit | 127, size)
    if not masked:
        return head + payload
    mask = os.urandom(4)
    repeated = (mask * (size // 4 + 1))[:size]
    return (
        head + mask + (int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")).to_bytes(size, "big")
    )


class Socket:
    """An open WebSocket with an OCPP-J conversation on it."""

    def __init__(self, wire: Wire, early: bytes, *, deflate: bool, patience: float) -> None:
        self.wire = wire
        self.deflate = deflate
        self.patience = patience
        self.asked: list[tuple[str, str, dict[str, Any]]] = []
        """(id, action, payload) of every CALL of the CSMS."""
        self.answer: Answerer = not_supported
        self._data = early
        self._count = 0
        self._message = b""
        self._compressed = False

    # -- sending ------------------------------------------------------------------------------------------
    async def send(self, payload: bytes, **how: Any) -> None:
        """One frame, as `frame` makes it."""
        await self.wire.send(frame(payload, **how))

    async def send_compressed(self, text: str) -> None:
        squeeze = zlib.compressobj(wbits=-15)
        data = squeeze.compress(text.encode()) + squeeze.flush(zlib.Z_SYNC_FLUSH)
        await self.send(data[:-4], rsv=4)

    async def call(self, action: str, payload: Json, *, call_id: str | None = None) -> list[Json]:
        """The CALLRESULT or CALLERROR to a CALL, as JSON; raises `Ended`."""
        self._count += 1
        call_id = call_id or f"audit-{self._count}"
        await self.send(json.dumps([2, call_id, action, payload]).encode())
        return await self.answer_to(call_id)

    async def answer_to(self, call_id: str) -> list[Json]:
        """The next CALLRESULT or CALLERROR with that id; raises `Ended`."""
        try:
            async with asyncio.timeout(self.patience):
                while True:
                    message = await self.message()
                    if (
                        isinstance(message, list)
                        and len(message) > 2
                        and message[0] in (3, 4)
                        and message[1] == call_id
                    ):
                        return message
        except TimeoutError:
            raise Hung(1006, "", f"no answer within {self.patience:g} s", silent=True) from None

    async def boot(self, serial_number: str, *, reason: str = "PowerUp") -> list[Json]:
        about = {"model": "ocppsec-audit", "vendorName": "ocppsec", "serialNumber": serial_number[:25]}
        return await self.call("BootNotification", {"reason": reason, "chargingStation": about})

    # -- receiving ----------------------------------------------------------------------------------------
    async def listen(self, seconds: float) -> None:
        """Take what comes for so long; raises `Ended` when the connection does."""
        until = asyncio.get_running_loop().time() + seconds
        while (left := until - asyncio.get_running_loop().time()) > 0:
            try:
                async with asyncio.timeout(left):
                    await self.message()
            except TimeoutError:
                return

    async def message(self) -> Json:
        """The next text message as JSON (a str where it is none); CALLs of the CSMS are noted and answered."""
        while True:
            opcode, payload = await self._whole()
            if opcode != TEXT:
                continue
            text = payload.decode(errors="replace")
            try:
                message = json.loads(text)
            except ValueError:
                return text
            if isinstance(message, list) and len(message) >= 4 and message[0] == 2:
                await self._asked(str(message[1]), str(message[2]), message[3])
                continue
            return message

    async def _asked(self, call_id: str, action: str, payload: Json) -> None:
        self.asked.append((call_id, action, payload))
        result = self.answer(action, payload)
        if result is not None:
            kind = [4, call_id, *result["error"]] if "error" in result else [3, call_id, result]
            await self.send(json.dumps(kind).encode())

    async def _whole(self) -> tuple[int, bytes]:
        """A message out of its frames, inflated; pings are answered here."""
        while True:
            first, second = await self._exactly(2)
            size = second & 0x7F
            if size >= 126:
                size = int.from_bytes(await self._exactly(2 if size == 126 else 8), "big")
            if size > _LARGEST:
                raise Hung(1006, "", f"a frame of {size} bytes")
            payload = await self._exactly(size)
            opcode = first & 0x0F
            if opcode == PING:
                await self.send(payload, opcode=PONG)
            elif opcode == CLOSE:
                code = int.from_bytes(payload[:2], "big") if len(payload) >= 2 else 1005
                raise Hung(code, payload[2:].decode(errors="replace"))
            elif opcode in (0, TEXT, BINARY):
                self._compressed = bool(first & 0x40) if opcode else self._compressed
                self._message += payload
                if first & 0x80:
                    message, self._message = self._message, b""
                    return TEXT if opcode == 0 else opcode, self._inflated(message)

    def _inflated(self, message: bytes) -> bytes:
        if not self._compressed:
            return message
        return zlib.decompressobj(wbits=-15).decompress(message + b"\x00\x00\xff\xff", _LARGEST)

    async def _exactly(self, size: int) -> bytes:
        while len(self._data) < size:
            try:
                self._data += await self.wire.receive()
            except Hung:
                raise
            except Ended as ended:
                if ended.silent:
                    raise
                raise Hung(1006, "", ended.how) from ended
        found, self._data = self._data[:size], self._data[size:]
        return found

    async def alive(self) -> bool:
        """True when a Heartbeat is answered, with whatever."""
        try:
            await self.call("Heartbeat", {})
        except Ended:
            return False
        return True

    async def closed_within(self, seconds: float) -> Hung | None:
        """How the server closed, or None when it did not in that time."""
        try:
            await self.listen(seconds)
        except Hung as hung:
            return hung
        except Ended as ended:
            return None if ended.silent else Hung(1006, "", ended.how)
        return None

    async def close(self) -> None:
        """Say goodbye, then drop it; never raises."""
        try:
            async with asyncio.timeout(min(1.0, self.patience)):
                await self.send(struct.pack("!H", 1000), opcode=CLOSE)
                while True:
                    await self._whole()
        except (Ended, TimeoutError):
            self.wire.abort()


def not_supported(action: str, payload: dict[str, Any]) -> dict[str, Any] | None:  # noqa: ARG001
    """A station that does nothing it is asked."""
    return {"error": ["NotSupported", "an audit is on this connection", {}]}
