"""Certificate files looked at without a server: what they say, whether they keep our rules, when they end.

Exit codes are those of `step certificate`: 0 yes, 1 no, 2 there is nothing to look at.
"""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509

from ocppsec.certificates import renewal
from ocppsec.certificates.describe import describe
from ocppsec.certificates.facts import facts_of, public_key_sha256
from ocppsec.certificates.kinds import kind_of
from ocppsec.certificates.lint import Kind, lint
from ocppsec.certificates.pem import BadPem, read_certificates
from ocppsec.cli.failure import ExitCode, Failure
from ocppsec.cli.output import print_json, printable

LARGEST_FILE = 100_000
_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}


def inspect(file: Path, *, as_json: bool) -> None:
    found = read(file)
    try:
        if as_json:
            print_json({"certificates": [_facts(one) for one in found]})
            return
        for number, one in enumerate(found):
            print("\n" * min(number, 1) + "\n".join(map(printable, describe(one).splitlines())))
    except ValueError as error:
        raise _unreadable(file, f"an extension is malformed: {error}") from error


def lint_file(file: Path, *, kind: str | None, as_json: bool) -> None:
    certificate = read(file)[0]
    wanted = _kind(certificate, kind)
    findings = lint(certificate, wanted)
    if as_json:
        rows = [{"rule": one.rule, "requirement": one.requirement, "text": one.text} for one in findings]
        print_json({"kind": wanted.value, "findings": rows})
    else:
        for one in findings:
            print(printable(str(one)))
        print(f"{len(findings)} rules broken as a {wanted.value} certificate" if findings else f"{wanted.value}: keeps every rule")  # fmt: skip
    if findings:
        raise SystemExit(1)


def needs_renewal(file: Path, *, expires_in: str | None, as_json: bool, now: datetime | None = None) -> None:
    certificate = read(file)[0]
    life = renewal.Life(begin=certificate.not_valid_before_utc, end=certificate.not_valid_after_utc)
    at = _moment(life, expires_in)
    needed = (now or datetime.now(UTC)) >= at
    if as_json:
        print_json({"needs_renewal": needed, "renew_at": at.isoformat(), "not_after": life.end.isoformat()})
    else:
        print(f"{'renew it now: due since' if needed else 'not yet: due'} {at:%Y-%m-%d %H:%M} UTC, valid until {life.end:%Y-%m-%d %H:%M} UTC")  # fmt: skip
    if not needed:
        raise SystemExit(1)


def read(file: Path) -> tuple[x509.Certificate, ...]:
    """All certificates in *file*, at least one; raises `Failure` with exit code 2."""
    try:
        return read_certificates(file.read_bytes(), limit=LARGEST_FILE)
    except OSError as error:
        raise _unreadable(file, error.strerror or str(error)) from error
    except BadPem as error:
        raise _unreadable(file, error.reason) from error


def _unreadable(file: Path, why: str) -> Failure:
    return Failure(f"{file} cannot be read as a certificate", why=why, code=ExitCode.USAGE)


def _facts(certificate: x509.Certificate) -> dict[str, Any]:
    facts = facts_of(certificate)
    return {
        "subject": certificate.subject.rfc4514_string(),
        "issuer": certificate.issuer.rfc4514_string(),
        "serial_number": facts.serial_number,
        "fingerprint": facts.fingerprint,
        "not_before": facts.not_before.isoformat(),
        "not_after": facts.not_after.isoformat(),
        "public_key_sha256": public_key_sha256(certificate.public_key()),
        "is_ca": facts.is_ca,
        "extended_key_usage": None if facts.extended_key_usage is None else sorted(facts.extended_key_usage),
    }


def _kind(certificate: x509.Certificate, given: str | None) -> Kind:
    if given is not None:
        try:
            return Kind(given)
        except ValueError:
            raise Failure(
                f"{given!r} is no kind of certificate", next=f"one of {', '.join(Kind)}", code=ExitCode.USAGE
            ) from None
    try:
        found = kind_of(certificate)
    except ValueError as error:
        raise Failure("the certificate is malformed", why=str(error), code=ExitCode.USAGE) from error
    if found is None:
        raise Failure(
            "its purposes do not tell what kind of certificate it is",
            next=f"say it with --kind: {', '.join(Kind)}",
            code=ExitCode.USAGE,
        )
    return found


def _moment(life: renewal.Life, text: str | None) -> datetime:
    """From when on it needs renewal."""
    if text is None:
        return renewal.renew_at(life)
    found = re.fullmatch(r"(\d{1,5})([dhms%])", text)
    if found is None or (found[2] == "%" and int(found[1]) > 100):
        raise Failure(
            f"--expires-in {text!r} is neither a time nor a share",
            next="such as 30d, 12h, 15m or 75%",
            code=ExitCode.USAGE,
        )
    if found[2] == "%":
        return life.begin + (life.end - life.begin) * (int(found[1]) / 100)
    return life.end - timedelta(**{_UNITS[found[2]]: int(found[1])})
