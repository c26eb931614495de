# SPDX-License-Identifier: Apache-2.0
"""Web sites behind the gateway of a lab: a plain backend that does what a test asks of it, and clients that trust the lab's
root and take every name of the domain to the gateway."""

import hashlib
import http.client
import http.server
import json
import os
import pathlib
import random
import socket
import socketserver
import ssl
import sys
import threading

from lab import AUTARKY, DOMAIN, Lab, run, wait_for

PIECE = 64 * 1024


def stream(seed, size):
    """The same bytes each time, that do not compress and are cheap to make."""
    block = random.Random(seed).randbytes(1024 * 1024)
    while size > 0:
        yield block[:size] if size < len(block) else block
        size -= len(block)


def digest(seed, size):
    sha = hashlib.sha256()
    for piece in stream(seed, size):
        sha.update(piece)
    return sha.hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """/bytes/N: N bytes; /chunked/N: the same in chunks; POST /digest: what came, as JSON; /cut/N: ends after N of a million
    bytes; /cut-chunked: the same without the last chunk; /wait: answers when told; /echo: the request's head as JSON."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def body(self):
        sha, size = hashlib.sha256(), 0
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            while True:
                length = int(self.rfile.readline().split(b";")[0], 16)
                piece = self.rfile.read(length)
                self.rfile.readline()
                if length == 0:
                    return sha.hexdigest(), size
                sha.update(piece)
                size += length
        left = int(self.headers.get("Content-Length", 0))
        while left > 0:
            piece = self.rfile.read(min(PIECE, left))
            if not piece:
                break
            sha.update(piece)
            size += len(piece)
            left -= len(piece)
        return sha.hexdigest(), size

    def answer(self, body, kind="text/plain", status=200):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self):
        self.server.count(self.path)
        what, _, size = self.path.strip("/").partition("/")
        if what == "bytes":
            self.send_response(200)
            self.send_header("Content-Length", size)
            self.end_headers()
            for piece in stream(size, int(size)):
                self.wfile.write(piece)
        elif what == "chunked":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for piece in stream(size, int(size)):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")
        elif what == "cut":
            self.send_response(200)
            self.send_header("Content-Length", "1000000")
            self.end_headers()
            self.wfile.write(b"x" * int(size))
            self.close_connection = True
        elif what == "cut-chunked":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"4\r\nhalf\r\n")
            self.close_connection = True
        elif what == "wait":
            self.server.go.wait(60)
            self.answer(b"at last")
        elif what == "echo":
            self.answer(json.dumps({"path": self.path, "headers": self.headers.items()}).encode(), "application/json")
        else:
            self.answer(b"plain as ever\n")

    do_HEAD = do_GET

    def do_POST(self):
        self.server.count(self.path)
        sha, size = self.body()
        self.answer(json.dumps({"sha256": sha, "size": size}).encode(), "application/json")

    do_PUT = do_POST


class Backend(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 512

    def __init__(self, port=0):
        super().__init__(("127.0.0.1", port), Handler)
        self.port = self.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.go = threading.Event()
        self.counts, self.lock = {}, threading.Lock()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def count(self, path):
        with self.lock:
            self.counts[path] = self.counts.get(path, 0) + 1

    def handle_error(self, request, client_address):
        pass  # clients that go away are part of the tests

    def stop(self):
        self.go.set()
        self.shutdown()
        self.server_close()


class SiteLab(Lab):
    """A lab whose gateway listens on a port of its own; sites are added with `autarky site add` or in `sites`."""

    def __init__(self, sites=(), extra="", **options):
        self.sites = list(sites)
        self.workers = 2
        super().__init__(extra, **options)

    def configure(self, extra="", policy=None, api=("127.0.0.1:0",)):
        super().configure("", policy, api)
        path = self.data / "autarky.yaml"
        text = path.read_text().replace("plain: [", "gateway: [\"127.0.0.1:0\"], plain: [")
        path.write_text(text + f"gateway:\n  workers: {self.workers}\n  sites: " + json.dumps(self.sites) + "\n" + extra)

    @property
    def gateway(self):
        return int(self.listeners()["gateway"][0].rsplit(":", 1)[1])

    def url(self, name, path="/"):
        return f"https://{name}:{self.gateway}{path}"

    def curl(self, name, path, *options, **how):
        return run("/usr/bin/curl", "--silent", "--show-error", "--fail", "--noproxy", "*", "--cacert", self.roots,
                   "--resolve", f"{name}:{self.gateway}:127.0.0.1", *options, self.url(name, path), **how)

    def context(self):
        context = ssl.create_default_context(cafile=str(self.roots))
        context.set_alpn_protocols(["http/1.1"])
        return context

    def connect(self, name, context=None, timeout=30):
        """An open TLS connection to that site."""
        raw = socket.create_connection(("127.0.0.1", self.gateway), timeout)
        return (context or self.context()).wrap_socket(raw, server_hostname=name)

    def client(self, name, context=None):
        """An http.client connection to that site."""
        client = http.client.HTTPSConnection(name, self.gateway)
        client.sock = self.connect(name, context)
        return client

    def certificates(self, name):
        """algorithm -> state of the site's certificates, as `site list` shows them."""
        listed = json.loads(run(AUTARKY, "site", "list", "--json", "--data", self.data))
        for site in listed["items"]:
            if site["name"] == name:
                return {c["algorithm"]: c for c in site["certificates"]}
        sys.exit(f"site list has no {name}: {listed}")

    def wait_site(self, name, seconds=60):
        def valid():
            return all(c["state"] in ("valid", "unavailable") for c in self.certificates(name).values())
        wait_for(f"the certificates of {name}", valid, seconds)

    def processes(self, role):
        status = json.loads(self.autarky("status", "--json"))
        return [p["pid"] for p in status["processes"] if p["role"] == role]

    def memory(self, role):
        """Proportional set size of that role's processes together, in KiB."""
        total = 0
        for pid in self.processes(role):
            for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
        return total


SITE = f"wiki.{DOMAIN}"
TMP = os.environ.get("TMPDIR")
