"""What became of each station of a fleet, kept as it happens, and the report made of it.

Knows happenings and a time given with each; no station, no clock, no terminal.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from ocppsec.station import happenings as told
from ocppsec.station.happenings import Happening

RIGHT: Final = "right"
"""What stations without a manner are listed under."""
REASONS: Final = 100
"""Different reasons kept for each label; a CSMS may word every refusal differently."""
_REASON_LENGTH: Final = 100
_LATENCIES: Final = 100_000
"""The latest ones; a fleet may run for weeks."""
OTHER: Final = "(other reasons)"


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """In milliseconds."""

    count: int
    p50: float
    p99: float
    longest: float


class Storm(msgspec.Struct, frozen=True, kw_only=True):
    """All connections broke at once."""

    at: float
    """Seconds after the start."""
    cut: int
    back: int
    recovery: Latency
    """From the break to the next connection that the CSMS let in."""


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """The stations of one manner, or the right ones."""

    stations: int
    connected: int
    accepted: int
    """Connected and let in, now."""
    ever_accepted: int
    refused: dict[str, int]
    """Why no connection came about, and how often."""
    crashed: dict[str, int] = {}
    """Stations that ended by an error of ours."""


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """One station of the fleet."""

    manner: str
    connected: bool
    accepted: bool
    ever_accepted: bool
    profile: int | None
    """Of the last connection on which it was let in."""
    refused: dict[str, int]
    """As in `Group`, and before each reason the profile it was met on: ``3: 403 certificate-revoked``."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    seconds: float
    total: Group
    connect: Latency
    """From dialling to the WebSocket."""
    boot: Latency
    """From dialling to the accepted BootNotification."""
    storms: tuple[Storm, ...]
    manners: dict[str, Group]
    stations: dict[str, Account] = {}
    """By identity; empty unless the ledger was asked to keep an account of each."""

    @property
    def failed(self) -> bool:
        """A station without manners was never let in."""
        right = self.manners.get(RIGHT)
        return bool(self.total.crashed) or (right is not None and right.ever_accepted < right.stations)


class _Line:
    """One station."""

    __slots__ = ("accepted", "connected", "dialled_at", "ever_accepted", "label", "profile", "refused")

    def __init__(self, label: str) -> None:
        self.label = label
        self.dialled_at = 0.0
        self.profile: int | None = None
        self.refused: Counter[str] = Counter()
        self.connected = self.accepted = self.ever_accepted = False


class _Storm:
    def __init__(self, at: float, away: set[int]) -> None:
        self.at, self.cut, self.away = at, len(away), away
        self.took: deque[float] = deque(maxlen=_LATENCIES)


class Ledger:
    """Times are seconds since the fleet was started."""

    def __init__(self, labels: Sequence[str], *, identities: Sequence[str] = ()) -> None:
        """*identities*: an account of each station is kept too, in the order of *labels*."""
        self._identities = identities
        self._lines = [_Line(label) for label in labels]
        self._refused: dict[str, Counter[str]] = defaultdict(Counter)
        self._crashed: dict[str, Counter[str]] = defaultdict(Counter)
        self._connects: deque[float] = deque(maxlen=_LATENCIES)
        self._boots: deque[float] = deque(maxlen=_LATENCIES)
        self._storms: list[_Storm] = []

    def note(self, number: int, happening: Happening, now: float) -> None:
        """What station *number* tells."""
        line = self._lines[number]
        match happening:
            case told.Dialling():
                line.dialled_at = now
            case told.Connected():
                line.connected = True
                self._connects.append(now - line.dialled_at)
            case told.Booted(status="Accepted"):
                self._boots.append(now - line.dialled_at)
            case told.Confirmed(profile=profile):
                line.profile = profile
                self._let_in(number, line, now)
            case told.Disconnected() | told.Stopped():
                line.connected = line.accepted = False
            case told.Refused(status=status, body=body, profile=profile):
                self._no(line, profile, body if body.startswith(str(status)) else f"{status} {body}")
            case told.ConnectFailed(stage=stage, reason=reason, profile=profile):
                self._no(line, profile, f"{stage}: {reason}")

    def _let_in(self, number: int, line: _Line, now: float) -> None:
        line.accepted = line.ever_accepted = True
        for storm in self._storms:
            if number in storm.away:
                storm.away.remove(number)
                storm.took.append(now - storm.at)

    def _no(self, line: _Line, profile: int, words: str) -> None:
        reason = words.splitlines()[0][:_REASON_LENGTH] if words else OTHER
        _count(self._refused[line.label], reason)
        if self._identities:
            _count(line.refused, f"{profile}: {reason}")

    def crashed(self, number: int, error: BaseException) -> None:
        line = self._lines[number]
        line.connected = line.accepted = False
        self._crashed[line.label][type(error).__name__] += 1

    def storm(self, now: float) -> None:
        """All that are connected lose their connection at this moment."""
        away = {number for number, line in enumerate(self._lines) if line.connected}
        self._storms.append(_Storm(now, away))

    # -- what is asked of it ------------------------------------------------------------------------------
    def report(self, now: float) -> Report:
        labels = sorted({line.label for line in self._lines}, key=lambda label: (label != RIGHT, label))
        return Report(
            seconds=round(now, 3),
            total=self._group(None),
            connect=latency(self._connects),
            boot=latency(self._boots),
            storms=tuple(self._told(storm) for storm in self._storms),
            manners={label: self._group(label) for label in labels},
            stations=dict(zip(self._identities, map(_account, self._lines), strict=bool(self._identities))),
        )

    def _group(self, label: str | None) -> Group:
        lines = [line for line in self._lines if label in (None, line.label)]
        return Group(
            stations=len(lines),
            connected=sum(line.connected for line in lines),
            accepted=sum(line.accepted for line in lines),
            ever_accepted=sum(line.ever_accepted for line in lines),
            refused=_counted(self._refused, label),
            crashed=_counted(self._crashed, label),
        )

    @staticmethod
    def _told(storm: _Storm) -> Storm:
        return Storm(
            at=round(storm.at, 3),
            cut=storm.cut,
            back=storm.cut - len(storm.away),
            recovery=latency(storm.took),
        )


def _count(reasons: Counter[str], reason: str) -> None:
    reasons[reason if reason in reasons or len(reasons) < REASONS else OTHER] += 1


def _account(line: _Line) -> Account:
    return Account(
        manner=line.label,
        connected=line.connected,
        accepted=line.accepted,
        ever_accepted=line.ever_accepted,
        profile=line.profile,
        refused=dict(line.refused.most_common()),
    )


def _counted(counters: dict[str, Counter[str]], label: str | None) -> dict[str, int]:
    total: Counter[str] = Counter()
    for name, counter in counters.items():
        if label in (None, name):
            total += counter
    return dict(total.most_common())


def latency(seconds: Iterable[float]) -> Latency:
    """The nearest rank; zeros when there is nothing to rank."""
    ranked = sorted(seconds)
    if not ranked:
        return Latency(count=0, p50=0.0, p99=0.0, longest=0.0)

    def rank(part: float) -> float:
        return round(1000 * ranked[min(len(ranked) - 1, int(part * len(ranked)))], 1)

    return Latency(count=len(ranked), p50=rank(0.50), p99=rank(0.99), longest=rank(1.0))
