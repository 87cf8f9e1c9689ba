"""How answers of the server become exit codes."""

import json

import httpx2
import pytest

from ocppsec.cli.client import Api, station_path
from ocppsec.cli.failure import ExitCode, Failure
from ocppsec.cli.state import ApiAddress

ADDRESS = ApiAddress(url="http://127.0.0.1:1", token="t" * 43, pid=1)


def api_that(answer, tmp_path) -> Api:
    return Api(tmp_path, ADDRESS, transport=httpx2.MockTransport(answer))


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (400, "bad-input", ExitCode.USAGE),
        (401, "unauthorized", ExitCode.NOT_ALLOWED),
        (404, "not-registered", ExitCode.NOT_FOUND),
        (409, "already-registered", ExitCode.FAILED),
        (409, "not-connected", ExitCode.NOT_REACHABLE),
        (422, "validation", ExitCode.USAGE),
        (500, "internal-error", ExitCode.FAILED),
        (502, "call-refused", ExitCode.FAILED),
        (503, "store-unavailable", ExitCode.NOT_REACHABLE),
        (504, "call-timed-out", ExitCode.TIMED_OUT),
    ],
)
def test_problems_become_exit_codes(tmp_path, status, kind, code):
    """Each problem has its exit code, its words and its advice."""
    body = {"type": f"urn:ocppsec:problem:{kind}", "detail": "what", "advice": "do this", "status": status}
    api = api_that(lambda _: httpx2.Response(status, content=json.dumps(body)), tmp_path)
    with pytest.raises(Failure) as caught:
        api.get("/stations")
    assert (caught.value.code, caught.value.what, caught.value.next) == (code, "what", "do this")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (httpx2.ConnectError("refused"), ExitCode.NOT_REACHABLE),
        (httpx2.ReadTimeout("slow"), ExitCode.TIMED_OUT),
        (httpx2.RemoteProtocolError("cut"), ExitCode.NOT_REACHABLE),
    ],
)
def test_a_server_that_is_away_is_said(tmp_path, error, code):
    """No connection, no answer and half an answer are failures with words."""

    def answer(_request):
        raise error

    with pytest.raises(Failure) as caught:
        api_that(answer, tmp_path).get("/stations")
    assert caught.value.code == code


def test_another_program_at_the_address_is_noticed(tmp_path):
    """An error that is no problem of ours comes from somebody else."""
    api = api_that(lambda _: httpx2.Response(404, text="<html>"), tmp_path)
    with pytest.raises(Failure) as caught:
        api.get("/stations")
    assert caught.value.code == ExitCode.NOT_REACHABLE


def test_all_pages_are_read(tmp_path):
    """Items of every page come, in order, and the token goes with each request."""
    seen = []

    def answer(request):
        seen.append(request.headers["authorization"])
        cursor = request.url.params.get("cursor")
        page = {"stations": [3], "next": None} if cursor else {"stations": [1, 2], "next": "c"}
        return httpx2.Response(200, json=page)

    assert list(api_that(answer, tmp_path).pages("/stations", "stations")) == [1, 2, 3]
    assert seen == [f"Bearer {ADDRESS.token}"] * 2


def test_an_identity_is_one_segment():
    """No character of an identity can leave its place in the path."""
    assert station_path("a/../b?c#d|e", "why") == "/stations/a%2F%2E%2E%2Fb%3Fc%23d%7Ce/why"
    assert station_path("..") == "/stations/%2E%2E"


def test_a_value_that_is_refused_is_named(tmp_path):
    """`Input should be …` alone leaves open which of the options it is about."""
    errors = [
        {"where": "body/way", "message": "Input should be 'listed'"},
        {"where": "", "message": "no JSON"},
    ]
    body = {"type": "urn:ocppsec:problem:validation", "detail": "what", "errors": errors}
    api = api_that(lambda _: httpx2.Response(422, content=json.dumps(body)), tmp_path)
    with pytest.raises(Failure) as caught:
        api.get("/stations")
    assert caught.value.why == "way: Input should be 'listed'; no JSON"
    assert "not acceptable" in caught.value.what
    assert "--help" in caught.value.next


@pytest.mark.parametrize("status", [404, 405])
def test_a_name_with_a_slash_is_nobodys(tmp_path, status):
    """What stands behind the slash was taken for something that can be asked; nobody has that name."""
    body = {"type": "about:blank", "title": "Method Not Allowed"}
    api = api_that(lambda _: httpx2.Response(status, content=json.dumps(body)), tmp_path)
    with pytest.raises(Failure, match="nothing has this name") as caught:
        api.get("/campaigns/../x")
    assert caught.value.code == 5
