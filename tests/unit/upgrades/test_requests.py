"""The CALL of each step, as it goes over the wire."""

from typing import Any

import pytest
from upgrade_examples import URLS, plan, progress

from ocppsec.ocppj.messages import OCPPInterface, to_payload
from ocppsec.ocppj.schemas import check_request
from ocppsec.upgrades.requests import action_of, request_of
from ocppsec.upgrades.states import (
    Arming,
    AskingForBoot,
    AskingForReport,
    AskingForRoots,
    AskingVariables,
    CallingState,
    CheckingRoot,
    DeliveringCertificate,
    FreeingSlot,
    InstallingRoot,
    Resetting,
    SettingOrganization,
    Triggering,
    WritingProfile,
)

COMM, SECURITY = {"name": "OCPPCommCtrlr"}, {"name": "SecurityCtrlr"}
PRIORITY = {"name": "NetworkConfigurationPriority"}


def set_priority(value: str) -> dict[str, Any]:
    return {"setVariableData": [{"component": COMM, "variable": PRIORITY, "attributeValue": value}]}


@pytest.mark.parametrize(
    ("state", "action", "payload"),
    [
        pytest.param(
            AskingVariables(
                progress=progress(),
                left=(("SecurityCtrlr.SecurityProfile", "NetworkConfiguration[2].OcppInterface"), ("A.B",)),
            ),
            "GetVariables",
            {
                "getVariableData": [
                    {"component": SECURITY, "variable": {"name": "SecurityProfile"}},
                    {
                        "component": {"name": "NetworkConfiguration", "instance": "2"},
                        "variable": {"name": "OcppInterface"},
                    },
                ]
            },
            id="the first question left",
        ),
        pytest.param(
            AskingForReport(progress=progress()),
            "GetReport",
            {"requestId": 1, "componentVariable": [{"component": COMM, "variable": PRIORITY}]},
            id="the list of slots",
        ),
        pytest.param(
            AskingForRoots(progress=progress()),
            "GetInstalledCertificateIds",
            {"certificateType": ["CSMSRootCertificate"]},
            id="the roots",
        ),
        pytest.param(
            CheckingRoot(progress=progress()),
            "GetInstalledCertificateIds",
            {"certificateType": ["CSMSRootCertificate"]},
            id="the roots again",
        ),
        pytest.param(
            InstallingRoot(progress=progress()),
            "InstallCertificate",
            {"certificateType": "CSMSRootCertificate", "certificate": plan().root_pem},
            id="the root",
        ),
        pytest.param(
            SettingOrganization(progress=progress()),
            "SetVariables",
            {
                "setVariableData": [
                    {
                        "component": SECURITY,
                        "variable": {"name": "OrganizationName"},
                        "attributeValue": "Example Charging",
                    }
                ]
            },
            id="the organization",
        ),
        pytest.param(
            Triggering(progress=progress()),
            "TriggerMessage",
            {"requestedMessage": "SignChargingStationCertificate"},
            id="the trigger",
        ),
        pytest.param(
            DeliveringCertificate(progress=progress(), csr="r", chain="leaf and issuer", fingerprint="f"),
            "CertificateSigned",
            {"certificateChain": "leaf and issuer", "certificateType": "ChargingStationCertificate"},
            id="the certificate",
        ),
        pytest.param(
            FreeingSlot(progress=progress(), slot=2, interfaces=(), active=1),
            "SetVariables",
            set_priority("1"),
            id="only the active slot",
        ),
        pytest.param(
            WritingProfile(
                progress=progress(goal=3),
                slots=(2, 3),
                interfaces=(OCPPInterface.WIRELESS0, OCPPInterface.WIRED0),
            ),
            "SetNetworkProfile",
            {
                "configurationSlot": 2,
                "connectionData": {
                    "ocppVersion": "OCPP20",
                    "ocppTransport": "JSON",
                    "ocppCsmsUrl": URLS[3],
                    "messageTimeout": 30,
                    "securityProfile": 3,
                    "ocppInterface": "Wireless0",
                },
            },
            id="the first slot and interface left",
        ),
        pytest.param(
            Arming(progress=progress(), slot=2, lists=((2, 1), (2, 0))),
            "SetVariables",
            set_priority("2,1"),
            id="new, old",
        ),
        pytest.param(Resetting(progress=progress()), "Reset", {"type": "OnIdle"}, id="the whole station"),
        pytest.param(
            AskingForBoot(progress=progress()),
            "TriggerMessage",
            {"requestedMessage": "BootNotification"},
            id="the boot",
        ),
    ],
)
def test_request(state: CallingState, action: str, payload: dict[str, Any]) -> None:
    """Each step has its CALL, valid by the official schema."""
    request = request_of(state)
    assert (action_of(state), to_payload(request)) == (action, payload)
    check_request(action, payload)
