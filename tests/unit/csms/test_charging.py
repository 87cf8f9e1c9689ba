"""What is known of charging, from TransactionEvent and StatusNotification."""

import pytest

from ocppsec.csms.charging import Charging


def event(kind, transaction="T1", **more):
    return ("transaction", {"eventType": kind, "transactionInfo": {"transactionId": transaction}, **more})


def status(connector_status, connector=1):
    return ("status", {"connectorStatus": connector_status, "evseId": 1, "connectorId": connector})


PLACE = {"evse": {"id": 1, "connectorId": 1}}


@pytest.mark.parametrize(
    ("told", "charging"),
    [
        pytest.param([], None, id="nothing said"),
        pytest.param([event("Started")], True, id="begun"),
        pytest.param([event("Updated")], True, id="begun before this process"),
        pytest.param([event("Started"), event("Ended")], False, id="ended"),
        pytest.param([event("Ended")], False, id="an end whose beginning nobody saw"),
        pytest.param([event("Started"), event("Started", "T2"), event("Ended")], True, id="one of two ended"),
        pytest.param([status("Available")], False, id="free connector"),
        pytest.param(
            [status("Available"), status("Occupied", 2)], None, id="a cable, and no transaction seen"
        ),
        pytest.param([status("Occupied"), status("Available")], False, id="cable gone"),
        pytest.param([status("Occupied"), event("Started", **PLACE)], True, id="cable and transaction"),
        pytest.param(
            [status("Occupied"), event("Started", **PLACE), event("Ended")], False, id="ended, cable still in"
        ),
        pytest.param(
            [status("Occupied", 2), event("Started", **PLACE), event("Ended")], None, id="other cable"
        ),
        pytest.param([event("Started"), ("forget", None)], None, id="booted since"),
    ],
)
def test_what_is_known(told, charging):
    """True while a transaction is open, False once it is known that none is, None for the rest."""
    known = Charging()
    for kind, payload in told:
        getattr(known, kind)("CP1", *([payload] if payload is not None else []))
    assert known.of("CP1") is charging
    assert known.of("CP2") is None


def test_one_station_cannot_fill_the_memory():
    """Transactions that never end, and connectors without number, are kept up to a bound."""
    known = Charging()
    for number in range(1000):
        known.transaction("CP1", event("Started", f"T{number}")[1])
        known.status("CP1", status("Occupied", number)[1])
    assert len(known._known["CP1"].open) == len(known._known["CP1"].taken) == 64
