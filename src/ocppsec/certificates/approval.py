"""Who says that a request which keeps every rule may be signed: the rules, or a person."""

from enum import StrEnum


class Approval(StrEnum):
    RULE = "rule"
    """What keeps the rules is signed."""
    FIRST = "first"
    """A person for what is not asked for with a certificate in force, so for a station's first one; else the rules."""
    PERSON = "person"
    """A person, each time."""


def needs_person(approval: Approval, *, with_certificate: bool) -> bool:
    """*with_certificate*: it came over a connection that showed the station's certificate in force.

    A password may be known to others, and no key has proved itself yet: that is what *first* keeps from the CA.
    """
    match approval:
        case Approval.RULE:
            return False
        case Approval.FIRST:
            return not with_certificate
        case Approval.PERSON:
            return True
