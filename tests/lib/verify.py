# SPDX-License-Identifier: Apache-2.0
"""Everything in the register as others see it. Each certificate that a scenario had issued, its issuers and roots are verified by
all that know the algorithms: OpenSSL all of them, strictly; GnuTLS and NSS chains of RSA and ECDSA; by what they print. Each
is read and written again, byte for byte, by our reader and writer, by python3-cryptography and by the few lines here."""

import concurrent.futures
import contextlib
import os
import pathlib
import random
import shutil
import sqlite3
import subprocess
import tempfile
import time

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

OPENSSL = os.environ.get("AUTARKY_OPENSSL", "openssl")
TOOL = pathlib.Path(os.environ["AUTARKY"]).parent / "tests" / "cert_tool"
SM2_SM3 = "1.2.156.10197.1.501"
SM2_ID = "distid:1234567812345678"
COMMON = {"1.2.840.113549.1.1.11", "1.2.840.113549.1.1.12", "1.2.840.113549.1.1.13",  # RSA
          "1.2.840.10045.4.3.2", "1.2.840.10045.4.3.3", "1.2.840.10045.4.3.4"}  # ECDSA
COMMON_KEYS = {"1.2.840.113549.1.1.1", "1.2.840.10045.3.1.7", "1.3.132.0.34"}
SERVER_AUTH = b"\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01"
SLOW_MOST = 250  # of a register, those that GnuTLS and NSS see, chosen by chance; each takes a process of its own
BATCH = 200


def der_value(data, at=0):
    """Tag, content and the end of the value that starts there."""
    tag, first, at = data[at], data[at + 1], at + 2
    if first >= 0x80:
        size = first & 0x7F
        first = int.from_bytes(data[at:at + size], "big")
        at += size
    return tag, data[at:at + first], at + first


def der_put(tag, content):
    n = len(content)
    if n < 0x80:
        return bytes([tag, n]) + content
    size = n.to_bytes((n.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(size)]) + size + content


def der_again(data):
    """Written anew: constructed values from their parts, lengths in the shortest form."""
    out, at = b"", 0
    while at < len(data):
        tag, content, at = der_value(data, at)
        out += der_put(tag, der_again(content) if tag & 0x20 else content)
    return out


def oid_text(content):
    arcs, arc = [], 0
    for byte in content:
        arc = arc << 7 | byte & 0x7F
        if not byte & 0x80:
            arcs.append(arc)
            arc = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, [first, arcs[0] - 40 * first] + arcs[1:]))


class Certificate:
    def __init__(self, der):
        self.der = der
        parts = self.parts(der_value(self.parts(der_value(der)[1])[0])[1])
        fields = parts[1:] if parts[0][0] == 0xA0 else parts
        self.serial = der_value(fields[0])[1].hex()
        self.signature = oid_text(der_value(der_value(fields[1])[1])[1])
        self.issuer, self.subject = fields[2], fields[4]
        self.not_before, self.not_after = (self._time(v) for v in self.parts(der_value(fields[3])[1])[:2])
        algorithm = self.parts(der_value(self.parts(der_value(fields[5])[1])[0])[1])
        self.key = oid_text(der_value(algorithm[0])[1])
        if self.key == "1.2.840.10045.2.1":  # id-ecPublicKey: the curve says it
            self.key = oid_text(der_value(algorithm[1])[1])

    @staticmethod
    def parts(content):
        parts, at = [], 0
        while at < len(content):
            end = der_value(content, at)[2]
            parts.append(content[at:end])
            at = end
        return parts

    @staticmethod
    def _time(value):
        tag, text, _ = der_value(value)
        text = text.decode()
        return int(time.mktime(time.strptime(text if tag == 0x18 else ("20" if text < "5" else "19") + text, "%Y%m%d%H%M%SZ"))
                   - time.timezone)

    @property
    def serves(self):
        return SERVER_AUTH in self.der

    @property
    def is_common(self):
        return self.signature in COMMON and self.key in COMMON_KEYS


def ask(*args):
    done = subprocess.run([str(a) for a in args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False, timeout=180, env={**os.environ, "OPENSSL_CONF": "/dev/null"})
    return done.returncode, done.stdout


def insist(good, what, said):
    if not good:
        raise SystemExit(f"{what}:\n{said}")


def pem(der):
    return x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM)


class Register:
    """What is in a database, and files of it."""

    def __init__(self, database, directory):
        self.directory = pathlib.Path(directory)
        with contextlib.closing(sqlite3.connect(database)) as db:
            self.leaves = [Certificate(r[0]) for r in db.execute("SELECT der FROM certificates")]
            self.authorities = [Certificate(r[0]) for r in db.execute("SELECT certificate FROM issuers")]
            if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'cross_certificates'").fetchone():
                self.authorities += [Certificate(r[0]) for r in db.execute("SELECT certificate FROM cross_certificates")]
        self.files = {}
        self.signers = {}
        for c in self.authorities:
            self.signers.setdefault(c.subject, []).append(c)

    def file(self, c, form="pem"):
        if (c.der, form) not in self.files:
            path = self.directory / f"{len(self.files)}.{form}"
            path.write_bytes(pem(c.der) if form == "pem" else c.der)
            self.files[c.der, form] = path
        return self.files[c.der, form]

    def chain(self, c):
        """Itself first, the root last."""
        chain = [c]
        while chain[-1].issuer != chain[-1].subject:
            above = [s for s in self.signers.get(chain[-1].issuer, ()) if s.not_before <= c.not_before <= s.not_after]
            insist(above, "no issuer in the register", chain[-1].serial)
            chain.append(next((s for s in above if s.issuer == s.subject), above[0]))
        return chain

    # ---- written again

    def written_again(self):
        everything = self.leaves + self.authorities
        for c in everything:
            insist(der_again(c.der) == c.der, "DER written again", c.serial)
            insist(x509.load_der_x509_certificate(c.der).public_bytes(Encoding.DER) == c.der, "python3-cryptography", c.serial)
        for at in range(0, len(everything), BATCH):
            some = everything[at:at + BATCH]
            status, said = ask(TOOL, *(self.file(c, "der") for c in some))
            insist(status == 0 and f"{len(some)} the same" in said, "our own reader and writer", said)

    # ---- verified

    def _openssl(self, some, chain):
        options = ["verify", "-x509_strict", "-check_ss_sig", "-attime", max(c.not_before for c in some) + 1]
        if some[0].serves and some[0].subject not in self.signers:
            options += ["-purpose", "sslserver"]
        options += ["-CAfile", self.file(chain[-1])]
        for c in chain[1:-1]:
            options += ["-untrusted", self.file(c)]
        status, said = ask(OPENSSL, *options, *(self.file(c) for c in some))
        insist(status == 0 and said.count(": OK\n") == len(some), "openssl verify", said)

    def _openssl_link(self, c, issuer):
        """SM2's identifier counts for one certificate only, so each is held against its issuer alone."""
        identifier = ["-vfyopt", SM2_ID] if c.signature == SM2_SM3 else []
        status, said = ask(OPENSSL, "verify", "-x509_strict", "-partial_chain", "-attime", c.not_before + 1, *identifier, "-trusted",
                           self.file(issuer), self.file(c))
        insist(status == 0 and f"{self.file(c)}: OK" in said, "openssl verify", said)

    def _openssl_sm2_root(self, c):
        """`verify` never looks at its signature with the identifier."""
        tbs, _, signature = Certificate.parts(der_value(c.der)[1])
        files = [self.directory / f"{self.file(c).stem}.{part}" for part in ("tbs", "signature", "key")]
        files[0].write_bytes(tbs)
        files[1].write_bytes(der_value(signature)[1][1:])
        ask(OPENSSL, "x509", "-in", self.file(c), "-noout", "-pubkey", "-out", files[2])
        status, said = ask(OPENSSL, "pkeyutl", "-verify", "-pubin", "-inkey", files[2], "-rawin", "-digest", "sm3", "-pkeyopt", SM2_ID,
                           "-in", files[0], "-sigfile", files[1])
        insist(status == 0 and "Signature Verified Successfully" in said, "openssl pkeyutl", said)

    def openssl(self):
        groups = {}
        for c in sorted(self.leaves + self.authorities, key=lambda c: c.not_before):
            chain = self.chain(c)
            if any(s.signature == SM2_SM3 for s in chain):
                if len(chain) > 1:
                    self._openssl_link(c, chain[1])
                else:
                    self._openssl_sm2_root(c)
                continue
            lists = groups.setdefault((c.serves, *(s.der for s in chain[1:] or chain)), [])
            # One moment for all of a list: they must have lived at the same time.
            if not lists or len(lists[-1][0]) == BATCH or min(m.not_after for m in lists[-1][0]) <= c.not_before + 1:
                lists.append(([], chain))
            lists[-1][0].append(c)
        for some, chain in (one for lists in groups.values() for one in lists):
            self._openssl(some, chain)

    def _gnutls(self, c, chain):
        """Below 3.8 it knows no time but now."""
        if not c.not_before <= time.time() < c.not_after:
            return
        bundle = self.directory / f"{self.file(c).stem}.chain"
        bundle.write_bytes(b"".join(pem(s.der) for s in chain))
        status, said = ask("certtool", "--verify", "--load-ca-certificate", self.file(chain[-1]), "--infile", bundle)
        insist(status == 0 and "Chain verification output: Verified. The certificate is trusted." in said, "GnuTLS", said)

    def _nss(self, c, chain):
        moment = time.strftime("%y%m%d%H%MZ", time.gmtime(c.not_before + 60))
        options = []
        for s in chain[1:-1]:
            options += ["-a", self.file(s)]
        status, said = ask("vfychain", "-pp", "-b", moment, "-u", 1, "-a", self.file(c), *options, "-t", "-a", self.file(chain[-1]))
        insist(status == 0 and "Chain is good!" in said, "NSS", said)

    def others(self):
        def both(c):
            chain = self.chain(c)
            self._gnutls(c, chain)
            if c.serves:
                self._nss(c, chain)

        common = [c for c in self.leaves if all(s.is_common for s in self.chain(c))]
        some = random.sample(common, SLOW_MOST) if len(common) > SLOW_MOST else common
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            list(pool.map(both, some))
        return len(some)


def register(data):
    """All of the database in DATA, whose server has ended."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as directory:
        copy = pathlib.Path(directory) / "copy.db"
        for ending in ("", "-wal", "-shm"):
            source = pathlib.Path(data) / "db" / f"store.db{ending}"
            if source.exists():
                shutil.copy(source, f"{copy}{ending}")
        found = Register(copy, directory)
        found.written_again()
        found.openssl()
        slow = found.others()
        print(f"register: {len(found.leaves)} certificates and {len(found.authorities)} authorities verified, {slow} by GnuTLS and NSS")
