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
from acme_clients import Shelf, accounts_of, check, eab, revoked, served  # noqa: E402
from lab import DOMAIN, Lab, Process, expect, run, steady_port, wait_for  # noqa: E402


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


# ---- Caddy: by itself, from its configuration

def caddy(lab):
    name = f"caddy.{DOMAIN}"
    kid, key = eab(lab, "caddy")
    port = steady_port()
    home = lab.directory / "caddy"
    home.mkdir()
    (home / "Caddyfile").write_text(f"""{{
  admin off
  http_port {lab.http_port}
  https_port {port}
  email a@{DOMAIN}
  acme_ca {lab.directory_url}
  acme_ca_root {lab.roots}
  acme_eab {{
    key_id {kid}
    mac_key {key}
  }}
}}
{name} {{
  bind 127.0.0.1
  tls {{
    issuer acme {{
      dir {lab.directory_url}
      trusted_roots {lab.roots}
      eab {kid} {key}
      disable_tlsalpn_challenge
      alt_http_port {lab.http_port}
    }}
  }}
  respond "ok"
}}
""")
    server = Process("caddy", home, "/usr/bin/caddy", "run", "--config", home / "Caddyfile", "--adapter", "caddyfile",
                     env={**os.environ, "HOME": str(home), "XDG_DATA_HOME": str(home), "XDG_CONFIG_HOME": str(home)})
    try:
        wait_for(f"Caddy's certificate; {server.log}", lambda: served(port, name, lab.roots), 60)
    except SystemExit:
        print(server.log.read_text()[-5000:])
        raise
    finally:
        server.stop()
    if len(accounts_of(lab, "caddy")) != 1:
        sys.exit("Caddy's account is not bound")


# ---- Apache's mod_md: by itself, too

def mod_md(lab):
    name = f"apache.{DOMAIN}"
    kid, key = eab(lab, "apache")
    port = steady_port()
    home = lab.directory / "apache"
    modules = "/usr/lib/apache2/modules"
    (home / "md").mkdir(parents=True)
    (home / "httpd.conf").write_text(f"""ServerRoot {home}
ServerName {name}
PidFile {home}/pid
ErrorLog {home}/error.log
LogLevel warn md:info
Mutex file:{home}
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule socache_shmcb_module {modules}/mod_socache_shmcb.so
LoadModule ssl_module {modules}/mod_ssl.so
LoadModule md_module {modules}/mod_md.so
{"User nobody" + chr(10) + "Group nogroup" if os.geteuid() == 0 else ""}
Listen 127.0.0.1:{lab.http_port}
Listen 127.0.0.1:{port}
MDStoreDir {home}/md
MDCertificateAuthority {lab.directory_url}
MDCACertificateFile {lab.roots}
MDCertificateAgreement accepted
MDContactEmail a@{DOMAIN}
MDExternalAccountBinding {kid} {key}
MDPortMap http:{lab.http_port} https:-
MDCAChallenges http-01
MDRenewMode always
MDPrivateKeys secp256r1
MDomain {name}
<VirtualHost 127.0.0.1:{port}>
  ServerName {name}
  SSLEngine on
</VirtualHost>
<VirtualHost 127.0.0.1:{lab.http_port}>
  ServerName {name}
</VirtualHost>
""")
    if os.geteuid() == 0:
        run("chown", "-R", "nobody:nogroup", home / "md")

    def staged():
        return list((home / "md").glob(f"*/{name}/pubcert*.pem"))

    def serve(wanted, seconds):
        server = Process("apache", home, "/usr/sbin/apache2", "-f", home / "httpd.conf", "-D", "FOREGROUND")
        try:
            wait_for("mod_md's certificate", wanted, seconds)
        except SystemExit:
            print((home / "error.log").read_text()[-5000:] + server.log.read_text()[-2000:])
            raise
        finally:
            server.stop()

    serve(staged, 90)
    # What it has obtained it takes into use at its next start.
    serve(lambda: served(port, name, lab.roots), 30)
    if len(accounts_of(lab, "apache")) != 1:
        sys.exit("mod_md's account is not bound")


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
        shutil.rmtree(lab.directory / "apache")


main()
