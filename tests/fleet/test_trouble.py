"""What befalls a server, and what is seen of it: the harness itself, against servers that do it wrong."""

import json
import random
import sqlite3
from types import SimpleNamespace

import pytest
from trouble import Troubles, locked, outage

AWAY = (503, json.dumps({"type": "urn:ocppsec:problem:store-unavailable"}))
RIGHT = {
    "/healthz": (200, "{}"),
    "/stations/CP1": (200, "{}"),
    "/readyz": AWAY,
    "/stations/CP1/labels": AWAY,
}


class Answers:
    """A server that answers as it is told to."""

    def __init__(self, alive=True, **changed):
        self.alive = alive
        self._answers = RIGHT | {path.replace("_", "/"): answer for path, answer in changed.items()}
        self.up = SimpleNamespace(api=lambda _method, path, *_: self._answers[path])

    def query(self, _sql):
        return [("CP1",)]


@pytest.mark.parametrize(
    ("server", "seen"),
    [
        pytest.param(Answers(), "", id="right"),
        pytest.param(Answers(_healthz=AWAY), "it lives", id="it hangs"),
        pytest.param(Answers(_readyz=(200, "{}")), "it is not ready", id="it says that it is ready"),
        pytest.param(Answers(_stations_CP1=AWAY), "it reads", id="it cannot read"),
        pytest.param(
            Answers(_stations_CP1_labels=(200, "{}")), "it refuses a change", id="it says that it is done"
        ),
        pytest.param(Answers(_readyz=(503, '{"type": "about:blank"}')), "another reason", id="another 503"),
        pytest.param(Answers(alive=False), "has ended", id="it has ended"),
    ],
)
def test_what_is_wrong_in_an_outage(server, seen):
    """Each thing that a server without its database has to do is missed when it does not do it."""
    wrong = outage(server, 0, "lock")

    assert (len(wrong), seen in "".join(wrong)) == (1 if seen else 0, True), wrong


def test_the_lock_is_one(tmp_path):
    """Nobody else can write meanwhile, everybody can read; afterwards all is as before."""
    connection = sqlite3.connect(tmp_path / "ocppsec.db", timeout=0, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE stations (identity)")
    with locked(tmp_path):
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            connection.execute("INSERT INTO stations VALUES ('CP1')")
        assert connection.execute("SELECT count(*) FROM stations").fetchone() == (0,)
    connection.execute("INSERT INTO stations VALUES ('CP1')")
    connection.close()


def test_a_seed_replays():
    """The same points and kinds, in the same order; another seed has others."""

    def drawn(seed):
        server = SimpleNamespace(kill=lambda: None)
        said = []
        troubles = Troubles(server, random.Random(seed), {"kill": 3}, say=said.append)
        struck = [share for share in range(100) if troubles.look(share / 100)]
        assert troubles.seen["kill"] == len(said) == len(struck) == 3
        return struck

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)
