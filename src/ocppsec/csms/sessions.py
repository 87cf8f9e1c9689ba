"""Who is connected right now, one session an identity.

A newcomer takes the place only after it was admitted; the old connection's end, whenever it comes, cannot
remove the new one, because a session leaves only its own place.

Which certificates were revoked and which floors rose since this process started is remembered here too: a
connection whose admission had read the records a moment before does not stay.
"""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from ocppsec.csms.session import Session
from ocppsec.profiles.profile import SecurityProfile

_RISES_REMEMBERED = 10_000
"""The newest.  One matters as long as an admission takes that had read the old floor."""


class Sessions:
    def __init__(self) -> None:
        self._by_identity: dict[str, Session] = {}
        self._barred: set[str] = set()
        self._risen: OrderedDict[str, SecurityProfile] = OrderedDict()
        self._rising: dict[str, asyncio.Future[None]] = {}

    def __iter__(self) -> Iterator[Session]:
        return iter(list(self._by_identity.values()))

    def __len__(self) -> int:
        return len(self._by_identity)

    def get(self, identity: str) -> Session | None:
        return self._by_identity.get(identity)

    def enter(self, session: Session) -> Session | None:
        """Take the place of the identity; gives who held it before."""
        old = self._by_identity.get(session.identity)
        self._by_identity[session.identity] = session
        return old

    def bar(self, fingerprint: str) -> list[Session]:
        """No connection with this certificate from now on; gives those there are, to be closed."""
        self._barred.add(fingerprint)
        return [session for session in self if self.is_barred(session)]

    def is_barred(self, session: Session) -> bool:
        certificate = session.facts.certificate
        return certificate is not None and certificate.fingerprint in self._barred

    @contextmanager
    def rising(self, identity: str) -> Iterator[None]:
        """While its floor is being written, nobody is judged under *identity*; see `settled`."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._rising[identity] = done
        try:
            yield
        finally:
            if self._rising.get(identity) is done:
                del self._rising[identity]
            done.set_result(None)

    async def settled(self, identity: str) -> None:
        """Returns when no floor of *identity* is being written."""
        while (rising := self._rising.get(identity)) is not None:
            await asyncio.shield(rising)

    def rise(self, identity: str, floor: SecurityProfile) -> Session | None:
        """The floor is up, in the store; gives who is there on a lower profile, to be closed (A05.FR.07)."""
        self._risen[identity] = floor
        self._risen.move_to_end(identity)
        if len(self._risen) > _RISES_REMEMBERED:
            self._risen.popitem(last=False)
        session = self._by_identity.get(identity)
        return session if session is not None and self.is_too_low(session) else None

    def is_too_low(self, session: Session) -> bool:
        return session.profile < self._risen.get(session.identity, SecurityProfile.NONE)

    def forget(self, identity: str) -> None:
        """It was removed, and may be registered anew."""
        self._risen.pop(identity, None)

    def leave(self, session: Session) -> bool:
        """Give the place up, if it is still this session's."""
        if self._by_identity.get(session.identity) is not session:
            return False
        del self._by_identity[session.identity]
        return True

    def by_profile(self) -> dict[int, int]:
        return dict(Counter(int(session.profile) for session in self._by_identity.values()))
