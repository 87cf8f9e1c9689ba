"""The checks of a CSMS, in the order in which a report shows them."""

from ocppsec.audit.checks import (
    authentication,
    boot,
    certificates,
    client_certificates,
    connection,
    first_page,
    frames,
    profiles,
    tls,
)
from ocppsec.audit.checks.check import Check
from ocppsec.audit.lab import Lab

ALL: tuple[Check[Lab], ...] = (
    *first_page.CHECKS,
    *tls.CHECKS,
    *authentication.CHECKS,
    *client_certificates.CHECKS,
    *profiles.CHECKS,
    *connection.CHECKS,
    *boot.CHECKS,
    *certificates.CHECKS,
    *frames.CHECKS,
)
