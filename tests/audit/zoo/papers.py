"""The operator's papers of the zoo, made once by `trustme`; none of them comes from our own CA."""

import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from functools import cache

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from ocppsec.audit.target import Papers

ORGANIZATION = "ACME"


def papers(leaf):
    chain = "".join(blob.bytes().decode() for blob in leaf.cert_chain_pems)
    return Papers(chain_pem=chain, key_pem=leaf.private_key_pem.bytes())


class Pki:
    """One root, an issuer below it, server certificates of both families, and stations' certificates."""

    def __init__(self):
        now = datetime.now(UTC)
        self.root = trustme.CA(organization_name=ORGANIZATION)
        self.issuer = self.root.create_child_ca()
        self.stations = trustme.CA(organization_name=ORGANIZATION)
        self.servers = {
            family: self.issuer.issue_cert("localhost", common_name="localhost", key_type=kind)
            for family, kind in (("ec", trustme.KeyType.ECDSA), ("rsa", trustme.KeyType.RSA))
        }
        self.wildcard = self.issuer.issue_cert("*.example.com", common_name="*.example.com")
        self.stale = self.issuer.issue_cert(
            "localhost",
            common_name="localhost",
            not_before=now - timedelta(days=9),
            not_after=now - timedelta(days=1),
        )
        self.mine = self._station("SN-1")
        self.expired = self._station(
            "SN-1", not_before=now - timedelta(days=9), not_after=now - timedelta(days=1)
        )
        self.root_pem = self.root.cert_pem.bytes().decode()

    def _station(self, serial, **when):
        return self.stations.issue_cert(common_name=serial, organization_name=ORGANIZATION, **when)

    def crl(self, *serials):
        """A revocation list of the station CA, in PEM."""
        key = serialization.load_pem_private_key(self.stations.private_key_pem.bytes(), None)
        issuer = x509.load_pem_x509_certificate(self.stations.cert_pem.bytes()).subject
        now = datetime.now(UTC)
        builder = x509.CertificateRevocationListBuilder().issuer_name(issuer)
        builder = builder.last_update(now - timedelta(hours=1)).next_update(now + timedelta(days=1))
        for serial in serials:
            one = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now)
            builder = builder.add_revoked_certificate(one.build())
        return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


@cache
def pki():
    return Pki()


def load(context, leaf, *, chain=True):
    """Let *context* serve *leaf*; without its *chain* the intermediate is missing."""
    blobs = leaf.cert_chain_pems if chain else leaf.cert_chain_pems[:1]
    with leaf.private_key_pem.tempfile() as key, tempfile.NamedTemporaryFile(suffix=".pem") as file:
        file.write(b"".join(blob.bytes() for blob in blobs))
        file.flush()
        context.load_cert_chain(file.name, key)


def server_context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE+AESGCM:AES128-GCM-SHA256:AES256-GCM-SHA384:!aNULL")
    return context
