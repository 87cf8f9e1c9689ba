"""A CA that nears its end is told in time."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from ocppsec.certificates.hierarchy import create_hierarchy
from ocppsec.csms.authority_watch import AuthorityWatch

NOW = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("years", "told"),
    [
        pytest.param(0, [], id="new"),
        pytest.param(5.5, ["stations", "servers"], id="issuing CAs near their end"),
        pytest.param(21, ["root", "stations", "servers"], id="all ended"),
    ],
)
def test_who_nears_the_end_is_told(years, told):
    """Each CA by itself; looking again tells again."""
    authority = SimpleNamespace(hierarchy=create_hierarchy(organization="CSO", now=NOW))
    events = []
    watch = AuthorityWatch(
        lambda: authority, emit=events.append, now=lambda: NOW + timedelta(days=365 * years)
    )
    watch.look()
    watch.look()
    assert [event.role for event in events] == told * 2
    assert all(event.not_after.startswith(("2032", "2046")) for event in events)
