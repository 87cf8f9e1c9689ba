"""``python -m tests.chaos --seeds 1000``: many seeds by hand; ``--seed N`` plays one again."""

import argparse
import asyncio
import sys
import tempfile
import traceback
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "acceptance"))
sys.path.insert(0, str(Path(__file__).parent))

from course import Told, run


def main():
    arguments = argparse.ArgumentParser(prog="python -m tests.chaos")
    arguments.add_argument("--seeds", type=int, default=20, help="so many, from --from on")
    arguments.add_argument("--from", type=int, default=0, dest="first")
    arguments.add_argument("--at-once", type=int, default=1, help="so many in processes of their own")
    arguments.add_argument("--seed", type=int, help="only this one, told in full")
    given = arguments.parse_args()
    seeds = [given.seed] if given.seed is not None else range(given.first, given.first + given.seeds)
    failed, faults, parts, kills = [], Counter(), Counter(), 0
    with ProcessPoolExecutor(given.at_once) as pool:
        for told in (future.result() for future in as_completed([pool.submit(play, seed) for seed in seeds])):
            verdict = "WRONG" if told.wrong else "good"
            print(
                f"seed {told.seed}: {verdict}, {told.course}: {told.struck} faults, {told.kills} kills,"
                f" {told.seconds:.1f} s",
                flush=True,
            )
            if told.wrong or given.seed is not None:
                print("\n".join(f"  {fault}" for fault in told.faults))
                print(f"  {told.statuses}")
                print("\n".join(f"  . {line}" for line in told.stories))
                print("\n".join(f"  ! {wrong}" for wrong in told.wrong), flush=True)
            failed += [told.seed] if told.wrong else []
            faults += Counter(fault.split()[0] for fault in told.faults if not fault.startswith("--"))
            parts += Counter(told.course.split(", "))
            kills += told.kills
    print(
        f"{faults.total()} faults: " + ", ".join(f"{number} {kind}" for kind, number in faults.most_common())
    )
    print(f"{kills} kills; " + ", ".join(f"{number} {part}" for part, number in parts.most_common()))
    print(
        f"{len(seeds) - len(failed)} of {len(seeds)} seeds good"
        + (f"; again with: --seed {failed[0]}" if failed else "")
    )
    sys.exit(bool(failed))


def play(seed):
    with tempfile.TemporaryDirectory(prefix="chaos-") as directory:
        try:
            return asyncio.run(run(seed, Path(directory)))
        except Exception as error:
            told = "".join(traceback.format_exception(error)).splitlines()
            return Told(
                seed=seed,
                course="broken off",
                seconds=0,
                faults=[],
                kills=0,
                statuses={},
                wrong=[repr(error)],
                stories=told,
            )


if __name__ == "__main__":
    main()
