"""The security profiles, numbered as the standard numbers them: 0, 1, 2, 3, never shifted."""

from enum import IntEnum


class SecurityProfile(IntEnum):
    """How station and CSMS prove themselves to each other (Part 2, 1.3)."""

    NONE = 0
    """Nothing.  Laboratory use; not a valid OCPP 2.x implementation."""
    BASIC = 1
    """Unsecured Transport with Basic Authentication: ws://."""
    TLS_BASIC = 2
    """TLS with Basic Authentication: wss://, the station trusts the CSMS root."""
    TLS_CLIENT = 3
    """TLS with Client Side Certificates: mutual TLS."""
