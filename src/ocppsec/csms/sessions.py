"""Who is connected right now, one session an identity.

A newcomer takes the place only after it was admitted; the old connection's end, whenever it comes, cannot
remove the new one, because a session leaves only its own place.

Which certificates were revoked since this process started is remembered here too: a connection whose admission
had read the records a moment before the revocation does not stay.
"""

from collections import Counter
from collections.abc import Iterator

from ocppsec.csms.session import Session


class Sessions:
    def __init__(self) -> None:
        self._by_identity: dict[str, Session] = {}
        self._barred: set[str] = set()

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

    def leave(self, session: Session) -> bool:
        """Give the place up, if it is still this session's."""
        if self._by_identity.get(session.identity) is not session:
            return False
        del self._by_identity[session.identity]
        return True

    def by_profile(self) -> dict[int, int]:
        return dict(Counter(int(session.profile) for session in self._by_identity.values()))
