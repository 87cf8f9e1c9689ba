"""Our server under test: the CSMS as ``ocppsec up`` puts it together, without its HTTP API.

SQLite, log, metrics and security log are those of ``ocppsec up``; log lines go to standard error, which the
bench sends into a file.
"""

import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from benchmarks import fleet, server_process
from ocppsec.csms.service import Csms
from ocppsec.observability import Metrics, Observer, SecurityLog, configure_logging
from ocppsec.registry.open import open_store


async def main(directory: Path) -> None:
    store = await open_store(directory / fleet.DATABASE)
    observer = Observer(
        logger=configure_logging(sys.stderr, form="json"),
        metrics=Metrics(),
        security_log=SecurityLog(directory / "security-log.jsonl"),
        clock=lambda: datetime.now(UTC),
    )
    csms = Csms(fleet.configuration(directory), store, emit=observer.emit)
    await csms.start()
    try:
        urls = {profile: door.url for door in csms.doors for profile in door.profiles}
        await server_process.serve_until_told(urls)
    finally:
        await csms.stop()
        await store.close()
        observer.close()


if __name__ == "__main__":
    server_process.run(partial(main, Path(sys.argv[1])))
