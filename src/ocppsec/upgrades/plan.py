"""What an upgrade is told before it starts: where to go, what to install, how long to wait.

A plan is a value that is kept with the upgrade's state.  It holds nothing secret: certificates are public, and
the password of profile 2 is the one the station has already.
"""

import msgspec

from ocppsec.ocppj.messages import OCPPInterface

INTERFACES = (
    OCPPInterface.WIRED0,
    OCPPInterface.WIRELESS0,
    OCPPInterface.WIRED1,
    OCPPInterface.WIRELESS1,
    OCPPInterface.WIRED2,
    OCPPInterface.WIRELESS2,
    OCPPInterface.WIRED3,
    OCPPInterface.WIRELESS3,
)
"""The likely ones first."""

SLOTS = (1, 2, 0, 3)
"""Tried where a station does not list its slots: EVerest has 1 and 2, OpenOCPP counts from 0."""


class RootHash(msgspec.Struct, frozen=True, kw_only=True):
    """CertificateHashDataType of the CSMS root, with one hash algorithm (M04.FR.07: the station chooses it)."""

    hash_algorithm: str
    issuer_name_hash: str
    issuer_key_hash: str
    serial_number: str


class FurtherRoot(msgspec.Struct, frozen=True, kw_only=True):
    """Of another CA that signs the station's certificate: some stations verify their own (PKI facts, EVerest)."""

    pem: str
    hashes: tuple[RootHash, ...]


class Deadlines(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds from the moment a step is entered; what happens then is the workflow's decision."""

    step: float = 3600
    """A step that only needs an answer: how long a station may stay away before the upgrade gives up."""
    report: float = 30
    """From the GetReport answer to NotifyReport."""
    csr: float = 180
    """From the TriggerMessage answer to SignCertificate: small controllers need minutes for an RSA key."""
    signing: float = 60
    approval: float = 86_400
    """For a person to approve the certificate request, where one has to."""
    boot: float = 600
    """From the Reset answer to BootNotification, before connection attempts are added."""
    scheduled: float = 86_400
    """The same when the Reset was Scheduled: a charging session may last."""
    reset_pause: float = 60
    """Between a Rejected Reset and the next."""
    arrival: float = 30
    """From the connection on the new profile to BootNotification; then the station is asked for it."""


class Lowering(msgspec.Struct, frozen=True, kw_only=True):
    """A person asked by name for the one step down there is, from profile 3 to 2 (A00.FR.005)."""

    by: str
    reason: str


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    target: int
    """2 or 3."""
    lowering: Lowering | None = None
    """Never of a campaign, never by itself."""
    urls: dict[int, str]
    """Security profile → ocppCsmsUrl, without the identity: the station appends "/" and its identity."""
    root_pem: str
    """The self-signed root above both the server and the station certificates."""
    root_hashes: tuple[RootHash, ...]
    """One for each hash algorithm a station may answer with."""
    further_roots: tuple[FurtherRoot, ...] = ()
    """Installed before the certificate; a station that does without them may refuse them."""
    organization: str
    """A00.FR.405: what O of the station certificate has to be."""
    interfaces: tuple[OCPPInterface, ...] = INTERFACES
    slots: tuple[int, ...] = SLOTS
    preferred_slots: tuple[int, ...] = ()
    """Those that others of the kind took; of the free ones they are tried first."""
    active_slot: int | None = None
    """The slot an earlier upgrade of ours activated (`Done.slot`); believed only where the station is silent."""
    message_timeout: int = 30
    """Seconds; goes into the NetworkConnectionProfile."""
    report_id: int = 1
    """requestId of GetReport."""
    deadlines: Deadlines = Deadlines()


class StationAtStart(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the station when its upgrade begins."""

    profile: int
    """Of its connection; of its last one when it is not connected."""
    connected: bool = True
    booted: bool = True
    """A BootNotification was answered Accepted on a connection of this profile."""
    registered_serial: str
    reported_serial: str | None = None
    """From its last BootNotification; None when it never named one."""
