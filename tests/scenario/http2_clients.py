#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=300
"""What people ask a server of HTTP/2 with: nghttp, curl, h2load, and wrk beside them for HTTP/1.1. Many streams at once, uploads with
and without a length, with trailers and with Expect, heads that take CONTINUATION, tiny windows, no table, padding, priorities, HEAD;
what each prints is held against what was asked."""

import hashlib
import json
import os
import pathlib
import re
import subprocess
import tempfile
import threading

from gateway import BIG, SITES, Gateway, Web, expect
from http2 import Server

AUTHORITY = ("-H", f":authority: {SITES[0]}")
SMALL, PARALLEL = 100_000, 60
LARGE_FIELDS = [f"x-large-{i}: {'v' * 900}" for i in range(12)]  # more than a frame takes


class Pages(Web):
    """And what came behind a body."""

    def do_GET(self):
        if self.path == "/trailers":
            self.start(200, ("Transfer-Encoding", "chunked"), ("Trailer", "x-sum"))
            self.wfile.write(b"5\r\nhello\r\n0\r\nx-sum: of it all\r\n\r\n")
        elif self.path.startswith("/large-head/"):
            self.start(200, *((f"x-large-{i}", "v" * 900) for i in range(int(self.path.rsplit("/", 1)[1]))), ("Content-Length", "2"))
            self.wfile.write(b"ok")
        elif self.path == "/none":
            self.start(204)
        else:
            super().do_GET()

    do_HEAD = do_GET

    def do_POST(self):
        if self.path != "/told":
            super().do_POST()
            return
        digest, size = hashlib.sha256(), 0
        for piece in self.whole():
            digest.update(piece)
            size += len(piece)
        self.answer(json.dumps({"sha256": digest.hexdigest(), "size": size, "trailers": self.trailers,
                                "headers": {k.lower(): v for k, v in self.headers.items()}}).encode())

    do_PUT = do_POST

    def whole(self):
        """The body, and the trailers behind it."""
        self.trailers = {}
        if self.headers.get("Transfer-Encoding") != "chunked":
            yield from self.body()
            return
        while size := int(self.rfile.readline(), 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        while line := self.rfile.readline().strip():
            name, _, value = line.decode().partition(":")
            self.trailers[name.strip().lower()] = value.strip()


def tool(*arguments, seconds=120):
    done = subprocess.run([str(a) for a in arguments], stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=seconds)
    if done.returncode:
        raise AssertionError(f"{arguments}: status {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return done.stdout


def nghttp(gateway, path, *options):
    return tool("nghttp", "-y", *AUTHORITY, *options, f"https://127.0.0.1:{gateway.port}{path}")


def statistics(text):
    """Of -s: (status, size, path) of each request."""
    return re.findall(r"^\s*\d+\s+\+\S+\s+\*?\s*\+\S+\s+\S+\s+(\d{3})\s+(\S+)\s+(\S+)", text, re.M)


def by_nghttp(gateway, root):
    """-ansv and its relatives."""
    text = nghttp(gateway, "/x", "-ansv").decode()
    for wanted in ("SETTINGS frame", ":status: 200", "END_STREAM", "The negotiated protocol: h2"):
        expect(f"nghttp -ansv says {wanted}", wanted in text, True)
    expect("its statistics", [row[0] for row in statistics(text)], ["200"])
    expect("push", "PUSH_PROMISE" in text, False)
    text = nghttp(gateway, "/big/1000", "-ns", "-m", PARALLEL).decode()
    expect("many streams", [row[0] for row in statistics(text)], ["200"] * PARALLEL)
    whole = b"x" * SMALL
    for name, options in {
            "windows of 1023 bytes": ("-w", 10, "-W", 16), "windows of a gigabyte": ("-w", 30, "-W", 30), "no table": ("-c", 0),
            "a large table": ("-c", 65536, "--encoder-header-table-size", 65536), "a weight": ("-p", 1), "no dependency": ("--no-dep",),
            "without RFC 7540's priorities": ("--no-rfc7540-pri",), "padding": ("-b", 200), "no push": ("--no-push",),
            "one stream at a time": ("-M", 1), "CONTINUATION": ("--continuation",)}.items():
        expect(name, nghttp(gateway, f"/big/{SMALL}", *options) == whole, True)
    uploads(gateway, root)
    for wanted, options in ((1, ("-H", "te: trailers")), (0, ())):
        text = re.sub(r"\x1b\[[0-9;]*m", "", nghttp(gateway, "/trailers", "-nv", *options).decode())
        expect(f"trailers behind an answer {options}", len(re.findall(r"x-sum: of it all", text)), wanted)


def uploads(gateway, root):
    for name, options in {"with a length": (), "without one": ("--no-content-length",), "padded": ("-b", 255),
                          "with trailers": ("--no-content-length", "--trailer", "x-behind: it"), "expecting": ("--expect-continue",)}.items():
        told = json.loads(nghttp(gateway, "/told", "-d", root / "body", "-H", ":method: POST", *options))
        expect(f"an upload {name}", (told["size"], told["sha256"]), (BODY, DIGEST))
        expect(f"its length {name}", told["headers"].get("content-length"), None if "--no-content-length" in options else str(BODY))
        if name == "with trailers":
            expect("what is behind it stays behind", told["trailers"], {})


def by_curl(gateway, root):
    out = gateway.curl("-I", "-w", "%{http_version} %{http_code} %{size_download}", gateway.url(f"/big/{BIG}")).decode()
    expect("HEAD", out.splitlines()[-1], "2 200 0")
    expect("its length", f"content-length: {BIG}" in out.lower(), True)
    expect("204", gateway.curl("-w", "%{http_code} %{size_download}", gateway.url("/none")), b"204 0")
    for options in (("-H", "Expect: 100-continue"), ("-H", "Expect:"), ("-X", "PUT", "-H", "Expect: 100-continue")):
        told = json.loads(gateway.curl("--data-binary", f"@{root}/body", *options, gateway.url("/told")))
        expect(f"curl's upload {options}", (told["size"], told["sha256"]), (BODY, DIGEST))
    with open(root / "body", "rb") as body:
        told = json.loads(subprocess.run(["curl", *gateway.options(), "-T", "-", gateway.url("/told")], stdin=body, check=True,
                                         capture_output=True, timeout=60).stdout)
    expect("of no length", (told["size"], told["headers"].get("content-length")), (BODY, None))
    for wanted, options in ((1, ("-H", "TE: trailers")), (0, ())):
        expect("before trailers", gateway.curl(*options, "-D", root / "heads", gateway.url("/trailers")), b"hello")
        expect(f"what curl wrote of them {options}", (root / "heads").read_text().count("x-sum: of it all"), wanted)
    fields = [part for field in LARGE_FIELDS for part in ("-H", field)]
    told = json.loads(gateway.curl(*fields, gateway.url("/x")))["headers"]
    expect("large heads", sorted(v for k, v in told.items() if k.lower().startswith("x-large-")), ["v" * 900] * len(LARGE_FIELDS))
    expect("a large head back", gateway.curl("-D", root / "heads", gateway.url("/large-head/16")), b"ok")
    expect("all of it", (root / "heads").read_text().count("v" * 900), 16)
    refused = gateway.curl("-o", "/dev/null", "-w", "%{http_code}", "-H", "x-much: " + "v" * 60_000, gateway.url("/x"))
    expect("a head that is too large", refused, b"431")
    arguments = ["--parallel", "--parallel-max", "50", "-w", "%{http_version} %{http_code} %{size_download} %{num_connects}\n"]
    for _ in range(PARALLEL):
        arguments += ["-o", "/dev/null", gateway.url(f"/big/{SMALL}")]
    rows = [row.split() for row in gateway.curl(*arguments).decode().splitlines()]
    expect("-Z", [row[:3] for row in rows], [["2", "200", str(SMALL)]] * PARALLEL)
    expect("on few connections", sum(int(row[3]) for row in rows) < PARALLEL, True)


def by_h2load(gateway, root):
    target = f"--connect-to=127.0.0.1:{gateway.port}"
    for name, n, options in (("gets", 2000, ("-c", 10, "-m", 30)), ("uploads", 200, ("-c", 4, "-m", 10, "-d", root / "body")),
                             ("windows of a kilobyte", 300, ("-c", 4, "-m", 8, "-w", 10, "-W", 14)),
                             ("threads", 1000, ("-c", 8, "-t", 2, "-m", 10)), ("HTTP/1.1", 1000, ("-c", 8, "--h1"))):
        text = tool("h2load", "-n", n, *options, target, gateway.url("/" if name == "uploads" else "/big/2000")).decode()
        expect(f"h2load, {name}", re.search(r"status codes: (\d+) 2xx", text)[1], str(n))
        expect(f"what failed, {name}", re.search(r"(\d+) failed, (\d+) errored, (\d+) timeout", text).groups(), ("0", "0", "0"))
        expect(f"the protocol, {name}", "Application protocol: " + ("http/1.1" if "--h1" in options else "h2") in text, True)


def by_wrk(gateway, root):
    """It takes the name to show from its URL, and where that is from the system alone: a hosts file of its own."""
    if os.geteuid():
        print("wrk: left out, only root can give it a hosts file")
        return
    (root / "hosts").write_text(f"127.0.0.1 {SITES[0]} localhost\n")
    text = tool("unshare", "--mount", "/bin/sh", "-c", 'mount --bind "$1" /etc/hosts && shift && exec "$@"', "-", root / "hosts", "wrk", "-t2",
                "-c16", "-d3s", "--timeout", "20s", f"https://{SITES[0]}:{gateway.port}/big/1000").decode()
    expect("wrk's requests", int(re.search(r"(\d+) requests in", text)[1]) > 16, True)
    for wrong in ("Non-2xx", "Socket errors"):
        if wrong in text:
            raise AssertionError(f"wrk: {text}")


CONTENT = os.urandom(1 << 20) * 3
BODY, DIGEST = len(CONTENT), hashlib.sha256(CONTENT).hexdigest()


def main():
    server = Server(("127.0.0.1", 0), Pages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as name:
        root = pathlib.Path(name)
        (root / "body").write_bytes(CONTENT)
        with Gateway(root, server.server_port) as gateway:
            gateway.http = "--http2"
            for by in (by_nghttp, by_curl, by_h2load, by_wrk):
                by(gateway, root)
                print(by.__name__.replace("_", " "), flush=True)


if __name__ == "__main__":
    main()
