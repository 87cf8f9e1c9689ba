import pytest

from ocppsec.ocppj.messages import VPN
from ocppsec.station.slots import (
    Means,
    after_success,
    objection_to_priority,
    objection_to_profile,
    read_priority,
    stored,
)

ALL = Means(root=True, certificate=True, password=True)


def code(objection):
    return objection and objection.reason_code


@pytest.mark.parametrize(
    ("slot", "number", "changes", "expected"),
    [
        pytest.param(2, 2, {}, None, id="a higher profile in a free slot"),
        pytest.param(1, 2, {}, None, id="the slot in use: no effect before a reboot"),
        pytest.param(2, 1, {}, None, id="the same profile"),
        pytest.param(9, 2, {}, "InvalidConfSlot", id="B09.FR.05 a slot this station does not have"),
        pytest.param(9, 0, {}, "InvalidConfSlot", id="the slot is looked at first"),
        pytest.param(2, 0, {}, "NoSecurityDowngrade", id="B09.FR.04 below the active profile"),
        pytest.param(2, 4, {}, "InvalidNetworkConf", id="no such profile"),
        pytest.param(2, 2, {"ocpp_transport": "SOAP"}, "InvalidNetworkConf", id="SOAP"),
        pytest.param(2, 2, {"ocpp_interface": "Wired3"}, "InvalidNetworkConf", id="interface"),
        pytest.param(2, 2, {"message_timeout": 0}, "InvalidNetworkConf", id="no time to answer"),
        pytest.param(2, 2, {"url": "ws://h/ocpp"}, "InvalidNetworkConf", id="profile 2 without TLS"),
        pytest.param(2, 1, {"url": "wss://h/ocpp"}, "InvalidNetworkConf", id="profile 1 with TLS"),
        pytest.param(2, 2, {"url": "https://h/ocpp"}, "InvalidNetworkConf", id="another scheme"),
        pytest.param(2, 2, {"url": "wss:///ocpp"}, "InvalidNetworkConf", id="no host"),
        pytest.param(2, 2, {"url": "wss://h:x/ocpp"}, "InvalidNetworkConf", id="port is no number"),
        pytest.param(2, 2, {"url": "wss://u:p@h/ocpp"}, "InvalidNetworkConf", id="credentials in the URL"),
        pytest.param(2, 2, {"url": "wss://h/ocpp?a=b"}, "InvalidNetworkConf", id="a query"),
    ],
)
def test_what_may_be_stored_in_a_slot(world, slot, number, changes, expected):
    """B09.FR.02, 04, 05: slot, then downgrade, then content, each with its reasonCode."""
    wanted = world.profile(number, **changes)
    assert code(objection_to_profile(slot, wanted, traits=world.traits, floor=1)) == expected


def test_a_station_without_vpn_refuses_one(world):
    """A profile that asks for a VPN could not be honoured."""
    vpn = VPN(server="s", user="u", password="p", key="k", type="IKEv2")
    wanted = world.profile(2, vpn=vpn)
    objection = objection_to_profile(2, wanted, traits=world.traits, floor=1)
    assert code(objection) == "InvalidNetworkConf"


@pytest.mark.parametrize(
    ("text", "slots"),
    [
        pytest.param("2,1", (2, 1), id="two"),
        pytest.param("1", (1,), id="one"),
        pytest.param(" 2 , 1 ", (2, 1), id="blanks"),
        pytest.param("", None, id="empty"),
        pytest.param("1,1", None, id="twice the same"),
        pytest.param("1,,2", None, id="a gap"),
        pytest.param("a", None, id="no number"),
        pytest.param("-1", None, id="negative"),
        pytest.param("1;2", None, id="another separator"),
        pytest.param("²", None, id="a digit of another kind"),
        pytest.param("9" * 5000, None, id="a very long number"),
    ],
)
def test_a_priority_is_a_list_of_different_slots(text, slots):
    """NetworkConfigurationPriority is a SequenceList of slot numbers."""
    assert read_priority(text) == slots


@pytest.mark.parametrize(
    ("priority", "means", "active", "expected"),
    [
        pytest.param((2, 1), ALL, 1, None, id="A05.FR.04 new and old"),
        pytest.param((1,), ALL, 1, None, id="only what is in use"),
        pytest.param((3, 2, 1), ALL, 1, None, id="all three"),
        pytest.param((7, 1), ALL, 1, "InvalidConfSlot", id="not in the valuesList"),
        pytest.param((4, 1), ALL, 1, "InvalidNetworkConf", id="B10.FR.02 not configured"),
        pytest.param((2, 1), ALL, 2, "NoSecurityDowngrade", id="A05.FR.10 the second is lower"),
        pytest.param((1,), ALL, 2, "NoSecurityDowngrade", id="A05.FR.10 the only one is lower"),
        pytest.param(
            (2, 1),
            Means(root=False, certificate=True, password=True),
            1,
            "InvalidCertificate",
            id="A05.FR.02 no root",
        ),
        pytest.param(
            (3, 1),
            Means(root=False, certificate=True, password=True),
            1,
            "InvalidCertificate",
            id="A05.FR.02 for 3",
        ),
        pytest.param(
            (3, 1),
            Means(root=True, certificate=False, password=True),
            1,
            "InvalidCertificate",
            id="A05.FR.03 no certificate",
        ),
        pytest.param(
            (2, 1),
            Means(root=True, certificate=False, password=True),
            1,
            None,
            id="profile 2 needs no certificate",
        ),
        pytest.param(
            (2,),
            Means(root=True, certificate=True, password=False),
            1,
            "InvalidNetworkConf",
            id="2 needs a password",
        ),
        pytest.param(
            (1,),
            Means(root=True, certificate=True, password=False),
            1,
            "InvalidNetworkConf",
            id="1 needs a password",
        ),
        pytest.param(
            (3,), Means(root=True, certificate=True, password=False), 1, None, id="3 needs no password"
        ),
    ],
)
def test_what_priorities_are_accepted(world, priority, means, active, expected):
    """B10.FR.02, A05.FR.02, 03, 10: each entry has to be there, not lower, and reachable."""
    slots = {1: world.profile(1), 2: world.profile(2), 3: world.profile(3)}
    world = world.having(slots=(1, 2, 3, 4)).but(slots=slots, security_profile=active)
    assert (
        code(
            objection_to_priority(
                world.kept, priority, traits=world.traits, means=means, floor=world.kept.security_profile
            )
        )
        == expected
    )


def test_a_success_on_a_higher_profile_removes_all_lower_ones(world):
    """A05.FR.06: SecurityProfile follows, lower slots are gone, the list is shorter."""
    slots = {1: world.profile(1), 2: world.profile(2), 3: world.profile(2)}
    kept = after_success(world.but(slots=slots, priority=(2, 1)).kept, 2, 2, floor=1)
    assert (kept.security_profile, set(kept.slots), kept.priority) == (2, {2, 3}, (2,))
    assert kept.last_good_slot == 2


def test_a_success_on_the_same_profile_keeps_what_is_there(world):
    """Falling back to the old slot leaves the new one listed, for the next reboot."""
    slots = {1: world.profile(1), 2: world.profile(2)}
    kept = after_success(world.but(slots=slots, priority=(2, 1)).kept, 1, 1, floor=1)
    assert (kept.security_profile, set(kept.slots), kept.priority) == (1, {1, 2}, (2, 1))
    assert kept.last_good_slot == 1


def test_the_profile_never_goes_down(world):
    """A00.FR.005: whatever a connection was made with."""
    assert after_success(world.but(security_profile=3).kept, 1, 2, floor=3).security_profile == 3


@pytest.mark.parametrize(("profile", "expected"), [(2, 2), (1, 3)])
def test_the_profile_goes_down_where_the_switch_allows_it(world, profile, expected):
    """A00.FR.005 with the errata: from 3 to 2 and no further; the slot of profile 3 stays for the way back."""
    slots = {1: world.profile(3), 2: world.profile(profile)}
    kept = after_success(
        world.but(slots=slots, priority=(2, 1), security_profile=3).kept, 2, profile, floor=2
    )
    assert (kept.security_profile, set(kept.slots), kept.priority) == (expected, {1, 2}, (2, 1))


def test_storing_leaves_the_other_slots_alone(world):
    """B09.FR.01."""
    kept = stored(world.kept, 2, world.profile(2))
    assert set(kept.slots) == {1, 2}
    assert kept.slots[1] == world.kept.slots[1]
