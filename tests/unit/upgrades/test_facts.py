"""What is read out of a station's answers, and what is not."""

import msgspec
import pytest
from random_walks import answer, report, root_listed, set_to, variable
from upgrade_examples import ROOT, ROOT_384

from ocppsec.ocppj.messages import (
    GetInstalledCertificateIdsResponse,
    GetVariablesResponse,
    NotifyReportRequest,
    OCPPInterface,
)
from ocppsec.upgrades.facts import lists_root, set_result, summary, with_report, with_variables
from ocppsec.upgrades.states import Facts

PRIORITY = "OCPPCommCtrlr.NetworkConfigurationPriority"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        pytest.param(PRIORITY, "2,1", Facts(priority=(2, 1)), id="priority"),
        pytest.param(PRIORITY, " 2 , 1 ", Facts(priority=(2, 1)), id="spaces"),
        pytest.param(PRIORITY, "1,1,2", Facts(priority=(1, 2)), id="doubles"),
        pytest.param(PRIORITY, "", Facts(), id="empty"),
        pytest.param(PRIORITY, "one,2", Facts(priority=(2,)), id="words are no slots"),
        pytest.param(PRIORITY, "-1", Facts(), id="negative"),
        pytest.param(PRIORITY, "²", Facts(), id="superscript"),
        pytest.param(PRIORITY, "9" * 9, Facts(priority=(999_999_999,)), id="nine digits"),
        pytest.param(PRIORITY, "9" * 10, Facts(), id="ten digits"),
        pytest.param(PRIORITY, "9" * 5000, Facts(), id="huge"),
        pytest.param(
            PRIORITY, ",".join(map(str, range(99))), Facts(priority=tuple(range(16))), id="cut at 16"
        ),
        pytest.param(
            "ocppcommctrlr.networkconfigurationpriority", "1", Facts(priority=(1,)), id="case of names"
        ),
        pytest.param("OCPPCommCtrlr.ActiveNetworkProfile", "0", Facts(active_slot=0), id="active slot 0"),
        pytest.param("OCPPCommCtrlr.ActiveNetworkProfile", "Slot1", Facts(), id="active slot as a word"),
        pytest.param(
            "OCPPCommCtrlr.NetworkProfileConnectionAttempts", "3", Facts(connection_attempts=3), id="attempts"
        ),
        pytest.param("SecurityCtrlr.SecurityProfile", "2", Facts(security_profile=2), id="profile"),
        pytest.param("SecurityCtrlr.OrganizationName", " A ", Facts(organization="A"), id="organization"),
        pytest.param(
            "SecurityCtrlr.AdditionalRootCertificateCheck",
            "TRUE",
            Facts(additional_root_check=True),
            id="true",
        ),
        pytest.param(
            "SecurityCtrlr.AdditionalRootCertificateCheck",
            "false",
            Facts(additional_root_check=False),
            id="false",
        ),
        pytest.param("SecurityCtrlr.AdditionalRootCertificateCheck", "yes", Facts(), id="no boolean"),
        pytest.param("SecurityCtrlr.CertificateEntries", "4", Facts(certificate_entries=4), id="entries"),
        pytest.param(
            "SecurityCtrlr.MaxCertificateChainSize", "5600", Facts(max_chain_size=5600), id="chain size"
        ),
        pytest.param(
            "NetworkConfiguration.OcppInterface",
            "wireless0",
            Facts(interface=OCPPInterface.WIRELESS0),
            id="interface",
        ),
        pytest.param("NetworkConfiguration.OcppInterface", "Any", Facts(), id="interface of 2.1"),
        pytest.param("SecurityCtrlr.Identity", "x", Facts(), id="not asked for"),
    ],
)
def test_variables(name: str, value: str, expected: Facts) -> None:
    """A readable value becomes a fact; anything else is as if it had not been said."""
    assert with_variables(Facts(), variable(name, value).response) == expected


def test_only_accepted_results_count() -> None:
    """A value beside a refusal is no fact."""
    assert with_variables(Facts(), variable(PRIORITY, "1", "Rejected").response) == Facts()


def test_an_accepted_result_without_value_says_nothing() -> None:
    """attributeValue is optional, whatever the status."""
    result = {
        "attributeStatus": "Accepted",
        "component": {"name": "OCPPCommCtrlr"},
        "variable": {"name": "ActiveNetworkProfile"},
    }
    response = answer(GetVariablesResponse, getVariableResult=[result]).response
    assert with_variables(Facts(), response) == Facts()


def test_report() -> None:
    """The slots are the valuesList of the priority variable, and of nothing else."""
    assert with_report(Facts(), report("0, 1,2").report) == Facts(slots=(0, 1, 2))
    assert with_report(Facts(slots=(1,)), report("").report) == Facts(slots=(1,))


def test_a_report_on_another_variable_says_nothing() -> None:
    """A station may send more than it was asked for."""
    found = report("1,2").report
    other = msgspec.structs.replace(found.report_data[0].variable, name="FileTransferProtocols")
    data = msgspec.structs.replace(found.report_data[0], variable=other)
    assert with_report(Facts(), msgspec.structs.replace(found, report_data=(data,))) == Facts()


@pytest.mark.parametrize(
    "characteristics",
    [
        pytest.param(None, id="no characteristics"),
        pytest.param({"dataType": "SequenceList", "supportsMonitoring": False}, id="no valuesList"),
        pytest.param(
            {"dataType": "SequenceList", "supportsMonitoring": False, "valuesList": ""}, id="an empty one"
        ),
    ],
)
def test_a_report_without_a_list_says_nothing(characteristics: dict[str, object] | None) -> None:
    """Slots that are known stay known."""
    data = {
        "component": {"name": "OCPPCommCtrlr"},
        "variable": {"name": "NetworkConfigurationPriority"},
        "variableAttribute": [{"value": "1"}],
    }
    if characteristics is not None:
        data["variableCharacteristics"] = characteristics
    payload = {"requestId": 1, "generatedAt": "now", "seqNo": 0, "reportData": [data]}
    found = msgspec.convert(payload, NotifyReportRequest)
    assert with_report(Facts(slots=(1,)), found) == Facts(slots=(1,))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({}, True, id="ours"),
        pytest.param({"issuerNameHash": ROOT.issuer_name_hash.lower()}, True, id="hexadecimal in lower case"),
        pytest.param({"serialNumber": "a1b"}, True, id="no leading zero"),
        pytest.param({"serialNumber": "000A1B"}, True, id="more leading zeros"),
        pytest.param({"serialNumber": "0A1C"}, False, id="another serial"),
        pytest.param({"issuerNameHash": "00" * 32}, False, id="another issuer name"),
        pytest.param({"issuerKeyHash": "00" * 32}, False, id="another issuer key"),
        pytest.param({"hashAlgorithm": "SHA512"}, False, id="another algorithm over the same bytes"),
        pytest.param(
            {
                "hashAlgorithm": "SHA384",
                "issuerNameHash": ROOT_384.issuer_name_hash,
                "issuerKeyHash": ROOT_384.issuer_key_hash,
            },
            True,
            id="the station's own choice of algorithm",
        ),
    ],
)
def test_lists_root(changes: dict[str, str], expected: bool) -> None:
    """A root is recognised by its hash data, in whatever way a station writes them."""
    assert lists_root(root_listed(**changes).response, (ROOT, ROOT_384)) is expected


def test_not_found_lists_nothing() -> None:
    """NotFound comes without hash data."""
    response = answer(GetInstalledCertificateIdsResponse, status="NotFound").response
    assert not lists_root(response, (ROOT,))


def test_set_result() -> None:
    """The result of a variable is found by its name; one that is missing counts as Rejected."""
    response = set_to(PRIORITY, "RebootRequired").response
    assert set_result(response, PRIORITY).attribute_status == "RebootRequired"
    missing = set_result(response, "SecurityCtrlr.OrganizationName")
    assert missing.attribute_status == "Rejected"
    assert missing.attribute_status_info.reason_code == "NoResult"


def test_summary() -> None:
    """The facts fit into one line of history, and what is not known is left out."""
    assert summary(Facts()) == "CSMS root not listed"
    told = summary(Facts(slots=(1, 2), priority=(1,), active_slot=1, organization="A", root_listed=True))
    assert told == "slots 1,2; priority 1; active slot 1; OrganizationName A; CSMS root installed"
