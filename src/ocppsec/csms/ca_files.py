"""The CA on the disk, as the configuration says where and how; each call may take a while and is made in a thread."""

from collections.abc import Callable
from datetime import datetime

from ocppsec.certificates import files
from ocppsec.certificates.files import AuthorityFiles
from ocppsec.certificates.generations import Turn
from ocppsec.csms.configuration import Configuration


class CaFiles:
    def __init__(self, configuration: Configuration, *, now: Callable[[], datetime]) -> None:
        self._configuration = configuration
        self._now = now

    def load(self, turn: Turn | None) -> AuthorityFiles:
        """Raises what `load_or_create` raises."""
        settings = self._configuration
        return files.load_or_create(
            settings.state,
            organization=settings.organization,
            hostname=settings.hostname,
            now=self._now(),
            custody=settings.custody,
            turn=turn,
        )

    def prepare(self) -> None:
        settings = self._configuration
        files.prepare(
            settings.state, organization=settings.organization, now=self._now(), custody=settings.custody
        )

    def promote(self, *, until: datetime, keep_keys: bool) -> None:
        files.promote(self._configuration.state, until=until, keep_keys=keep_keys)

    def set_aside(self, *, keep: bool) -> None:
        if (self._configuration.state / "ca").exists():
            files.set_aside(self._configuration.state, keep=keep)
