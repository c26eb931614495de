#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What `serve` does not touch: a database of a newer schema, a data directory that another one serves; and what it tidies
up behind one that was killed."""

import json
import pathlib
import shutil
import signal
import socket
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import AUTARKY, Lab, expect, run  # noqa: E402


def sqlite(lab, sql):
    return run("/usr/bin/sqlite3", lab.data / "db" / "store.db", sql).strip()


def unchanged(lab, before):
    """The files of the database, beside those that SQLite makes to look into it."""
    now = {f.name: f.read_bytes() for f in (lab.data / "db").iterdir() if f.name != "store.db-shm"}
    now = {name: data for name, data in now.items() if data}
    if now != before:
        sys.exit(f"the database was touched: {sorted(before)}, then {sorted(now)}")


def refused_when_newer(lab):
    known = int(sqlite(lab, "SELECT MAX(number) FROM migrations"))
    kept = lab.directory / "kept.db"
    shutil.copy(lab.data / "db" / "store.db", kept)
    sqlite(lab, f"INSERT INTO migrations VALUES ({known + 1}, 'of the future', 0)")
    shutil.copystat(kept, lab.data / "db" / "store.db")
    before = {"store.db": (lab.data / "db" / "store.db").read_bytes()}
    (lab.data / "listeners.json").write_text("{}")
    out = run(AUTARKY, "serve", "--data", lab.data, ok=(2,), timeout=60)
    expect(out, f"the database has schema {known + 1}, this program knows {known} at most", "the refusal")
    unchanged(lab, before)
    if (lab.data / "listeners.json").exists():
        sys.exit("listeners.json of one that is gone is still there")
    sqlite(lab, f"DELETE FROM migrations WHERE number = {known + 1}")


def refused_when_served(lab):
    lab.start()
    pid = lab.server.popen.pid
    listeners = lab.listeners()
    out = run(AUTARKY, "serve", "--data", lab.data, ok=(2,), timeout=60)
    expect(out, f"process {pid}", "the refusal names who serves")
    if lab.listeners() != listeners:
        sys.exit("one that may not serve changed listeners.json")
    status = json.loads(lab.autarky("status", "--json"))
    if {p["state"] for p in status["processes"]} != {"ready"}:
        sys.exit(f"one that may not serve disturbed the one that does: {status['processes']}")


def taken_over_when_killed(lab):
    """Its lock went with it; ports are new, and listeners.json says so."""
    lab.server.stop(signal.SIGKILL)
    lab.start()
    if json.loads(lab.autarky("status", "--json"))["healthy"] is not True:
        sys.exit("not healthy after the predecessor was killed")


def waits_for_orphans(lab):
    """Of one that was killed, a process may still hold the control socket: its successor waits. Where nobody was killed,
    it is somebody else's, and is refused at once."""
    path = lab.data / "control.sock"
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as orphan:
        orphan.bind(str(path))
        orphan.listen()
        expect(run(AUTARKY, "serve", "--data", lab.data, ok=(2,), timeout=60), "another process serves it", "the refusal")
        (lab.data / "listeners.json").write_text("{}")
        threading.Timer(1, orphan.shutdown, (socket.SHUT_RDWR,)).start()
        lab.start()
    lab.stop()


def main():
    with Lab() as lab:
        refused_when_newer(lab)
        refused_when_served(lab)
        taken_over_when_killed(lab)
        lab.stop()
        waits_for_orphans(lab)
        if (lab.data / "listeners.json").exists():
            sys.exit("listeners.json is there after an orderly end")


main()
