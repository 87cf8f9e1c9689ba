"""CAs of others over real sockets: the real cfssl, an EST server on `openssl`, fakes of Vault and step-ca.

The fakes are written from documents and check what these say is checked; that the real ones do so is not shown here.
"""

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from est_server import EstServer
from fake_step_ca import FakeStepCa
from fake_vault import FakeVault
from foreign_ca import DAYS, ca, key_pem, name, new_order, pem, sign
from real_cfssl import AUTH_KEY, Cfssl
from web_ca import BAD_MANNERS, Said

from ocppsec.certificates.safekeeping import TooOpen
from ocppsec.issuers.checks import judge
from ocppsec.issuers.choice import CaKind, ForeignCa, open_ca
from ocppsec.issuers.issuer import AskFailed, CannotRevoke, Declined, NotAsked, NotYet, Revocation
from ocppsec.issuers.trust import read_trust
from ocppsec.issuers.web import BadEndpoint


@pytest.fixture
def openssl():
    return shutil.which("openssl") or pytest.skip("the openssl command is not installed")


@pytest.fixture
def est(tmp_path, openssl):
    with EstServer(tmp_path, openssl=openssl, users={"csms": "password-1"}) as server:
        yield server


@pytest.fixture
def vault(tmp_path):
    with FakeVault(tmp_path) as server:
        yield server


@pytest.fixture
def step(tmp_path):
    with FakeStepCa(tmp_path) as server:
        yield server


@pytest.fixture(params=["est", "vault", "step-ca"])
def any_ca(request, tmp_path):
    """(server, settings) of each kind that can be told to misbehave."""
    fixture, settings = {"est": ("est", of_est), "vault": ("vault", of_vault), "step-ca": ("step", of_step)}[
        request.param
    ]
    server = request.getfixturevalue(fixture)
    return server, settings(server)


def of_est(server, **changed):
    settings = {"kind": CaKind.EST, "user": "csms", "secret": "password-1"}
    return of(server, **settings | changed)


def of_vault(server, **changed):
    settings = {"kind": CaKind.VAULT, "profile": "stations", "mount": "pki_int"}
    return of(server, **settings | {"user": server.role_id, "secret": server.secret_id} | changed)


def of_step(server, **changed):
    return of(server, **{"kind": CaKind.STEP_CA, "user": server.provisioner, "secret": server.jwk} | changed)


def of_cfssl(server, **changed):
    return of(
        server, tls_ca=None, **{"kind": CaKind.CFSSL, "profile": "stations", "secret": AUTH_KEY} | changed
    )


def of(server, **settings):
    tls_ca = settings.pop("tls_ca", getattr(server, "tls_ca", None))
    return ForeignCa(url=server.url, ca=server.trust_file, tls_ca=tls_ca, **{"seconds": 10.0} | settings)


async def asked(settings, order=None):
    """(issued, order): asked and judged, as `ocppsec.csms.foreign_issuing` does."""
    order = order or new_order()
    now = datetime.now(UTC)
    issuer = open_ca(settings)
    try:
        return judge(await issuer.ask(order), order, read_trust(settings.ca, now=now), now=now), order
    finally:
        await issuer.close()


async def revoked(settings, revocation):
    issuer = open_ca(settings)
    try:
        await issuer.revoke(revocation)
    finally:
        await issuer.close()


# -- each gives a certificate -------------------------------------------------------------------------------
async def test_a_certificate_of_each(any_ca):
    server, settings = any_ca
    issued, order = await asked(settings)
    assert issued.public_key_sha256 == order.approved.public_key_sha256
    issued.certificate.verify_directly_issued_by(server.issuing.certificate)
    assert issued.not_after <= datetime.now(UTC) + DAYS


async def test_a_certificate_of_the_real_cfssl(tmp_path):
    """Its answer is the leaf alone; what goes with it is our configuration's."""
    with Cfssl(tmp_path) as server:
        issued, _ = await asked(of_cfssl(server))
    issued.certificate.verify_directly_issued_by(server.issuing.certificate)
    chain = x509.load_pem_x509_certificates(issued.chain_pem.encode())
    assert chain == [issued.certificate, server.issuing.certificate]


async def test_the_real_cfssl_is_not_believed(tmp_path):
    """A profile that makes server certificates, or long ones, is its operator's mistake: nothing of it is taken."""
    with Cfssl(tmp_path, usages=("signing", "server auth", "client auth"), expiry="8760h") as server:
        with pytest.raises(AskFailed, match=r"clientAuth alone; it is valid until .* asked for was"):
            await asked(of_cfssl(server))
        with pytest.raises(NotAsked, match=r"answered 4\d\d: invalid token"):
            await asked(of_cfssl(server, secret="00" * 16))
        with pytest.raises(AskFailed, match=r"answered 4\d\d"):  # it runs without a database
            await revoked(of_cfssl(server), revocation_at(server))


# -- bad manners --------------------------------------------------------------------------------------------
SAID = {
    "html": "no JSON but|text/html, not application/pkcs7-mime",
    "500": "answered 500: the database of this CA is away",
    "empty": "no JSON but|not application/pkcs7-mime",
    "nonsense": "cannot be read|no certificate in it",
    "huge": "more than 256 KiB",
    "redirect": "answered 302",
    "truncated": "broke off",
    "slow": "did not answer within 1 s",
}


@pytest.mark.parametrize("manner", BAD_MANNERS)
async def test_bad_manners_are_a_reason(any_ca, manner):
    """Whatever comes, it is said which CA it was and what it did; nothing hangs and nothing is followed."""
    server, settings = any_ca
    server.manner = manner
    seconds = 1.0 if manner == "slow" else settings.seconds
    with pytest.raises(AskFailed, match=SAID[manner]) as failed:
        await asked(of(server, **kept(settings), seconds=seconds))
    assert server.url in str(failed.value) or "no certificate in it" in str(failed.value)
    assert settings.secret not in str(failed.value)


def kept(settings):
    names = ("kind", "profile", "mount", "user", "secret", "tls_ca", "certificate", "key")
    return {each: getattr(settings, each) for each in names}


async def test_a_ca_that_is_not_there(any_ca):
    """It was surely not asked: no order is left in doubt."""
    server, settings = any_ca
    server.__exit__()
    with pytest.raises(NotAsked, match="cannot be reached"):
        await asked(settings)
    server.__enter__()


async def test_a_ca_with_another_tls_certificate_is_not_asked(any_ca, tmp_path):
    """The system's store does not know it, nor does another CA: no secret leaves us."""
    server, settings = any_ca
    for tls_ca in (None, tmp_path / "other.pem"):
        (tmp_path / "other.pem").write_bytes(pem(ca("Other TLS CA").certificate))
        with pytest.raises(NotAsked, match="certificate verify failed"):
            await asked(of(server, **kept(settings) | {"tls_ca": tls_ca}))
    assert server.heard == []


@pytest.mark.parametrize("wrong", ["user", "secret"])
async def test_wrong_credentials_are_said_and_not_shown(any_ca, wrong):
    server, settings = any_ca
    other = "0" * 40 if settings.kind is not CaKind.STEP_CA else FakeStepCa(server.directory).jwk
    changed = {wrong: other if wrong == "secret" else "somebody"}
    with pytest.raises(NotAsked, match=r"answered 40[01]") as failed:
        await asked(of(server, **kept(settings) | changed))
    assert other not in str(failed.value)


@pytest.mark.parametrize("status", [400, 500])
async def test_a_ca_that_repeats_our_secret_is_not_quoted(any_ca, status):
    server, settings = any_ca
    server.manner = Said(status, "text/plain", f"denied: {settings.secret}\nfor {settings.secret}".encode())
    with pytest.raises(AskFailed, match=f"answered {status}: denied") as failed:
        await asked(settings)
    assert settings.secret not in str(failed.value)
    surely_not = status == 400 or "no login" in str(failed.value)
    assert isinstance(failed.value, NotAsked) == surely_not


def test_no_secret_goes_in_the_clear(tmp_path):
    for url in (
        "http://ca.example",
        "ftp://ca.example",
        "https://user:pw@ca.example",
        "ca.example",
        "https://",
    ):
        with pytest.raises(BadEndpoint, match=r"issuer\.url"):
            open_ca(ForeignCa(kind=CaKind.EST, url=url, ca=tmp_path, user="csms", secret="password-1"))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"kind": CaKind.EST}, "who asks"),
        ({"kind": CaKind.VAULT, "secret": "t"}, r"issuer\.profile is missing"),
        ({"kind": CaKind.VAULT, "profile": "r"}, r"issuer\.secret is missing"),
        ({"kind": CaKind.STEP_CA, "secret": "{}"}, r"issuer\.user is missing"),
        ({"kind": CaKind.STEP_CA, "user": "u", "secret": "{}"}, "private JWK"),
        ({"kind": CaKind.STEP_CA, "user": "u", "secret": "nonsense"}, "private JWK"),
        ({"kind": CaKind.CFSSL, "profile": "p", "secret": "no hex"}, "in hex"),
        ({"kind": CaKind.CFSSL, "profile": "p", "secret": "  "}, "sign for anybody"),
        ({"kind": CaKind.EST, "user": "u", "tls_ca": "/nowhere.pem"}, r"issuer\.tls_ca /nowhere.pem"),
        (
            {"kind": CaKind.EST, "certificate": Path("/nowhere.pem"), "key": Path("/no")},
            r"issuer\.certificate /nowhere.pem",
        ),
    ],
)
def test_what_is_missing_is_said(settings, words, tmp_path):
    with pytest.raises(BadEndpoint, match=words):
        open_ca(ForeignCa(url="https://ca.example", ca=tmp_path, **settings))


def test_a_key_that_others_can_read_is_not_used(tmp_path):
    key = tmp_path / "client.key"
    key.write_text("key")
    key.chmod(0o644)
    files = {"certificate": tmp_path / "client.pem", "key": key}
    with pytest.raises(TooOpen):
        open_ca(ForeignCa(kind=CaKind.EST, url="https://ca.example", ca=tmp_path, **files))


# -- EST ----------------------------------------------------------------------------------------------------
async def test_est_renewals_go_where_rfc_7030_wants_them(est):
    await asked(of_est(est))
    await asked(of_est(est), new_order(renews=True))
    assert [heard.path.rpartition("/")[2] for heard in est.heard] == ["simpleenroll", "simplereenroll"]


async def test_est_with_a_label_and_a_client_certificate(tmp_path, openssl):
    """RFC 7030 3.2.2 and 3.3.2: another CA of the same server, and no password at all."""
    clients = ca("Client CA")
    key = ca("key").key
    ours = sign(clients, key.public_key(), subject=name("our CSMS"))
    (tmp_path / "client.pem").write_bytes(pem(ours))
    (tmp_path / "client.key").write_bytes(key_pem(key))
    (tmp_path / "client.key").chmod(0o600)
    with EstServer(tmp_path, openssl=openssl, client_anchors=pem(clients.certificate)) as server:
        server.label = "stations"
        mine = {"certificate": tmp_path / "client.pem", "key": tmp_path / "client.key"}
        settings = of_est(server, user=None, secret=None, profile="stations", **mine)
        await asked(settings)
        assert server.heard[0].client == ours
        with pytest.raises(AskFailed):
            await asked(of_est(server, profile="stations"))


async def test_est_that_says_later_is_asked_again(est):
    """RFC 7030 4.2.3: 202 with Retry-After, then the same request again."""
    est.later = 1
    await asked(of_est(est))
    first, second = est.heard
    assert first.body == second.body


@pytest.mark.parametrize("retry_after", ["3600", "Sun, 06 Nov 2094 08:49:37 GMT"])
async def test_est_that_says_much_later_is_no_certificate_yet(est, retry_after):
    est.later, est.retry_after = 9, retry_after
    with pytest.raises(NotYet, match="has not decided yet") as later:
        await asked(of_est(est))
    assert later.value.seconds >= 3600


async def shown(settings):
    issuer = open_ca(settings)
    try:
        return set(await issuer.authorities())
    finally:
        await issuer.close()


async def test_est_shows_its_cas(est):
    assert await shown(of_est(est)) == {est.root.certificate, est.issuing.certificate}


async def test_each_shows_its_cas(any_ca):
    server, settings = any_ca
    assert await shown(settings) & {server.root.certificate, server.issuing.certificate}


async def test_the_real_cfssl_shows_its_ca(tmp_path):
    with Cfssl(tmp_path) as server:
        assert await shown(of_cfssl(server)) == {server.issuing.certificate}


async def test_est_takes_no_revocations(est):
    with pytest.raises(CannotRevoke, match="tell its operator"):
        await revoked(of_est(est), revocation_at(est))


# -- Vault --------------------------------------------------------------------------------------------------
def revocation_at(server, serial=0x0F39DD):
    return Revocation(serial_number=serial, issuer=server.issuing.certificate, reason="keyCompromise")


async def test_vault_is_told_of_revocations(vault):
    await revoked(of_vault(vault), revocation_at(vault))
    assert vault.revoked == ["0f:39:dd"]


async def test_vault_logs_in_once_and_again_when_its_token_is_used_up(vault):
    vault.uses = 2
    issuer = open_ca(of_vault(vault))
    for _ in range(3):
        await issuer.ask(new_order())
    await issuer.close()
    logins = [heard.path for heard in vault.heard].count("/v1/auth/approle/login")
    assert logins == 2


async def test_vault_with_a_token(vault):
    vault.tokens["hvs.given-token"] = 1
    settings = of_vault(vault, user=None, secret="hvs.given-token")
    await asked(settings)
    with pytest.raises(Declined, match="answered 403: permission denied") as refused:
        await asked(settings)
    assert not refused.value.for_good


async def test_vault_says_what_its_role_does_not_allow(vault):
    with pytest.raises(Declined, match="TTL would result") as refused:
        await asked(of_vault(vault), new_order(lifetime=timedelta(days=300)))
    assert refused.value.for_good


# -- step-ca ------------------------------------------------------------------------------------------------
async def test_step_ca_is_told_of_revocations(step):
    await revoked(of_step(step), revocation_at(step))
    assert step.revoked == [(str(0x0F39DD), 1, True)]


async def test_a_token_of_step_ca_is_good_once(step):
    """It carries the order's id: the same order cannot be asked twice there."""
    order = new_order()
    await asked(of_step(step), order)
    with pytest.raises(Declined, match="token already used"):
        await asked(of_step(step), order)
    await asked(of_step(step), replace(order, request_id="another"))


async def test_step_ca_without_a_chain(step):
    """Older ones answer crt and ca alone."""
    step.chain = False
    await asked(of_step(step))
