#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=1500 build=plain
"""A gibibyte over sockets, from a backend through the gateway on TLCP, by `autarky forward --tlcp`, which takes SM4-GCM; 896 MiB by a
client that has SM4-CBC alone, and 64 by one of each of the two suites with ECDHE; a quarter of that up to the backend by each. What
arrives has the digest of what was sent, and no process has more memory at the end than when a sixteenth was through.
AUTARKY_STREAM_MIB says how many MiB in place of 1024, and the others are as much less."""

import hashlib
import http.client
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import AUTARKY, Process, wait_for  # noqa: E402
from sites import PIECE, Backend, SiteLab, digest, stream  # noqa: E402

NAME = "localhost"
TOOL = pathlib.Path(AUTARKY).resolve().parent.parent / "tests" / "tlcp_client"
SIZE = int(os.environ.get("AUTARKY_STREAM_MIB", "1024")) << 20
SUITES = {"ECC_SM4_CBC_SM3": SIZE // 8 * 7, "ECDHE_SM4_GCM_SM3": SIZE // 16, "ECDHE_SM4_CBC_SM3": SIZE // 16}
GROWTH = 4 << 20  # what an allocator may still need that has seen a sixteenth; all of it would be a gibibyte
SECONDS = 600  # without a byte


def resident(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1]) * 1024


def children(pid):
    return [int(p) for p in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class Watch:
    """Processes by name; what they had when the first sixteenth was through, and what they may have later."""

    def __init__(self, pids):
        self.pids, self.before, self.most = pids, None, {}

    def look(self):
        now = {name: resident(pid) for name, pid in self.pids().items()}
        if self.before is None:
            self.before = now
        for name, size in now.items():
            self.most[name] = max(self.most.get(name, 0), size)

    def judge(self, what):
        for name, size in self.most.items():
            grown = size - self.before.get(name, size)
            print(f"{what}: {name} has {self.before.get(name, 0) >> 10} KiB, at most {size >> 10}", flush=True)
            if grown > GROWTH:
                sys.exit(f"{what}: {name} has grown by {grown} bytes")


def down(connection, host, what, size, watch):
    """One GET, its digest; memory is looked at sixteen times."""
    begun, sha, got, next_look = time.monotonic(), hashlib.sha256(), 0, size // 16
    connection.request("GET", f"/bytes/{size}", headers={"Host": host})
    answer = connection.getresponse()
    while piece := answer.read(PIECE):
        sha.update(piece)
        got += len(piece)
        if got >= next_look:
            watch.look()
            next_look += size // 16
    if (got, sha.hexdigest()) != (size, digest(str(size), size)):
        sys.exit(f"{what}: {got} bytes of {size}, or others than the backend's")
    print(f"{what}: {size >> 20} MiB down in {time.monotonic() - begun:.0f} s", flush=True)
    watch.judge(what)


def up(connection, host, what, size):
    connection.request("POST", "/digest", body=stream("up", size), headers={"Host": host, "Content-Length": str(size)})
    answer = json.loads(connection.getresponse().read())
    if answer != {"sha256": digest("up", size), "size": size}:
        sys.exit(f"{what}: the backend got {answer}")
    print(f"{what}: {size >> 20} MiB up", flush=True)


def by_forward(lab, host, gateway):
    process = Process("forward", lab.directory, AUTARKY, "forward", "--tlcp", "127.0.0.1:0", host, "--root",
                      lab.data / "trust" / "root-sm2.pem")
    try:
        wait_for("forward", lambda: process.log.read_text().startswith("127.0.0.1:"))
        port = int(process.log.read_text().split()[0].rpartition(":")[2])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)

        def pids():
            ours = {f"forward {i}": pid for i, pid in enumerate(children(process.popen.pid))}
            return {"gateway": gateway, **ours}
        down(connection, host, "forward, SM4-GCM", SIZE, Watch(pids))
        up(connection, host, "forward, SM4-GCM", SIZE // 4)
        connection.close()
    finally:
        process.stop()


class Behind(http.client.HTTPConnection):
    """HTTP over a socket that is open already."""

    def __init__(self, sock):
        super().__init__("localhost")
        self.sock = sock

    def connect(self):
        sys.exit("the connection has ended")


def by_suite(lab, host, gateway, suite, size):
    ours, its = socket.socketpair()
    ours.settimeout(SECONDS)
    with its, subprocess.Popen([TOOL, str(lab.gateway), NAME, suite], stdin=its, stdout=subprocess.PIPE, text=True) as tool:
        its.close()
        if tool.stdout.readline() != f"{suite}\n":
            sys.exit(f"not {suite}")
        connection = Behind(ours)
        down(connection, host, suite, size, Watch(lambda: {"gateway": gateway, "client": tool.pid}))
        up(connection, host, suite, size // 4)
        connection.close()
        tool.wait(60)
        if tool.returncode:
            sys.exit(f"{suite}: the client ended with {tool.returncode}")


def main():
    backend = Backend()
    lab = SiteLab([{"name": NAME, "backends": [backend.url], "algorithms": ["ecdsa", "sm2"]}])
    lab.workers = 1
    lab.configure()
    lab.start()
    try:
        lab.wait_site(NAME, 300)
        host = f"{NAME}:{lab.gateway}"
        workers = [p for p in children(lab.server.popen.pid) if b"--role=gateway" in pathlib.Path(f"/proc/{p}/cmdline").read_bytes()]
        if len(workers) != 1:
            sys.exit(f"{len(workers)} workers of the gateway")
        by_forward(lab, host, workers[0])
        for suite, size in SUITES.items():
            by_suite(lab, host, workers[0], suite, size)
    finally:
        lab.stop()
        lab.dns.stop()
        backend.stop()


if __name__ == "__main__":
    main()
