"""The identity is read once from the request line, on the real socket (LESSONS 2)."""

import pytest
from rig.wire import ask, basic, request

A48 = "A" * 48


@pytest.fixture(scope="session")
def passwords(up):
    """Stations whose names an attacker would like to confuse."""
    names = {
        "cp001": {},
        "cp002": {},
        "with space": {},
        "a|b*c_d=e+f@g.h": {},
        "CP001": {"serial_number": "other"},
    }
    names[A48] = {"serial_number": "long"}
    return {name: up.add(name, **more) for name, more in names.items()}


@pytest.mark.parametrize(
    ("path", "who"),
    [
        pytest.param("/ocpp/cp001", "cp001", id="plain"),
        pytest.param("/ocpp/CP001", "CP001", id="case-counts"),
        pytest.param("/ocpp/%63p001", "cp001", id="percent-encoded-letter"),
        pytest.param("/ocpp/with%20space", "with space", id="space"),
        pytest.param("/ocpp/a%7Cb*c_d=e+f@g.h", "a|b*c_d=e+f@g.h", id="all-odd-characters"),
        pytest.param(f"/ocpp/{A48}", A48, id="48-characters"),
        pytest.param("/ocpp/cp001?x=/cp002", "cp001", id="query-that-looks-like-a-path"),
        pytest.param("/ocpp/cp001?/ocpp/cp002", "cp001", id="query-that-is-a-path"),
    ],
)
def test_a_path_names_one_station(up, passwords, path, who):
    """Its own credentials let it in; those of any other station do not."""
    assert ask(up.door(1), request(path, authorization=basic(who, passwords[who]))).status == 101
    other = "cp002"
    answer = ask(up.door(1), request(path, authorization=basic(other, passwords[other])))
    assert answer.status == 401
    assert answer.body.startswith("user-name-not-identity")


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/ocpp/cp001%2Fcp002", id="encoded-slash"),
        pytest.param("/ocpp/x%2Fcp001", id="encoded-slash-in-front"),
        pytest.param("/ocpp//cp001", id="two-slashes"),
        pytest.param("//ocpp/cp001", id="two-slashes-in-front"),
        pytest.param("/ocpp/cp001/", id="trailing-slash"),
        pytest.param("/ocpp/cp002/cp001", id="two-segments"),
        pytest.param("/ocpp/../ocpp/cp001", id="dots"),
        pytest.param("/ocpp/x/../cp001", id="dots-in-the-middle"),
        pytest.param("/ocpp/%2e%2e", id="encoded-dots"),
        pytest.param("/ocpp/.", id="one-dot"),
        pytest.param("/ocpp/" + "A" * 49, id="49-characters"),
        pytest.param("/ocpp/cp001%3Ax", id="encoded-colon"),
        pytest.param("/ocpp/cp001:x", id="colon"),
        pytest.param("/ocpp/%2563p001", id="encoded-twice"),
        pytest.param("/ocpp/cp001%00", id="nul"),
        pytest.param("/ocpp/cp001%0d%0aX", id="line-break"),
        pytest.param("/ocpp/%c0%ae", id="overlong-utf-8"),
        pytest.param("/ocpp/cp001%", id="half-an-escape"),
        pytest.param("/ocpp/cp001%20", id="space-at-the-end"),
        pytest.param("/ocpp/", id="empty"),
        pytest.param("/ocpp", id="none"),
        pytest.param("/cp001", id="without-the-prefix"),
        pytest.param("/ocpp2/cp001", id="another-prefix"),
        pytest.param("/OCPP/cp001", id="prefix-in-capitals"),
        pytest.param("http://localhost/ocpp/cp001", id="absolute-form"),
        pytest.param("/ocpp/cp001;x", id="path-parameter"),
        pytest.param("/ocpp/cP001", id="other-case"),
    ],
)
def test_a_path_that_names_no_station_is_404(up, passwords, path):
    """Whatever credentials come with it, and complete."""
    answer = ask(up.door(1), request(path, authorization=basic("cp001", passwords["cp001"])))
    assert (answer.status, answer.complete) == (404, True), answer.body


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b"GET /ocpp/cp001\x00 HTTP/1.1", id="raw-nul"),
        pytest.param(b"GET /ocpp/cp\xff001 HTTP/1.1", id="raw-byte"),
        pytest.param(b"GET /ocpp/cp001 /ocpp/cp002 HTTP/1.1", id="two-targets"),
    ],
)
def test_a_request_line_that_is_none_is_refused(up, passwords, line):
    """Nothing is guessed."""
    whole = request("/ocpp/cp001", authorization=basic("cp001", passwords["cp001"]))
    data = line + whole[whole.index(b"\r\n") :]
    assert ask(up.door(1), data).status in {400, 404}


@pytest.mark.parametrize(
    "more",
    [
        pytest.param(["Authorization: Basic YTpi"], id="second-authorization"),
        pytest.param([f"Authorization: {basic('cp002', 'x' * 20)}"], id="second-user"),
    ],
)
def test_two_authorizations_are_none(up, passwords, more):
    """Which of two headers counts is nothing to guess: refused."""
    data = request("/ocpp/cp001", authorization=basic("cp001", passwords["cp001"]), more=more)
    answer = ask(up.door(1), data)
    assert answer.status == 401, answer
    assert answer.body.startswith("credentials-malformed")


def test_a_colon_in_the_password_does_no_harm(up, identity):
    """The identity is known from the path, so the user name ends where it ends."""
    password = "colon:in:the:password"
    up.add(identity, password=password)
    assert (
        ask(up.door(1), request(f"/ocpp/{identity}", authorization=basic(identity, password))).status == 101
    )


def test_proxy_headers_are_not_believed(up, identity):
    """Whoever says that TLS or a certificate was seen elsewhere is not believed, and its address is its socket's."""
    up.add(identity, profile=3)
    more = [
        "X-Forwarded-For: 203.0.113.9",
        "X-Forwarded-Proto: wss",
        "X-SSL-Client-Verify: SUCCESS",
        f"X-SSL-Client-S-DN: O=ACME,CN={identity}",
    ]
    assert ask(up.door(1), request(f"/ocpp/{identity}", more=more)).status == 403
    (attempt,) = up.why(identity)["attempts"]
    assert attempt["address"] == "127.0.0.1"


@pytest.mark.parametrize("profile", [0, 1, 2, 3])
def test_profiles_are_the_standards_numbers(up, identity, profile):
    """0 to 3 go in and come out unshifted, in the API and in the command (LESSONS 4)."""
    assert up.command("station", "add", identity, "--profile", str(profile)).code == 0
    shown = up.station(identity)
    assert (shown["floor"], shown["target"]) == (profile, profile)
    assert up.command("station", "show", identity, "--json").json["floor"] == profile


@pytest.mark.parametrize("profile", [-1, 4, "3", 1.5, None])
def test_other_profiles_do_not_exist(up, identity, profile):
    """Nothing else is a profile."""
    status, _ = up.api("POST", "/stations", {"identity": identity, "profile": profile})
    assert status == 422


def test_profile_0_is_let_in_only_where_it_was_switched_on(up, identity):
    """Without a password only a station that was registered so comes in."""
    up.add(identity, profile=0)
    up.add(f"{identity}-1")
    assert ask(up.door(1), request(f"/ocpp/{identity}")).status == 101
    assert ask(up.door(1), request(f"/ocpp/{identity}-1")).status == 401
