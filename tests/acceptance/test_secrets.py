"""After a full upgrade with everything talking as much as it can, no secret is anywhere but in its own file (LESSONS 19)."""

import base64
import json
import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from rig.database import without_stations
from rig.server import Up, eventually
from rig.wire import Raw, ask, basic, client_context, dial, request, target

OWN_FILES = {"pepper", "api.json"}
NEW_PASSWORD = "Fresh-secret-of-the-station-0815"
WRONG_PASSWORD = "Wrong-guess-that-is-nobodys-4711"
GIVEN_PASSWORD = "With:colon:and:more:16-chars"


class Leftovers:
    """All the server left anywhere, by where it is."""

    def __init__(self):
        self.texts = {}

    def add(self, where, data):
        self.texts[where] = data if isinstance(data, bytes) else data.encode()

    def holding(self, needle):
        return [where for where, data in self.texts.items() if needle in data]


def forms(secret):
    """How a secret may be written down."""
    yield "raw", secret
    yield "hex", secret.hex().encode()
    yield "HEX", secret.hex().upper().encode()
    yield "repr", repr(secret)[2:-1].encode()
    for shift in range(3):  # base64 of it inside of something longer
        whole = base64.b64encode(b"\0" * shift + secret)
        yield f"base64+{shift}", whole[4 if shift else 0 : len(whole) // 4 * 4 - 4]
    yield "base64url", base64.urlsafe_b64encode(secret).rstrip(b"=")


def keys_in(path):
    """The private values of a key file: DER, and the number that is the secret itself."""
    text = path.read_bytes()
    if b"PRIVATE KEY" not in text:
        return
    key = serialization.load_pem_private_key(text, None)
    encoding, none = serialization.Encoding, serialization.NoEncryption()
    yield "pkcs8", key.private_bytes(encoding.DER, serialization.PrivateFormat.PKCS8, none)
    yield "traditional", key.private_bytes(encoding.DER, serialization.PrivateFormat.TraditionalOpenSSL, none)
    numbers = key.private_numbers()
    secret = numbers.private_value if hasattr(numbers, "private_value") else numbers.p
    yield "number", secret.to_bytes((secret.bit_length() + 7) // 8, "big")


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """What was secret, and everything the server left behind after a life full of incidents."""
    from rig.crew import Crew

    directory = tmp_path_factory.mktemp("secrets")
    server, crew = Up(directory / "state"), Crew(directory / "flash")
    left, said = Leftovers(), []
    try:
        server.start()
        password = server.add("S1", serial_number="SN1")
        command = server.command(
            "station", "add", "S2", "--password-stdin", "--json", stdin=GIVEN_PASSWORD + "\n"
        )
        assert command.code == 0, command
        said.append(command)
        crew.power_on("S1", url=server.door(1), password=password, serial="SN1")
        eventually(lambda: crew.booted("S1", 1))
        incidents(server, password)
        said.append(server.command("station", "upgrade", "S1", "--to", "3", "--wait", "--timeout", "40"))
        assert said[-1].code == 0, said[-1]
        said += afterwards(server)
        for number, done in enumerate(said):
            left.add(f"command {number}", done.out + done.err)
        for path in everything_to_get(server):
            left.add(f"GET {path}", "\n".join(map(str, server.api("GET", path))))
        token = json.loads((server.state / "api.json").read_text())["token"]
        keep_files(left, server.state, "while it runs")
        server.stop()
        keep_files(left, server.state, "after its end")
        for path in server.state.parent.rglob("*crash*/*"):
            left.add(f"crash file {path}", path.read_bytes())
        left.add("standard error", "".join(server.lines))
        secrets = {
            "generated password": password.encode(),
            "given password": GIVEN_PASSWORD.encode(),
            "new password": NEW_PASSWORD.encode(),
            "wrong password": WRONG_PASSWORD.encode(),
            "API token": token.encode(),
            "pepper": (server.state / "pepper").read_bytes(),
        }
        yield server.state, directory / "flash" / "S1", secrets, left
    finally:
        crew.close()
        server.stop()


def incidents(server, password):
    """Everything with a secret in it that can go wrong."""
    for identity, secret in (("S2", WRONG_PASSWORD), ("S1", WRONG_PASSWORD), ("nobody", password)):
        ask(server.door(1), request(target(identity), authorization=basic(identity, secret)))
    ask(server.door(1), request(target("S1"), authorization=basic("S2", password)))
    ask(server.door(1), request(target("S1"), authorization=basic(password, "S1")))
    ask(server.door(1), request(target("S1"), authorization=f"Basic {password}"))
    ask(server.door(1), request(target("S1"), authorization=f"Bearer {password}"))
    ask(server.door(1), request(f"/ocpp/S1:{password}?password={password}"))
    ask(
        server.door(2),
        request(target("S1"), authorization=basic("S1", password)),
        context=client_context(server.root),
    )
    with dial(server.door(1)) as sock:  # a head that never ends
        sock.sendall(request(target("S1"), authorization=basic("S1", password))[:-2])
    with Raw(server.door(1), "S2", password=GIVEN_PASSWORD) as station:
        station.boot("S2")
        station.send(
            json.dumps([2, "9", "DataTransfer", {"vendorId": GIVEN_PASSWORD, "no": GIVEN_PASSWORD}]).encode()
        )
        station.send(f'[2,"10","{GIVEN_PASSWORD}",'.encode())
        station.send(json.dumps([3, GIVEN_PASSWORD, {"a": GIVEN_PASSWORD}]).encode())
        station.call("Heartbeat", {})
    with without_stations(server.state):
        ask(server.door(1), request(target("S1"), authorization=basic("S1", password)))
        server.api("POST", "/stations", {"identity": "S3", "password": GIVEN_PASSWORD})


def afterwards(server):
    """Commands that touch passwords: set one (A01), give bad ones, look at everything."""
    item = {
        "component": {"name": "SecurityCtrlr"},
        "variable": {"name": "BasicAuthPassword"},
        "attributeValue": NEW_PASSWORD,
    }
    payload = json.dumps({"setVariableData": [item]})
    yield server.command("station", "call", "S1", "SetVariables", payload, "--json")
    yield server.command(
        "station", "call", "S1", "SetVariables", payload.replace("variable", "vario"), "--json"
    )
    yield server.command("station", "call", "S2", "SetVariables", payload)
    yield server.command("station", "add", "S4", "--password-stdin", stdin=WRONG_PASSWORD * 3 + "\n")
    yield server.command("station", "add", "S2", "--password-stdin", stdin=WRONG_PASSWORD + "\n")
    server.api("POST", "/stations", {"identity": "S5", "password": WRONG_PASSWORD, "odd": WRONG_PASSWORD})
    server.api("POST", "/stations", {"identity": ["S5"], "password": {"a": WRONG_PASSWORD}})
    server.api("GET", "/stations", token=WRONG_PASSWORD)
    for verb in (["list"], ["show", "S1"], ["why", "S1"], ["why", "S2"], ["why", "nobody"]):
        yield server.command("station", *verb)
        yield server.command("station", *verb, "--json")
    yield server.command("ca", "show", "--json")
    yield server.command("config", "show", "--origin")


def everything_to_get(server):
    upgrade = server.get("/stations/S1/upgrades")["upgrades"][0]["id"]
    yield from (
        "/healthz",
        "/readyz",
        "/metrics",
        "/openapi.json",
        "/stations",
        "/doors",
        "/ca",
        "/security-events",
    )
    yield from (f"/stations/S1{part}" for part in ("", "/why", "/upgrades"))
    yield from ("/stations/S2", "/stations/S2/why", "/stations/nobody/why", f"/upgrades/{upgrade}")


def keep_files(left, state, when):
    for path in state.rglob("*"):
        if path.is_file():
            left.add(f"file {path.relative_to(state)} {when}", path.read_bytes())


def is_its_own(where):
    """Secrets live in key files, in `pepper` and in `api.json`; those are 0600."""
    if not where.startswith("file "):
        return False
    name = Path(where.split()[1])
    return name.name in OWN_FILES or name.suffix == ".key" or name.parts[0] == "tls"


def test_the_search_would_find_something(story):
    """The haystack is complete: the database, the logs and the API are in it, and each secret in its own file is found."""
    state, _, secrets, left = story
    names = " ".join(left.texts)
    assert "standard error" in names
    assert "-wal" in names or ".db " in names or "sqlite" in names
    assert left.holding(b"wrong-password")
    assert left.holding(b"connection-refused")
    assert left.holding(secrets["pepper"])
    for path in state.rglob("*.key"):
        assert left.holding(path.read_bytes().splitlines()[1])


@pytest.mark.parametrize(
    "name", ["generated password", "given password", "new password", "wrong password", "API token", "pepper"]
)
def test_no_password_token_or_pepper_is_anywhere(story, name):
    """In no form: text, hexadecimal, base64 at any offset, percent-encoded."""
    _, _, secrets, left = story
    for form, needle in forms(secrets[name]):
        found = [where for where in left.holding(needle) if not is_its_own(where)]
        assert not found, f"{name} as {form} in {found}"


def test_no_authorization_header_is_anywhere(story):
    """Nor the header that carried it."""
    _, _, secrets, left = story
    for identity, name in (("S1", "generated password"), ("S2", "given password"), ("S1", "wrong password")):
        header = basic(identity, secrets[name].decode()).removeprefix("Basic ")
        assert not left.holding(header.encode()[:-4])


def test_no_private_key_is_anywhere_but_in_its_file(story):
    """Neither the CA's nor the server's nor the station's, in any form."""
    state, flash, _, left = story
    files = [*state.rglob("*.key"), *(state / "tls").iterdir(), *flash.glob("*.key")]
    assert len(files) >= 6
    for path in files:
        for kind, secret in keys_in(path):
            for form, needle in forms(secret):
                found = [where for where in left.holding(needle) if not is_its_own(where)]
                assert not found, f"{path.name}: {kind} as {form} in {found}"
    assert not [where for where in left.holding(b"PRIVATE KEY") if not is_its_own(where)]


def test_files_with_secrets_are_ours_alone(story):
    """0600 for every file but public certificates and revocation lists, 0700 for directories."""
    state, _, _, _ = story
    for path in [state, *state.rglob("*")]:
        mode = path.stat().st_mode & 0o777
        public = path.suffix in {".pem", ".crl"} and b"PRIVATE" not in path.read_bytes()
        assert mode & 0o077 == 0 or public, f"{path} {oct(mode)}"
        assert path.stat().st_uid == os.getuid()
