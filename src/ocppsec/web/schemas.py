"""What the API takes and gives.  Times are ISO 8601 in UTC; profiles are the standard's numbers."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from ocppsec.csms.rescue import Action
from ocppsec.profiles.password_change import Answer
from ocppsec.upgrades.campaign.plan import Kind
from ocppsec.upgrades.campaign.states import CampaignStatus, MemberStatus

Profile = Annotated[int, Field(ge=0, le=3, strict=True)]
"""Strict: `true` is not 1."""


class Body(BaseModel):
    """A request body: an unknown member is a mistake, and what was sent is never repeated in an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Shown(BaseModel):
    model_config = ConfigDict(frozen=True, from_attributes=True)


class NewStation(Body):
    identity: str
    serial_number: str | None = Field(None, description="Defaults to the identity.")
    profile: Profile = Field(1, description="Floor and target to start with.")
    password: SecretStr | None = Field(None, description="16 to 40 characters; generated when left out.")
    labels: dict[str, str] = Field(default_factory=dict, description="Campaigns choose stations by them.")


class Labels(Body):
    labels: dict[str, str]


class NewUpgrade(Body):
    to: Profile


class NewCall(Body):
    action: str = Field(description="An OCPP 2.0.1 request, such as `GetVariables`.")
    payload: dict[str, Any] = Field(default_factory=dict)
    timeout: Annotated[float, Field(gt=0, le=600)] = Field(
        30.0, description="Seconds to wait for the answer."
    )


class Connection(Shown):
    profile: int
    door: str
    address: str
    since: datetime
    accepted: bool
    pending: str | None = Field(
        description="Why it is kept in Pending, `onboarding` or `expired-certificate`; null for all others."
    )
    tls_version: str | None
    cipher: str | None


class Station(Shown):
    identity: str
    serial_number: str
    floor: int
    target: int
    observed: int | None
    connection: Connection | None
    added_at: datetime
    registered_at: datetime | None
    last_seen_at: datetime | None
    vendor: str | None
    model: str | None
    firmware_version: str | None
    reported_serial_number: str | None
    boot_reason: str | None
    labels: dict[str, str]
    open_to: int | None = Field(
        description="What stays open above the target behind a step down; null where nothing does."
    )


class AddedStation(Station):
    password: str | None = Field(
        description="The generated password, told this once; null when one was given."
    )
    urls: dict[str, str] = Field(description="By profile, the URL this station connects to.")


class StationPage(Shown):
    stations: list[Station]
    next: str | None = Field(description="Cursor of the next page; null on the last.")


class UpgradeStep(Shown):
    at: datetime
    step: str
    detail: str


class Upgrade(Shown):
    id: str
    identity: str
    target: int
    status: Literal["open", "done", "failed"]
    step: str
    reason: str
    deadline: datetime | None
    started_at: datetime
    ended_at: datetime | None


class UpgradeWithSteps(Upgrade):
    steps: list[UpgradeStep]


class UpgradeList(Shown):
    upgrades: list[Upgrade]


class CallAnswer(Shown):
    action: str
    payload: dict[str, Any]


class Attempt(Shown):
    at: datetime
    outcome: Literal["admitted", "refused", "handshake-failed"]
    door: str
    address: str
    identity: str | None
    profile: int | None
    reason: str
    presented: str
    expected: str
    advice: str


class Explanation(Shown):
    identity: str
    registered: bool
    summary: str
    attempts: list[Attempt]
    advice: list[str]


class Rescue(Shown):
    identity: str
    lost_contact: bool = Field(
        description="Its last upgrade ended while it was away, and it has not been back."
    )
    summary: str
    open_doors: list[int] = Field(description="Profiles it is admitted on, the old one among them.")
    seen_since: list[Attempt] = Field(description="Since its last upgrade began, newest first.")
    steps: list[str]
    actions: list[Action] = Field(description="What can be done from here now: `POST` with `do`.")


class PasswordRotation(Shown):
    outcome: Answer
    detail: str = Field(description="Which passwords are valid now.")


class SecurityEvent(Shown):
    identity: str
    type: str
    timestamp: datetime
    tech_info: str | None
    received_at: datetime


class SecurityEventList(Shown):
    security_events: list[SecurityEvent]


class CertificateAuthority(Shown):
    root_pem: str
    root_sha256: str
    root_certificate: str = Field(description="Path of the PEM file on the server.")


class Door(Shown):
    name: str
    url: str
    profiles: list[int]


class DoorList(Shown):
    doors: list[Door]
    connections: dict[str, int] = Field(description="Open connections by profile.")


class Health(Shown):
    status: Literal["ok"]


class Preflight(Shown):
    identity: str
    to: int
    objection: str = Field(
        description="Why an upgrade would end before it changes anything; empty when none."
    )
    told: str = Field(description="What the station said of its slots, settings and roots.")
    quirks: list[str] = Field(description="What is known of its kind from this, in words.")


class PlannedStation(Shown):
    identity: str
    kind: str = Field(description="Vendor, model and firmware.")
    floor: int
    observed: int | None
    connected: bool
    can: bool
    reason: str = Field(description="Why it cannot, or need not; empty when it can.")
    note: str = Field(description="What may go wrong.")
    phase: int | None = Field(description="Counted from 1; null when it has no turn.")


class CampaignDryRun(Shown):
    plan: dict[str, Any] = Field(description="As it was read, durations in seconds.")
    goal: str = Field(description="What a station can be, in words.")
    phases: list[int] = Field(description="How many stations are through at the end of each phase.")
    known: dict[str, str] = Field(
        description="What upgrades have found out about kinds of stations, by kind."
    )
    stations: list[PlannedStation]


class Campaign(Shown):
    id: str
    name: str
    kind: Kind
    to: int | None = Field(description="The profile; null where no station is raised.")
    goal: str = Field(description="What a station can be, in words.")
    select: str
    late_comers: bool = Field(description="Stations that come to match join it.")
    until: datetime | None
    status: CampaignStatus
    reason: str
    phase: int = Field(description="Counted from 1.")
    phases: int
    phase_name: str
    soaking_since: datetime | None
    per_minute: float = Field(description="The rate, now.")
    stations: dict[str, int] = Field(description="How many are where, by status.")
    started_at: datetime
    ended_at: datetime | None


class CampaignLine(Shown):
    at: datetime
    what: str
    detail: str


class CampaignWithHistory(Campaign):
    plan: dict[str, Any] = Field(description="Durations in seconds.")
    history: list[CampaignLine]


class CampaignList(Shown):
    campaigns: list[Campaign]


class CampaignStation(Shown):
    identity: str
    kind: str
    status: MemberStatus
    reason: str
    tries: int
    upgrade: str | None = Field(description="The last one; `/upgrades/…` tells its steps.")
    errand: str | None = Field(
        description="What was begun last, whatever the kind; the evidence tells its steps."
    )
    began_at: datetime | None
    ended_at: datetime | None


class CampaignStationPage(Shown):
    stations: list[CampaignStation]
    next: str | None = Field(description="Cursor of the next page; null on the last.")
