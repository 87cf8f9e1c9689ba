from dataclasses import replace

import pytest

from ocppsec.ocppj.messages import to_payload
from ocppsec.ocppj.schemas import FROM_CSMS, check_response
from ocppsec.station.behaviour import STANDARD, reply_to
from ocppsec.station.config import Edition
from ocppsec.station.own_certificates import with_request
from ocppsec.station.remembered import SecurityEvent
from ocppsec.station.reply import Reboot, Reconnect, Refusal, SendReport, SendTriggered, StopAsking
from ocppsec.station.reply import Reply as StationReply

PASSWORD = "sixteen-letters-"


def reply(world, action, payload, **changes):
    answer = reply_to(action, payload, world.kept, replace(world.situation, **changes), STANDARD)
    if not isinstance(answer.answer, Refusal):
        check_response(action, to_payload(answer.answer))
    return answer


def status(answer):
    return answer.answer.code if isinstance(answer.answer, Refusal) else to_payload(answer.answer)["status"]


def reason(answer):
    return to_payload(answer.answer)["statusInfo"]["reasonCode"]


@pytest.mark.parametrize("registration", [None, "Rejected"])
def test_before_it_is_accepted_a_station_answers_nothing(world, registration):
    """B03.FR.08, B01.FR.08: SecurityError, and nothing changes."""
    answer = reply(world, "Reset", {"type": "Immediate"}, registration=registration)
    assert (status(answer), answer.kept, answer.effects) == ("SecurityError", world.kept, ())


def test_while_pending_a_station_answers(world):
    """B02: that is how a CSMS sets it up."""
    assert status(reply(world, "Reset", {"type": "OnIdle"}, registration="Pending")) == "Accepted"


@pytest.mark.parametrize("action", sorted(FROM_CSMS - STANDARD.keys()))
def test_what_belongs_to_a_station_but_not_to_this_one_is_not_supported(world, action):
    """Part 4, 4.3: known, but not supported by the receiver."""
    assert status(reply(world, action, {})) == "NotSupported"


@pytest.mark.parametrize("action", ["BootNotification", "Heartbeat", "SignCertificate"])
def test_what_only_a_csms_answers_is_not_implemented(world, action):
    """Part 4, 4.3: not known to a station as a request."""
    assert status(reply(world, action, {})) == "NotImplemented"


def test_an_integer_beyond_all_bounds_is_refused(world):
    """The schema sets none."""
    answer = reply(world, "GetBaseReport", {"requestId": 2**70, "reportBase": "FullInventory"})
    assert status(answer) == "TypeConstraintViolation"


def test_another_behaviour_is_another_table(world):
    """A manner is a rule in another place of the table."""

    def always_rejected(request, kept, _situation):
        return StationReply(answer=Refusal(code="InternalError", description=request.type), kept=kept)

    answer = reply_to(
        "Reset", {"type": "OnIdle"}, world.kept, world.situation, {**STANDARD, "Reset": always_rejected}
    )
    assert answer.answer.description == "OnIdle"


# -- B11 --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["Immediate", "OnIdle"])
def test_a_reset_reboots_after_the_answer(world, kind):
    """B11.FR.03: an idle station does it now; the next boot says RemoteReset."""
    answer = reply(world, "Reset", {"type": kind})
    assert (status(answer), answer.effects) == ("Accepted", (Reboot(reason="RemoteReset"),))


def test_a_reset_of_one_evse_reboots_nothing(world):
    """Spec 14.6, 32: no reboot, no profile switch."""
    answer = reply(world, "Reset", {"type": "OnIdle", "evseId": 1})
    assert (status(answer), answer.effects) == ("Rejected", ())


# -- F06 --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "registration", "expected"),
    [
        pytest.param("Heartbeat", "Accepted", "Accepted", id="heartbeat"),
        pytest.param("StatusNotification", "Accepted", "Accepted", id="status"),
        pytest.param("LogStatusNotification", "Accepted", "Accepted", id="log status"),
        pytest.param("FirmwareStatusNotification", "Accepted", "Accepted", id="firmware status"),
        pytest.param("SignChargingStationCertificate", "Accepted", "Accepted", id="certificate"),
        pytest.param("SignChargingStationCertificate", "Pending", "Accepted", id="certificate while pending"),
        pytest.param("BootNotification", "Accepted", "Rejected", id="F06.FR.17 boot when accepted"),
        pytest.param("BootNotification", "Pending", "Accepted", id="boot while pending"),
        pytest.param("SignV2GCertificate", "Accepted", "NotImplemented", id="F06.FR.08 V2G"),
        pytest.param("SignCombinedCertificate", "Accepted", "NotImplemented", id="combined"),
        pytest.param("MeterValues", "Accepted", "NotImplemented", id="meter values"),
        pytest.param("TransactionEvent", "Accepted", "NotImplemented", id="transactions"),
        pytest.param("PublishFirmwareStatusNotification", "Accepted", "NotImplemented", id="publishing"),
    ],
)
def test_triggers(world, message, registration, expected):
    """F06.FR.04, 08, 10, 17: Accepted obliges to send, afterwards; otherwise nothing follows."""
    answer = reply(world, "TriggerMessage", {"requestedMessage": message}, registration=registration)
    sends = (SendTriggered(message=message),) if expected == "Accepted" else ()
    assert (status(answer), answer.effects) == (expected, sends)


def test_no_certificate_is_asked_for_without_an_organization(world):
    """A02, precondition: OrganizationName is set."""
    world = world.having(organization="")
    answer = reply(world, "TriggerMessage", {"requestedMessage": "SignChargingStationCertificate"})
    assert (status(answer), answer.effects) == ("Rejected", ())


@pytest.mark.parametrize(
    ("evse", "expected"),
    [
        pytest.param({"id": 1}, "Accepted", id="the EVSE there is"),
        pytest.param({"id": 1, "connectorId": 1}, "Accepted", id="its connector"),
        pytest.param({"id": 2}, "Rejected", id="another EVSE"),
        pytest.param({"id": 1, "connectorId": 2}, "Rejected", id="another connector"),
    ],
)
def test_status_of_an_evse(world, evse, expected):
    """A status is sent for what is there."""
    payload = {"requestedMessage": "StatusNotification", "evse": evse}
    assert status(reply(world, "TriggerMessage", payload)) == expected


# -- variables and reports --------------------------------------------------------------------------------


def set_variables(*values):
    return {
        "setVariableData": [
            {"component": {"name": component}, "variable": {"name": variable}, "attributeValue": value}
            for component, variable, value in values
        ]
    }


def test_each_variable_has_its_own_result(world):
    """B05: one that is rejected does not undo the others, and each effect follows."""
    payload = set_variables(
        ("SecurityCtrlr", "OrganizationName", "New CSO"),
        ("SecurityCtrlr", "SecurityProfile", "3"),
        ("SecurityCtrlr", "BasicAuthPassword", "another-password"),
    )
    answer = reply(world, "SetVariables", payload)
    results = to_payload(answer.answer)["setVariableResult"]
    assert [result["attributeStatus"] for result in results] == ["Accepted", "Rejected", "Accepted"]
    assert answer.kept.password == "another-password"
    assert answer.kept.variables == {"SecurityCtrlr.OrganizationName": "New CSO"}
    assert [type(effect) for effect in answer.effects] == [Reconnect]


def test_reading_never_gives_a_password(world):
    """B06.FR.09."""
    question = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}
    answer = reply(world, "GetVariables", {"getVariableData": [question]})
    (result,) = to_payload(answer.answer)["getVariableResult"]
    assert result["attributeStatus"] == "Rejected"
    assert PASSWORD not in str(to_payload(answer.answer))


def test_too_many_variables_are_refused(world):
    """B05.FR.11, B06.FR.16: ItemsPerMessage is the limit."""
    question = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "Identity"}}
    assert (
        status(reply(world, "GetVariables", {"getVariableData": [question] * 51}))
        == "OccurrenceConstraintViolation"
    )
    many = set_variables(*[("SecurityCtrlr", "OrganizationName", "x")] * 51)
    answer = reply(world, "SetVariables", many)
    assert (status(answer), answer.kept) == ("OccurrenceConstraintViolation", world.kept)


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        pytest.param("FullInventory", "Accepted", id="full"),
        pytest.param("ConfigurationInventory", "Accepted", id="configuration"),
        pytest.param("SummaryInventory", "NotSupported", id="B07.FR.02 summary"),
    ],
)
def test_base_reports(world, base, expected):
    """B07: the report follows the answer."""
    answer = reply(world, "GetBaseReport", {"requestId": 5, "reportBase": base})
    assert status(answer) == expected
    assert [type(effect) for effect in answer.effects] == ([SendReport] if expected == "Accepted" else [])


@pytest.mark.parametrize(
    ("question", "expected", "number"),
    [
        pytest.param({"component": {"name": "SecurityCtrlr"}}, "Accepted", 11, id="a component"),
        pytest.param(
            {"component": {"name": "securityctrlr"}, "variable": {"name": "IDENTITY"}},
            "Accepted",
            1,
            id="a variable",
        ),
        pytest.param(
            {"component": {"name": "DeviceDataCtrlr"}, "variable": {"name": "ItemsPerMessage"}},
            "Accepted",
            3,
            id="all instances",
        ),
        pytest.param(
            {
                "component": {"name": "DeviceDataCtrlr"},
                "variable": {"name": "ItemsPerMessage", "instance": "GetReport"},
            },
            "Accepted",
            1,
            id="one instance",
        ),
        pytest.param({"component": {"name": "Nothing"}}, "EmptyResultSet", 0, id="unknown component"),
        pytest.param(
            {"component": {"name": "SecurityCtrlr", "instance": "1"}},
            "EmptyResultSet",
            0,
            id="component instance",
        ),
        pytest.param(
            {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "Nothing"}},
            "EmptyResultSet",
            0,
            id="unknown variable",
        ),
    ],
)
def test_reports_of_what_is_asked_for(world, question, expected, number):
    """B08: a report of what fits, or EmptyResultSet and no report."""
    answer = reply(world, "GetReport", {"requestId": 5, "componentVariable": [question]})
    assert status(answer) == expected
    assert sum(len(effect.data) for effect in answer.effects) == number


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        pytest.param(["Problem"], "EmptyResultSet", id="nothing has a problem"),
        pytest.param(["Available"], "Accepted", id="available"),
        pytest.param(["Problem", "Active"], "Accepted", id="any of them"),
    ],
)
def test_reports_by_criteria(world, criteria, expected):
    """B08: no component here has a problem or is switched off."""
    assert status(reply(world, "GetReport", {"requestId": 5, "componentCriteria": criteria})) == expected


# -- certificates and slots -------------------------------------------------------------------------------


def test_installing_a_root_is_logged(world):
    """ReconfigurationOfSecurityParameters; a rejected one leaves no trace but the answer."""
    payload = {"certificateType": "CSMSRootCertificate", "certificate": world.root.pem}
    answer = reply(world, "InstallCertificate", payload)
    assert (status(answer), answer.kept.log[-1].type) == ("Accepted", "ReconfigurationOfSecurityParameters")
    bad = reply(world, "InstallCertificate", payload | {"certificate": "junk"})
    assert (status(bad), reason(bad), bad.kept) == ("Rejected", "InvalidCertificate", world.kept)


def test_installed_certificates_are_listed_or_not_found(world):
    """M03.FR.01, 02."""
    answer = reply(world, "GetInstalledCertificateIds", {})
    assert (status(answer), "certificateHashDataChain" in to_payload(answer.answer)) == ("NotFound", False)
    answer = reply(
        world.with_root(), "GetInstalledCertificateIds", {"certificateType": ["CSMSRootCertificate"]}
    )
    assert status(answer) == "Accepted"


def test_a_listed_root_can_be_deleted_by_what_was_listed(world):
    """M04.FR.01 with what M03 gave."""
    world = world.with_root()
    listed = to_payload(reply(world, "GetInstalledCertificateIds", {}).answer)["certificateHashDataChain"]
    payload = {"certificateHashData": listed[0]["certificateHashData"]}
    answer = reply(world, "DeleteCertificate", payload)
    assert (status(answer), answer.kept.roots) == ("Accepted", ())
    assert answer.kept.log[-1].type == "ReconfigurationOfSecurityParameters"
    assert status(reply(world.but(roots=()), "DeleteCertificate", payload)) == "NotFound"


def signed(world, request_of, profile):
    csr, key = request_of()
    world = world.on(profile).with_root()
    world = world.but(requests=with_request(world.kept, csr, "new").requests)
    return world, world.pem(world.root.certify(key))


@pytest.mark.parametrize(
    ("profile", "effects"),
    [
        pytest.param(1, (StopAsking(),), id="kept on profile 1"),
        pytest.param(2, (StopAsking(),), id="kept on profile 2"),
        pytest.param(3, (StopAsking(), Reconnect(why="a new certificate")), id="used at once on profile 3"),
    ],
)
def test_a_good_certificate(world, request_of, profile, effects):
    """A02.FR.08: used at once where it is in use, kept for the switch elsewhere; no more requests."""
    world, chain = signed(world, request_of, profile)
    answer = reply(world, "CertificateSigned", {"certificateChain": chain})
    assert (status(answer), answer.effects) == ("Accepted", effects)
    assert len(answer.kept.certificates) == 1


def test_a_bad_certificate(world):
    """A02.FR.07, 20: rejected, reported, and not asked for again by itself."""
    answer = reply(world.on(3), "CertificateSigned", {"certificateChain": world.root.pem})
    assert (status(answer), reason(answer)) == ("Rejected", "InvalidCertificate")
    assert [event.type for event in answer.kept.undelivered] == ["InvalidChargingStationCertificate"]
    assert answer.effects == (StopAsking(),)


def test_a_certificate_for_the_vehicle_side_is_rejected(world, request_of):
    """Whatever it holds: there is no V2G certificate here."""
    world, chain = signed(world, request_of, 3)
    payload = {"certificateChain": chain, "certificateType": "V2GCertificate"}
    assert status(reply(world, "CertificateSigned", payload)) == "Rejected"


def network_profile(slot, number):
    return {
        "configurationSlot": slot,
        "connectionData": {
            "ocppVersion": "OCPP20",
            "ocppTransport": "JSON",
            "ocppCsmsUrl": "wss://csms.example.com/ocpp",
            "messageTimeout": 30,
            "securityProfile": number,
            "ocppInterface": "Wired0",
        },
    }


def test_a_network_profile_is_stored_and_nothing_else_happens(world):
    """B09.FR.01; spec 14.6, 1: it only stores."""
    answer = reply(world, "SetNetworkProfile", network_profile(2, 2))
    assert (status(answer), set(answer.kept.slots), answer.effects) == ("Accepted", {1, 2}, ())
    assert (answer.kept.priority, answer.kept.security_profile) == ((1,), 1)


def test_a_lower_network_profile_is_rejected(world):
    """B09.FR.04, by the profile the station has reached, not by that of this connection."""
    answer = reply(world.but(security_profile=3), "SetNetworkProfile", network_profile(2, 2))
    assert (status(answer), reason(answer), set(answer.kept.slots)) == (
        "Rejected",
        "NoSecurityDowngrade",
        {1},
    )


# -- the errata of September 2025 -----------------------------------------------------------------------------


def switched(world, value="true"):
    return world.but(variables={"SecurityCtrlr.AllowSecurityProfileDowngrade": value})


@pytest.mark.parametrize(
    ("active", "wanted", "switch", "edition", "expected"),
    [
        pytest.param(3, 2, "true", Edition.ERRATA, None, id="from 3 to 2"),
        pytest.param(3, 2, "false", Edition.ERRATA, "NoSecurityDowngrade", id="the switch is off"),
        pytest.param(3, 2, "true", Edition.THIRD, "NoSecurityDowngrade", id="edition 3 has no switch"),
        pytest.param(3, 1, "true", Edition.ERRATA, "NoSecurityDowngrade", id="B09.FR.31: never to 1"),
        pytest.param(1, 1, "true", Edition.ERRATA, None, id="on 1 it forbids nothing"),
        pytest.param(
            2, 1, "true", Edition.ERRATA, "NoSecurityDowngrade", id="2 is the lowest that 2 may keep"
        ),
    ],
)
def test_the_way_down_wants_a_switch_and_ends_at_2(world, active, wanted, switch, edition, expected):
    """A00.FR.005, A05.FR.08 to 10, B09.FR.04, 31; storing and listing are judged alike."""
    world = switched(world.on(active).with_root().having(edition=edition), switch)
    payload = {"configurationSlot": 2, "connectionData": to_payload(world.profile(wanted))}
    answer = reply(world, "SetNetworkProfile", payload)
    assert (None if status(answer) == "Accepted" else reason(answer)) == expected
    world = world.but(slots=world.kept.slots | {2: world.profile(wanted)})
    named = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "NetworkConfigurationPriority"}}
    answer = reply(world, "SetVariables", {"setVariableData": [named | {"attributeValue": "2"}]})
    (result,) = to_payload(answer.answer)["setVariableResult"]
    assert result.get("attributeStatusInfo", {}).get("reasonCode") == expected


@pytest.mark.parametrize("variable", ["AllowSecurityProfileDowngrade", "AllowCSMSTLSWildcards"])
def test_edition_3_does_not_know_the_switches_of_the_errata(world, variable):
    """An absent switch is off."""
    asked = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": variable}}
    for edition, expected in ((Edition.ERRATA, "Accepted"), (Edition.THIRD, "UnknownVariable")):
        answer = reply(world.having(edition=edition), "GetVariables", {"getVariableData": [asked]})
        assert to_payload(answer.answer)["getVariableResult"][0]["attributeStatus"] == expected


# -- N01: the security log ------------------------------------------------------------------------------------


def log_wanted(kind="SecurityLog", **log):
    location = {"remoteLocation": "https://files.example.com/logs/"}
    return {"logType": kind, "requestId": 7, "log": location | log}


def test_the_security_log_is_promised_and_then_sent(world):
    """N01.FR.01: Accepted with the file's name; one event a line, and nothing in it that breaks a line."""
    log = (
        SecurityEvent("StartupOfTheDevice", "2026-11-22T11:00:00.000Z"),
        SecurityEvent("SettingSystemTime", "2026-11-22T11:30:00.000Z", "was\n2019"),
    )
    answer = reply(world.but(log=log), "GetLog", log_wanted())
    (sent,) = answer.effects
    assert to_payload(answer.answer) == {
        "status": "Accepted",
        "filename": "security-log-20261122T120000Z.txt",
    }
    assert (sent.request_id, sent.url) == (7, "https://files.example.com/logs/")
    assert sent.text.splitlines() == [
        "2026-11-22T11:00:00.000Z StartupOfTheDevice",
        "2026-11-22T11:30:00.000Z SettingSystemTime was 2019",
    ]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        pytest.param(log_wanted("DiagnosticsLog"), "UnsupportedRequest", id="another log"),
        pytest.param(log_wanted(oldestTimestamp="2026-11-22T11:00:01Z"), "NotFound", id="only newer ones"),
        pytest.param(log_wanted(latestTimestamp="2026-11-22T10:59:59Z"), "NotFound", id="only older ones"),
    ],
)
def test_where_there_is_nothing_to_send_the_answer_is_no(world, asked, expected):
    """N01.FR.02."""
    kept = world.but(log=(SecurityEvent("StartupOfTheDevice", "2026-11-22T11:00:00.000Z"),))
    answer = reply(kept, "GetLog", asked)
    assert (status(answer), reason(answer), answer.effects) == ("Rejected", expected, ())
