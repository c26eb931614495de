#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""One gateway between curl or bare TLS sockets and a web server of Python's: bodies of all kinds both ways, backends that
break, clients that cheat, and a reload in the middle of it."""

import hashlib
import json
import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOOL = pathlib.Path(os.environ["AUTARKY"]).parent / "tests" / "gateway_tool"
OPENSSL = os.environ.get("AUTARKY_OPENSSL", "openssl")
SITES = ("wiki.example", "files.example")
BIG = 20_000_000


def expect(what, got, wanted):
    if got != wanted:
        raise AssertionError(f"{what}: {got!r}, not {wanted!r}")


class Web(BaseHTTPRequestHandler):
    """What it does is in the path."""
    protocol_version = "HTTP/1.1"
    connections = 0
    aborted = threading.Event()

    def setup(self):
        super().setup()
        Web.connections += 1

    def do_GET(self):
        what, _, number = self.path.lstrip("/").partition("/")
        if what == "big":
            self.start(200, ("Content-Length", number))
            self.pour(int(number))
        elif what == "chunked":
            self.start(200, ("Transfer-Encoding", "chunked"))
            for _ in range(int(number)):
                self.wfile.write(b"3\r\nabc\r\n")
            self.wfile.write(b"0\r\n\r\n")
        elif what == "until-close":
            self.close_connection = True
            self.start(200)
            self.wfile.write(b"all of it")
        elif what in ("cut", "cut-chunks"):
            self.close_connection = True
            self.start(200, ("Content-Length", "1000") if what == "cut" else ("Transfer-Encoding", "chunked"))
            self.wfile.write(b"3\r\nabc\r\n")
        elif what == "endless":
            self.start(200, ("Content-Length", str(1 << 40)))
            try:
                while True:
                    self.wfile.write(b"x" * 65536)
            except OSError:
                Web.aborted.set()
            self.close_connection = True
        elif what == "dead":
            self.close_connection = True
        elif what == "nonsense":
            self.close_connection = True
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab")
        else:
            self.answer(json.dumps({"path": self.path, "headers": dict(self.headers)}).encode())

    do_HEAD = do_GET

    def do_POST(self):
        if self.path == "/early":
            self.close_connection = True
            self.start(413, ("Content-Length", "2"))
            self.wfile.write(b"no")
            return
        digest = hashlib.sha256()
        for piece in self.body():
            digest.update(piece)
        self.answer(digest.hexdigest().encode())

    def body(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            while True:
                size = int(self.rfile.readline(), 16)
                piece = self.rfile.read(size)
                self.rfile.readline()
                if size == 0:
                    return
                yield piece
        left = int(self.headers["Content-Length"])
        while left:
            piece = self.rfile.read(min(left, 65536))
            left -= len(piece)
            yield piece

    def start(self, status, *headers):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()

    def answer(self, body):
        self.start(200, ("Content-Length", str(len(body))))
        if self.command != "HEAD":
            self.wfile.write(body)

    def pour(self, left):
        while left:
            n = min(left, 65536)
            self.wfile.write(b"x" * n)
            left -= n

    def log_message(self, *_):
        pass


class Gateway:
    def __init__(self, root, backend):
        self.root = root
        self.http = "--http1.1"
        self.log = root / "log"
        self.configure(f"http://localhost:{backend}", SITES)
        arguments = [str(TOOL), str(root / "autarky.yaml")]
        for name in SITES:
            key, chain = root / f"{name}.key", root / f"{name}.pem"
            (root / "req.cnf").write_text("[req]\ndistinguished_name = dn\n[dn]\n")
            subprocess.run([OPENSSL, "req", "-config", root / "req.cnf", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                            "-keyout", key, "-out", chain, "-days", "2", "-subj", f"/CN={name}", "-addext",
                            f"subjectAltName=DNS:{name}"], check=True, capture_output=True)
            arguments += [name, str(chain), str(key)]
        (root / "all.pem").write_bytes(b"".join((root / f"{name}.pem").read_bytes() for name in SITES))
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=log)
        self.port = int(self.process.stdout.readline().rsplit(b":", 1)[1])

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind:
            print(self.log.read_text()[-4000:], file=sys.stderr)
        self.process.kill()
        self.process.wait()

    def configure(self, backend, names):
        sites = "".join(f"    - {{name: {name}, backends: [\"{backend}\"]}}\n" for name in names)
        (self.root / "autarky.yaml").write_text(
            "organization: Example\ndomain: hospital.example\nlisten: {gateway: [\"127.0.0.1:0\"]}\n"
            f"gateway:\n  sites:\n{sites}")

    def curl(self, *arguments, status=0):
        done = subprocess.run(["curl", *self.options(), *arguments], capture_output=True, check=False)
        expect(f"curl {arguments[-1]}: {done.stderr.decode()}", done.returncode, status)
        return done.stdout

    def options(self):
        return ["-sSg", self.http, "--max-time", "60", "--cacert", str(self.root / "all.pem"), "--connect-to",
                f"::127.0.0.1:{self.port}"]

    def url(self, path, site="wiki.example"):
        return f"https://{site}{path}"

    def connect(self, site="wiki.example"):
        context = ssl.create_default_context(cafile=self.root / "all.pem")
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        return context.wrap_socket(plain, server_hostname=site)

    def raw(self, request, site="wiki.example"):
        """All that comes back until the connection ends, and whether it ended properly."""
        with self.connect(site) as tls:
            tls.sendall(request)
            return receive(tls)

    def said(self, what):
        return what in self.log.read_text()


def receive(tls):
    got = []
    try:
        while piece := tls.recv(65536):
            got.append(piece)
    except (ssl.SSLEOFError, ConnectionResetError):
        return b"".join(got), False
    return b"".join(got), True


def bodies(gateway, root):
    told = json.loads(gateway.curl("-H", "X-Forwarded-For: 6.6.6.6", gateway.url("/x?y=[z]", "wiki.example")))
    expect("the path", told["path"], "/x?y=[z]")
    headers = {k.lower(): v for k, v in told["headers"].items()}
    expect("X-Forwarded-For", headers["x-forwarded-for"], "127.0.0.1")
    expect("X-Forwarded-Proto", headers["x-forwarded-proto"], "https")
    expect("Host", headers["host"], "wiki.example")
    expect("a large answer", len(gateway.curl(gateway.url(f"/big/{BIG}"))), BIG)
    expect("chunks", gateway.curl(gateway.url("/chunked/10000")), b"abc" * 10000)
    expect("an answer up to the end", gateway.curl(gateway.url("/until-close")), b"all of it")
    expect("the protocol", gateway.curl("-o", "/dev/null", "-w", "%{http_version}", gateway.url("/x")).decode(),
           gateway.http.lstrip("-htp").removesuffix(".0"))
    expect("HTTP/1.0", gateway.curl("-0", gateway.url("/chunked/3")), b"abcabcabc")
    expect("HEAD", b"content-length" in gateway.curl("-I", gateway.url("/x")).lower(), True)
    body = os.urandom(BIG)
    (root / "body").write_bytes(body)
    digest = hashlib.sha256(body).hexdigest().encode()
    expect("a large body", gateway.curl("--data-binary", f"@{root}/body", gateway.url("/")), digest)
    expect("one in chunks", chunked_upload(gateway, body), digest)
    expect("an early answer", gateway.curl("-o", "/dev/null", "-w", "%{http_code}", "--data-binary", f"@{root}/body",
                                           gateway.url("/early")), b"413")
    got, _ = gateway.raw(b"POST /early HTTP/1.1\r\nHost: wiki.example\r\nContent-Length: %d\r\n\r\n%b" % (BIG, body))
    expect("an early answer to one who reads at the end", b" 413 " in got, True)


def chunked_upload(gateway, body):
    with gateway.connect() as tls:
        tls.sendall(b"POST / HTTP/1.1\r\nHost: wiki.example\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n")
        for at in range(0, len(body), 50_000):
            piece = body[at:at + 50_000]
            tls.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
        tls.sendall(b"0\r\n\r\n")
        got, _ = receive(tls)
    return got.rsplit(b"\r\n\r\n", 1)[1].rsplit(b"\n")[-1]


def reuse(gateway):
    before = Web.connections
    with gateway.connect() as tls:
        for _ in range(50):
            tls.sendall(b"GET /x HTTP/1.1\r\nHost: wiki.example\r\n\r\n")
            answer = b""
            while b"}}" not in answer:
                answer += tls.recv(65536)
    if Web.connections - before > 1:
        raise AssertionError(f"{Web.connections - before} connections for 50 requests")


def broken_backends(gateway):
    partial = 18 if gateway.http == "--http1.1" else 92
    gateway.curl("-o", "/dev/null", gateway.url("/cut"), status=partial)
    gateway.curl("-o", "/dev/null", gateway.url("/cut-chunks"), status=partial)
    for path in ("/dead", "/nonsense"):
        page = gateway.curl("-w", "%{http_code}", "-H", "Accept: text/html", gateway.url(path))
        expect(path, page[-3:], b"502")
        if b"localhost" in page or b"<h1>Bad Gateway</h1>" not in page:
            raise AssertionError(page)


def clients_that_leave(gateway):
    with gateway.connect() as tls:
        tls.sendall(b"GET /endless HTTP/1.1\r\nHost: wiki.example\r\n\r\n")
        tls.recv(65536)
    if not Web.aborted.wait(30):
        raise AssertionError("the backend goes on for a client that has left")
    expect("the log", gateway.said("gateway.client-gone"), True)


def names(gateway):
    done = subprocess.run([OPENSSL, "s_client", "-connect", f"127.0.0.1:{gateway.port}", "-servername", "other.example"],
                          input=b"", capture_output=True, check=False)
    if b"unrecognized name" not in done.stderr:
        raise AssertionError(done.stderr)
    got, _ = gateway.raw(b"GET / HTTP/1.1\r\nHost: files.example\r\nConnection: close\r\n\r\n")
    expect("the other site's name", got[:12], b"HTTP/1.1 421")
    plain = socket.create_connection(("127.0.0.1", gateway.port), timeout=30)
    plain.sendall(b"GET / HTTP/1.1\r\nHost: wiki.example\r\n\r\n")
    expect("plain HTTP", plain.recv(65536)[:12], b"HTTP/1.1 400")
    plain.close()


SMUGGLING = (
    b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG",
    b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
    b"X: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"X: y\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    b"Content-Length: 1, 2\r\n\r\nab",
    b"Content-Length: +1\r\n\r\na",
    b"Content-Length: 1\r\n folded\r\n\r\na",
    b"Host: files.example\r\nContent-Length: 1\r\n\r\na",
    b"Transfer-Encoding: chunked\r\n\r\n1;a=b\r\na\r\n0\r\n\r\n",
    b"Transfer-Encoding: chunked\r\n\r\n1\na\n0\n\n",
)


def smuggling(gateway):
    follower = b"GET /smuggled HTTP/1.1\r\nHost: wiki.example\r\n\r\n"
    for attempt in SMUGGLING:
        got, _ = gateway.raw(b"POST / HTTP/1.1\r\nHost: wiki.example\r\n" + attempt + follower)
        statuses = re.findall(rb"HTTP/1\.1 (\d+)", got)
        expect(repr(attempt), statuses, [b"400"])


def reload(gateway, other):
    """The backend moves and a site goes, while a download is under way."""
    with gateway.connect("files.example") as tls, gateway.connect() as idle:
        tls.sendall(b"GET /big/%d HTTP/1.1\r\nHost: files.example\r\n\r\n" % BIG)
        got = tls.recv(1000)
        gateway.configure(f"http://127.0.0.1:{other}", SITES[:1])
        gateway.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 30
        while not gateway.curl("-o", "/dev/null", "-w", "%{http_code}", gateway.url("/x")).startswith(b"200") or \
                f"backend=127.0.0.1:{other}" not in gateway.log.read_text():
            if time.monotonic() > deadline:
                raise AssertionError("the new backend is not asked")
        idle.sendall(b"GET /x HTTP/1.1\r\nHost: wiki.example\r\n\r\n")
        expect("a connection from before", idle.recv(12), b"HTTP/1.1 200")
        rest, _ = receive(tls)
        expect("the download", len((got + rest).split(b"\r\n\r\n", 1)[1]), BIG)
    try:
        gateway.connect("files.example").close()
    except ssl.SSLError:
        return
    raise AssertionError("a site that was removed is still served")


def drain(gateway):
    """What is under way ends; nobody new comes in."""
    with gateway.connect() as tls:
        tls.sendall(b"GET /big/%d HTTP/1.1\r\nHost: wiki.example\r\n\r\n" % BIG)
        got = tls.recv(1000)
        gateway.process.send_signal(signal.SIGTERM)
        rest, proper = receive(tls)
        expect("the last download", len((got + rest).split(b"\r\n\r\n", 1)[1]), BIG)
        expect("its end", proper, True)
    expect("the exit status", gateway.process.wait(30), 0)


def main():
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), Web) for _ in range(2)]
    for server in servers:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as name:
        root = pathlib.Path(name)
        with Gateway(root, servers[0].server_port) as gateway:
            for gateway.http in ("--http1.1", "--http2"):
                bodies(gateway, root)
                broken_backends(gateway)
            reuse(gateway)
            clients_that_leave(gateway)
            names(gateway)
            smuggling(gateway)
            reload(gateway, servers[1].server_port)
            drain(gateway)


if __name__ == "__main__":
    main()
