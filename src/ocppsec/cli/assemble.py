"""Where the CSMS is put together: settings, a state directory, the store and the endpoint."""

import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from ocppsec.certificates.authority_directory import AuthorityDamaged
from ocppsec.certificates.custody import Custody
from ocppsec.certificates.issue import IssueFailed
from ocppsec.certificates.keys import KeyUnusable
from ocppsec.certificates.safekeeping import TooOpen
from ocppsec.certificates.tokens import Tokens
from ocppsec.cli.failure import ExitCode, Failure, full_disk
from ocppsec.cli.manufacturers import manufacturers_of
from ocppsec.cli.settings import Settings
from ocppsec.csms.configuration import Configuration
from ocppsec.csms.doors import DoorSpec
from ocppsec.csms.renewer import RenewalSettings
from ocppsec.csms.root_carrier import RolloverSettings
from ocppsec.csms.server_certificates import OwnFiles
from ocppsec.csms.service import Csms
from ocppsec.csms.tls import BadMaterial
from ocppsec.events import Emit
from ocppsec.issuers.acme import AcmeSettings
from ocppsec.issuers.choice import CaKind, ForeignCa
from ocppsec.issuers.issuer import BadIssuer
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.registry.open import open_store
from ocppsec.registry.store import Store, StoreUnavailable
from ocppsec.upgrades.plan import Deadlines
from ocppsec.upgrades.renewal import Terms

DATABASE = "ocppsec.db"


def configuration_of(settings: Settings, directory: Path) -> Configuration:
    return Configuration(
        state=directory,
        doors=tuple(
            DoorSpec(
                name=door.name,
                host=settings.csms.host,
                port=door.port,
                profiles=frozenset(SecurityProfile(profile) for profile in door.profiles),
            )
            for door in settings.open_doors()
        ),
        hostname=settings.csms.hostname,
        organization=settings.csms.organization,
        issuer=_issuer(settings),
        acme=_acme(settings),
        own_certificate=_own_certificate(settings),
        ocsp_hosts=frozenset(settings.csms.ocsp_hosts),
        manufacturers=manufacturers_of(settings.manufacturers),
        ping_seconds=settings.csms.ping,
        pong_seconds=settings.csms.pong,
        replace_factory_passwords=settings.csms.replace_factory_passwords,
        public_url=settings.ca.public_url,
        certificate_lifetime=timedelta(days=settings.ca.station_days),
        approval=settings.ca.approval,
        renewal=RenewalSettings(
            terms=Terms(approval=settings.upgrade.approval, reconnect=settings.renewal.reconnect),
            check_seconds=settings.renewal.check,
            most_at_once=settings.renewal.at_once,
        ),
        rollover=RolloverSettings(
            check_seconds=settings.rollover.check, most_at_once=settings.rollover.at_once
        ),
        upgrade_deadlines=Deadlines(**settings.upgrade.model_dump()),
        custody=custody_of(settings),
    )


def custody_of(settings: Settings) -> Custody:
    ca = settings.ca
    tokens = None
    if ca.pkcs11_module is not None and ca.pkcs11_pin is not None:
        tokens = Tokens(Path(ca.pkcs11_module).expanduser(), ca.pkcs11_pin.get_secret_value())
    return Custody(
        family=ca.key_family,
        passphrase=ca.passphrase.get_secret_value().encode() if ca.passphrase else None,
        tokens=tokens,
        token=ca.pkcs11_token,
    )


def _issuer(settings: Settings) -> ForeignCa | None:
    named = settings.issuer
    if named.kind == "own" or named.url is None or named.ca is None:
        return None
    return ForeignCa(
        kind=CaKind(named.kind),
        url=named.url,
        ca=Path(named.ca).expanduser(),
        profile=named.profile,
        mount=named.mount,
        user=named.user,
        secret=named.secret.get_secret_value() if named.secret else None,
        tls_ca=Path(named.tls_ca).expanduser() if named.tls_ca else None,
        certificate=Path(named.certificate).expanduser() if named.certificate else None,
        key=Path(named.key).expanduser() if named.key else None,
        seconds=named.seconds,
    )


def _acme(settings: Settings) -> AcmeSettings | None:
    named = settings.acme
    if named.directory is None or named.root is None:
        return None
    return AcmeSettings(
        directory=named.directory,
        root=Path(named.root).expanduser(),
        agreed=named.agree_to_terms,
        email=named.email,
        http_host=named.http_host,
        http_port=named.http_port,
        tls_ca=Path(named.tls_ca).expanduser() if named.tls_ca else None,
        key_family=named.key_family,
    )


def _own_certificate(settings: Settings) -> OwnFiles | None:
    named = settings.csms
    if named.server_certificate is None or named.server_key is None:
        return None
    return OwnFiles(
        certificate=Path(named.server_certificate).expanduser(),
        key=Path(named.server_key).expanduser(),
        root=Path(named.server_root).expanduser() if named.server_root else None,
    )


@asynccontextmanager
async def running_csms(settings: Settings, directory: Path, emit: Emit) -> AsyncIterator[Csms]:
    """A started CSMS; stopped, its store written and closed, at the end.  Raises `Failure`."""
    store = await _open_store(directory)
    try:
        csms = Csms(configuration_of(settings, directory), store, emit=emit)
        try:
            await _start(csms, directory)
            yield csms
        finally:
            await csms.stop()
    finally:
        await store.close()


async def _open_store(directory: Path) -> Store:
    try:
        return await open_store(directory / DATABASE)
    except StoreUnavailable as error:
        raise unusable_database(directory, error) from error


def unusable_database(directory: Path, error: StoreUnavailable) -> Failure:
    return Failure(
        "the database cannot be used",
        why=str(error),
        next=f"look at {DATABASE}, the space and the rights in {directory}",
        code=ExitCode.NOT_REACHABLE,
    )


async def _start(csms: Csms, directory: Path) -> None:
    try:
        await csms.start()
    except StoreUnavailable as error:
        raise unusable_database(directory, error) from error
    except (AuthorityDamaged, KeyUnusable, IssueFailed, BadMaterial) as error:
        raise Failure("the certificate authority cannot be used", why=str(error)) from error
    except BadIssuer as error:
        raise Failure(
            "the CA that is to sign stations' certificates cannot be used",
            why=str(error),
            next="look at [issuer] in the settings: ocppsec config show --origin",
            code=ExitCode.USAGE,
        ) from error
    except TooOpen as error:
        raise Failure(
            "others can read what must be secret", why=str(error), code=ExitCode.NOT_ALLOWED
        ) from error
    except OSError as error:
        raise full_disk(error) or unopened("a door", error) from error


def unopened(what: str, error: OSError) -> Failure:
    """A port that could not be taken."""
    ports = "--ws-port, --wss-port, --mtls-port, --api-port"
    return Failure(
        f"{what} cannot be opened",
        why=error.strerror or str(error),
        next=f"stop the program that has the port, or choose others: {ports}"
        if error.errno == errno.EADDRINUSE
        else "look at the address (--host), and at who may open such a port",
    )
