"""How the tests audit an animal of the zoo: everything given, no pause, little patience."""

from zoo.csms import PASSWORD
from zoo.papers import ORGANIZATION, papers, pki

from ocppsec.audit.run import Limits, Selection, audit_csms
from ocppsec.audit.target import Target, doors

LIMITS = Limits(pause=0, patience=2.0)


def target_of(csms, **changes):
    """All there is to give, for the station CS1, which has not booted yet."""
    given = {
        **doors(csms.urls[2], ws=csms.urls[1], mtls=csms.urls[3], profile=1),
        "identity": "CS1",
        "password": PASSWORD,
        "other_identity": "CS2",
        "serial_number": "SN-1",
        "organization": ORGANIZATION,
        "roots": pki().root_pem,
        "papers": papers(pki().mine),
        "expired": papers(pki().expired),
        "never_booted": True,
        "operator": True,
        "destructive": True,
    }
    return Target(**{**given, **changes})


async def audit(csms, *, only=(), **changes):
    return await audit_csms(
        target_of(csms, **changes), limits=LIMITS, selection=Selection(only=only), operator=csms.operator
    )
