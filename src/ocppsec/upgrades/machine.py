"""The machine as a picture: every way from one step to another, with its cause.

The table is written by hand, for readers; a test walks the real machine at random and holds it against the
table in both directions, and another compares the page made from it with `docs/reference/upgrade-machine.md`.
"""

from dataclasses import dataclass
from typing import Final

from ocppsec.upgrades.states import (
    Arming,
    Arrived,
    AskingForBoot,
    AskingForReport,
    AskingForRoots,
    AskingVariables,
    AwaitingBoot,
    AwaitingCsr,
    AwaitingReport,
    AwaitingReset,
    CheckingRoot,
    DeliveringCertificate,
    Done,
    Failed,
    FreeingSlot,
    InstallingRoot,
    Open,
    Resetting,
    SettingOrganization,
    Signing,
    Triggering,
    WritingProfile,
)
from ocppsec.upgrades.words import STEPS

_Kind = type[Open] | type[Done] | type[Failed]


@dataclass(frozen=True, slots=True)
class Arrow:
    start: _Kind
    end: _Kind
    cause: str


ARROWS: Final = (
    Arrow(AskingVariables, AskingVariables, "next question"),
    Arrow(AskingVariables, AskingForReport, "slots unknown"),
    Arrow(AskingVariables, AskingForRoots, "slots known"),
    Arrow(AskingForReport, AwaitingReport, "Accepted"),
    Arrow(AskingForReport, AskingForRoots, "no report, or it is here already"),
    Arrow(AwaitingReport, AskingForRoots, "NotifyReport, or none in time"),
    Arrow(AwaitingReport, AskingForReport, "station came back"),
    Arrow(AskingForRoots, InstallingRoot, "root not listed"),
    Arrow(AskingForRoots, WritingProfile, "root listed, to profile 2"),
    Arrow(AskingForRoots, SettingOrganization, "root listed, to profile 3"),
    Arrow(AskingForRoots, Triggering, "the same, organization right"),
    Arrow(InstallingRoot, CheckingRoot, "any answer"),
    Arrow(CheckingRoot, InstallingRoot, "another root is missing"),
    Arrow(CheckingRoot, WritingProfile, "to profile 2"),
    Arrow(CheckingRoot, SettingOrganization, "to profile 3"),
    Arrow(CheckingRoot, Triggering, "the same, organization right"),
    Arrow(SettingOrganization, Triggering, "Accepted, or not to be known"),
    Arrow(Triggering, AwaitingCsr, "Accepted"),
    Arrow(Triggering, Signing, "SignCertificate came first"),
    Arrow(AwaitingCsr, Signing, "SignCertificate"),
    Arrow(AwaitingCsr, Triggering, "none in time, or station came back"),
    Arrow(Signing, Signing, "a person has to approve it first"),
    Arrow(Signing, DeliveringCertificate, "signed"),
    Arrow(DeliveringCertificate, WritingProfile, "Accepted, or never answered"),
    Arrow(DeliveringCertificate, Signing, "Rejected, newer request here"),
    Arrow(DeliveringCertificate, Triggering, "Rejected"),
    Arrow(WritingProfile, WritingProfile, "Rejected: next slot or interface"),
    Arrow(WritingProfile, FreeingSlot, "Rejected: slot is in the priority list"),
    Arrow(FreeingSlot, WritingProfile, "Accepted"),
    Arrow(WritingProfile, Arming, "Accepted"),
    Arrow(Arming, Arming, "Rejected: next guess for the old slot"),
    Arrow(Arming, AskingVariables, "Rejected: are its slots still the same?"),
    Arrow(AskingVariables, Arming, "other slots than before"),
    Arrow(Arming, Resetting, "Accepted, RebootRequired or unknown variable"),
    Arrow(Resetting, AwaitingBoot, "Accepted, Scheduled or no answer"),
    Arrow(Resetting, AwaitingReset, "Rejected"),
    Arrow(AwaitingReset, Resetting, "pause over"),
    Arrow(AwaitingReset, Arming, "booted on the old profile"),
    Arrow(AwaitingBoot, Arming, "booted on the old profile, or no restart"),
    Arrow(AwaitingBoot, AwaitingReset, "back, and Reset was not answered"),
    Arrow(AwaitingBoot, Resetting, "no restart, and on the new profile already"),
    Arrow(Arrived, AwaitingBoot, "connection ended"),
    Arrow(Arrived, Arming, "booted on the old profile"),
    Arrow(Arrived, AskingForBoot, "no BootNotification"),
    Arrow(Arrived, Resetting, "none after asking either"),
    Arrow(AskingForBoot, Arrived, "Accepted"),
    Arrow(AskingForBoot, AwaitingBoot, "connection ended"),
    Arrow(AskingForBoot, Arming, "booted on the old profile"),
    Arrow(AskingForBoot, Resetting, "refused"),
    Arrow(Open, Arrived, "connected on the new profile"),
    Arrow(Open, AskingVariables, "booted on the new profile: next leg, floor raised"),
    Arrow(Open, Done, "booted on the target: floor raised"),
    Arrow(Open, Failed, "refused, silent or overdue: with a reason"),
)
"""`Open` stands for every step; that a CALL is sent again in the same step is not drawn."""


def mermaid() -> str:
    """The state diagram in Mermaid's words."""
    lines = ["stateDiagram-v2", "    [*] --> AskingVariables"]
    lines += [
        f"    {arrow.start.__name__} --> {arrow.end.__name__}: {_label(arrow.cause)}"
        for arrow in ARROWS
        if arrow.start is not Open
    ]
    return "\n".join(lines)


def _label(cause: str) -> str:
    # A colon ends a label.
    return cause.replace(": ", ", ")


def page() -> str:
    """`docs/reference/upgrade-machine.md`."""
    steps = "\n".join(f"| `{kind.__name__}` | {words} |" for kind, words in STEPS.items())
    always = "\n".join(f"- {arrow.cause} → `{arrow.end.__name__}`" for arrow in ARROWS if arrow.start is Open)
    return _PAGE.format(diagram=mermaid(), steps=steps, always=always)


_PAGE: Final = """# The upgrade machine

Made from `ocppsec.upgrades.machine`; a test keeps it true. Upgrades from profile 1 to 3 walk through it twice.

```mermaid
{diagram}
```

From every step:

{always}

A CALL that gets no answer is sent again in the same step, a few times; so is one that gets a CALLERROR that may pass (InternalError,
GenericError, and SecurityError while the station has not read yet that its boot was accepted), after 2 and then 4
seconds. A lost connection leaves the step as it is; its CALL is sent again when the station is back, 20 times at most in each upgrade from one profile to the next.

When the CSMS was away itself, the step begins anew with all of its time. What a station did meanwhile, going back to its
old profile for instance, is not counted against it; 25 times before the switch and 25 times in it.

| state | step |
|---|---|
{steps}
"""
