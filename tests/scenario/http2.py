#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""One gateway and clients of HTTP/2: h2load with hundreds of streams at once, clients that flood it, clients that take nothing,
and its end with requests under way. Frames that no client would send are put together here."""

import pathlib
import re
import signal
import socket
import ssl
import struct
import subprocess
import tempfile
import threading
import time
from http.server import ThreadingHTTPServer

from gateway import BIG, Gateway, Web, expect

MAGIC = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM, ACK, END_HEADERS = 1, 1, 4
CALM = 11
REQUESTS = 3000
HELD = 64 << 20


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024

    def handle_error(self, *_):
        """Clients that leave are no news here."""


def frame(kind, flags, stream, body=b""):
    return struct.pack(">I", len(body))[1:] + struct.pack(">BBI", kind, flags, stream) + body


def head(stream, path, flags=END_STREAM, method="GET"):
    """Literal fields, never indexed and without Huffman's code (RFC 7541 section 6.2.2)."""
    fields = {":method": method, ":scheme": "https", ":authority": "wiki.example", ":path": path}
    block = b"".join(b"\0%c%b%c%b" % (len(k), k.encode(), len(v), v.encode()) for k, v in fields.items())
    return frame(HEADERS, flags | END_HEADERS, stream, block)


class Client:
    """A connection on which frames are sent and read one by one."""

    def __init__(self, gateway, window=65535):
        context = ssl.create_default_context(cafile=gateway.root / "all.pem")
        context.set_alpn_protocols(["h2"])
        plain = socket.create_connection(("127.0.0.1", gateway.port), timeout=30)
        self.tls = context.wrap_socket(plain, server_hostname="wiki.example")
        expect("the protocol", self.tls.selected_alpn_protocol(), "h2")
        self.send(MAGIC + frame(SETTINGS, 0, 0, struct.pack(">HI", 4, window)))
        self.got = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.tls.close()

    def send(self, data):
        self.tls.sendall(data)

    def frames(self):
        """What comes, up to the end of the connection: kind, flags, stream, body."""
        while True:
            while len(self.got) < 9 or len(self.got) < 9 + int.from_bytes(self.got[:3], "big"):
                try:
                    piece = self.tls.recv(65536)
                except (ConnectionResetError, ssl.SSLEOFError):
                    piece = b""
                if not piece:
                    return
                self.got += piece
            size = int.from_bytes(self.got[:3], "big")
            kind, flags, stream = struct.unpack(">BBI", self.got[3:9])
            yield kind, flags, stream, self.got[9:9 + size]
            self.got = self.got[9 + size:]

    def answer(self, stream):
        """The bytes of its body."""
        size = 0
        for kind, flags, which, body in self.frames():
            if which == stream and kind == DATA:
                size += len(body)
            if which == stream and kind in (DATA, HEADERS) and flags & END_STREAM:
                return size
            if kind == GOAWAY or (kind == RST_STREAM and which == stream):
                raise AssertionError(f"{kind} {body!r}")
        raise AssertionError(f"the connection ended after {size} bytes")


def many_at_once(gateway):
    url = gateway.url("/big/1000")
    done = subprocess.run(["h2load", "-n", str(REQUESTS), "-c", "8", "-m", "50", f"--connect-to=127.0.0.1:{gateway.port}", url],
                          capture_output=True, text=True, check=True, timeout=120).stdout
    expect("what h2load got", re.search(r"status codes: (\d+) 2xx", done)[1], str(REQUESTS))
    expect("what failed", re.search(r"(\d+) failed, (\d+) errored", done).groups(), ("0", "0"))


def uploads(gateway, root):
    """Ten at once on one connection."""
    (root / "body").write_bytes(b"x" * 3_000_000)
    arguments = []
    for i in range(10):
        arguments += ["--next", *gateway.options()] if i else []
        arguments += ["--data-binary", f"@{root}/body", "-o", str(root / f"digest{i}"), gateway.url("/")]
    gateway.curl("--parallel", *arguments)
    expect("ten digests", len({(root / f"digest{i}").read_bytes() for i in range(10)}), 1)


FLOODS = {
    "rapid resets": lambda i: head(2 * i + 1, "/x") + frame(RST_STREAM, 0, 2 * i + 1, struct.pack(">I", 8)),
    "resets that it is made to do": lambda i: head(2 * i + 1, "/x") + frame(WINDOW_UPDATE, 0, 2 * i + 1, b"\x7f\xff\xff\xff"),
    "settings": lambda i: frame(SETTINGS, 0, 0),
    "pings": lambda i: frame(PING, 0, 0, bytes(8)),
    "empty data": lambda i: head(1, "/", 0, "POST") if i == 0 else frame(DATA, 0, 1),
    "an endless head": lambda i: frame(HEADERS, 0, 1, b"\0\1x\1y") if i == 0 else frame(CONTINUATION, 0, 1, b"\0\1x\1y"),
}


def calmed(client):
    """It was told to calm down, and the connection ends."""
    codes = [struct.unpack(">II", body[:8])[1] for kind, _, _, body in client.frames() if kind == GOAWAY]
    return codes[-1:] == [CALM]


def floods(gateway):
    for name, make in FLOODS.items():
        with Client(gateway) as client:
            for i in range(0, 20_000, 10):
                client.send(b"".join(make(i + k) for k in range(10)))
            expect(f"calmed after {name}", calmed(client), True)
        expect(f"others after {name}", gateway.curl("-o", "/dev/null", "-w", "%{http_code}", gateway.url("/x")), b"200")


def memory(gateway):
    status = pathlib.Path(f"/proc/{gateway.process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) * 1024


def clients_that_take_nothing(gateway):
    """Two hundred answers of 20 MB, of which nobody reads a byte; others are served meanwhile."""
    before = memory(gateway)
    clients = [Client(gateway, (1 << 31) - 1) for _ in range(2)]
    for client in clients:
        client.send(frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", (1 << 31) - 1 - 65535)))
        client.send(b"".join(head(2 * i + 1, f"/big/{BIG}") for i in range(100)))
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:
        expect("others", gateway.curl("-o", "/dev/null", "-w", "%{http_code}", gateway.url("/x")), b"200")
        held = memory(gateway) - before
        if held > HELD:
            raise AssertionError(f"{held >> 20} MiB for answers that nobody takes")
    for client in clients:
        client.tls.close()


def a_stream_of_many(gateway):
    """Small windows make their way beside large ones."""
    with Client(gateway, 10) as client:
        client.send(head(1, "/big/100"))
        got = 0
        for kind, flags, stream, body in client.frames():
            if kind == DATA and stream == 1:
                got += len(body)
                if flags & END_STREAM:
                    break
                client.send(frame(WINDOW_UPDATE, 0, 1, struct.pack(">I", 10)))
        expect("in pieces of ten", got, 100)


def drain(gateway):
    """What is under way ends; the client is told to go elsewhere."""
    with Client(gateway, 1 << 28) as client:
        client.send(frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 1 << 28)))
        client.send(head(1, f"/big/{BIG}"))
        size, warned = 0, False
        for kind, _, stream, body in client.frames():
            if kind == HEADERS:
                gateway.process.send_signal(signal.SIGTERM)
            size += len(body) if kind == DATA and stream == 1 else 0
            warned = warned or kind == GOAWAY
        expect("the last download", size, BIG)
        expect("the warning", warned, True)
    expect("the exit status", gateway.process.wait(30), 0)


def main():
    server = Server(("127.0.0.1", 0), Web)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as name:
        root = pathlib.Path(name)
        with Gateway(root, server.server_port) as gateway:
            gateway.http = "--http2"
            many_at_once(gateway)
            uploads(gateway, root)
            a_stream_of_many(gateway)
            floods(gateway)
            clients_that_take_nothing(gateway)
            drain(gateway)


if __name__ == "__main__":
    main()
