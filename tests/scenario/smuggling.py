#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=480
"""The same bytes to the gateway, nginx and HAProxy, each before a backend that writes down what it gets: pairs of requests whose framing was
tampered with, always the same ones, and a third one behind them that ends the connection. What reaches our backend must be read alike by
servers of all kinds, sloppy ones as well, and every request in it must be one that the gateway took for one: it has the id that only the
gateway gives. The same bytes are then said to three real servers, Python's, Node's and nginx, which have to see the same requests. And
where the two others agree on what was asked, the gateway must not believe something else; what it alone passes on is listed below.

AUTARKY_SMUGGLING=50000 asks so many; AUTARKY_SMUGGLING_SEED makes others than usual."""

import asyncio
import collections
import http.server
import os
import pathlib
import random
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

from gateway import SITES, Gateway
from proxies import Program

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import free_port  # noqa: E402
from services import nginx_command  # noqa: E402

CASES = int(os.environ.get("AUTARKY_SMUGGLING", "10000"))
SEED = os.environ.get("AUTARKY_SMUGGLING_SEED", "1")
BOUND = 150 if "AUTARKY_SMUGGLING" not in os.environ else None  # seconds, then fewer have to do
LEAST = 200
HOST = SITES[0].encode()
AT_A_TIME = 48
PATIENCE = 0.3  # seconds for the next bytes; a case that looks bad is asked again by itself, with all the time there is
LONG = 3
CASE = re.compile(rb"/c(\d+)/")
ECHO = re.compile(rb"\r\nX-Echo: ([^\r\n]*)\r\n", re.I)

# ---- what is sent

LENGTHS = [b"%d", b"+%d", b"0%d", b" %d", b"%d ", b"\t%d", b"\x0b%d", b"%d\x0b", b"-%d", b"0x%x", b"%d, %d", b"%d,%d", b"%d;", b"%d.0", b"%de0",
           b"1%d", b"", b"%d\x00", b"18446744073709551616", b"4294967296"]
CODINGS = [b"chunked", b"Chunked", b"CHUNKED", b" chunked", b"chunked ", b"\tchunked", b"chunked\t", b"\x0bchunked", b"chunked\x0b", b"xchunked",
           b"chunkedx", b"chunked, identity", b"identity, chunked", b"identity", b"chunked, chunked", b"gzip, chunked", b"chunked;q=1", b'"chunked"',
           b"", b",chunked", b"chunked,", b"chunk", b"chunked\x00", b"\xe3chunked", b"chunked\r\n\t"]
NAMES = [b"%s:", b"%s :", b"%s\t:", b" %s:", b"\t%s:", b"%s\x00:", b"%s\x0b:", b"X: y\n%s:", b"X: y\r%s:", b"X: y\r\n %s:", b"%s\r\n:", b"\x00%s:",
         b"%s;:", b"(%s):", b"x%s:"]
SIZES = [b"%x", b"%X", b"0%x", b"000000000%x", b"%x ", b" %x", b"%x\t", b"0x%x", b"%x;a=b", b"%x;", b"%x ;a", b'%x;a="\r\n"', b"%x;\n", b"-%x", b"+%x",
         b"%x\x00", b"1000000000000000%x", b"%x\r", b"%xg", b"%x,%x", b"%x\x0b"]
ENDS = [b"\r\n", b"\n", b"\r", b"\r\r\n", b"", b"\n\n", b"\r\n ", b" \r\n", b"\x0b\r\n", b"\x00\r\n"]
VERSIONS = [b"HTTP/1.1", b"HTTP/1.0", b"HTTP/1.2", b"HTTP/1.10", b"HTTP/2.0", b"http/1.1", b"HTTP/1.1 ", b"HTTP/01.1", b"HTTP /1.1", b"", b"HTTP/0.9",
            b"HTTP/1.1\x00"]
EXTRA = [b"Connection: Content-Length", b"Connection: Transfer-Encoding", b"Connection: close", b"Connection: keep-alive, Host", b"Expect: 100-continue",
         b"Expect: 100-continuex", b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA", b"TE: trailers",
         b"Content_Length: 3", b"Transfer_Encoding: chunked", b"Host: other.example", b"X-Request-Id: mine", b"X\x00Y: 1", b"X Y: 1", b":", b"noname",
         b"Content-Length: 0", b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity", b"Trailer: Content-Length", b"Keep-Alive: 5",
         b"Proxy-Connection: keep-alive", b"Content-Encoding: chunked", b"X-Long: " + b"a" * 9000, b"Content-Length: 5\r\nContent-Length: 5"]


def pick(rng, usual, odd, chance=0.35):
    return rng.choice(odd) if rng.random() < chance else usual


def filled(form, n):
    return form % ((n,) * form.count(b"%")) if b"%" in form else form


def inner(number, rng):
    """What an attacker would have the second server take for a request."""
    return b"GET /c%d/smuggled HTTP/1.1\r\nHost: %s\r\nX: " % (number, HOST) if rng.random() < 0.7 else b"abc"


def chunks(body, rng):
    out = b""
    for piece in (body[:len(body) // 2], body[len(body) // 2:]) if rng.random() < 0.5 else (body,):
        if piece:
            out += filled(pick(rng, b"%x", SIZES, 0.3), len(piece)) + pick(rng, b"\r\n", ENDS, 0.15) + piece + pick(rng, b"\r\n", ENDS, 0.15)
    out += pick(rng, b"0", [b"00", b"0;a=b", b"-0", b"", b"0 ", b"0x0"], 0.15) + pick(rng, b"\r\n", ENDS, 0.15)
    if rng.random() < 0.2:
        out += rng.choice([b"X-Trailer: 1\r\n", b"Content-Length: 7\r\n", b"Host: other.example\r\n", b" folded\r\n", b"Transfer-Encoding: chunked\r\n"])
    return out + pick(rng, b"\r\n", ENDS, 0.1)


def request(number, which, rng):
    """One request, perhaps with more than one idea of where it ends."""
    end = pick(rng, b"\r\n", ENDS, 0.03)
    body = inner(number, rng) if which == 0 and rng.random() < 0.85 else b""
    framing = rng.choice(("length", "chunked", "both", "both", "none")) if body else "none"
    target = b"/c%d/%d" % (number, which)
    target = pick(rng, target, [b"http://%s%s" % (HOST, target), b"http://other.example" + target, target + b"\t", target + b"?a b", target + b"\x00",
                                b"//" + HOST + target, target + b"#x", b"*" + target, target + b"\xff"], 0.08)
    method = pick(rng, b"POST" if body else b"GET", [b"GET", b"PUT", b"HEAD", b"CONNECT", b"post", b"GET\t", b" GET", b"OPTIONS", b"TRACE", b"G\x00T"], 0.12)
    lines = [method + b" " + target + pick(rng, b" ", [b"  ", b"\t", b" \t ", b""], 0.03) + pick(rng, b"HTTP/1.1", VERSIONS, 0.08)]
    headers = [pick(rng, b"Host:", [b"Host :", b"host:", b"Hos\x00t:", b" Host:"], 0.03) + b" " + pick(rng, HOST, [HOST + b":80", HOST + b"@x", b"", HOST + b"/x",
                                                                                                          b"other.example, " + HOST], 0.03)]
    coded = chunks(body, rng) if framing in ("chunked", "both") else body
    if framing in ("length", "both"):
        n = rng.choice((len(coded), len(body), max(len(coded) - 5, 0), len(coded) + 5, 0, 4)) if framing == "both" else len(body)
        headers.append(filled(pick(rng, b"%s:", NAMES, 0.15), b"Content-Length") + b" " + filled(pick(rng, b"%d", LENGTHS, 0.3), n))
    if framing in ("chunked", "both"):
        headers.append(filled(pick(rng, b"%s:", NAMES, 0.15), b"Transfer-Encoding") + b" " + pick(rng, b"chunked", CODINGS, 0.4))
    if rng.random() < 0.25:
        headers.append(rng.choice(EXTRA))
    rng.shuffle(headers)
    return end.join(lines + headers) + end + pick(rng, b"\r\n", ENDS, 0.03) + coded


def case(number):
    rng = random.Random(f"{SEED}/{number}")
    data = bytearray(request(number, 0, rng) + request(number, 1, rng))
    for _ in range(rng.choice((0, 0, 0, 1, 2))):
        at, what = rng.randrange(len(data)), rng.randrange(3)
        if what == 0:
            data[at] = rng.choice(b"\r\n\t :,;\x00\x0b0 15aA\x7f\xff")
        elif what == 1:
            data.insert(at, rng.choice(b"\r\n\t :,;\x00\x0b05 aA\x7f\xff"))
        else:
            del data[at]
    # Who has understood the two ends the connection with this one; to who has not it is more of a body.
    return bytes(data) + b"GET /c%d/last HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n" % (number, HOST)


# ---- servers of several kinds, and what each reads in the same bytes


class Bad(Exception):
    pass


class More(Exception):
    pass


class Server:
    """How sloppy it is, is in its options."""

    def __init__(self, bare_lf=False, length_wins=False, loose_coding=False, spaced=False, underscores=False):
        self.bare_lf, self.length_wins, self.loose_coding, self.spaced, self.underscores = bare_lf, length_wins, loose_coding, spaced, underscores

    def line(self, data, at):
        end = data.find(b"\n" if self.bare_lf else b"\r\n", at)
        if end < 0:
            raise More
        return data[at:end].rstrip(b"\r") if self.bare_lf else data[at:end], end + (1 if self.bare_lf else 2)

    def head(self, data, at):
        first, at = self.line(data, at)
        fields = []
        while True:
            line, at = self.line(data, at)
            if not line:
                return first, fields, at
            name, colon, value = line.partition(b":")
            if not colon:
                raise Bad(line)
            name = name.lower()
            if self.spaced:
                name = name.strip(b" \t\x0b\x00")
            if self.underscores:
                name = name.replace(b"_", b"-")
            fields.append((name, value.strip(b" \t\x0b\x00" if self.spaced else b" \t")))

    def chunked(self, data, at):
        body = b""
        while True:
            size, at = self.line(data, at)
            try:
                n = int(size.split(b";")[0].strip(), 16)
            except ValueError:
                raise Bad(size) from None
            if n == 0:
                break
            if len(data) < at + n + 2:
                raise More
            body += data[at:at + n]
            _, at = self.line(data, at + n)
        while True:
            line, at = self.line(data, at)
            if not line:
                return body, at

    def request(self, data, at):
        """((method, target, body), fields, where the next one begins)"""
        first, fields, at = self.head(data, at)
        parts = first.split(b" ")
        if len(parts) != 3 or not parts[2].startswith(b"HTTP/1."):
            raise Bad(first)
        lengths = [v for n, v in fields if n == b"content-length"]
        codings = [v.lower() for n, v in fields if n == b"transfer-encoding"]
        chunked = any(b"chunked" in c if self.loose_coding else c == b"chunked" for c in codings)
        body = b""
        if chunked and not (self.length_wins and lengths):
            body, at = self.chunked(data, at)
        elif lengths:
            if not lengths[-1].isdigit():
                raise Bad(lengths[-1])
            n = int(lengths[-1])
            if len(data) < at + n:
                raise More
            body, at = data[at:at + n], at + n
        return (parts[0], parts[1], body), fields, at

    def all(self, data):
        """All of them, and what is left."""
        found, at = [], 0
        try:
            while at < len(data):
                what, fields, at = self.request(data, at)
                found.append((what, tuple(v for n, v in fields if n == b"x-request-id")))
        except More:
            pass
        except Bad as bad:
            found.append((("bad", str(bad), b""), ()))
        return found


PLAIN = Server()
SLOPPY = {"takes a bare LF": Server(bare_lf=True), "goes by length": Server(length_wins=True), "finds chunked anywhere": Server(loose_coding=True),
          "strips names": Server(spaced=True), "takes underscores": Server(underscores=True),
          "takes everything": Server(True, False, True, True, True), "takes everything, goes by length": Server(True, True, True, True, True)}


class Backend:
    """Answers every request that it reads, and keeps the bytes of each connection."""

    def __init__(self):
        self.connections = []

    async def start(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0, limit=1 << 20)
        self.port = self.server.sockets[0].getsockname()[1]

    async def serve(self, reader, writer):
        data, at = bytearray(), 0
        self.connections.append(data)
        try:
            while piece := await reader.read(65536):
                data += piece
                at = self.answer(data, at, writer)
                await writer.drain()
        except (Bad, OSError):
            pass
        writer.close()

    def answer(self, data, at, writer):
        try:
            while at < len(data):
                (method, _, _), _, at = PLAIN.request(data, at)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (0 if method == b"HEAD" else 2) + (b"" if method == b"HEAD" else b"ok"))
        except More:
            pass
        return at


# ---- real servers: each answers with an empty 204 that says in X-Echo what it has read, "GET 12 ID": how long the body was, "-"
# where it does not tell


class Echo(http.server.BaseHTTPRequestHandler):
    """Python's own reading of heads; of bodies it has none, so that is done here, strictly."""
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def echo(self):
        size, chunked = int(self.headers.get("Content-Length", 0)), self.headers.get("Transfer-Encoding")
        if chunked:
            while n := int(self.rfile.readline(), 16):
                size += len(self.rfile.read(n))
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
        else:
            self.rfile.read(size)
        self.send_response(204)
        self.send_header("X-Echo", f"{self.command} {size} {self.headers.get('X-Request-Id', '')}")
        self.end_headers()

    def __getattr__(self, name):
        if name.startswith("do_"):
            return self.echo
        raise AttributeError(name)


class Python:
    def __init__(self, _):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
        self.server.daemon_threads = True
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()


NODE = """
const http = require("http");
const server = http.createServer((q, a) => {
  let n = 0;
  q.on("data", (d) => { n += d.length; });
  q.on("end", () => { a.writeHead(204, {"X-Echo": `${q.method} ${n} ${q.headers["x-request-id"] || ""}`}); a.end(); });
});
server.keepAliveTimeout = server.headersTimeout = server.requestTimeout = 0;
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
"""


class Node:
    def __init__(self, _):
        self.process = subprocess.Popen(["node", "-e", NODE], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def stop(self):
        self.process.kill()
        self.process.wait()


class Nginx:
    def __init__(self, root):
        directory = root / "echo"
        directory.mkdir()
        self.port = free_port()
        self.program = Program(directory, nginx_command(directory, f"""
    server {{
        listen 127.0.0.1:{self.port};
        keepalive_requests 1000000;
        client_max_body_size 0;
        large_client_header_buffers 8 64k;
        location / {{ add_header X-Echo "$request_method - $http_x_request_id" always; return 204; }}
    }}
"""), [self.port])

    def stop(self):
        self.program.stop()


REAL = {"Python": Python, "nginx": Nginx, **({"Node": Node} if shutil.which("node") else {})}


def say_all(s, data):
    try:
        s.sendall(data)
    except OSError:
        pass  # it has refused something, and gone


def heads_of(port, data, wanted):
    """The answers to all of that, said at once on one connection, until there are so many, or it ends."""
    got = b""
    with socket.create_connection(("127.0.0.1", port), 60) as s:
        sender = threading.Thread(target=say_all, args=(s, data), daemon=True)
        sender.start()
        try:
            while len(found := ECHO.findall(got)) < wanted and (piece := s.recv(1 << 20)):
                got += piece
        except OSError:
            found = ECHO.findall(got)
    return [one.decode().split(" ") for one in found]


def really_read(kind, server, data):
    """Complaints about how that server reads what reached our backend. It may refuse a request, not read another one."""
    at, refused, complaints = 0, 0, []
    usual = []
    while at < len(data):
        try:
            (method, target, body), fields, after = PLAIN.request(data, at)
        except (Bad, More):
            break
        usual.append((method.decode(), len(body), b"".join(v for n, v in fields if n == b"x-request-id").decode(), target, at))
        at = after
    i = 0
    while i < len(usual):
        got = heads_of(server.port, data[usual[i][4]:at], len(usual) - i)
        for method, size, name in got:
            want = usual[i]
            if (method, name) != (want[0], want[2]) or size not in ("-", str(want[1])):
                return refused, [*complaints, f"{kind} reads {method} {size} {name} where others read {want!r}"]
            i += 1
        if i < len(usual):  # this one it refused, and went
            refused += 1
            i += 1
    return refused, complaints


def really_read_all(root, backend):
    """Complaints about all that reached it; how much was read, and refused, by whom, is printed."""
    complaints = []
    for kind, start in REAL.items():
        server, refused, began = start(root), 0, time.monotonic()
        try:
            for data in backend.connections:
                more, said = really_read(kind, server, bytes(data))
                refused, complaints = refused + more, complaints + said
        finally:
            server.stop()
        print(f"  {kind} has read all of it in {time.monotonic() - began:.1f} s; it refused {refused} requests")
    return complaints


# ---- asking


async def ask(port, data, context, patience):
    """All that comes back."""
    got = b""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=SITES[0] if context else None)
    except OSError:
        return b"no connection"
    try:
        writer.write(data)
        await writer.drain()
        while True:
            piece = await asyncio.wait_for(reader.read(65536), patience)
            if not piece:
                break
            got += piece
    except (asyncio.TimeoutError, OSError, ssl.SSLError):
        pass
    writer.close()
    return got


async def ask_all(ports, context, wanted, patience):
    """The numbers of the cases that were asked."""
    numbers, gate, began = [], asyncio.Semaphore(AT_A_TIME), time.monotonic()

    async def one(number):
        async with gate:
            if BOUND and patience == PATIENCE and time.monotonic() - began > BOUND:
                return
            data = case(number)
            await asyncio.gather(*(ask(port, data, context if name == "gateway" else None, patience) for name, port in ports.items()))
            numbers.append(number)
    await asyncio.gather(*(one(number) for number in wanted))
    return numbers


# ---- judging


def by_case(backend):
    """number -> what reached that backend, in the order in which it came; heads of the client's alone are compared."""
    seen = collections.defaultdict(list)
    for data in backend.connections:
        for (method, target, body), _ in PLAIN.all(bytes(data)):
            number = CASE.search(target if isinstance(target, bytes) else b"")
            if number and not target.endswith(b"/last"):  # which is there for the time alone; as a part of a body it counts
                path = target[target.index(b"/c"):]
                seen[int(number[1])].append((method, path, body))
    return seen


def read_alike(backend):
    """Complaints about what reached our backend."""
    complaints, ids = [], set()
    for data in backend.connections:
        data = bytes(data)
        usual = PLAIN.all(data)
        for kind, server in SLOPPY.items():
            if server.all(data) != usual:
                complaints.append(f"a server that {kind} reads {server.all(data)!r} where others read {usual!r}")
        for what, ours in usual:
            if len(ours) != 1 or ours[0] in ids:
                complaints.append(f"{what!r} has the ids {ours!r}: the gateway did not take it for a request")
            ids.update(ours)
    return complaints


def part_of(some, all_of_them):
    """In the same order: what is missing was refused."""
    rest = iter(all_of_them)
    return all(one in rest for one in some)


# What the gateway alone may pass on: a pattern of what the client sent, and why that is right. Nothing has needed it so far.
LISTED = ()


def listed(number):
    return any(re.search(pattern, case(number), re.S) for pattern, _ in LISTED)


def told(number, ours, nginx, haproxy):
    return f"case {number}: {case(number)!r}\n  gateway {ours!r}\n  nginx {nginx!r}\n  haproxy {haproxy!r}"


def compare(numbers, seen):
    """How often who agreed with whom; complaints where the others agree, and the gateway with neither; where all three differ."""
    table, complaints, alone = collections.Counter(), {}, {}
    for number in numbers:
        ours, nginx, haproxy = (seen[name].get(number, []) for name in ("gateway", "nginx", "haproxy"))
        if ours == nginx == haproxy:
            table["nobody passed it on" if not ours else "all passed on the same"] += 1
        elif not ours:
            table["the gateway alone refused it" if nginx and haproxy else "the gateway and one other refused it"] += 1
        elif part_of(ours, nginx) or part_of(ours, haproxy):
            table["the gateway passed on what another did, or less"] += 1
        elif nginx == haproxy and listed(number):
            table["the gateway alone passed it on, as it may"] += 1
        elif nginx == haproxy:
            table["the gateway alone passed it on" if not nginx else "the gateway believed something else"] += 1
            complaints[number] = told(number, ours, nginx, haproxy)
        else:
            table["three opinions"] += 1
            alone[number] = told(number, ours, nginx, haproxy)
    return table, complaints, alone


def nginx(root, backend):
    port = free_port()
    return Program(root, nginx_command(root, f"""
    server {{
        listen 127.0.0.1:{port};
        server_name {SITES[0]};
        large_client_header_buffers 4 32k;
        location / {{ proxy_pass http://127.0.0.1:{backend}; proxy_http_version 1.1; proxy_set_header Host $host; }}
    }}
"""), [port]), port


def haproxy(root, backend):
    port = free_port()
    (root / "haproxy.cfg").write_text(f"""
global
    tune.bufsize 65536
defaults
    mode http
    timeout connect 5s
    timeout client 3s
    timeout server 3s
    option http-server-close
listen http
    bind 127.0.0.1:{port}
    server one 127.0.0.1:{backend}
""")
    return Program(root, ["/usr/sbin/haproxy", "-db", "-f", str(root / "haproxy.cfg")], [port]), port


def played(root, ports, ask_them):
    """Calls it with the ports of all three, which are there as long as that takes."""
    first, one = nginx(root, ports["nginx"])
    try:
        second, two = haproxy(root, ports["haproxy"])
        try:
            with Gateway(root, ports["gateway"]) as gateway:
                return ask_them({"gateway": gateway.port, "nginx": one, "haproxy": two})
        finally:
            second.stop()
    finally:
        first.stop()


async def play(root, wanted, patience):
    backends = {name: Backend() for name in ("gateway", "nginx", "haproxy")}
    for backend in backends.values():
        await backend.start()
    loop = asyncio.get_running_loop()

    def ask_them(ports):
        context = ssl.create_default_context(cafile=str(root / "all.pem"))
        context.set_alpn_protocols(["http/1.1"])
        return asyncio.run_coroutine_threadsafe(ask_all(ports, context, wanted, patience), loop).result()
    numbers = await loop.run_in_executor(None, played, root, {name: b.port for name, b in backends.items()}, ask_them)
    return backends, numbers


def judged(wanted, patience):
    with tempfile.TemporaryDirectory() as directory:
        backends, numbers = asyncio.run(play(pathlib.Path(directory), wanted, patience))
        complaints = read_alike(backends["gateway"]) + really_read_all(pathlib.Path(directory), backends["gateway"])
    return numbers, complaints, *compare(numbers, {name: by_case(b) for name, b in backends.items()})


def main():
    numbers, complaints, table, doubtful, alone = judged(range(CASES), PATIENCE)
    print(f"smuggling: {len(numbers)} pairs with seed {SEED}")
    for what, n in table.most_common():
        print(f"  {n:6} {what}")
    if doubtful or alone:
        _, more, _, doubtful, alone = judged(sorted([*doubtful, *alone]), LONG)
        complaints += more
        print(f"  {len(alone):6} of these, asked again: three opinions")
    for text in list(alone.values())[:20]:
        print(text)
    complaints += doubtful.values()
    if complaints:
        sys.exit("\n".join(complaints[:20]))
    if len(numbers) < min(LEAST, CASES):
        sys.exit("too few were asked in the time")
    if not table["all passed on the same"] or not table["nobody passed it on"]:
        sys.exit("the cases are of no use")


if __name__ == "__main__":
    main()
