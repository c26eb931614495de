# SPDX-License-Identifier: Apache-2.0
"""Thousands of sites with certificates of the installation's own issuers, put where the keeper would have them when it starts again: to
issue them would take longer than all that is looked at."""

import base64
import datetime
import json
import os
import pwd

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lab import DOMAIN
from verify import der_put

LIFE = datetime.timedelta(days=60)
FIRST = 0x4000_0000_0000_0000  # serial numbers, all of one length
SIGNATURE = {"ecdsa": bytes.fromhex("300a06082a8648ce3d040302"), "rsa": bytes.fromhex("300d06092a864886f70d01010b0500")}


def name_of(i):
    """All of one length, too."""
    return f"s{i:05}.{DOMAIN}"


def pem(label, der):
    text = base64.encodebytes(der).replace(b"\n", b"").decode()
    lines = "\n".join(text[i:i + 64] for i in range(0, len(text), 64))
    return f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n"


class Maker:
    """Certificates of one algorithm. One is made with care; the others are that one with another name, number and key, signed anew. With
    `shared` all have one key: one of RSA takes as long to make as 1000 signatures."""

    def __init__(self, data, algorithm, shared):
        passphrase = (data / "ca.passphrase").read_bytes().strip()
        self.algorithm = algorithm
        self.issuer_key = serialization.load_pem_private_key((data / "ca" / f"{algorithm}-1.key").read_bytes(), passphrase)
        self.chain = (data / "ca" / f"{algorithm}-1.crt").read_text()
        self.shared = self.new_key() if shared else None
        self.model = self.made_with_care(x509.load_pem_x509_certificate(self.chain.encode()))

    def new_key(self):
        key = rsa.generate_private_key(65537, 2048) if self.algorithm == "rsa" else ec.generate_private_key(ec.SECP256R1())
        secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        return key, self.public(key), secret.decode()

    @staticmethod
    def public(key):
        return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)

    def made_with_care(self, issuer):
        key, public, _ = self.shared or self.new_key()
        now = datetime.datetime.utcnow()
        usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
        made = (x509.CertificateBuilder().subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name_of(0))]))
                .issuer_name(issuer.subject).public_key(key.public_key()).serial_number(FIRST)
                .not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + LIFE)
                .add_extension(x509.SubjectAlternativeName([x509.DNSName(name_of(0))]), False)
                .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
                .add_extension(usage, True)
                .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(
                    issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value), False)
                .sign(self.issuer_key, hashes.SHA256()))
        return made.tbs_certificate_bytes, public

    def sign(self, data):
        if self.algorithm == "rsa":
            return self.issuer_key.sign(data, padding.PKCS1v15(), hashes.SHA256())
        return self.issuer_key.sign(data, ec.ECDSA(hashes.SHA256()))

    def pair(self, i):
        """Chain and key, PEM."""
        _, public, secret = self.shared or self.new_key()
        data, other = self.model
        data = data.replace(name_of(0).encode(), name_of(i).encode()).replace(other, public)
        data = data.replace(FIRST.to_bytes(8, "big"), (FIRST + i).to_bytes(8, "big"), 1)
        made = der_put(0x30, data + SIGNATURE[self.algorithm] + der_put(3, b"\0" + self.sign(data)))
        return pem("CERTIFICATE", made) + self.chain, secret


class Owner:
    """Makes files and directories that are the keeper's."""

    def __init__(self):
        found = pwd.getpwnam("autarky-keeper") if os.geteuid() == 0 else None
        self.ids = (found.pw_uid, found.pw_gid) if found else None

    def directory(self, path):
        if not os.path.isdir(path):
            os.mkdir(path, 0o700)
            if self.ids:
                os.chown(path, *self.ids)

    def file(self, path, text, mode):
        f = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        os.write(f, text.encode())
        if self.ids:
            os.fchown(f, *self.ids)
        os.close(f)


def fill(data, n, algorithms=("ecdsa", "rsa"), shared=("rsa",)):
    """DATA/sites and DATA/keeper, while the server does not run."""
    owner = Owner()
    top, states = str(data / "sites"), str(data / "keeper")
    owner.directory(top)
    owner.directory(states)
    now = datetime.datetime.utcnow()
    at = {"renew_at": now + datetime.timedelta(days=20), "look_at": now + datetime.timedelta(hours=6)}
    state = json.dumps({"profile": "default"} | {key: f"{t:%Y-%m-%dT%H:%M:%SZ}" for key, t in at.items()})
    for algorithm in algorithms:
        maker = Maker(data, algorithm, algorithm in shared)
        for i in range(n):
            chain, key = maker.pair(i)
            site, kept = f"{top}/{name_of(i)}", f"{states}/{name_of(i)}"
            for path in (site, f"{site}/{algorithm}", kept):
                owner.directory(path)
            owner.file(f"{site}/{algorithm}/fullchain.pem", chain, 0o644)
            owner.file(f"{site}/{algorithm}/privkey.pem", key, 0o600)
            owner.file(f"{kept}/{algorithm}.json", state, 0o600)
