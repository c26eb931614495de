#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=300
"""Alerts, told to a webhook that fails half the time, to Debian's Alertmanager, to a syslog server and by mail through a real
Postfix, while courier, core and the whole server are killed: nothing is lost, and no receiver has anything twice. Certificates
that nobody renewed are told of at their own time, those that were renewed are not."""

import email
import email.policy
import hashlib
import hmac
import http.server
import json
import os
import pathlib
import random
import signal
import socket
import ssl
import sys
import threading
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from aiosmtpd.controller import Controller  # noqa: E402
from aiosmtpd.smtp import AuthResult  # noqa: E402
from lab import DOMAIN, Clock, Lab, Process, expect, free_port, run, steady_port, wait_for  # noqa: E402
from services import Postfix  # noqa: E402

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


class Mailbox:
    """Keeps what it is given, by Message-ID. With `fails`, it does so half the time: before, or after, without a word."""

    def __init__(self, fails=False, **options):
        self.mails, self.attempts, self.fails, self.random = {}, 0, fails, random.Random(11)
        self.controller = Controller(self, hostname="127.0.0.1", port=free_port(), **options)
        self.controller.start()
        self.port = self.controller.port

    async def handle_DATA(self, server, session, envelope):  # pylint: disable=invalid-name
        self.attempts += 1
        way = self.random.randrange(5) if self.fails else 4
        if way == 0:
            return "451 come again"
        mail = email.message_from_bytes(envelope.original_content, policy=email.policy.default)
        if self.mails.setdefault(mail["Message-ID"], (mail, envelope.rcpt_tos))[0].get_content() != mail.get_content():
            return "554 one Message-ID, two mails"
        if way == 1:
            server.transport.abort()
        return "250 it is here"

    def of(self, text):
        """The mails in which it stands."""
        return [(mail, to) for mail, to in list(self.mails.values()) if text in mail.get_content()]

    def close(self):
        self.controller.stop()


class Syslog:
    """Lines of RFC 5424, counted (RFC 6587)."""

    def __init__(self):
        self.lines = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            connection, _ = self.listener.accept()
            with connection, connection.makefile("rb") as stream:
                rest = stream.read()
                while rest:
                    size, _, rest = rest.partition(b" ")
                    self.lines.append(rest[:int(size)].decode())
                    rest = rest[int(size):]


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


def freeze(lab, clock, first, last):
    for n in range(first, last):
        lab.autarky("issuance", "freeze", "--zone", f"zone{n}.{DOMAIN}", "--reason", f"test {n}")
        if n % 3 == 0:
            clock.advance(10)  # another round of the server's, so another message


def once_in(box, what, text, kind):
    """Exactly one mail, of those that say so in their first word, has it."""
    found = [mail for mail, _ in box.of(text) if any(line.startswith(f"{kind}:") for line in mail.get_content().splitlines())]
    if len(found) != 1:
        sys.exit(f"{what}: {len(found)} mails that {text} is {kind}")


def check_mails(box, what, locks):
    for lock in locks:
        once_in(box, what, f"alert ack {lock['id']} ", "warning")
        once_in(box, what, f"alert ack {lock['id']} ", "over")
    print(f"{what}: {len(box.mails)} mails in {box.attempts} attempts")


def through_deaths(lab, clock, hook, manager):
    """Each alert is told once, whoever dies; its end too."""
    freeze(lab, clock, 0, 10)
    kill(lab, "courier")
    freeze(lab, clock, 10, 20)
    kill(lab, "core")
    freeze(lab, clock, 20, ZONES)
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
        clock.advance(4)

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
    return locks


def told_of(hook, manager):
    print(f"{len(hook.received)} deliveries in {hook.attempts} attempts; Alertmanager has {len(manager.alerts())}")


def clock_env(clock):
    return {**os.environ, "AUTARKY_TEST_CLOCK": str(clock.path)}


def relay(lab, certs, box):
    """A real server with STARTTLS, which hands on to the mailbox."""
    postfix = Postfix(lab.directory, certs / "fullchain.pem", certs / "privkey.pem")
    with open(postfix.etc / "main.cf", "a", encoding="utf-8") as conf:
        conf.write(f"relayhost = [127.0.0.1]:{box.port}\nsmtp_dns_support_level = disabled\nmynetworks = 127.0.0.0/8\n"
                   "smtp_tls_security_level = none\nlocal_transport = error:none is here\n")
    run("/usr/sbin/postfix", "-c", postfix.etc, "reload")
    return postfix


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
        lab.autarky("cert", "issue", "--name", HOOK, "--name", f"mail.{DOMAIN}", "--out", certs)
        hook, manager, syslog, box = Hook(certs), Alertmanager(lab.directory), Syslog(), Mailbox()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certs / "fullchain.pem", certs / "privkey.pem")
        direct = Mailbox(fails=True, ssl_context=context, auth_required=True, auth_require_tls=False,
                         authenticator=lambda server, session, envelope, mechanism, data: AuthResult(
                             handled=False, success=(data.login, data.password) == (b"ca", b"correct horse")))
        manager.start()
        postfix = relay(lab, certs, box) if os.geteuid() == 0 else None
        (lab.data / "mail.password").write_text("correct horse\n")
        (lab.data / "wrong.password").write_text("battery staple\n")
        (lab.data / "hook.secret").write_bytes(SECRET + b"\n")
        (lab.data / "hook.secret").chmod(0o600)
        expect(lab.autarky("doctor", "--json", ok=(0, FAILED)), "nobody is told of them", "doctor without receivers")
        lab.configure(f"""receivers:
  - {{name: hook, kind: webhook, url: "https://{HOOK}:{hook.port}/alerts", server: "127.0.0.1:{hook.port}",
     roots: trust/roots.pem, secret_file: hook.secret}}
  - {{name: prometheus, kind: alertmanager, url: "http://127.0.0.1:{manager.port}", plain: true}}
  - {{name: direct, kind: mail, server: "127.0.0.1:{direct.port}", server_name: mail.{DOMAIN}, roots: trust/roots.pem,
     implicit_tls: true, user: ca, password_file: mail.password, from: ca@{DOMAIN}, to: [direct@{DOMAIN}]}}
  - {{name: wrong, kind: mail, server: "127.0.0.1:{direct.port}", server_name: mail.{DOMAIN}, roots: trust/roots.pem,
     implicit_tls: true, user: ca, password_file: wrong.password, from: ca@{DOMAIN}, to: [direct@{DOMAIN}]}}
  - {{name: stranger, kind: mail, server: "127.0.0.1:{direct.port}", server_name: other.{DOMAIN}, roots: trust/roots.pem,
     implicit_tls: true, from: ca@{DOMAIN}, to: [direct@{DOMAIN}]}}
  - {{name: owner, kind: mail, server: "127.0.0.1:{postfix.port if postfix else box.port}", from: ca@{DOMAIN},
     to: [owner, pki@{DOMAIN}], {f"server_name: mail.{DOMAIN}, roots: trust/roots.pem" if postfix else "plain: true"}}}
  - {{name: siem, kind: syslog, server: "127.0.0.1:{syslog.port}", plain: true}}
  - {{name: nowhere, kind: webhook, url: "http://127.0.0.1:{free_port()}/", plain: true, secret_file: hook.secret}}
alerts:
  - {{to: [hook, prometheus, direct, owner, siem]}}
""")
        lab.autarky("reload")
        expect(lab.autarky("alert", "test", "nowhere", ok=(FAILED,)), "could not be reached", "a receiver that is away")
        expect(lab.autarky("alert", "test", "prometheus"), "prometheus has it", "test of Alertmanager")
        expect(lab.autarky("alert", "test", "hok", ok=(FAILED,)), "has no receiver \"hok\"", "a receiver that is not there")
        expect(lab.autarky("alert", "test", "wrong", ok=(FAILED,)), "refuses the user or the password", "a wrong password")
        expect(lab.autarky("alert", "test", "stranger", ok=(FAILED,)), "no TLS connection to", "another server's certificate")
        expect(lab.autarky("alert", "test", "siem"), "siem has it", "test of syslog")
        locks = through_deaths(lab, clock, hook, manager)
        told_of(hook, manager)
        wait_for("the mails", lambda: clock.advance(20) or not waiting(lab), 60)
        check_mails(direct, "direct", locks)
        if postfix:
            wait_for("postfix's queue", lambda: len(box.mails) >= len({m for m in box.mails}) and all(
                len(box.of(f"alert ack {lock['id']} ")) >= 2 for lock in locks), 60)
        check_mails(box, "by Postfix" if postfix else "plain", locks)
        for lock in locks:
            if not any("resolved" in line and lock["key"] in line for line in syslog.lines):
                sys.exit(f"syslog does not have the end of {lock['key']}")
        certificates(lab, clock, hook)
        wait_for("the owner's mail", lambda: any(to == [f"left@{DOMAIN}"] for _, to in list(box.mails.values())), 60)
        hook.failing = direct.fails = False
        manager.process.stop()
        if postfix:
            postfix.stop()
        box.close()
        direct.close()


main()
