"""The hierarchy in force and, while one root follows another, the coming one beside it.

::

    ca/…          the hierarchy in force (`ocppsec.certificates.authority_directory`)
    ca/next/…     the coming one: the same files
    …/forms.pem   its root as other roots have signed it: each cross certificate with its signer behind it
    …/name        under which name the lists of its station CA are fetched; ``stations`` without the file
    ca/past/NAME/ a station CA that issues no more; its key stays until the last of its certificates has ended,
                  because until then others may ask what is revoked

The coming hierarchy takes its place by a few renames, and a file says that they have begun: what a kill interrupts
is finished before anything is read.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from ocppsec.certificates.authority_directory import AuthorityDamaged
from ocppsec.certificates.facts import fingerprint, public_key_sha256
from ocppsec.certificates.hash_data import CertificateHashData, HashAlgorithm, hash_data
from ocppsec.certificates.hierarchy import ROOT_LIFETIME, Hierarchy, Serials
from ocppsec.certificates.issue import Authority, issue_cross
from ocppsec.certificates.pem import BadPem, read_certificate, read_certificates, write_chain
from ocppsec.certificates.safekeeping import (
    PRIVATE_FILE,
    PUBLIC_FILE,
    make_private_directory,
    write_file,
)

FIRST_NAME = "stations"
_PROMOTION = "promotion"
_FORMS_LIMIT = 400_000
_OF_A_CA = ("root.pem", "stations.pem", "stations.key", "stations.crl", "servers.pem", "forms.pem", "name")
_KEYS = ("root.key", "servers.key")


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What is used of the coming hierarchy while one root follows another."""

    serve_coming: bool = False
    """The server's certificates hang under the coming root."""
    issue_coming: bool = False
    """Stations get theirs from the coming CA."""
    crossed: bool = False
    """The served chain ends in the cross certificate: who trusts only the other root accepts it too."""
    trust_present: bool = True
    """The doors accept what the station CA in force has issued; that of the coming one they accept always."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A root's name and key, signed by another root."""

    certificate: x509.Certificate
    issuer: x509.Certificate


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """One hierarchy, and the forms in which stations may hold its root."""

    directory: Path
    hierarchy: Hierarchy
    forms: tuple[Form, ...] = ()
    name: str = FIRST_NAME

    @property
    def root(self) -> x509.Certificate:
        return self.hierarchy.root.certificate

    @property
    def root_pem(self) -> str:
        return write_chain((self.root,))

    def names_of_root(self, algorithm: HashAlgorithm) -> tuple[CertificateHashData, ...]:
        """How a station may name this root (M03), the self-signed one first."""
        forms = tuple(hash_data(form.certificate, form.issuer, algorithm) for form in self.forms)
        return (hash_data(self.root, self.root, algorithm), *forms)

    def form_signed_by(self, other: x509.Certificate) -> Form | None:
        """The newest that the key of *other* has signed."""
        signed = [form for form in self.forms if form.issuer.public_key() == other.public_key()]
        return signed[-1] if signed else None

    def servers(self, cross: Form | None) -> Authority:
        """The CA of the server's certificates; with *cross* their chain reaches up to the root that signed it."""
        authority = self.hierarchy.servers
        return authority if cross is None else replace(authority, above=(cross.certificate,))


def read_generation(directory: Path, hierarchy: Hierarchy) -> Generation:
    """Raises `AuthorityDamaged`."""
    return Generation(
        directory=directory,
        hierarchy=hierarchy,
        forms=_read_forms(directory / "forms.pem"),
        name=_name_in(directory),
    )


def _name_in(directory: Path) -> str:
    name = directory / "name"
    return name.read_text(encoding="ascii").strip() if name.exists() else FIRST_NAME


def cross_sign(present: Generation, coming: Generation, *, now: datetime, serials: Serials) -> None:
    """Let each of the two roots sign the other, where it has not yet; raises `IssueFailed`."""
    for signed, by in ((coming, present), (present, coming)):
        if signed.form_signed_by(by.root) is None:
            cross = issue_cross(
                signed.root, by.hierarchy.root, now=now, lifetime=ROOT_LIFETIME, serial=serials()
            )
            _write_forms(signed.directory, (*signed.forms, Form(certificate=cross, issuer=by.root)))
    if coming.name == FIRST_NAME:
        name = f"{FIRST_NAME}-{_short(coming)}"
        write_file(coming.directory / "name", name.encode(), mode=PUBLIC_FILE)


def _short(generation: Generation) -> str:
    return public_key_sha256(generation.hierarchy.stations.certificate.public_key())[:8]


def _write_forms(directory: Path, forms: tuple[Form, ...]) -> None:
    certificates = tuple(one for form in forms for one in (form.certificate, form.issuer))
    write_file(directory / "forms.pem", write_chain(certificates).encode(), mode=PUBLIC_FILE)


def _read_forms(path: Path) -> tuple[Form, ...]:
    if not path.exists():
        return ()
    try:
        found = read_certificates(path.read_bytes(), limit=_FORMS_LIMIT)
        forms = tuple(
            Form(certificate=one, issuer=by) for one, by in zip(found[::2], found[1::2], strict=True)
        )
        for form in forms:
            form.certificate.verify_directly_issued_by(form.issuer)
    except (BadPem, ValueError, TypeError, InvalidSignature) as error:
        raise AuthorityDamaged(
            f"{path} is no list of cross certificates: restore it from a backup"
        ) from error
    return forms


# -- the coming one takes its place -------------------------------------------------------------------------
def begin_promotion(ca: Path, *, until: datetime, keep_keys: bool) -> None:
    """From here on the coming hierarchy is the one in force, whatever happens; see `finish_promotion`.

    *until*: when the last certificate of the old station CA ends.  *keep_keys*: the old root's key is kept too.
    Nothing is done where no hierarchy is coming: it has taken its place before.
    """
    if not (ca / "next" / "root.pem").exists() or (ca / "next" / _PROMOTION).exists():
        return
    root = read_certificate((ca / "root.pem").read_bytes())
    past_name = _name_in(ca)
    past = ca / "past" / f"{past_name}-{fingerprint(root)[:8]}"
    make_private_directory(ca / "past")
    make_private_directory(past)
    for name in (*_OF_A_CA, *(_KEYS if keep_keys else ())):
        source = ca / name
        if source.exists():
            private = source.suffix == ".key"
            write_file(past / name, source.read_bytes(), mode=PRIVATE_FILE if private else PUBLIC_FILE)
    write_file(past / "name", past_name.encode(), mode=PUBLIC_FILE)
    write_file(past / "until", until.isoformat().encode(), mode=PUBLIC_FILE)
    write_file(ca / "next" / _PROMOTION, b"", mode=PUBLIC_FILE)


def finish_promotion(ca: Path, tls: Path) -> bool:
    """Move the coming hierarchy to its place, if that has begun; True when something was moved."""
    coming, marker = ca / "next", ca / "next" / _PROMOTION
    if not marker.exists():
        return False
    for path in sorted(coming.iterdir()):
        if path != marker and path.is_file():
            path.replace(ca / path.name)
    if not (coming / "stations.crl").exists() and (ca / "stations.crl").exists():
        _drop_list_of_another(ca)
    for path in sorted((tls / "next").glob("*.pem")):
        path.replace(tls / path.name)
    shutil.rmtree(tls / "next", ignore_errors=True)
    marker.unlink()
    shutil.rmtree(coming)
    return True


def _drop_list_of_another(ca: Path) -> None:
    """The list of the station CA before would be taken for that of this one."""
    try:
        found = x509.load_der_x509_crl((ca / "stations.crl").read_bytes())
        ours = x509.load_pem_x509_certificate((ca / "stations.pem").read_bytes())
        keep = found.issuer == ours.subject
    except ValueError:
        keep = False
    if not keep:
        (ca / "stations.crl").unlink()


def put_aside(ca: Path, tls: Path, *, keep: bool) -> None:
    """No root follows another (any more): the coming hierarchy goes; *keep* leaves it in ``ca/past``."""
    coming = ca / "next"
    if coming.exists() and keep:
        make_private_directory(ca / "past")
        number = sum(1 for _ in (ca / "past").glob("unused-*")) + 1
        coming.replace(ca / "past" / f"unused-{number}")
    elif coming.exists():
        shutil.rmtree(coming)
    shutil.rmtree(tls / "next", ignore_errors=True)


# -- those that issue no more -------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class StationCa:
    """A CA whose certificates stations may still have, and where its lists lie."""

    name: str
    authority: Authority
    directory: Path

    @property
    def list_file(self) -> Path:
        return self.directory / "stations.crl"


def past_station_cas(
    ca: Path, load: Callable[[Path], Authority], *, now: datetime
) -> tuple[tuple[StationCa, ...], tuple[str, ...]]:
    """Those with certificates that have not ended, and what was done with the others, in words.

    *load* gives the CA ``stations`` of a directory.
    """
    found: list[StationCa] = []
    notes: list[str] = []
    for directory in sorted((ca / "past").glob("*/until")) if (ca / "past").exists() else ():
        past = directory.parent
        if not (past / "stations.key").exists():
            continue
        if now > datetime.fromisoformat(directory.read_text(encoding="ascii").strip()):
            (past / "stations.key").unlink()
            notes.append(f"deleted {past / 'stations.key'}: the last certificate of that CA has ended")
            continue
        found.append(StationCa(name=_name_in(past), authority=load(past), directory=past))
    return tuple(found), tuple(notes)
