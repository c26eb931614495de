# SPDX-License-Identifier: Apache-2.0
"""BIND with zones of one's own on a free loopback port, for scenarios whose records matter; lab.Dns is enough where every
name is this machine. It is stopped by process id. From a shell script:

    dns_server.py DIRECTORY ZONE=FILE...     serves in the foreground; prints ADDRESS:PORT once it answers
"""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

NAMED = "/usr/sbin/named"
HEAD = "$TTL 1\n@ 3600 IN SOA ns hostmaster {serial} 3600 600 86400 {negative}\n@ IN NS ns\nns IN A 127.0.0.1\n"


def free_port(address="127.0.0.1"):
    """Free for UDP and TCP."""
    for _ in range(50):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as u, socket.socket() as t:
            u.bind((address, 0))
            try:
                t.bind((address, u.getsockname()[1]))
            except OSError:
                continue
            return u.getsockname()[1]
    raise RuntimeError("no free port")


class NameServer:
    """A process on a port of its own; stopped by its id."""
    process = None

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class DnsServer(NameServer):
    """zones: name to records, as in a zone file; SOA and NS are added. `recursive` says of itself that it finds out, and
    follows aliases between its zones; no other names exist for it. Otherwise it is authoritative only. `forward`: zones
    about which it asks another server ("ADDRESS port PORT") and remembers what that says. `keys`: text of key statements,
    `zone_options` of each of its zones, or of some by their names, `negative`: for how many seconds others may remember that there is
    no such name."""

    def __init__(self, directory, zones, recursive=False, options="", *, at=None, forward=None, keys="", zone_options="",
                 negative=1):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.zones = dict(zones)
        self.serial = 1
        self.process = None
        self.at, self.forward, self.keys, self.zone_options = at, forward or {}, keys, zone_options
        self.negative = negative
        for zone in self.zones:
            self._write(zone)
        for _ in range(3):
            self.host, self.port = at or ("127.0.0.1", free_port())
            self._configure(recursive, options)
            if self._start():
                return
        raise RuntimeError(f"BIND does not run:\n{self.log()}")

    @property
    def address(self):
        return f"{self.host}:{self.port}"

    def log(self):
        return (self.directory / "named.log").read_text(errors="replace")

    def _write(self, zone):
        (self.directory / f"{zone}.zone").write_text(HEAD.format(serial=self.serial, negative=self.negative) +
                                                      self.zones[zone] + "\n")

    def _configure(self, recursive, options):
        if recursive:  # nothing is to be found out on the Internet
            delegated = "".join(f"{z}. NS ns.{z}.\nns.{z}. A 127.0.0.1\n" for z in self.forward)
            (self.directory / "root").write_text(HEAD.format(serial=1, negative=1) + delegated)
        zones = 'zone "." { type primary; file "root"; };\n' if recursive else ""
        own = self.zone_options if isinstance(self.zone_options, dict) else dict.fromkeys(self.zones, self.zone_options)
        zones += "".join(f'zone "{z}" {{ type primary; file "{z}.zone"; {own.get(z, "")} }};\n' for z in self.zones)
        zones += "".join(f'zone "{z}" {{ type forward; forward only; forwarders {{ {to}; }}; }};\n'
                         for z, to in self.forward.items())
        (self.directory / "named.conf").write_text(
            f'{self.keys}\noptions {{ directory "{self.directory}"; listen-on port {self.port} {{ {self.host}; }};\n'
            f"  listen-on-v6 {{ none; }}; pid-file none; session-keyfile none; notify no; allow-query {{ any; }};\n"
            f"  recursion {'yes' if recursive else 'no'}; forwarders {{ }}; dnssec-validation no; {options} }};\n"
            f"controls {{ }};\n{zones}")

    def _start(self):
        named = NAMED
        # Where AppArmor confines BIND to its own directories, a copy is not confined.
        if pathlib.Path("/sys/kernel/security/apparmor").exists():
            named = shutil.copy(NAMED, self.directory / "named")
        with open(self.directory / "named.log", "wb") as log:
            self.process = subprocess.Popen([named, "-g", "-n", "1", "-c", self.directory / "named.conf"],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        end = time.monotonic() + 30
        while time.monotonic() < end and self.process.poll() is None:
            if "not loaded due to errors" in self.log():
                self.stop()
                raise RuntimeError(f"a zone is wrong:\n{self.log()}")
            if "running" in self.log().split():
                return True
            time.sleep(0.05)
        self.stop()
        return False

    def set_zone(self, zone, records):
        """Other records from now on; returns when BIND answers with them."""
        self.serial += 1
        self.zones[zone] = records
        self._write(zone)
        self.process.send_signal(signal.SIGHUP)
        end = time.monotonic() + 30
        while f"zone {zone}/IN: loaded serial {self.serial}" not in self.log():
            if time.monotonic() > end:
                raise RuntimeError(f"BIND did not load {zone}:\n{self.log()}")
            time.sleep(0.02)


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    zones = dict(a.split("=", 1) for a in sys.argv[2:])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with DnsServer(sys.argv[1], {z: pathlib.Path(f).read_text() for z, f in zones.items()}) as server:
        print(server.address, flush=True)
        server.process.wait()
    sys.exit("BIND ended")


if __name__ == "__main__":
    os.environ.setdefault("LC_ALL", "C.UTF-8")
    main()
