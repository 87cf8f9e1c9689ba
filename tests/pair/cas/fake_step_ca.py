"""A fake, written from the documentation of step-ca's API and its JWK provisioner: no step-ca can be had for these tests.

Its judgement of tokens is done with `cryptography` alone, without the library that makes them.
"""

import base64
import json
import time

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from foreign_ca import ca, name, pem, sign
from web_ca import Said, WebCa, plain_csr


def _b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class FakeStepCa(WebCa):
    """One JWK provisioner, whose template makes client certificates of organization CSO."""

    provisioner = "stations@example"

    def __init__(self, directory):
        super().__init__(directory)
        self.root = ca("Step Root")
        self.issuing = ca("Step Station CA", self.root, path_length=0)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._used = set()
        self.revoked = []
        self.chain = True
        (self.directory / "trust.pem").write_bytes(pem(self.issuing.certificate, self.root.certificate))

    @property
    def trust_file(self):
        return self.directory / "trust.pem"

    @property
    def jwk(self):
        """The provisioner's private key, as ``step crypto jwe decrypt`` prints it."""
        numbers = self._key.private_numbers()
        public = numbers.public_numbers
        return json.dumps(
            {
                "kty": "EC",
                "crv": "P-256",
                "use": "sig",
                "alg": "ES256",
                "kid": "provisioner-key",
                "x": _b64(public.x.to_bytes(32, "big")),
                "y": _b64(public.y.to_bytes(32, "big")),
                "d": _b64(numbers.private_value.to_bytes(32, "big")),
            }
        )

    def say(self, heard):
        if (heard.method, heard.path) == ("GET", "/roots"):
            return _json(201, {"crts": [self.root.certificate.public_bytes(Encoding.PEM).decode()]})
        body = json.loads(heard.body)
        try:
            claims = self._claims(body["ott"], audience=f"{self.url}{heard.path}")
        except ValueError as error:
            return _error(401, f"The request lacked necessary authorization to be completed: {error}")
        match heard.path:
            case "/1.0/sign":
                return self._sign(body, claims)
            case "/1.0/revoke":
                if claims["sub"] != body["serial"]:
                    return _error(401, "token subject and serial number do not match")
                self.revoked.append((body["serial"], body["reasonCode"], body["passive"]))
                return _json(200, {"status": "ok"})
        return _error(404, "not found")

    def _claims(self, token, *, audience):
        head, payload, signature = token.split(".")
        header, claims = json.loads(_unb64(head)), json.loads(_unb64(payload))
        raw = _unb64(signature)
        if header.get("alg") != "ES256" or header.get("kid") != "provisioner-key" or len(raw) != 64:
            raise ValueError("the key of the token is not known")
        halves = (int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
        try:
            self._key.public_key().verify(
                utils.encode_dss_signature(*halves), f"{head}.{payload}".encode(), ec.ECDSA(SHA256())
            )
        except InvalidSignature:
            raise ValueError("the token's signature is wrong") from None
        now = time.time()
        if claims["iss"] != self.provisioner:
            raise ValueError("issuer")
        if claims["aud"] != audience:
            raise ValueError(f"audience {claims['aud']}")
        if not claims["nbf"] <= now + 60 or not now < claims["exp"] <= claims["iat"] + 300:
            raise ValueError("time")
        if not claims["sub"]:
            raise ValueError("subject")
        if claims["jti"] in self._used:
            raise ValueError("token already used")
        self._used.add(claims["jti"])
        return claims

    def _sign(self, body, claims):
        request = plain_csr(body["csr"].encode())
        (asked,) = request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        if asked.value != claims["sub"]:
            return _error(403, "certificate request does not contain the valid common name")
        seconds = int(body["notAfter"].removesuffix("s"))
        leaf = sign(
            self.issuing,
            request.public_key(),
            subject=name(asked.value, "CSO"),
            days=(-0.001, seconds / 86400),
        )
        chain = [each.public_bytes(Encoding.PEM).decode() for each in (leaf, self.issuing.certificate)]
        found = {"crt": chain[0], "ca": chain[1], "certChain": chain if self.chain else None}
        return _json(201, found)


def _json(status, body):
    return Said(status, "application/json", json.dumps(body).encode())


def _error(status, text):
    return _json(status, {"status": status, "message": text})
