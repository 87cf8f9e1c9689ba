"""How the commands speak to the running server: its HTTP API, and its problems turned into exit codes."""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx2

from ocppsec.cli.failure import ExitCode, Failure
from ocppsec.cli.state import ApiAddress, find_api, not_running

EXIT_CODES = {
    400: ExitCode.USAGE,
    401: ExitCode.NOT_ALLOWED,
    403: ExitCode.NOT_ALLOWED,
    404: ExitCode.NOT_FOUND,
    422: ExitCode.USAGE,
    503: ExitCode.NOT_REACHABLE,
    504: ExitCode.TIMED_OUT,
}
"""Every other status is a plain failure."""

BY_PROBLEM = {"not-connected": ExitCode.NOT_REACHABLE}
"""Problems that say more than their status."""


class Api:
    """One server, found through its state directory.  Every method raises `Failure`."""

    def __init__(
        self, directory: Path, address: ApiAddress, *, transport: httpx2.BaseTransport | None = None
    ) -> None:
        self._directory = directory
        self._http = httpx2.Client(
            base_url=f"{address.url}/api/v1",
            headers={"Authorization": f"Bearer {address.token}"},
            timeout=httpx2.Timeout(30.0),
            transport=transport,
            trust_env=False,  # a proxy from the environment must never see the token
        )

    @classmethod
    def find(cls, directory: Path) -> Self:
        return cls(directory, find_api(directory))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def get(self, path: str, **query: str | int) -> Any:
        return self._ask("GET", path, params=query)

    def post(
        self, path: str, body: Any, *, timeout: float = 30.0, headers: dict[str, str] | None = None
    ) -> Any:
        return self._ask("POST", path, json=body, timeout=timeout, headers=headers)

    def put(self, path: str, body: Any) -> Any:
        return self._ask("PUT", path, json=body)

    def delete(self, path: str, *, timeout: float = 30.0) -> Any:
        return self._ask("DELETE", path, timeout=timeout)

    def check_known(self, identity: str) -> None:
        """Nothing was found for a station: raises when that is because nobody has its name."""
        self.get(station_path(identity))

    def pages(self, path: str, member: str, **chosen: str | int) -> Iterator[Any]:
        """Every item of a paged collection."""
        query: dict[str, str | int] = {"limit": 500, **chosen}
        while True:
            page = self.get(path, **query)
            yield from page[member]
            if page["next"] is None:
                return
            query["cursor"] = page["next"]

    def _ask(self, method: str, path: str, **request: Any) -> Any:
        try:
            response = self._http.request(method, path, **request)
        except httpx2.ConnectError as error:
            raise not_running(self._directory, "nobody listens at the address in its api.json") from error
        except httpx2.TimeoutException as error:
            raise Failure("the server did not answer in time", code=ExitCode.TIMED_OUT) from error
        except httpx2.HTTPError as error:
            raise Failure(
                "the connection to the server broke",
                why=type(error).__name__,
                next="ask again; repeating is safe",
                code=ExitCode.NOT_REACHABLE,
            ) from error
        if response.is_error:
            raise problem(response)
        return response.json() if response.content else None


class Problem(Failure):
    """An answer of the server that says no (RFC 9457)."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        kind = str(body.get("type", "")).rpartition(":")[2]
        what = str(body.get("detail") or body.get("title") or f"the server answered {status}")
        found = "; ".join(map(_finding, body.get("errors", ())))
        super().__init__(
            "a value that was given is not acceptable" if found else what,
            why=found,
            next=str(body.get("advice") or ("--help says what the command takes" if found else "")),
            code=BY_PROBLEM.get(kind) or EXIT_CODES.get(status, ExitCode.FAILED),
        )
        self.kind = kind
        self.body = body


def _finding(error: dict[str, Any]) -> str:
    """Which value and what about it: `body/way` and `query/status` are the words of the API, the last part is ours."""
    where = str(error.get("where", "")).rpartition("/")[2]
    return f"{where}: {error['message']}" if where else str(error["message"])


def problem(response: httpx2.Response) -> Failure:
    try:
        body = response.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        return Failure(
            f"status {response.status_code} from something that is not our API",
            why="another program listens at the address in api.json",
            next="restart the server",
            code=ExitCode.NOT_REACHABLE,
        )
    if body.get("type") == "about:blank" and response.status_code in (404, 405):
        # A name with a slash in it: what is behind it was taken for something else.
        return Failure(
            "nothing has this name", next="look at the list of what there is", code=ExitCode.NOT_FOUND
        )
    return Problem(response.status_code, body)


def station_path(identity: str, *more: str) -> str:
    """Nothing in *identity* can leave its place: slashes are encoded, and dots, which a client would follow."""
    return _path("/stations", identity, *more)


def onboarding_path(identity: str) -> str:
    return _path("/onboarding", identity)


def campaign_path(campaign_id: str, *more: str) -> str:
    return _path("/campaigns", campaign_id, *more)


def request_path(request_id: str) -> str:
    return _path("/certificate-requests", request_id)


def upgrade_path(upgrade_id: str, *more: str) -> str:
    return _path("/upgrades", upgrade_id, *more)


def _path(kind: str, name: str, *more: str) -> str:
    return "/".join([kind, quote(name, safe="").replace(".", "%2E"), *more])
