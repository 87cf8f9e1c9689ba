"""A fuzz target: whatever a peer sends, `Connection.receive` stays in order.

By hand::

    python tests/fuzz/fuzz_receive.py [--seconds 60] [--seed 1]        a plain random loop
    python tests/fuzz/fuzz_receive.py --atheris [libFuzzer options]    guided by coverage, where atheris is installed

An input is one session: messages separated by NUL bytes, which no JSON text contains.  A broken promise is an
AssertionError or whatever was raised, with the session printed so that it can become a test.
"""

import argparse
import random
import sys
import time

from ocppsec.ocppj.connection import Answered, CallReceived, Connection, Dropped, Refused
from ocppsec.ocppj.errors import ErrorCode
from ocppsec.ocppj.frames import MAX_ID, CallError, CallResult, decode
from ocppsec.ocppj.received import DropReason

NOW = "2031-01-05T12:00:00Z"

SEEDS = [
    b'[2,"s1","Heartbeat",{}]',
    b'[2,"s2","BootNotification",{"reason":"PowerUp","chargingStation":{"model":"m","vendorName":"v"}}]',
    b'[2,"s3","SecurityEventNotification",{"type":"x","timestamp":"2031-01-05T12:00:00Z","techInfo":"a:b"}]',
    b'[2,"s4","DataTransfer",{"vendorId":"x","data":[{"a":1.5e3},[[]],null,true,"\\u003a"]}]',
    b'[3,"c1",{"status":"Accepted"}]',
    b'[4,"c1","NotSupported","",{}]',
    b'[4,"-1","RpcFrameworkError","",{}]',
    b'[2,"s1","Heartbeat",{}]\x00[2,"s2","Heartbeat",{}]\x00[3,"c1",{"status":"Rejected"}]',
]

TOKENS = [
    *(
        b"[",
        b"]",
        b"{",
        b"}",
        b",",
        b":",
        b'"',
        b"\\",
        b"\x00",
        b"2",
        b"3",
        b"4",
        b"5",
        b"-1",
        b"null",
        b"true",
        b"NaN",
    ),
    *(
        b"1e999",
        b"9" * 40,
        b"9" * 5000,
        b'"a":1,"a":2',
        b"\\ud800",
        b"\\u0041",
        b"\xff",
        b"\xed\xa0\x80",
        b"\xef\xbb\xbf",
    ),
    *(
        b"[" * 70,
        b"[" * 2000,
        b'{"a":' * 70,
        b'""',
        b'"' + b"x" * 37 + b'"',
        b'"c1"',
        b'"s1"',
        b'"status"',
        b'"Heartbeat"',
    ),
]


def check_session(data: bytes) -> None:
    """Play the messages in *data* to a connection with a CALL of its own under way, and check every promise."""
    connection = Connection()
    connection.call("c1", "Reset", {"type": "OnIdle"})
    connection.outgoing()
    ended = 0
    for message in data.split(b"\x00"):
        received = connection.receive(message)
        assert len(received) <= 1, "one message, one report"
        sent = connection.outgoing()
        assert len(sent) <= 1, "one message, one answer"
        assert not (received and sent), "reported or refused, not both"
        for text in sent:
            check_refusal(text)
        for one in received:
            ended += isinstance(one, (Answered, Refused))
            react(connection, one)
        connection.receive(message.decode("utf-8", "surrogateescape"))
        connection.outgoing()
    assert ended <= 1, "one CALL of ours, one end"
    assert sum(connection.dropped.values()) + sum(connection.refused.values()) <= 2 * (
        data.count(b"\x00") + 1
    )


def check_refusal(text: str) -> None:
    """What leaves without being asked for is a CALLERROR that a peer can read."""
    frame = decode(text)
    assert isinstance(frame, CallError)
    assert 0 < len(frame.id) <= MAX_ID
    assert frame.code in set(ErrorCode)
    assert len(frame.description) <= 255


def react(connection: Connection, received: object) -> None:
    """Do what a handler may do with it."""
    match received:
        case CallReceived(id=id_, action="Heartbeat"):
            connection.answer(id_, {"currentTime": NOW})
            (text,) = connection.outgoing()
            assert decode(text) == CallResult(id_, {"currentTime": NOW})
        case CallReceived(id=id_) if len(id_) % 2:
            connection.refuse(id_, ErrorCode.NOT_SUPPORTED)
            (text,) = connection.outgoing()
            assert decode(text) == CallError(id_, "NotSupported", "", {})
        case CallReceived():
            return  # a handler that never answers
        case Answered(action=action) | Refused(action=action):
            assert action == "Reset"
        case Dropped(reason=reason):
            assert reason in set(DropReason)


def mutated(randomness: random.Random) -> bytes:
    """A session near the valid ones."""
    data = bytearray(b"\x00".join(randomness.choices(SEEDS, k=randomness.randint(1, 4))))
    for _ in range(randomness.randint(0, 6)):
        start = randomness.randint(0, len(data))
        end = min(len(data), start + randomness.choice((0, 0, 1, 2, 8)))
        data[start:end] = randomness.choice(
            (randomness.choice(TOKENS), randomness.randbytes(randomness.randint(0, 3)))
        )
    return bytes(data)


def run(*, seed: int, sessions: int | None = None, seconds: float | None = None) -> int:
    """Check *sessions* sessions, or as many as fit in *seconds*; returns how many.  One seed, one sequence."""
    randomness = random.Random(seed)
    end = time.monotonic() + seconds if seconds is not None else None
    done = 0
    while (sessions is None or done < sessions) and (end is None or time.monotonic() < end):
        data = mutated(randomness)
        try:
            check_session(data)
        except BaseException:
            print("session:", data, file=sys.stderr)
            raise
        done += 1
    return done


def main() -> None:
    if "--atheris" in sys.argv:
        import atheris  # optional: it is no dependency of the project

        sys.argv.remove("--atheris")
        atheris.instrument_all()
        atheris.Setup(sys.argv, check_session)
        atheris.Fuzz()
        return
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print(f"{run(seed=options.seed, seconds=options.seconds)} sessions, every promise kept")


if __name__ == "__main__":
    main()
