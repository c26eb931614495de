#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`autarky import`: what Debian's certbot, dehydrated and lego have obtained, and what acme.sh would have, is taken over where it
is. nginx was set up for those paths, and its configuration stays; the account stays; renewals come into the same paths."""

import base64
import functools
import http.server
import json
import os
import pathlib
import shutil
import signal
import socket
import ssl
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import AUTARKY, DOMAIN, OPENSSL, Lab, expect, run, wait_for  # noqa: E402
from services import Nginx  # noqa: E402

# The small program, as it is on hosts that have nothing else.
SMALL = str(pathlib.Path(AUTARKY).with_name("autarky-agent"))
PARTLY = 3


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


class Web:
    """nginx in front of one pair; what it serves, and whether anybody has touched its configuration."""

    def __init__(self, lab, name, chain, key):
        self.name = f"{name}.{DOMAIN}"
        self.nginx = Nginx(lab.directory, [(chain, key)], name=f"nginx-{name}")
        self.conf = self.nginx.directory / "nginx.conf"
        self.before = self.conf.read_text()
        self.first = self.served()

    def served(self):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with socket.create_connection(("127.0.0.1", self.nginx.port), 10) as s, \
                context.wrap_socket(s, server_hostname=self.name) as t:
            return "".join(ssl.DER_cert_to_PEM_cert(t.getpeercert(True)).split())

    def is_renewed(self, leaf):
        # A worker of before the reload may still answer once.
        wait_for(f"{self.name} serves {leaf}, another one than before",
                 lambda: self.served() == "".join(leaf.read_text().split()) != self.first)
        if self.conf.read_text() != self.before:
            sys.exit(f"{self.name}: nginx's configuration was changed")
        self.nginx.stop()


def accounts(lab):
    return sorted(a["id"] for a in json.loads(lab.autarky("account", "list", "--json"))["items"])


def tree(directory):
    """Every file and link below it, with what it is."""
    found = {}
    for path in sorted(pathlib.Path(directory).rglob("*")):
        st = path.lstat()
        found[str(path)] = (st.st_mode, os.readlink(path) if path.is_symlink() else st.st_size if path.is_file() else 0)
    return found


def take(lab, client, home, *options, ok=(0,)):
    """First what would be done, which does nothing; then that; then nothing more."""
    options = (home, "--ca-file", lab.roots, "--despite-timer", *options)
    before = tree(home)
    said = run(SMALL, "import", client, *options, "--dry-run", ok=ok)
    expect(said, "can be taken over, in", client)
    if tree(home) != before:
        sys.exit(f"{client}: a rehearsal changed something")
    said = run(SMALL, "import", client, *options, ok=ok)
    expect(said, "taken over, in", client)
    expect(said, "the same account", client)
    again = run(SMALL, "import", client, *options, ok=ok)
    expect(again, "autarky keeps it already", client)
    return said


def renew(lab, directory):
    """The same account orders once more."""
    before = accounts(lab)
    expect(run(SMALL, "renew", directory, "--force"), "renewed, valid until", str(directory))
    if accounts(lab) != before:
        sys.exit(f"{directory}: the renewal made another account: {accounts(lab)}")
    # Whichever program looks, nothing is in the way; on this machine other clients may run, which is not of these.
    for program in (SMALL, AUTARKY):
        checks = json.loads(run(program, "agent", "doctor", directory, "--json", ok=(0, 2)))["checks"]
        bad = [c for c in checks if c["state"] != "ok" and c["name"] not in ("others", "agent")]
        if not any(c["name"] == "certificate" for c in checks) or bad:
            sys.exit(f"{directory}: {program} agent doctor: {bad or checks}")


def certbot(lab):
    home, name = lab.directory / "certbot", f"cb.{DOMAIN}"
    pid = lab.directory / "nginx-cb" / "pid"
    options = ("--config-dir", home, "--work-dir", home, "--logs-dir", home, "--non-interactive")
    run("/usr/bin/certbot", "certonly", "--standalone", "--http-01-port", lab.http_port, "--server", lab.directory_url,
        "--agree-tos", "--email", "admin@hospital.example", "--no-eff-email", "-d", name, "-d", f"www.{name}",
        "--deploy-hook", f"test \"$RENEWED_DOMAINS\" = '{name} www.{name}' && if [ -f {pid} ]; then kill -HUP $(cat {pid}); fi",
        *options, env={**os.environ, "REQUESTS_CA_BUNDLE": str(lab.roots)})
    live = home / "live" / name
    web = Web(lab, "cb", live / "fullchain.pem", live / "privkey.pem")
    conf = home / "renewal" / f"{name}.conf"
    (home / "renewal" / "other.conf").write_text(conf.read_text().replace("standalone", "nginx"))
    if pathlib.Path("/etc/cron.d/certbot").exists():
        said = run(AUTARKY, "import", "certbot", home, ok=(2,))
        expect(said, "certbot is still run by", "certbot's timer")
    said = take(lab, "certbot", home, ok=(PARTLY,))
    expect(said, "other cannot be taken over", "a plugin without an equivalent")
    if web.served() != web.first:
        sys.exit("the import alone changed what is served")
    renew(lab, home / "live")
    web.is_renewed(live / "cert.pem")
    text = run(OPENSSL, "x509", "-in", live / "cert.pem", "-noout", "-text")
    expect(text, f"DNS:www.{name}", "the names of the renewed certificate")
    found = json.loads(run(AUTARKY, "import", "certbot", home, "--despite-timer", "--json", ok=(PARTLY,)))
    if sorted(i["status"] for i in found["items"]) != ["failed", "kept"]:
        sys.exit(f"--json: {found}")


def serve(lab):
    root = lab.directory / "www"
    (root / ".well-known" / "acme-challenge").mkdir(parents=True)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", lab.http_port), functools.partial(Quiet, directory=root))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return root


def dehydrated(lab, root):
    base, name = lab.directory / "dehydrated", f"dh.{DOMAIN}"
    base.mkdir()
    hook, record, pid = base / "hook.sh", base / "record", lab.directory / "nginx-dh" / "pid"
    hook.write_text(f"#!/bin/sh\necho \"$@\" >> {record}\n[ \"$1\" != deploy_cert ] || [ ! -f {pid} ] || kill -HUP $(cat {pid})\n")
    hook.chmod(0o755)
    (base / "config").write_text(
        f"CA=\"{lab.directory_url}\"\nBASEDIR={base}\nWELLKNOWN='{root}/.well-known/acme-challenge'\n"
        f"CURL_OPTS=\"--cacert {lab.roots}\"\nKEY_ALGO=secp384r1\nHOOK=\"${{BASEDIR}}/hook.sh\"\nPRIVATE_KEY_ROLLOVER=yes\nRENEW_DAYS=$((20 + 10))\n")
    (base / "domains.txt").write_text(f"{name} www.{name} > intranet\n")
    run("/usr/bin/dehydrated", "--register", "--accept-terms", "--config", base / "config")
    run("/usr/bin/dehydrated", "--cron", "--config", base / "config")
    live = base / "certs" / "intranet"
    web = Web(lab, "dh", live / "fullchain.pem", live / "privkey.pem")
    said = take(lab, "dehydrated", base)
    expect(said, "only a shell can know the value of RENEW_DAYS", "what is not carried over")
    expect(said, "the one that waits in privkey.roll.pem will not be used", "the key that waits for its turn")
    if not (live / "privkey.roll.pem").exists():
        sys.exit("dehydrated has made no key that waits")
    record.write_text("")
    renew(lab, base / "certs")
    web.is_renewed(live / "cert.pem")
    calls = record.read_text().split("\n")
    if not calls[0].startswith(f"deploy_cert {name} {live}/privkey.pem {live}/cert.pem {live}/fullchain.pem {live}/chain.pem 1"):
        sys.exit(f"the hook was called: {calls}")
    text = run(OPENSSL, "x509", "-in", live / "cert.pem", "-noout", "-text")
    expect(text, "P-384", "the kind of key stays")


def lego(lab, root):
    home, name = lab.directory / "lego", f"lego.{DOMAIN}"
    run("/usr/bin/lego", "--server", lab.directory_url, "--accept-tos", "--email", "admin@hospital.example", "--path", home,
        "--http", "--http.webroot", root, "--domains", name, "run",
        env={**os.environ, "LEGO_CA_CERTIFICATES": str(lab.roots)})
    files = home / "certificates"
    web = Web(lab, "lego", files / f"{name}.crt", files / f"{name}.key")
    said = run(AUTARKY, "import", "lego", home, "--despite-timer", ok=(2,))
    expect(said, "how control was proven", "lego without a way")
    # As version 5 is told, of which there is no package; what its hook does is done.
    hook = lab.directory / "lego-hook"
    hook.write_text(f'#!/bin/sh\n[ "$1 $LEGO_HOOK_CERT_DOMAINS" = "now {name}" ] && kill -HUP $(cat {web.nginx.pid})\n')
    hook.chmod(0o755)
    (lab.directory / ".lego.yml").write_text(
        f"storage: ./lego\nservers: {{ours: {{url: '{lab.directory_url}'}}}}\naccounts: {{admin: {{server: ours}}}}\n"
        f"challenges:\n  web: {{http: {{webroot: '{root}'}}}}\nhooks: {{deploy: {{command: {hook} now}}}}\n"
        f"certificates:\n  {name}:\n    domains: ['{name}']\n    mustStaple: true\n")
    said = run(AUTARKY, "import", "lego", home, "--despite-timer", "--dry-run", "--ca-file", lab.roots)
    expect(said, "this was not carried over: mustStaple", "lego, what cannot be")
    take(lab, "lego", home, "--account-key", next((home / "accounts").rglob("*.key")))
    renew(lab, files)
    web.is_renewed(files / name / "cert.pem")
    return next((home / "accounts").rglob("*.key"))


def acme_sh(lab, root, account):
    """As acme.sh writes it: there is no package of it."""
    home, name = lab.directory / "acme.sh", f"ash.{DOMAIN}"
    own, out = home / f"{name}_ecc", lab.directory / "installed"
    own.mkdir(parents=True)
    out.mkdir()
    issued = lab.directory / "issued"
    lab.autarky("cert", "issue", "--name", name, "--out", issued)
    for source, target in (("cert", f"{name}.cer"), ("chain", "ca.cer"), ("fullchain", "fullchain.cer"), ("privkey", f"{name}.key")):
        shutil.copy(issued / f"{source}.pem", own / target)
    shutil.copy(own / "fullchain.cer", out / "chain.pem")
    shutil.copy(own / f"{name}.key", out / "key.pem")
    (out / "key.pem").chmod(0o600)
    server = lab.directory_url
    keys = home / "ca" / "localhost" / "acme" / "directory"
    keys.mkdir(parents=True)
    shutil.copy(account, keys / "account.key")
    pid = lab.directory / "nginx-ash" / "pid"
    reload = base64.b64encode(f"kill -HUP $(cat {pid})".encode()).decode()
    (home / "account.conf").write_text(f"CA_BUNDLE='{lab.roots}'\nUSER_PATH='/bin'\n")
    (own / f"{name}.conf").write_text(
        f"Le_Domain='{name}'\nLe_Alt='no'\nLe_Webroot='{root}'\nLe_PreHook=''\nLe_PostHook=''\nLe_RenewHook=''\nLe_API='{server}'\n"
        f"Le_Keylength='ec-256'\nLe_RealCertPath=''\nLe_RealCACertPath=''\nLe_RealKeyPath='{out}/key.pem'\n"
        f"Le_ReloadCmd='__ACME_BASE64__START_{reload}__ACME_BASE64__END_'\nLe_RealFullChainPath='{out}/chain.pem'\n")
    web = Web(lab, "ash", out / "chain.pem", out / "key.pem")
    take(lab, "acme.sh", home)
    renew(lab, home)
    web.is_renewed(own / f"{name}.cer")
    if (out / "key.pem").read_bytes() != (own / f"{name}.key").read_bytes() or (out / "key.pem").stat().st_mode & 0o777 != 0o600:
        sys.exit("the copy of the key is not the key, or has another mode")


def main():
    os.environ["AUTARKY_DATA"] = "/nowhere"
    with Lab() as lab:
        lab.start()
        certbot(lab)
        root = serve(lab)
        dehydrated(lab, root)
        acme_sh(lab, root, lego(lab, root))


main()
