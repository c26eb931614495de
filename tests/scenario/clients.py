#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=300
"""Debian's other ACME clients, unmodified, each with what its version can: lego, uacme, acme-tiny, Caddy and Apache's mod_md;
external account binding where they have it, and where the server lets nobody in without."""

import json
import os
import pathlib
import shutil
import ssl
import sys
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
# pylint: disable=wrong-import-position
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from acme import make_csr, new_key  # noqa: E402
from acme_clients import Apache, Caddy, Shelf, accounts_of, check, eab, revoked  # noqa: E402
from lab import DOMAIN, Lab, expect, run, steady_port  # noqa: E402


# ---- lego: binding, issue, renew, revoke

def lego(lab):
    name = f"lego.{DOMAIN}"
    kid, key = eab(lab, "lego")
    home = lab.directory / "lego"

    def call(*args):
        return run("/usr/bin/lego", "--server", lab.directory_url, "--accept-tos", "--email", f"a@{DOMAIN}", "--path", home,
                   "--http", "--http.port", f"127.0.0.1:{lab.http_port}", "--domains", name, "--eab", "--kid", kid,
                   f"--hmac={key}", *args, env={**os.environ, "LEGO_CA_CERTIFICATES": str(lab.roots)})

    call("run")
    cert = home / "certificates" / f"{name}.crt"
    first = check(lab, cert, name)
    call("renew", "--days", "1000", "--no-random-sleep")
    if check(lab, cert, name) == first:
        sys.exit("lego renew left the certificate as it was")
    call("revoke", "--keep")
    if len(revoked(lab, name)) != 1 or len(accounts_of(lab, "lego")) != 1:
        sys.exit("the register does not have what lego did")


# ---- uacme: binding, key change, issue, revoke, deactivate

def uacme(lab, responder):
    name = f"uacme.{DOMAIN}"
    kid, key = eab(lab, "uacme")
    home = lab.directory / "uacme"
    hook = lab.directory / "uacme-hook"
    shelf = lab.directory / "uacme-challenges"
    shelf.mkdir()
    hook.write_text("#!/bin/sh\n[ \"$2\" = http-01 ] || exit 1\n"
                    f"case $1 in begin) printf %s \"$5\" > {shelf}/\"$4\" ;; *) rm -f {shelf}/\"$4\" ;; esac\n")
    hook.chmod(0o755)
    responder.shelf = shelf

    def call(*args):
        # It knows the system's roots alone, so it sees ours in their place.
        inner = f"mount --bind {lab.roots} /etc/ssl/certs/ca-certificates.crt && exec \"$@\""
        return run("unshare", "-rm", "sh", "-c", inner, "sh", "/usr/bin/uacme", "-v", "-y", "-a", lab.directory_url, "-c", home,
                   "-h", hook, *args)

    call("-e", f"{kid}:{key}", "new", f"a@{DOMAIN}")
    before = accounts_of(lab, "uacme")[0]
    call("newkey")
    after = accounts_of(lab, "uacme")[0]
    if before["id"] != after["id"] or before["key_thumbprint"] == after["key_thumbprint"]:
        sys.exit(f"uacme newkey: {before} {after}")
    call("-t", "EC", "issue", name)
    cert = home / name / "cert.pem"
    check(lab, cert, name)
    call("revoke", cert)
    if len(revoked(lab, name)) != 1:
        sys.exit("uacme revoke is not in the register")
    call("update", f"b@{DOMAIN}")
    if accounts_of(lab, "uacme")[0]["contact"] != [f"mailto:b@{DOMAIN}"]:
        sys.exit("uacme update is not in the register")
    call("deactivate")
    if accounts_of(lab, "uacme")[0]["status"] != "deactivated":
        sys.exit("uacme deactivate is not in the register")


# ---- acme-tiny: the smallest, without binding

def acme_tiny(lab, responder):
    name = f"tiny.{DOMAIN}"
    home = lab.directory / "tiny"
    home.mkdir()
    responder.shelf = home
    account = rsa.generate_private_key(65537, 2048)
    (home / "account.key").write_bytes(account.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()))
    csr = x509.load_der_x509_csr(make_csr(new_key(), [name]))
    (home / "csr.pem").write_bytes(csr.public_bytes(serialization.Encoding.PEM))
    text = run("sh", "-c", "exec \"$@\" 2>/dev/null", "sh", "/usr/bin/acme-tiny", "--account-key", home / "account.key", "--csr",
               home / "csr.pem", "--acme-dir", home, "--directory-url", lab.directory_url, "--disable-check",
               env={**os.environ, "SSL_CERT_FILE": str(lab.roots)})
    (home / "fullchain.pem").write_text(text)
    check(lab, home / "fullchain.pem", name)


# ---- Caddy and Apache's mod_md: by themselves, from their configuration

def caddy(lab):
    kid, key = eab(lab, "caddy")
    Caddy(lab, (lab.http_port, steady_port()),
          f"eab {kid} {key}\n      disable_tlsalpn_challenge\n      alt_http_port {lab.http_port}").serve()
    if len(accounts_of(lab, "caddy")) != 1:
        sys.exit("Caddy's account is not bound")


def mod_md(lab):
    kid, key = eab(lab, "apache")
    apache = Apache(lab, (lab.http_port, steady_port()), f"MDExternalAccountBinding {kid} {key}\n"
                    f"MDPortMap http:{lab.http_port} https:-\nMDCAChallenges http-01")
    apache.serve(apache.staged, 90)
    apache.serve(apache.shows, 30)
    if len(accounts_of(lab, "apache")) != 1:
        sys.exit("mod_md's account is not bound")
    shutil.rmtree(apache.home)


# ---- nobody without

def refused(lab):
    expect(lab.autarky("eab", "list"), "1 of 1", "used keys")
    out = run("/usr/bin/lego", "--server", lab.directory_url, "--accept-tos", "--email", f"x@{DOMAIN}", "--path",
              lab.directory / "nobody", "--http", "--http.port", f"127.0.0.1:{lab.http_port}", "--domains", f"nobody.{DOMAIN}",
              "run", ok=(1,), env={**os.environ, "LEGO_CA_CERTIFICATES": str(lab.roots)})
    expect(out, "Server requires External Account Binding", "lego without a key")


def main():
    with Lab() as lab:
        lab.start()
        responder = Shelf(lab.http_port)
        acme_tiny(lab, responder)
        lab.configure(extra="acme: {eab: required}\n")
        lab.autarky("reload")
        with urllib.request.urlopen(lab.directory_url, context=ssl.create_default_context(cafile=str(lab.roots))) as answer:
            if not json.load(answer)["meta"]["externalAccountRequired"]:
                sys.exit("the directory does not say that a binding is required")
        uacme(lab, responder)
        responder.close()
        lego(lab)
        caddy(lab)
        mod_md(lab)
        refused(lab)
        for item in json.loads(lab.autarky("eab", "list", "--json"))["items"]:
            if item["made"] != 1 or "key" in item:
                sys.exit(f"the list of keys: {item}")


main()
