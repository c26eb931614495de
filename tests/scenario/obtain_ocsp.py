#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=300
"""`autarky obtain --ocsp`: the OCSP answer of a certificate beside it, as nginx and HAProxy show it to OpenSSL; fetched anew before it
ends; told to a hook of dehydrated's; and what a responder may do that is no reason to fail, nor to write anything."""

import http.client
import http.server
import json
import os
import pathlib
import re
import sys
import threading
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import AGENT, AUTARKY, OPENSSL, Lab, expect, free_port, run, steady_port, wait_for  # noqa: E402
from place import NAME, Place  # noqa: E402
from services import Haproxy, Service  # noqa: E402


class Responder(http.server.BaseHTTPRequestHandler):
    """What stands behind the URL in certificates: the lab's own, or something worse."""

    protocol_version = "HTTP/1.1"
    way, plain, kept, seen, asked = "pass", None, None, None, 0

    def do_POST(self):  # noqa: N802
        cls = Responder
        cls.asked += 1
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if cls.way == "silent":
            time.sleep(20)
        c = http.client.HTTPConnection(urllib.parse.urlparse(cls.plain).netloc, timeout=30)
        c.request("POST", self.path, body, {"Content-Type": self.headers["Content-Type"]})
        status, answer = (r := c.getresponse()).status, r.read()
        c.close()
        if cls.way == "changed":
            answer = answer[:-40] + bytes([answer[-40] ^ 1]) + answer[-39:]
        elif cls.way == "other":
            answer = cls.kept
        elif cls.way == "replayed":
            answer = cls.seen
        elif cls.way == "big":
            answer += bytes(100_000)
        elif cls.way == "503":
            status = 503
        elif cls.way == "later":
            answer = bytes.fromhex("30030a0103")
        self.send_response(status)
        self.send_header("Content-Type", "application/ocsp-response")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        try:
            self.wfile.write(answer)
        except OSError:
            pass
        cls.kept = cls.kept or answer

    def handle(self):
        try:
            super().handle()
        except OSError:  # who asks may have gone
            pass

    def log_message(self, *_):
        pass


class Nginx(Service):
    """Shows what is in the file."""

    name = "nginx"

    def __init__(self, directory, place):
        super().__init__(directory)
        self.port, self.pid = free_port(), self.directory / "pid"
        temporary = "".join(f"{t}_temp_path {self.directory}/tmp;\n" for t in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (self.directory / "nginx.conf").write_text(
            f"{'user root;' if os.geteuid() == 0 else ''} daemon off; pid {self.pid};\nevents {{ }}\nhttp {{ access_log off; {temporary}\n"
            f"server {{ listen 127.0.0.1:{self.port} ssl; ssl_certificate {place.chain}; ssl_certificate_key {place.private};\n"
            f"ssl_stapling on; ssl_stapling_file {place.out}/ocsp.der; return 200; }} }}\n")
        self.run("/usr/sbin/nginx", "-p", self.directory, "-c", self.directory / "nginx.conf", "-e", self.directory / "error.log",
                 ports=[self.port])


def shown(lab, port):
    """The status in the handshake, and since when it is; None: none was shown."""
    text = run(OPENSSL, "s_client", "-connect", f"127.0.0.1:{port}", "-servername", NAME, "-CAfile", lab.roots, "-status", ok=(0, 1))
    found = re.search(r"Cert Status: (\w+)\n.*This Update: ([^\n]*)", text)
    return found.groups() if found else None


def verified(lab, place, der=None):
    """OpenSSL's own opinion of the file."""
    text = run(OPENSSL, "ocsp", "-respin", der or place.out / "ocsp.der", "-issuer", place.out / "chain.pem", "-cert", place.out / "cert.pem",
               "-CAfile", lab.roots, "-no_nonce")
    expect(text, "Response verify OK", "openssl ocsp")
    expect(text, "cert.pem: good", "openssl ocsp")


def overdue(place, **more):
    """As if the time had come; what is remembered otherwise stays."""
    state = place.state
    state.update({"ocsp_at": 1, **more})
    (place.out / ".autarky/state.json").write_text(json.dumps(state))


def with_services(lab):
    place = Place(lab, "services")
    combined = lab.directory / "site"
    combined.mkdir()
    both = combined / "wiki.pem"
    said = place.obtain("--ocsp", "--combined", both)
    expect(said, "the OCSP answer is good until", "what is said")
    if os.readlink(place.out / "ocsp.der") != ".autarky/live/ocsp.der" or (place.out / "ocsp.der").stat().st_mode & 0o777 != 0o644:
        sys.exit("the file with the answer")
    verified(lab, place)
    verified(lab, place, combined / "wiki.pem.ocsp")
    with Nginx(lab.directory, place) as nginx, Haproxy(lab.directory, both) as haproxy:
        reload = f"shell:kill -HUP $(cat {nginx.pid}) && kill -USR2 $(cat {haproxy.pid})"
        at = ("--prove", f"127.0.0.1:{nginx.port}", "--prove", f"127.0.0.1:{haproxy.port}")
        place.obtain("--ocsp", "--combined", both, "--reload", reload, *at)
        for port in (nginx.port, haproxy.port):
            wait_for("an OCSP answer", lambda p=port: (shown(lab, p) or [None])[0] == "good")
        # A new certificate comes with its own.
        place.renew("--force")
        verified(lab, place)
        for port in (nginx.port, haproxy.port):
            wait_for("an OCSP answer of the new one", lambda p=port: (shown(lab, p) or [None])[0] == "good")
        # It is fetched anew when it is time, and the services are told; the certificate stays.
        leaf, before = place.leaf(), place.state
        if not before["ocsp_since"] < before["ocsp_at"] < before["ocsp_until"]:
            sys.exit(f"when it is fetched anew: {before}")
        asked = Responder.asked
        expect(place.renew(), "not due before", "a run with nothing to do")
        if Responder.asked != asked:
            sys.exit("the responder was asked before it was time")
        (place.out / ".autarky/live/ocsp.der").write_bytes(b"an older one")
        overdue(place)
        expect(place.renew(), "the OCSP answer is good until", "a run with an answer to fetch")
        verified(lab, place)
        verified(lab, place, combined / "wiki.pem.ocsp")
        notes = [json.loads(line) for line in (place.out / ".autarky/journal").read_text().splitlines()]
        if place.leaf() != leaf or notes[-1]["what"] != "reloaded" or notes[-2]["what"] == "installed":
            sys.exit(f"more was done than asked for: {notes[-3:]}")
        # Without the option it goes, and HAProxy can live without.
        place.obtain("--combined", both, "--reload", f"shell:kill -USR2 $(cat {haproxy.pid})", "--prove", f"127.0.0.1:{haproxy.port}")
        if os.path.lexists(place.out / "ocsp.der") or os.path.lexists(f"{both}.ocsp"):
            sys.exit("the answer is still there")


def what_is_worse(lab):
    """The certificate is renewed whatever the responder does, and nothing is written that was not verified."""
    place = Place(lab, "worse")
    place.obtain("--ocsp")
    for way, why in (("changed", ""), ("other", "about another certificate"), ("big", "larger"), ("503", "answers with status 503"),
                     ("later", "has no answer now (OCSP status 3)")):
        Responder.way = way
        leaf = place.leaf()
        said = place.renew("--force")
        expect(said, "renewed, valid until", way)
        expect(said, "warning: ", way)
        expect(said, "the OCSP answer: ", way)
        if way != "big":
            expect(said, why, way)
        if place.leaf() == leaf or (place.out / "ocsp.der").exists():
            sys.exit(f"{way}: no certificate, or an answer")
        state = place.state
        if not state["ocsp_why"] or state["ocsp_failures"] != 1 or state["failures"] or state["ocsp_at"] - time.time() * 1e6 > 3600e6:
            sys.exit(f"{way}: {state}")
    doctor = run(AGENT, "agent", "doctor", place.out, ok=(2,))
    expect(doctor, "there is none; the last attempt failed: the OCSP responder has no answer now", "agent doctor")
    # It is tried again, after its own pause and not before; and an answer that is there stays when the next one is bad.
    Responder.way = "pass"
    asked = Responder.asked
    place.renew()
    if Responder.asked != asked:
        sys.exit("the pause is not kept")
    overdue(place)
    place.renew()
    verified(lab, place)
    good = (place.out / "ocsp.der").read_bytes()
    if place.state.get("ocsp_why") or place.state["ocsp_failures"]:
        sys.exit(f"the failure is still remembered: {place.state}")
    Responder.way = "changed"
    overdue(place)
    expect(place.renew(), "not due before", "an answer that is none")
    if (place.out / "ocsp.der").read_bytes() != good or place.state["ocsp_failures"] != 1:
        sys.exit("what is good was given up for what is none")
    Responder.way = "pass"
    # Revoked it stays, though somebody on the line has an answer of before, which is still good.
    Responder.seen = good
    serial = run(OPENSSL, "x509", "-in", place.out / "cert.pem", "-noout", "-serial").strip().removeprefix("serial=")
    lab.autarky("cert", "revoke", serial, "--reason", "superseded")

    def revoked():
        overdue(place)
        place.renew()
        return (place.out / "ocsp.der").read_bytes() != good

    wait_for("an answer that says revoked", revoked, 120)
    now = (place.out / "ocsp.der").read_bytes()
    for way in ("replayed", "503", "replayed"):
        Responder.way = way
        overdue(place)
        place.renew()
        if (place.out / "ocsp.der").read_bytes() != now:
            sys.exit(f"{way}: what was revoked is good again")
    Responder.way = "pass"


def silent(lab):
    """Nobody answers: the certificate comes all the same, in a time that has an end."""
    place = Place(lab, "silent")
    Responder.way = "silent"
    began = time.monotonic()
    expect(place.obtain("--ocsp"), "the OCSP answer: ", "nobody answers")
    if not 40 < time.monotonic() - began < 150:
        sys.exit(f"it took {time.monotonic() - began} s")
    Responder.way = "pass"


def hook(lab, style="dehydrated"):
    """dehydrated's ninth call, with its arguments, behind deploy_cert; a hook that fails is told again."""
    place, record = Place(lab, "hook"), lab.directory / "record"
    program, www = lab.directory / "hook.sh", lab.directory / "www"
    (www / ".well-known/acme-challenge").mkdir(parents=True)
    program.write_text(f"""#!/bin/sh
echo "$altnames|$@" >> {record}
case $1 in deploy_challenge) printf %s "$4" > {www}/.well-known/acme-challenge/"$3";; esac
[ "$1" != "$FAIL" ]
""")
    program.chmod(0o755)
    env = lab.directory / "env"
    env.write_text("")
    env.chmod(0o600)

    def calls():
        found = [line.split("|", 1)[1].split(" ") for line in record.read_text().splitlines()]
        record.write_text("")
        return found
    server = http.server.ThreadingHTTPServer(("127.0.0.1", lab.http_port), lambda *a: http.server.SimpleHTTPRequestHandler(*a, directory=www))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    began = int(time.time())
    run(AUTARKY, "obtain", "--server", lab.directory_url, "--ca-file", lab.roots, "--out", place.out, "--agree-tos", "--name", NAME,
        "--hook", f"{style}:{program}", "--challenge", "http-01", "--hook-env", env, "--ocsp")
    got = calls()
    if [c[0] for c in got[-4:]] != ["sync_cert", "deploy_cert", "deploy_ocsp", "exit_hook"]:
        sys.exit(f"the calls: {got}")
    ocsp = got[-2]
    if ocsp[1:3] != [NAME, f"{place.out}/ocsp.der"] or len(ocsp) != 4 or not began <= int(ocsp[3]) <= time.time():
        sys.exit(f"deploy_ocsp: {ocsp}")
    run(AUTARKY, "renew", place.out)
    if [c[0] for c in calls()] != ["startup_hook", "unchanged_cert", "exit_hook"]:
        sys.exit("told of an answer that is the same")
    (place.out / ".autarky/live/ocsp.der").write_bytes(b"an older one")
    overdue(place)
    run(AUTARKY, "renew", place.out)
    if [c[0] for c in calls()] != ["startup_hook", "unchanged_cert", "deploy_ocsp", "exit_hook"]:
        sys.exit("not told of another answer")
    env.write_text("FAIL=deploy_ocsp\n")
    said = run(AUTARKY, "renew", "--force", place.out)
    expect(said, "deploy_ocsp ended with status 1", "a hook that fails")
    expect(said, "renewed, valid until", "a hook that fails")
    calls()
    env.write_text("")
    overdue(place)
    run(AUTARKY, "renew", place.out)
    if [c[0] for c in calls()] != ["startup_hook", "unchanged_cert", "deploy_ocsp", "exit_hook"]:
        sys.exit("a hook that failed is not told again")
    if place.state["ocsp_failures"]:
        sys.exit("the failure is still remembered")
    server.shutdown()


def main():
    os.environ["AUTARKY_DATA"] = "/nowhere"
    port = steady_port()
    with Lab(f'urls: {{plain: "http://127.0.0.1:{port}"}}\nrevocation: {{ocsp: {{lifetime: 1h}}}}\n') as lab:
        lab.start()
        Responder.plain = lab.plain
        server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Responder)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with_services(lab)
        what_is_worse(lab)
        hook(lab)
        silent(lab)
        server.shutdown()
    for words, why in ((("--ocsp-age", "1d"), "--ocsp-age is for --ocsp"),):
        expect(run(AUTARKY, "obtain", "--server", "https://localhost/", "--out", "/nowhere", "--name", NAME, "--http-listen", "127.0.0.1:1",
                   *words, ok=(64,)), why, "usage")


main()
