"""Numbers as one says them."""

import pytest

from ocppsec.upgrades.counted import are, counted


@pytest.mark.parametrize(
    ("number", "said"),
    [(0, "no station is"), (1, "1 station is"), (2, "2 stations are"), (10_000, "10000 stations are")],
)
def test_so_many(number, said):
    """None and one are not many."""
    assert are(number, "station") == said
    assert said.startswith(counted(number, "station"))
