"""TC_A_03_CSMS, Basic authentication, wrong password: the connection upgrade is refused."""

import base64

import pytest
from rig.wire import ask, basic, client_context, request, target


@pytest.mark.parametrize("profile", [1, 2])
@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(lambda right: "x" * 40, id="another"),
        pytest.param(lambda right: right[:-1], id="one-short"),
        pytest.param(lambda right: right + "x", id="one-long"),
        pytest.param(lambda right: right.swapcase(), id="other-case"),
        pytest.param(lambda right: "", id="empty"),
        pytest.param(lambda right: right + "\0", id="nul-behind"),
    ],
)
def test_a_wrong_password_is_refused(up, identity, source, profile, wrong):
    """401 with WWW-Authenticate."""
    password = up.add(identity, profile=profile)
    data = request(target(identity), authorization=basic(identity, wrong(password)))
    answer = ask(up.door(profile), data, context=client_context(up.root), source=source)
    assert (answer.status, answer.complete) == (401, True)
    assert answer.body.startswith("wrong-password")
    assert "www-authenticate" in answer.headers


@pytest.mark.parametrize("header", [None, "Basic", "Basic !!!", "Bearer {}", "basic{}", "Digest {}"])
def test_no_or_malformed_credentials_are_refused(up, identity, source, header):
    """Absence is a refusal, and so is what cannot be read."""
    password = up.add(identity)
    encoded = base64.b64encode(f"{identity}:{password}".encode()).decode()
    data = request(target(identity), authorization=header.format(encoded) if header else None)
    answer = ask(up.door(1), data, source=source)
    assert answer.status == 401
    assert answer.body.startswith(("credentials-missing", "credentials-malformed"))
