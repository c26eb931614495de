# SPDX-License-Identifier: Apache-2.0
"""What scenarios with ACME clients of others have in common: bindings, what came of it, and answers from files."""

import json
import os
import pathlib
import re
import socket
import ssl

from acme import Http01, split_chain
from lab import DOMAIN, Process, run, verify_chain, wait_for


def eab(lab, name, accounts=1):
    """A key as an administrator gives it to a person: kid and key."""
    made = json.loads(lab.autarky("eab", "create", name, "--accounts", accounts, "--json"))
    return made["kid"], made["key"]


def check(lab, fullchain, name):
    """The chain in one file, as all libraries see it."""
    directory = lab.directory / f"check.{name}"
    directory.mkdir(exist_ok=True)
    text = pathlib.Path(fullchain).read_text()
    parts = [p for p in re.split(r"(?<=-----END CERTIFICATE-----)\n", text) if "BEGIN CERTIFICATE" in p]
    (directory / "cert.pem").write_text(parts[0] + "\n")
    (directory / "chain.pem").write_text("\n".join(parts[1:]) + "\n")
    verify_chain(lab.roots, directory / "cert.pem", directory / "chain.pem", fullchain, name)
    return split_chain(pathlib.Path(fullchain).read_bytes())[0].serial_number


def accounts_of(lab, key):
    return json.loads(lab.autarky("account", "list", "--eab", key, "--json"))["items"]


def revoked(lab, name):
    return [i for i in json.loads(lab.autarky("cert", "list", "--status", "revoked", "--json"))["items"] if name in i["names"]]


def served(port, name, roots):
    """The certificate that a server gives for the name, checked; its serial."""
    context = ssl.create_default_context(cafile=str(roots))
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as plain:
            with context.wrap_socket(plain, server_hostname=name) as s:
                return s.getpeercert()["serialNumber"]
    except OSError:
        return None


class Shelf(Http01):
    """Answers from files that a client puts somewhere."""

    shelf = None

    def __init__(self, port):
        super().__init__(port)
        self.answers = self

    def get(self, token):
        path = pathlib.Path(self.shelf) / pathlib.PurePath(token.decode()).name
        return path.read_bytes() if path.is_file() else None


class Caddy:
    """Debian's, which gets its certificate for `name` by itself: `ports` of http and https, and how its issuer is told to."""

    def __init__(self, lab, ports, issuer):
        self.lab, self.name, self.port = lab, f"caddy.{DOMAIN}", ports[1]
        self.home = lab.directory / "caddy"
        self.home.mkdir()
        (self.home / "Caddyfile").write_text(f"""{{
  admin off
  http_port {ports[0]}
  https_port {ports[1]}
  email a@{DOMAIN}
}}
{self.name} {{
  bind 127.0.0.1
  tls {{
    issuer acme {{
      dir {lab.directory_url}
      trusted_roots {lab.roots}
      {issuer}
    }}
  }}
  respond "ok"
}}
""")

    def serve(self):
        """Until it has its certificate and shows it."""
        server = Process("caddy", self.home, "/usr/bin/caddy", "run", "--config", self.home / "Caddyfile", "--adapter",
                         "caddyfile", env={**os.environ, "HOME": str(self.home), "XDG_DATA_HOME": str(self.home),
                                           "XDG_CONFIG_HOME": str(self.home)})
        try:
            wait_for(f"Caddy's certificate; {server.log}", lambda: served(self.port, self.name, self.lab.roots), 60)
        except SystemExit:
            print(server.log.read_text()[-5000:])
            raise
        finally:
            server.stop()


class Apache:
    """Debian's, whose mod_md gets a certificate for `name`: `ports` that it listens on, of which the last one speaks TLS, and
    what mod_md is told beside."""

    MODULES = "/usr/lib/apache2/modules"

    def __init__(self, lab, ports, directives):
        self.lab, self.name, self.port = lab, f"apache.{DOMAIN}", ports[-1]
        self.home = lab.directory / "apache"
        (self.home / "md").mkdir(parents=True)
        listen = "\n".join(f"Listen 127.0.0.1:{port}" for port in ports)
        plain = "\n".join(f"<VirtualHost 127.0.0.1:{port}>\n  ServerName {self.name}\n</VirtualHost>" for port in ports[:-1])
        load = "\n".join(f"LoadModule {m}_module {self.MODULES}/mod_{m}.so"
                         for m in ("mpm_event", "authz_core", "socache_shmcb", "ssl", "md"))
        root = os.geteuid() == 0
        (self.home / "httpd.conf").write_text(f"""ServerRoot {self.home}
ServerName {self.name}
PidFile {self.home}/pid
ErrorLog {self.home}/error.log
LogLevel warn md:debug
Mutex file:{self.home}
{load}
{"User nobody" if root else ""}
{"Group nogroup" if root else ""}
{listen}
MDStoreDir {self.home}/md
MDCertificateAuthority {lab.directory_url}
MDCACertificateFile {lab.roots}
MDCertificateAgreement accepted
MDContactEmail a@{DOMAIN}
MDRenewMode always
MDPrivateKeys secp256r1
{directives}
MDomain {self.name}
<VirtualHost 127.0.0.1:{self.port}>
  ServerName {self.name}
  SSLEngine on
</VirtualHost>
{plain}
""")
        if root:
            run("chown", "-R", "nobody:nogroup", self.home / "md")

    def staged(self):
        """What it has obtained; it takes that into use at its next start."""
        return list((self.home / "md").glob(f"*/{self.name}/pubcert*.pem"))

    def shows(self):
        return served(self.port, self.name, self.lab.roots)

    def serve(self, wanted, seconds):
        """From a start until `wanted`."""
        server = Process("apache", self.home, "/usr/sbin/apache2", "-f", self.home / "httpd.conf", "-D", "FOREGROUND")
        try:
            wait_for("mod_md's certificate", wanted, seconds)
        except SystemExit:
            print((self.home / "error.log").read_text()[-8000:] + server.log.read_text()[-2000:])
            raise
        finally:
            server.stop()
