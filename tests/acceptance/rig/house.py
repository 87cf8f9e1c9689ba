"""The CSMS inside of the test, in a thread of its own: for deadlines nobody can wait for and stores that fail.

Everything else is judged through the installed command (`rig.server`).
"""

import asyncio
import threading
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives import hashes, serialization
from rig import certs
from rig.server import ORGANIZATION

from ocppsec.csms.configuration import Configuration, default_doors
from ocppsec.csms.service import Csms
from ocppsec.profiles.record import CertificateRecord, CertificateState
from ocppsec.registry.memory import MemoryStore


class House:
    """A `Csms` with the settings and the store that the test wants."""

    def __init__(self, state, *, store=None, **settings):
        self.state = state
        self.store = store or MemoryStore()
        self.events = []
        self.errors = []
        """What reached the loop's exception handler: bugs."""
        doors = default_doors("127.0.0.1", ws_port=0, wss_port=0, mtls_port=0)
        self._configuration = Configuration(
            state=state, doors=doors, hostname="localhost", organization=ORGANIZATION, **settings
        )
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(lambda _, context: self.errors.append(context))
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.csms = self.do(self._start())

    async def _start(self):
        csms = Csms(self._configuration, self.store, emit=self.events.append)
        await csms.start()
        return csms

    def do(self, coroutine, timeout=20):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout)

    def close(self):
        self.do(self.csms.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()

    def door(self, profile):
        return self.csms.url_for(profile)

    @property
    def root(self):
        return self.csms.authority.root_certificate_path

    def add(self, identity, **more):
        return self.do(self.csms.add_station(identity, **more)).generated_password

    def told(self, name):
        return [event for event in self.events if event.name == name]

    def certificate_for(
        self, identity, directory, *, state=CertificateState.PENDING, common_name=None, **more
    ):
        """(chain file, key file) of a certificate that the registry knows as issued to *identity*."""
        key = certs.new_key()
        made = certs.sign(certs.name(common_name or identity), key, *certs.our_station_ca(self.state), **more)
        spki = key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        digest = hashes.Hash(hashes.SHA256())
        digest.update(spki)
        now = datetime.now(UTC)
        record = CertificateRecord(
            fingerprint=made.fingerprint(hashes.SHA256()).hex(),
            identity=identity,
            serial_number=f"{made.serial_number:X}",
            subject=made.subject.rfc4514_string(),
            public_key_sha256=digest.finalize().hex(),
            not_before=made.not_valid_before_utc,
            not_after=made.not_valid_after_utc,
            state=state,
            issued_at=now - timedelta(minutes=1),
            chain=made.public_bytes(serialization.Encoding.PEM).decode(),
        )
        self.do(self.store.add_certificate(record))
        return certs.save(directory, f"{identity}-{record.serial_number[:8]}", made, key)
