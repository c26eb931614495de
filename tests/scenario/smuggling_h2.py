#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=300
"""The same requests over HTTP/2 to the gateway, nginx and HAProxy, each before a backend of HTTP/1.1 that writes down what it gets: requests
that RFC 9113 sections 8.1 to 8.5 call malformed, or that become others when they are written as HTTP/1.1, one oddity at a time and in pairs.
What the gateway passes on, the two others have to pass on as well, and alike; it may be stricter. Our backend must see one request for one
stream, read alike by servers of all kinds, with the id that only the gateway gives. What the gateway alone passes on is listed below.

AUTARKY_SMUGGLING=5000 asks so many pairs; AUTARKY_SMUGGLING_SEED makes others than usual."""

import asyncio
import collections
import itertools
import os
import pathlib
import random
import re
import ssl
import struct
import subprocess
import sys
import tempfile

from gateway import SITES, Gateway
from http2 import DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, MAGIC, RST_STREAM, SETTINGS, frame
from proxies import Program
from smuggling import PLAIN, Backend, Bad, More, read_alike

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import free_port  # noqa: E402
from services import nginx_command  # noqa: E402

PAIRS = int(os.environ.get("AUTARKY_SMUGGLING", "600"))
SEED = os.environ.get("AUTARKY_SMUGGLING_SEED", "1")
HOST = SITES[0].encode()
AT_A_TIME = 24
PATIENCE = 2  # seconds for the next bytes; a case that looks bad is asked again with more
LONG = 15
BODY = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"


class Request:
    """Fields in order, pieces of DATA, fields of trailers; oddities change it."""

    def __init__(self, number, body):
        self.fields = [(b":method", b"POST" if body else b"GET"), (b":scheme", b"https"), (b":authority", HOST),
                       (b":path", b"/c%d" % number), (b"x-case", b"%d" % number)]
        self.data = [BODY[:9], BODY[9:]] if body else []
        self.trailers = []

    def add(self, *fields):
        self.fields += fields

    def drop(self, name):
        self.fields = [f for f in self.fields if f[0] != name]

    def put(self, name, value):
        self.fields = [(n, value if n == name else v) for n, v in self.fields]

    def twice(self, name, value=None):
        at = next((i for i, f in enumerate(self.fields) if f[0] == name), None)
        if at is not None:
            self.fields.insert(at + 1, (name, value if value is not None else self.fields[at][1]))

    def pseudo(self, name, value):
        self.fields.insert(0, (name, value))

    def last(self, name):
        self.fields.sort(key=lambda f: f[0] == name)

    def wire(self, stream=1):
        out = frame(HEADERS, END_HEADERS | (0 if self.data or self.trailers else END_STREAM), stream, block(self.fields))
        for i, piece in enumerate(self.data):
            ends = i == len(self.data) - 1 and not self.trailers
            out += frame(DATA, END_STREAM if ends else 0, stream, piece)
        if self.trailers:
            out += frame(HEADERS, END_HEADERS | END_STREAM, stream, block(self.trailers))
        return out


def text(value):
    """A string of HPACK, without Huffman's code (RFC 7541 section 5.2)."""
    n = len(value)
    if n < 127:
        return bytes([n]) + value
    out, n = b"\x7f", n - 127
    while n >= 128:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n]) + value


def block(fields):
    """Literal, never in a table."""
    return b"".join(b"\0" + text(name) + text(value) for name, value in fields)


# ---- what is odd about them: a name, and what it does

ODD = {}


def field(name, *values):
    for value in values:
        ODD[f"{name.decode('latin-1')!r}: {value.decode('latin-1')!r}"] = lambda r, value=value: r.add((name, value))


def changed(name, *values):
    for value in values:
        ODD[f"{name.decode()} is {value.decode('latin-1')!r}"] = lambda r, value=value: r.put(name, value)


# Section 8.2: names and values.
for bad in (b"X-Test", b"x-tEst", b"x test", b"x\ttest", b"x:test", b"x\0test", b"x\rtest", b"x\ntest", b"x\r\nhost: other.example\r\ny", b"", b"x-t\xe9st",
            b"x(test)", b"x_test", b"content_length", b"Content-Length", b"transfer_encoding", b"transfer-encoding\0", b" x-test", b"x-test ", b"x-test\x7f"):
    field(bad, b"5")
for name in (b"x-test", b"cookie", b"user-agent"):
    field(name, b"a\rb", b"a\nb", b"a\0b", b"a\r\nContent-Length: 5", b"a\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n", b"\n", b"a\r", b"a\r\n b")
field(b"x-test", b" a", b"a ", b"\ta", b"a\tb", b"a\x0bb", b"a\x7fb", b"a\xffb", b"", b"a" * 5000)
# Section 8.2.2: what belongs to a connection.
field(b"connection", b"close", b"keep-alive", b"x-case", b"upgrade", b"")
field(b"keep-alive", b"timeout=5")
field(b"proxy-connection", b"keep-alive")
field(b"transfer-encoding", b"chunked", b"identity", b"gzip", b"", b"Chunked", b"trailers")
field(b"upgrade", b"websocket", b"h2c")
field(b"te", b"trailers", b"Trailers", b"gzip", b"trailers, gzip", b"trailers;q=0.5", b"", b"chunked")
field(b"http2-settings", b"AAMAAABkAAQAAP__")
field(b"cookie", b"a=b")
ODD["two crumbs of a cookie"] = lambda r: r.add((b"cookie", b"a=b"), (b"cookie", b"c=d"))
field(b"expect", b"100-continue", b"200-ok")
# Section 8.3: pseudo-header fields.
for pseudo in (b":method", b":scheme", b":path", b":authority"):
    ODD[f"without {pseudo.decode()}"] = lambda r, pseudo=pseudo: r.drop(pseudo)
    ODD[f"{pseudo.decode()} twice"] = lambda r, pseudo=pseudo: r.twice(pseudo)
    ODD[f"{pseudo.decode()} behind fields"] = lambda r, pseudo=pseudo: r.last(pseudo)
    changed(pseudo, b"")
ODD[":path twice, another one"] = lambda r: r.twice(b":path", b"/other")
ODD[":authority twice, another one"] = lambda r: r.twice(b":authority", b"other.example")
for name, value in ((b":unknown", b"x"), (b":status", b"200"), (b":protocol", b"websocket"), (b":Method", b"GET"), (b":", b"x"), (b":host", HOST)):
    ODD[f"with {name.decode()}"] = lambda r, name=name, value=value: r.pseudo(name, value)
changed(b":authority", b"other.example", HOST + b":443", HOST.upper(), HOST + b".", b"a@" + HOST, HOST + b"/x", HOST + b" ", b" " + HOST,
        HOST + b",other.example", HOST + b"\r\nX: y", HOST + b"\0", HOST + b":x")
field(b"host", HOST, b"other.example", b"", HOST + b":443", HOST.upper(), HOST + b"\r\nX: y", HOST + b", other.example")
ODD["host twice"] = lambda r: r.add((b"host", HOST), (b"host", HOST))
ODD["host alone"] = lambda r: (r.drop(b":authority"), r.add((b"host", HOST)))
ODD["another host alone"] = lambda r: (r.drop(b":authority"), r.add((b"host", b"other.example")))
changed(b":path", b"*", b"x", b"//other.example/", b"https://other.example/", b"/a b", b"/a\tb", b"/a\0b", b"/a#b", b"/a\xffb", b"/a\r\nX: y",
        b"/a HTTP/1.1\r\nHost: a\r\n\r\nGET /smuggled", b"/a\nb", b"/a?b=c d", b"/a\\b", b"/../a", b"/a%00b", b"?a", b"/" + b"a" * 9000)
changed(b":method", b"get", b"G T", b"GET\r\n", b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\nGET", b"CONNECT", b"OPTIONS", b"TRACE", b"PRI", b"HEAD", b"G\0T",
        b"GET:", b"PUT", b"DELETE")
changed(b":scheme", b"http", b"ftp", b"HTTPS", b"https\r\nX: y", b"https://other.example/?", b"https ")
ODD["CONNECT as it should be"] = lambda r: (r.put(b":method", b"CONNECT"), r.drop(b":path"), r.drop(b":scheme"))
ODD["CONNECT with :path"] = lambda r: (r.put(b":method", b"CONNECT"), r.drop(b":scheme"))
ODD["CONNECT with :scheme"] = lambda r: (r.put(b":method", b"CONNECT"), r.drop(b":path"))
ODD["CONNECT with another :protocol"] = lambda r: (r.put(b":method", b"CONNECT"), r.pseudo(b":protocol", b"connect-udp"))
# Section 8.1.1: what content-length says, and what comes.
for value in (b"%d" % len(BODY), b"%d" % (len(BODY) - 1), b"%d" % (len(BODY) + 1), b"0", b"+%d" % len(BODY), b"0%d" % len(BODY), b"-1", b"",
              b" %d" % len(BODY), b"%d " % len(BODY), b"%d, %d" % (len(BODY), len(BODY)), b"0x%x" % len(BODY), b"1" * 20, b"%d\0" % len(BODY),
              b"%d.0" % len(BODY), b"18446744073709551616", b"%d\r\nX: y" % len(BODY)):
    field(b"content-length", value)
ODD["content-length twice"] = lambda r: r.add((b"content-length", b"%d" % len(BODY)), (b"content-length", b"%d" % len(BODY)))
ODD["content-length twice, another one"] = lambda r: r.add((b"content-length", b"%d" % len(BODY)), (b"content-length", b"0"))
ODD["empty DATA"] = lambda r: setattr(r, "data", [b"", *r.data, b""])
# Section 8.1: trailers.
for trailer in ((b"x-trailer", b"1"), (b":path", b"/"), (b":status", b"200"), (b"X-Trailer", b"1"), (b"connection", b"close"), (b"content-length", b"5"),
                (b"transfer-encoding", b"chunked"), (b"host", b"other.example"), (b"x-trailer", b"a\r\nb"), (b"x-trailer\r\n\r\nGET /smuggled HTTP/1.1", b"a"),
                (b"te", b"gzip"), (b"", b"a")):
    ODD[f"trailer {trailer!r}"] = lambda r, trailer=trailer: r.trailers.append(trailer)

# What the gateway may pass on although these do not: which oddity, who, and why that is right.
LISTED = {
    "'te': 'Trailers'": ({"haproxy"}, "names of codings have no case (RFC 9110 section 10.1.4); the backend gets it in lower case"),
    f"'host': '{SITES[0]}'": ({"nginx"}, "RFC 9113 section 8.3.1 allows a Host that says the same"),
    f"'host': '{SITES[0].upper()}'": ({"nginx"}, "names of hosts have no case"),
    ":path is '/../a'": ({"nginx"}, "it decodes paths to choose among its locations; the gateway does where a site has gateway.paths, and refuses it then"),
    ":path is '/a%00b'": ({"nginx"}, "the same"),
    "trailer (b'x-trailer', b'1')": ({"nginx"}, "it takes no trailers in requests at all"),
    "trailer (b'host', b'other.example')": ({"nginx", "haproxy"}, "the gateway leaves such a trailer out"),
}


def may(names):
    """Those who do not need to agree."""
    if any(n.startswith("trailer ") for n in names) and any(n.startswith("'content-length'") for n in names):
        return {"nginx", "haproxy"}  # the backend has all of the request before its trailers are there to be judged; they are not passed on
    return set().union(*(LISTED[n][0] for n in names if n in LISTED))


def cases():
    """number -> (names of oddities, with a body)"""
    rng = random.Random(SEED)
    pairs = rng.sample(list(itertools.combinations(ODD, 2)), PAIRS) if PAIRS < len(ODD) ** 2 // 4 else itertools.combinations(ODD, 2)
    every = [(), *((name,) for name in ODD)]
    return dict(enumerate([(names, body) for names in every for body in (False, True)] + [(names, rng.random() < 0.5) for names in pairs]))


CASES = cases()


def made(number):
    names, body = CASES[number]
    r = Request(number, body)
    for name in names:
        ODD[name](r)
    return r


# ---- asking


async def ask(port, number, context, patience):
    """Until both streams have ended: the request, and one that is in order behind it."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=SITES[0], limit=1 << 20)
    except (OSError, ssl.SSLError):
        return
    behind = Request(number, False)
    behind.put(b"x-case", b"%d-behind" % number)
    ended = set()
    try:
        writer.write(MAGIC + frame(SETTINGS, 0, 0) + made(number).wire(1) + behind.wire(3))
        while not {1, 3} <= ended:
            head = await asyncio.wait_for(reader.readexactly(9), patience)
            body = await asyncio.wait_for(reader.readexactly(int.from_bytes(head[:3], "big")), patience)
            kind, flags, stream = struct.unpack(">BBI", head[3:])
            if kind == SETTINGS and not flags:
                writer.write(frame(SETTINGS, 1, 0))
            if kind == RST_STREAM or (kind in (DATA, HEADERS) and flags & END_STREAM):
                ended.add(stream)
            if kind == GOAWAY and struct.unpack(">I", body[4:8])[0]:
                break
    except (asyncio.TimeoutError, asyncio.IncompleteReadError, OSError, ssl.SSLError):
        pass
    writer.close()


async def ask_all(ports, context, wanted, patience):
    gate = asyncio.Semaphore(AT_A_TIME)

    async def one(number):
        async with gate:
            await asyncio.gather(*(ask(port, number, context, patience) for port in ports.values()))
    await asyncio.gather(*(one(number) for number in wanted))


def nginx(root, backend):
    port = free_port()
    return Program(root, nginx_command(root, f"""
    server {{
        listen 127.0.0.1:{port} ssl http2;
        server_name {SITES[0]};
        ssl_certificate {root}/{SITES[0]}.pem;
        ssl_certificate_key {root}/{SITES[0]}.key;
        large_client_header_buffers 4 32k;
        underscores_in_headers on;
        location / {{ proxy_pass http://127.0.0.1:{backend}; proxy_http_version 1.1; proxy_set_header Host $host; }}
    }}
"""), [port]), port


def haproxy(root, backend):
    port = free_port()
    (root / "both.pem").write_bytes((root / f"{SITES[0]}.pem").read_bytes() + (root / f"{SITES[0]}.key").read_bytes())
    (root / "haproxy.cfg").write_text(f"""
global
    tune.bufsize 65536
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
listen http
    bind 127.0.0.1:{port} ssl crt {root}/both.pem alpn h2
    server one 127.0.0.1:{backend}
""")
    return Program(root, ["/usr/sbin/haproxy", "-db", "-f", str(root / "haproxy.cfg")], [port]), port


def played(root, backends, ask_them):
    with Gateway(root, backends["gateway"]) as gateway:
        first, one = nginx(root, backends["nginx"])
        try:
            second, two = haproxy(root, backends["haproxy"])
            try:
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
        context.set_alpn_protocols(["h2"])
        return asyncio.run_coroutine_threadsafe(ask_all(ports, context, wanted, patience), loop).result()
    await loop.run_in_executor(None, played, root, {name: b.port for name, b in backends.items()}, ask_them)
    return backends


# ---- judging

# What each of the three makes anew for the hop to its backend, by section 7.6.1 of RFC 9110, or because its way to say who the client is.
OF_THE_HOP = {b"host", b"connection", b"te", b"transfer-encoding", b"content-length", b"x-case", b"expect", b"user-agent"}


def by_case(backend):
    """number -> what reached that backend: (method, target, body, fields of the client), by the case that it says to be; "-" for no case."""
    seen = collections.defaultdict(list)
    for data in backend.connections:
        at, data = 0, bytes(data)
        while at < len(data):
            try:
                (method, target, body), fields, at = PLAIN.request(data, at)
            except More:  # it was broken off, and no server takes it for a request
                break
            except Bad:
                seen["-"].append(data[at:])
                break
            who = b"".join(v for n, v in fields if n == b"x-case").decode("latin-1")
            seen[who].append((method, target, body, fields))
    return seen


def kept(number, fields):
    """Of what the client sent, by name; what a proxy writes of its own is not looked at."""
    sent = {n.lower() for n, _ in made(number).fields} - OF_THE_HOP
    return sorted((n, v) for n, v in fields if n in sent)


def alike(number, ours, theirs):
    """Another proxy passed on the same, and every field that the gateway did; that may have left out more."""
    return len(theirs) == 1 and ours[0][:3] == theirs[0][:3] and set(kept(number, ours[0][3])) <= set(kept(number, theirs[0][3]))


def believed(number, ours):
    """Complaints about the request by itself: whatever the others do."""
    r = made(number)
    if len(ours) != 1:
        yield f"{len(ours)} requests reached the backend"
    names = {v for n, v in r.fields if n in (b":authority", b"host")}
    if any(n.lower().split(b":")[0].rstrip(b".") != HOST for n in names):
        yield "it was for another host, too"
    if ours[0][2] != b"".join(r.data):
        yield f"the body is {ours[0][2]!r}"
    if ours[0][1] != dict(r.fields).get(b":path"):
        yield f"the target is {ours[0][1]!r}"
    for name, value in kept(number, ours[0][3]):
        if name != b"cookie" and (name, value) not in [(n, v.strip(b" \t")) for n, v in r.fields]:
            yield f"nobody said {name!r}: {value!r}"


def compare(seen):
    table, complaints = collections.Counter(), {}
    for number, (names, _) in CASES.items():
        ours, nginx_saw, haproxy_saw = (seen[name].get(str(number), []) for name in ("gateway", "nginx", "haproxy"))
        if not ours:
            table["nobody passed it on" if not nginx_saw and not haproxy_saw else "the gateway refused what another passed on"] += 1
            continue
        others = {name for name, theirs in (("nginx", nginx_saw), ("haproxy", haproxy_saw)) if not alike(number, ours, theirs)}
        wrong = list(believed(number, ours))
        if not others and not wrong:
            table["all passed on the same"] += 1
        elif not wrong and others <= may(names):
            table["the gateway passed it on, as it may"] += 1
        else:
            complaints[number] = f"case {number} {names}: {wrong}\n  sent    {made(number).fields!r}\n  gateway {ours!r}\n  nginx   {nginx_saw!r}\n" \
                                 f"  haproxy {haproxy_saw!r}"
    return table, complaints


def judged(wanted, patience):
    with tempfile.TemporaryDirectory() as directory:
        backends = asyncio.run(play(pathlib.Path(directory), wanted, patience))
    seen = {name: by_case(b) for name, b in backends.items()}
    strangers = [f"what is no case reached the backend: {what!r}" for who in seen["gateway"]
                 if who.removesuffix("-behind") not in map(str, CASES) for what in seen["gateway"][who]]
    strangers += [f"the backend was told of another host: {bytes(data)!r}" for data in backends["gateway"].connections
                  if re.search(rb"(?i)\r\nhost:[^\r]*other", data)]
    return read_alike(backends["gateway"]) + strangers, *compare(seen), seen


def main():
    print(subprocess.run(["/usr/sbin/nginx", "-v"], capture_output=True, text=True, check=True).stderr.strip())
    complaints, table, doubtful, seen = judged(CASES, PATIENCE)
    print(f"smuggling_h2: {len(CASES)} requests, {len(ODD)} oddities, seed {SEED}")
    if doubtful:
        more, _, doubtful, _ = judged(doubtful, LONG)
        complaints += more
    for what, n in table.most_common():
        print(f"  {n:6} {what}")
    print(f"  {sum(who.endswith('-behind') for who in seen['gateway']):6} of those behind one were answered")
    complaints += doubtful.values()
    if complaints:
        sys.exit(f"{len(complaints)} complaints\n" + "\n".join(complaints[:int(os.environ.get("AUTARKY_TOLD", "20"))]))
    if not table["all passed on the same"] or not table["nobody passed it on"]:
        sys.exit("the cases are of no use")


if __name__ == "__main__":
    main()
