"""Any text and any bytes: properties of `receive`, and a short run of the fuzz target."""

import importlib.util
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocppsec.ocppj.connection import Connection
from ocppsec.ocppj.frames import CallError, Unreadable, decode

TARGET = Path(__file__).parents[2] / "fuzz" / "fuzz_receive.py"


def load_target():
    spec = importlib.util.spec_from_file_location("fuzz_receive", TARGET)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


fuzz_receive = load_target()
patiently = settings(deadline=None, max_examples=150)

any_text = st.text(alphabet=st.characters(exclude_categories=()))  # lone surrogates included
any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_text, inner, max_size=4),
    max_leaves=20,
)
near_frames = st.lists(any_json, max_size=4).flatmap(
    lambda rest: st.sampled_from([2, 3, 4, 5, "2", None]).map(lambda kind: json.dumps([kind, *rest]))
)
near_calls = st.tuples(
    st.sampled_from(["s1", "c1", "-1"]), st.sampled_from(["Heartbeat", "Reset", "X"]), any_json
).map(lambda parts: json.dumps([2, *parts]))
near_answers = st.tuples(st.sampled_from([3, 4]), st.sampled_from(["s1", "c1", "-1"]), any_json).map(
    json.dumps
)
messages = any_text | st.binary() | near_frames | near_calls | near_answers


@patiently
@given(st.lists(messages, max_size=8))
def test_nothing_a_peer_sends_raises(session):
    """Any text or bytes is reported, refused with a readable CALLERROR, or dropped and counted."""
    connection = Connection()
    connection.call("c1", "Reset", {"type": "OnIdle"})
    connection.outgoing()
    for message in session:
        before = connection.dropped.total() + connection.refused.total()
        received = connection.receive(message)
        sent = connection.outgoing()
        assert len(received) + len(sent) <= 1
        assert all(isinstance(decode(text), CallError) for text in sent)
        counted = connection.dropped.total() + connection.refused.total() - before
        assert counted <= 1
        assert counted or received or connection._answering is not None


@patiently
@given(st.binary() | any_text)
def test_sessions_split_anywhere_keep_every_promise(data):
    """The fuzz target holds for arbitrary bytes, too."""
    fuzz_receive.check_session(data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass"))


@patiently
@given(
    st.lists(
        st.tuples(st.sampled_from("abc\u003a"), st.sampled_from([1, "x:y", {"a": 1}, [{"a": 1}]])), max_size=4
    )
)
def test_exactly_the_repeated_names_are_refused(members):
    """An object is refused when two of its names are equal, however they are spelt, and never otherwise."""
    names = [name for name, _ in members]
    body = ",".join(f"{json.dumps(name)}:{json.dumps(value)}" for name, value in members)
    escaped = ",".join(f'"\\u{ord(name):04x}" : {json.dumps(value)}' for name, value in members)
    for text in (body, escaped):
        message = f'[2,"s1","X",{{"x":{{{text}}}}}]'
        if len(set(names)) == len(names):
            assert decode(message).payload == {"x": dict(members)}
        else:
            with pytest.raises(Unreadable, match="twice"):
                decode(message)


@pytest.mark.parametrize("seed", range(4))
def test_the_fuzz_target_keeps_its_promises(seed):
    """A fixed-seed run of the fuzz target finds nothing."""
    assert fuzz_receive.run(seed=seed, sessions=500) == 500


@pytest.mark.parametrize("seed", fuzz_receive.SEEDS)
def test_the_seeds_keep_their_promises(seed):
    """Each session the fuzz target starts from is in order."""
    fuzz_receive.check_session(seed)
