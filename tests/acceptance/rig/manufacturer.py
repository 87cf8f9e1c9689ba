"""Somebody else's CA, kept by the `openssl` command: it issues, revokes, makes CRLs and answers OCSP."""

import asyncio
import re
import subprocess
from contextlib import asynccontextmanager

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

_CONFIGURATION = """
[ca]
default_ca = d
[d]
dir = .
database = index.txt
new_certs_dir = .
serial = serial
crlnumber = crlnumber
certificate = ca.pem
private_key = ca.key
default_md = sha256
default_days = 30
policy = p
unique_subject = no
[p]
organizationName = optional
commonName = supplied
[leaf]
basicConstraints = critical,CA:false
extendedKeyUsage = clientAuth
{pointers}
[responder]
basicConstraints = critical,CA:false
extendedKeyUsage = OCSPSigning
[req]
distinguished_name = dn
[dn]
"""
_KEY = {"ec": ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"), "rsa": ("-newkey", "rsa:2048")}


class Manufacturer:
    def __init__(self, directory, *, key="ec", name="Maker CA", usage="keyCertSign,cRLSign"):
        self.directory, self.key = directory, key
        directory.mkdir(parents=True)
        for file, text in (("index.txt", ""), ("serial", "1001\n"), ("crlnumber", "01\n")):
            (directory / file).write_text(text)
        self.point_to()
        self.openssl(
            *("req", "-x509", *_KEY[key], "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "30"),
            *("-subj", f"/O=Maker/CN={name}", "-config", "ca.cnf"),
            *("-addext", "basicConstraints=critical,CA:true", "-addext", f"keyUsage=critical,{usage}"),
        )
        self.certificate = x509.load_pem_x509_certificate((directory / "ca.pem").read_bytes())

    def openssl(self, *arguments):
        done = subprocess.run(
            ["openssl", *arguments],
            cwd=self.directory,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def point_to(self, *, crl=None, ocsp=None):
        """What certificates from now on say of where to ask."""
        pointers = [f"crlDistributionPoints = URI:{crl}"] if crl else []
        pointers += [f"authorityInfoAccess = OCSP;URI:{ocsp}"] if ocsp else []
        (self.directory / "ca.cnf").write_text(_CONFIGURATION.format(pointers="\n".join(pointers)))

    def issue(self, common_name, *, kind="leaf"):
        """The certificate of a new key; files NAME.key and NAME.pem."""
        name = common_name
        self.openssl(
            *("req", "-new", *_KEY[self.key], "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr"),
            *("-subj", f"/O=Maker/CN={name}", "-config", "ca.cnf"),
        )
        self.openssl(
            *("ca", "-batch", "-config", "ca.cnf", "-notext", "-extensions", kind),
            *("-in", f"{name}.csr", "-out", f"{name}.pem"),
        )
        return x509.load_pem_x509_certificate((self.directory / f"{name}.pem").read_bytes())

    def revoke(self, common_name, reason="keyCompromise"):
        self.openssl("ca", "-config", "ca.cnf", "-revoke", f"{common_name}.pem", "-crl_reason", reason)

    def crl(self, *dates):
        """A new CRL, DER; *dates* as `openssl ca` takes them."""
        dates = dates or ("-crldays", "7")
        self.openssl("ca", "-config", "ca.cnf", "-gencrl", "-out", "crl.pem", *dates)
        found = x509.load_pem_x509_crl((self.directory / "crl.pem").read_bytes())
        return found.public_bytes(Encoding.DER)

    @asynccontextmanager
    async def responder(self, *, signer="ca", until=("-nmin", "5")):
        """`openssl ocsp` on a port of its own; its URL."""
        process = await asyncio.create_subprocess_exec(
            *("openssl", "ocsp", "-port", "0", "-index", "index.txt", "-CA", "ca.pem"),
            *("-rsigner", f"{signer}.pem", "-rkey", f"{signer}.key", *until),
            cwd=self.directory,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            line = (await process.stdout.readline()).decode()
            port = re.search(r":(\d+) ", line)[1]
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()
            await process.wait()


@asynccontextmanager
async def serving(body=b"", *, status="200 OK", silent=False):
    """An HTTP server that says this to everybody, or nothing; its URL, and how often it was asked."""
    asked = []

    async def answer(reader, writer):
        asked.append(await reader.readline())
        if silent:
            await reader.read()
        said = body() if callable(body) else body
        writer.write(
            f"HTTP/1.1 {status}\r\nContent-Length: {len(said)}\r\nConnection: close\r\n\r\n".encode() + said
        )
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        port = server.sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}", asked
    finally:
        server.close()
