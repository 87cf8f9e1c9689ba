"""What people read."""

import pytest
from upgrade_examples import progress

from ocppsec.ocppj.messages import StatusInfo
from ocppsec.upgrades.states import Done, Failed, InstallingRoot, OpenState
from ocppsec.upgrades.words import (
    STEPS,
    call_error_words,
    describe,
    duration,
    priority_refused,
    profile_refused,
    root_refused,
    status_words,
)


def test_every_step_has_a_name() -> None:
    """No step is shown by the name of its class."""
    assert set(STEPS) == set(OpenState.__args__)
    assert (
        describe(InstallingRoot(progress=progress()))
        == "profile 2: install the CSMS root (InstallCertificate)"
    )
    assert describe(Done(profile=3)) == "done: profile 3"
    assert describe(Failed(reason="r", step="s")) == "failed at: s"


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        pytest.param(None, "Rejected, without a statusInfo", id="nothing said"),
        pytest.param(StatusInfo(reason_code="ReadOnly"), "Rejected (ReadOnly)", id="a code"),
        pytest.param(
            StatusInfo(reason_code="A", additional_info="b"), "Rejected (A: b)", id="a code and more"
        ),
    ],
)
def test_status(info: StatusInfo | None, expected: str) -> None:
    """A refusal is told with all that the station said about it."""
    assert status_words("Rejected", info) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.5, "0.5 seconds"),
        (60, "60 seconds"),
        (120, "2 minutes"),
        (690, "11.5 minutes"),
        (3600, "60 minutes"),
        (86_400, "24 hours"),
    ],
)
def test_duration(seconds: float, expected: str) -> None:
    """Seconds are said as people say them."""
    assert duration(seconds) == expected


def test_call_error() -> None:
    """A CALLERROR is told with its meaning, a code nobody defined too."""
    assert call_error_words("Reset", "NotSupported", "no") == (
        "The station answered Reset with CALLERROR NotSupported: no; its firmware knows this message but does"
        " not support it; a firmware update or a setting may help."
    )
    assert "Odd; the standard gives" in call_error_words("Reset", "Odd", "")


@pytest.mark.parametrize(
    ("on_profile", "check", "entries", "there", "absent"),
    [
        pytest.param(1, None, None, ["unsecured connection"], ["M05"], id="on profile 1"),
        pytest.param(2, None, None, [], ["unsecured connection", "M05"], id="on profile 2"),
        pytest.param(2, True, None, ["M05.FR.10"], ["M05.FR.06"], id="additional check on"),
        pytest.param(2, False, None, [], ["M05.FR.10"], id="additional check off"),
        pytest.param(2, None, 0, ["CertificateEntries = 0"], ["M05.FR.10"], id="entries known"),
    ],
)
def test_root_refused(
    on_profile: int, check: bool | None, entries: int | None, there: list[str], absent: list[str]
) -> None:
    """A refused root names only the ways out that fit what the station said."""
    words = root_refused("Rejected", on_profile=on_profile, entries=entries, additional_check=check)
    assert all(part in words for part in ["InstallCertificate Rejected", *there])
    assert not any(part in words for part in absent)


@pytest.mark.parametrize(
    ("goal", "code", "there", "absent"),
    [
        pytest.param(2, "", "A05.FR.02", "A05.FR.03", id="profile 2 needs the root"),
        pytest.param(3, "", "A05.FR.03", "?", id="profile 3 needs the certificate too"),
        pytest.param(3, "InvalidNetworkConf", "B10.FR.02", "A05.FR.03", id="the configuration is at fault"),
        pytest.param(2, "NoSecurityDowngrade", "A05.FR.10", "A05.FR.02", id="a step down"),
    ],
)
def test_priority_refused(goal: int, code: str, there: str, absent: str) -> None:
    """A refused priority list names the requirement that most likely stands behind it."""
    words = priority_refused("Rejected", "2,1", goal=goal, code=code)
    assert there in words
    assert absent not in words
    assert '"2,1"' in words


def test_profile_refused() -> None:
    """A refused network profile names what newer firmware misses."""
    assert "the CSMS root is missing" in profile_refused("Rejected", slots=(2,), goal=2)
    assert "the station certificate is missing" in profile_refused("Rejected", slots=(2,), goal=3)
