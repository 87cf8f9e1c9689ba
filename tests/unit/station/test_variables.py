import pytest

from ocppsec.ocppj.messages import Component, GetVariableData, SetVariableData, Variable
from ocppsec.station.remembered import InstalledRoot
from ocppsec.station.reply import Reconnect
from ocppsec.station.variables import get, write

SECURITY, COMMUNICATION = "SecurityCtrlr", "OCPPCommCtrlr"


def asked(component, variable, instance=None, attribute=None):
    return GetVariableData(
        component=Component(name=component),
        variable=Variable(name=variable, instance=instance),
        attribute_type=attribute,
    )


def setting(component, variable, value, attribute=None):
    return SetVariableData(
        component=Component(name=component),
        variable=Variable(name=variable),
        attribute_value=value,
        attribute_type=attribute,
    )


def read(world, *names, **more):
    return get(asked(*names, **more), world.kept, world.situation)


def written(world, *data, **more):
    return write(setting(*data, **more), world.kept, world.situation)


@pytest.mark.parametrize(
    ("names", "value"),
    [
        pytest.param((SECURITY, "SecurityProfile"), "1", id="active profile"),
        pytest.param((SECURITY, "Identity"), "CS001", id="identity"),
        pytest.param((SECURITY, "OrganizationName"), "Example CSO", id="organization"),
        pytest.param((SECURITY, "CertificateEntries"), "0", id="roots installed"),
        pytest.param((SECURITY, "AdditionalRootCertificateCheck"), "false", id="additional check"),
        pytest.param((COMMUNICATION, "ActiveNetworkProfile"), "1", id="slot in use"),
        pytest.param((COMMUNICATION, "NetworkConfigurationPriority"), "1", id="priority"),
        pytest.param((COMMUNICATION, "MessageTimeout", "Default"), "30", id="an instance"),
        pytest.param((COMMUNICATION, "WebSocketPingInterval"), "60", id="a default"),
        pytest.param(("ClockCtrlr", "DateTime"), "2026-11-22T12:00:00.000Z", id="the station's clock"),
        pytest.param(("ChargingStation", "SerialNumber"), "SN-1", id="serial number"),
        pytest.param(("ChargingStation", "Model"), "ocppsec-1", id="model"),
        pytest.param(("ChargingStation", "VendorName"), "ocppsec", id="vendor"),
        pytest.param(("ChargingStation", "FirmwareVersion"), "1.0.0", id="firmware"),
        pytest.param(("securityctrlr", "SECURITYPROFILE"), "1", id="names have no case"),
    ],
)
def test_what_can_be_read(world, names, value):
    """B06: Accepted with the Actual value, and the attribute named even when it was not asked for."""
    result = read(world, *names)
    assert (result.attribute_status, result.attribute_value, result.attribute_type) == (
        "Accepted",
        value,
        "Actual",
    )


@pytest.mark.parametrize(
    ("names", "more", "status"),
    [
        pytest.param(("Nonsense", "SecurityProfile"), {}, "UnknownComponent", id="component"),
        pytest.param((SECURITY, "Nonsense"), {}, "UnknownVariable", id="variable"),
        pytest.param((COMMUNICATION, "MessageTimeout", "Other"), {}, "UnknownVariable", id="instance"),
        pytest.param((COMMUNICATION, "MessageTimeout"), {}, "UnknownVariable", id="no instance"),
        pytest.param(
            (SECURITY, "SecurityProfile"),
            {"attribute": "Target"},
            "NotSupportedAttributeType",
            id="attribute",
        ),
        pytest.param((SECURITY, "BasicAuthPassword"), {}, "Rejected", id="B06.FR.09 write only"),
    ],
)
def test_what_cannot_be_read(world, names, more, status):
    """B06: each kind of question that has no answer has its status, and no value comes along."""
    result = read(world, *names, **more)
    assert (result.attribute_status, result.attribute_value) == (status, None)


def test_a_component_of_an_evse_is_another_component(world):
    """SecurityCtrlr belongs to the station, not to an EVSE."""
    question = GetVariableData(
        component=Component(name=SECURITY, instance="2"), variable=Variable(name="SecurityProfile")
    )
    assert get(question, world.kept, world.situation).attribute_status == "UnknownComponent"


@pytest.mark.parametrize(
    ("component", "variable", "value", "status"),
    [
        pytest.param(SECURITY, "OrganizationName", "Other CSO", "Accepted", id="text"),
        pytest.param(SECURITY, "OrganizationName", "x" * 65, "Rejected", id="text too long"),
        pytest.param(SECURITY, "AllowCSMSTLSWildcards", "true", "Accepted", id="boolean"),
        pytest.param(SECURITY, "AllowCSMSTLSWildcards", "yes", "Rejected", id="no boolean"),
        pytest.param(COMMUNICATION, "WebSocketPingInterval", "0", "Accepted", id="0 switches pings off"),
        pytest.param(COMMUNICATION, "WebSocketPingInterval", "-1", "Rejected", id="negative ping interval"),
        pytest.param(COMMUNICATION, "HeartbeatInterval", "0", "Rejected", id="below the minimum"),
        pytest.param(COMMUNICATION, "RetryBackOffWaitMinimum", "x", "Rejected", id="no integer"),
        pytest.param(COMMUNICATION, "RetryBackOffWaitMinimum", "1.5", "Rejected", id="a fraction"),
        pytest.param(COMMUNICATION, "RetryBackOffWaitMinimum", "9" * 5000, "Rejected", id="a huge integer"),
        pytest.param(SECURITY, "CertSigningRepeatTimes", "17", "Rejected", id="above the maximum"),
        pytest.param("ClockCtrlr", "TimeSource", "Heartbeat", "Accepted", id="in the valuesList"),
        pytest.param("ClockCtrlr", "TimeSource", "Sundial", "Rejected", id="not in the valuesList"),
        pytest.param(SECURITY, "SecurityProfile", "3", "Rejected", id="read only"),
        pytest.param(SECURITY, "Identity", "CS002", "Rejected", id="read only identity"),
        pytest.param(SECURITY, "Nonsense", "1", "UnknownVariable", id="unknown variable"),
        pytest.param("Nonsense", "SecurityProfile", "1", "UnknownComponent", id="unknown component"),
    ],
)
def test_what_can_be_written(world, component, variable, value, status):
    """B05: the value is kept when Accepted, and only then."""
    outcome = written(world, component, variable, value)
    assert outcome.result.attribute_status == status
    assert (outcome.kept == world.kept) == (status != "Accepted")
    assert outcome.result.component.name == component  # B05.FR.02
    assert outcome.result.attribute_type == "Actual"  # B05.FR.12


def test_a_written_value_is_read_back(world):
    """And by every spelling of its name."""
    kept = written(world, "ocppcommctrlr", "retrybackoffwaitminimum", "7").kept
    assert get(asked(COMMUNICATION, "RetryBackOffWaitMinimum"), kept, world.situation).attribute_value == "7"


def test_another_attribute_is_not_supported(world):
    """B05: only Actual can be written."""
    outcome = written(world, SECURITY, "OrganizationName", "x", attribute="Target")
    assert outcome.result.attribute_status == "NotSupportedAttributeType"


@pytest.mark.parametrize(
    ("password", "status"),
    [
        pytest.param("x" * 15, "Rejected", id="TC_A_10_CS 15 characters"),
        pytest.param("x" * 16, "Accepted", id="16 characters"),
        pytest.param("x" * 40, "Accepted", id="40 characters"),
        pytest.param("x" * 41, "Rejected", id="41 characters"),
        pytest.param("*-_=:+|@.*-_=:+|@.", "Accepted", id="all symbols of passwordString"),
        pytest.param("sixteen letters§", "Rejected", id="other characters"),
    ],
)
def test_a_password_is_kept_and_used_at_once(world, password, status):
    """A01.FR.01: stored, and the station reconnects with it; a bad one changes nothing."""
    outcome = written(world, SECURITY, "BasicAuthPassword", password)
    assert outcome.result.attribute_status == status
    accepted = status == "Accepted"
    assert (outcome.kept.password == password) == accepted
    assert bool(outcome.effects) == accepted
    assert all(isinstance(effect, Reconnect) for effect in outcome.effects)


def test_a_password_is_not_written_to_the_log(world):
    """A01.FR.11, 12: the change is in the security log, its value is not, nor in any answer."""
    outcome = written(world, SECURITY, "BasicAuthPassword", "sixteen-secrets-")
    assert outcome.kept.log[-1].type == "ReconfigurationOfSecurityParameters"
    assert "sixteen-secrets-" not in repr((outcome.kept.log, outcome.result, outcome.kept, outcome.effects))
    rejected = written(world, SECURITY, "BasicAuthPassword", "short-secret")
    assert "short-secret" not in repr(rejected)


def test_a_password_does_not_end_a_connection_without_one(world):
    """On profile 3 it is only kept."""
    outcome = written(world.on(3), SECURITY, "BasicAuthPassword", "x" * 20)
    assert (outcome.result.attribute_status, outcome.effects) == ("Accepted", ())


def prioritised(world, value):
    outcome = written(world, COMMUNICATION, "NetworkConfigurationPriority", value)
    info = outcome.result.attribute_status_info
    return outcome.result.attribute_status, info and info.reason_code, outcome


def ready_for(world, number):
    return world.but(slots=world.kept.slots | {2: world.profile(number)})


def test_a_priority_with_a_root_is_accepted(world):
    """A05.FR.04: listed for the next reboot; SecurityProfile stays, nothing reconnects."""
    status, _, outcome = prioritised(ready_for(world.with_root(), 2), "2,1")
    assert (status, outcome.kept.priority, outcome.effects) == ("Accepted", (2, 1), ())
    assert outcome.kept.security_profile == 1


def test_a_priority_without_a_root_is_rejected(world):
    """A05.FR.02: no TLS slot without a valid CSMSRootCertificate; nothing changes."""
    status, code, outcome = prioritised(ready_for(world, 2), "2,1")
    assert (status, code, outcome.kept.priority) == ("Rejected", "InvalidCertificate", (1,))


def test_a_root_that_ended_is_no_root(world):
    """A05.FR.02 says valid."""
    old = world.new_root("Old", begin=world.now.replace(year=2020), end=world.now.replace(year=2021))
    world = ready_for(world.but(roots=(InstalledRoot("CSMSRootCertificate", old.pem),)), 2)
    assert prioritised(world, "2,1")[:2] == ("Rejected", "InvalidCertificate")


def test_a_root_for_something_else_is_no_root(world):
    """Only a CSMSRootCertificate opens a TLS slot."""
    other = InstalledRoot("ManufacturerRootCertificate", world.root.pem)
    assert prioritised(ready_for(world.but(roots=(other,)), 2), "2,1")[0] == "Rejected"


def test_profile_three_needs_a_certificate(world):
    """A05.FR.03."""
    assert prioritised(ready_for(world.with_root(), 3), "2,1")[:2] == ("Rejected", "InvalidCertificate")
    assert prioritised(ready_for(world.with_certificate(), 3), "2,1")[0] == "Accepted"


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"common_name": "SN-2"}, id="of another station"),
        pytest.param({"organization": "Other CSO"}, id="of another organization"),
        pytest.param({"ended": True}, id="ended"),
    ],
)
def test_an_invalid_certificate_is_no_certificate(world, wrong):
    """A05.FR.03 says valid: for this station, of this CSO, now."""
    if wrong.pop("ended", False):
        wrong = {"begin": world.now.replace(year=2025), "end": world.now.replace(month=1)}
    assert prioritised(ready_for(world.with_certificate(**wrong), 3), "2,1")[0] == "Rejected"


def test_a_priority_that_is_no_list_is_rejected(world):
    """Before any slot is looked at."""
    assert prioritised(world, "1,1")[:2] == ("Rejected", "InvalidValue")
