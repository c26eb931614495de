#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=480
"""The other direction: a backend that says the same bytes behind the gateway, nginx and HAProxy, answers whose framing was tampered with
and that have another answer in them, always the same ones. What a client is told must be an answer that it reads in one way; the next
request on that connection never gets what a backend has smuggled in; and where the two others agree on what was said, the gateway may
refuse it or cut it off, not believe something else.

AUTARKY_SMUGGLING=20000 asks so many; AUTARKY_SMUGGLING_SEED makes others than usual."""

import asyncio
import collections
import os
import pathlib
import random
import re
import ssl
import sys
import tempfile
import time

from gateway import SITES, Gateway
from proxies import Program
from smuggling import AT_A_TIME, CODINGS, ENDS, HOST, LENGTHS, NAMES, SIZES, chunks, filled, pick

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import free_port  # noqa: E402
from services import nginx_command  # noqa: E402

CASES = int(os.environ.get("AUTARKY_SMUGGLING", "4000"))
SEED = os.environ.get("AUTARKY_SMUGGLING_SEED", "1")
BOUND = 150 if "AUTARKY_SMUGGLING" not in os.environ else None  # seconds, then fewer have to do
LEAST = 200
SILENCE = 0.3  # seconds after which the backend ends a connection on which it has said something odd
PATIENCE = 20
PATH = re.compile(rb"(GET|HEAD) /c(\d+)/([01]) HTTP/1\.1\r\n")

VERSIONS = [b"HTTP/1.0", b"HTTP/1.2", b"HTTP/2.0", b"http/1.1", b"HTTP/1.1 ", b"HTTP/01.1", b"HTTP/1.10", b"HTTP/0.9", b"", b"HTTP/1", b"ICY"]
STATUSES = [b"204 No Content", b"304 Not Modified", b"100 Continue", b"103 Early Hints", b"101 Switching Protocols", b"205 Reset Content", b"200", b"200 ",
            b"0200 OK", b"+200 OK", b"20 OK", b"2000 OK", b"999 Odd", b"99 Odd", b"000 None", b"200\tOK", b" 200 OK", b"200 O\x00K", b"abc OK", b"404 Not\rFound",
            b"-200 OK", b"199 Odd"]
EXTRA = [b"Connection: close", b"Connection: keep-alive", b"Connection: Content-Length", b"Connection: Transfer-Encoding", b"Content_Length: 3",
         b"X\x00Y: 1", b"X Y: 1", b":", b"noname", b"Content-Length: 0", b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity", b"Trailer: Content-Length",
         b"Upgrade: h2c\r\nConnection: Upgrade", b"Keep-Alive: timeout=5", b"Content-Encoding: chunked", b"X-Long: " + b"a" * 9000, b"Set-Cookie: a=b\r\n c=d",
         b"Content-Length: 5\r\nContent-Length: 5", b"X: a\rb", b"X: a\nY: b"]


def smuggled(number):
    """What the next client must never see."""
    body = b"smuggled %d" % number
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def method(number):
    return "HEAD" if random.Random(f"{SEED}/{number}/method").random() < 0.15 else "GET"


def case(number):
    """One answer, perhaps with more than one idea of where it ends."""
    rng = random.Random(f"{SEED}/{number}/answer")
    end = pick(rng, b"\r\n", ENDS, 0.03)
    body = smuggled(number) if rng.random() < 0.7 else b"abc"
    framing = rng.choice(("length", "chunked", "both", "both", "none"))
    lines = [pick(rng, b"HTTP/1.1", VERSIONS, 0.08) + b" " + pick(rng, b"200 OK", STATUSES, 0.2)]
    coded = chunks(body, rng) if framing in ("chunked", "both") else body
    headers = []
    if framing in ("length", "both"):
        n = rng.choice((len(coded), len(body), max(len(coded) - 5, 0), len(coded) + 5, 0, 4)) if framing == "both" or rng.random() < 0.4 else len(body)
        headers.append(filled(pick(rng, b"%s:", NAMES, 0.15), b"Content-Length") + b" " + filled(pick(rng, b"%d", LENGTHS, 0.3), n))
    if framing in ("chunked", "both"):
        headers.append(filled(pick(rng, b"%s:", NAMES, 0.15), b"Transfer-Encoding") + b" " + pick(rng, b"chunked", CODINGS, 0.4))
    if rng.random() < 0.25:
        headers.append(rng.choice(EXTRA))
    rng.shuffle(headers)
    data = bytearray(end.join(lines + headers) + end + pick(rng, b"\r\n", ENDS, 0.03) + coded)
    for _ in range(rng.choice((0, 0, 0, 1, 2))):
        at = rng.randrange(len(data))
        if rng.random() < 0.5:
            data[at] = rng.choice(b"\r\n\t :,;\x00\x0b0 15aA\x7f\xff")
        else:
            data.insert(at, rng.choice(b"\r\n\t :,;\x00\x0b05 aA\x7f\xff"))
    return bytes(data) + (smuggled(number) if rng.random() < 0.2 else b"")


class Backend:
    """Says what the path asks for."""

    async def start(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0, limit=1 << 20)
        self.port = self.server.sockets[0].getsockname()[1]

    async def serve(self, reader, writer):
        try:
            odd = False
            while True:
                head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), SILENCE if odd else 60)
                asked = PATH.match(head)
                number, which = int(asked[2]), int(asked[3])
                second = b"second %d" % number
                writer.write(case(number) if which == 0 else b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(second) + second)
                await writer.drain()
                odd = odd or which == 0
        except (asyncio.TimeoutError, asyncio.IncompleteReadError, OSError, TypeError):
            pass
        writer.close()


# ---- a client that reads strictly


class Unreadable(Exception):
    pass


async def line(reader):
    text = await reader.readuntil(b"\n")
    if not text.endswith(b"\r\n") or b"\r" in text[:-2] or b"\0" in text:
        raise Unreadable(text)
    return text[:-2]


async def fields(reader):
    found = []
    while text := await line(reader):
        name, colon, value = text.partition(b":")
        if not colon or not re.fullmatch(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
            raise Unreadable(text)
        found.append((name.lower(), value.strip(b" \t")))
    return found


async def body_of(reader, found):
    lengths = [v for n, v in found if n == b"content-length"]
    codings = [v for n, v in found if n == b"transfer-encoding"]
    if len(lengths) + len(codings) > 1 or (codings and codings != [b"chunked"]) or (lengths and not re.fullmatch(rb"[0-9]+", lengths[0])):
        raise Unreadable(found)
    if lengths:
        return await reader.readexactly(int(lengths[0]))
    if not codings:
        return await reader.read()
    body = b""
    while True:
        size = await line(reader)
        if not re.fullmatch(rb"[0-9A-Fa-f]+", size):
            raise Unreadable(size)
        if not int(size, 16):
            await fields(reader)
            return body
        body += await reader.readexactly(int(size, 16))
        if await line(reader):
            raise Unreadable(body)


async def read_answer(reader, how):
    """(status, body) of the final answer."""
    while True:
        first = await line(reader)
        parts = re.fullmatch(rb"HTTP/1\.[01] ([0-9]{3})( .*)?", first)
        if not parts:
            raise Unreadable(first)
        status, found = int(parts[1]), await fields(reader)
        if status == 101 or status >= 200:
            break
    return status, b"" if how == "HEAD" or status in (101, 204, 304) else await body_of(reader, found)


async def ask(port, context, number):
    """What the client believes: of the first request, and of the second, on the same connection where it is kept."""
    beliefs, reader, writer = [], None, None
    for which, how in ((0, method(number)), (1, "GET")):
        try:
            if reader is None or reader.at_eof() or writer.is_closing():
                reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=SITES[0] if context else None,
                                                               limit=1 << 20)
            writer.write(f"{how} /c{number}/{which} HTTP/1.1\r\nHost: {HOST.decode()}\r\n\r\n".encode())
            status, body = await asyncio.wait_for(read_answer(reader, how), PATIENCE)
            beliefs.append(("refused",) if status >= 500 else (status, body))
        except Unreadable as bad:
            beliefs.append(("unreadable", str(bad)))
            reader = None
        except (asyncio.TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
            beliefs.append(("cut",))
            reader = None
        if reader is None and writer:
            writer.close()
    if writer:
        writer.close()
    return tuple(beliefs)


async def ask_all(ports, context):
    """number -> who -> beliefs"""
    seen, gate, began = {}, asyncio.Semaphore(AT_A_TIME), time.monotonic()

    async def one(number):
        async with gate:
            if BOUND and time.monotonic() - began > BOUND:
                return
            said = await asyncio.gather(*(ask(port, context if who == "gateway" else None, number) for who, port in ports.items()))
            seen[number] = dict(zip(ports, said))
    await asyncio.gather(*(one(number) for number in range(CASES)))
    return seen


# ---- judging


WHOLE = int  # of a belief's first part: a status, and the body is whole


def told(number, beliefs):
    return f"case {number}: {method(number)}, {case(number)!r}\n" + "\n".join(f"  {who:8} {said}" for who, said in beliefs.items())


def judge(number, beliefs, table):
    """A complaint, or nothing."""
    (first, second), nginx, haproxy = beliefs["gateway"], beliefs["nginx"][0], beliefs["haproxy"][0]
    if "unreadable" in (first[0], second[0]):
        return "a client cannot read what the gateway says: " + told(number, beliefs)
    if isinstance(second[0], WHOLE) and second != (200, b"second %d" % number):
        return "the next request got another answer: " + told(number, beliefs)
    for who in ("nginx", "haproxy"):
        follow = beliefs[who][1]
        if isinstance(follow[0], WHOLE) and follow != (200, b"second %d" % number):
            table[f"{who} was led astray"] += 1
    if not isinstance(first[0], WHOLE):
        same = nginx[0] == haproxy[0] == first[0] or not (isinstance(nginx[0], WHOLE) or isinstance(haproxy[0], WHOLE))
        table["nobody passed it on whole" if same else "the gateway refused it or cut it off"] += 1
    elif first == nginx == haproxy:
        table["all passed on the same"] += 1
    elif first in (nginx, haproxy):
        table["the gateway passed on what another did"] += 1
    elif nginx == haproxy:
        table["the gateway alone believed it"] += 1
        return "the gateway alone believes it: " + told(number, beliefs)
    else:
        table["three opinions"] += 1
        return "three opinions: " + told(number, beliefs)
    return None


# ---- who is asked


def nginx_at(root, backend):
    port = free_port()
    return Program(root, nginx_command(root, f"""
    upstream back {{ server 127.0.0.1:{backend} max_fails=0; keepalive 16; }}
    server {{
        listen 127.0.0.1:{port};
        keepalive_requests 1000000;
        location / {{ proxy_pass http://back; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_next_upstream off;
                      proxy_buffer_size 64k; proxy_buffers 8 64k; proxy_busy_buffers_size 128k; }}
    }}
"""), [port]), port


def haproxy_at(root, backend):
    port = free_port()
    (root / "haproxy.cfg").write_text(f"""
global
    tune.bufsize 65536
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 10s
    http-reuse always
listen http
    bind 127.0.0.1:{port}
    server one 127.0.0.1:{backend}
""")
    return Program(root, ["/usr/sbin/haproxy", "-db", "-f", str(root / "haproxy.cfg")], [port]), port


def played(root, backends, loop):
    programs, ports = [], {}
    try:
        for who, start in (("nginx", nginx_at), ("haproxy", haproxy_at)):
            program, ports[who] = start(root, backends[who].port)
            programs.append(program)
        with Gateway(root, backends["gateway"].port) as gateway:
            context = ssl.create_default_context(cafile=str(root / "all.pem"))
            context.set_alpn_protocols(["http/1.1"])
            return asyncio.run_coroutine_threadsafe(ask_all({"gateway": gateway.port, **ports}, context), loop).result()
    finally:
        for program in programs:
            program.stop()


async def play(root):
    backends = {who: Backend() for who in ("gateway", "nginx", "haproxy")}
    for backend in backends.values():
        await backend.start()
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(None, played, root, backends, loop)


def main():
    with tempfile.TemporaryDirectory() as directory:
        seen = asyncio.run(play(pathlib.Path(directory)))
    table = collections.Counter()
    complaints = [text for number in sorted(seen) if (text := judge(number, seen[number], table))]
    print(f"answers: {len(seen)} of them with seed {SEED}")
    for what, n in table.most_common():
        print(f"  {n:6} {what}")
    if complaints:
        sys.exit(f"{len(complaints)} complaints\n" + "\n".join(complaints[:20]))
    if len(seen) < min(LEAST, CASES) or not table["all passed on the same"] or not table["nobody passed it on whole"]:
        sys.exit("the cases are of no use, or too few were asked in the time")


if __name__ == "__main__":
    main()
