"""The security log cannot be changed unnoticed."""

import json
import stat

import pytest

from ocppsec.observability.security_log import Broken, Intact, SecurityLog, verify


@pytest.fixture
def path(tmp_path):
    return tmp_path / "security-log.jsonl"


def write(path, *numbers):
    log = SecurityLog(path)
    for number in numbers:
        log.append({"event": "e", "number": number})
    log.close()


def test_what_was_written_verifies(path):
    """Rows of several runs form one chain."""
    write(path, 1, 2)
    write(path, 3)
    found = verify(path)
    assert isinstance(found, Intact)
    assert found.rows == 3
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "tamper",
    [
        pytest.param(lambda rows: [rows[0].replace("1", "9"), *rows[1:]], id="changed"),
        pytest.param(lambda rows: [rows[0], *rows[2:]], id="taken-out"),
        pytest.param(lambda rows: rows[1:], id="first-taken-out"),
        pytest.param(lambda rows: [rows[1], rows[0], *rows[2:]], id="swapped"),
        pytest.param(lambda rows: [rows[0], rows[0], *rows[1:]], id="doubled"),
        pytest.param(lambda rows: ["garbage", *rows[1:]], id="replaced-by-garbage"),
        pytest.param(lambda rows: [rows[0], "{}", *rows[1:]], id="row-without-hash"),
    ],
)
def test_a_change_breaks_the_chain(path, tamper):
    """A row changed, taken out, moved or put in is found."""
    write(path, 1, 2, 3)
    path.write_text("\n".join(tamper(path.read_text().splitlines())) + "\n")
    assert isinstance(verify(path), Broken)


def test_rows_cut_off_at_the_end_change_the_last_hash(path):
    """Who noted the last hash elsewhere notices."""
    write(path, 1, 2, 3)
    whole = verify(path)
    path.write_text("\n".join(path.read_text().splitlines()[:-1]) + "\n")
    cut = verify(path)
    assert isinstance(whole, Intact)
    assert isinstance(cut, Intact)
    assert cut.last != whole.last


def test_a_row_torn_by_a_crash_is_chained_over(path):
    """The next start closes the torn row, and the chain goes on over it."""
    write(path, 1)
    with path.open("a") as file:
        file.write('{"event": "e", "numb')
    write(path, 2, 3)
    found = verify(path)
    assert isinstance(found, Intact)
    assert found.rows == 4


def test_an_empty_log_is_intact(path):
    """Nothing happened yet."""
    write(path)
    assert verify(path) == Intact(rows=0, last="0" * 64)


def test_rows_are_json_with_the_facts(path):
    """One object a line."""
    write(path, 7)
    row = json.loads(path.read_text())
    assert (row["number"], row["previous"]) == (7, "0" * 64)


class FillsUp:
    """A file on a disk that has room for some bytes more, until it is cleared."""

    def __init__(self, file, room):
        self._file = file
        self.room = room

    def write(self, data):
        if not self.room:
            raise OSError(28, "No space left on device")
        taken = self._file.write(data[: self.room])
        self.room -= taken
        return taken

    def __getattr__(self, name):
        return getattr(self._file, name)


@pytest.mark.parametrize("room", [pytest.param(0, id="none"), pytest.param(40, id="for-a-part")])
def test_a_full_disk_costs_rows_and_never_the_chain(path, room):
    """A row the disk took in part is an error; when there is room again, the next one chains over it."""
    log = SecurityLog(path)
    log.append({"number": 1})
    log._file = FillsUp(log._file, room)
    for number in (2, 3):
        with pytest.raises(OSError, match="space"):
            log.append({"number": number})
    log._file.room = 10_000
    log.append({"number": 4})
    log.append({"number": 5})
    log.close()
    assert isinstance(verify(path), Intact)
    assert '"number": 5' in path.read_text().splitlines()[-1]
