"""An upgrade's state as a row, its notes as lines of history, and what of both is told."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from ocppsec.events import Event, StationLostContact, UpgradeEnded, UpgradeStepped
from ocppsec.registry.records import Upgrade, UpgradeStatus, UpgradeStep
from ocppsec.upgrades import workflow
from ocppsec.upgrades.exchange import Effect, Note
from ocppsec.upgrades.states import Done, Failed, State, encode_state


def row(upgrade: Upgrade, state: State, now: datetime, *, same_step: bool) -> Upgrade:
    """*upgrade* as it stands at *state*; its deadline goes on running within a step."""
    status, reason, ended_at = UpgradeStatus.OPEN, "", None
    if isinstance(state, Failed):
        status, reason, ended_at = UpgradeStatus.FAILED, state.reason, now
    elif isinstance(state, Done):
        status, ended_at = UpgradeStatus.DONE, now
    seconds = workflow.deadline_of(state)
    anew = now + timedelta(seconds=seconds) if seconds is not None else None
    deadline = upgrade.deadline if same_step else anew
    return replace(
        upgrade,
        status=status,
        step=workflow.describe(state),
        reason=reason,
        state=encode_state(state),
        deadline=None if ended_at else deadline,
        ended_at=ended_at,
    )


def steps(effects: Sequence[Effect], now: datetime) -> tuple[UpgradeStep, ...]:
    return tuple(
        UpgradeStep(at=now, step=note.step, detail=note.detail, messages=note.messages)
        for note in _notes(effects)
    )


def stepped(upgrade: Upgrade, effects: Sequence[Effect]) -> Iterator[Event]:
    for note in _notes(effects):
        yield UpgradeStepped(
            identity=upgrade.identity, upgrade=upgrade.id, step=note.step, detail=note.detail
        )


def ended(upgrade: Upgrade, state: Done | Failed) -> Iterator[Event]:
    yield UpgradeEnded(
        identity=upgrade.identity,
        upgrade=upgrade.id,
        outcome="failed" if isinstance(state, Failed) else "done",
        profile=int(upgrade.target),
        reason=state.reason if isinstance(state, Failed) else "",
    )
    if isinstance(state, Failed) and state.lost_contact:
        yield StationLostContact(
            identity=upgrade.identity,
            upgrade=upgrade.id,
            advice=f"ocppsec station rescue {upgrade.identity}",
        )


def _notes(effects: Iterable[Effect]) -> Iterator[Note]:
    return (effect for effect in effects if isinstance(effect, Note))
