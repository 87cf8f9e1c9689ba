import pytest

from ocppsec.station.signing import start_asking


def gaps(wait, repeats):
    asking = start_asking("csr", "key", wait=wait, repeats=repeats)
    found = []
    while asking is not None:
        asking, gap = asking.sent()
        if gap is not None:
            found.append(gap)
    return found


@pytest.mark.parametrize(
    ("repeats", "expected"),
    [
        pytest.param(0, [10], id="no doubling: once again after the minimum"),
        pytest.param(1, [10, 20], id="TC_A_23_CS: at 0, W and W + 2 W"),
        pytest.param(3, [10, 20, 40, 80], id="three doublings"),
    ],
)
def test_a_request_is_repeated_with_doubled_waits_and_then_no_more(repeats, expected):
    """A02.FR.17 to 19: CertSigningRepeatTimes counts the doublings."""
    assert gaps(10, repeats) == expected
