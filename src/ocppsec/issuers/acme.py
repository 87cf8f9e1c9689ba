"""ACME (RFC 8555): a certificate for the CSMS itself from a public CA.  Blocking: to be called in a thread.

Stations do not speak ACME, so this is no issuer of their certificates.  Proof of the name is http-01 alone.  The
protocol is the library's, ``acme`` (of certbot); it is an extra, and imported only where it is used.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from ocppsec.certificates.keys import KeyFamily, PrivateKey, load_key, new_key, save_key
from ocppsec.certificates.pem import BadPem, read_certificates, write_chain
from ocppsec.issuers.http01 import answering
from ocppsec.issuers.issuer import AskFailed, BadIssuer

ORDER_SECONDS = 120
_REQUEST_SECONDS = 30
_MOST_NONCES = 4
_CHAIN_LIMIT = 100_000
_SAID_LIMIT = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class AcmeSettings:
    directory: str
    """URL of the CA's directory."""
    root: Path
    """PEM: what stations trust for what this CA signs."""
    agreed: bool
    """To the CA's terms of service; there is no account without."""
    email: str | None = None
    http_host: str = "0.0.0.0"
    http_port: int = 80
    """Where the CA's question for ``http://<hostname>:80/`` arrives."""
    tls_ca: Path | None = None
    """What the directory's TLS certificate is verified against; the public CAs by default."""
    key_family: KeyFamily = KeyFamily.EC_P256

    @property
    def name(self) -> str:
        return f"the ACME CA at {self.directory}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Obtained:
    key: PrivateKey
    chain_pem: str


def require_acme() -> None:
    """Raises `BadIssuer` where the extra is not installed."""
    try:
        import acme.client  # noqa: F401
    except ImportError:
        raise BadIssuer("[acme] needs a package: pip install 'ocppsec[acme]'") from None


def obtain(settings: AcmeSettings, hostname: str, *, account_key: Path) -> Obtained:
    """A new key and its certificate for *hostname*; the key of the account is made where it is missing.

    Raises `AskFailed`, `BadIssuer`, `KeyUnusable`, OSError when the account's key cannot be kept.
    """
    require_acme()
    import requests
    from acme import errors
    from josepy import errors as jose_errors

    if not settings.agreed:
        raise BadIssuer(
            "acme.agree_to_terms is not set: there is no account without agreeing to the CA's terms"
        )
    key = new_key(settings.key_family)
    account = _account_key(account_key)
    try:
        chain = _ordered(settings, hostname, key, account)
    except errors.ValidationError as error:
        raise AskFailed(f"{settings.name} could not check {hostname}: {_why_invalid(error)}") from None
    except errors.TimeoutError:
        raise AskFailed(f"{settings.name} came to no end within {ORDER_SECONDS} s") from None
    except (errors.Error, jose_errors.Error, requests.RequestException, ValueError, KeyError) as error:
        raise AskFailed(f"{settings.name}: {_words(error)}") from None
    return Obtained(key=key, chain_pem=_read_back(settings, chain, key))


def _account_key(path: Path) -> ec.EllipticCurvePrivateKey:
    if not path.exists():
        save_key(path, new_key(KeyFamily.EC_P256), None)
    key = load_key(path, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise BadIssuer(f"{path} is no EC key: take it away, and a new account is made")
    return key


def _ordered(
    settings: AcmeSettings, hostname: str, key: PrivateKey, account: ec.EllipticCurvePrivateKey
) -> str:
    from acme import challenges, client
    from josepy.jwa import ES256
    from josepy.jwk import JWKEC

    jwk = JWKEC(key=account)
    net = _network()(
        jwk,
        alg=ES256,
        verify_ssl=str(settings.tls_ca) if settings.tls_ca else True,  # as requests takes it
        user_agent="ocppsec",
        timeout=_REQUEST_SECONDS,
    )
    try:
        acme = client.ClientV2(client.ClientV2.get_directory(settings.directory, net), net)
        _log_in(acme, settings)
        order = acme.new_order(_request(key, hostname))
        open_ones = [
            challenge
            for authorization in order.authorizations
            for challenge in authorization.body.challenges
            if isinstance(challenge.chall, challenges.HTTP01)
        ]
        if not open_ones:
            raise AskFailed(f"{settings.name} offers no http-01 for {hostname}")
        answers = {each.chall.path: each.chall.validation(jwk) for each in open_ones}
        with ExitStack() as stack:
            _open_port(stack, settings, answers)
            for each in open_ones:
                acme.answer_challenge(each, each.chall.response(jwk))
            # The library compares with naive local times.
            until = datetime.now() + timedelta(seconds=ORDER_SECONDS)  # noqa: DTZ005
            return str(acme.poll_and_finalize(order, until).fullchain_pem)
    finally:
        net.session.close()


def _network() -> Any:
    """The library's, but patient: it asks once more after badNonce, and RFC 8555 6.5 has nothing against oftener."""
    from acme import client, messages

    class Network(client.ClientNetwork):
        def post(self, *args: Any, **named: Any) -> Any:
            for _ in range(_MOST_NONCES):
                try:
                    return super().post(*args, **named)
                except messages.Error as error:
                    if error.code != "badNonce":
                        raise
            return super().post(*args, **named)

    return Network


def _open_port(stack: ExitStack, settings: AcmeSettings, answers: dict[str, str]) -> None:
    try:
        stack.enter_context(answering(settings.http_host, settings.http_port, answers))
    except OSError as error:
        where = f"{settings.http_host}:{settings.http_port}"
        raise AskFailed(
            f"the challenge of {settings.name} cannot be answered: {where}: {error.strerror}; set acme.http_port and"
            " pass port 80 on to it"
        ) from None


def _log_in(acme: Any, settings: AcmeSettings) -> None:
    from acme import errors, messages

    wanted = messages.NewRegistration.from_data(email=settings.email, terms_of_service_agreed=True)
    try:
        acme.new_account(wanted)
    except errors.ConflictError as known:
        account = messages.RegistrationResource(body=messages.Registration(), uri=known.location)
        acme.query_registration(account)


def _request(key: PrivateKey, hostname: str) -> bytes:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hostname)] if len(hostname) <= 64 else [])
    names = x509.SubjectAlternativeName([x509.DNSName(hostname)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    return builder.add_extension(names, critical=False).sign(key, SHA256()).public_bytes(Encoding.PEM)


def _read_back(settings: AcmeSettings, chain: str, key: PrivateKey) -> str:
    """Written as we write chains; whether stations would take it is rehearsed by who serves it."""
    try:
        certificates = read_certificates(chain, limit=_CHAIN_LIMIT)
    except BadPem as error:
        raise AskFailed(f"{settings.name} gave a chain that cannot be read: {error.reason}") from None
    if certificates[0].public_key() != key.public_key():
        raise AskFailed(f"{settings.name} certified another key than the one that was requested")
    return write_chain(certificates)


def _why_invalid(error: Any) -> str:
    texts = [
        str(challenge.error.detail or challenge.error)
        for authorization in error.failed_authzrs
        for challenge in authorization.body.challenges
        if challenge.error is not None
    ]
    return _short("; ".join(texts) or "it said no reason")


def _words(error: Exception) -> str:
    return _short("; ".join(_details(error)) or type(error).__name__)


def _details(error: Exception) -> Iterator[str]:
    from acme import messages

    if isinstance(error, messages.Error):
        yield " ".join(text for text in (error.code, error.detail) if text)
        return
    yield f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _short(text: str) -> str:
    printable = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return printable if len(printable) <= _SAID_LIMIT else printable[: _SAID_LIMIT - 1] + "…"
