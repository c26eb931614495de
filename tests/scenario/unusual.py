#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=180
"""A client runs away with new names: the server, which has seen quiet weeks, freezes its account by itself and says what it measured
and what it expected; its renewals go on, and so does everybody else; an administrator lifts the lock, and the same hour does not
set it again."""

import json
import pathlib
import sqlite3
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
import acme  # noqa: E402
from lab import DOMAIN, Lab, expect, wait_for  # noqa: E402

HOUR = 3_600_000_000
FLOOD = 60


def teach(lab):
    """Two quiet weeks, as if they had been."""
    now = int(time.time() * 1_000_000)
    with sqlite3.connect(lab.data / "db" / "store.db") as db:
        for ago in range(24, 14 * 24):
            db.execute("INSERT INTO hours (hour, what, n) VALUES (?, 'names', ?)", (now - now % HOUR - ago * HOUR, 3))


def client_of(lab, responder):
    client = acme.Client(lab.directory_url, lab.roots, responder, retry=False)
    client.register()
    return client


def flood(client, prefix):
    for n in range(FLOOD):
        client.obtain([f"{prefix}-{n}.{DOMAIN}"])


def events(lab, action):
    with sqlite3.connect(f"file:{lab.data}/db/store.db?mode=ro", uri=True) as db:
        rows = db.execute("SELECT bytes FROM events WHERE action = ?", (action,)).fetchall()
    return [json.loads(r) for (r,) in rows]


def in_one_hour():
    """The test is about one hour of the clock; at the end of one it waits for the next."""
    left = 3600 - time.time() % 3600
    if left < 120:
        time.sleep(left + 1)


def main():
    in_one_hour()
    with Lab(extra="locks: {automatic: on}\n") as lab:
        responder = acme.Http01(lab.http_port)
        lab.start()
        owner = client_of(lab, responder)
        owner.obtain([f"wiki.{DOMAIN}"])
        lab.stop()
        teach(lab)
        lab.start()
        owner = acme.Client(lab.directory_url, lab.roots, responder, retry=False)
        owner.register()
        owner.obtain([f"wiki.{DOMAIN}"])
        runaway = client_of(lab, responder)
        flood(runaway, "run")
        wait_for("the lock", lambda: json.loads(lab.autarky("issuance", "status", "--json"))["frozen"])
        lock = json.loads(lab.autarky("issuance", "status", "--json"))["locks"][0]
        if (lock["set_by"], lock["scope"], lock["renewals"]) != ("autarky", "account", False):
            sys.exit(f"another lock: {lock}")
        if not runaway.kid.endswith(lock["value"]):
            sys.exit(f"the lock of another account: {lock}, and not {runaway.kid}")
        expect(lock["reason"], "names certified for the first time in the hour from", "what was measured")
        expect(lock["reason"], "expected were at most 50", "what was expected")
        try:
            runaway.obtain([f"new.{DOMAIN}"])
            sys.exit("a new name was certified, though frozen")
        except acme.AcmeError as error:
            expect(str(error), "by autarky: ", "who froze it")
        runaway.obtain([f"run-0.{DOMAIN}"])
        owner.obtain([f"mine.{DOMAIN}"])
        expect(lab.autarky("doctor", ok=(0, 2)), "by autarky: ", "doctor")
        expect(lab.autarky("status"), "Issuance is frozen", "status")
        frozen = events(lab, "issuance.frozen")
        if [e["actor"]["kind"] for e in frozen] != ["system"] or frozen[0]["reason"] != lock["reason"]:
            sys.exit(f"in the log: {frozen}")
        lab.autarky("issuance", "thaw", "--reason", "a rollout, and we know it")
        runaway.obtain([f"new.{DOMAIN}"])
        time.sleep(12)  # it looks every ten seconds
        runaway.obtain([f"newer.{DOMAIN}"])
        if events(lab, "issuance.unusual"):
            sys.exit("told of although frozen")
        responder.close()


main()
