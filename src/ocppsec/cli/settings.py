"""The settings of ``ocppsec up``: what there is, and how file, environment and flags add up to it.

Later wins: defaults, the TOML file of ``--config``, ``OCPPSEC_SECTION__KEY``, ``OCPPSEC_SECTION__KEY_FILE`` (for
secrets, named after the file that holds it), flags.  For every value it stays known where it came from, and a
key nobody knows stops the start: a misspelt security setting must not pass for a set one.  pydantic checks the
values; the layers are ours because pydantic-settings neither remembers origins nor sees unknown variables.
"""

import difflib
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from ocppsec.certificates.approval import Approval
from ocppsec.certificates.foreign_status import StatusPolicy
from ocppsec.certificates.issue import SHORTEST
from ocppsec.certificates.keys import KeyFamily
from ocppsec.cli.failure import ExitCode, Failure
from ocppsec.upgrades.campaign.durations import seconds

PREFIX = "OCPPSEC_"
NOT_SETTINGS = {"OCPPSEC_STATE"}
"""Variables with our prefix that are no settings of the server."""

Port = Annotated[int, Field(ge=0, le=65535)]
Duration = Annotated[float, BeforeValidator(lambda value: seconds(_number_or_text(value), "it")), Field(gt=0)]
"""Written as people say them, or as seconds, as in the plan of a campaign."""


def _number_or_text(value: Any) -> Any:
    """A variable holds text even where a number is meant."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class CsmsSection(Section):
    hostname: str = Field(default="localhost", min_length=1, max_length=253, description="Name stations reach this CSMS by; CN of its certificates.")  # fmt: skip
    organization: str = Field(default="ocppsec", min_length=1, max_length=64, description="Operator's name; O of every certificate.")  # fmt: skip
    host: str = Field(default="127.0.0.1", description="Address the doors listen on; 0.0.0.0 for all.")
    ws_port: Port = Field(default=9000, description="Door for security profile 1 (ws); 0 takes a free port.")
    wss_port: Port = Field(
        default=9443, description="Door for security profile 2 (wss); 0 takes a free port."
    )
    mtls_port: Port = Field(default=9444, description="Door for security profile 3 (wss, client certificate); 0 takes a free port.")  # fmt: skip
    ocsp_hosts: tuple[str, ...] = Field(default=(), description="OCSP responders that stations may ask through us (M06) though their address is in a private network.")  # fmt: skip
    server_certificate: str | None = Field(default=None, min_length=1, description="PEM file with a server certificate of yours and its intermediates, served instead of ours; read again when it changes.")  # fmt: skip
    server_key: str | None = Field(default=None, min_length=1, description="PEM file with its key, 0600.")
    server_root: str | None = Field(default=None, min_length=1, description="PEM file with the root stations trust for it; our own root by default.")  # fmt: skip
    replace_factory_passwords: bool = Field(default=False, description="Give each station a new password behind its first BootNotification on profile 1 or 2.")  # fmt: skip
    ping: Duration = Field(default=120, description="A connection that was silent so long is asked whether it lives (WebSocket ping); durations as 90s, 10m.")  # fmt: skip
    pong: Duration = Field(default=30, description="So long it has to say something then; else it counts as gone.")  # fmt: skip
    loop: Literal["uvloop", "asyncio"] = Field(default="uvloop", description="Event loop.")

    @field_validator("hostname")
    @classmethod
    def _can_be_in_a_url(cls, hostname: str) -> str:
        if re.fullmatch(r"[A-Za-z0-9._:-]+", hostname) is None:
            raise ValueError(
                "a host name has letters, digits, hyphens and dots; others are written in punycode"
            )
        return hostname

    @model_validator(mode="after")
    def _certificate_with_key(self) -> "CsmsSection":
        if (self.server_certificate is None) != (self.server_key is None):
            raise ValueError("server_certificate and server_key go together")
        if self.server_root is not None and self.server_certificate is None:
            raise ValueError("server_root is for a server_certificate")
        return self


class ApiSection(Section):
    host: str = Field(default="127.0.0.1", description="Address the HTTP API listens on.")
    port: Port = Field(default=8080, description="Port of the HTTP API; 0 takes a free port.")
    allowed_hosts: tuple[str, ...] = Field(
        default=(), description="Further names that requests may address the API by."
    )
    token: SecretStr | None = Field(default=None, min_length=32, description="Bearer token; a new one at every start by default.")  # fmt: skip


class CaSection(Section):
    key_family: KeyFamily = Field(default=KeyFamily.EC_P256, description="Of the CA's keys when they are made: ec-p256, ec-p384, rsa-2048, rsa-3072 or rsa-4096.")  # fmt: skip
    passphrase: SecretStr | None = Field(default=None, min_length=1, description="Encrypts the keys of the certificate authority.")  # fmt: skip
    pkcs11_module: str | None = Field(default=None, min_length=1, description="PKCS#11 library of the token that holds the CA's keys, such as /usr/lib/softhsm/libsofthsm2.so.")  # fmt: skip
    pkcs11_token: str | None = Field(default=None, min_length=1, max_length=32, description="Label of the token that new keys of the CA are made in; files by default.")  # fmt: skip
    pkcs11_pin: SecretStr | None = Field(default=None, min_length=1, description="PIN of the token's user.")
    approval: Approval = Field(default=Approval.RULE, description="Who lets a station's request be signed: rule; person, each time; first, a person for what is not asked for with a certificate in force.")  # fmt: skip
    station_days: float = Field(default=90, le=398, description="Days a station's certificate is valid; it is renewed after two thirds of them.")  # fmt: skip
    public_url: str | None = Field(default=None, pattern=r"^http://[A-Za-z0-9.\-\[\]:]+(/[A-Za-z0-9._~/-]*)?$", max_length=200, description="Where others reach /pki of the API over plain HTTP; written into the certificates of stations (CRL, OCSP).")  # fmt: skip

    @model_validator(mode="after")
    def _module_with_pin(self) -> "CaSection":
        if (self.pkcs11_module is None) != (self.pkcs11_pin is None):
            raise ValueError("pkcs11_module and pkcs11_pin (OCPPSEC_CA__PKCS11_PIN_FILE) go together")
        if self.pkcs11_token is not None and self.pkcs11_module is None:
            raise ValueError("pkcs11_token needs pkcs11_module and pkcs11_pin")
        return self

    @field_validator("station_days")
    @classmethod
    def _long_enough_to_renew(cls, days: float) -> float:
        if timedelta(days=days) < SHORTEST:
            raise ValueError(
                f"a certificate has to live {SHORTEST.total_seconds():.0f} seconds at least ({SHORTEST / timedelta(days=1):.5f} days),"
                " for a station needs time to ask for the next one"
            )
        return days


class IssuerSection(Section):
    kind: Literal["own", "est", "step-ca", "vault", "cfssl"] = Field(default="own", description="Who signs stations' certificates: our own CA, or another one.")  # fmt: skip
    url: str | None = Field(default=None, max_length=500, description="Where the other CA is; https, or http on this machine.")  # fmt: skip
    ca: str | None = Field(default=None, min_length=1, description="PEM file with its root, the CA that issues to stations, and what is between.")  # fmt: skip
    profile: str | None = Field(default=None, pattern=r"^[A-Za-z0-9._~-]{1,100}$", description="Role of Vault, profile of cfssl, label of EST.")  # fmt: skip
    mount: str = Field(default="pki", pattern=r"^[A-Za-z0-9._~/-]{1,100}$", description="Where Vault's PKI engine is mounted.")  # fmt: skip
    user: str | None = Field(default=None, min_length=1, max_length=200, description="Name for EST (HTTP Basic), role_id for Vault (AppRole), provisioner of step-ca.")  # fmt: skip
    secret: SecretStr | None = Field(default=None, min_length=1, description="Password for EST, secret_id or token for Vault, private JWK for step-ca, auth key (hex) for cfssl.")  # fmt: skip
    tls_ca: str | None = Field(default=None, min_length=1, description="PEM file its TLS certificate is verified against; the system's store by default.")  # fmt: skip
    certificate: str | None = Field(default=None, min_length=1, description="PEM file with our TLS client certificate for it.")  # fmt: skip
    key: str | None = Field(default=None, min_length=1, description="PEM file with the key of that, 0600.")
    seconds: float = Field(default=20, ge=1, le=50, description="How long it may take for one certificate.")

    @model_validator(mode="after")
    def _whole(self) -> "IssuerSection":
        if self.kind != "own" and (self.url is None or self.ca is None):
            raise ValueError(f"kind {self.kind} needs url and ca")
        if self.kind == "own" and (self.url is not None or self.ca is not None):
            raise ValueError("url and ca are for another CA: set kind, too")
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key go together")
        return self


class AcmeSection(Section):
    directory: str | None = Field(default=None, pattern=r"^https://", max_length=500, description="Directory URL of a public CA that certifies csms.hostname (RFC 8555, http-01); none by default.")  # fmt: skip
    root: str | None = Field(default=None, min_length=1, description="PEM file with the root stations trust for what that CA signs.")  # fmt: skip
    agree_to_terms: bool = Field(default=False, description="You agree to the CA's terms of service.")
    email: str | None = Field(default=None, pattern=r"^[^@\s,]+@[^@\s,]+$", max_length=200, description="Where the CA may write to.")  # fmt: skip
    http_host: str = Field(
        default="0.0.0.0", description="Address its question is answered on, while there is one."
    )
    http_port: Port = Field(default=80, description="Port for that; the CA asks at port 80 of csms.hostname.")
    tls_ca: str | None = Field(default=None, min_length=1, description="PEM file the directory's TLS certificate is verified against; the public CAs by default.")  # fmt: skip
    key_family: KeyFamily = Field(default=KeyFamily.EC_P256, description="Of the server's key: ec-p256, ec-p384, rsa-2048, rsa-3072 or rsa-4096.")  # fmt: skip

    @model_validator(mode="after")
    def _whole(self) -> "AcmeSection":
        if self.directory is not None and self.root is None:
            raise ValueError("directory needs root: what stations trust for that CA")
        if self.directory is not None and not self.agree_to_terms:
            raise ValueError(
                "directory needs agree_to_terms: there is no account without agreeing to the CA's terms"
            )
        return self


class LogSection(Section):
    format: Literal["auto", "console", "json"] = Field(default="auto", description="auto: words on a terminal, JSON lines elsewhere.")  # fmt: skip
    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least level that is written."
    )


class UpgradeSection(Section):
    """Fields as in `ocppsec.upgrades.plan.Deadlines`."""

    step: Duration = Field(default=3600, description="How long a station may stay away from a step that only needs its answer; durations as 90s, 10m, 2h, 1d.")  # fmt: skip
    report: Duration = Field(default=30, description="Wait for NotifyReport.")
    csr: Duration = Field(default=180, description="Wait for SignCertificate: small controllers need minutes for an RSA key.")  # fmt: skip
    signing: Duration = Field(default=60, description="Wait for the certificate authority.")
    approval: Duration = Field(default=86_400, description="Wait for a person to approve the certificate request, where ca.approval wants one.")  # fmt: skip
    boot: Duration = Field(default=600, description="From Reset to the boot on the new profile; its connection attempts are added.")  # fmt: skip
    scheduled: Duration = Field(default=86_400, description="The same when the station restarts later, after its transactions.")  # fmt: skip
    reset_pause: Duration = Field(default=60, description="Between a refused Reset and the next.")
    arrival: Duration = Field(default=30, description="From the connection on the new profile to BootNotification; then the station is asked for it.")  # fmt: skip


class RenewalSection(Section):
    check: Duration = Field(default=60, description="How often it is looked which certificates are due; durations as 90s, 10m, 2h, 1d.")  # fmt: skip
    at_once: int = Field(default=50, ge=1, le=10_000, description="So many renewals at most have work with a station or the CA at the same time.")  # fmt: skip
    reconnect: Duration = Field(default=120, description="For a station to come with its new certificate by itself; then it is sent away.")  # fmt: skip


class RolloverSection(Section):
    check: Duration = Field(default=10, description="How often it is looked who is in the way of a root rollover's next phase; durations as 90s, 10m, 2h, 1d.")  # fmt: skip
    at_once: int = Field(default=20, ge=1, le=10_000, description="So many stations at most are called for it at the same time, and sent away at each look.")  # fmt: skip


class DoorSection(Section):
    name: str = Field(pattern=r"^[a-z0-9-]{1,32}$", description="Name of the door in logs and metrics.")
    port: Port = Field(description="0 takes a free port.")
    profiles: tuple[Literal[0, 1, 2, 3], ...] = Field(
        min_length=1, description="Security profiles it serves."
    )


class ManufacturerSection(Section):
    name: str = Field(pattern=r"^[A-Za-z0-9._-]{1,64}$", description="Name of the manufacturer in logs and commands.")  # fmt: skip
    ca: str = Field(min_length=1, description="PEM file with the CAs that issue to its stations themselves.")
    organizations: tuple[str, ...] = Field(default=(), description="Which O its certificates have to bear; any by default.")  # fmt: skip
    status: StatusPolicy = Field(default=StatusPolicy.REQUIRED, description="What has to be known of revocation: required, when-reachable or off.")  # fmt: skip
    crl: str | None = Field(default=None, pattern=r"^https?://", max_length=1000, description="Where its CRL is, whatever the certificates say.")  # fmt: skip
    ocsp: str | None = Field(default=None, pattern=r"^https?://", max_length=1000, description="Who is asked by OCSP, whatever the certificates say.")  # fmt: skip
    grace: Annotated[float, BeforeValidator(lambda value: seconds(_number_or_text(value), "it")), Field(ge=0)] = Field(default=0, description="So long behind its nextUpdate a CRL or an answer is still good.")  # fmt: skip


class Settings(Section):
    csms: CsmsSection = CsmsSection()
    api: ApiSection = ApiSection()
    ca: CaSection = CaSection()
    issuer: IssuerSection = IssuerSection()
    acme: AcmeSection = AcmeSection()
    log: LogSection = LogSection()
    upgrade: UpgradeSection = UpgradeSection()
    renewal: RenewalSection = RenewalSection()
    rollover: RolloverSection = RolloverSection()
    doors: tuple[DoorSection, ...] = ()
    manufacturers: tuple[ManufacturerSection, ...] = ()

    @model_validator(mode="after")
    def _manufacturers_differ(self) -> "Settings":
        names = [maker.name for maker in self.manufacturers]
        if len(set(names)) < len(names):
            raise ValueError("two manufacturers have the same name")
        return self

    @model_validator(mode="after")
    def _doors_differ(self) -> "Settings":
        if self.acme.directory is not None and self.csms.server_certificate is not None:
            raise ValueError("acme.directory and csms.server_certificate: one of them has to go")
        names = [door.name for door in self.doors]
        ports = [door.port for door in self.doors if door.port]
        if len(set(names)) < len(names):
            raise ValueError("two doors have the same name")
        if len(set(ports)) < len(ports):
            raise ValueError("two doors have the same port")
        return self

    def open_doors(self) -> tuple[DoorSection, ...]:
        """The doors to open: those listed, else one for each of the profiles 1, 2 and 3.

        Profile 0 enters where profile 1 does, and only for stations the operator switched to it.
        """
        return self.doors or (
            DoorSection(name="ws", port=self.csms.ws_port, profiles=(0, 1)),
            DoorSection(name="wss", port=self.csms.wss_port, profiles=(2,)),
            DoorSection(name="mtls", port=self.csms.mtls_port, profiles=(3,)),
        )


SECTIONS: dict[str, type[Section]] = {
    "csms": CsmsSection,
    "api": ApiSection,
    "ca": CaSection,
    "issuer": IssuerSection,
    "acme": AcmeSection,
    "log": LogSection,
    "upgrade": UpgradeSection,
    "renewal": RenewalSection,
    "rollover": RolloverSection,
}
SECRETS = ("api.token", "ca.passphrase", "ca.pkcs11_pin", "issuer.secret")
_SECTION_KEYS = [f"{name}.{key}" for name, section in SECTIONS.items() for key in section.model_fields]
LISTS: dict[str, type[Section]] = {"doors": DoorSection, "manufacturers": ManufacturerSection}
"""Of which the file may have many: ``[[doors]]``."""
KEYS = (*_SECTION_KEYS, *LISTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """One value somebody set, and who."""

    key: str
    value: Any
    origin: str

    def __repr__(self) -> str:
        return f"Given({self.key} from {self.origin})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    settings: Settings
    origins: Mapping[str, str]
    """For every key of `KEYS` where its value came from."""


def load(config: Path | None, environ: Mapping[str, str], flags: Mapping[str, Any]) -> Loaded:
    """Add the layers up.  *flags* maps keys to values, None where a flag was not given."""
    given = [*_from_file(config), *_from_environment(environ), *_from_flags(flags)]
    origins = dict.fromkeys(KEYS, "default") | {one.key: one.origin for one in given}
    _refuse_doors_and_ports(origins)
    tree: dict[str, Any] = {}
    for one in given:
        section, _, key = one.key.partition(".")
        if key:
            tree.setdefault(section, {})[key] = one.value
        else:
            tree[section] = one.value
    try:
        return Loaded(settings=Settings.model_validate(tree), origins=origins)
    except ValidationError as error:
        raise _refused(error, origins) from None  # its text could show the value


def unknown(key: str, where: str, known: tuple[str, ...] = KEYS) -> Failure:
    nearest = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    return Failure(
        f"unknown setting {key!r} in {where}",
        why="a setting that nobody knows would silently do nothing",
        next=f"did you mean {nearest[0]!r}?" if nearest else "see: ocppsec config show",
        code=ExitCode.USAGE,
    )


def _from_file(config: Path | None) -> Iterator[Given]:
    if config is None:
        return
    try:
        tree = tomllib.loads(config.read_text(encoding="utf-8"))
    except OSError as error:
        raise Failure(f"{config} cannot be read: {error.strerror}", code=ExitCode.USAGE) from error
    except ValueError as error:
        raise Failure(f"{config} is not valid TOML", why=str(error), code=ExitCode.USAGE) from error
    for section, values in tree.items():
        if section in LISTS:
            _check_keys(section, values, str(config))
            yield Given(key=section, value=values, origin=str(config))
        elif section not in SECTIONS:
            raise unknown(section, str(config), (*SECTIONS, *LISTS))
        elif not isinstance(values, dict):
            raise Failure(f"{section!r} in {config} must be a table: [{section}]", code=ExitCode.USAGE)
        else:
            for key, value in values.items():
                if f"{section}.{key}" not in KEYS:
                    raise unknown(f"{section}.{key}", str(config))
                yield Given(key=f"{section}.{key}", value=value, origin=str(config))


def _check_keys(section: str, listed: object, where: str) -> None:
    known = tuple(LISTS[section].model_fields)
    for one in listed if isinstance(listed, list) else []:
        for key in one if isinstance(one, dict) else ():
            if key not in known:
                raise unknown(key, f"[[{section}]] of {where}", known)


def _from_environment(environ: Mapping[str, str]) -> Iterator[Given]:
    """Files come before variables, so that a secret given both ways is the variable's."""
    variables = {f"{PREFIX}{key.upper().replace('.', '__')}": key for key in KEYS}
    files = {f"{PREFIX}{key.upper().replace('.', '__')}_FILE": key for key in SECRETS}
    ours = {name: value for name, value in environ.items() if name.startswith(PREFIX)}
    for name in ours:
        if name not in variables and name not in files and name not in NOT_SETTINGS:
            raise unknown(name, "the environment", (*variables, *files, *NOT_SETTINGS))
    for name, key in files.items():
        if name in ours:
            yield Given(key=key, value=_secret_in(Path(ours[name]), name), origin=f"{name}={ours[name]}")
    for name, key in variables.items():
        if name in ours:
            yield Given(key=key, value=_value_of(ours[name], name), origin=name)


def _secret_in(path: Path, variable: str) -> str:
    try:
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise Failure(f"{path}, named by {variable}, cannot be read: {reason}", code=ExitCode.USAGE) from None


def _value_of(text: str, variable: str) -> Any:
    if not text.startswith("["):
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        raise Failure(f"{variable} is not valid JSON", why=str(error), code=ExitCode.USAGE) from error


def _from_flags(flags: Mapping[str, Any]) -> Iterator[Given]:
    for key, value in flags.items():
        if value is not None:
            yield Given(key=key, value=value, origin=f"--{flag_of(key)}")


def flag_of(key: str) -> str:
    section, _, name = key.partition(".")
    flag = name.replace("_", "-")
    return f"api-{flag}" if section == "api" else flag


def _refuse_doors_and_ports(origins: Mapping[str, str]) -> None:
    ports = [key for key in ("csms.ws_port", "csms.wss_port", "csms.mtls_port") if origins[key] != "default"]
    if origins["doors"] != "default" and ports:
        raise Failure(
            f"both [[doors]] ({origins['doors']}) and {ports[0]} ({origins[ports[0]]}) are set",
            why="with [[doors]] each door says its own port",
            next=f"take {ports[0]} away, or put the port into [[doors]]",
            code=ExitCode.USAGE,
        )


def _refused(error: ValidationError, origins: Mapping[str, str]) -> Failure:
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    path = ".".join(str(part) for part in first["loc"])
    key = path if path in origins else path.partition(".")[0]
    where = f" ({origins[key]})" if key in origins else ""
    return Failure(
        f"setting {path or 'doors'}{where} cannot be used: {first['msg'].removeprefix('Value error, ')}",
        next="ocppsec config show --origin tells where each value comes from",
        code=ExitCode.USAGE,
    )
