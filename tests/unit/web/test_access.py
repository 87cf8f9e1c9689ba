"""What every request passes before any route is looked at."""

import pytest

from ocppsec.web.access import MAX_BODY, Access, host_of

PROTECTED = [
    ("GET", "/api/v1/stations"),
    ("POST", "/api/v1/stations"),
    ("GET", "/api/v1/stations/CS001"),
    ("DELETE", "/api/v1/stations/CS001"),
    ("GET", "/api/v1/stations/CS001/why"),
    ("POST", "/api/v1/stations/CS001/upgrades"),
    ("POST", "/api/v1/stations/CS001/calls"),
    ("GET", "/api/v1/upgrades/u1"),
    ("GET", "/api/v1/ca"),
    ("GET", "/api/v1/security-events"),
    ("GET", "/api/v1/doors"),
    ("GET", "/api/v1/nothing-here"),
    ("GET", "/elsewhere"),
]


@pytest.mark.parametrize(("method", "path"), PROTECTED)
@pytest.mark.parametrize(
    "authorization",
    [
        pytest.param("", id="nothing"),
        pytest.param("Bearer wrong", id="wrong-token"),
        pytest.param("Bearer ", id="empty-token"),
        pytest.param("Basic {token}", id="right-token-wrong-scheme"),
        pytest.param("Bearer {token}x", id="token-and-more"),
        pytest.param("{token}", id="token-without-scheme"),
    ],
)
async def test_without_the_token_nothing_is_told(world, problem, method, path, authorization):
    """Without the right bearer token every path answers 401, also those that do not exist."""
    token = world.http.headers["Authorization"].removeprefix("Bearer ")
    response = await world.ask(method, path, headers={"Authorization": authorization.format(token=token)})
    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith("Bearer")
    assert token not in response.text
    problem(response)


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/openapi.json"])
async def test_what_watches_the_house_needs_no_token(world, path):
    """Health, readiness, metrics (where only this machine can ask) and the description are open."""
    response = await world.ask("GET", path, headers={"Authorization": ""})
    assert response.status_code == 200


async def test_metrics_need_the_token_where_others_can_reach_the_api(strict_world):
    """Off the loopback address `/metrics` wants the token like the rest."""
    response = await strict_world.ask("GET", "/metrics")
    assert response.status_code == 401


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8080", "localhost.evil.example", "", "127.0.0.2"]
)
async def test_a_rebound_name_gets_nothing(world, problem, host):
    """A request addressed to a name that is not ours is refused, token or not: DNS rebinding ends here."""
    response = await world.ask("GET", "/api/v1/doors", headers={"Host": host})
    assert problem(response)["type"] == "urn:ocppsec:problem:misdirected"
    assert response.status_code == 421


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80", "127.0.0.1:8080", "[::1]:8080", "[::1]"])
async def test_our_own_names_are_served(world, host):
    """The names of the loopback address are ours, with any port."""
    assert (await world.ask("GET", "/healthz", headers={"Host": host})).status_code == 200


def test_the_host_is_read_without_its_port():
    """An IPv6 address keeps its brackets and loses its port."""
    assert host_of(b"[FE80::1]:80") == "[fe80::1]"
    assert host_of(b"Name:80") == "name"


async def test_what_is_for_everybody_may_be_kept(world):
    """The root is given without a token, with its own word on how long it may be kept, and with all other headers."""
    response = await world.http.get("/pki/root.pem", headers={"Authorization": ""})
    assert response.status_code == 200
    assert response.headers.get_list("cache-control") == ["public, max-age=86400"]
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/pki", "/pkix/", "/api/v1/ca/crl", "/api/v1/../pki/../api/v1/ca"])
async def test_only_pki_is_for_everybody(world, path):
    """What merely looks like it wants the token."""
    response = await world.http.get(path, headers={"Authorization": ""})
    assert response.status_code == 401


@pytest.mark.parametrize("path", ["/healthz", "/api/v1/doors", "/api/v1/nothing", "/metrics"])
async def test_every_answer_carries_the_security_headers(world, path):
    """Nothing is cached, framed, sniffed or allowed to load anything, errors included."""
    headers = (await world.ask("GET", path)).headers
    assert headers["cache-control"] == "no-store"
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["x-content-type-options"] == "nosniff"


async def test_the_refusals_of_the_gate_carry_them_too(world):
    """A 401 has the same headers as everything else."""
    response = await world.ask("GET", "/api/v1/doors", headers={"Authorization": ""})
    assert response.headers["cache-control"] == "no-store"


async def test_a_body_has_a_limit(world):
    """More than the limit is 413, however it is announced."""

    async def endless():
        for _ in range(8):
            yield b" " * (MAX_BODY // 4)

    for body in (b" " * (MAX_BODY + 1), endless()):
        response = await world.ask(
            "POST", "/api/v1/stations", content=body, headers={"Content-Type": "application/json"}
        )
        assert response.status_code == 413


async def test_a_bug_is_a_500_that_tells_nothing(world, problem):
    """An exception nobody foresaw gives an incident id; its text stays with us and reaches the log once."""

    async def broken(_identity):
        raise RuntimeError("password is hunter2hunter2hunter2")

    world.csms.why = broken
    response = await world.ask("GET", "/api/v1/stations/CS001/why")
    body = problem(response)
    assert response.status_code == 500
    assert "hunter2" not in response.text
    assert "Traceback" not in response.text
    assert [incident for incident, _ in world.bugs] == [body["incident"]]


def test_the_token_does_not_show():
    """`repr` of the access rules holds no token."""
    shown = repr(Access(token="secret-token", hosts=frozenset(), metrics_open=False))
    assert "secret-token" not in shown
