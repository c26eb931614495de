#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=300
"""What else the versions of Debian's ACME clients can: addresses and tls-alpn-01 with uacme, revocation by the certificate's
key, accounts that are changed and given up by certbot, dehydrated with a binding, requests made elsewhere, Caddy by tls-alpn-01
alone, and Apache's mod_md by tls-alpn-01, with a profile and by renewal information."""

import ipaddress
import json
import os
import pathlib
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
# pylint: disable=wrong-import-position
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from acme import make_csr, new_key, split_chain  # noqa: E402
from acme_clients import Apache, Caddy, Shelf, accounts_of, check, eab, revoked  # noqa: E402
from lab import DOMAIN, Lab, Process, run, steady_port, wait_for  # noqa: E402

POLICY = (f"  - name: all\n    allow: [{DOMAIN}, \"*.{DOMAIN}\"]\n    addresses: [127.0.0.0/8]\n"
          "    challenges: [http-01, tls-alpn-01]\n"
          "  - {name: operators, from: [operators], allow: [\"*\"]}\n")
EXTRA = "profiles: {brief: {lifetime: 6d}}\n"


def listed(lab, *names):
    """The register's rows with these names, the newest first."""
    rows = json.loads(lab.autarky("cert", "list", "--json"))["items"]
    rows = [r for r in rows if set(names) <= set(r["names"])]
    return sorted(rows, key=lambda r: r["issued"], reverse=True)


def request_of(directory, name):
    """A key and a request that were made elsewhere."""
    key = new_key()
    (directory / "elsewhere.key").write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    csr = x509.load_der_x509_csr(make_csr(key, [name]))
    (directory / "elsewhere.csr").write_bytes(csr.public_bytes(serialization.Encoding.PEM))
    return directory / "elsewhere.csr"


# ---- uacme

class Uacme:
    def __init__(self, lab):
        self.lab = lab
        self.home = lab.directory / "uacme"
        self.hook = lab.directory / "uacme-hook"
        self.use("exit 1\n")
        self.call("new", f"a@{DOMAIN}")

    def use(self, script):
        self.hook.write_text("#!/bin/sh\n" + script)
        self.hook.chmod(0o755)

    def call(self, *args):
        # It knows the system's roots alone, so it sees ours in their place.
        inner = f"mount --bind {self.lab.roots} /etc/ssl/certs/ca-certificates.crt && exec \"$@\""
        return run("unshare", "-rm", "sh", "-c", inner, "sh", "/usr/bin/uacme", "-v", "-y", "-a", self.lab.directory_url, "-c",
                   self.home, "-h", self.hook, *args)

    def by_http(self, shelf):
        self.use("[ \"$2\" = http-01 ] || exit 1\n"
                 f"case $1 in begin) printf %s \"$5\" > {shelf}/\"$4\" ;; *) rm -f {shelf}/\"$4\" ;; esac\n")

    def by_tls(self, socket):
        """As its own ualpn.sh says it, for another socket."""
        self.use("[ \"$2\" = tls-alpn-01 ] || exit 1\n"
                 "case $1 in begin) said=\"auth $3 $5\" ;; *) said=\"unauth $3\" ;; esac\n"
                 f"[ \"$(echo \"$said\" | ualpn -s {socket})\" = OK ]\n")


def addresses(lab, client, shelf):
    """RFC 8738: an address as identifier; and a certificate that its own key revokes (RFC 8555 section 7.6)."""
    client.by_http(shelf)
    client.call("-t", "EC", "issue", "127.0.0.1")
    leaf = split_chain((client.home / "127.0.0.1" / "cert.pem").read_bytes())[0]
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    if names.get_values_for_type(x509.IPAddress) != [ipaddress.ip_address("127.0.0.1")]:
        sys.exit(f"uacme's certificate is for {names}")
    client.call("revoke", client.home / "127.0.0.1" / "cert.pem", client.home / "private" / "127.0.0.1" / "key.pem")
    if len(revoked(lab, "127.0.0.1")) != 1:
        sys.exit("uacme's revocation by the certificate's key is not in the register")


def by_tls_alpn(lab, client):
    name = f"alpn.{DOMAIN}"
    socket = lab.directory / "ualpn.sock"
    server = Process("ualpn", lab.directory, "/usr/bin/ualpn", "-v", "-s", socket, "-S", "600", "-p",
                     lab.directory / "ualpn.pid", "-b", f"127.0.0.1@{lab.tls_port}", "-c", f"127.0.0.1@{lab.http_port}")
    try:
        wait_for(f"ualpn; {server.log}", socket.exists, 20)
        client.by_tls(socket)
        client.call("issue", name)
    except SystemExit:
        print(server.log.read_text()[-3000:])
        raise
    finally:
        server.stop()
    check(lab, client.home / name / "cert.pem", name)
    if listed(lab, name)[0]["names"] != [name]:
        sys.exit("the register does not have what uacme got by tls-alpn-01")


# ---- certbot: a request of somebody else, revocation by its key, and its account

def certbot(lab):
    name = f"elsewhere.{DOMAIN}"
    home = lab.directory / "certbot"
    home.mkdir()

    def call(*args):
        return run("/usr/bin/certbot", *args, "--server", lab.directory_url, "--config-dir", home, "--work-dir", home, "--logs-dir",
                   home, "--non-interactive", env={**os.environ, "REQUESTS_CA_BUNDLE": str(lab.roots)})

    call("certonly", "--standalone", "--http-01-port", lab.http_port, "--agree-tos", "--email", f"c@{DOMAIN}", "--no-eff-email",
         "--csr", request_of(home, name), "--cert-path", home / "cert.pem", "--chain-path", home / "chain.pem", "--fullchain-path",
         home / "fullchain.pem")
    check(lab, home / "fullchain.pem", name)
    account = listed(lab, name)[0]["account"]

    def status():
        return next(a for a in json.loads(lab.autarky("account", "list", "--json"))["items"] if a["id"] == account)

    call("update_account", "--email", f"other@{DOMAIN}", "--no-eff-email")
    if status()["contact"] != [f"mailto:other@{DOMAIN}"]:
        sys.exit(f"certbot update_account: {status()}")
    call("unregister")
    if status()["status"] != "deactivated":
        sys.exit(f"certbot unregister: {status()}")
    # Without an account: by the key that it is for.
    call("revoke", "--cert-path", home / "cert.pem", "--key-path", home / "elsewhere.key", "--reason", "superseded",
         "--no-delete-after-revoke")
    if [r["reason"] for r in revoked(lab, name)] != [4]:
        sys.exit("certbot's revocation by the certificate's key is not in the register")


# ---- dehydrated: a binding; lego: a request of somebody else

def dehydrated(lab, responder):
    name = f"bound.{DOMAIN}"
    kid, key = eab(lab, "dehydrated")
    base = lab.directory / "dehydrated"
    responder.shelf = base / "www"
    responder.shelf.mkdir(parents=True)
    (base / "config").write_text(
        f"CA={lab.directory_url}\nBASEDIR={base}\nWELLKNOWN={responder.shelf}\nCURL_OPTS=\"--cacert {lab.roots}\"\n"
        f"KEY_ALGO=prime256v1\nCONTACT_EMAIL=d@{DOMAIN}\nEAB_KID={kid}\nEAB_HMAC_KEY={key}\n")
    (base / "domains.txt").write_text(f"{name}\n")
    run("/usr/bin/dehydrated", "--register", "--accept-terms", "--config", base / "config")
    run("/usr/bin/dehydrated", "--cron", "--config", base / "config")
    check(lab, base / "certs" / name / "fullchain.pem", name)
    if len(accounts_of(lab, "dehydrated")) != 1:
        sys.exit("dehydrated's account is not bound")


def lego(lab):
    name = f"request.{DOMAIN}"
    home = lab.directory / "lego"
    home.mkdir()
    run("/usr/bin/lego", "--server", lab.directory_url, "--accept-tos", "--email", f"l@{DOMAIN}", "--path", home, "--tls",
        "--tls.port", f"127.0.0.1:{lab.tls_port}", "--csr", request_of(home, name), "run",
        env={**os.environ, "LEGO_CA_CERTIFICATES": str(lab.roots)})
    check(lab, home / "certificates" / f"{name}.crt", name)


# ---- Caddy: tls-alpn-01 on the port that it serves

def caddy(lab):
    Caddy(lab, (steady_port(), lab.tls_port), "disable_http_challenge").serve()


# ---- Apache's mod_md: tls-alpn-01, a profile, renewal information (RFC 9773)

def mod_md(lab):
    apache = Apache(lab, (lab.tls_port,), f"Protocols http/1.1 acme-tls/1\nMDPortMap http:- https:{lab.tls_port}\n"
                    "MDCAChallenges tls-alpn-01\nMDProfile brief\nMDProfileMandatory on\nMDRenewViaARI on")
    apache.serve(apache.staged, 90)
    apache.serve(apache.shows, 60)
    name = apache.name
    first = listed(lab, name)[0]
    if first["profile"] != "brief":
        sys.exit(f"mod_md's certificate is of {first['profile']}")
    lab.autarky("renewal", "pull", "--under", name, "--within", "1s", "--reason", "it has to be another one")
    apache.serve(lambda: len(listed(lab, name)) == 2, 90)
    newest = json.loads(lab.autarky("cert", "show", listed(lab, name)[0]["serial"], "--json"))
    if newest["replaces"] != first["id"]:
        sys.exit(f"mod_md does not say which it replaces: {newest['replaces']}, {first['id']}")
    shutil.rmtree(apache.home)


def main():
    with Lab(extra=EXTRA, policy=POLICY) as lab:
        lab.start()
        responder = Shelf(lab.http_port)
        responder.shelf = lab.directory / "shelf"
        responder.shelf.mkdir()
        client = Uacme(lab)
        addresses(lab, client, responder.shelf)
        by_tls_alpn(lab, client)
        dehydrated(lab, responder)
        responder.close()
        certbot(lab)
        lego(lab)
        caddy(lab)
        mod_md(lab)


main()
