#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=300
"""Certificates without ACME, as an administrator makes them: issued, signed, found, exported, revoked; what comes out is read by
OpenSSL, GnuTLS and NSS, each as far as it knows the algorithm, and used for mutual TLS by curl."""

import json
import os
import pathlib
import resource
import shutil
import signal
import ssl
import stat
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from envelope import DISTID, REQUEST_CONFIG, nowhere, number_of, opened_by_openssl  # noqa: E402
from lab import AUTARKY, DOMAIN, OPENSSL, Lab, Process, expect, free_port, run, wait_for  # noqa: E402

NAME = f"wiki.{DOMAIN}"
USER = 4711
PROFILES = """
urls: {plain: "http://ca.hospital.example"}
profiles:
  ward: {lifetime: 30d, unit: Wards, locality: Bremen, policies: [1.3.6.1.4.1.32473.1], must_staple: true}
"""
# Kind of key, root, and who else knows it.
KINDS = (("ecdsa", "root-rsa", "gnutls nss"), ("rsa2048", "root-rsa", "gnutls nss"), ("ed25519", "root-rsa", "gnutls"),
         ("sm2", "root-sm2", ""), ("mldsa65", "root-mldsa", ""))


def autarky(lab, *words, want=0, says=(), **options):
    done = subprocess.run([AUTARKY, *map(str, words), "--data", str(lab.data)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, check=False, timeout=60, **options)
    said = f"autarky {' '.join(map(str, words))}: status {done.returncode}\n{done.stdout}{done.stderr}"
    if done.returncode != want:
        sys.exit(f"{said}wanted {want}")
    for text in (says,) if isinstance(says, str) else says:
        if text not in done.stderr:
            sys.exit(f"{said}\"{text}\" is missing")
    return done.stdout


def issue(lab, out, *words, **options):
    return autarky(lab, "cert", "issue", "--out", lab.directory / out, *words, **options)


def text_of(path, *words):
    return run(OPENSSL, "x509", "-in", path, "-noout", "-nameopt", "RFC2253", *words)


def serial_of(path):
    return text_of(path, "-serial").strip().split("=")[1]


def fields_of(path):
    return text_of(path, "-text")


# ---- what strangers' programs say


def verify_openssl(lab, out, root):
    """One step after the other: 3.5 knows no identifier but the target's when it checks an SM2 chain."""
    for trusted, target in ((f"{out}/chain.pem", f"{out}/cert.pem"), (lab.data / "trust" / f"{root}.pem", f"{out}/chain.pem")):
        words = [OPENSSL, "verify", "-partial_chain", "-trusted", trusted, target]
        if root == "root-sm2":
            words[2:2] = ["-vfyopt", f"distid:{DISTID}"]
        expect(run(*words), "OK", "openssl verify")


def verify_gnutls(lab, out):
    run("certtool", "--verify", "--load-ca-certificate", lab.roots, "--infile", f"{out}/fullchain.pem")


def verify_nss(lab, out):
    database = out / "nss"
    database.mkdir()
    run("certutil", "-N", "-d", f"sql:{database}", "--empty-password")
    run("certutil", "-A", "-d", f"sql:{database}", "-n", "root", "-t", "C,,", "-a", "-i", lab.roots)
    run("certutil", "-A", "-d", f"sql:{database}", "-n", "issuer", "-t", ",,", "-a", "-i", f"{out}/chain.pem")
    run("certutil", "-A", "-d", f"sql:{database}", "-n", "leaf", "-t", ",,", "-a", "-i", f"{out}/cert.pem")
    expect(run("certutil", "-V", "-d", f"sql:{database}", "-n", "leaf", "-u", "V"), "valid", "certutil -V")


def same_key(out):
    ours = run(OPENSSL, "pkey", "-in", f"{out}/privkey.pem", "-pubout")
    if ours != run(OPENSSL, "x509", "-in", f"{out}/cert.pem", "-noout", "-pubkey"):
        sys.exit(f"{out}: the key is another than the certificate's")


# ---- the tests


def every_kind_of_key(lab):
    for kind, root, others in KINDS:
        out = lab.directory / kind
        issue(lab, kind, "--name", NAME, "--name", "10.0.0.5", "--key", kind)
        for name, mode in (("cert.pem", 0o644), ("chain.pem", 0o644), ("fullchain.pem", 0o644), ("privkey.pem", 0o600)):
            found = stat.S_IMODE((out / name).stat().st_mode)
            if found != mode:
                sys.exit(f"{out}/{name} has mode {found:o}")
        if (out / "fullchain.pem").read_text() != (out / "cert.pem").read_text() + (out / "chain.pem").read_text():
            sys.exit("the full chain is not certificate and chain")
        same_key(out)
        verify_openssl(lab, out, root)
        if "gnutls" in others:
            verify_gnutls(lab, out)
        if "nss" in others:
            verify_nss(lab, out)
        expect(text_of(out / "cert.pem", "-ext", "subjectAltName"), f"DNS:{NAME}, IP Address:10.0.0.5", kind)
        expect(text_of(out / "cert.pem", "-subject"), "O=Example Hospital", kind)


def what_a_profile_says(lab):
    issue(lab, "ward", "--name", NAME, "--profile", "ward")
    text = fields_of(lab.directory / "ward" / "cert.pem")
    for wanted in ("OU=Wards", "L=Bremen", "Policy: 1.3.6.1.4.1.32473.1", "status_request", "URI:http://ca.hospital.example/crl/ecdsa-1/",
                   "OCSP - URI:http://ca.hospital.example/ocsp/ecdsa-1", "CA Issuers - URI:http://ca.hospital.example/issuer/ecdsa-1.cer"):
        expect(text, wanted, "profile ward")
    issue(lab, "short", "--name", NAME, "--profile", "short")
    text = fields_of(lab.directory / "short" / "cert.pem")
    if "OCSP" in text or "/crl/" in text:
        sys.exit("a short certificate says where its revocation would be")
    expect(text, "No Revocation Available", "profile short")
    if "No Revocation Available: critical" in text:
        sys.exit("who does not know noRevAvail would refuse the certificate")
    verify_openssl(lab, lab.directory / "short", "root-rsa")
    verify_gnutls(lab, lab.directory / "short")
    verify_nss(lab, lab.directory / "short")
    for kind, wanted in (("short", True), ("ward", False)):
        serial = serial_of(lab.directory / kind / "cert.pem")
        if json.loads(autarky(lab, "cert", "show", serial, "--json"))["no_revocation"] is not wanted:
            sys.exit(f"{kind}: no_revocation is not {wanted}")
        if ("noRevAvail" in autarky(lab, "cert", "show", serial)) is not wanted:
            sys.exit(f"{kind}: what is shown of noRevAvail is wrong")
    expect(text_of(lab.directory / "short" / "cert.pem", "-checkend", str(5 * 86400)), "will not expire", "short")


def tlcp_pair(lab):
    """Both certificates of a TLCP server, and that their keys do what they say."""
    usages = (("tlcp-sign", "Digital Signature, Non Repudiation\n"), ("tlcp-enc", "Key Encipherment, Data Encipherment, Key Agreement\n"))
    for profile, usage in usages:
        issue(lab, profile, "--name", NAME, "--profile", profile)
        out = lab.directory / profile
        text = fields_of(out / "cert.pem")
        expect(text, usage, profile)
        expect(text, "SM2-with-SM3", profile)
        if "Basic Constraints" in text:
            sys.exit(f"{profile}: basicConstraints, which GmSSL takes for an error when empty")
        same_key(out)
        verify_openssl(lab, out, "root-sm2")
    message = lab.directory / "message"
    message.write_text("what is signed")
    signing, receiving = lab.directory / "tlcp-sign", lab.directory / "tlcp-enc"
    run(OPENSSL, "pkeyutl", "-sign", "-rawin", "-digest", "sm3", "-pkeyopt", f"distid:{DISTID}", "-inkey", signing / "privkey.pem",
        "-in", message, "-out", signing / "sig")
    run(OPENSSL, "pkeyutl", "-verify", "-rawin", "-digest", "sm3", "-pkeyopt", f"distid:{DISTID}", "-certin", "-inkey",
        signing / "cert.pem", "-in", message, "-sigfile", signing / "sig")
    run(OPENSSL, "pkeyutl", "-encrypt", "-certin", "-inkey", receiving / "cert.pem", "-in", message, "-out", receiving / "secret")
    expect(run(OPENSSL, "pkeyutl", "-decrypt", "-inkey", receiving / "privkey.pem", "-in", receiving / "secret"), "what is signed", "SM2")
    issue(lab, "rsa-tlcp", "--name", NAME, "--profile", "tlcp-sign", "--key", "rsa2048", want=2, says="does not certify RSA keys")


def key_by_the_ca(lab):
    """An encryption key that the CA makes: opened by us and by OpenSSL, kept by nobody, and never one that signs."""
    signing = lab.directory / "tlcp-sign" / "privkey.pem"
    ask = ("--name", NAME, "--profile", "tlcp-enc", "--key-by-ca")
    issue(lab, "by-ca", *ask, "--sign-key", signing)
    out = lab.directory / "by-ca"
    expect(fields_of(out / "cert.pem"), "Key Encipherment, Data Encipherment, Key Agreement\n", "by the CA")
    same_key(out)
    verify_openssl(lab, out, "root-sm2")
    nowhere(lab.data, number_of(out / "privkey.pem"))
    if stat.S_IMODE((out / "privkey.pem").stat().st_mode) != 0o600 or (out / "enveloped.der").exists():
        sys.exit(f"by-ca: {sorted(files_in(out))}")
    csr, far = lab.directory / "sign.csr", lab.directory / "far"
    run(OPENSSL, "req", "-config", REQUEST_CONFIG, "-new", "-key", signing, "-sm3", "-sigopt", f"distid:{DISTID}", "-subj", f"/CN={NAME}",
        "-out", csr)
    autarky(lab, "cert", "sign", csr, *ask[2:], "--out", far)
    if sorted(files_in(far)) != ["cert.pem", "chain.pem", "enveloped.der", "fullchain.pem"]:
        sys.exit(f"far: {sorted(files_in(far))}")
    number = opened_by_openssl(lab.directory, far / "enveloped.der", signing)
    nowhere(lab.data, number)
    openings(lab, far, signing)
    same_key(far)
    if number_of(far / "privkey.pem") != number:
        sys.exit("OpenSSL finds another key in the envelope")
    autarky(lab, "audit", "export", "--out", lab.directory / "trail")
    made = b"".join(path.read_bytes() for path in (lab.directory / "trail").rglob("*") if path.is_file()).count(b'"key_made":true')
    if made < 2:
        sys.exit(f"the trail says {made} times that the CA made a key")
    for words, says in (((*ask,), "--sign-key"), ((*ask, "--sign-key", signing, "--key", "sm2"), "--key is for"),
                        (("--name", NAME, "--sign-key", signing), "--key-by-ca")):
        issue(lab, "none", *words, want=64, says=says)
    rsa = lab.directory / "rsa2048" / "privkey.pem"
    for key, profile, says in ((signing, "tlcp-sign", "keys of profile"), (signing, "default", "keys of profile"), (rsa, "tlcp-enc", "is for SM2")):
        issue(lab, "none", "--name", NAME, "--profile", profile, "--key-by-ca", "--sign-key", key, want=2, says=says)
    issue(lab, "none", *ask, "--sign-key", signing, "--dry-run")


def openings(lab, far, signing):
    """Wrong keys, wrong certificates and damage write nothing."""
    broken = lab.directory / "broken.der"
    good = (far / "enveloped.der").read_bytes()
    broken.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    (lab.directory / "no.der").write_bytes(good[:-1])
    sm2 = lab.directory / "sm2" / "privkey.pem"
    for envelope, key, cert, says in ((far / "enveloped.der", signing, lab.directory / "by-ca" / "cert.pem", "not that of the certificate"),
                                      (far / "enveloped.der", sm2, far / "cert.pem", "does not open"),
                                      (broken, signing, far / "cert.pem", "does not open"),
                                      (lab.directory / "no.der", signing, far / "cert.pem", "no SM2EnvelopedKey")):
        autarky(lab, "cert", "open", envelope, "--sign-key", key, "--cert", cert, "--out", far, want=2, says=says)
        if (far / "privkey.pem").exists():
            sys.exit(f"{says}: a key was written all the same")
    autarky(lab, "cert", "open", far / "enveloped.der", "--sign-key", signing, "--out", far, want=64, says="--cert")
    autarky(lab, "cert", "open", far / "enveloped.der", "--sign-key", signing, "--cert", far / "cert.pem", "--out", far)


def requests(lab):
    """CSR files of OpenSSL and GnuTLS, and what is none."""
    key, csr = lab.directory / "k.pem", lab.directory / "r.pem"
    run(OPENSSL, "req", "-config", REQUEST_CONFIG, "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-subj", "/O=Somebody Else/CN=b.hospital.example",
        "-addext", "subjectAltName=DNS:c.hospital.example", "-out", csr)
    sign = ("cert", "sign", csr, "--reason", "CHG-1", "--owner", "alice", "--team", "web", "--service", "wiki")
    autarky(lab, *sign, "--out", lab.directory / "signed")
    out = lab.directory / "signed"
    verify_openssl(lab, out, "root-rsa")
    expect(text_of(out / "cert.pem", "-ext", "subjectAltName"), "DNS:b.hospital.example, DNS:c.hospital.example", "names of the CSR")
    if "Somebody" in text_of(out / "cert.pem", "-subject"):
        sys.exit("the subject came from the request")
    if (out / "privkey.pem").exists():
        sys.exit("a key came from nowhere")
    run(OPENSSL, "req", "-config", REQUEST_CONFIG, "-in", csr, "-outform", "DER", "-out", lab.directory / "r.der")
    with open(lab.directory / "r.der", "rb") as stdin:
        autarky(lab, "cert", "sign", "-", "--name", f"d.{DOMAIN}", "--out", lab.directory / "other", stdin=stdin)
    expect(text_of(lab.directory / "other" / "cert.pem", "-ext", "subjectAltName").strip(), f"DNS:d.{DOMAIN}", "given names")
    autarky(lab, *sign, "--out", out, want=2, says=("is there already", "--force"))
    autarky(lab, *sign, "--out", out, "--force")
    bad_requests(lab, csr)


def bad_requests(lab, csr):
    good = pathlib.Path(csr).read_bytes()
    (lab.directory / "r.cut").write_bytes(good[:len(good) // 2])
    (lab.directory / "r.text").write_text("no request\n")
    (lab.directory / "r.empty").write_text("")
    der = bytearray((lab.directory / "r.der").read_bytes())
    der[-1] ^= 1
    (lab.directory / "r.forged").write_bytes(der)
    (lab.directory / "r.long").write_bytes(b"\x30" * 100_000)
    for name, says in (("r.cut", "cut off"), ("r.text", "no certificate request"), ("r.empty", "no certificate request"),
                       ("r.forged", "signature"), ("r.long", ""), ("nowhere", "No such file")):
        autarky(lab, "cert", "sign", lab.directory / name, "--out", lab.directory / "bad", want=2, says=says)
    for words, says in ((("-subj", "/CN=www.example.com"), "www.example.com"),
                        (("-subj", "/CN=x.hospital.example", "-addext", "basicConstraints=CA:TRUE"), "CA")):
        run(OPENSSL, "req", "-config", REQUEST_CONFIG, "-new", "-key", lab.directory / "k.pem", *words, "-out", lab.directory / "r.bad")
        autarky(lab, "cert", "sign", lab.directory / "r.bad", "--out", lab.directory / "bad", want=2, says=says)
    run("certtool", "--generate-privkey", "--key-type", "rsa", "--bits", "1024", "--outfile", lab.directory / "weak.pem")
    run(OPENSSL, "req", "-config", REQUEST_CONFIG, "-new", "-key", lab.directory / "weak.pem", "-subj", "/CN=x.hospital.example", "-out", lab.directory / "r.weak")
    autarky(lab, "cert", "sign", lab.directory / "r.weak", "--out", lab.directory / "bad", want=2)
    if (lab.directory / "bad").exists():
        sys.exit("a directory was made for nothing")


def wrong_words(lab):
    for words, want, says in (((), 64, "--name is missing"), (("--name", NAME, "--key", "dsa"), 64, "--key is"),
                              (("--name", NAME, "--format", "jks"), 64, "--format"),
                              (("--name", NAME, "--format", "p12"), 64, "--p12-password-file"),
                              (("--name", "www.example.com"), 2, "www.example.com"), (("--name", "8.8.8.8"), 2, "8.8.8.8"),
                              (("--name", NAME, "--profile", "nope"), 2, "no profile"),
                              (("--name", "a@hospital.example"), 2, "names"),
                              (("--name", "alice@nas.lan", "--profile", "client"), 2, "no issuer is made for the mail address"),
                              (("--name", NAME, "--common-name", "x"), 2, "common name")):
        issue(lab, "none", *words, want=want, says=says)
    autarky(lab, "cert", "issue", "--name", NAME, want=64, says="--out is missing")
    issue(lab, "none", "--name", NAME, "--dry-run")
    if (lab.directory / "none").exists():
        sys.exit("a directory was made for nothing")


def bundles(lab):
    password = lab.directory / "password"
    password.write_text("correct horse battery\n")
    password.chmod(0o600)
    issue(lab, "bundle", "--name", NAME, "--key", "rsa2048", "--format", "pem,der,p12", "--p12-password-file", password)
    out = lab.directory / "bundle"
    run(OPENSSL, "pkcs12", "-in", out / "bundle.p12", "-passin", f"file:{password}", "-nodes", "-out", out / "opened.pem")
    expect((out / "opened.pem").read_text(), "PRIVATE KEY", "PKCS#12 by OpenSSL")
    run("certtool", "--p12-info", "--inder", "--password", "correct horse battery", "--infile", out / "bundle.p12")
    database = out / "nss"
    database.mkdir()
    run("certutil", "-N", "-d", f"sql:{database}", "--empty-password")
    run("pk12util", "-i", out / "bundle.p12", "-d", f"sql:{database}", "-w", password)
    expect(run("certutil", "-K", "-d", f"sql:{database}"), "rsa", "PKCS#12 by NSS")
    if run(OPENSSL, "x509", "-inform", "DER", "-in", out / "cert.der") != run(OPENSSL, "x509", "-in", out / "cert.pem"):
        sys.exit("DER and PEM differ")
    run(OPENSSL, "pkey", "-inform", "DER", "-in", out / "privkey.der", "-noout")
    for name in ("bundle.p12", "privkey.der"):
        if stat.S_IMODE((out / name).stat().st_mode) != 0o600:
            sys.exit(f"{name} is open to others")
    serial = serial_of(out / "cert.pem")
    expect(autarky(lab, "cert", "export", serial), (out / "cert.pem").read_text(), "export to standard output")
    autarky(lab, "cert", "export", serial, "--out", lab.directory / "again", "--with-root")
    chain = (lab.directory / "again" / "chain.pem").read_text()
    if chain.count("BEGIN") != (out / "chain.pem").read_text().count("BEGIN") + 1:
        sys.exit("the root is not at the end of the chain")
    other = lab.directory / "ecdsa" / "privkey.pem"
    words = ("cert", "export", serial, "--out", lab.directory / "p12", "--format", "p12", "--p12-password-file", password)
    autarky(lab, *words, "--key-file", other, want=2, says="not the one of this certificate")
    autarky(lab, *words, "--key-file", out / "privkey.pem")


def found(lab, *words):
    return [item["serial"] for item in json.loads(autarky(lab, "cert", "find", "--json", *words))["items"]]


def register(lab):
    signed = lab.directory / "signed" / "cert.pem"
    serial = serial_of(signed)
    for words in ((serial,), ("--serial", serial.lower()), ("--public-key", signed), ("--owner", "alice"), ("--issuer", "rsa-1"),
                  ("--public-key", lab.directory / "k.pem"), ("--public-key", lab.directory / "r.pem"), ("b.hospital.example",),
                  ("--name", "c.hospital.example"), ("--under", DOMAIN), ("--expires-before", "91d")):
        if serial not in found(lab, *words):
            sys.exit(f"{words} does not find {serial}")
    for words in (("--owner", "bob"), ("--expires-before", "1d"), ("--expires-after", "2100-01-01"), ("0" * 31 + "1",),
                  ("--public-key", lab.directory / "ecdsa" / "cert.pem")):
        if serial in found(lab, *words):
            sys.exit(f"{words} finds {serial}")
    shown = json.loads(autarky(lab, "cert", "show", serial, "--json"))
    if (shown["owner"], shown["team"], shown["service"], shown["why"], shown["origin"]) != ("alice", "web", "wiki", "CHG-1", "operator"):
        sys.exit(f"the register has {shown}")
    revoke(lab, serial)


def revoke(lab, serial):
    autarky(lab, "cert", "revoke", serial, want=64, says="--reason is missing")
    autarky(lab, "cert", "revoke", serial, "--reason", "boredom", want=64, says="RFC 5280")
    autarky(lab, "cert", "revoke", "00", "--reason", "superseded", want=2)
    autarky(lab, "cert", "revoke", serial, "--reason", "superseded", "--dry-run")
    if json.loads(autarky(lab, "cert", "show", serial, "--json"))["status"] != "valid":
        sys.exit("--dry-run has revoked")
    for _ in range(2):
        autarky(lab, "cert", "revoke", serial, "--reason", "superseded", "--why", "CHG-2")
    autarky(lab, "cert", "revoke", serial, "--reason", "affiliationChanged", want=2, says="another reason")
    autarky(lab, "cert", "revoke", serial, "--reason", "keyCompromise")
    if serial not in found(lab, "--status", "revoked"):
        sys.exit("it is not among the revoked ones")
    autarky(lab, "cert", "sign", lab.directory / "r.pem", "--out", lab.directory / "blocked", want=2, says="compromised")


def mutual_tls(lab):
    """A client certificate opens a server that asks for one; the server's own, which is no client's, is not asked for more."""
    issue(lab, "server", "--name", "localhost", "--name", "127.0.0.1")
    issue(lab, "client", "--name", "alice@hospital.example", "--name", "spiffe://hospital.example/ward", "--profile", "client",
          "--common-name", "Alice Example")
    server, client = lab.directory / "server", lab.directory / "client"
    text = fields_of(client / "cert.pem")
    for wanted in ("CN=Alice Example", "email:alice@hospital.example, URI:spiffe://hospital.example/ward", "TLS Web Client Authentication"):
        expect(text, wanted, "client")
    port = free_port()
    process = Process("s_server", lab.directory, OPENSSL, "s_server", "-accept", f"127.0.0.1:{port}", "-www", "-Verify", "3",
                      "-verify_return_error", "-cert", server / "cert.pem", "-key", server / "privkey.pem", "-cert_chain",
                      server / "chain.pem", "-CAfile", lab.roots)
    url = f"https://localhost:{port}/"
    with_key = ("--cert", client / "fullchain.pem", "--key", client / "privkey.pem")
    wait_for("s_server", lambda: subprocess.run(["curl", "-s", "--cacert", str(lab.roots), *map(str, with_key), url], check=False,
                                                stdout=subprocess.DEVNULL).returncode == 0)
    expect(run("curl", "-sS", "--cacert", lab.roots, *with_key, url), "Verify return code: 0 (ok)", "mutual TLS")
    without = subprocess.run(["curl", "-s", "--cacert", str(lab.roots), url], check=False, stdout=subprocess.DEVNULL)
    if without.returncode == 0:
        sys.exit("s_server let a client in without a certificate")
    process.stop()
    if ssl.OPENSSL_VERSION_INFO >= (3,):
        purpose = run(OPENSSL, "x509", "-in", client / "cert.pem", "-noout", "-purpose")
        expect(purpose, "SSL server : No", "purpose of a client's certificate")


def owners(lab):
    """Run as root, files belong to whom the directory belongs to."""
    if os.geteuid() != 0:
        return
    out = lab.directory / "theirs"
    out.mkdir()
    shutil.chown(out, USER, USER)
    issue(lab, "theirs", "--name", NAME)
    for name in ("cert.pem", "privkey.pem"):
        if (out / name).stat().st_uid != USER:
            sys.exit(f"{name} is not {USER}'s")


def profiles_are_checked(lab):
    good = (lab.data / "autarky.yaml").read_text()
    for profiles, says in (("a: {revocation: both, lifetime: 500d}", "lifetime_max"), ("a: {revocation: none, lifetime: 8d}", "no_revocation_max"),
                           ("a: {must_staple: true, revocation: crl}", "OCSP"),
                           ("tlcp-sign: {key_algorithms: [rsa]}", "SM2"), ("a: {policies: [one]}", "object identifier"),
                           ("a: {lifetime: 1h, backdate: 1h}", "backdate"), ("a: {key_usage: [keyAgreement]}", "keyAgreement")):
        (lab.data / "autarky.yaml").write_text(good.replace("profiles:\n", f"profiles:\n  {profiles}\n"))
        autarky(lab, "config", "check", want=2, says=says)
    (lab.data / "autarky.yaml").write_text(good)
    autarky(lab, "config", "check")
    (lab.data / "autarky.yaml").write_text(autarky(lab, "config", "show"))
    autarky(lab, "config", "check")
    (lab.data / "autarky.yaml").write_text(good)


def identifiers(lab):
    """A request as OpenSSL 3 signs it by itself, over the empty identifier, takes a setting."""
    csr, config = lab.directory / "empty.csr", lab.data / "autarky.yaml"
    signing = lab.directory / "tlcp-sign" / "privkey.pem"
    run(OPENSSL, "req", "-config", REQUEST_CONFIG, "-new", "-key", signing, "-sm3", "-sigopt", "distid:", "-subj", f"/CN={NAME}", "-out", csr)
    sign = ("cert", "sign", csr, "--profile", "tlcp-sign", "--out", lab.directory / "empty")
    autarky(lab, *sign, want=2, says=("empty identifier", "ca.sm2_empty_id"))
    good = config.read_text()
    config.write_text(good + "ca: {sm2_empty_id: true}\n")
    autarky(lab, "reload")
    autarky(lab, *sign)
    config.write_text(good)
    autarky(lab, "reload")


def reload_holds_profiles_against_rules(lab):
    """What the signer would refuse is refused when the configuration is taken, and not when somebody needs a certificate."""
    good = (lab.data / "autarky.yaml").read_text()
    for profile, says in (("lifetime: 500d", "raise lifetime_max"), ("revocation: none, lifetime: 8d", "raise no_revocation_max")):
        (lab.data / "autarky.yaml").write_text(good.replace("profiles:\n", f"profiles:\n  late: {{{profile}}}\n"))
        autarky(lab, "reload", want=2, says=("nothing was changed", "profiles.late.lifetime", says))
    (lab.data / "autarky.yaml").write_text(good)
    autarky(lab, "reload")


def files_in(out):
    """But for what a process left that died while it wrote."""
    return {path.name: path.read_bytes() for path in out.iterdir() if not path.name.startswith(".tmp-")}


def a_pair_is_replaced_as_one(lab):
    """A full disk (here: a limit that the longest of the files passes) leaves the old files, whether the process may say so or dies
    of it; names that a crash left half given are given by the next one."""
    out, other = lab.directory / "pair", lab.directory / "other-pair"
    issue(lab, "pair", "--name", NAME)
    issue(lab, "other-pair", "--name", NAME)
    before, new = files_in(out), files_in(other)
    limit = len(before["fullchain.pem"]) - 100
    for dies in (False, True):
        issue(lab, "pair", "--name", NAME, "--force", want=-signal.SIGXFSZ if dies else 3, says="" if dies else "was issued, and its files",
              restore_signals=dies, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
        found = files_in(out)
        if {name: found[name] for name in before} != before or (not dies and found != before):
            sys.exit(f"a full disk changed {sorted(found)}")
    autarky(lab, "cert", "issue", "--name", NAME, "--out", out, want=2, says="is there already")
    if files_in(out) != before:
        sys.exit("what was begun of another pair is still there")
    for name, content in new.items():
        (out / f".autarky-new-{name}").write_bytes(content)
    (out / ".autarky-new").touch()
    (out / ".autarky-new-cert.pem").rename(out / "cert.pem")
    autarky(lab, "cert", "issue", "--name", NAME, "--out", out, want=2, says="is there already")
    if files_in(out) != new:
        sys.exit(f"the second pair is not whole: {sorted(files_in(out))}")
    issue(lab, "pair", "--name", NAME, "--force")
    if sorted(files_in(out)) != sorted(before) or files_in(out)["privkey.pem"] == new["privkey.pem"]:
        sys.exit(f"not replaced: {sorted(files_in(out))}")


def main():
    with Lab(PROFILES) as lab:
        profiles_are_checked(lab)
        autarky(lab, "cert", "show", "01", want=2, says="no server answers")
        lab.start()
        for test in (every_kind_of_key, what_a_profile_says, tlcp_pair, key_by_the_ca, requests, identifiers, wrong_words, bundles, register, mutual_tls, owners,
                     reload_holds_profiles_against_rules, a_pair_is_replaced_as_one):
            test(lab)


main()
