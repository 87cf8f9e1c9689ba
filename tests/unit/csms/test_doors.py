"""A door, without what is behind it."""

import asyncio
import contextlib
import gc
import socket

from ocppsec.csms.doors import Deadlines, Door, DoorSpec
from ocppsec.profiles.profile import SecurityProfile


async def nobody(_arrival):
    raise AssertionError("nobody was to get so far")


async def test_who_is_accepted_in_the_moment_of_closing_is_hung_up_on():
    """The task of an accepted connection may be cancelled before its first step: the socket is closed all the same."""
    spec = DoorSpec(name="ws", host="127.0.0.1", port=0, profiles=frozenset({SecurityProfile.BASIC}))
    door = Door(spec, nobody, lambda _event: None, context=lambda: None, deadlines=Deadlines())
    await door.open()
    with socket.create_connection(("127.0.0.1", door.port)) as client:
        client.send(b"G")
        (listener,) = door._sockets
        while not door._undecided:
            door._accept(listener)
        await door.close()
        gc.collect()  # a socket nobody closed is an error here
        client.setblocking(False)
        async with asyncio.timeout(5):
            with contextlib.suppress(ConnectionResetError):  # the byte was never read
                assert await asyncio.get_running_loop().sock_recv(client, 1) == b""
