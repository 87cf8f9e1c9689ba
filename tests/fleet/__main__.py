"""``python -m tests.fleet campaign --stations 1000 --kills 20``: a fleet in which everybody misbehaves, explained."""

import argparse
import csv
import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "acceptance"))
sys.path.insert(0, str(Path(__file__).parent))

import kinds
import raised
import renewed
import small_disk
import stopped
from account import HEADINGS, by_manner
from server import most_files
from trouble import KINDS


def main():
    arguments = argparse.ArgumentParser(prog="python -m tests.fleet")
    courses = arguments.add_subparsers(dest="course", required=True)
    campaign = courses.add_parser("campaign", help="1→3 among all manners")
    campaign.add_argument("--stations", type=int, default=100)
    campaign.add_argument("--each", type=int, default=1, help="so many of every manner; the rest is right")
    campaign.add_argument("--manner", action="append", help="only these")
    befalls(campaign)
    campaign.add_argument(
        "--keep", type=Path, help="directory for state, logs and tables; else a temporary one"
    )
    every = courses.add_parser("kinds", help="every kind of campaign, one after the other")
    every.add_argument("--stations", type=int, default=60)
    befalls(every)
    every.add_argument("--keep", type=Path)
    stop = courses.add_parser("stop", help="a campaign that has to stop itself")
    stop.add_argument("--stations", type=int, default=60)
    stop.add_argument("--keep", type=Path)
    short = courses.add_parser(
        "renewals", help="certificates of minutes, renewed under load; the root replaced"
    )
    short.add_argument("--stations", type=int, default=200)
    short.add_argument("--lifetime", type=float, default=180, help="seconds")
    short.add_argument("--renewals", type=int, default=3, help="of each")
    short.add_argument("--asked", action="store_true", help="for by a person; else when they are due")
    short.add_argument("--meter", type=float, default=2, help="seconds between TransactionEvents of each")
    short.add_argument("--no-rollover", action="store_true")
    befalls(short)
    short.add_argument("--keep", type=Path)
    given = arguments.parse_args()
    most_files()
    troubles = {name: getattr(given, name, 0) for name in KINDS}
    if troubles["full"]:
        small_disk.move_in("tests.fleet")
    with tempfile.TemporaryDirectory(prefix="fleet-") as temporary:
        directory = given.keep or Path(temporary)
        if troubles["full"]:
            small_disk.mount(directory / "state")
        say = lambda line: print(line, flush=True)  # noqa: E731
        if given.course == "stop":
            told = stopped.run(directory, size=given.stations, say=say)
        elif given.course == "kinds":
            told = kinds.run(directory, size=given.stations, troubles=troubles, seed=given.seed, say=say)
        elif given.course == "renewals":
            told = renewed.run(
                directory,
                size=given.stations,
                lifetime=given.lifetime,
                renewals=given.renewals,
                rollover=not given.no_rollover,
                meter=given.meter,
                asked=given.asked,
                troubles=troubles,
                seed=given.seed,
                say=say,
            )
        else:
            told = raised.run(
                directory,
                size=given.stations,
                each=given.each,
                troubles=troubles,
                seed=given.seed,
                manners=given.manner,
                say=say,
            )
        write(directory, told)
        sys.exit(show(told))


def befalls(course):
    """What befalls the server on the way, so often, at points that the seed chooses."""
    course.add_argument("--kills", dest="kill", type=int, default=0, help="kill -9 of the server")
    course.add_argument("--locks", dest="lock", type=int, default=0, help="its database locked by another")
    course.add_argument(
        "--full", type=int, default=0, help="its disk full; state is not kept then: it is on a disk in memory"
    )
    course.add_argument("--seed", type=int, default=0)


def write(directory, told):
    with (directory / "stations-explained.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(HEADINGS)
        table.writerows(one.row for one in told.accounts)
    (directory / "figures.json").write_text(json.dumps({"totals": told.totals, **told.figures}, indent=2))


def show(told):
    """The table by manner, what is not explained, the figures; the exit code."""
    for manner, ended in sorted(by_manner(told.accounts).items()):
        for words, times in ended.most_common(4):
            print(f"{manner:34} {times:5}  {words[:180]}")
    unexplained = [one for one in told.accounts if one.wrong]
    for one in unexplained:
        print(f"! {one.identity} ({one.manner}): {'; '.join(one.wrong)} — {one.reason}")
    print("\n".join(f"! {wrong}" for wrong in told.wrong))
    print(json.dumps({"totals": told.totals, **told.figures}, indent=2))
    if told.accounts:
        print(f"{len(told.accounts) - len(unexplained)} of {len(told.accounts)} stations explained")
    return bool(unexplained or told.wrong)


main()
