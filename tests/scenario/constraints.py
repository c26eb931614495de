#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A stolen issuer of the intranet: what its thief signs for names and addresses outside of its name constraints is
refused by OpenSSL, GnuTLS, NSS and Chromium, critical or not; what is inside is taken. The same thief with an issuer
without constraints succeeds everywhere, so the constraints are what stops him."""

import datetime
import ipaddress
import pathlib
import shutil
import sys
import tempfile

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from chromium import Chromium  # noqa: E402
from lab import DOMAIN, Lab, OPENSSL, Process, free_port, run, wait_for  # noqa: E402

# The same port is asked for whichever name is in the URL, so that only the certificate differs.
INSIDE = [f"pacs.{DOMAIN}", DOMAIN, f"*.lab.{DOMAIN}", "nas.lan", "localhost", "10.1.2.3", "127.0.0.1", "::1", "fd00::7"]
OUTSIDE = ["www.example.com", f"evil{DOMAIN}", f"{DOMAIN}.example.com", "printer", "*.com", "8.8.8.8", "11.0.0.1",
           "2606:4700::1111"]


class Thief:
    """Has an issuer's key, and signs what he likes."""

    def __init__(self, lab, ref):
        self.ref = ref
        self.directory = pathlib.Path(tempfile.mkdtemp(dir=lab.directory, prefix=ref))
        self.roots = lab.roots
        self.chain = lab.data / "ca" / f"{ref}.crt"
        clear = run(OPENSSL, "pkey", "-in", lab.data / "ca" / f"{ref}.key", "-passin", f"file:{lab.data}/ca.passphrase")
        self.key = serialization.load_pem_private_key(clear.encode(), None)
        self.issuer = x509.load_pem_x509_certificate(self.chain.read_bytes())
        self.leaf_key = ec.generate_private_key(ec.SECP256R1())
        (self.directory / "leaf.key").write_bytes(self.leaf_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        self.n = 0

    def sign(self, name):
        """A leaf for one name or address; its file."""
        now = datetime.datetime.utcnow()
        try:
            san = x509.IPAddress(ipaddress.ip_address(name))
        except ValueError:
            san = x509.DNSName(name)
        issuer_id = self.issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        cert = (x509.CertificateBuilder()
                .subject_name(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Thief")]))
                .issuer_name(self.issuer.subject).public_key(self.leaf_key.public_key())
                .serial_number(x509.random_serial_number())
                .not_valid_before(now - datetime.timedelta(minutes=5))
                .not_valid_after(now + datetime.timedelta(days=30))
                .add_extension(x509.SubjectAlternativeName([san]), critical=False)
                .add_extension(x509.KeyUsage(True, False, False, False, False, False, False, False, False), critical=True)
                .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
                .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer_id), critical=False)
                .sign(self.key, hashes.SHA256()))
        self.n += 1
        path = self.directory / f"{self.n}.crt"
        path.write_bytes(cert.public_bytes(serialization.Encoding.PEM))
        (self.directory / f"{self.n}.full").write_bytes(path.read_bytes() + self.chain.read_bytes())
        return path


# ---- the clients: each says whether it takes the certificate


def openssl_takes(program):
    def takes(thief, leaf):
        out = run(program, "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", thief.roots, "-untrusted",
                  thief.chain, leaf, ok=(0, 2))
        return f"{leaf}: OK" in out
    return takes


def gnutls_takes(thief, leaf):
    out = run("certtool", "--verify", "--verify-purpose", "1.3.6.1.5.5.7.3.1", "--load-ca-certificate", thief.roots,
              "--infile", leaf.with_suffix(".full"), ok=(0, 1))
    return "Chain verification output: Verified. The certificate is trusted." in out


def nss_takes(thief, leaf):
    with tempfile.TemporaryDirectory(dir=thief.directory) as db:
        run("certutil", "-N", "-d", f"sql:{db}", "--empty-password")
        for name, trust, file in (("root", "C,,", thief.roots), ("issuer", ",,", thief.chain), ("leaf", ",,", leaf)):
            run("certutil", "-A", "-d", f"sql:{db}", "-n", name, "-t", trust, "-a", "-i", file)
        out = run("certutil", "-V", "-d", f"sql:{db}", "-n", "leaf", "-u", "V", "-e", ok=(0, 255))
        return "certutil: certificate is valid" in out


def judge(thief, constrained):
    clients = {"the distribution's OpenSSL": openssl_takes("/usr/bin/openssl"), "our OpenSSL": openssl_takes(OPENSSL),
               "GnuTLS": gnutls_takes, "NSS": nss_takes}
    for name in INSIDE + OUTSIDE:
        leaf = thief.sign(name)
        wanted = name in INSIDE or not constrained
        for client, takes in clients.items():
            if takes(thief, leaf) != wanted:
                sys.exit(f"{thief.ref}: {client} {'refuses' if wanted else 'takes'} a certificate for {name}")


class Browser:
    """Chromium with a profile of its own that trusts the root, for which every name is this machine."""

    def __init__(self, lab):
        self.chromium = Chromium(lab.directory, lab.roots, "MAP * 127.0.0.1")

    def takes(self, thief, name):
        """Whether it shows the page of a server with a certificate for that name; if not, it says that the certificate is bad."""
        leaf, port = thief.sign(name), free_port()
        server = Process(f"s_server{port}", thief.directory, OPENSSL, "s_server", "-accept", f"127.0.0.1:{port}", "-www",
                         "-key", thief.directory / "leaf.key", "-cert", leaf, "-cert_chain", thief.chain)
        wait_for("s_server", lambda: "ACCEPT" in server.log.read_text(errors="replace"))
        page = self.chromium.open()
        why = page.tries(f"https://{name}:{port}/")
        shown = "" if why else page.text
        page.leave()
        server.stop()
        if why not in (None, "net::ERR_CERT_INVALID"):
            sys.exit(f"{thief.ref}: {name}: {why}")
        return "Ciphers supported" in shown

    def judge(self, thief, constrained):
        for name, inside in ((f"pacs.{DOMAIN}", True), ("127.0.0.1", True), ("www.example.com", False)):
            if self.takes(thief, name) != (inside or not constrained):
                sys.exit(f"{thief.ref}: Chromium does not do with {name} what it should")

    def close(self):
        self.chromium.close()


def rotated(lab, constraints):
    """The issuer that is made after the configuration says so."""
    lab.configure(f"ca: {{constraints: {constraints}}}\n")
    lab.autarky("reload")
    lab.autarky("issuer", "rotate", "ecdsa-1" if constraints == "noncritical" else "ecdsa-2", "--now")


def main():
    with Lab() as lab:
        lab.start()
        browser = Browser(lab) if shutil.which("chromium") else None
        rotated(lab, "noncritical")
        rotated(lab, "none")
        for ref, constrained in (("ecdsa-1", True), ("rsa-1", True), ("ecdsa-2", True), ("ecdsa-3", False)):
            thief = Thief(lab, ref)
            judge(thief, constrained)
            if browser:
                browser.judge(thief, constrained)
        if browser:
            browser.close()


main()
