"""The typed messages are compared with the official schemas themselves, field by field."""

import json
import typing
from enum import StrEnum
from types import UnionType

import msgspec
import pytest

from ocppsec.ocppj import messages
from ocppsec.ocppj.errors import ErrorCode, LocalError, RemoteError
from ocppsec.ocppj.messages import REQUESTS, RESPONSES, parse_request, parse_response, to_payload
from ocppsec.ocppj.schemas import _DIRECTORY, check_request, check_response

ACTED_ON = {
    "BootNotification",
    "CertificateSigned",
    "DeleteCertificate",
    "GetBaseReport",
    "GetInstalledCertificateIds",
    "GetReport",
    "GetVariables",
    "Heartbeat",
    "InstallCertificate",
    "NotifyReport",
    "Reset",
    "SecurityEventNotification",
    "SetNetworkProfile",
    "SetVariables",
    "SignCertificate",
    "StatusNotification",
    "TriggerMessage",
}
KINDS = [*REQUESTS.values(), *RESPONSES.values()]
ITEM = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}


def schema_of(name):
    return json.loads((_DIRECTORY / f"{name}.json").read_text("utf-8-sig"))


def without_optional(hint):
    """The type in ``X | None``."""
    if isinstance(hint, UnionType) or typing.get_origin(hint) is typing.Union:
        (hint,) = (one for one in typing.get_args(hint) if one is not type(None))
    return hint


def compare(kind, schema, definitions):
    """Fail unless the struct *kind* has the names, the obligations and the types of *schema*."""
    properties = {name: rule for name, rule in schema["properties"].items() if name != "customData"}
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    assert set(fields) == set(properties), kind
    assert {name for name, field in fields.items() if field.required} == set(schema.get("required", ())), kind
    for name, rule in properties.items():
        compare_type(without_optional(fields[name].type), rule, definitions, f"{kind.__name__}.{name}")


def compare_type(hint, rule, definitions, where):
    if "$ref" in rule:
        return compare_type(hint, definitions[rule["$ref"].rsplit("/", 1)[1]], definitions, where)
    if rule["type"] == "array":
        assert typing.get_origin(hint) is tuple, where
        return compare_type(typing.get_args(hint)[0], rule["items"], definitions, where)
    if rule["type"] == "object":
        return compare(hint, rule, definitions)
    if "enum" in rule:
        assert issubclass(hint, StrEnum), where
        assert {member.value for member in hint} == set(rule["enum"]), where
        return None
    plain = {"string": str, "boolean": bool, "number": float, "integer": messages.base.Integer}
    assert hint == plain[rule["type"]] or (rule["type"] == "integer" and hint is int), where
    return None


def test_there_is_a_type_for_every_message_we_act_on():
    """Each of the seventeen messages has a request and a response, exported by name."""
    assert set(REQUESTS) == set(RESPONSES) == ACTED_ON
    for kind in KINDS:
        assert getattr(messages, kind.__name__) is kind


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_type_is_what_its_schema_says(kind):
    """Names, obligations, enumerations and nesting are those of the official schema."""
    schema = schema_of(kind.__name__)
    compare(kind, schema, schema.get("definitions", {}))
    assert kind.__name__.startswith(kind.action)


def test_an_unset_option_is_left_out():
    """Part 4, 4.1.5: absent optionals are absent, not null."""
    request = messages.SignCertificateRequest(csr="x")
    assert to_payload(request) == {"csr": "x"}
    check_request(request.action, to_payload(request), ours=True)


def test_a_nested_message_goes_there_and_back():
    """What is written is valid by the schema and reads as the same value."""
    request = messages.SetNetworkProfileRequest(
        configuration_slot=2,
        connection_data=messages.NetworkConnectionProfile(
            ocpp_csms_url="wss://csms.example.com/ocpp",
            message_timeout=30,
            security_profile=3,
            ocpp_interface=messages.OCPPInterface.WIRED0,
            ocpp_version=messages.OCPPVersion.OCPP20,
            ocpp_transport=messages.OCPPTransport.JSON,
        ),
    )
    payload = to_payload(request)
    check_request("SetNetworkProfile", payload, ours=True)
    assert payload["connectionData"]["ocppCsmsUrl"] == "wss://csms.example.com/ocpp"
    assert parse_request("SetNetworkProfile", payload) == request


def test_lists_are_lists_on_the_wire():
    """Tuples in the type are plain lists in the payload."""
    data = messages.GetVariableData(
        component=messages.Component(name="OCPPCommCtrlr"),
        variable=messages.Variable(name="ActiveNetworkProfile"),
    )
    payload = to_payload(messages.GetVariablesRequest(get_variable_data=(data,)))
    assert payload == {
        "getVariableData": [
            {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "ActiveNetworkProfile"}}
        ]
    }
    assert isinstance(payload["getVariableData"], list)


def test_a_response_reads_by_its_action():
    """Statuses come out as members that still compare with the wire's words."""
    response = parse_response(
        "SetVariables", {"setVariableResult": [{**ITEM, "attributeStatus": "RebootRequired"}]}
    )
    assert isinstance(response, messages.SetVariablesResponse)
    assert response.set_variable_result[0].attribute_status is messages.SetVariableStatus.REBOOT_REQUIRED
    assert response.set_variable_result[0].attribute_status == "RebootRequired"


def test_a_whole_number_with_a_point_is_an_integer():
    """LESSONS, field 8: 300.0 arrives where an integer is declared, and is one."""
    payload = {"currentTime": "2031-01-05T12:00:00Z", "interval": 300.0, "status": "Accepted"}
    check_response("BootNotification", payload)
    interval = parse_response("BootNotification", payload).interval
    assert (interval, type(interval)) == (300, int)


def test_custom_data_is_passed_over():
    """customData of a vendor does no harm and is not kept."""
    assert (
        parse_request("Heartbeat", {"customData": {"vendorId": "x", "y": 1}}) == messages.HeartbeatRequest()
    )


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        pytest.param("Reset", {"type": "OnIdle", "evseId": 10**30}, id="integer beyond 64 bits"),
        pytest.param("Reset", {"type": "OnIdle", "evseId": 1e30}, id="integer beyond 64 bits, with exponent"),
        pytest.param("Reset", {"type": "OnIdle", "evseId": 1.5}, id="no whole number"),
        pytest.param("Reset", {"type": "OnIdle", "evseId": "1"}, id="a text"),
        pytest.param("Reset", {"type": "hunter2"}, id="unknown member"),
    ],
)
def test_what_does_not_fit_is_the_peers_mistake(action, payload):
    """A payload beyond the type is a TypeConstraintViolation that repeats no value."""
    with pytest.raises(RemoteError) as caught:
        parse_request(action, payload)
    assert caught.value.code is ErrorCode.TYPE_CONSTRAINT_VIOLATION
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("parse", [parse_request, parse_response])
def test_an_action_without_a_type_is_our_mistake(parse):
    """Whoever asks for a type that does not exist has not looked at REQUESTS."""
    with pytest.raises(LocalError):
        parse("TransactionEvent", {})


def test_half_a_character_is_our_mistake():
    """A lone surrogate cannot be put into UTF-8."""
    with pytest.raises(LocalError):
        to_payload(messages.SignCertificateRequest(csr="\ud800"))


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(
            parse_request("SetVariables", {"setVariableData": [{**ITEM, "attributeValue": "hunter2"}]}),
            id="SetVariables",
        ),
        pytest.param(
            parse_response(
                "GetVariables",
                {"getVariableResult": [{**ITEM, "attributeStatus": "Accepted", "attributeValue": "hunter2"}]},
            ),
            id="GetVariables",
        ),
        pytest.param(messages.VariableAttribute(value="hunter2"), id="VariableAttribute"),
        pytest.param(
            messages.VPN(
                server="s", user="u", password="hunter2", key="hunter2", type=messages.VPNKind.IPSEC
            ),
            id="VPN",
        ),
        pytest.param(
            messages.APN(apn="a", apn_authentication="PAP", apn_password="hunter2", sim_pin="hunter2"),
            id="APN",
        ),
    ],
)
def test_no_repr_shows_what_may_be_a_password(value):
    """Values of variables, VPN and APN secrets are not in any repr, nested or not."""
    assert "hunter2" not in repr(value)
    assert "hunter2" in str(msgspec.to_builtins(value))


def test_a_repr_is_short():
    """A log line shows what is there, not what is absent."""
    assert repr(messages.SignCertificateRequest(csr="x")) == "SignCertificateRequest(csr='x')"


def test_a_message_cannot_be_changed():
    """Messages are values."""
    with pytest.raises(AttributeError):
        messages.ResetRequest(type=messages.Reset.ON_IDLE).type = messages.Reset.IMMEDIATE
