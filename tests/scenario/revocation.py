#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=300
"""Revocation as strangers see it: lists and OCSP answers checked by OpenSSL, GnuTLS and curl, from the first revocation to a
server that is killed in between, whose numbers of lists never come back with other content.

AUTARKY_SEED repeats a run's choices."""

import base64
import datetime
import hashlib
import json
import os
import pathlib
import random
import re
import signal
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from acme import Client, Http01  # noqa: E402
from lab import DOMAIN, OPENSSL, Lab, expect, run, wait_for  # noqa: E402

PLAIN = f"http://ca.{DOMAIN}"
SHARDS = 16
CONFIG = f"urls: {{plain: \"{PLAIN}\"}}\nrevocation: {{crl: {{within: 1s, delta: DELTA}}}}\n"
KILLS = 6


def configure(lab, delta="off"):
    lab.configure(CONFIG.replace("DELTA", delta))


def fetch(url, data=None, headers=None):
    request = urllib.request.Request(url, data=data, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, dict((k.lower(), v) for k, v in answer.headers.items()), answer.read()
    except urllib.error.HTTPError as e:
        return e.code, dict((k.lower(), v) for k, v in e.headers.items()), e.read()


def serial_of(certificate):
    return run(OPENSSL, "x509", "-in", certificate, "-noout", "-serial").strip().split("=")[1]


def issuer_of(lab, chain):
    """The issuer's reference, by its certificate."""
    text = run(OPENSSL, "x509", "-in", chain, "-noout", "-subject", "-nameopt", "RFC2253")
    for ref in ("rsa-1", "ecdsa-1", "sm2-1", "mldsa-1"):
        status, _, der = fetch(f"{lab.plain}/issuer/{ref}.cer")
        if status == 200:
            path = lab.directory / f"{ref}.cer"
            path.write_bytes(der)
            if run("openssl", "x509", "-inform", "DER", "-in", path, "-noout", "-subject", "-nameopt", "RFC2253",
                   ok=(0, 1)) == text:
                return ref
    sys.exit(f"no issuer is called {text}")


class Leaf:
    """A certificate from the CA, in files."""

    def __init__(self, lab, client, name):
        self.issued = client.obtain([name])
        self.path = lab.directory / f"{name}.pem"
        self.chain = lab.directory / f"{name}.chain.pem"
        blocks = re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", self.issued.pem.decode(), re.S)
        self.path.write_text(blocks[0])
        self.chain.write_text(blocks[1])
        self.serial = serial_of(self.path)
        self.shard = int(self.serial[-4:], 16) % SHARDS
        self.ref = issuer_of(lab, self.chain)


def crl_text(lab, ref, shard, delta=False):
    """The list, after OpenSSL has checked it with the issuer's certificate."""
    status, headers, der = fetch(f"{lab.plain}/crl/{ref}/{shard}{'-delta' if delta else ''}.crl")
    if status != 200:
        sys.exit(f"list {ref} {shard}: {status} {der}")
    if headers["content-type"] != "application/pkix-crl" or "etag" not in headers or "last-modified" not in headers:
        sys.exit(f"headers of a list: {headers}")
    path, issuer = lab.directory / "list.crl", lab.directory / f"{ref}.pem"
    path.write_bytes(der)
    run(OPENSSL, "x509", "-inform", "DER", "-in", lab.directory / f"{ref}.cer", "-out", issuer)
    text = run(OPENSSL, "crl", "-inform", "DER", "-in", path, "-CAfile", issuer, "-noout", "-text", "-verify")
    expect(text, "verify OK", "openssl crl")
    gnutls = run("certtool", "--verify-crl", "--inder", "--load-ca-certificate", lab.directory / f"{ref}.cer", "--infile",
                 path)
    expect(gnutls, "The certificate is trusted", "certtool")
    return text


def number_of(text):
    return int(re.search(r"X509v3 CRL Number: \n\s+(\S+)", text)[1], 0)


def on_list(lab, leaf):
    return leaf.serial in crl_text(lab, leaf.ref, leaf.shard).replace(":", "")


def ocsp(lab, leaf, *options):
    """What OpenSSL makes of the answer."""
    return run(OPENSSL, "ocsp", "-issuer", leaf.chain, *options, "-cert", leaf.path, "-url", f"{lab.plain}/ocsp/{leaf.ref}",
               "-CAfile", lab.roots, "-partial_chain", "-trust_other", "-verify_other", leaf.chain, ok=(0, 1))


def expect_status(lab, leaf, wanted):
    for options in (("-no_nonce",), (), ("-no_nonce", "-sha256"), ("-sha256",)):
        out = ocsp(lab, leaf, *options)
        expect(out, "Response verify OK", f"openssl ocsp {options}")
        expect(out, f"{leaf.path}: {wanted}", f"openssl ocsp {options}")
        if "WARNING: no nonce" in out:
            sys.exit(f"a nonce was not answered:\n{out}")
    out = run("ocsptool", f"--ask={lab.plain}/ocsp/{leaf.ref}", "--load-cert", leaf.path, "--load-issuer", leaf.chain,
              ok=(0, 1))
    expect(out, f"Certificate Status: {wanted}", "ocsptool")
    expect(out, "Verifying OCSP Response: Success", "ocsptool")


def request_of(lab, leaf, *options):
    path = lab.directory / "request.der"
    run(OPENSSL, "ocsp", "-issuer", leaf.chain, *options, "-cert", leaf.path, "-no_nonce", "-reqout", path)
    return path.read_bytes()


def by_get(lab, leaf):
    text = urllib.parse.quote(base64.b64encode(request_of(lab, leaf)).decode(), safe="")
    return f"{lab.plain}/ocsp/{leaf.ref}/{text}"


def caching(lab, leaf):
    """RFC 5019 section 6, and that front alone answers what was asked before."""
    url = by_get(lab, leaf)
    status, first, body = fetch(url)
    if status != 200 or first["content-type"] != "application/ocsp-response":
        sys.exit(f"GET: {status} {first}")
    for name in ("etag", "last-modified", "expires", "cache-control"):
        if name not in first:
            sys.exit(f"GET: no {name}: {first}")
    if not re.fullmatch(r"max-age=\d+, public, no-transform, must-revalidate", first["cache-control"]):
        sys.exit(f"GET: {first['cache-control']}")
    status, second, again = fetch(url)
    if again != body or "age" not in second:
        sys.exit(f"the second answer did not come from front: {second}")
    for headers in ({"If-None-Match": first["etag"]}, {"If-Modified-Since": first["last-modified"]}):
        status, _, nothing = fetch(url, headers=headers)
        if status != 304 or nothing:
            sys.exit(f"{headers}: {status}")
    status, _, posted = fetch(f"{lab.plain}/ocsp/{leaf.ref}", request_of(lab, leaf),
                              {"Content-Type": "application/ocsp-request"})
    if status != 200 or posted != body:
        sys.exit("POST and GET are answered differently")
    curl = run("curl", "-sS", "-D", "-", "-o", "/dev/null", f"{lab.plain}/crl/{leaf.ref}/{leaf.shard}.crl")
    expect(curl, "application/pkix-crl", "curl")


def refusals(lab, leaf):
    """Unsigned answers: malformed (1) and unauthorized (6)."""
    url = f"{lab.plain}/ocsp/{leaf.ref}"
    for data, wanted in ((b"\x30\x00", 1), (b"", 1), (request_of(lab, leaf)[:-1], 1)):
        status, headers, body = fetch(url, data)
        if status != 200 or body != bytes((0x30, 3, 0x0a, 1, wanted)) or headers["cache-control"] != "no-store":
            sys.exit(f"{data}: {status} {body} {headers}")
    other = "ecdsa-1" if leaf.ref == "rsa-1" else "rsa-1"
    _, _, body = fetch(f"{lab.plain}/ocsp/{other}", request_of(lab, leaf))
    if body != bytes((0x30, 3, 0x0a, 1, 6)):
        sys.exit(f"another issuer's certificate: {body}")
    out = run(OPENSSL, "ocsp", "-issuer", leaf.chain, "-serial", "0x1234", "-url", url, "-CAfile", lab.roots, "-partial_chain",
              "-verify_other", leaf.chain, "-trust_other", ok=(0, 1))
    expect(out, "0x1234: unknown", "a serial that was never given out")
    for path in ("/crl/rsa-1/16.crl", "/crl/rsa-1/x.crl", "/crl/none/0.crl", "/crl/rsa-1/00.crl", "/crl/"):
        status, _, _ = fetch(lab.plain + path)
        if status != 404:
            sys.exit(f"{path}: {status}")


def first_day(lab, client):
    a, b = Leaf(lab, client, f"a.{DOMAIN}"), Leaf(lab, client, f"b.{DOMAIN}")
    wait_for("lists of all shards", lambda: fetch(f"{lab.plain}/crl/{a.ref}/{SHARDS - 1}.crl")[0] == 200)
    text = crl_text(lab, a.ref, a.shard)
    expect(text, f"{PLAIN}/crl/{a.ref}/{a.shard}.crl", "the list's scope")
    expect(text, "Only User Certificates", "the list's scope")
    before = number_of(text)
    expect_status(lab, a, "good")
    caching(lab, a)
    refusals(lab, a)
    client.revoke(a.issued, 4)
    expect_status(lab, a, "revoked")
    expect_status(lab, b, "good")
    out = ocsp(lab, a, "-no_nonce")
    expect(out, "Reason: superseded", "openssl ocsp")
    wait_for("the revocation on its list", lambda: on_list(lab, a), 20)
    text = crl_text(lab, a.ref, a.shard)
    expect(text, "Superseded", "the reason on the list")
    if number_of(text) <= before:
        sys.exit(f"list {number_of(text)} came after {before}")
    return a, b


def numbers(lab):
    """What operators see."""
    status = json.loads(lab.autarky("status", "--json"))
    if status["revocation"]["overdue"] or status["revocation"]["lists"] < SHARDS:
        sys.exit(f"status: {status['revocation']}")
    checks = json.loads(lab.autarky("doctor", "--json", ok=(0, 2)))["checks"]
    check = next(c for c in checks if c["name"] == "revocation")
    if check["state"] != "ok":
        sys.exit(f"doctor: {check}")


class Watcher:
    """Reads all lists of an issuer again and again: a number never has two contents, and never goes back."""

    def __init__(self, lab, refs):
        self.lab, self.refs = lab, refs
        self.seen, self.last, self.faults, self.reads = {}, {}, [], 0
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _look(self, ref, shard):
        try:
            status, headers, der = fetch(f"{self.lab.plain}/crl/{ref}/{shard}.crl")
        except (OSError, ValueError):
            return
        if status != 200:
            return
        self.reads += 1
        number = int(headers["etag"].strip('"'))
        digest = hashlib.sha256(der).hexdigest()
        if self.seen.setdefault((ref, shard, number), digest) != digest:
            self.faults.append(f"{ref} {shard}: number {number} has two contents")
        if number < self.last.get((ref, shard), 0):
            self.faults.append(f"{ref} {shard}: {number} after {self.last[ref, shard]}")
        self.last[ref, shard] = number

    def _run(self):
        while not self.stopping.is_set():
            for ref in self.refs:
                for shard in range(SHARDS):
                    self._look(ref, shard)

    def stop(self):
        self.stopping.set()
        self.thread.join()
        if self.faults:
            sys.exit("\n".join(self.faults))
        return self.reads


def kill(lab, role):
    out = run(os.environ["AUTARKY"], "status", "--json", "--data", lab.data, ok=(0, 2, 75))
    try:
        pid = next(p["pid"] for p in json.loads(out)["processes"] if p["role"] == role and p["pid"])
        os.kill(pid, signal.SIGKILL)
    except (ValueError, StopIteration, ProcessLookupError):
        return False
    return True


def crash(lab, client, dice):
    """Core and signer die while certificates are revoked: what was acknowledged is revoked, on its list and in OCSP."""
    leaves = [Leaf(lab, client, f"k{i}.{DOMAIN}") for i in range(3 * KILLS)]
    watcher = Watcher(lab, sorted({leaf.ref for leaf in leaves}))
    for i, leaf in enumerate(leaves):
        client.revoke(leaf.issued, 5)
        if i % 3 == dice.randrange(3):
            time.sleep(dice.uniform(0, 1.5))
            role = dice.choice(("core", "signer"))
            wait_for(f"a {role} to kill", lambda role=role: kill(lab, role), 30)
    for leaf in leaves:
        wait_for("a revocation on its list", lambda leaf=leaf: on_list(lab, leaf), 60)
        wait_for("its OCSP answer", lambda leaf=leaf: f"{leaf.path}: revoked" in ocsp(lab, leaf, "-no_nonce"), 30)
    return len(leaves), watcher.stop()


def deltas(lab, client):
    """Between two complete lists, revocations are on a delta, which OpenSSL uses."""
    leaf = Leaf(lab, client, f"d.{DOMAIN}")
    configure(lab, "on")
    lab.autarky("reload")
    wait_for("a delta", lambda: fetch(f"{lab.plain}/crl/{leaf.ref}/{leaf.shard}-delta.crl")[0] == 200)
    wait_for("a list that names its delta", lambda: f"{leaf.shard}-delta.crl" in crl_text(lab, leaf.ref, leaf.shard))
    full = crl_text(lab, leaf.ref, leaf.shard)
    client.revoke(leaf.issued, 0)
    wait_for("the revocation on the delta",
             lambda: leaf.serial in crl_text(lab, leaf.ref, leaf.shard, delta=True).replace(":", ""), 20)
    text = crl_text(lab, leaf.ref, leaf.shard, delta=True)
    expect(text, "X509v3 Delta CRL Indicator: critical", "the delta")
    base = int(re.search(r"X509v3 Delta CRL Indicator: critical\n\s+(\S+)", text)[1], 0)
    if not base <= number_of(full) < number_of(text):
        sys.exit(f"base {base}, complete {number_of(full)}, delta {number_of(text)}")
    if leaf.serial in crl_text(lab, leaf.ref, leaf.shard).replace(":", ""):
        sys.exit("the complete list was made again")


def main():
    seed = int(os.environ.get("AUTARKY_SEED", random.randrange(1 << 31)))
    print(f"AUTARKY_SEED={seed}", flush=True)
    dice = random.Random(seed)
    begin = datetime.datetime.now()
    with Lab() as lab:
        configure(lab)
        lab.start()
        responder = Http01(lab.http_port)
        client = Client(lab.directory_url, lab.roots, responder)
        client.register()
        first_day(lab, client)
        numbers(lab)
        killed, reads = crash(lab, client, dice)
        deltas(lab, client)
        client.close()
        responder.close()
    print(f"{(datetime.datetime.now() - begin).seconds} s; {killed} revoked between kills, {reads} lists read meanwhile")


main()
