#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=300 build=plain
"""A gibibyte down and a gibibyte up through the gateway, digests compared, while 200 readers take their answers drop by drop:
all of it arrives, and the memory of the workers stays flat."""

import hashlib
import json
import os
import pathlib
import ssl
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from sites import SITE, Backend, SiteLab, digest, stream  # noqa: E402

SIZE = 1024 * 1024 * 1024
READERS = 200
DROP = 512  # bytes, every SIP seconds
SIP = 0.2
GROWTH = 96 * 1024  # KiB for 200 connections: what sockets, TLS and our buffers take, and no more
EACH = 64 * 1024 * 1024  # what every slow reader asks for


class SlowReaders(threading.Thread):
    """Open connections that have asked for much and hardly read."""

    def __init__(self, lab):
        super().__init__(daemon=True)
        self.ended = threading.Event()
        self.broken = []
        self.got = 0
        context = lab.context()
        self.sockets = []
        for _ in range(READERS):
            s = lab.connect(SITE, context)
            s.sendall(f"GET /bytes/{EACH} HTTP/1.1\r\nHost: {SITE}\r\n\r\n".encode())
            s.setblocking(False)
            self.sockets.append(s)

    def run(self):
        while not self.ended.wait(SIP):
            for s in self.sockets:
                try:
                    data = s.recv(DROP)
                    self.got += len(data)
                    if not data:
                        self.broken.append("closed")
                except (ssl.SSLWantReadError, BlockingIOError):
                    pass
                except OSError as error:
                    self.broken.append(str(error))

    def finish(self):
        self.ended.set()
        self.join()
        for s in self.sockets:
            s.close()
        if self.broken:
            sys.exit(f"{len(self.broken)} slow readers were cut off: {self.broken[:3]}")
        if self.got < READERS * DROP:
            sys.exit(f"the slow readers got {self.got} bytes in all")


def curl(lab, path, *options, **how):
    return subprocess.Popen(["/usr/bin/curl", "--silent", "--show-error", "--fail", "--noproxy", "*", "--http1.1",
                             "--cacert", str(lab.roots), "--resolve", f"{SITE}:{lab.gateway}:127.0.0.1", *options,
                             lab.url(SITE, path)], stderr=subprocess.PIPE, **how)


def ended(process, what):
    error = process.stderr.read()
    if process.wait(200) != 0:
        sys.exit(f"{what}: curl ended with {process.returncode}: {error.decode()}")


def down(lab, path):
    process = curl(lab, path, stdout=subprocess.PIPE)
    sha, size = hashlib.sha256(), 0
    while piece := process.stdout.read(1024 * 1024):
        sha.update(piece)
        size += len(piece)
    ended(process, f"down {path}")
    return sha.hexdigest(), size


def up(lab, *options):
    process = curl(lab, "/digest", "-X", "POST", "-T", "-", "-H", "Expect:", *options, stdin=subprocess.PIPE,
                   stdout=subprocess.PIPE)
    for piece in stream(SIZE, SIZE):
        process.stdin.write(piece)
    process.stdin.close()
    answer = json.loads(process.stdout.read())
    ended(process, f"up {options}")
    return answer["sha256"], answer["size"]


class Watch(threading.Thread):
    """The most memory that the workers had together."""

    def __init__(self, lab):
        super().__init__(daemon=True)
        self.lab, self.most, self.ended = lab, 0, threading.Event()

    def run(self):
        while not self.ended.wait(0.5):
            self.most = max(self.most, self.lab.memory("gateway"))


def main():
    if os.geteuid() != 0:
        print("needs root, to see how much memory the confined workers have")
        sys.exit(77)
    backend = Backend()
    with SiteLab([{"name": SITE, "backends": [backend.url]}]) as lab:
        lab.start()
        lab.wait_site(SITE)
        lab.curl(SITE, "/hello")
        before = lab.memory("gateway")
        readers = SlowReaders(lab)
        watch = Watch(lab)
        readers.start()
        watch.start()
        wanted = (digest(str(SIZE), SIZE), SIZE)
        for what, move in (("down, by length", lambda: down(lab, f"/bytes/{SIZE}")),
                           ("down, in chunks", lambda: down(lab, f"/chunked/{SIZE}"))):
            started = time.monotonic()
            if move() != wanted:
                sys.exit(f"{what}: not what was sent")
            print(f"1 GiB {what}: {time.monotonic() - started:.1f} s", flush=True)
        wanted = (digest(SIZE, SIZE), SIZE)
        for what, options in (("up, in chunks", ()), ("up, by length", ("-H", f"Content-Length: {SIZE}",
                                                                       "-H", "Transfer-Encoding:"))):
            started = time.monotonic()
            if up(lab, *options) != wanted:
                sys.exit(f"{what}: not what was sent")
            print(f"1 GiB {what}: {time.monotonic() - started:.1f} s", flush=True)
        watch.ended.set()
        watch.join()
        readers.finish()
        print(f"workers' memory: {before} KiB before, {watch.most} KiB at most", flush=True)
        if watch.most - before > GROWTH:
            sys.exit(f"the workers grew by {watch.most - before} KiB")
    backend.stop()


main()
