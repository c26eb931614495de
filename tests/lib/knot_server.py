# SPDX-License-Identifier: Apache-2.0
"""Knot DNS with one zone of one's own on a free loopback port: another name server than BIND, which signs its zone and takes
updates signed with TSIG. It is stopped by process id."""

import pathlib
import shutil
import subprocess
import tempfile
import time

from dns_server import HEAD, NameServer, free_port

KNOTD = "/usr/sbin/knotd"
CONF = """
server:
    rundir: {directory}
    listen: 127.0.0.1@{port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
control:
    listen: {socket}
log:
  - target: stderr
    any: info
database:
    storage: {directory}
key:
  - id: {key}
    algorithm: hmac-sha256
    secret: {secret}
acl:
  - id: updates
    key: {key}
    action: update
zone:
  - domain: {zone}
    storage: {directory}
    file: zone
    zonefile-sync: -1
    zonefile-load: difference-no-serial
    journal-content: all
    acl: updates
    dnssec-signing: on
"""


class KnotServer(NameServer):
    """`key`: name and secret (base64) of the TSIG key, HMAC-SHA-256."""

    def __init__(self, directory, zone, records, key):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir()
        self.zone = zone
        # The path of a socket ends at 107 bytes, wherever the tests are.
        self.sockets = pathlib.Path(tempfile.mkdtemp(prefix="knot.", dir="/tmp"))
        (self.directory / "zone").write_text(HEAD.format(serial=1, negative=1) + records + "\n")
        for _ in range(3):
            self.port = free_port()
            (self.directory / "knot.conf").write_text(CONF.format(
                directory=self.directory, port=self.port, socket=self.sockets / "s", zone=zone, key=key[0], secret=key[1]))
            if self._start():
                return
        raise RuntimeError(f"Knot does not run:\n{self.log()}")

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def log(self):
        return (self.directory / "knot.log").read_text(errors="replace")

    def _start(self):
        with open(self.directory / "knot.log", "wb") as log:
            self.process = subprocess.Popen([KNOTD, "-c", self.directory / "knot.conf"], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=subprocess.STDOUT)
        end = time.monotonic() + 30
        while time.monotonic() < end and self.process.poll() is None:
            if f"[{self.zone}.] DNSSEC, successfully signed" in self.log():
                return True
            time.sleep(0.05)
        self.stop()
        return False

    def __exit__(self, *_):
        super().__exit__()
        shutil.rmtree(self.sockets, ignore_errors=True)
