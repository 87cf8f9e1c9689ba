"""TC_A_02_CSMS, Basic authentication, user name other than the identity: the connection upgrade is refused."""

import pytest
from rig.wire import ask, basic, request, target


@pytest.mark.parametrize(
    "user", ["somebody-else", "", "{}x", "x{}"], ids=["other", "empty", "longer", "prefixed"]
)
def test_another_user_name_is_refused(up, identity, source, user):
    """The right password does not help."""
    password = up.add(identity)
    data = request(target(identity), authorization=basic(user.format(identity), password))
    answer = ask(up.door(1), data, source=source)
    assert (answer.status, answer.complete) == (401, True)
    assert answer.body.startswith("user-name-not-identity")
    assert up.station(identity)["connection"] is None


def test_the_user_name_of_another_station_is_refused(up, identity):
    """Nor do the right credentials of another station."""
    up.add(identity)
    other = f"{identity}-b"
    password = up.add(other)
    answer = ask(up.door(1), request(target(identity), authorization=basic(other, password)))
    assert answer.status == 401
