"""Certificates a CSMS must not take on profile 3."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from cryptography import x509

from ocppsec.ocppj.messages import NetworkConnectionProfile
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.station.conduct import Conduct
from ocppsec.station.config import FactoryCertificate
from ocppsec.station.device_model import catalogue
from ocppsec.station.dialling import Dial
from ocppsec.station.manners import forgery
from ocppsec.station.manners.bending import bent
from ocppsec.station.manners.credentials import neighbour
from ocppsec.station.manners.manner import Kind, manner
from ocppsec.station.own_certificates import Subject
from ocppsec.station.trust import csms_roots
from ocppsec.station.variables import setting

_DAY = timedelta(days=1)


def _on_3(right: Conduct, change: Callable[[Dial], Dial]) -> Conduct:
    """*change* to each attempt on profile 3."""

    def attempt(dialled: Dial) -> Dial:
        on_3 = dialled.connection.security_profile == SecurityProfile.TLS_CLIENT
        return change(dialled) if on_3 else dialled

    return bent(right, attempt=attempt)


def _presenting(right: Conduct, make: Callable[[Dial, datetime], FactoryCertificate]) -> Conduct:
    """The certificate *make* gives, made once."""
    made: list[FactoryCertificate] = []

    def change(dialled: Dial) -> Dial:
        if not made:
            made.append(make(dialled, right.clock()))
        return replace(dialled, presents=made[0])

    return _on_3(right, change)


def _subject(dialled: Dial) -> Subject:
    organization = setting(
        dialled.kept, catalogue(dialled.config.traits), "SecurityCtrlr", "OrganizationName"
    )
    return Subject(serial_number=dialled.config.serial_number, organization=organization)


def _trusted_name(dialled: Dial) -> x509.Name | None:
    """Of the CA that issued our own certificate, else of an installed root."""
    own = dialled.own_certificate
    if own is not None:
        return x509.load_pem_x509_certificate(own.chain_pem.encode("ascii")).issuer
    roots = csms_roots(dialled.kept)
    return roots[0].subject if roots else None


@manner(
    "foreign-certificate",
    Kind.ATTACK,
    "On profile 3 its certificate has the right names and is valid now, but comes from a CA that nobody knows.",
)
def foreign_certificate(right: Conduct) -> Conduct:
    return _presenting(
        right, lambda dialled, now: forgery.certificate(_subject(dialled), begin=now - _DAY, end=now + _DAY)
    )


@manner(
    "forged-certificate",
    Kind.ATTACK,
    "On profile 3 its certificate names the right CA as its issuer, but that CA has not signed it.",
)
def forged_certificate(right: Conduct) -> Conduct:
    return _presenting(
        right,
        lambda dialled, now: forgery.certificate(
            _subject(dialled), begin=now - _DAY, end=now + _DAY, issuer=_trusted_name(dialled)
        ),
    )


@manner(
    "expired-certificate",
    Kind.ATTACK,
    "On profile 3 its certificate ended yesterday. The CA of that name has not signed it either: to show a real one"
    " that has expired, give it to the station with --certificate.",
)
def expired_certificate(right: Conduct) -> Conduct:
    return _presenting(
        right,
        lambda dialled, now: forgery.certificate(
            _subject(dialled), begin=now - 30 * _DAY, end=now - _DAY, issuer=_trusted_name(dialled)
        ),
    )


@manner(
    "copied-certificate",
    Kind.ATTACK,
    "On profile 3 it dials as its neighbour (its identity with the last character changed), with its own"
    " certificate.",
)
def copied_certificate(right: Conduct) -> Conduct:
    def change(dialled: Dial) -> Dial:
        return replace(dialled, config=replace(dialled.config, identity=neighbour(dialled.config.identity)))

    return _on_3(right, change)


@manner("no-certificate", Kind.ATTACK, "On profile 3 it presents no certificate, and no password either.")
def no_certificate(right: Conduct) -> Conduct:
    def change(dialled: Dial) -> Dial:
        return replace(dialled, connection=_on_2(dialled.connection), kept=dialled.kept.but(password=None))

    return _on_3(right, change)


@manner("password-instead", Kind.ATTACK, "On profile 3 it presents its password instead of a certificate.")
def password_instead(right: Conduct) -> Conduct:
    return _on_3(right, lambda dialled: replace(dialled, connection=_on_2(dialled.connection)))


def _on_2(connection: NetworkConnectionProfile) -> NetworkConnectionProfile:
    return NetworkConnectionProfile(
        ocpp_version=connection.ocpp_version,
        ocpp_transport=connection.ocpp_transport,
        ocpp_csms_url=connection.ocpp_csms_url,
        message_timeout=connection.message_timeout,
        security_profile=int(SecurityProfile.TLS_BASIC),
        ocpp_interface=connection.ocpp_interface,
    )
