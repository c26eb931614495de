#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=300
"""Copies of the audit log in a file and on a rsyslog, over TLS and over TCP. The rsyslog is away, is killed and comes back, the
server is killed and comes back, and in the end nothing is missing anywhere; certificates are issued all the while. A server with
a certificate of somebody else gets nothing; one that reads a byte a second holds up nobody, not even the server's end."""

import json
import os
import pathlib
import signal
import socket
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import AUTARKY, DOMAIN, Lab, Process, expect, run, steady_port, wait_for  # noqa: E402

FAILED = 2
PATIENCE = 8  # seconds until the server has ended; the processes have 10 before they are killed
RSYSLOGD = "/usr/sbin/rsyslogd"
LOGS = f"logs.{DOMAIN}"


class Tarpit:
    """Takes every connection, and a byte a second from each."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.taken = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._sip, args=(connection,), daemon=True).start()

    def _sip(self, connection):
        try:
            while connection.recv(1):
                self.taken += 1
                time.sleep(1)
        except OSError:
            pass

    def close(self):
        self.listener.close()


class Rsyslog:
    """Without a queue (Direct): what it has read is in the file before it reads on, and before it closes."""

    def __init__(self, lab, tls, plain):
        self.lab, self.tls, self.plain = lab, tls, plain
        self.directory = lab.directory / "rsyslog"
        self.directory.mkdir()
        self.certs = self.directory / "certs"
        self.process = None

    def start(self):
        conf = self.directory / "rsyslog.conf"
        conf.write_text(f"""
global(workDirectory="{self.directory}" maxMessageSize="128k" defaultNetstreamDriver="ossl"
  defaultNetstreamDriverCAFile="{self.lab.roots}" defaultNetstreamDriverCertFile="{self.certs}/fullchain.pem"
  defaultNetstreamDriverKeyFile="{self.certs}/privkey.pem")
module(load="imtcp")
template(name="as-it-came" type="string" string="%pri% %msgid% %structured-data% %msg%\\n")
ruleset(name="tls" queue.type="Direct") {{ action(type="omfile" file="{self.directory}/tls.log" template="as-it-came") }}
ruleset(name="plain" queue.type="Direct") {{ action(type="omfile" file="{self.directory}/plain.log" template="as-it-came") }}
input(type="imtcp" address="127.0.0.1" port="{self.tls}" ruleset="tls"
  streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="anon")
input(type="imtcp" address="127.0.0.1" port="{self.plain}" ruleset="plain" streamDriver.name="ptcp")
""")
        self.process = Process("rsyslogd", self.directory, RSYSLOGD, "-n", "-f", conf, "-i", self.directory / "pid")

    def kill(self, how=signal.SIGKILL):
        self.process.stop(how)

    def has(self, name):
        path = self.directory / f"{name}.log"
        return path.read_bytes() if path.exists() else b""


def copies(lab):
    return {f["name"]: f for f in json.loads(lab.autarky("status", "--json"))["forward"]}


def archive_of(lab):
    """All of its files, in their order."""
    directory = lab.data / "forward"
    full = sorted(directory.glob("archive.*.jsonl"))
    return b"".join(p.read_bytes() for p in full + [directory / "archive.jsonl"])


def whole(lab, names):
    state = copies(lab)
    return all(state[n]["backlog"] == 0 and state[n]["failures"] == 0 for n in names)


def export(lab):
    out = lab.directory / "export"
    lab.autarky("audit", "export", "--out", out)
    return [r for bundle in sorted(out.glob("records-*.jsonl")) for r in bundle.read_bytes().splitlines()]


def check_archive(lab, records):
    lines = archive_of(lab).splitlines()
    seen = [json.loads(line)["sequence"] for line in lines]
    if sorted(set(seen)) != list(range(1, max(seen) + 1)):
        sys.exit("the archive lacks records")
    by_number = dict(zip(seen, lines))
    for n, record in enumerate(records, 1):
        if by_number.get(n) != record:
            sys.exit(f"record {n} in the archive: {by_number.get(n)}")
    print(f"archive: {len(lines)} lines for {len(records)} records")


def check_syslog(rsyslog, name, records):
    """As bytes, for a killed rsyslog may leave half a line in front of a whole one."""
    content = rsyslog.has(name)
    for n, record in enumerate(records, 1):
        if record not in content:
            sys.exit(f"record {n} is not in {name}.log: {record}")
        if f"[meta sequenceId=\"{n}\"]".encode() not in content:
            sys.exit(f"record {n} has no number in {name}.log")
    expect(content.decode(errors="replace"), "109 certificate.issued [origin software=\"autarky\"", name)
    print(f"{name}: {len(content.splitlines())} lines for {len(records)} records")


def in_vain(tarpit):
    """Is it being sent something just now?"""
    before = tarpit.taken
    time.sleep(2)
    return tarpit.taken > before


def work(lab, stop, done):
    """Something to record, until told to stop; a server that is being killed may fail a command."""
    while not stop.is_set():
        run(AUTARKY, "eab", "create", f"key-{len(done)}-{os.getpid()}", "--data", lab.data, ok=(0, FAILED, 75))
        done.append(1)


def main():
    if not os.access(RSYSLOGD, os.X_OK):
        print("rsyslog is not installed")
        sys.exit(77)
    with Lab() as lab:
        tls, plain = steady_port(), steady_port()
        rsyslog, tarpit = Rsyslog(lab, tls, plain), Tarpit()
        lab.configure(f"""audit:
  interval: 1s
  forward:
    - {{name: archive, size: 64KiB, keep: 1000}}
    - {{name: siem, server: "127.0.0.1:{tls}", roots: trust/roots.pem, server_name: {LOGS}}}
    - {{name: plain, server: "127.0.0.1:{plain}", plain: true}}
    - {{name: tarpit, server: "127.0.0.1:{tarpit.port}", plain: true}}
    - {{name: stranger, server: "127.0.0.1:{tls}", roots: trust/root-mldsa.pem, server_name: {LOGS}}}
""")
        lab.start()
        lab.autarky("cert", "issue", "--name", LOGS, "--out", rsyslog.certs)
        wait_for("the archive", lambda: whole(lab, ["archive"]))
        wait_for("what is said of a server that is away", lambda: copies(lab)["siem"]["failures"] > 0)
        expect(copies(lab)["siem"]["error"], f"127.0.0.1:{tls} could not be reached", "status")
        expect(lab.autarky("doctor", ok=(FAILED,)), "siem (syslog over TLS) has the audit log up to record 0", "doctor")

        rsyslog.start()
        wait_for("rsyslog has everything", lambda: whole(lab, ["archive", "siem", "plain"]), 90)
        stop, done = threading.Event(), []
        worker = threading.Thread(target=work, args=(lab, stop, done))
        worker.start()
        for n in range(3):
            before = len(done)
            wait_for("work", lambda: len(done) > before + 15, 60)  # pylint: disable=cell-var-from-loop
            rsyslog.kill(signal.SIGTERM if n == 1 else signal.SIGKILL)
            before = len(done)
            wait_for("work without it", lambda: len(done) > before + 5, 60)  # pylint: disable=cell-var-from-loop
            rsyslog.start()
            lab.server.stop(how=signal.SIGKILL)
            lab.server = None
            lab.start()
        wait_for("a full file", lambda: list((lab.data / "forward").glob("archive.*.jsonl")), 90)
        stop.set()
        worker.join()
        lab.autarky("cert", "issue", "--name", f"last.{DOMAIN}", "--out", lab.directory / "last")
        wait_for("everything is everywhere", lambda: whole(lab, ["archive", "siem", "plain"]), 120)
        records = export(lab)
        wait_for("the export's own records, too", lambda: whole(lab, ["archive", "siem", "plain"]), 60)
        check_archive(lab, records)
        check_syslog(rsyslog, "tls", records)
        check_syslog(rsyslog, "plain", records)
        expect(copies(lab)["stranger"]["error"], "the server's certificate does not hold", "another root")
        if copies(lab)["stranger"]["through"] != 0:
            sys.exit("a server that could not be verified was given records")
        wait_for("what is said of one that takes nothing", lambda: copies(lab)["tarpit"]["failures"] > 0, 90)
        expect(copies(lab)["tarpit"]["error"], "did not take the records within 30 seconds", "the slow one")
        if copies(lab)["tarpit"]["through"] != 0 or not tarpit.taken:
            sys.exit("a server that has not read everything has confirmed it")
        wait_for("another attempt", lambda: in_vain(tarpit), 90)
        begun = time.monotonic()
        lab.stop()
        if time.monotonic() - begun > PATIENCE:
            sys.exit("a slow server holds up the end")
        lab.start()

        # Without destinations there is no courier, and a new one begins where it was.
        lab.configure("audit: {interval: 1s}\n")
        lab.autarky("reload")
        if copies(lab):
            sys.exit("a destination that is not configured is shown")
        lab.configure("audit: {interval: 1s, forward: [{name: archive, size: 64KiB, keep: 2}]}\n")
        lab.autarky("reload")
        wait_for("the archive goes on", lambda: whole(lab, ["archive"]) and copies(lab)["archive"]["through"] > 0)
        lines = [json.loads(r)["sequence"] for r in (lab.data / "forward" / "archive.jsonl").read_bytes().splitlines()]
        if lines != sorted(lines):
            sys.exit(f"the archive began again: {lines}")
        rsyslog.kill(signal.SIGTERM)
        tarpit.close()


main()
