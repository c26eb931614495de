#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=300
"""Alerts, told to a webhook that fails half the time, to Debian's Alertmanager, to a syslog server and by mail through a real
Postfix, while courier, core and the whole server are killed: nothing is lost, and no receiver has anything twice. Certificates
that nobody renewed are told of at their own time, those that were renewed are not."""

import hashlib
import hmac
import http.server
import json
import os
import pathlib
import random
import signal
import ssl
import sys
import threading
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import DOMAIN, Clock, Lab, Process, expect, free_port, steady_port, wait_for  # noqa: E402

FAILED = 2
HOOK = f"hook.{DOMAIN}"
SECRET = b"a secret of this test alone"
ZONES = 30
DAY = 86400
ALERTMANAGER = "/usr/bin/prometheus-alertmanager"


class Hook:
    """Takes messages as a receiver should: signed, and each delivery once. Fails every way it can half the time: before it has
    done anything, after it has, with an answer, without, and with half of one."""

    def __init__(self, certs):
        self.received, self.attempts, self.failing, self.random = {}, 0, True, random.Random(7)
        self.lock = threading.Lock()
        hook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):  # pylint: disable=invalid-name
                hook.take(self)

            def log_message(self, *args):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certs / "fullchain.pem", certs / "privkey.pem")
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, request):
        body = request.rfile.read(int(request.headers["Content-Length"]))
        signed = request.headers["Autarky-Timestamp"].encode() + b"." + body
        wanted = "sha256=" + hmac.new(SECRET, signed, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(wanted, request.headers["Autarky-Signature"]):
            request.send_error(401)
            return
        with self.lock:
            self.attempts += 1
            way = self.random.randrange(8) if self.failing else 7
            if way == 0:
                request.send_error(500)
                return
            key = request.headers["Autarky-Delivery"]
            if self.received.setdefault(key, body) != body:
                sys.exit(f"delivery {key} came twice with different bytes")
        if way == 1:
            request.send_error(503)
        elif way == 2:
            request.close_connection = True
        elif way == 3:
            request.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of it")
            request.close_connection = True
        else:
            request.send_response(204)
            request.end_headers()

    def alerts(self):
        """(id, status) of every alert in every delivery, as often as it is there."""
        with self.lock:
            return [(a["id"], a["status"]) for body in self.received.values() for a in json.loads(body)["alerts"]]


class Alertmanager:
    def __init__(self, directory):
        self.directory, self.port = directory / "alertmanager", steady_port()
        self.directory.mkdir()
        (self.directory / "conf.yml").write_text("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
        self.process = None

    def start(self):
        self.process = Process("alertmanager", self.directory, ALERTMANAGER, f"--config.file={self.directory}/conf.yml",
                               f"--storage.path={self.directory}/data", f"--web.listen-address=127.0.0.1:{self.port}",
                               "--cluster.listen-address=")
        wait_for("Alertmanager", lambda: self.alerts() is not None)

    def alerts(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v2/alerts", timeout=5) as answer:
                return {a["labels"]["key"] for a in json.load(answer)}
        except OSError:
            return None


def alerts(lab, *options):
    found, cursor = [], None
    while True:
        page = json.loads(lab.autarky("alert", "list", "--json", "--limit", "1000", *options,
                                      *(["--cursor", cursor] if cursor else [])))
        found += page["items"]
        cursor = page["next"]
        if not cursor:
            return found


def pid_of(lab, role):
    return next(p["pid"] for p in json.loads(lab.autarky("status", "--json"))["processes"] if p["role"] == role)


def kill(lab, role):
    os.kill(pid_of(lab, role), signal.SIGKILL)
    wait_for(f"{role} after its death", lambda: '"alerts"' in lab.autarky("status", "--json", ok=(0, 2, 75)))


def waiting(lab):
    text = lab.autarky("status", "--json", ok=(0, 2, 75))
    return json.loads(text)["alerts"]["waiting"] if text.startswith("{") else -1


def freeze(lab, first, last):
    for n in range(first, last):
        lab.autarky("issuance", "freeze", "--zone", f"zone{n}.{DOMAIN}", "--reason", f"test {n}")


def through_deaths(lab, clock, hook, manager):
    """Each alert is told once, whoever dies; its end too."""
    freeze(lab, 0, 10)
    kill(lab, "courier")
    freeze(lab, 10, 20)
    kill(lab, "core")
    freeze(lab, 20, ZONES)
    lab.server.stop(how=signal.SIGKILL)
    lab.server = None
    lab.start(env=clock_env(clock))

    def all_told():
        clock.advance(20)  # pauses grow; nothing is waited for that only takes time
        return len({i for i, status in hook.alerts() if status == "firing"}) >= ZONES
    wait_for("every alert at the webhook", all_told, 120)
    locks = [a for a in alerts(lab) if a["kind"] == "lock"]
    if len(locks) != ZONES:
        sys.exit(f"{ZONES} locks and {len(locks)} alerts")
    for lock in locks:
        lab.autarky("issuance", "thaw", lock["key"].split(":")[1], "--reason", "over")
        if lock is locks[ZONES // 2]:
            kill(lab, "courier")

    def all_over():
        clock.advance(20)
        return not waiting(lab) and len({i for i, status in hook.alerts() if status == "resolved"}) >= ZONES
    wait_for("every end at the webhook", all_over, 120)
    told = hook.alerts()
    for lock in locks:
        for status in ("firing", "resolved"):
            if told.count((lock["id"], status)) != 1:
                sys.exit(f"{lock['id']} was told {told.count((lock['id'], status))} times that it is {status}")
    if hook.attempts <= len(hook.received):
        sys.exit("the webhook has never failed")
    print(f"{len(hook.received)} deliveries in {hook.attempts} attempts; Alertmanager has {len(manager.alerts())}")


def clock_env(clock):
    return {**os.environ, "AUTARKY_TEST_CLOCK": str(clock.path)}


def certificates(lab, clock, hook):
    """Of 90 days: the renewal is due at 60, overdue at 66. One is renewed under the same name, one is not."""
    for name in ("renewed", "left"):
        lab.autarky("cert", "issue", "--name", f"{name}.{DOMAIN}", "--owner", f"{name}@{DOMAIN}", "--out",
                    lab.directory / name)
    clock.advance(62 * DAY)
    lab.autarky("cert", "issue", "--name", f"renewed.{DOMAIN}", "--out", lab.directory / "again")
    wait_for("nothing yet", lambda: not [a for a in alerts(lab) if a["kind"] == "certificate" and
                                         a.get("object", "").startswith(("renewed", "left"))])
    clock.advance(5 * DAY)

    def overdue():
        clock.advance(10)
        return {a["object"] for a in alerts(lab, "--kind", "certificate")} & {f"left.{DOMAIN}", f"renewed.{DOMAIN}"}
    wait_for("the one that was left", overdue, 60)
    if overdue() != {f"left.{DOMAIN}"}:
        sys.exit(f"not the right ones: {alerts(lab, '--kind', 'certificate')}")
    one = next(a for a in alerts(lab, "--kind", "certificate") if a["object"] == f"left.{DOMAIN}")
    expect(one["owner"], f"left@{DOMAIN}", "its owner")
    wait_for("told", lambda: clock.advance(20) or (one["id"], "firing") in hook.alerts(), 60)
    lab.autarky("alert", "ack", one["id"], "--reason", "INC-1")
    lab.autarky("cert", "issue", "--name", f"left.{DOMAIN}", "--out", lab.directory / "left-again")
    clock.advance(400)
    wait_for("told of its end", lambda: clock.advance(20) or (one["id"], "resolved") in hook.alerts(), 60)
    expect(lab.autarky("alert", "show", one["id"]), "acknowledged     uid", "show")


def main():
    for program in (ALERTMANAGER,):
        if not os.access(program, os.X_OK):
            print(f"{program} is not installed")
            sys.exit(77)
    with Lab() as lab:
        clock = Clock(lab.directory / "clock")
        lab.start(env=clock_env(clock))
        certs = lab.directory / "hook-certs"
        lab.autarky("cert", "issue", "--name", HOOK, "--out", certs)
        hook, manager = Hook(certs), Alertmanager(lab.directory)
        manager.start()
        (lab.data / "hook.secret").write_bytes(SECRET + b"\n")
        (lab.data / "hook.secret").chmod(0o600)
        expect(lab.autarky("doctor", ok=(0, FAILED)), "nobody is told of them", "doctor without receivers")
        lab.configure(f"""receivers:
  - {{name: hook, kind: webhook, url: "https://{HOOK}:{hook.port}/alerts", server: "127.0.0.1:{hook.port}",
     roots: trust/roots.pem, secret_file: hook.secret}}
  - {{name: prometheus, kind: alertmanager, url: "http://127.0.0.1:{manager.port}", plain: true}}
  - {{name: nowhere, kind: webhook, url: "http://127.0.0.1:{free_port()}/", plain: true, secret_file: hook.secret}}
alerts:
  - {{to: [hook, prometheus]}}
""")
        lab.autarky("reload")
        expect(lab.autarky("alert", "test", "nowhere", ok=(FAILED,)), "could not be reached", "a receiver that is away")
        expect(lab.autarky("alert", "test", "prometheus"), "prometheus has it", "test of Alertmanager")
        expect(lab.autarky("alert", "test", "hok", ok=(FAILED,)), "has no receiver \"hok\"", "a receiver that is not there")
        through_deaths(lab, clock, hook, manager)
        certificates(lab, clock, hook)
        hook.failing = False
        manager.process.stop()


main()
