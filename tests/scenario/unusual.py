#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=900
"""A client runs away with new names: the server, which has seen quiet weeks, freezes its account by itself and says what it measured
and what it expected; its renewals go on, and so does everybody else; an administrator lifts the lock, and the same hour does not
set it again. Then an attacker with many accounts tries to have others frozen: from one network, and from many."""

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
EXPECTED = 50  # names of an hour that nobody is frozen for
ATTACKERS = 30
NAMES = 3


def teach(lab):
    """Two weeks, as if they had been: with few new names, and enough certificates for the flood's to be none of their business."""
    now = int(time.time() * 1_000_000)
    with sqlite3.connect(lab.data / "db" / "store.db") as db:
        for ago in range(24, 14 * 24):
            for what, n in (("names", 3), ("issued", 200)):
                db.execute("INSERT INTO hours (hour, what, n) VALUES (?, ?, ?)", (now - now % HOUR - ago * HOUR, what, n))


def client_of(lab, responder):
    client = acme.Client(lab.directory_url, lab.roots, responder, retry=False)
    client.register()
    return client


def flood(client, prefix):
    """It is looked every ten seconds: on a slow day in the middle of it, and once there are more than may be."""
    for n in range(FLOOD):
        try:
            client.obtain([f"{prefix}-{n}.{DOMAIN}"])
        except acme.AcmeError as error:
            expect(str(error), "by autarky: ", "who froze it")
            if n <= EXPECTED:
                sys.exit(f"frozen after {n} names")
            return


def events(lab, action):
    with sqlite3.connect(f"file:{lab.data}/db/store.db?mode=ro", uri=True) as db:
        rows = db.execute("SELECT bytes FROM events WHERE action = ?", (action,)).fetchall()
    return [json.loads(r) for (r,) in rows]


def locks(lab):
    return json.loads(lab.autarky("issuance", "status", "--json"))["locks"]


def refused(client, name):
    try:
        client.obtain([name])
    except acme.AcmeError as error:
        expect(str(error), "by autarky: ", "who froze it")
        return
    sys.exit(f"{name} was certified, though frozen")


def come_from(client, address):
    client.connection.http.close()
    client.connection.http.source_address = (address, 0)


def attack(lab, responder, prefix, network=None):
    """Accounts, each with too few names to stand out; `network`: each from a network and for a zone of its own."""
    clients = []
    for n in range(ATTACKERS):
        client = acme.Client(lab.directory_url, lab.roots, responder, retry=False)
        if network:
            come_from(client, f"127.{network}.{n}.1")
        client.register()
        clients.append(client)
        try:
            for name in range(NAMES):
                client.obtain([f"n{name}.{prefix}{n}.{DOMAIN}" if network else f"{prefix}-{n}-{name}.{DOMAIN}"])
        except acme.AcmeError as error:
            expect(str(error), "by autarky: ", "who froze it")
            return clients
    return clients


def many_accounts(lab, owner, responder):
    """Who makes many accounts is where they come from; what others have there is renewed, by whichever account."""
    attackers = attack(lab, responder, "many")
    wait_for("the lock of the network", lambda: locks(lab))
    held = locks(lab)
    if [(lock["scope"], lock["value"], lock["new_names"]) for lock in held] != [("network", "127.0.0.0/24", True)]:
        sys.exit(f"other locks: {held}")
    refused(attackers[0], f"more.{DOMAIN}")
    owner.obtain([f"wiki.{DOMAIN}"])
    owner.obtain([f"wiki.{DOMAIN}", f"mine.{DOMAIN}"])
    client_of(lab, responder).obtain([f"wiki.{DOMAIN}"])
    elsewhere = acme.Client(lab.directory_url, lab.roots, responder, retry=False)
    come_from(elsewhere, "127.9.9.9")
    elsewhere.register()
    elsewhere.obtain([f"elsewhere.{DOMAIN}"])
    lab.autarky("issuance", "thaw", "--reason", "seen")


def many_networks(lab, owner, responder):
    """Fresh accounts freeze nothing, however many they are and wherever they come from; but they are told of."""
    attack(lab, responder, "z", network=7)
    wait_for("the event", lambda: events(lab, "issuance.unusual"))
    expect(events(lab, "issuance.unusual")[0]["reason"], "that were there before", "what was measured")
    if locks(lab):
        sys.exit(f"frozen: {locks(lab)}")
    owner.obtain([f"wiki.{DOMAIN}"])
    owner.obtain([f"newest.{DOMAIN}"])


def in_one_hour():
    """The test is about one hour of the clock; at the end of one it waits for the next."""
    left = 3600 - time.time() % 3600
    if left < 360:
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
        many_accounts(lab, owner, responder)
        many_networks(lab, owner, responder)
        responder.close()


main()
