"""Each station of a run: what was right for it, how it ended, and whether that is explained.  Pure."""

from collections import Counter
from dataclasses import dataclass

from rig.expected import EXPECTED


@dataclass(frozen=True)
class Account:
    identity: str
    manner: str
    status: str
    reason: str
    floor: int
    tries: int
    wrong: tuple

    @property
    def row(self):
        return [
            self.identity,
            self.manner,
            self.status,
            self.floor,
            self.tries,
            self.reason,
            "; ".join(self.wrong),
        ]


HEADINGS = ["identity", "manner", "status", "floor", "tries", "reason", "not explained"]


def judge(members, stations, lived, manner_of, *, outages):
    """*members* of the campaign, *stations* of the registry, and what the stations themselves *lived*."""
    return [
        _account(
            one,
            stations[one["identity"]],
            lived[one["identity"]],
            manner_of[one["identity"]],
            outages=outages,
        )
        for one in members
    ]


def _account(member, station, lived, manner, *, outages):
    status, reason, expected = member["status"], member["reason"], EXPECTED[manner]
    wrong = []
    if not expected.explains(status, reason, outages=outages):
        wrong.append(f"{status} is not expected of {manner}")
    if status != "done" and not reason:
        wrong.append("no reason")
    if status == "done" and station["floor"] != 3:
        wrong.append(f"done, and its floor is {station['floor']}")
    if status != "done" and station["floor"] == 3 and "already" not in reason:
        wrong.append(f"{status}, and its floor is 3")
    if manner == "right" and status == "done" and not (lived["accepted"] and lived["profile"] == 3):
        wrong.append(f"done, and the station itself is not on profile 3: {lived}")
    wrong += [
        f"refused {times} times: {words}"
        for words, times in lived["refused"].items()
        if not expected.may_meet(words, outages=outages)
    ]
    return Account(
        member["identity"], manner, status, reason, station["floor"], member["tries"], tuple(wrong)
    )


def by_manner(accounts):
    """Manner → how its stations ended, counted."""
    found = {}
    for one in accounts:
        found.setdefault(one.manner, Counter())[
            f"{one.status}: {one.reason}" if one.reason else one.status
        ] += 1
    return found
