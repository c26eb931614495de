#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A part of the network that the CA cannot reach, in a network namespace of its own, with a web server, BIND and a prober that
connects out to the CA: what is in it is validated through the prober and by nobody else."""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from acme import Client  # noqa: E402
from dns_server import DnsServer  # noqa: E402
from lab import AUTARKY, DOMAIN, Lab, Process, expect, run, wait_for  # noqa: E402
from responder import Http01, WELL_KNOWN  # noqa: E402

CA, WARD = "10.9.0.1", "10.9.0.2"          # the two ends of the only wire
WEB, NAMES = "10.7.0.5", "10.7.0.53"       # inside; the CA has no route to them
PORT = 8055                                # of http-01; nobody else is in these namespaces
ROUND = 12                                 # orders at a time, while the prober is killed


def inside(directory):
    """What runs in the closed part, until its standard input ends: BIND, and a web server that answers with files."""
    class Web(BaseHTTPRequestHandler):
        def do_GET(self):
            path = directory / "tokens" / self.path.rsplit("/", 1)[-1]
            good = self.path.encode().startswith(WELL_KNOWN) and path.is_file()
            body = path.read_bytes() if good else b"nothing here\n"
            self.send_response(200 if good else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass
    with DnsServer(directory / "dns", {DOMAIN: f"*.ward A {WEB}\nward A {WEB}\n* A {WEB}\n"}, at=(NAMES, 53)):
        web = ThreadingHTTPServer((WEB, PORT), Web)
        threading.Thread(target=web.serve_forever, daemon=True).start()
        print("ready", flush=True)
        sys.stdin.read()
        web.shutdown()


class Ward:
    """The namespace and who is in it."""

    def __init__(self, lab):
        self.lab = lab
        self.directory = lab.directory / "ward"
        (self.directory / "tokens").mkdir(parents=True)
        resolv = self.directory / "resolv.conf"
        resolv.write_text(f"nameserver {NAMES}\n")
        self.holder = subprocess.Popen(["unshare", "--net", "--mount", "sh", "-c",
                                        f"mount --bind {resolv} /etc/resolv.conf && echo here && exec cat"],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.holder.stdout.readline()
        self.enter = ("nsenter", "--net", "--mount", "--target", str(self.holder.pid))
        run("ip", "link", "add", "wire0", "type", "veth", "peer", "name", "wire1", "netns", str(self.holder.pid))
        run("ip", "address", "add", f"{CA}/30", "dev", "wire0")
        run("ip", "link", "set", "wire0", "up")
        for words in (f"address add {WARD}/30 dev wire1", "link set wire1 up", "link set lo up",
                      "link add inner type veth peer name outer", "link set inner up", "link set outer up", f"address add {NAMES}/16 dev inner"):
            run(*self.enter, "ip", *words.split())
        run(*self.enter, "ip", "address", "add", f"{WEB}/16", "dev", "inner")
        self.inside = subprocess.Popen([*self.enter, sys.executable, __file__, "inside", str(self.directory)],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.inside.stdout.readline() != "ready\n":
            sys.exit("the web server of the closed part does not run")
        self.prober = None

    # As a responder of acme.Client.
    def add(self, token, key_authorization):
        (self.directory / "tokens" / token).write_text(key_authorization)

    def remove(self, token):
        (self.directory / "tokens" / token).unlink(missing_ok=True)

    def start(self, certificate):
        port = next(a for a in self.lab.listeners()["api"] if a.startswith(CA)).rsplit(":", 1)[1]
        self.prober = Process(f"prober-{certificate.name}", self.lab.directory, *self.enter, AUTARKY, "prober",
                              "--server", f"{CA}:{port}", "--cert", certificate / "fullchain.pem", "--key",
                              certificate / "privkey.pem", "--root", self.lab.roots)

    def stop(self, how=signal.SIGTERM):
        status = self.prober.stop(how)
        log = self.prober.log.read_text(errors="replace")
        for fault in ("ERROR: AddressSanitizer", "runtime error:", "ERROR: LeakSanitizer"):
            if fault in log:
                sys.exit(f"the prober's log has \"{fault}\":\n{log}")
        self.prober = None
        return status, log

    def close(self):
        if self.prober:
            self.prober.stop(signal.SIGKILL)
        for process in (self.inside, self.holder):
            process.stdin.close()
            process.wait(30)


def certificate(lab, name):
    """(directory with its files, SHA-256 of its key)"""
    out = lab.directory / name
    lab.autarky("cert", "issue", "--profile", "client", "--name", f"{name}.{DOMAIN}", "--out", out, "--reason", "test")
    found = json.loads(lab.autarky("cert", "find", f"{name}.{DOMAIN}", "--json"))["items"]
    return out, found[0]["spki_sha256"], found[0]["serial"]


def probers(lab):
    return json.loads(lab.autarky("status", "--json"))["probers"]


def connected(lab):
    return probers(lab)[0]["connected"]


def order(client, name):
    url, made = client.order([name])
    client.answer(made["authorizations"][0])
    return url, made


def error_of(client, made):
    state = client.post(made["authorizations"][0]).json
    return state["status"], " ".join(c.get("error", {}).get("detail", "") for c in state["challenges"])


def refused(lab, ward, client, stranger):
    """Nobody is asked but the prober, and who has another certificate is none."""
    url, made = order(client, f"alone.ward.{DOMAIN}")
    wait_for("the message that the prober is away", lambda: "prober ward" in error_of(client, made)[1])
    status, text = error_of(client, made)
    expect(text, f"the prober ward, which alone validates alone.ward.{DOMAIN}, is not connected", "the challenge's error")
    ward.start(stranger)
    wait_for("the stranger's refusal", lambda: "no entry of `probers`" in lab.log())
    wait_for("the stranger's own log", lambda: "has no entry with the key" in ward.prober.log.read_text())
    if connected(lab) or error_of(client, made)[0] != "pending":
        sys.exit(f"a stranger was let in: {probers(lab)}, {error_of(client, made)}")
    ward.stop()
    expect(lab.autarky("probe", "--as-ca", f"alone.ward.{DOMAIN}", ok=(2, 75)), "the prober ward", "probe")
    expect(lab.autarky("doctor", ok=(2, 3)), "the prober ward is not connected", "doctor")
    return url, made


def under_load(lab, ward, client, mine):
    """It is killed again and again while orders come: all of them end well."""
    made = [order(client, f"n{i}.ward.{DOMAIN}") for i in range(ROUND)]
    for _ in range(3):
        ward.stop(signal.SIGKILL)
        made += [order(client, f"m{len(made)}-{i}.ward.{DOMAIN}") for i in range(4)]
        ward.start(mine)
        time.sleep(0.5)
    for url, _ in made:
        client.wait(url, ("ready",))


def revoked(lab, ward, serial):
    """A certificate that is revoked is cut within two pings, and not let in again."""
    lab.autarky("cert", "revoke", serial, "--reason", "keyCompromise", "--why", "test")
    wait_for("the end of the revoked prober", lambda: not connected(lab), 45)
    expect(lab.log(), "the certificate of the prober ward is revoked", "the log")
    wait_for("its own log", lambda: "is revoked" in ward.prober.log.read_text())


def trail(lab):
    text = run("sqlite3", f"file:{next((lab.data / 'db').glob('*.db'))}?mode=ro",
               "SELECT bytes FROM events WHERE action = 'authorization.validated'")
    expect(text, '"prober":"ward"', "the audit trail")


def work():
    run("ip", "link", "set", "lo", "up")
    with Lab(dns_records="") as lab:
        ward = Ward(lab)
        try:
            api = ("127.0.0.1:0", f"{CA}:0")
            lab.configure(api=api)
            lab.start()
            mine, key, serial = certificate(lab, "prober")
            stranger, _, _ = certificate(lab, "stranger")
            both = (f"probers:\n  - {{name: ward, zones: [ward.{DOMAIN}], networks: [10.7.0.0/16], keys: [{key}]}}\n")
            lab.configure(both, api=api)
            text = (lab.data / "autarky.yaml").read_text()
            (lab.data / "autarky.yaml").write_text(re.sub(r"http_port: \d+", f"http_port: {PORT}", text))
            lab.autarky("reload")
            local = Http01(PORT)  # would answer a local prober, which must not ask
            client = Client(lab.directory_url, lab.roots, ward)
            client.register()
            ask = client.responder.add
            ward.add = lambda token, proof: (ask(token, proof), local.add(token, proof))
            client.responder = ward
            url, made = refused(lab, ward, client, stranger)
            if local.asked:
                sys.exit("the local prober has asked for what is the remote one's")
            ward.start(mine)
            wait_for("the prober", lambda: connected(lab))
            client.wait(url, ("ready",))
            client.obtain([f"wiki.ward.{DOMAIN}"])
            expect(lab.autarky("probe", "--as-ca", f"wiki.ward.{DOMAIN}"), WEB, "probe")
            expect(lab.autarky("status"), "ward       connected since", "status")
            expect(lab.autarky("doctor", ok=(0, 2, 3)), "the prober ward is connected", "doctor")
            client.obtain([f"here.{DOMAIN}"])  # the others are as ever
            if local.asked == 0:
                sys.exit("the local prober validates nothing")
            under_load(lab, ward, client, mine)
            trail(lab)
            revoked(lab, ward, serial)
            status, _ = ward.stop()
            if status != 0:
                sys.exit(f"the prober ended with {status}")
            client.close()
            local.close()
        finally:
            ward.close()


if sys.argv[1:2] == ["inside"]:
    inside(pathlib.Path(sys.argv[2]))
elif sys.argv[1:2] == ["work"]:
    work()
elif os.geteuid() != 0:
    print("skipped: network namespaces take root")
    sys.exit(77)
else:
    os.execvp("unshare", ["unshare", "--net", sys.executable, __file__, "work"])
