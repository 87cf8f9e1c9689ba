"""An EST server, written from RFC 7030 for these tests; `openssl` is the CA and makes the PKCS #7."""

import base64
import subprocess

from foreign_ca import ca, key_pem, pem
from web_ca import Said, WebCa, plain_csr

_EXTENSIONS = "\n".join(
    (
        "basicConstraints=critical,CA:false",
        "keyUsage=critical,digitalSignature",
        "extendedKeyUsage=clientAuth",
        "subjectKeyIdentifier=hash",
        "authorityKeyIdentifier=keyid",
        "",
    )
)


class EstServer(WebCa):
    """*users* maps names to passwords; None where only the TLS client certificate counts."""

    label = ""

    def __init__(self, directory, *, openssl, users=None, client_anchors=None):
        super().__init__(directory, client_anchors=client_anchors)
        self._openssl = openssl
        self._users = users
        self.root = ca("EST Root")
        self.issuing = ca("EST Station CA", self.root, path_length=0)
        self.days = 60
        self.later = 0
        """So often the answer is 202 first."""
        self.retry_after = "0"
        for file, content in {
            "issuing.pem": pem(self.issuing.certificate),
            "issuing.key": key_pem(self.issuing.key),
            "root.pem": pem(self.root.certificate),
            "ext": _EXTENSIONS.encode(),
        }.items():
            (self.directory / file).write_bytes(content)
        (self.directory / "trust.pem").write_bytes(pem(self.issuing.certificate, self.root.certificate))

    @property
    def trust_file(self):
        return self.directory / "trust.pem"

    def openssl(self, *arguments, stdin=b""):
        done = subprocess.run(
            [self._openssl, *arguments], input=stdin, capture_output=True, check=True, cwd=self.directory
        )
        return done.stdout

    def say(self, heard):
        prefix = "/.well-known/est" + (f"/{self.label}" if self.label else "")
        if not heard.path.startswith(prefix + "/"):
            return Said(404, "text/plain", b"no such label")
        operation = heard.path.removeprefix(prefix + "/")
        if operation == "cacerts" and heard.method == "GET":
            return self._bag("root.pem", "issuing.pem")  # 4.1.3: in any order
        if operation not in ("simpleenroll", "simplereenroll") or heard.method != "POST":
            return Said(404, "text/plain", b"no such operation")
        if self._users is not None and not self._knows(heard):
            return Said(401, "text/plain", b"who are you?", {"WWW-Authenticate": 'Basic realm="estrealm"'})
        if heard.headers.get("content-type") != "application/pkcs10":
            return Said(415, "text/plain", b"application/pkcs10 is wanted")
        assert all(len(line) <= 76 for line in heard.body.split(b"\r\n"))  # RFC 2045 6.8
        der = base64.b64decode(b"".join(heard.body.split()), validate=True)
        plain_csr(der)
        if self.later:
            self.later -= 1
            return Said(202, "text/plain", b"a person has to look", {"Retry-After": self.retry_after})
        leaf = self.openssl(
            "x509", "-req", "-inform", "DER", "-CA", "issuing.pem", "-CAkey", "issuing.key",
            "-CAcreateserial", "-days", str(self.days), "-sha256", "-extfile", "ext",
            stdin=der,
        )  # fmt: skip
        (self.directory / "leaf.pem").write_bytes(leaf)
        return self._bag(
            "root.pem", "leaf.pem", "issuing.pem"
        )  # the root, and the leaf not first: as some do

    def _knows(self, heard):
        kind, _, value = heard.headers.get("authorization", "").partition(" ")
        user, _, password = base64.b64decode(value).decode().partition(":")
        return kind == "Basic" and self._users.get(user) == password

    def _bag(self, *files):
        named = [word for file in files for word in ("-certfile", file)]
        der = self.openssl("crl2pkcs7", "-nocrl", "-outform", "DER", *named)
        return Said(
            200,
            "application/pkcs7-mime; smime-type=certs-only",
            base64.encodebytes(der),
            {"Content-Transfer-Encoding": "base64"},
        )
