"""Passwords, identities, TLS versions and suites that do not fit."""

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from ssl import TLSVersion
from typing import Final

from ocppsec.profiles.profile import SecurityProfile
from ocppsec.station.conduct import Conduct
from ocppsec.station.dialling import Dial, basic
from ocppsec.station.manners.bending import bent, with_traits
from ocppsec.station.manners.manner import Kind, manner

COLONS: Final = "with:colons:in:it"


def neighbour(identity: str) -> str:
    """The identity with its last character changed: in a fleet the station beside it."""
    last = identity[-1:]
    return identity[:-1] + (
        ("1" if last == "0" else "0") if last.isdigit() else ("b" if last == "a" else "a")
    )


def _password_is(right: Conduct, password: Callable[[str], str]) -> Conduct:
    """Dials with *password* of the right one."""

    def attempt(dialled: Dial) -> Dial:
        return replace(dialled, kept=dialled.kept.but(password=password(dialled.kept.password or "")))

    return bent(right, attempt=attempt)


# -- passwords ----------------------------------------------------------------------------------------------
@manner("colon-password", Kind.FIELD, f"Its password is `{COLONS}`; register it with that one.")
def colon_password(right: Conduct) -> Conduct:
    return replace(right, config=replace(right.config, password=COLONS))


@manner(
    "hex-password",
    Kind.FIELD,
    "Sends the bytes its password spells in hexadecimal, as stations of 1.6 do; others are sent as they are.",
)
def hex_password(right: Conduct) -> Conduct:
    def attempt(dialled: Dial) -> Dial:
        password = dialled.kept.password
        if "Authorization" not in dialled.headers or password is None:
            return dialled
        try:
            raw = bytes.fromhex(password)
        except ValueError:
            return dialled
        return replace(dialled, extra_headers=basic(dialled.config.identity, raw))

    return bent(right, attempt=attempt)


@manner("wrong-password", Kind.ATTACK, "Its password is wrong in the last character.")
def wrong_password(right: Conduct) -> Conduct:
    return _password_is(right, neighbour)


@manner(
    "guesses-passwords",
    Kind.ATTACK,
    "Tries another password with each attempt, and does not wait in between.",
)
def guesses_passwords(right: Conduct) -> Conduct:
    guesses = count()
    patient = _password_is(right, lambda _right: f"guess-number-{next(guesses):07}")
    return with_traits(patient, back_off_minimum=0, back_off_range=0)


@manner("no-password", Kind.ATTACK, "Sends no Authorization header, whatever the profile.")
def no_password(right: Conduct) -> Conduct:
    return bent(right, attempt=lambda dialled: replace(dialled, kept=dialled.kept.but(password=None)))


@manner("other-user", Kind.ATTACK, "The user name beside its password is not the identity in its URL.")
def other_user(right: Conduct) -> Conduct:
    def attempt(dialled: Dial) -> Dial:
        if "Authorization" not in dialled.headers:
            return dialled
        user, password = neighbour(dialled.config.identity), dialled.kept.password or ""
        return replace(dialled, extra_headers=basic(user, password.encode()))

    return bent(right, attempt=attempt)


@manner("password-on-3", Kind.FIRMWARE, "Sends its password beside its certificate on profile 3.")
def password_on_3(right: Conduct) -> Conduct:
    def attempt(dialled: Dial) -> Dial:
        if dialled.connection.security_profile != SecurityProfile.TLS_CLIENT:
            return dialled
        password = (dialled.kept.password or "no password known").encode()
        return replace(dialled, extra_headers=basic(dialled.config.identity, password))

    return bent(right, attempt=attempt)


@manner("goes-back", Kind.ATTACK, "Once it has reached a higher profile, it dials as it left the factory.")
def goes_back(right: Conduct) -> Conduct:
    first = right.config.first_profile()

    def attempt(dialled: Dial) -> Dial:
        if dialled.kept.security_profile <= first:
            return dialled
        lower = type(dialled.connection)(
            ocpp_version=dialled.connection.ocpp_version,
            ocpp_transport=dialled.connection.ocpp_transport,
            ocpp_csms_url=right.config.url,
            message_timeout=dialled.connection.message_timeout,
            security_profile=int(first),
            ocpp_interface=dialled.connection.ocpp_interface,
        )
        return replace(dialled, connection=lower)

    return bent(right, attempt=attempt)


# -- TLS ----------------------------------------------------------------------------------------------------
def _tls(right: Conduct, version: TLSVersion, ciphers: str | None = None) -> Conduct:
    return replace(right, config=replace(right.config, tls_version=version, ciphers=ciphers))


@manner("tls-1.0", Kind.FIRMWARE, "Speaks TLS 1.0 and nothing newer.")
def tls_1_0(right: Conduct) -> Conduct:
    return _tls(right, TLSVersion.TLSv1)


@manner("tls-1.1", Kind.FIRMWARE, "Speaks TLS 1.1 and nothing newer.")
def tls_1_1(right: Conduct) -> Conduct:
    return _tls(right, TLSVersion.TLSv1_1)


@manner("tls-1.2", Kind.FIELD, "Speaks TLS 1.2 and nothing newer.")
def tls_1_2(right: Conduct) -> Conduct:
    return _tls(right, TLSVersion.TLSv1_2)


@manner("one-suite-only", Kind.FIELD, "Speaks TLS 1.2 with ECDHE-ECDSA-AES128-GCM-SHA256 alone.")
def one_suite_only(right: Conduct) -> Conduct:
    return _tls(right, TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-GCM-SHA256")


@manner("rsa-suites-only", Kind.FIELD, "Speaks TLS 1.2 with the RSA suites of the standard alone.")
def rsa_suites_only(right: Conduct) -> Conduct:
    return _tls(right, TLSVersion.TLSv1_2, "AES256-GCM-SHA384:AES128-GCM-SHA256")


@manner(
    "weak-suite-only", Kind.FIRMWARE, "Speaks TLS 1.2 with ECDHE-RSA-AES128-SHA alone, which is forbidden."
)
def weak_suite_only(right: Conduct) -> Conduct:
    return _tls(right, TLSVersion.TLSv1_2, "ECDHE-RSA-AES128-SHA")
