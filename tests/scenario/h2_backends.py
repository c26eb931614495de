#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=180
"""One gateway before backends of HTTP/2: gRPC both ways with Google's library at both ends, nghttpd under h2load, with and
without TLS, restarted in between; clients that do not read; and servers that cheat."""

import hashlib
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from concurrent import futures

import grpc

from backends import until
from gateway import SITES, Gateway, expect
from https_backends import key_of, make_certificates
from proxies import Program

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import free_port  # noqa: E402

REQUESTS, BIG, PIECES = 6000, 20_000_000, 300
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, CONTINUATION = 0, 1, 2, 3, 4, 5, 6, 7, 9
END_STREAM, END_HEADERS = 1, 4
ANSWER = b"\x88"  # :status: 200


# ---- gRPC

class Service(grpc.GenericRpcHandler):
    """Of bytes: what a method does is in its name."""

    def service(self, details):
        kind, name = {
            "/t/echo": (grpc.unary_unary_rpc_method_handler, self.echo),
            "/t/refuse": (grpc.unary_unary_rpc_method_handler, self.refuse),
            "/t/pour": (grpc.unary_stream_rpc_method_handler, self.pour),
            "/t/gather": (grpc.stream_unary_rpc_method_handler, self.gather),
            "/t/talk": (grpc.stream_stream_rpc_method_handler, self.talk),
        }[details.method]
        return kind(name)

    def echo(self, request, context):
        context.set_trailing_metadata((("behind", "it"), ("peer", dict(context.invocation_metadata()).get("x-forwarded-proto", "-"))))
        return request

    def refuse(self, request, context):
        context.abort(grpc.StatusCode.NOT_FOUND, "no such thing: " + request.decode())

    def pour(self, request, context):
        for i in range(int(request)):
            yield b"%d" % i + b"." * 10_000

    def gather(self, requests, context):
        return hashlib.sha256(b"".join(requests)).hexdigest().encode()

    def talk(self, requests, context):
        for request in requests:
            yield request[::-1]


def speak(gateway):
    server = grpc.server(futures.ThreadPoolExecutor(50))
    server.add_generic_rpc_handlers((Service(),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    site(gateway, f"h2c://127.0.0.1:{port}")
    credentials = grpc.ssl_channel_credentials((gateway.root / "all.pem").read_bytes())
    options = (("grpc.ssl_target_name_override", SITES[0]), ("grpc.default_authority", SITES[0]))
    with grpc.secure_channel(f"127.0.0.1:{gateway.port}", credentials, options) as channel:
        answer, call = channel.unary_unary("/t/echo").with_call(b"hello", timeout=30)
        expect("an echo", answer, b"hello")
        expect("trailers", sorted(call.trailing_metadata())[:2], [("behind", "it"), ("peer", "https")])
        try:
            channel.unary_unary("/t/refuse")(b"unicorn", timeout=30)
            raise AssertionError("it was not refused")
        except grpc.RpcError as error:
            expect("a refusal", (error.code(), error.details()), (grpc.StatusCode.NOT_FOUND, "no such thing: unicorn"))
        got = list(channel.unary_stream("/t/pour")(b"%d" % PIECES, timeout=60))
        expect("a stream down", (len(got), got[-1]), (PIECES, b"%d" % (PIECES - 1) + b"." * 10_000))
        pieces = [os.urandom(10_000) for _ in range(PIECES)]
        expect("a stream up", channel.stream_unary("/t/gather")(iter(pieces), timeout=60),
               hashlib.sha256(b"".join(pieces)).hexdigest().encode())
        word_by_word(channel)
        calls = [channel.unary_unary("/t/echo").future(b"%d" % i, timeout=60) for i in range(200)]
        expect("200 at once", [c.result() for c in calls], [b"%d" % i for i in range(200)])
    server.stop(None)


def word_by_word(channel):
    """Each end answers what the other one has said: nothing may wait for more."""
    said, more = [], threading.Semaphore(1)

    def words():
        for i in range(100):
            more.acquire()
            yield b"word %d" % i
    for answer in channel.stream_stream("/t/talk")(words(), timeout=60):
        said.append(answer)
        more.release()
    expect("a conversation", said[99][::-1], b"word 99")


# ---- nghttpd

def site(gateway, backend, more=""):
    """That, in force."""
    site.generation += 1
    (gateway.root / "autarky.yaml").write_text(
        "organization: Example\ndomain: hospital.example\nlisten: {gateway: [\"127.0.0.1:0\"]}\n"
        f"gateway:\n  sites:\n    - {{name: {SITES[0]}, backends: [\"{backend}\"]{more}}}\n"
        f"  paths:\n    - {{site: {SITES[0]}, path: /generation, answer: \"{site.generation}\"}}\n")
    gateway.process.send_signal(signal.SIGHUP)
    until("the configuration", lambda: gateway.curl(gateway.url("/generation")).strip() == b"%d" % site.generation)


site.generation = 0


def nghttpd(root, port, *more):
    (root / "www").mkdir(exist_ok=True)
    (root / "www" / "small").write_bytes(b"x" * 1000)
    (root / "www" / "big").write_bytes(b"y" * BIG)
    return Program(root, ["nghttpd", "-d", str(root / "www"), "--echo-upload", "-a", "127.0.0.1", str(port), *more], [port])


def connections_to(port):
    lines = pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]
    return sum(1 for line in lines if line.split()[2].endswith(f":{port:04X}") and line.split()[3] == "01")


def loaded(gateway, root):
    port = free_port()
    server = nghttpd(root, port, "--no-tls")
    site(gateway, f"h2c://127.0.0.1:{port}")
    most = [0]
    over = threading.Event()

    def watch():
        while not over.wait(0.02):
            most[0] = max(most[0], connections_to(port))
    watcher = threading.Thread(target=watch)
    watcher.start()
    done = subprocess.run(["h2load", "-n", str(REQUESTS), "-c", "8", "-m", "50", f"--connect-to=127.0.0.1:{gateway.port}",
                           gateway.url("/small")], capture_output=True, text=True, check=True, timeout=120).stdout
    over.set()
    watcher.join()
    expect("what h2load got", re.search(r"status codes: (\d+) 2xx", done)[1], str(REQUESTS))
    expect("what failed", re.search(r"(\d+) failed, (\d+) errored", done).groups(), ("0", "0"))
    if not 1 <= most[0] <= 12:
        raise AssertionError(f"{most[0]} connections to the backend for 400 requests at a time")
    bodies(gateway, root)
    restarted(gateway, root, server, port)
    print(f"h2load: {re.search('finished in.*', done)[0]}, {most[0]} connections", flush=True)


def bodies(gateway, root):
    for protocol in ("--http1.1", "--http2"):
        gateway.http = protocol
        expect(f"a large answer, {protocol}", len(gateway.curl(gateway.url("/big"))), BIG)
        body = os.urandom(BIG)
        (root / "body").write_bytes(body)
        expect(f"a large body, {protocol}", gateway.curl("--data-binary", f"@{root}/body", gateway.url("/up")) == body, True)
        expect(f"HEAD, {protocol}", b"content-length: %d" % BIG in gateway.curl("-I", gateway.url("/big")).lower(), True)
        expect(f"what is not there, {protocol}", gateway.curl("-o", "/dev/null", "-w", "%{http_code}", gateway.url("/none")), b"404")
    unread(gateway)


def resident(gateway):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{gateway.process.pid}/status").read_text())[1])


def unread(gateway):
    """Ten clients that do not read what is large for them, and others that get theirs meanwhile."""
    before, idle = resident(gateway), []
    for _ in range(10):
        tls = gateway.connect(SITES[0])
        tls.sendall(b"GET /big HTTP/1.1\r\nHost: wiki.example\r\n\r\n")
        tls.recv(1000)
        idle.append(tls)
    time.sleep(0.5)
    expect("an answer meanwhile", len(gateway.curl(gateway.url("/small"))), 1000)
    grown = resident(gateway) - before
    if grown > 10 * BIG // 1024 // 3:  # a sanitizer keeps a good deal of what was freed
        raise AssertionError(f"{grown} KiB more for ten clients that do not read")
    for tls in idle:
        tls.close()


def restarted(gateway, root, server, port):
    """It is there again, and the connections of before are of no use."""
    server.stop()
    expect("nobody there", gateway.curl("-o", "/dev/null", "-w", "%{http_code}", gateway.url("/small")), b"502")
    server = nghttpd(root, port, "--no-tls")
    expect("there again", len(gateway.curl(gateway.url("/small"))), 1000)
    server.stop()


def secured(gateway, root):
    make_certificates(root)
    (root / "conf.d").mkdir()
    (root / "conf.d" / "inside.pem").write_bytes((root / "root.pem").read_bytes())
    port, old = free_port(), free_port()
    server = nghttpd(root, port, str(root / "right.key"), str(root / "right.pem"))
    site(gateway, f"h2://127.0.0.1:{port}", ", backend_ca: inside.pem, backend_name: app.inside.example")
    expect("over TLS", len(gateway.curl(gateway.url("/small"))), 1000)
    site(gateway, f"h2://127.0.0.1:{port}", f", backend_keys: [{key_of(root, 'name')}]")
    expect("with another key", gateway.curl("-o", "/dev/null", "-w", "%{http_code}", gateway.url("/small")), b"502")
    server.stop()
    server = Program(root, ["/usr/bin/openssl", "s_server", "-accept", f"127.0.0.1:{old}", "-key", str(root / "right.key"), "-cert",
                            str(root / "right.pem"), "-alpn", "http/1.1", "-quiet"], [old])
    site(gateway, f"h2://127.0.0.1:{old}", ", backend_ca: inside.pem, backend_name: app.inside.example")
    expect("without HTTP/2", gateway.curl("-o", "/dev/null", "-w", "%{http_code}", gateway.url("/small")), b"502")
    server.stop()


# ---- servers that cheat

def frame(kind, flags, stream, body=b""):
    return len(body).to_bytes(3, "big") + struct.pack(">BBI", kind, flags, stream) + body


class Cheat:
    """Says hello, and to each request what `say` makes of its stream and its number."""

    def __init__(self, say):
        self.say, self.requests, self.accepted = say, 0, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.accepted += 1
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        got = b""
        try:
            client.sendall(frame(SETTINGS, 0, 0))
            while piece := client.recv(65536):
                got += piece
                if got.startswith(b"PRI"):
                    got = got[24:]
                while len(got) >= 9 and len(got) >= 9 + int.from_bytes(got[:3], "big"):
                    size = int.from_bytes(got[:3], "big")
                    kind, flags, stream = struct.unpack(">BBI", got[3:9])
                    got = got[9 + size:]
                    if kind == SETTINGS and not flags & 1:
                        client.sendall(frame(SETTINGS, 1, 0))
                    if kind == HEADERS:
                        self.requests += 1
                        for bytes_ in self.say(stream, self.requests):
                            client.sendall(bytes_)
        except OSError:
            pass
        client.close()


def good(stream):
    return frame(HEADERS, END_HEADERS | END_STREAM, stream, ANSWER)


FLOODS = {
    "settings": lambda stream, n: (frame(SETTINGS, 0, 0) for _ in range(100_000)),
    "pings": lambda stream, n: (frame(PING, 0, 0, bytes(8)) for _ in range(100_000)),
    "empty data": lambda stream, n: (frame(HEADERS, END_HEADERS, stream, ANSWER) if i == 0 else frame(DATA, 0, stream)
                                     for i in range(100_000)),
    "an endless head": lambda stream, n: (frame(HEADERS, 0, stream, ANSWER) if i == 0 else
                                          frame(CONTINUATION, 0, stream, b"\0\1x\1y" * 100) for i in range(100_000)),
    "pushes": lambda stream, n: (frame(PUSH_PROMISE, END_HEADERS, stream, struct.pack(">I", 2 * i + 2) + b"\x82")
                                 for i in range(1000)),
    "a reset": lambda stream, n: [frame(RST_STREAM, 0, stream, struct.pack(">I", 2))],
    "more than there is room for": lambda stream, n: [frame(HEADERS, END_HEADERS, stream, ANSWER)] +
                                                     [frame(DATA, 0, stream, bytes(16384))] * 2000,
    "two answers in one field": lambda stream, n: [frame(HEADERS, END_HEADERS | END_STREAM, stream, ANSWER + b"\0\1a\x09b\r\nc: d\r\n")],
    "no HTTP/2": lambda stream, n: [b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"],
    "the end": lambda stream, n: [frame(GOAWAY, 0, 0, struct.pack(">II", 0, 11))],
}


def cheats(gateway):
    gateway.http = "--http1.1"
    for name, say in FLOODS.items():
        cheat = Cheat(say)
        site(gateway, f"h2c://127.0.0.1:{cheat.port}")
        options = ["-o", "/dev/null", "-w", "%{http_code}", "--max-time", "20"]
        done = subprocess.run(["curl", *gateway.options(), *options, gateway.url("/x")], capture_output=True, check=False)
        if done.stdout == b"200" and done.returncode == 0:
            raise AssertionError(f"{name}: a whole answer")
        expect(f"{name}: the gateway", gateway.process.poll(), None)
        cheat.listener.close()


def sent_again(gateway):
    """What a server says it has not looked at, whatever it is; what it may have looked at, only if that does no harm."""
    refused = Cheat(lambda stream, n: [good(stream)] if n % 2 == 0 else [frame(RST_STREAM, 0, stream, struct.pack(">I", 7))])
    site(gateway, f"h2c://127.0.0.1:{refused.port}")
    status = gateway.curl("-o", "/dev/null", "-w", "%{http_code}", "-X", "POST", gateway.url("/once"))
    expect("a POST that was refused", (status, refused.requests), (b"200", 2))
    broken = Cheat(lambda stream, n: [good(stream)] if n % 2 == 0 else [frame(RST_STREAM, 0, stream, struct.pack(">I", 2))])
    site(gateway, f"h2c://127.0.0.1:{broken.port}")
    status = gateway.curl("-o", "/dev/null", "-w", "%{http_code}", "-X", "POST", gateway.url("/once"))
    expect("a POST that was broken off", (status, broken.requests), (b"502", 1))


def main():
    with tempfile.TemporaryDirectory() as directory:
        root = pathlib.Path(directory)
        with Gateway(root, free_port()) as gateway:
            speak(gateway)
            loaded(gateway, root)
            secured(gateway, root)
            cheats(gateway)
            sent_again(gateway)


if __name__ == "__main__":
    main()
