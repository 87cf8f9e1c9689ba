"""A fake, written from the API documentation of Vault's PKI engine and AppRole: no Vault can be had for these tests.

It refuses whatever the documentation says Vault refuses.
"""

import json
import secrets
from datetime import timedelta

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from foreign_ca import ca, name, pem, sign
from web_ca import Said, WebCa, plain_csr


class FakeVault(WebCa):
    """Role ``stations`` at mount ``pki_int``: client certificates of organization CSO, at most 90 days."""

    def __init__(self, directory):
        super().__init__(directory)
        self.root = ca("Vault Root")
        self.issuing = ca("Vault Station CA", self.root, path_length=0)
        self.role_id, self.secret_id = "role-1", secrets.token_hex(16)
        self.tokens = {}
        """Token to the number of requests it is still good for."""
        self.uses = 1000
        self.revoked = []
        (self.directory / "trust.pem").write_bytes(pem(self.issuing.certificate, self.root.certificate))

    @property
    def trust_file(self):
        return self.directory / "trust.pem"

    def say(self, heard):
        if (heard.method, heard.path) == ("GET", "/v1/pki_int/ca_chain"):  # without a token
            body = pem(self.issuing.certificate, self.root.certificate)
            return Said(200, "application/pem-certificate-chain", body)
        if heard.method != "POST" or heard.headers.get("content-type") != "application/json":
            return _errors(405, "unsupported operation")
        body = json.loads(heard.body)
        if heard.path == "/v1/auth/approle/login":
            return self._login(body)
        if self.tokens.get(heard.headers.get("x-vault-token"), 0) <= 0:
            return _errors(403, "permission denied")
        self.tokens[heard.headers["x-vault-token"]] -= 1
        match heard.path:
            case "/v1/pki_int/sign/stations":
                return self._sign(body)
            case "/v1/pki_int/revoke":
                self.revoked.append(body["serial_number"])
                return _data({"revocation_time": 1})
        return _errors(404, f"no handler for route {heard.path!r}")

    def _login(self, body):
        if body != {"role_id": self.role_id, "secret_id": self.secret_id}:
            return _errors(400, "invalid role or secret ID")
        token = f"hvs.{secrets.token_hex(12)}"
        self.tokens[token] = self.uses
        return _json(200, {"auth": {"client_token": token, "lease_duration": 1200, "renewable": True}})

    def _sign(self, body):
        request = plain_csr(body["csr"].encode())
        seconds = int(body["ttl"].removesuffix("s"))
        if seconds > timedelta(days=90).total_seconds():
            return _errors(400, "cannot satisfy request, as TTL would result in notAfter beyond the maximum")
        (asked,) = request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        # use_csr_common_name is true by default: the request's name, and not common_name of the body.
        subject = name(asked.value, "CSO")
        assert body["format"] == "pem"
        assert body["exclude_cn_from_sans"] is True
        leaf = sign(self.issuing, request.public_key(), subject=subject, days=(-0.01, seconds / 86400))
        serial = leaf.serial_number.to_bytes(20, "big").lstrip(b"\0").hex(":")
        text = [each.public_bytes(Encoding.PEM).decode().strip() for each in (leaf, self.issuing.certificate)]
        return _data(
            {
                "certificate": text[0],
                "issuing_ca": text[1],
                "ca_chain": [text[1], self.root.certificate.public_bytes(Encoding.PEM).decode()],
                "serial_number": serial,
                "expiration": int(leaf.not_valid_after_utc.timestamp()),
            }
        )


def _json(status, body):
    return Said(status, "application/json", json.dumps(body).encode())


def _data(data):
    return _json(200, {"request_id": "1", "lease_id": "", "renewable": False, "data": data, "warnings": None})


def _errors(status, *texts):
    return _json(status, {"errors": list(texts)})
