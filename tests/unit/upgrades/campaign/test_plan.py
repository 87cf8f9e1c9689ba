"""What can be asked for, and what is refused before anything begins."""

import tomllib

import pytest

from ocppsec.upgrades.campaign.plan import BadPlan, Phase, read_plan

FULL = """
name = "the north"
to = 3
select = "site=de-* and observed=1"
[[phases]]
name = "canary"
stations = 5
soak = "2h"
gate = "person"
stop_at = 1
[[phases]]
percent = 100
[rate]
per_minute = 10
most_per_minute = 80
grow_after = 5
in_flight = 40
[window]
hours = "22:00-05:00"
days = ["mon", "tue"]
timezone = "Europe/Berlin"
[stop]
failed = 10
failed_percent = 2.5
lost = 2
[retry]
failed = 1
pause = "10m"
[wait]
away = "1d"
charging = "2d"
answer = "30m"
[deadlines]
boot = "1h"
"""


def test_a_full_plan():
    """Everything of the grammar is read; durations become seconds."""
    plan = read_plan(tomllib.loads(FULL))

    assert plan.phases[0] == Phase(name="canary", stations=5, soak=7200.0, gate="person", stop_at=1)
    assert (plan.wait.charging, plan.wait.answer, plan.deadlines) == (172_800.0, 1800.0, {"boot": 3600.0})
    assert (plan.retry.pause, plan.wait.away, plan.stop.lost, plan.rate.in_flight) == (600.0, 86_400.0, 2, 40)


def test_defaults_are_careful():
    """Who says nothing gets a canary that stops at the first failure, and a stop at the first lost station."""
    plan = read_plan({"to": 2, "select": "all"})

    assert plan.phases[0].stations == 1
    assert plan.phases[0].stop_at == 1
    assert plan.phases[0].soak > 0
    assert plan.stop.lost == 1


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param({"to": 1}, "Invalid enum value 1", id="profile 1"),
        pytest.param({"to": 4}, "Invalid enum value 4 .*; there is 2, 3$", id="profile 4"),
        pytest.param({"kind": "rise"}, "; there is raise, renew, ", id="a kind with a typing error"),
        pytest.param({"window": {"days": ["monday"]}}, "; there is mon, tue, ", id="a day"),
        pytest.param({"phases": [{"gate": "me"}]}, "; there is automatic, person$", id="a gate"),
        pytest.param({"select": "site"}, "cannot be read", id="selection"),
        pytest.param({"stopp": {}}, "stopp", id="unknown key"),
        pytest.param({"stop": {"fail": 1}}, "fail", id="a stop rule with a typing error"),
        pytest.param({"stop": {"lost": 0}}, "at least 1", id="stop at none"),
        pytest.param({"stop": {"failed_percent": 101}}, "between 0 and 100", id="percent"),
        pytest.param({"rate": {"per_minute": 0}}, "above 0", id="no rate"),
        pytest.param({"rate": {"in_flight": 0}}, "at least 1", id="nothing in flight"),
        pytest.param({"rate": {"per_minute": 9, "most_per_minute": 8}}, "most_per_minute", id="shrinks"),
        pytest.param({"phases": []}, "phases", id="no phase"),
        pytest.param({"phases": [{"percent": 50}]}, "percent = 100", id="some would never have a turn"),
        pytest.param({"phases": [{"stations": 5}]}, "percent = 100", id="the last counts stations"),
        pytest.param({"phases": [{"percent": 100, "stations": 1}]}, "either", id="both"),
        pytest.param({"phases": [{}]}, "either", id="neither"),
        pytest.param({"phases": [{"percent": 100}, {"percent": 100}]}, "grows", id="does not grow"),
        pytest.param({"phases": [{"percent": 100, "soak": "soon"}]}, "soak is a duration", id="duration"),
        pytest.param({"wait": {"away": -1}}, "between 0 and 366 days", id="negative duration"),
        pytest.param({"retry": {"lost": 11}}, "retry", id="retries"),
        pytest.param({"retry": {"silent": -1}}, "retry", id="retries of the silent"),
        pytest.param(
            {"kind": "passwords", "to": None, "retry": {"silent": 1}},
            "silent belongs to",
            id="silent elsewhere",
        ),
        pytest.param({"window": {"hours": "10pm-5"}}, "22:00-05:00", id="hours"),
        pytest.param({"window": {"hours": "05:00-05:00"}}, "same time", id="no hours"),
        pytest.param({"window": {"hours": "1:00-2:00", "timezone": "Mars"}}, "hours", id="one digit"),
        pytest.param({"window": {"hours": "01:00-02:00", "timezone": "Mars"}}, "Mars", id="time zone"),
        pytest.param({"window": {"hours": "01:00-02:00", "days": []}}, "never open", id="no day"),
        pytest.param({"name": "a\nb"}, "printable", id="name"),
        pytest.param({"to": None}, "to is required", id="raise to nowhere"),
        pytest.param({"kind": "raze"}, "raze", id="kind"),
        pytest.param({"kind": "renew"}, "to belongs", id="renew to a profile"),
        pytest.param({"kind": "renew", "to": None, "deadlines": {"csr": 9}}, "wait.answer", id="deadlines"),
        pytest.param({"deadlines": {"crs": 9}}, "unknown crs", id="a deadline with a typing error"),
        pytest.param({"deadlines": {"csr": "soon"}}, "csr is a duration", id="a deadline that is none"),
        pytest.param({"root": {"pem": "x"}}, "belongs to", id="a root to raise"),
        pytest.param({"kind": "install-root", "to": None}, "root is required", id="no root"),
        pytest.param(
            {"kind": "install-root", "to": None, "root": {"file": "x"}},
            "file",
            id="the server reads no files",
        ),
        pytest.param(
            {"kind": "install-root", "to": None, "root": {"pem": "x" * 10_001}}, "at most", id="a long root"
        ),
        pytest.param(
            {"kind": "install-root", "to": None, "root": {"pem": "x", "use": "y"}}, "use", id="a use"
        ),
        pytest.param({"until": "2027-01-01T00:00:00Z"}, "continuous", id="a snapshot until"),
        pytest.param({"continuous": True, "until": "2027-01-01T00:00:00"}, "offset", id="no offset"),
        pytest.param({"charging": "maybe"}, "maybe", id="charging"),
    ],
)
def test_what_is_refused(change, says):
    """What cannot be a campaign is refused in words."""
    with pytest.raises(BadPlan, match=says):
        read_plan({"to": 3, "select": "all", **change})


def test_a_plan_says_what_it_wants():
    """Selection and profile are not guessed, nor the kind of what has neither."""
    for missing in ({"to": 3}, {"select": "all"}):
        with pytest.raises(BadPlan, match="required"):
            read_plan(missing)
