#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=120
"""WebSocket through the gateway: python3-websockets on both sides over HTTP/1.1, and over a stream of HTTP/2 (RFC 8441), whose frames
are put together here: messages of all sizes both ways, many at once, one side that takes nothing, and either side's end."""

import asyncio
import contextlib
import http
import os
import pathlib
import ssl
import struct
import tempfile
import threading

import websockets

from gateway import Gateway, expect
from http2 import DATA, END_STREAM, HEADERS, SETTINGS, Client, frame

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


def connect(gateway, path="/chat", **options):
    context = ssl.create_default_context(cafile=gateway.root / "all.pem")
    return websockets.connect(f"wss://wiki.example{path}", ssl=context, host="127.0.0.1", port=gateway.port,
                              server_hostname="wiki.example", max_size=None, **options)


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


def main():
    server = Server()
    with tempfile.TemporaryDirectory() as name, Gateway(pathlib.Path(name), server.port) as gateway:
        for step in (talk, many, leaving, not_there):
            asyncio.run(step(gateway))
        over_http2(gateway)
        expect("the log", gateway.said("status=101"), True)


if __name__ == "__main__":
    main()
