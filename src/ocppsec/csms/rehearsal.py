"""New server certificates are met by ourselves first: a handshake in memory, as a station would make it.

It finds what loading does not: a name that is not ours, a chain with a gap, a root nobody trusts, dates that are over or
not begun.  Each family of keys is met on its own, since a station may speak only one.
"""

import ssl
from collections.abc import Sequence
from datetime import datetime

from cryptography import x509

from ocppsec.certificates.pem import BadPem, read_certificates
from ocppsec.csms import tls
from ocppsec.csms.tls import BadMaterial, Chain

_MOST_ROUNDS = 10
_CHAIN_FILE_LIMIT = 100_000
_BEGIN_CERTIFICATE = b"-----BEGIN CERTIFICATE-----"


def rehearse(chains: Sequence[Chain], *, hostname: str, root_pem: str) -> datetime:
    """Until when all of them are good; raises `BadMaterial`, which says which one fails and why."""
    ends = [_rehearse_one(chain, hostname, root_pem) for chain in chains]
    if not ends:
        raise BadMaterial("there is no server certificate")
    return min(ends)


def _rehearse_one(chain: Chain, hostname: str, root_pem: str) -> datetime:
    server = tls.server_context([chain], client_anchors=None, required=False)
    name = chain.certificate.name
    try:
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.load_verify_locations(cadata=root_pem)
        _shake_hands(client, server, hostname)
    except ssl.SSLCertVerificationError as error:
        raise BadMaterial(f"{name}: a station would refuse it: {error.verify_message}") from error
    except (ssl.SSLError, ValueError) as error:
        raise BadMaterial(f"{name}: no handshake comes about with it: {error}") from error
    return _leaf(chain).not_valid_after_utc


def meet(served: ssl.SSLContext, *, hostname: str, root_pem: str) -> None:
    """What is served this moment, met by a station that trusts *root_pem* alone; raises `BadMaterial`."""
    try:
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.load_verify_locations(cadata=root_pem)
        _shake_hands(client, served, hostname)
    except ssl.SSLCertVerificationError as error:
        raise BadMaterial(f"a station would refuse our certificate: {error.verify_message}") from error
    except (ssl.SSLError, ValueError) as error:
        # The door of profile 3 misses the station's certificate; by then the station has judged ours.
        if getattr(error, "reason", "") != "PEER_DID_NOT_RETURN_A_CERTIFICATE":
            raise BadMaterial(f"no handshake comes about: {error}") from error


def _shake_hands(client: ssl.SSLContext, server: ssl.SSLContext, hostname: str) -> None:
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server, server_hostname=hostname),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    for _ in range(_MOST_ROUNDS):
        for end in list(ends):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            ends.remove(end)
        if not ends:
            return
    raise ssl.SSLError("the handshake does not come to its end")


def _leaf(chain: Chain) -> x509.Certificate:
    _, begin, rest = chain.certificate.read_bytes().partition(_BEGIN_CERTIFICATE)
    try:
        return read_certificates(begin + rest, limit=_CHAIN_FILE_LIMIT)[0]
    except BadPem as error:
        raise BadMaterial(f"{chain.certificate.name}: {error.reason}") from error
