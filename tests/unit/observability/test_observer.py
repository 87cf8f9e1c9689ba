"""What becomes of events."""

import io
import json
import logging
from datetime import UTC, datetime

import pytest

from ocppsec import events
from ocppsec.observability import Metrics, Observer, SecurityLog, configure_logging
from ocppsec.observability.restraint import Restraint

NOW = datetime(2026, 11, 22, tzinfo=UTC)
REFUSED = events.ConnectionRefused(
    door="ws", address="10.0.0.7", identity="CS001", reason="wrong-password", status=401,
    presented="Basic credentials", expected="the password", advice="set it anew",
)  # fmt: skip
CONNECTED = events.StationConnected(
    identity="CS001", profile=3, door="mtls", address="10.0.0.7", replaced=False
)


@pytest.fixture(autouse=True)
def _logging_as_it_was():
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = before


@pytest.fixture
def stream():
    return io.StringIO()


@pytest.fixture
def log(tmp_path):
    log = SecurityLog(tmp_path / "security-log.jsonl")
    yield log
    log.close()


@pytest.fixture
def observer(stream, log):
    return Observer(logger=configure_logging(stream), metrics=Metrics(), security_log=log, clock=lambda: NOW)


def test_an_event_becomes_a_log_line(observer, stream):
    """JSON off a terminal, with the stable name and every fact."""
    observer.emit(REFUSED)
    line = json.loads(stream.getvalue())
    assert (line["event"], line["level"], line["reason"]) == (
        "connection-refused",
        "warning",
        "wrong-password",
    )
    assert line["timestamp"].endswith("Z")


def test_only_security_events_are_kept(observer, log):
    """The security log has what an operator's log must have, and no more."""
    observer.emit(REFUSED)
    observer.emit(CONNECTED)
    rows = [json.loads(line) for line in log.path.read_text().splitlines()]
    assert [row["event"] for row in rows] == ["connection-refused"]
    assert rows[0]["at"] == NOW.isoformat()


def test_a_full_disk_costs_rows_and_nothing_else(observer, log, stream):
    """When the security log cannot be written, that is logged and counted; nothing raises."""
    log._file.close()

    class Full:
        closed = True

        def write(self, _data):
            raise OSError(28, "No space left on device")

    log._file = Full()
    observer.emit(REFUSED)
    assert "No space left" in stream.getvalue()
    assert b"ocppsec_security_log_failures_total 1.0" in observer.metrics.render()


def test_listeners_hear_everything_while_they_listen(observer):
    """A listener is called for each event, and no longer afterwards."""
    heard: list[events.Event] = []
    with observer.listening(heard.append):
        observer.emit(CONNECTED)
    observer.emit(REFUSED)
    assert heard == [CONNECTED]


def test_a_bug_is_logged_without_its_message(observer, stream):
    """The log has the kind and the way; the message, which may hold what was sent, is left out."""
    try:
        raise ValueError("hunter2hunter2")
    except ValueError as error:
        observer.tell_bug("incident-1", error)
    line = json.loads(stream.getvalue())
    assert (line["incident"], line["kind"]) == ("incident-1", "ValueError")
    assert "hunter2" not in stream.getvalue()


def test_values_of_secret_keys_are_never_written(stream):
    """The last net catches what should not have come so far."""
    logger = configure_logging(stream)
    logger.info(
        "x", password="hunter2", Authorization="Basic abc", ca_passphrase="y", api_token="z", other="seen"
    )
    line = json.loads(stream.getvalue())
    assert {line[key] for key in ("password", "Authorization", "ca_passphrase", "api_token")} == {
        "(not shown)"
    }
    assert line["other"] == "seen"


def test_lines_of_libraries_are_json_too(stream):
    """A warning of the standard library's logging has the same form."""
    configure_logging(stream)
    logging.getLogger("uvicorn.error").warning("something %s", "odd")
    assert json.loads(stream.getvalue())["event"] == "something odd"


def test_levels_below_the_threshold_are_dropped(stream):
    """`warning` says nothing of what goes its way."""
    logger = configure_logging(stream, level="warning")
    logger.info("quiet")
    logger.warning("loud")
    assert "quiet" not in stream.getvalue()
    assert "loud" in stream.getvalue()


def test_on_a_terminal_lines_are_words():
    """Console form is chosen by the terminal."""

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    configure_logging(terminal).info("station-connected", identity="CS001")
    assert "station-connected" in terminal.getvalue()
    assert not terminal.getvalue().startswith("{")


def test_a_traceback_never_shows_variables(stream):
    """Exceptions in log lines have no local variables with them."""
    logger = configure_logging(stream, form="console")

    def breaks():
        password = "local-hunter2"
        raise ValueError(len(password))

    try:
        breaks()
    except ValueError:
        logger.exception("odd")
    assert "ValueError" in stream.getvalue()
    assert "local-hunter2" not in stream.getvalue().replace('password = "local-hunter2"', "")


@pytest.mark.parametrize(
    ("event", "sample"),
    [
        (CONNECTED, b'ocppsec_admissions_total{profile="3"} 1.0'),
        (REFUSED, b'ocppsec_refusals_total{reason="wrong-password"} 1.0'),
        (
            events.HandshakeFailed(door="mtls", address="a", reason="r", advice=""),
            b'ocppsec_handshake_failures_total{door="mtls"} 1.0',
        ),
        (
            events.UpgradeEnded(identity="CS001", upgrade="u", outcome="done", profile=3, reason=""),
            b'ocppsec_upgrades_total{outcome="done"} 1.0',
        ),
        (
            events.SecurityEventReceived(identity="CS001", type="x" * 50, timestamp="", tech_info=None),
            b'ocppsec_security_events_total{type="other"} 1.0',
        ),
        (
            events.SecurityEventReceived(
                identity="CS001", type="InvalidTLSVersion", timestamp="", tech_info=None
            ),
            b'ocppsec_security_events_total{type="InvalidTLSVersion"} 1.0',
        ),
        (events.FloorRaised(identity="CS001", old=1, new=2), b'ocppsec_floors_raised_total{profile="2"} 1.0'),
        (
            events.CertificateIssued(identity=None, serial_number="1", fingerprint="f", not_after=""),
            b'ocppsec_certificates_issued_total{kind="server"} 1.0',
        ),
    ],
    ids=lambda value: value.name if isinstance(value, events.Event) else "",
)
def test_events_are_counted(event, sample):
    """Each has its counter, and no label names a station or an address."""
    metrics = Metrics()
    metrics.count(event)
    told = metrics.render()
    assert sample in told
    assert b"CS001" not in told
    assert b"10.0.0.7" not in told


def test_connections_are_counted_when_asked():
    """The gauge asks the CSMS, so it cannot drift; profiles without connections are 0."""
    metrics = Metrics()
    metrics.watch_connections(lambda: {3: 2})
    told = metrics.render()
    assert b'ocppsec_connections{profile="3"} 2.0' in told
    assert b'ocppsec_connections{profile="1"} 0.0' in told


def test_strangers_cannot_fill_the_disk(stream, log):
    """Rows that anybody can cause are bounded; how many were left out is said, and others' rows are all kept."""
    now = [0.0]
    metrics = Metrics()
    observer = Observer(
        logger=configure_logging(stream, level="error"),
        metrics=metrics,
        security_log=log,
        clock=lambda: NOW,
        monotonic=lambda: now[0],
    )
    for _ in range(10_000):
        observer.emit(REFUSED)
    observer.emit(events.FloorRaised(identity="CS001", old=1, new=2))
    now[0] = 61.0
    observer.emit(REFUSED)
    rows = [json.loads(line) for line in log.path.read_text().splitlines()]
    assert len(rows) == 22
    assert rows[-2]["event"] == "floor-raised"
    assert rows[-1]["left_out_before"] == 9_980
    assert b"ocppsec_left_out_total 9980.0" in metrics.render()


def test_a_chattering_station_cannot_fill_the_log(stream, log):
    """Stray answers are counted, and written twenty a minute for a station."""
    metrics = Metrics()
    observer = Observer(
        logger=configure_logging(stream, form="json"),
        metrics=metrics,
        security_log=log,
        clock=lambda: NOW,
        monotonic=lambda: 0.0,
    )
    for _ in range(1000):
        observer.emit(events.MessageDropped(identity="CS001", reason="late-answer"))
    observer.emit(events.MessageDropped(identity="CS002", reason="late-answer"))
    lines = stream.getvalue().splitlines()
    assert len(lines) == 21
    assert "CS002" in lines[-1]
    assert b"ocppsec_messages_dropped_total" in metrics.render()


def test_one_noisy_address_does_not_silence_the_others():
    """Each address has its own share; all together have one, in bounded memory."""
    restraint = Restraint()
    assert [restraint.left_out_before("a", 0.0) for _ in range(21)] == [0] * 20 + [None]
    assert restraint.left_out_before("b", 0.0) == 1
    for number in range(100_000):
        restraint.left_out_before(str(number), 0.0)
    assert restraint.left_out_before("c", 0.0) is None
    assert len(restraint._by_address) <= 1000
    assert restraint.left_out_before("c", 60.0) is not None


@pytest.mark.parametrize(
    "text", ["\x1b]0;title\x07", "\x1b[2J", "\r\x1b[1Aall is well", "\u202egnp.exe", "a\nfake"]
)
def test_no_control_character_of_a_station_reaches_a_terminal(stream, text):
    """What a station says of itself is shown, escaped: it moves no cursor and makes no line of its own."""
    configure_logging(stream, form="console").info("security-event-received", tech_info=text)
    written = stream.getvalue()
    assert written.endswith("\n")
    assert written[:-1].isprintable()
    assert "tech_info=" in written


class FullDisk(io.StringIO):
    def write(self, text):
        raise OSError(28, "No space left on device")


class ClosedPipe(io.StringIO):
    def write(self, text):
        raise ValueError("I/O operation on closed file.")


@pytest.mark.parametrize("stream", [FullDisk(), ClosedPipe()], ids=["full-disk", "closed"])
def test_a_log_that_takes_nothing_costs_no_connection(log, stream):
    """Whoever emits is never told: lines are lost and counted, the security log and the metrics go on."""
    watched = Observer(
        logger=configure_logging(stream), metrics=Metrics(), security_log=log, clock=lambda: NOW
    )
    watched.emit(REFUSED)
    watched.tell_bug("incident", RuntimeError())
    assert b"ocppsec_log_failures_total 2.0" in watched.metrics.render()
    assert b'ocppsec_refusals_total{reason="wrong-password"} 1.0' in watched.metrics.render()
    assert len(log.path.read_text().splitlines()) == 1
