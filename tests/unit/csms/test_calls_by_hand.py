"""What may not be sent to a station by hand."""

import pytest

from ocppsec.csms.calls_by_hand import objection

SECRET = "correct-horse-battery"


def variable(name, value, component="SecurityCtrlr"):
    one = {"component": {"name": component}, "variable": {"name": name}, "attributeValue": value}
    return {"setVariableData": [one]}


def slot(profile):
    return {"configurationSlot": 2, "connectionData": {"securityProfile": profile}}


@pytest.mark.parametrize(
    ("action", "payload", "floor", "instead"),
    [
        pytest.param(
            "SetVariables", variable("BasicAuthPassword", SECRET), 1, "rotate-password CS1", id="password"
        ),
        pytest.param(
            "SetVariables", variable("basicAUTHpassword", SECRET), 2, "rotate-password CS1", id="any case"
        ),
        pytest.param(
            "SetVariables",
            variable("BasicAuthPassword", SECRET, "NetworkConfiguration"),
            3,
            "rotate-password CS1",
            id="password of a slot",
        ),
        pytest.param(
            "SetVariables",
            {"setVariableData": [*variable("A", "1")["setVariableData"], *variable("BasicAuthPassword", SECRET)["setVariableData"]]},
            1,
            "rotate-password CS1",
            id="password among others",
        ),
        pytest.param("SetNetworkProfile", slot(1), 2, "station downgrade CS1", id="slot below the floor"),
        pytest.param("SetNetworkProfile", slot(2.0), 3, "station downgrade CS1", id="as a fraction"),
        pytest.param(
            "SetVariables",
            variable("SecurityProfile", "2", "NetworkConfiguration"),
            3,
            "station downgrade CS1",
            id="profile of a slot",
        ),
    ],
)  # fmt: skip
def test_what_would_lock_a_station_out(action, payload, floor, instead):
    """A call that a station could not come back from is refused with the command that does it right."""
    refused = objection("CS1", action, payload, floor)

    assert instead in refused.advice
    assert SECRET not in f"{refused.reason} {refused.advice}"


@pytest.mark.parametrize(
    ("action", "payload", "floor"),
    [
        pytest.param("SetNetworkProfile", slot(2), 2, id="slot on its floor"),
        pytest.param("SetNetworkProfile", slot(3), 2, id="slot above its floor"),
        pytest.param("SetVariables", variable("SecurityProfile", "3"), 3, id="profile on its floor"),
        pytest.param("SetVariables", variable("HeartbeatInterval", "1"), 3, id="another variable"),
        pytest.param("SetVariables", variable("AllowSecurityProfileDowngrade", "true"), 3, id="the permission"),
        pytest.param("GetVariables", variable("BasicAuthPassword", ""), 3, id="asked for, not set"),
        pytest.param("Reset", {"type": "OnIdle"}, 3, id="another call"),
        pytest.param("SetVariables", {"setVariableData": [None, {"variable": 1}, {"variable": {}}]}, 3, id="odd"),
        pytest.param("SetVariables", {"setVariableData": {"variable": {"name": 1}}}, 3, id="no list"),
        pytest.param("SetNetworkProfile", {"connectionData": [1]}, 3, id="no connection data"),
        pytest.param("SetNetworkProfile", slot("none"), 3, id="no profile"),
        pytest.param("SetNetworkProfile", slot(float("inf")), 3, id="no number"),
    ],
)  # fmt: skip
def test_everything_else_is_for_the_schema_and_the_station(action, payload, floor):
    """Nothing else is held back, however odd: the schema says what is wrong with it."""
    assert objection("CS1", action, payload, floor) is None
