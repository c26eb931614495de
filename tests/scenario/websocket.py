#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=120
"""WebSocket through the gateway: python3-websockets on both sides over HTTP/1.1, and over a stream of HTTP/2 (RFC 8441), once with
frames that are put together here and once by python3-h2 and python3-wsproto: messages of all sizes both ways, many at once, one side
that takes nothing, either side's end, and silence that lasts as long as the site's limit. The same to a backend of HTTP/2, Node's, which takes extended CONNECT or does not."""

import asyncio
import contextlib
import http
import os
import pathlib
import signal
import ssl
import struct
import subprocess
import sys
import tempfile
import threading

import websockets
import wsproto
import wsproto.connection
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage

from gateway import Gateway, expect
from http2 import DATA, END_STREAM, HEADERS, SETTINGS, Client, frame

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from foreign_h2 import H2  # noqa: E402

BIG = 1 << 20


async def echo(socket, path):
    if path == "/flood":
        with contextlib.suppress(websockets.exceptions.ConnectionClosed):
            while True:
                await socket.send(b"x" * 65536)
    async for message in socket:
        if message == "leave":
            await socket.close(4001, "as you wish")
            return
        await socket.send(message)


async def doorman(path, _):
    return (http.HTTPStatus.FORBIDDEN, [], b"no") if path == "/secret" else None


class Server:
    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.ready = threading.Event()
        threading.Thread(target=self.run, daemon=True).start()
        self.ready.wait(30)

    def run(self):
        asyncio.set_event_loop(self.loop)
        server = self.loop.run_until_complete(websockets.serve(
            echo, "127.0.0.1", 0, max_size=None, subprotocols=["chat"], process_request=doorman))
        self.port = server.sockets[0].getsockname()[1]
        self.ready.set()
        self.loop.run_forever()


NODE = r"""
const http2 = require("http2");
const server = http2.createServer({ settings: { enableConnectProtocol: process.argv[2] === "yes" } });
const frame = (op, body) => {
  const n = body.length;
  const head = n < 126 ? Buffer.from([0x80 | op, n]) : n < 65536 ? Buffer.from([0x80 | op, 126, n >> 8, n & 255]) : Buffer.alloc(10);
  if (n >= 65536) { head[0] = 0x80 | op; head[1] = 127; head.writeBigUInt64BE(BigInt(n), 2); }
  return Buffer.concat([head, body]);
};
function* messages(state) {  // of a client: masked, whole messages of one frame or more
  for (;;) {
    const b = state.held;
    if (b.length < 2) return;
    let n = b[1] & 127, at = 2;
    if (n === 126) { if (b.length < 4) return; n = b.readUInt16BE(2); at = 4; }
    if (n === 127) { if (b.length < 10) return; n = Number(b.readBigUInt64BE(2)); at = 10; }
    if (b.length < at + 4 + n) return;
    const mask = b.subarray(at, at + 4), body = Buffer.from(b.subarray(at + 4, at + 4 + n));
    for (let i = 0; i < n; i++) body[i] ^= mask[i & 3];
    state.held = b.subarray(at + 4 + n);
    yield [b[0] & 15, body];
  }
}
server.on("stream", (stream, headers) => {
  stream.on("error", () => {});
  if (headers[":method"] !== "CONNECT" || headers[":protocol"] !== "websocket" || headers["sec-websocket-key"]) {
    stream.respond({ ":status": 400 });
    stream.end("no extended CONNECT");
    return;
  }
  if (headers[":path"] === "/secret") { stream.respond({ ":status": 403 }); stream.end("no"); return; }
  stream.respond({ ":status": 200, ...(headers["sec-websocket-protocol"] ? { "sec-websocket-protocol": "chat" } : {}) });
  if (headers[":path"] === "/flood") {
    const more = () => { while (!stream.destroyed && stream.write(frame(2, Buffer.alloc(65536, "x")))); };
    stream.on("drain", more);
    more();
    return;
  }
  const state = { held: Buffer.alloc(0) };
  stream.on("data", (data) => {
    state.held = Buffer.concat([state.held, data]);
    for (const [op, body] of messages(state)) {
      if (op === 8) { stream.end(frame(8, body)); return; }
      if (op === 9) { stream.write(frame(10, body)); continue; }
      if (op === 10) continue;
      if (body.toString() === "leave") { stream.end(frame(8, Buffer.concat([Buffer.from([0x0f, 0xa1]), Buffer.from("as you wish")]))); return; }
      stream.write(frame(op, body));
    }
  });
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
"""


class Node:
    """A server of HTTP/2 in the clear; `takes`: it announces extended CONNECT (RFC 8441)."""

    def __init__(self, takes):
        self.process = subprocess.Popen(["node", "-e", NODE, "-", "yes" if takes else "no"], stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


class Over2(Gateway):
    """Its backend speaks HTTP/2 alone."""

    def configure(self, backend, names):
        super().configure(backend.replace("http://localhost", "h2c://127.0.0.1"), names)


def connect(gateway, path="/chat", site="wiki.example", **options):
    context = ssl.create_default_context(cafile=gateway.root / "all.pem")
    return websockets.connect(f"wss://{site}{path}", ssl=context, host="127.0.0.1", port=gateway.port,
                              server_hostname=site, max_size=None, **options)


async def talk(gateway):
    async with connect(gateway, subprotocols=["chat"]) as socket:
        expect("the protocol", socket.subprotocol, "chat")
        for size in (0, 1, 125, 126, 65535, 65536, BIG):
            message = os.urandom(size)
            await socket.send(message)
            expect(f"{size} bytes", await socket.recv() == message, True)
        await socket.ping()
        await socket.send("text")
        expect("text", await socket.recv(), "text")


async def many(gateway):
    async def one(n):
        async with connect(gateway) as socket:
            for i in range(20):
                await socket.send(f"{n} {i}")
                expect("its own", await socket.recv(), f"{n} {i}")
    await asyncio.gather(*(one(n) for n in range(50)))


async def leaving(gateway):
    async with connect(gateway) as socket:
        await socket.send("leave")
        await socket.wait_closed()
        expect("the server's end", (socket.close_code, socket.close_reason), (4001, "as you wish"))
    async with connect(gateway, "/flood") as socket:
        await socket.recv()


async def not_there(gateway):
    """What the server refuses comes through as an answer."""
    try:
        async with connect(gateway, "/secret"):
            raise AssertionError("it was let in")
    except websockets.exceptions.InvalidStatusCode as error:
        expect("the status", error.status_code, 403)


async def silence(gateway):
    """A site's limit ends a tunnel in which nobody says anything, and no other site's."""
    async def lasts():
        """Seconds; None: longer than it should."""
        async with connect(gateway, ping_interval=None) as socket:
            await socket.send("hello")
            await socket.recv()
            began = asyncio.get_running_loop().time()
            try:
                await asyncio.wait_for(socket.wait_closed(), 15)
            except asyncio.TimeoutError:
                return None
            return asyncio.get_running_loop().time() - began
    path = gateway.root / "autarky.yaml"
    before = path.read_text()
    path.write_text(before.replace("{name: wiki.example,", "{name: wiki.example, tunnel_timeout: 2s,"))
    async with connect(gateway, site="files.example", ping_interval=None) as other:
        gateway.process.send_signal(signal.SIGHUP)
        await asyncio.sleep(1)
        seconds = await lasts() or await lasts()  # the first may have begun before the reload
        expect("a tunnel of two seconds", seconds is not None and seconds > 1.5, True)
        expect("the log", gateway.said("nothing came for 2s (tunnel_timeout)"), True)
        await other.send("still here")
        expect("that of another site", await other.recv(), "still here")
    path.write_text(before)
    gateway.process.send_signal(signal.SIGHUP)


def text_frame(text):
    """Masked with zeros, as text (RFC 6455 section 5.2)."""
    return struct.pack(">BB", 0x81, 0x80 | len(text)) + b"\0\0\0\0" + text


def connect_head(stream):
    fields = {":method": "CONNECT", ":protocol": "websocket", ":scheme": "https", ":authority": "wiki.example", ":path": "/chat",
              "sec-websocket-version": "13", "sec-websocket-protocol": "chat"}
    block = b"".join(b"\0%c%b%c%b" % (len(k), k.encode(), len(v), v.encode()) for k, v in fields.items())
    return frame(HEADERS, 4, stream, block)


def over_http2(gateway):
    """Three tunnels in one connection."""
    with Client(gateway) as client:
        client.send(b"".join(connect_head(stream) for stream in (1, 3, 5)))
        said, heard, ended = set(), {1: b"", 3: b"", 5: b""}, set()
        for kind, flags, stream, body in client.frames():
            if kind == SETTINGS and not flags:
                expect("ENABLE_CONNECT_PROTOCOL", struct.pack(">HI", 8, 1) in body, True)
            if kind == HEADERS:
                expect("200, by HPACK's table", body[:1], b"\x88")
                client.send(frame(DATA, 0, stream, text_frame(b"hello %d" % stream)))
                said.add(stream)
            if kind == DATA:
                heard[stream] += body
                if heard[stream] == b"\x81\x07hello %d" % stream:
                    client.send(frame(DATA, 0, stream, text_frame(b"leave")))
                if flags & END_STREAM:
                    ended.add(stream)
            if ended == {1, 3, 5}:
                break
        for stream in (1, 3, 5):
            if b"\x88\x0d\x0f\xa1as you wish" not in heard[stream]:
                raise AssertionError(f"stream {stream}: {heard[stream]!r}")


class Tunnel:
    """A WebSocket of wsproto's in a stream of python3-h2's connection."""

    def __init__(self, client, path="/chat", more=()):
        self.client, self.heard, self.partial = client, [], b""
        self.stream = client.begin([(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https"), (":authority", client.name),
                                    (":path", path), ("sec-websocket-version", "13"), ("sec-websocket-protocol", "chat"),
                                    ("origin", f"https://{client.name}"), *more], end=False)
        self.answer = client.answers[self.stream]
        client.until(lambda: self.answer.status or self.answer.ended)
        self.socket = wsproto.connection.Connection(wsproto.ConnectionType.CLIENT)

    def say(self, event):
        self.client.send(self.stream, self.socket.send(event))

    def hear(self):
        """The next whole message, or another event."""
        while True:
            for event in self.taken():
                return event
            self.client.until(lambda: self.answer.body or self.answer.ended)

    def taken(self):
        if self.answer.body:
            self.socket.receive_data(self.answer.body)
            self.answer.body = b""
            for event in self.socket.events():
                if isinstance(event, (BytesMessage, TextMessage)):
                    self.partial += event.data.encode() if isinstance(event, TextMessage) else event.data
                    if event.message_finished:
                        self.heard.append(self.partial)
                        self.partial = b""
                else:
                    self.heard.append(event)
        elif self.answer.ended and not self.heard:
            raise AssertionError("the stream has ended")
        while self.heard:
            yield self.heard.pop(0)


def by_strangers(gateway):
    """Two tunnels and requests in one connection."""
    with H2(gateway.port, "wiki.example", gateway.root / "all.pem") as client:
        client.until(lambda: client.connection.remote_settings.enable_connect_protocol)
        one, other = Tunnel(client), Tunnel(client)
        expect("both answers", [t.answer.status for t in (one, other)], [200, 200])
        expect("the protocol", one.answer.headers.get("sec-websocket-protocol"), "chat")
        for hop in ("sec-websocket-accept", "connection", "upgrade", "transfer-encoding"):
            expect(f"{hop} in HTTP/2", hop in one.answer.headers, False)
        for size in (0, 1, 125, 126, 65535, 65536, BIG):
            message = os.urandom(size)
            other.say(TextMessage(f"beside {size}"))
            one.say(BytesMessage(message))
            expect(f"{size} bytes", one.hear() == message, True)
            expect("the other one", other.hear(), f"beside {size}".encode())
        one.say(Ping(b"are you there"))
        expect("a pong", one.hear(), Pong(b"are you there"))
        one.say(TextMessage("leave"))
        end = one.hear()
        expect("the server's end", (type(end), end.code, end.reason), (CloseConnection, 4001, "as you wish"))
        one.say(end.response())
        client.until(lambda: one.answer.ended)
        expect("its stream", one.answer.reset, None)
        other.say(TextMessage("still here"))
        expect("the other one goes on", other.hear(), b"still here")
        other.say(CloseConnection(1000, "bye"))
        expect("the answer to an end", type(other.hear()), CloseConnection)
        expect("what the server refuses", Tunnel(client, "/secret").answer.status, 403)
        expect("requests beside tunnels", client.get("/").status, 426)  # python3-websockets wants an upgrade
        expect("another protocol", refusal(client, "connect-udp"), 501)


def refusal(client, protocol):
    stream = client.begin([(":method", "CONNECT"), (":protocol", protocol), (":scheme", "https"), (":authority", client.name),
                           (":path", "/chat")], end=False)
    client.until(lambda: client.answers[stream].status or client.answers[stream].ended)
    return client.answers[stream].status


async def declined(gateway):
    """The server has not announced it: a clear answer."""
    try:
        async with connect(gateway):
            raise AssertionError("it was granted")
    except websockets.exceptions.InvalidStatusCode as error:
        expect("the status", error.status_code, 501)


def to_http2():
    for takes in (True, False):
        with Node(takes) as node, tempfile.TemporaryDirectory() as name, Over2(pathlib.Path(name), node.port) as gateway:
            for step in (talk, many, leaving, not_there) if takes else (declined,):
                asyncio.run(step(gateway))
            if takes:
                over_http2(gateway)
            expect("the log", gateway.said("status=101" if takes else "status=501"), True)


def main():
    server = Server()
    with tempfile.TemporaryDirectory() as name, Gateway(pathlib.Path(name), server.port) as gateway:
        for step in (talk, many, leaving, not_there):
            asyncio.run(step(gateway))
        over_http2(gateway)
        by_strangers(gateway)
        asyncio.run(silence(gateway))
        expect("the log", gateway.said("status=101"), True)
    to_http2()


if __name__ == "__main__":
    main()
