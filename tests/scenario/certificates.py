#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=240
"""Users by their certificates, with curl and openssl: what they may, and every certificate that is nobody: a stranger's, one for
servers, one that is no user's, one that was taken away, one that was revoked, or its issuer, while its connection stays open. Pages of other sites,
headers that name a certificate, sessions of TLS and of the dashboard."""

import http.client
import json
import pathlib
import ssl
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import DOMAIN, OPENSSL, Lab, expect, run, wait_for  # noqa: E402

ON = "control: {certificates: true}\n"


class Pair:
    def __init__(self, lab, name, *options):
        self.out = lab.directory / name
        lab.autarky("cert", "issue", "--name", f"{name}.{DOMAIN}", "--out", self.out, *options)
        self.cert = self.out / "fullchain.pem"
        self.key = self.out / "privkey.pem"
        text = run(OPENSSL, "x509", "-in", self.cert, "-noout", "-serial")
        self.serial = text.strip().split("=")[1]


def ask(lab, path, pair=None, *options):
    with_it = ("--cert", pair.cert, "--key", pair.key) if pair else ()
    out = run("curl", "-sS", "--cacert", lab.roots, "-w", "\n%{http_code}", *with_it, *options, lab.api + path)
    body, status = out.rsplit("\n", 1)
    return int(status), body


def post(lab, path, args, pair, *options):
    return ask(lab, path, pair, "-H", "Content-Type: application/json", "-d", json.dumps(args), *options)


def want(got, status, what, words=""):
    if got[0] != status or words not in got[1]:
        sys.exit(f"{what}: {got[0]} instead of {status} with \"{words}\": {got[1][:600]}")
    return got[1]


def add_user(lab, name, roles):
    file = lab.directory / "password.txt"
    file.write_text("correct horse battery\n")
    file.chmod(0o600)
    lab.autarky("user", "add", name, "--role", roles, "--host-user", "none", "--password-file", file)


def off_by_default(lab, alice):
    """Nobody is asked, and what is shown all the same is nothing."""
    port = lab.api.rsplit(":", 1)[1]
    said = run(OPENSSL, "s_client", "-connect", f"localhost:{port}", "-CAfile", lab.roots)
    expect(said, "No client certificate CA names sent", "what the server asks for")
    if "Client Certificate Type" in said or "Requested Signature Algorithms" in said:
        sys.exit("a certificate is asked for by default")
    want(ask(lab, "/api/v1/status", alice), 401, "a certificate while nobody looks", "core.api-nobody")


def asked(lab):
    """Over both versions: for a certificate, of whichever CA."""
    port = lab.api.rsplit(":", 1)[1]
    for version in ("-tls1_2", "-tls1_3"):
        said = run(OPENSSL, "s_client", "-connect", f"localhost:{port}", "-CAfile", lab.roots, version)
        expect(said, "Requested Signature Algorithms", f"{version}: that a certificate is asked for")
        expect(said, "No client certificate CA names sent", f"{version}: of which CA")


def users(lab, alice, bob):
    want(ask(lab, "/api/v1/status"), 401, "no certificate", "core.api-nobody")
    want(ask(lab, "/api/v1/status", alice), 401, "no user's certificate", "core.shown-nobody")
    lab.autarky("user-certificate", "add", "alice", "--serial", alice.serial, "--reason", "INC-1")
    lab.autarky("user-certificate", "add", "bob", "--serial", bob.serial)
    expect(lab.autarky("user-certificate", "add", "bob", "--serial", alice.serial, ok=(2,)), "a user's already", "a second user")
    expect(lab.autarky("user-certificate", "list").upper(), alice.serial, "the list")
    want(ask(lab, "/api/v1/status", alice), 200, "alice", '"organization":"Example Hospital"')
    want(ask(lab, "/api/v1/status", alice, "--tls-max", "1.2"), 200, "alice over TLS 1.2")
    want(post(lab, "/api/v1/issuance/freeze", {"reason": "INC-2"}, alice), 200, "an operator freezes")
    want(post(lab, "/api/v1/issuance/thaw", {"reason": "INC-2"}, alice), 403, "an operator thaws", "core.admin-roles")
    want(post(lab, "/api/v1/issuance/freeze", {"reason": "x"}, bob), 403, "a viewer freezes", "core.admin-roles")
    lab.autarky("issuance", "thaw", "--reason", "INC-2")


def other_sites(lab, alice):
    for header in ("Origin: https://evil.example", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site", "Origin: null"):
        want(post(lab, "/api/v1/issuance/freeze", {"reason": "x"}, alice, "-H", header), 403, header, "core.api-elsewhere")
        want(ask(lab, "/ui/sign-in", alice, "-d", "certificate=1", "-H", header), 403, header, "another site")
    want(post(lab, "/api/v1/issuance/thaw", {}, alice, "-H", f"Origin: {lab.api}"), 403, "its own page", "core.admin-roles")


def nobodies(lab, alice):
    """Certificates that are no identity, each refused with its reason, and connections that are served all the same."""
    server = Pair(lab, "web")
    expect(lab.autarky("user-certificate", "add", "alice", "--serial", server.serial, ok=(2,)), "not for clients alone", "a server's certificate")
    want(ask(lab, "/api/v1/status", server), 401, "a server's certificate", "policy.shown-usage")
    foreign = lab.directory / "foreign"
    foreign.mkdir()
    pair = type("Foreign", (), {"cert": foreign / "cert.pem", "key": foreign / "key.pem"})
    config = foreign / "openssl.cnf"
    config.write_text("[req]\ndistinguished_name = dn\n[dn]\n")
    for serial in ("0x" + alice.serial, "1"):  # the same serial number as one of ours is somebody else's certificate
        run(OPENSSL, "req", "-config", config, "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", pair.key,
            "-out", pair.cert, "-subj", f"/CN=alice.{DOMAIN}", "-set_serial", serial, "-addext", "extendedKeyUsage=clientAuth")
        want(ask(lab, "/api/v1/status", pair), 401, f"a stranger's certificate {serial}", "core.shown-unknown")
    want(ask(lab, "/acme/directory", pair), 200, "a stranger's certificate and ACME", "newOrder")
    # Somebody else's certificate without its key: the handshake does not come about.
    out = run("curl", "-sS", "--cacert", lab.roots, "--cert", alice.cert, "--key", pair.key, lab.api + "/api/v1/status", ok=(35, 56, 58))
    if "organization" in out:
        sys.exit("a certificate without its key is somebody")
    for name in ("X-Client-Cert", "Shown-Serial", "X-SSL-Client-Serial", "Client-Cert", "X-Forwarded-Client-Cert"):
        want(ask(lab, "/api/v1/status", None, "-H", f"{name}: {alice.serial}"), 401, name, "core.api-nobody")
    out = run("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", lab.plain + "/api/v1/status", "-H", f"Client-Cert: {alice.serial}")
    if out == "200":
        sys.exit("the plain listener serves the API")


def resumption(lab, alice):
    """No session of TLS is given, so none can be anybody's."""
    port = lab.api.rsplit(":", 1)[1]
    for version in ("-tls1_2", "-tls1_3"):
        saved = lab.directory / f"session{version}"
        run(OPENSSL, "s_client", "-connect", f"localhost:{port}", "-CAfile", lab.roots, version, "-cert", alice.cert, "-key", alice.key,
            "-sess_out", saved)
        if not saved.exists():
            continue
        said = run(OPENSSL, "s_client", "-connect", f"localhost:{port}", "-CAfile", lab.roots, version, "-sess_in", saved, ok=(0, 1))
        if "Reused" in said:
            sys.exit(f"a session was resumed: {version}")


def kept_alive(lab, pair):
    context = ssl.create_default_context(cafile=str(lab.roots))
    context.load_cert_chain(pair.cert, pair.key)
    conn = http.client.HTTPSConnection("localhost", int(lab.api.rsplit(":", 1)[1]), context=context, timeout=30)

    def get():
        conn.request("GET", "/api/v1/status")
        answer = conn.getresponse()
        return answer.status, answer.read().decode()
    conn.connect()
    return conn, get


def revoked(lab):
    carol = Pair(lab, "carol", "--profile", "client")
    lab.autarky("user-certificate", "add", "alice", "--serial", carol.serial)
    conn, get = kept_alive(lab, carol)
    first = conn.sock
    want(get(), 200, "before the revocation")
    jar = lab.directory / "jar"
    page = want(ask(lab, "/ui/", carol), 403, "the dashboard before", "Sign in as alice, by certificate")
    expect(page, 'name="certificate"', "the button")
    want(ask(lab, "/ui/sign-in", carol, "-d", "certificate=1", "-c", jar, "-H", f"Origin: {lab.api}"), 303, "the button")
    want(ask(lab, "/ui/plain", None, "-b", jar), 200, "the dashboard", "Overview")
    expect(lab.autarky("session", "list"), "alice", "who is signed in")
    lab.autarky("cert", "revoke", carol.serial, "--reason", "keyCompromise")
    want(get(), 401, "after the revocation, on the same connection", "policy.shown-revoked")
    if conn.sock is not first:
        sys.exit("that was another connection")
    want(ask(lab, "/ui/", None, "-b", jar), 403, "the session that it began")
    want(ask(lab, "/ui/sign-in", carol, "-d", "certificate=1"), 403, "signing in with it", "good no more")
    if "by certificate" in ask(lab, "/ui/", carol)[1]:
        sys.exit("there is a button for a certificate that was revoked")


def taken_away(lab, alice, bob):
    _, get = kept_alive(lab, alice)
    want(get(), 200, "alice")
    lab.autarky("user-certificate", "remove", "alice", "--serial", alice.serial)
    want(get(), 401, "a certificate that was taken away", "core.shown-nobody")
    lab.autarky("user-certificate", "add", "alice", "--serial", alice.serial)
    want(get(), 200, "and given again")
    _, get = kept_alive(lab, bob)
    want(get(), 200, "bob")
    lab.autarky("user", "remove", "bob")
    want(get(), 401, "a user who was removed", "core.shown-nobody")
    lab.configure("")
    lab.autarky("reload")
    want(ask(lab, "/api/v1/status", alice), 401, "after control.certificates", "core.api-nobody")
    lab.configure(ON)
    lab.autarky("reload")
    want(ask(lab, "/api/v1/status", alice), 200, "and with it again")


def signer_ready(lab):
    """It has read what is new."""
    def read():
        return lab.log().count("serve.role-ready role=signer") == 1 + lab.log().count("serve.restarts role=signer")
    wait_for("the signer", read, 120)


def issuer_revoked(lab):
    """Nobody revoked the certificate, and the server's own name goes on under another issuer."""
    dora = Pair(lab, "dora", "--profile", "client")
    lab.autarky("user-certificate", "add", "alice", "--serial", dora.serial)
    jar = lab.directory / "jar-dora"
    want(ask(lab, "/ui/sign-in", dora, "-d", "certificate=1", "-c", jar, "-H", f"Origin: {lab.api}"), 303, "the button")
    name = run(OPENSSL, "x509", "-in", dora.cert, "-noout", "-issuer").strip().split("CN=")[-1].split("CN = ")[-1]
    ref = next(i["ref"] for i in json.loads(lab.autarky("issuer", "list", "--json"))["issuers"] if i["subject"].endswith(name))
    lab.autarky("issuer", "rotate", ref, "--now")
    signer_ready(lab)
    conn, get = kept_alive(lab, dora)
    want(get(), 200, "an issuer that was rotated away")
    lab.autarky("issuer", "revoke", ref, "--yes", "--reason", "stolen")
    want(get(), 401, "its issuer is revoked", "policy.shown-issuer")
    conn.close()
    want(ask(lab, "/ui/", None, "-b", jar), 403, "the session that it began")
    want(ask(lab, "/ui/sign-in", dora, "-d", "certificate=1"), 403, "signing in with it", "good no more")
    signer_ready(lab)
    erin = Pair(lab, "erin", "--profile", "client")
    lab.autarky("user-certificate", "add", "alice", "--serial", erin.serial)
    want(ask(lab, "/api/v1/status", erin), 200, "one of the new issuer")


def main():
    with Lab() as lab:
        lab.start()
        alice = Pair(lab, "alice", "--profile", "client")
        bob = Pair(lab, "bob", "--profile", "client")
        add_user(lab, "alice", "operator")
        add_user(lab, "bob", "viewer")
        off_by_default(lab, alice)
        lab.configure(ON)
        lab.autarky("reload")
        asked(lab)
        users(lab, alice, bob)
        other_sites(lab, alice)
        nobodies(lab, alice)
        resumption(lab, alice)
        revoked(lab)
        taken_away(lab, alice, bob)
        issuer_revoked(lab)
        lab.autarky("audit", "export", "--out", lab.directory / "audit")
        trail = "".join(f.read_text(errors="replace") for f in (lab.directory / "audit").rglob("*") if f.is_file())
        for words in ("user.certificate-added", "user.certificate-removed", "user alice (certificate)", "operator.signed-in",
                      "operator.refused"):
            expect(trail, words, "the audit log")


main()
