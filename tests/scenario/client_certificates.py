#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=120
"""One gateway with a site that demands certificates of its clients beside one that does not: curl and `openssl s_client` with good,
revoked, expired, foreign and no certificates; who they are, told to the backend and believed from nobody else; resumption; no way in
by the other site's name; a new list of revoked certificates in force at once, on open connections as well."""

import datetime
import json
import pathlib
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from http.server import ThreadingHTTPServer

from backends import until
from gateway import OPENSSL, SITES, Gateway, Web, expect

GUARDED, OPEN = SITES
LIFE = 4  # seconds
FORGED = ("-H", "X-Client-Cert-Subject: CN = admin", "-H", "x-client-cert-sha256: 00", "-H", "Client-Cert: :AA==:", "-H",
          "Client-Cert-Chain: :AA==:", "-H", "X_Client_Cert_Subject: CN = admin", "-H", "SSL-Client-Verify: SUCCESS")
ALL = "client_headers: [subject, issuer, serial, sha256, names, certificate]"


def openssl(*arguments, **more):
    done = subprocess.run([OPENSSL, *map(str, arguments)], check=False, capture_output=True, **more)
    if done.returncode:
        raise AssertionError(f"openssl {arguments}: {done.stderr.decode()}")
    return done.stdout


class Authority:
    """Of the clients, by OpenSSL."""

    def __init__(self, root, name):
        self.root, self.name, self.directory = root, name, root / name
        self.directory.mkdir()
        (self.directory / "index").write_text("")
        (self.directory / "serial").write_text("1000\n")
        (self.directory / "crlnumber").write_text("01\n")
        self.conf = self.directory / "ca.cnf"
        self.conf.write_text(
            "[req]\ndistinguished_name = dn\n[dn]\n[v3_ca]\nbasicConstraints = critical,CA:TRUE\nkeyUsage = critical,keyCertSign,cRLSign\n"
            "subjectKeyIdentifier = hash\n"
            f"[ca]\ndefault_ca = it\n[it]\ndatabase = {self.directory}/index\nserial = {self.directory}/serial\n"
            f"crlnumber = {self.directory}/crlnumber\nnew_certs_dir = {self.directory}\ncertificate = {self.directory}/ca.pem\n"
            f"private_key = {self.directory}/ca.key\ndefault_md = sha256\ndefault_crl_days = 2\npolicy = any\nunique_subject = no\n"
            "crl_extensions = crl_ext\n[crl_ext]\nauthorityKeyIdentifier = keyid\n[any]\ncommonName = supplied\n"
            + "".join(f"[{use}]\nbasicConstraints = critical,CA:FALSE\nkeyUsage = critical,digitalSignature\nextendedKeyUsage = {use}\n"
                      "authorityKeyIdentifier = keyid\nsubjectKeyIdentifier = hash\nsubjectAltName = DNS:laptop.inside.example\n"
                      for use in ("clientAuth", "serverAuth")))
        openssl("req", "-config", self.conf, "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                self.directory / "ca.key", "-out", self.directory / "ca.pem", "-days", "2", "-subj", f"/CN={name}", "-extensions", "v3_ca")

    def issue(self, name, use="clientAuth", when=("-days", "1")):
        key, csr, cert = (self.root / f"{name}.{e}" for e in ("key", "csr", "pem"))
        openssl("req", "-config", self.conf, "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", csr,
                "-subj", f"/CN={name}")
        openssl("ca", "-config", self.conf, "-batch", "-notext", "-extensions", use, *when, "-in", csr, "-out", cert)

    def revoke(self, name):
        openssl("ca", "-config", self.conf, "-revoke", self.root / f"{name}.pem")

    def list(self):
        openssl("ca", "-config", self.conf, "-gencrl", "-out", self.directory / "crl.pem")
        return (self.directory / "crl.pem").read_bytes()


class World:
    def __init__(self, root, port):
        self.root, self.port, self.generation = root, port, 0
        self.ca = Authority(root, "clients-ca")
        self.ca.issue("good")
        self.ca.issue("other")
        self.ca.issue("revoked")
        self.ca.issue("server", "serverAuth")
        self.ca.issue("over", when=("-startdate", "20200101000000Z", "-enddate", "20200102000000Z"))
        Authority(root, "foreign-ca").issue("foreign")
        self.ca.revoke("revoked")
        self.gateway = Gateway(root, port)
        (root / "conf.d").mkdir()
        (root / "conf.d" / "clients.pem").write_bytes((root / "clients-ca" / "ca.pem").read_bytes())
        self.publish()

    def publish(self):
        (self.root / "conf.d" / "revoked.pem").write_bytes(self.ca.list())

    def configure(self, demands):
        self.generation += 1
        (self.root / "autarky.yaml").write_text(
            "organization: Example\ndomain: hospital.example\nlisten: {gateway: [\"127.0.0.1:0\"]}\n"
            f"gateway:\n  sites:\n    - {{name: {GUARDED}, backends: [\"http://127.0.0.1:{self.port}\"], {demands}}}\n"
            f"    - {{name: {OPEN}, backends: [\"http://127.0.0.1:{self.port}\"]}}\n"
            f"  paths:\n    - {{site: {OPEN}, path: /generation, answer: \"{self.generation}\"}}\n")
        self.gateway.process.send_signal(signal.SIGHUP)
        until("the configuration", lambda: self.gateway.curl(self.gateway.url("/generation", OPEN)).strip() == b"%d" % self.generation)

    def pair(self, name):
        return ("--cert", self.root / f"{name}.pem", "--key", self.root / f"{name}.key") if name else ()

    def told(self, name, *options, site=GUARDED):
        """What the backend got, names in lower case."""
        seen = json.loads(self.gateway.curl(*map(str, self.pair(name)), *options, self.gateway.url("/x", site)))["headers"]
        return {k.lower(): v for k, v in seen.items() if "client" in k.lower()}

    def refused(self, name, *options):
        done = subprocess.run(["curl", *self.gateway.options(), *map(str, self.pair(name)), *options, self.gateway.url("/x")],
                              capture_output=True, check=False)
        if done.returncode not in (16, 35, 55, 56, 60, 92) or done.stdout:
            raise AssertionError(f"{name} {options}: {done}")

    def connect(self, name):
        context = ssl.create_default_context(cafile=self.root / "all.pem")
        context.load_cert_chain(self.root / f"{name}.pem", self.root / f"{name}.key")
        return context.wrap_socket(socket.create_connection(("127.0.0.1", self.gateway.port), timeout=20), server_hostname=GUARDED)

    def s_client(self, name, *options):
        pair = ("-cert", self.root / f"{name}.pem", "-key", self.root / f"{name}.key") if name else ()
        done = subprocess.run([OPENSSL, "s_client", "-connect", f"127.0.0.1:{self.gateway.port}", "-servername", GUARDED, "-ign_eof", *pair, *options],
                              input=b"GET /x HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n" % GUARDED.encode(), capture_output=True,
                              check=False, timeout=30)
        return (done.stdout + done.stderr).decode(errors="replace")


def ask(client):
    """A request on a connection that stays; the answer's head, and as much of the rest as comes with it."""
    client.sendall(b"HEAD /x HTTP/1.1\r\nHost: %s\r\n\r\n" % GUARDED.encode())
    return client.recv(16384)


VERSIONS = (("--tls-max", "1.2", "--http1.1"), ("--http1.1",), ("--http2",), ("--tls-max", "1.2", "--http2"))


def demanded(world):
    der = openssl("x509", "-in", world.root / "good.pem", "-outform", "DER")
    sha256 = openssl("dgst", "-sha256", "-r", input=der).decode().split()[0]
    for version in VERSIONS:
        seen = world.told("good", *FORGED, *version)
        expect("subject", seen["x-client-cert-subject"], "CN = good")
        expect("issuer", seen["x-client-cert-issuer"], "CN = clients-ca")
        expect("hash", seen["x-client-cert-sha256"], sha256)
        expect("names", seen["x-client-cert-names"], "DNS:laptop.inside.example")
        expect("certificate", openssl("base64", "-d", "-A", input=seen["client-cert"].strip(":").encode()), der)
        expect("nothing else", sorted(seen), ["client-cert", "x-client-cert-issuer", "x-client-cert-names", "x-client-cert-serial",
                                              "x-client-cert-sha256", "x-client-cert-subject"])
        for name in (None, "revoked", "over", "foreign", "server"):
            world.refused(name, *version)
        # The other site asks nobody, and tells of nobody.
        expect("the other site", world.told("good", *FORGED, *version, site=OPEN), {})
    for what in ("tls.client-revoked", "tls.client-time", "tls.client-use", "x509.verify"):
        if not world.gateway.said(what):
            raise AssertionError(f"the log does not say {what}")
    for name, alert in (("revoked", "certificate revoked"), ("over", "certificate expired")):
        if alert not in (said := world.s_client(name)):
            raise AssertionError(f"{name}: {said}")


def no_way_round(world):
    """Handshake for the open site, request for the guarded one."""
    for version in VERSIONS:
        for pair in ("good", None):
            status = world.gateway.curl(*map(str, world.pair(pair)), *version, "-H", f"Host: {GUARDED}", "-o", "/dev/null", "-w",
                                        "%{http_code}", world.gateway.url("/x", OPEN))
            expect("another site's name", status, b"421")


def resumed(world):
    for version in ("-tls1_2", "-tls1_3"):
        kept = world.root / f"session{version}"
        if "CN = good" not in world.s_client("good", version, "-sess_out", kept):
            raise AssertionError("not served")
        said = world.s_client(None, version, "-sess_in", kept)
        if "Reused" not in said or "CN = good" not in said:
            raise AssertionError(f"{version}: a session was not resumed, or lost whose it is: {said}")


def revoked_meanwhile(world):
    """On an open connection, and for sessions."""
    with world.connect("other") as client:
        expect("served", ask(client)[:12], b"HTTP/1.1 200")
        world.ca.revoke("other")
        world.publish()
        world.configure(f"client_ca: clients.pem, client_crl: revoked.pem, {ALL}")
        try:
            answer = ask(client)
        except OSError:
            answer = b""
        expect("served after it was revoked", answer[:12] in (b"", b"HTTP/1.1 421"), True)
    world.refused("other")
    for version in ("-tls1_2", "-tls1_3"):
        if "HTTP/1.1 200" in world.s_client(None, version, "-sess_in", world.root / f"session{version}"):
            raise AssertionError("a session of the policy before was resumed")
    expect("the others", world.told("good")["x-client-cert-subject"], "CN = good")


def runs_out(world):
    """While the connection is open."""
    end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=LIFE)
    world.ca.issue("brief", when=("-startdate", "20200101000000Z", "-enddate", end.strftime("%Y%m%d%H%M%SZ")))
    with world.connect("brief") as client:
        expect("served", ask(client)[:12], b"HTTP/1.1 200")
        time.sleep(LIFE)
        expect("served after its end", ask(client)[:12], b"HTTP/1.1 421")
        expect("and then", client.recv(1), b"")
    world.refused("brief")


def optional(world):
    world.configure("client_ca: clients.pem, client_crl: revoked.pem, client_optional: true, client_headers: [subject]")
    for version in VERSIONS:
        expect("without", world.told(None, *FORGED, *version), {})
        expect("with", world.told("good", *FORGED, *version), {"x-client-cert-subject": "CN = good"})
        world.refused("revoked", *version)


def main():
    web = ThreadingHTTPServer(("127.0.0.1", 0), Web)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as d:
        world = World(pathlib.Path(d), web.server_address[1])
        with world.gateway:
            world.configure(f"client_ca: clients.pem, client_crl: revoked.pem, {ALL}")
            for part in (demanded, no_way_round, resumed, runs_out, revoked_meanwhile, optional):
                part(world)
                print(part.__name__, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
