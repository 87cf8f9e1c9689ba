"""A CA whose keys are in a token, SoftHSM's; what cannot be done is told in words."""

import os
import shutil
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from copy import copy, deepcopy
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding

from ocppsec.certificates import crl, files
from ocppsec.certificates.authority_directory import AuthorityDirectory
from ocppsec.certificates.custody import Custody
from ocppsec.certificates.generations import Turn
from ocppsec.certificates.issue import IssueFailed, issue_station_certificate, sign_crl
from ocppsec.certificates.key_place import KeyPlace
from ocppsec.certificates.keys import KeyFamily, KeyUnusable, save_key
from ocppsec.certificates.token_keys import private_key_of
from ocppsec.certificates.tokens import Tokens

pkcs11 = pytest.importorskip("pkcs11", reason="needs python-pkcs11")
MODULES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so")
MODULE = next((Path(path) for path in MODULES if Path(path).exists()), None)
pytestmark = pytest.mark.skipif(
    MODULE is None or shutil.which("softhsm2-util") is None, reason="needs SoftHSM2 (apt: softhsm2)"
)
PIN = "1234"


class Hsm:
    """SoftHSM with a directory of its own."""

    def __init__(self, directory):
        self.directory = directory
        (directory / "tokens").mkdir()
        (directory / "conf").write_text(f"directories.tokendir = {directory}/tokens\nlog.level = ERROR\n")

    def new_token(self, label):
        subprocess.run(
            ["softhsm2-util", "--init-token", "--free", "--label", label, "--so-pin", "5678", "--pin", PIN],
            check=True,
            capture_output=True,
        )
        pkcs11.lib(str(MODULE)).reinitialize()  # it reads its directory once
        return label

    def take_away(self, label):
        subprocess.run(["softhsm2-util", "--delete-token", "--token", label], check=True, capture_output=True)
        pkcs11.lib(str(MODULE)).reinitialize()


@pytest.fixture(scope="module")
def hsm(tmp_path_factory):
    directory = tmp_path_factory.mktemp("softhsm")
    hsm = Hsm(directory)
    before = os.environ.get("SOFTHSM2_CONF")
    os.environ["SOFTHSM2_CONF"] = str(directory / "conf")
    yield hsm
    pkcs11.unload(str(MODULE))
    os.environ.pop("SOFTHSM2_CONF")
    if before is not None:
        os.environ["SOFTHSM2_CONF"] = before


@pytest.fixture
def token(hsm, request):
    return hsm.new_token(f"t{abs(hash(request.node.name)) % 10**9}")


@pytest.fixture
def tokens():
    return Tokens(MODULE, PIN)


@pytest.fixture
def custody(token, tokens):
    return Custody(tokens=tokens, token=token)


@pytest.fixture
def load(tmp_path, now, custody):
    """The hierarchy in ``ca/``, made or loaded."""
    (tmp_path / "ca").mkdir(mode=0o700)

    def load(custody=custody):
        directory = AuthorityDirectory(
            tmp_path / "ca", custody=custody, now=now, serials=x509.random_serial_number
        )
        return directory.load_or_create("Example CSO")

    return load


@pytest.mark.parametrize("family", [KeyFamily.EC_P256, KeyFamily.EC_P384, KeyFamily.RSA_2048])
def test_a_whole_ca_in_a_token(load, custody, tmp_path, approve, key_of, now, family):
    """Hierarchy, station certificate and CRL are signed in there; OpenSSL accepts them; a restart finds the keys."""
    hierarchy = load(Custody(tokens=custody.tokens, token=custody.token, family=family))
    stations = hierarchy.stations
    issued = issue_station_certificate(
        approve(key_of(KeyFamily.RSA_2048)), stations, now=now, serial=1 << 150
    )
    builder = crl.crl_builder(stations.certificate, [], crl.next_issue(None, now))
    (tmp_path / "list.der").write_bytes(sign_crl(builder, stations))
    (tmp_path / "chain.pem").write_text(issued.chain_pem)
    openssl = ("openssl", "crl", "-inform", "DER", "-in", "list.der", "-out", "list.pem")
    subprocess.run(openssl, cwd=tmp_path, check=True, capture_output=True)
    verify = [
        "openssl",
        "verify",
        "-x509_strict",
        "-crl_check",
        "-CRLfile",
        "list.pem",
        "-attime",
        "1795348800",
    ]
    verify += ["-CAfile", "ca/root.pem", "-untrusted", "chain.pem", "chain.pem"]
    said = subprocess.run(verify, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert said.stdout == "chain.pem: OK\n"
    again = load(Custody(tokens=Tokens(MODULE, PIN)))
    assert again.stations.certificate == stations.certificate


def test_no_key_is_on_the_disk_and_none_can_be_taken_out(load, custody, tmp_path):
    """The files name the keys; the token gives none of them away."""
    hierarchy = load()
    for name in ("root", "stations", "servers"):
        text = (tmp_path / "ca" / f"{name}.key").read_text()
        assert text.startswith(f"pkcs11:token={custody.token};object=ocppsec-{name}-")
        place = KeyPlace.parse(text.strip())
        assert not custody.tokens.can_be_taken_out(place)
        session = custody.tokens._session(custody.token)
        (private,) = session.get_objects(
            {pkcs11.Attribute.LABEL: place.label, pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PRIVATE_KEY}
        )
        with pytest.raises(pkcs11.AttributeSensitive):
            private[pkcs11.Attribute.VALUE]
    with pytest.raises(KeyUnusable, match="signs and does nothing else"):
        save_key(tmp_path / "key", hierarchy.root.key)


def test_a_key_that_could_be_taken_out_is_known(tokens, token):
    """An operator may have made it; that it is so can be told."""
    tokens.new_key(KeyPlace(token=token, label="ours"), KeyFamily.EC_P256)
    with tokens._session(token).token.open(rw=True) as session:
        curve = pkcs11.util.ec.encode_named_curve_parameters("secp256r1")
        parameters = session.create_domain_parameters(
            pkcs11.KeyType.EC, {pkcs11.Attribute.EC_PARAMS: curve}, local=True
        )
        parameters.generate_keypair(
            store=True, label="theirs", private_template={pkcs11.Attribute.EXTRACTABLE: True}
        )
    assert tokens.can_be_taken_out(KeyPlace(token=token, label="theirs"))
    assert not tokens.can_be_taken_out(KeyPlace(token=token, label="ours"))


@pytest.mark.parametrize("after", range(1, 10))
def test_a_kill_at_any_file_leaves_no_second_key(load, custody, monkeypatch, after):
    """The place is written before the key is made: the next start completes, and no key is left over."""

    class Killed(BaseException):
        pass

    steps = iter(range(1, 100))

    def counted(work):
        def call(*arguments):
            if next(steps) == after:
                raise Killed
            return work(*arguments)

        return call

    monkeypatch.setattr(Path, "replace", counted(Path.replace))
    monkeypatch.setattr(Tokens, "_generate", counted(Tokens._generate))
    with pytest.raises(Killed):
        load()
    monkeypatch.undo()
    hierarchy = load()
    assert load().root.certificate == hierarchy.root.certificate
    kind = {pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PRIVATE_KEY}
    assert len(list(custody.tokens._session(custody.token).get_objects(kind))) == 3


def test_threads_share_the_session(load, approve, key_of, now):
    """Eight at once, each with a signature that is right."""
    stations = load().stations
    approved = approve(key_of(KeyFamily.EC_P256))
    with ThreadPoolExecutor(8) as pool:
        issued = list(
            pool.map(
                lambda number: issue_station_certificate(
                    approved, stations, now=now, serial=(1 << 150) + number
                ),
                range(40),
            )
        )
    assert len({one.fingerprint for one in issued}) == 40


def test_a_root_follows_another_in_the_token(custody, tmp_path, now):
    """The coming hierarchy has keys of its own there, and a move of the files takes them along."""
    known = {"organization": "Example CSO", "now": now, "custody": custody}
    before = files.load_or_create(tmp_path, hostname="csms.example", **known)
    files.prepare(tmp_path, **known)
    turn = Turn(serve_coming=True, issue_coming=True, crossed=True)
    coming = files.load_or_create(tmp_path, hostname="csms.example", turn=turn, **known)
    files.promote(tmp_path, until=now + timedelta(days=90), keep_keys=False)
    after = files.load_or_create(tmp_path, hostname="csms.example", **known)
    assert coming.root_sha256 == after.root_sha256 != before.root_sha256
    assert [ca.authority.certificate for ca in after.station_cas] == [
        after.hierarchy.stations.certificate,
        before.hierarchy.stations.certificate,
    ]
    old = after.station_cas[1].authority
    assert sign_crl(crl.crl_builder(old.certificate, [], crl.next_issue(None, now)), old)


def test_nobody_uses_the_session_at_the_same_time(tokens, token):
    """PKCS #11: the calls of one operation must not be mixed with those of another."""
    place = KeyPlace(token=token, label="any")
    inside, mixed = threading.Lock(), []

    def work(session):
        if not inside.acquire(blocking=False):
            mixed.append(True)
            return
        session.generate_random(100_000)  # lets other threads run
        inside.release()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: tokens._with_session(place, work), range(50)))
    assert mixed == []


def test_a_session_that_broke_is_opened_anew(load, approve, key_of, now, capfd):
    """As when the token was away for a moment: for a search, and for a signature; nothing on standard error."""
    load()
    pkcs11.lib(str(MODULE)).reinitialize()  # ends every session
    stations = load().stations
    pkcs11.lib(str(MODULE)).reinitialize()
    assert capfd.readouterr().err == ""
    assert issue_station_certificate(
        approve(key_of(KeyFamily.EC_P256)), stations, now=now, serial=1 << 150
    ).chain_pem


def test_a_token_that_is_gone_issues_nothing(load, hsm, custody, approve, key_of, now):
    """And says so: the caller hears of a failed issue, not of PKCS#11."""
    stations = load().stations
    hsm.take_away(custody.token)
    with pytest.raises(IssueFailed, match=f"no token '{custody.token}'"):
        issue_station_certificate(approve(key_of(KeyFamily.EC_P256)), stations, now=now, serial=1 << 150)
    builder = crl.crl_builder(stations.certificate, [], crl.next_issue(None, now))
    with pytest.raises(IssueFailed, match="no token"):
        sign_crl(builder, stations)


@pytest.mark.parametrize(
    ("custody_of", "words"),
    [
        pytest.param(lambda token: Custody(tokens=Tokens(MODULE, "999999"), token=token), "refuses the PIN", id="wrong PIN"),
        pytest.param(lambda token: Custody(tokens=Tokens(MODULE, PIN), token="away"), "no token 'away'", id="no token"),
        pytest.param(lambda token: Custody(tokens=Tokens(Path("/nothing.so"), PIN), token=token), "cannot be loaded", id="no module"),
        pytest.param(lambda token: Custody(tokens=Tokens(Path("/etc/passwd"), PIN), token=token), "cannot be loaded", id="no library"),
        pytest.param(lambda token: Custody(token=token), "no token is set up", id="not set up"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_in_words(load, token, custody_of, words):
    """And what to do; the PIN is in none of them."""
    with pytest.raises(KeyUnusable, match=words) as refused:
        load(custody_of(token))
    assert "9999" not in str(refused.value)
    assert "1234" not in str(refused.value)


def test_a_wrong_pin_is_not_tried_until_the_token_is_locked(token):
    """Once is enough."""
    wrong = Tokens(MODULE, "999999")
    place = KeyPlace(token=token, label="root")
    with pytest.raises(KeyUnusable, match="refuses the PIN"):
        wrong.key(place)
    with pytest.raises(KeyUnusable, match="not tried again"):
        wrong.key(place)
    assert "999999" not in repr(wrong)


def test_a_key_that_is_missing_is_not_made_again(load, custody, tmp_path):
    """Another token of the same name, say: the CA that stations know is not replaced."""
    load()
    session = custody.tokens._session(custody.token)
    with session.token.open(rw=True) as writing:
        for one in list(writing.get_objects({pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PRIVATE_KEY})):
            one.destroy()
    with pytest.raises(KeyUnusable, match="which is not in the token"):
        load()
    directory = AuthorityDirectory(
        tmp_path / "ca", custody=custody, now=None, serials=x509.random_serial_number
    )
    with pytest.raises(KeyUnusable, match="which is not in the token"):
        directory.issuer_key("stations")  # nor for a request


def test_two_keys_of_one_label_are_refused(tokens, token):
    """Which one is meant cannot be known."""
    place = KeyPlace(token=token, label="twice")
    tokens.new_key(place, KeyFamily.EC_P256)
    with pytest.raises(KeyUnusable, match="there 2 times"):
        tokens.new_key(place, KeyFamily.EC_P256)


@pytest.mark.parametrize(
    "uri",
    [
        pytest.param("pkcs11:token=a", id="no object"),
        pytest.param("pkcs11:object=a", id="no token"),
        pytest.param("pkcs11:token=a;object=b;type=public", id="public"),
        pytest.param("pkcs11:token=a;object=b;pin-value=1234", id="a PIN in it"),
        pytest.param("pkcs11:token=a;token=b;object=c", id="twice"),
        pytest.param("pkcs11:", id="nothing"),
    ],
)
def test_a_uri_that_does_not_name_one_key_is_refused(load, tmp_path, uri):
    """The file says which key; guessing would find another."""
    load()
    path = tmp_path / "ca" / "stations.key"
    path.write_text(uri)
    with pytest.raises(KeyUnusable, match="no PKCS#11 URI that names one key") as refused:
        load()
    assert "1234" not in str(refused.value)


def test_a_place_survives_its_uri():
    """Whatever stands in a label."""
    place = KeyPlace(token="my token;/é", label="a=b%20c")
    assert KeyPlace.parse(place.uri()) == place


@pytest.mark.parametrize("family", [KeyFamily.EC_P256, KeyFamily.RSA_2048])
def test_a_key_whose_halves_do_not_fit_is_refused(key_of, family):
    """Before anything is signed with it: a certificate under a wrong key would be found by stations."""
    mine, other = (
        key_of(family),
        key_of(KeyFamily.EC_P384 if family is KeyFamily.EC_P256 else KeyFamily.RSA_3072),
    )

    def sign(data, mechanism):
        if mechanism != "ECDSA":
            return other.sign(data, padding.PKCS1v15(), hashes.SHA256())
        return bytes(64)

    with pytest.raises(KeyUnusable, match="do not belong together"):
        private_key_of(mine.public_key(), sign, "the key 'x'")


def test_what_only_the_number_itself_could_do_is_refused(tokens, token):
    """Export, key agreement, decryption, other paddings."""
    on_curve = tokens.new_key(KeyPlace(token=token, label="ec"), KeyFamily.EC_P256)
    of_rsa = tokens.new_key(KeyPlace(token=token, label="rsa"), KeyFamily.RSA_2048)
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    for forbidden in (
        on_curve.private_numbers,
        of_rsa.private_numbers,
        lambda: on_curve.exchange(ec.ECDH(), on_curve.public_key()),
        lambda: of_rsa.decrypt(b"x", padding.PKCS1v15()),
        lambda: of_rsa.sign(b"x", pss, hashes.SHA256()),
    ):
        with pytest.raises(KeyUnusable, match="signs and does nothing else"):
            forbidden()
    assert copy(on_curve) is deepcopy(on_curve) is on_curve
    assert copy(of_rsa) is deepcopy(of_rsa) is of_rsa
    assert (on_curve.key_size, of_rsa.key_size) == (256, 2048)
    assert token in repr(on_curve)
