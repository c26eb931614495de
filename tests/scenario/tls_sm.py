#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=240 openssl=4
"""A site with TLS 1.3 of SM algorithms (RFC 8998), by a program with OpenSSL 4 and its s_client: who can all of it gets it, who lacks
a part gets what others get or is refused, a second ClientHello changes nothing, and sessions stay what and where they are."""

import json
import os
import pathlib
import re
import socket
import struct
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import AUTARKY, DOMAIN, OPENSSL, expect, run, wait_for  # noqa: E402
from sites import Backend, SiteLab  # noqa: E402

SM = "localhost"  # which has an address on every machine
OTHER, TLCP, RSA = (f"{name}.{DOMAIN}" for name in ("other", "tlcp", "rsa"))
FULL = ("-ciphersuites", "TLS_SM4_GCM_SM3", "-sigalgs", "sm2sig_sm3")
MIXED = ("-ciphersuites", "TLS_AES_128_GCM_SHA256:TLS_SM4_GCM_SM3", "-sigalgs", "ecdsa_secp256r1_sha256:sm2sig_sm3")
REFUSED = "handshake failure"
EXTRA = f"  keys: keeper\n  access_log: {{format: json}}\nurls: {{plain: \"http://ca.{DOMAIN}\"}}\n"  # the pairs are with the workers all the same


def s_client(lab, name, *options, fails=False, root="root-sm2.pem"):
    """One request; what s_client says, its answer included."""
    done = subprocess.run(
        [OPENSSL, "s_client", "-connect", f"127.0.0.1:{lab.gateway}", "-servername", name, "-CAfile", lab.data / "trust" / root,
         "-verify_return_error", "-verify_hostname", name, "-ign_eof", *options],
        input=f"GET /hello HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n", stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, check=False, timeout=120)
    if (done.returncode != 0) != fails or (not fails and "plain as ever" not in done.stdout):
        sys.exit(f"s_client {' '.join(map(str, options))}: status {done.returncode}\n{done.stdout}")
    return done.stdout


def is_sm(out, group, suite="TLS_SM4_GCM_SM3"):
    for wanted in (f"Cipher is {suite}\n", "Peer signature type: sm2sig_sm3\n", "Verification: OK\n", "TLSv1.3"):
        expect(out, wanted, "RFC 8998")
    if not re.search(f"^(Peer Temp Key|Negotiated TLS1.3 group): {group}$", out, re.M):
        sys.exit(f"not {group}:\n{out}")


def is_classical(out):
    for wanted in ("Cipher is TLS_AES_128_GCM_SHA256", "Peer signature type: ecdsa_secp256r1_sha256", "Verification: OK"):
        expect(out, wanted, "what others get")


def all_of_it(lab):
    is_sm(s_client(lab, SM, *FULL, "-groups", "curveSM2"), "curveSM2")
    is_sm(s_client(lab, SM, *FULL, "-groups", "curveSM2MLKEM768"), "curveSM2MLKEM768")
    is_sm(s_client(lab, SM, *MIXED, "-groups", "*X25519:*curveSM2"), "curveSM2")
    is_sm(s_client(lab, SM, "-ciphersuites", "TLS_SM4_CCM_SM3", "-sigalgs", "sm2sig_sm3", "-groups", "curveSM2"), "curveSM2",
          "TLS_SM4_CCM_SM3")
    # With a share for another group alone it has to try again.
    is_sm(s_client(lab, SM, *MIXED, "-groups", "*X25519:curveSM2"), "curveSM2")
    # What s_client has offered by itself since OpenSSL 4, but for the suite.
    is_sm(s_client(lab, SM, "-ciphersuites", "TLS_AES_256_GCM_SHA384:TLS_SM4_GCM_SM3"), "curveSM2MLKEM768")


def nothing_of_it(lab):
    """Who lacks a part, who does not ask, and who is at a site that does not have it."""
    ecdsa = "ecdsa_secp256r1_sha256"
    aes = "TLS_AES_128_GCM_SHA256"
    for name, options in ((SM, ("-ciphersuites", aes)),
                          (SM, ("-ciphersuites", aes, "-sigalgs", f"sm2sig_sm3:{ecdsa}", "-groups", "curveSM2:X25519")),
                          (SM, (*MIXED, "-groups", "X25519")),
                          (SM, ("-ciphersuites", f"TLS_SM4_GCM_SM3:{aes}", "-sigalgs", ecdsa, "-groups", "curveSM2:X25519")),
                          (TLCP, (*MIXED, "-groups", "curveSM2:X25519"))):
        is_classical(s_client(lab, name, *options, root="roots.pem"))
    with lab.connect(SM) as c:
        if c.version() != "TLSv1.3" or "AES" not in c.cipher()[0]:
            sys.exit(f"another client: {c.version()} {c.cipher()}")
    expect(lab.curl(SM, "/hello", "--tls-max", "1.2"), "plain as ever", "TLS 1.2")


def mixtures(lab):
    """There is nothing in common, and the alert says so."""
    for name, options in ((SM, ("-ciphersuites", "TLS_AES_128_GCM_SHA256", "-sigalgs", "sm2sig_sm3", "-groups", "X25519:curveSM2")),
                          (SM, ("-ciphersuites", "TLS_SM4_GCM_SM3", "-sigalgs", "ecdsa_secp256r1_sha256", "-groups", "curveSM2")),
                          (SM, (*FULL, "-groups", "X25519")),
                          (SM, ("-ciphersuites", "TLS_AES_128_GCM_SHA256", "-sigalgs", "ecdsa_secp256r1_sha256", "-groups", "curveSM2")),
                          (TLCP, (*FULL, "-groups", "curveSM2")),
                          (RSA, (*FULL, "-groups", "curveSM2")),
                          (RSA, ("-ciphersuites", "TLS_SM4_GCM_SM3", "-sigalgs", "rsa_pss_rsae_sha256", "-groups", "curveSM2"))):
        expect(s_client(lab, name, *options, fails=True), REFUSED, f"{name} {options}")


def stapled(lab):
    """The OCSP answer of the certificate that is shown comes with it, and `site check` has nothing against such a site."""
    wait_for("its OCSP answer", lambda: lab.certificates(SM)["sm2"]["staple"] == "good", 60)
    wait_for("the answer with the SM2 certificate", lambda: "Cert Status: good" in
             s_client(lab, SM, *FULL, "-groups", "curveSM2", "-status"), 30)
    out = s_client(lab, SM, *FULL, "-groups", "curveSM2", "-status")
    expect(out, "Signature Algorithm: SM2-with-SM3", "who has signed it")
    out = lab.autarky("site", "check", SM, ok=(0, 2, 3))
    if "failed" in out:
        sys.exit(f"site check:\n{out}")
    print(out, flush=True)


# ---- sessions

def session(lab, name, *options, path, fresh=False):
    """Resumes what is in the file, unless there is none or a fresh one is wanted, and leaves the new one there."""
    resumes = () if fresh or not path.exists() else ("-sess_in", path)
    return "Reused, TLSv1.3" in s_client(lab, name, *options, *resumes, "-sess_out", path, root="roots-all.pem")


def sessions(lab):
    path = lab.directory / "session"
    both = (*MIXED, "-groups", "*curveSM2:*X25519")
    steps = ((SM, both, False), (SM, both, True), (OTHER, both, False), (OTHER, both, True), (TLCP, both, False), (SM, both, False),
             (SM, ("-ciphersuites", "TLS_AES_128_GCM_SHA256"), False), (SM, ("-ciphersuites", "TLS_AES_128_GCM_SHA256"), True),
             (SM, both, False), (SM, both, True))
    for i, (name, options, wanted) in enumerate(steps):
        if session(lab, name, *options, path=path) != wanted:
            sys.exit(f"session, step {i}: resumed, or not, against expectation")
    return path, both


# ---- a client of our own, that says what it likes

def vector(data, size):
    return len(data).to_bytes(size, "big") + data


def numbers(*codes):
    return b"".join(struct.pack(">H", c) for c in codes)


def client_hello(name, suites, groups, sigalgs, share=b"", more=()):
    extensions = ((0, vector(b"\0" + vector(name.encode(), 2), 2)), (10, vector(numbers(*groups), 2)), (13, vector(numbers(*sigalgs), 2)),
                  (43, b"\2\3\4"), (51, vector(share, 2)), *more)
    body = (b"\3\3" + bytes(32) + b"\0" + vector(numbers(*suites), 2) + b"\1\0" +
            vector(b"".join(struct.pack(">H", kind) + vector(data, 2) for kind, data in extensions), 2))
    return b"\x16\3\1" + vector(b"\1" + vector(body, 3), 2)


def record(c):
    head = b""
    while len(head) < 5:
        more = c.recv(5 - len(head))
        if not more:
            return None, b""
        head += more
    size, body = int.from_bytes(head[3:], "big"), b""
    while len(body) < size:
        body += c.recv(size - len(body))
    return record(c) if head[0] == 20 else (head[0], body)  # a ChangeCipherSpec is for boxes in between


def second_hellos(lab):
    """Asked for a share of curveSM2, it comes with something else: there is no way from there to another kind of handshake."""
    sm, aes, curve, x25519, sig, ecdsa = 0x00c6, 0x1301, 41, 29, 0x0708, 0x0403
    generator = bytes.fromhex("0432c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7"
                              "bc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0")
    point = numbers(curve) + vector(generator, 2)
    first = ((sm, aes), (curve, x25519), (sig, ecdsa))
    for what, second, share, alerts in (
            ("the same", first, point, None),
            ("no suite", ((aes,), first[1], first[2]), point, (40, 47)),
            ("no signature", (first[0], first[1], (ecdsa,)), point, (40, 47)),
            ("no group", (first[0], (x25519,), first[2]), numbers(x25519) + vector(b"\x09" + bytes(31), 2), (40, 47)),
            ("another share", first, numbers(x25519) + vector(b"\x09" + bytes(31), 2), (40, 47)),
            ("a point that is none", first, numbers(curve) + vector(generator[:-1] + b"\xa1", 2), (40, 47)),
            ("no share", first, b"", (40, 47))):
        with socket.create_connection(("127.0.0.1", lab.gateway), 60) as c:
            c.sendall(client_hello(SM, *first))
            kind, body = record(c)
            if kind != 22 or body[6:38].hex()[:8] != "cf21ad74" or numbers(51, 2, curve) not in body:
                sys.exit(f"{what}: no HelloRetryRequest for curveSM2: {kind} {body.hex()}")
            c.sendall(client_hello(SM, *second, share))
            kind, body = record(c)
            if alerts is None and (kind != 22 or numbers(sm) not in body or numbers(51) + struct.pack(">HH", 69, curve) not in body):
                sys.exit(f"{what}: {kind} {body.hex()}")
            if alerts and (kind != 21 or body[1] not in alerts):
                sys.exit(f"{what}: no alert of these, {alerts}, but {kind} {body.hex()}")


def with_list_of_certificates(lab):
    """OpenSSL finds none that fits: the client is served as one that cannot all of it."""
    lists = ((50, vector(numbers(0x0708, 0x0403), 2)),)
    with socket.create_connection(("127.0.0.1", lab.gateway), 60) as c:
        c.sendall(client_hello(SM, (0x00c6, 0x1301), (41, 29), (0x0708, 0x0403), numbers(29) + vector(b"\x09" + bytes(31), 2), lists))
        kind, body = record(c)
        if kind != 22 or body[39:41] != numbers(0x1301):
            sys.exit(f"signature_algorithms_cert: {kind} {body.hex()}")


def seen(lab):
    """By those who look at servers: as one that can all of it a scan is asked for one of the two groups first."""
    out = lab.directory / "seen.jsonl"
    run(AUTARKY, "scan", f"{SM}:{lab.gateway}", "--data", lab.data, "--out", out)
    for line in out.read_text().splitlines():
        groups = json.loads(line).get("groups")
        if groups and groups != ["curveSM2MLKEM768", "curveSM2", "X25519MLKEM768", "SecP256r1MLKEM768",
                                "SecP384r1MLKEM1024", "X25519", "secp256r1", "secp384r1"]:
            sys.exit(f"groups: {line}")


def shown_in_the_log(lab):
    log = (lab.data / "access" / "access.jsonl").read_text()
    if not any(json.loads(line)["signature"] == "sm2sig_sm3" and json.loads(line)["key"] == "SM2" for line in log.splitlines()):
        sys.exit(f"nobody with sm2sig_sm3:\n{log}")


# ---- clients with certificates

def demanded(lab):
    """The site demands certificates of its clients: one of SM2 is taken, as TLCP would take it, and no other kind."""
    (lab.data / "conf.d").mkdir(exist_ok=True)
    (lab.data / "conf.d" / "clients.pem").write_bytes((lab.data / "trust" / "roots-all.pem").read_bytes())
    lab.sites[1].update(client_ca="clients.pem", client_headers=["names"])
    reconfigure(lab)
    pairs = {}
    for kind, profile in (("sm2", "tlcp-sign"), ("ecdsa", "default")):
        out = lab.directory / kind
        lab.autarky("cert", "issue", "--name", f"{kind}.{DOMAIN}", "--out", out, "--profile", profile)
        pairs[kind] = ("-cert", out / "cert.pem", "-key", out / "privkey.pem", "-cert_chain", out / "chain.pem")
    is_sm(s_client(lab, OTHER, *FULL, "-groups", "curveSM2", *pairs["sm2"]), "curveSM2")
    expect(s_client(lab, OTHER, *FULL, "-groups", "curveSM2", fails=True), "certificate required", "without one")
    expect(s_client(lab, OTHER, *MIXED, "-groups", "curveSM2", *pairs["ecdsa"], fails=True, root="roots-all.pem"),
           "certificate required", "one of another kind")
    is_classical(s_client(lab, OTHER, "-ciphersuites", "TLS_AES_128_GCM_SHA256", *pairs["ecdsa"], root="roots-all.pem"))


# ---- changes

def reconfigure(lab):
    lab.configure(EXTRA)
    lab.autarky("reload")


def switched_off(lab, path, both):
    """Live; and what was resumed there is so no longer."""
    lab.sites[0]["tls_sm"] = False
    reconfigure(lab)
    if session(lab, SM, *both, path=path):
        sys.exit("resumed at a site that has it no longer")
    is_classical(s_client(lab, SM, *both, root="roots.pem"))
    lab.sites[0]["tls_sm"] = True
    reconfigure(lab)
    is_sm(s_client(lab, SM, *FULL, "-groups", "curveSM2"), "curveSM2")


def renewed(lab):
    """A renewed pair is what new handshakes show."""
    def serial():
        out = s_client(lab, SM, *FULL, "-groups", "curveSM2")
        cert = re.search("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", out, re.S).group()
        return subprocess.run([OPENSSL, "x509", "-noout", "-serial", "-text"], input=cert, stdout=subprocess.PIPE, text=True, check=True).stdout
    before = serial()
    expect(before, "Digital Signature, Non Repudiation", "the certificate that signs")
    lab.autarky("site", "renew", SM)
    wait_for("another certificate", lambda: serial() != before, 60)


def main():
    if "OpenSSL 4" not in run(AUTARKY, "version"):
        print("this program is not built with OpenSSL 4")
        sys.exit(77)
    backend = Backend()
    sites = [{"name": SM, "tls_sm": True}, {"name": OTHER, "tls_sm": True}, {"name": TLCP}, {"name": RSA, "algorithms": ["rsa"]}]
    try:
        with SiteLab([{"backends": [backend.url], **site} for site in sites]) as lab:
            lab.configure(EXTRA)
            lab.start()
            for site in sites:
                lab.wait_site(site["name"])
            all_of_it(lab)
            stapled(lab)
            nothing_of_it(lab)
            mixtures(lab)
            path, both = sessions(lab)
            second_hellos(lab)
            with_list_of_certificates(lab)
            seen(lab)
            renewed(lab)
            switched_off(lab, path, both)
            demanded(lab)
            wait_for("the access log", lambda: (lab.data / "access" / "access.jsonl").exists())
            shown_in_the_log(lab)
    finally:
        backend.stop()


if __name__ == "__main__":
    main()
