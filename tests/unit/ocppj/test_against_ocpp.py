"""A foreign judge: what the package ``ocpp`` packs we unpack, and the reverse."""

import ocpp.messages as theirs
import pytest
from ocpp.charge_point import camel_to_snake_case, remove_nones, serialize_as_dict, snake_to_camel_case
from ocpp.v201 import call, call_result, datatypes, enums

from ocppsec.ocppj import messages as ours
from ocppsec.ocppj.connection import Answered, CallReceived, Connection
from ocppsec.ocppj.messages import parse_request, parse_response, to_payload

NOW = "2031-01-05T12:00:00.000Z"
COMPONENT = ours.Component(name="OCPPCommCtrlr")
VARIABLE = ours.Variable(name="NetworkConfigurationPriority")
THEIR_COMPONENT = datatypes.ComponentType(name="OCPPCommCtrlr")
THEIR_VARIABLE = datatypes.VariableType(name="NetworkConfigurationPriority")

REQUESTS = [
    pytest.param(
        call.BootNotification(
            charging_station=datatypes.ChargingStationType(model="m", vendor_name="v", serial_number="S1"),
            reason=enums.BootReasonEnumType.power_up,
        ),
        ours.BootNotificationRequest(
            reason=ours.BootReason.POWER_UP,
            charging_station=ours.ChargingStation(model="m", vendor_name="v", serial_number="S1"),
        ),
        id="BootNotification",
    ),
    pytest.param(call.Heartbeat(), ours.HeartbeatRequest(), id="Heartbeat"),
    pytest.param(
        call.SetVariables(
            set_variable_data=[
                datatypes.SetVariableDataType(
                    attribute_value="2,1", component=THEIR_COMPONENT, variable=THEIR_VARIABLE
                )
            ]
        ),
        ours.SetVariablesRequest(
            set_variable_data=(
                ours.SetVariableData(attribute_value="2,1", component=COMPONENT, variable=VARIABLE),
            )
        ),
        id="SetVariables",
    ),
    pytest.param(
        call.SetNetworkProfile(
            configuration_slot=2,
            connection_data=datatypes.NetworkConnectionProfileType(
                ocpp_version=enums.OCPPVersionEnumType.ocpp20,
                ocpp_transport=enums.OCPPTransportEnumType.json,
                ocpp_csms_url="wss://csms.example.com/ocpp",
                message_timeout=30,
                security_profile=2,
                ocpp_interface=enums.OCPPInterfaceEnumType.wired0,
            ),
        ),
        ours.SetNetworkProfileRequest(
            configuration_slot=2,
            connection_data=ours.NetworkConnectionProfile(
                ocpp_version=ours.OCPPVersion.OCPP20,
                ocpp_transport=ours.OCPPTransport.JSON,
                ocpp_csms_url="wss://csms.example.com/ocpp",
                message_timeout=30,
                security_profile=2,
                ocpp_interface=ours.OCPPInterface.WIRED0,
            ),
        ),
        id="SetNetworkProfile",
    ),
    pytest.param(
        call.SignCertificate(csr="-----BEGIN CERTIFICATE REQUEST-----\n…\n"),
        ours.SignCertificateRequest(csr="-----BEGIN CERTIFICATE REQUEST-----\n…\n"),
        id="SignCertificate",
    ),
    pytest.param(
        call.SecurityEventNotification(type="StartupOfTheDevice", timestamp=NOW, tech_info="ünïcode 😀"),
        ours.SecurityEventNotificationRequest(
            type="StartupOfTheDevice", timestamp=NOW, tech_info="ünïcode 😀"
        ),
        id="SecurityEventNotification",
    ),
]

RESPONSES = [
    pytest.param(
        call_result.BootNotification(
            current_time=NOW, interval=300, status=enums.RegistrationStatusEnumType.accepted
        ),
        ours.BootNotificationResponse(
            current_time=NOW, interval=300, status=ours.RegistrationStatus.ACCEPTED
        ),
        id="BootNotification",
    ),
    pytest.param(
        call_result.SetVariables(
            set_variable_result=[
                datatypes.SetVariableResultType(
                    attribute_status=enums.SetVariableStatusEnumType.reboot_required,
                    component=THEIR_COMPONENT,
                    variable=THEIR_VARIABLE,
                )
            ]
        ),
        ours.SetVariablesResponse(
            set_variable_result=(
                ours.SetVariableResult(
                    attribute_status=ours.SetVariableStatus.REBOOT_REQUIRED,
                    component=COMPONENT,
                    variable=VARIABLE,
                ),
            )
        ),
        id="SetVariables",
    ),
    pytest.param(
        call_result.CertificateSigned(
            status=enums.CertificateSignedStatusEnumType.rejected,
            status_info=datatypes.StatusInfoType(reason_code="InvalidCertificate"),
        ),
        ours.CertificateSignedResponse(
            status=ours.CertificateSignedStatus.REJECTED,
            status_info=ours.StatusInfo(reason_code="InvalidCertificate"),
        ),
        id="CertificateSigned",
    ),
]


def their_payload(message):
    return snake_to_camel_case(remove_nones(serialize_as_dict(message)))


@pytest.mark.parametrize(("their_message", "our_message"), REQUESTS)
def test_their_call_is_ours(their_message, our_message):
    """A CALL packed by ``ocpp`` is received as the same typed message."""
    text = theirs.pack(theirs.Call("u1", our_message.action, their_payload(their_message)))
    (received,) = Connection().receive(text)
    assert received == CallReceived("u1", our_message.action, to_payload(our_message))
    assert parse_request(received.action, received.payload) == our_message


@pytest.mark.parametrize(("their_message", "our_message"), REQUESTS)
def test_our_call_is_theirs(their_message, our_message):
    """A CALL we send is unpacked, validated and typed by ``ocpp`` as the same message."""
    connection = Connection()
    connection.call("u1", our_message.action, to_payload(our_message))
    unpacked = theirs.unpack(connection.outgoing()[0])
    theirs._validate_payload(unpacked, "2.0.1")
    assert (unpacked.unique_id, unpacked.action) == ("u1", our_message.action)
    typed = type(their_message)(**camel_to_snake_case(unpacked.payload))
    assert their_payload(typed) == their_payload(their_message)


@pytest.mark.parametrize(("their_message", "our_message"), RESPONSES)
def test_their_answer_is_ours(their_message, our_message):
    """A CALLRESULT packed by ``ocpp`` is the answer to our CALL."""
    connection = Connection()
    _ask(connection, our_message.action)
    received = connection.receive(theirs.pack(theirs.CallResult("u1", their_payload(their_message))))
    assert received == (Answered("u1", our_message.action, to_payload(our_message)),)
    assert parse_response(our_message.action, received[0].payload) == our_message


@pytest.mark.parametrize(("their_message", "our_message"), RESPONSES)
def test_our_answer_is_theirs(their_message, our_message):
    """A CALLRESULT we send is unpacked and validated by ``ocpp``."""
    asker, connection = Connection(), Connection()
    (text,) = _ask(asker, our_message.action)
    connection.receive(text)
    connection.answer("u1", to_payload(our_message))
    unpacked = theirs.unpack(connection.outgoing()[0])
    unpacked.action = our_message.action
    theirs._validate_payload(unpacked, "2.0.1")
    assert unpacked.payload == their_payload(their_message)


def test_refusals_are_understood_both_ways():
    """A CALLERROR of theirs ends our CALL, and ours is an exception of theirs with the same code."""
    connection = Connection()
    (text,) = _ask(connection, "CertificateSigned")
    error = theirs.Call("u1", "X", {}).create_call_error(theirs.FormatViolationError("no"))
    (refused,) = connection.receive(theirs.pack(error))
    assert (refused.code, refused.description, refused.by_us) == ("FormatViolation", "no", False)
    peer = Connection()
    peer.receive(text.replace("certificateChain", "chain"))
    unpacked = theirs.unpack(peer.outgoing()[0])
    assert unpacked.unique_id == "u1"
    assert unpacked.to_exception().code == unpacked.error_code


def _ask(connection, action):
    """Send a valid request of *action* under the id u1."""
    requests = {
        "BootNotification": {"reason": "PowerUp", "chargingStation": {"model": "m", "vendorName": "v"}},
        "SetVariables": {
            "setVariableData": [
                {"attributeValue": "x", "component": {"name": "c"}, "variable": {"name": "v"}}
            ]
        },
        "CertificateSigned": {"certificateChain": "x"},
    }
    connection.call("u1", action, requests[action])
    return connection.outgoing()
