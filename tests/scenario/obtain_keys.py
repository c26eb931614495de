#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Keys of certificates by `autarky obtain`: every kind that there is, several for one name, one that is used again and one that
may not be, and the chain that a fingerprint names."""

import json
import os
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import AUTARKY, DOMAIN, OPENSSL, Lab, expect, run, verify_chain  # noqa: E402

POLICY = f"  - name: all\n    allow: [{DOMAIN}, \"*.{DOMAIN}\"]\n    challenges: [http-01]\n"
NAME = f"keys.{DOMAIN}"


class Keys:
    def __init__(self, lab):
        self.lab = lab

    def obtain(self, out, *options, name=NAME, ok=(0,)):
        return run(AUTARKY, "obtain", "--server", self.lab.directory_url, "--ca-file", self.lab.roots, "--out", out, "--agree-tos",
                   "--name", name, "--http-listen", f"127.0.0.1:{self.lab.http_port}", *options, ok=ok)

    def renew(self, out, *options, ok=(0,)):
        return run(AUTARKY, "renew", out, "--force", *options, ok=ok)


def public(out):
    key = run(OPENSSL, "pkey", "-in", out / "privkey.pem", "-pubout")
    if key != run(OPENSSL, "x509", "-in", out / "cert.pem", "-noout", "-pubkey"):
        sys.exit(f"{out}: the key is not the certificate's")
    return key


def text_of(out):
    return run(OPENSSL, "x509", "-in", out / "cert.pem", "-noout", "-text")


def kinds(keys):
    """Each beside the others, for the same name: a service with several certificates has a directory for each."""
    for kind, algorithm, root in (("rsa2048", "(2048 bit)", "root-rsa.pem"), ("p256", "P-256", "roots.pem"), ("p384", "P-384", "roots.pem"),
                                  ("ed25519", "ED25519", "roots.pem"), ("mldsa44", "ML-DSA-44", "roots-all.pem"),
                                  ("mldsa65", "ML-DSA-65", "roots-all.pem"), ("mldsa87", "ML-DSA-87", "roots-all.pem")):
        out = keys.lab.directory / kind
        keys.obtain(out, "--key", kind)
        expect(text_of(out), algorithm, f"--key {kind}")
        if kind.startswith(("mldsa", "ed")):  # not every other library knows it
            expect(run(OPENSSL, "verify", "-x509_strict", "-verify_hostname", NAME, "-CAfile", keys.lab.roots.parent / root, "-untrusted",
                       out / "chain.pem", out / "cert.pem"), ": OK", "openssl verify")
        else:
            verify_chain(keys.lab.roots.parent / root, out / "cert.pem", out / "chain.pem", out / "fullchain.pem", NAME)
        public(out)
    # All of them are renewed together, and each stays what it is.
    before = {kind: public(keys.lab.directory / kind) for kind in ("rsa2048", "p256", "ed25519", "mldsa65")}
    keys.renew(keys.lab.directory)
    for kind, algorithm in (("rsa2048", "(2048 bit)"), ("p256", "P-256"), ("ed25519", "ED25519"), ("mldsa65", "ML-DSA-65")):
        expect(text_of(keys.lab.directory / kind), algorithm, f"{kind}, renewed")
        if public(keys.lab.directory / kind) == before[kind]:
            sys.exit(f"{kind}: the key was used again")


def again(keys):
    out = keys.lab.directory / "again"
    keys.obtain(out, "--reuse-key")
    first = public(out)
    keys.renew(out)
    if public(out) != first:
        sys.exit("--reuse-key: another key")
    if json.loads((out / ".autarky/state.json").read_text())["plan"].get("reuse_key") != "yes":
        sys.exit("--reuse-key is not remembered")
    expect(run(AUTARKY, "renew", out), "not due", "nothing to do")
    expect(run(AUTARKY, "renew", out, "--new-key"), "renewed", "another key, though it is not due")
    second = public(out)
    if second == first:
        sys.exit("renew --new-key: the same key")
    said = keys.obtain(out, "--reuse-key", "--key", "p384", ok=(2,))
    expect(said, "is EC P-256, and the certificate is to have one of the kind p384", "another kind than that in place")
    if public(out) != second:
        sys.exit("what is refused was done")
    keys.obtain(out)  # from now on each has a new one
    third = public(out)
    keys.renew(out, "--reuse-key")
    if public(out) != third:
        sys.exit("renew --reuse-key: another key")
    keys.renew(out)
    if public(out) == third:
        sys.exit("a new key is the default")


def compromised(keys):
    """The CA knows that the key is not to be used again, and says so; then it is not."""
    out = keys.lab.directory / "compromised"
    keys.obtain(out, "--reuse-key")
    first = public(out)
    serial = re.search(r"serial=(\w+)", run(OPENSSL, "x509", "-in", out / "cert.pem", "-noout", "-serial"))[1]
    keys.lab.autarky("cert", "revoke", serial, "--reason", "keyCompromise")
    said = keys.renew(out)
    expect(said, "the key in place is not used again, and a new one is made", "a key that is compromised")
    expect(said, "was revoked as compromised at", "why")
    second = public(out)
    if second == first:
        sys.exit("a compromised key was used again")
    keys.renew(out)
    if public(out) != second:
        sys.exit("the new key is kept from then on")


def chains(keys):
    """By a fingerprint of the issuer's certificate, however it is written; and one that is nobody's."""
    out = keys.lab.directory / "chain"
    keys.obtain(out)
    issuer = run(OPENSSL, "x509", "-in", out / "chain.pem", "-noout", "-fingerprint", "-sha256").strip().split("=")[1]
    for written in (issuer, issuer.replace(":", "").lower(), f"SHA256:{issuer}"):
        said = keys.obtain(out, "--chain", written)
        if "the server offers no chain" in said:
            sys.exit(f"--chain {written}: {said}")
    wrong = issuer[:-2] + f"{int(issuer[-2:], 16) ^ 1:02X}"
    expect(keys.obtain(out, "--chain", wrong), "the server offers no chain", "a fingerprint that no certificate has")
    public(out)


def main():
    os.environ["AUTARKY_DATA"] = "/nowhere"
    with Lab(policy=POLICY) as lab:
        lab.start()
        keys = Keys(lab)
        kinds(keys)
        again(keys)
        compromised(keys)
        chains(keys)


main()
