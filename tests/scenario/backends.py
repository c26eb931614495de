#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=120
"""One gateway before three web servers that come, go and are unwell, while curl asks: turns, cookies, checks, retries, drain, and no
request that is lost. And two sites of other patience: backends and clients that are slow are waited for by the one and not by the other."""

import collections
import pathlib
import signal
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from gateway import SITES, Gateway, expect, receive

SHORT = "1s"
SLOW = 4  # seconds: too long for SHORT


class Web(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        me = self.server
        if self.path == "/health":
            me.checked += 1
            self.answer(200 if me.well else 503)
        elif me.dying:
            self.close_connection = True
        elif self.path == "/slow":
            time.sleep(SLOW)
            self.answer(200)
        elif self.path == "/pause":
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"a")
            time.sleep(SLOW)
            self.wfile.write(b"b")
        else:
            me.asked += 1
            self.answer(200)

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def answer(self, status):
        body = b"%d" % self.server.server_port
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Web)
        self.well, self.dying, self.asked, self.checked = True, False, 0, 0
        threading.Thread(target=self.serve_forever, daemon=True).start()


def configure(gateway, servers, more):
    backends = ", ".join(f'"http://127.0.0.1:{s.server_port}"' for s in servers)
    (gateway.root / "autarky.yaml").write_text(
        "organization: Example\ndomain: hospital.example\nlisten: {gateway: [\"127.0.0.1:0\"]}\n"
        f"gateway:\n  sites:\n    - {{name: {SITES[0]}, backends: [{backends}]{more}}}\n")
    gateway.process.send_signal(signal.SIGHUP)


def ask(gateway, n, *options):
    """Who answered n requests, each over a connection of its own; all with 200."""
    got = collections.Counter()
    for _ in range(n):
        answer = gateway.curl("-w", " %{http_code}", *options, gateway.url("/x")).decode().split()
        expect("the status", answer[1], "200")
        got[int(answer[0])] += 1
    return got


def until(what, condition):
    deadline = time.monotonic() + 20
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within 20 seconds: {what}")


def post(tls, site, *pieces, pause=0):
    """What is answered to a body of two bytes of which these come, the second after a pause."""
    tls.sendall(f"POST / HTTP/1.1\r\nHost: {site}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n".encode())
    for i, piece in enumerate(pieces):
        time.sleep(pause if i else 0)
        tls.sendall(piece)
    return receive(tls)[0].split(b" ", 2)[1]


def status(gateway, site, path, *options):
    return gateway.curl("-o", "/dev/null", "-w", "%{http_code}", *options, gateway.url(path, site))


def patience(gateway, servers):
    """What one site does not wait for, the other serves; and so does the same one, as soon as it is told to."""
    hasty, patient = SITES
    backend = f"http://127.0.0.1:{servers[0].server_port}"

    def reload(short, head="10s", idle="1m"):
        (gateway.root / "autarky.yaml").write_text(
            "organization: Example\ndomain: hospital.example\nlisten: {gateway: [\"127.0.0.1:0\"]}\n"
            f"gateway:\n  head_timeout: {head}\n  idle_timeout: {idle}\n  sites:\n"
            f"    - {{name: {hasty}, backends: [\"{backend}\"], response_timeout: {short}, client_timeout: {short}}}\n"
            f"    - {{name: {patient}, backends: [\"{backend}\"]}}\n")
        gateway.process.send_signal(signal.SIGHUP)

    reload(SHORT)
    until("a backend that is too slow", lambda: status(gateway, hasty, "/slow") == b"504")
    expect("over HTTP/2", status(gateway, hasty, "/slow", "--http2"), b"504")
    expect("the log says which limit", gateway.said(f"127.0.0.1:{servers[0].server_port} was silent for {SHORT} (response_timeout)"), True)
    expect("a pause in the answer", gateway.curl(gateway.url("/pause", hasty), status=18), b"a")
    expect("a slow backend of another site", status(gateway, patient, "/slow"), b"200")
    expect("a pause in its answer", gateway.curl(gateway.url("/pause", patient)), b"ab")
    with gateway.connect(hasty) as tls:
        expect("a client that is too slow", post(tls, hasty, b"a"), b"408")
    expect("the log says that, too", gateway.said(f"sent or took too little in {SHORT} (client_timeout)"), True)
    with gateway.connect(patient) as tls:
        expect("a slow client of another site", post(tls, patient, b"a", b"b", pause=SLOW), b"200")
    reload("1m")
    until("it waits now", lambda: status(gateway, hasty, "/slow") == b"200")
    with gateway.connect(hasty) as tls:
        expect("for the client, too", post(tls, hasty, b"a", b"b", pause=SLOW), b"200")
    with gateway.connect(hasty) as open_one:
        time.sleep(SLOW)
        open_one.sendall(f"GET / HTTP/1.1\r\nHost: {hasty}\r\n\r\n".encode())
        expect("an answer after a while", open_one.recv(12), b"HTTP/1.1 200")
    reload("1m", head=SHORT, idle=SHORT)
    until("the head's limit", lambda: head(gateway, hasty) == b"408")
    expect("the log has its name", gateway.said("(gateway.head_timeout)"), True)
    began = time.monotonic()
    with gateway.connect(hasty) as tls:
        tls.sendall(f"GET / HTTP/1.1\r\nHost: {hasty}\r\n\r\n".encode())
        expect("it ends in order", receive(tls)[1], True)
    expect("idle for a second, and not at once", 1 <= time.monotonic() - began < 30, True)
    reload("1m")


def head(gateway, site):
    """What is answered to half of a head, but for the first seconds of which nothing is known."""
    with gateway.connect(site) as tls:
        tls.settimeout(20)
        tls.sendall(f"GET / HTTP/1.1\r\nHost: {site}\r\n".encode())
        began = time.monotonic()
        got = receive(tls)[0].split(b" ", 2)[1]
        return got if time.monotonic() - began < 9 else b"late"


def turns(gateway, servers):
    configure(gateway, servers, ", balance: round-robin")
    ports = {s.server_port: 3 for s in servers}
    until("turns", lambda: ask(gateway, 9) == ports)
    configure(gateway, servers, ", balance: least-connections")
    until("turns by load", lambda: ask(gateway, 9) == ports)


def cookies(gateway, servers):
    configure(gateway, servers, ", balance: round-robin, sticky: true")
    jar = gateway.root / "jar"
    until("a cookie", lambda: b"__Host-autarky=" in gateway.curl("-D", "-", gateway.url("/x")))
    gateway.curl("-c", str(jar), gateway.url("/x"))
    got = ask(gateway, 6, "-b", str(jar))
    expect("those who answer one client", len(got), 1)
    mine = got.popitem()[0]
    drain = f', drain: ["http://127.0.0.1:{mine}"]'
    configure(gateway, servers, ", balance: round-robin, sticky: true" + drain)
    until("no new clients", lambda: mine not in ask(gateway, 6))
    expect("an old client", set(ask(gateway, 3, "-b", str(jar))), {mine})


def checks(gateway, servers):
    configure(gateway, servers, ", balance: round-robin, check: /health, check_interval: 1s")
    until("a check of each", lambda: all(s.checked > 1 for s in servers))
    servers[0].well = False
    until("the sick one is left out", lambda: servers[0].server_port not in ask(gateway, 6))
    expect("the log", gateway.said("gateway.backend-down"), True)
    servers[0].well = True
    until("it is back", lambda: servers[0].server_port in ask(gateway, 6))
    expect("the log", gateway.said("gateway.backend-up"), True)


def retries(gateway, servers):
    """One that takes requests and breaks off: no GET fails, and no POST is repeated."""
    configure(gateway, servers, ", balance: round-robin")
    until("turns", lambda: len(ask(gateway, 6)) == 3)
    servers[1].dying = True
    got = ask(gateway, 30)
    expect("the dying one's answers", got[servers[1].server_port], 0)
    # It pauses after three failures, and not longer than five seconds.
    asked = servers[0].asked + servers[2].asked
    statuses = collections.Counter(gateway.curl("-o", "/dev/null", "-w", "%{http_code}", "-d", "x", gateway.url("/x"))
                                   for _ in range(30))
    expect("POST", set(statuses) <= {b"200", b"502"}, True)
    expect("POST that was carried out", servers[0].asked + servers[2].asked - asked, statuses[b"200"])
    servers[1].dying = False
    until("it is back", lambda: servers[1].server_port in ask(gateway, 6))


def one_goes(gateway, servers):
    """A backend's port is closed, and the connections kept to it."""
    servers[2].shutdown()
    servers[2].server_close()
    servers[2].dying = True
    got = ask(gateway, 30)
    expect("the one that is gone", got[servers[2].server_port], 0)


def main():
    servers = [Server() for _ in range(3)]
    with tempfile.TemporaryDirectory() as name, Gateway(pathlib.Path(name), servers[0].server_port) as gateway:
        for step in (patience, turns, cookies, checks, retries, one_goes):
            step(gateway, servers)


if __name__ == "__main__":
    main()
