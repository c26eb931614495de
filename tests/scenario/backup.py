#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=600
"""Backups: made of a server under load, verified, restored elsewhere and served from. The old certificate is renewed and revoked,
numbers of lists go up, the audit log goes on and says that it was restored; a damaged, cut or foreign file is refused; whoever
kills making or restoring leaves nothing half-written; a second person allows both where that is wanted."""

import json
import os
import pathlib
import random
import re
import shutil
import signal
import sqlite3
import ssl
import stat
import subprocess
import sys
import threading
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from acme import Client, Http01  # noqa: E402
from lab import AUTARKY, DOMAIN, OPENSSL, Lab, expect, run, wait_for  # noqa: E402

PERSON = "daemon"  # a user that every Debian has
PLAIN = f"http://ca.{DOMAIN}"
CONFIG = (f"urls: {{plain: \"{PLAIN}\"}}\nrevocation: {{crl: {{within: 1s}}}}\naudit: {{interval: 1s}}\n"
          "metrics: {allow: [127.0.0.0/8]}\n")
TWO = f"control: {{two_persons: [backup.create, backup.restore], people: [{PERSON}]}}\n"
FAILED, WAITING = 2, 4
KILLS = 8


def equal(got, wanted, what):
    if got != wanted:
        sys.exit(f"{what}: {got!r}, and not {wanted!r}")


class Vault:
    """Where backups go, and their passphrase."""

    def __init__(self, lab):
        self.lab = lab
        self.directory = lab.directory / "vault"
        self.directory.mkdir()
        self.key = lab.directory / "backup-passphrase"
        self.key.write_text("correct horse battery staple\n")
        self.key.chmod(0o600)

    def create(self, name, *args, ok=(0,), data=None):
        return run(AUTARKY, "backup", "create", "--out", self.directory / name, "--passphrase-file", self.key, "--reason",
                   "INC-7", "--data", data or self.lab.data, *args, ok=ok)

    def verify(self, name, *args, ok=(0,)):
        return run(AUTARKY, "backup", "verify", self.directory / name, "--passphrase-file", self.key, *args, ok=ok)

    def restore_args(self, name, data):
        return [AUTARKY, "backup", "restore", self.directory / name, "--passphrase-file", self.key, "--reason", "INC-8",
                "--data", data]

    def restore(self, name, data, *args, ok=(0,)):
        return run(*self.restore_args(name, data), *args, ok=ok)


def records(lab):
    """All of the audit log, of a server that may run."""
    with sqlite3.connect(f"file:{lab.data}/db/store.db?mode=ro", uri=True) as db:
        return [json.loads(row[0]) for row in db.execute("SELECT bytes FROM events ORDER BY sequence")]


def of_kind(lab, action):
    return [e for e in records(lab) if e["action"] == action]


def export_is_good(lab, name):
    files = lab.directory / name
    shutil.rmtree(files, ignore_errors=True)
    lab.autarky("audit", "export", "--out", files)
    verdict = json.loads(run(AUTARKY, "audit", "verify", files, "--key", lab.data / "trust" / "audit.pub", "--json"))
    equal((verdict["good"], verdict["covered"]), (True, verdict["records"]), f"the exported log {name}")


def lists(lab):
    """The number of each list that is served, by its place."""
    found = {}
    for ref in ("rsa-1", "ecdsa-1"):
        for shard in range(16):
            with urllib.request.urlopen(f"{lab.plain}/crl/{ref}/{shard}.crl", timeout=20) as answer:
                path = lab.directory / "list.crl"
                path.write_bytes(answer.read())
            text = run(OPENSSL, "crl", "-inform", "DER", "-in", path, "-noout", "-crlnumber")
            found[ref, shard] = int(text.strip().split("=")[1], 16)
    return found


def measured(lab, name):
    """A number of /metrics."""
    context = ssl.create_default_context(cafile=lab.roots)
    with urllib.request.urlopen(f"{lab.api}/metrics", timeout=20, context=context) as answer:
        text = answer.read().decode()
    found = re.search(rf"^autarky_{name}(?:\{{[^}}]*\}})? (\S+)$", text, re.M)
    return float(found[1]) if found else sys.exit(f"/metrics has no {name}")


class Load:
    """A client that has certificates issued as fast as it can."""

    def __init__(self, lab, http):
        self.client = Client(lab.directory_url, lab.roots, http)
        self.client.register()
        self.running, self.issued = True, 0
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        while self.running:
            self.client.obtain([f"load{self.issued}.{DOMAIN}"])
            self.issued += 1

    def stop(self):
        self.running = False
        self.thread.join(60)
        self.client.close()


def owners(data):
    """Who has what, and with which mode: what a backup has to bring back."""
    skipped = {"listeners.json", "serve.lock", "control.sock", "acme.sock", "forward", "access"}
    found = {}
    for path in sorted(data.rglob("*")):
        name = path.relative_to(data)
        if name.parts[0] in skipped or path.name.startswith(("store.db-", "store.db.", ".tmp-", "audit.head.", "audit.restarted")):
            continue
        st = path.lstat()
        if stat.S_ISREG(st.st_mode) or stat.S_ISDIR(st.st_mode):
            found[str(name)] = (st.st_uid, stat.S_IMODE(st.st_mode))
    return found


def nothing_left(directory, wanted, what):
    equal(sorted(p.name for p in directory.iterdir() if not p.name.startswith(".tmp-")), sorted(wanted), what)


def under_load(lab, vault, http):
    client = Client(lab.directory_url, lab.roots, http)
    client.register()
    old = client.obtain([f"old.{DOMAIN}"])
    load = Load(lab, http)
    try:
        wait_for("load", lambda: load.issued > 3)
        said = vault.create("one")
    finally:
        load.stop()
    expect(said, "records of the audit log", "what create says")
    found = json.loads(vault.verify("one", "--json"))
    equal((found["domain"], found["reason"], found["keys_closed"]), (DOMAIN, "INC-7", 0), "what it is of")
    equal(found["keys_opened"], found["authorities"], "keys that fit their certificates")
    equal(found["records_signed"] > 0, True, "records under the head")
    made = of_kind(lab, "backup.created")
    equal([(e["object"]["id"], e["detail"]["sha256"], e["actor"]["id"]) for e in made],
          [(found["id"], found["sha256"], f"uid {os.getuid()}")], "the record of it")
    equal([e["reason"] for e in of_kind(lab, "backup.begun")], ["INC-7"], "the record of its beginning")
    mode = stat.S_IMODE((vault.directory / "one").stat().st_mode)
    equal(mode, 0o600, "the mode of the backup")
    refused = vault.create("one", ok=(FAILED,))
    expect(refused, "no backup is overwritten", "a file that is there")
    if b"hospital" in (vault.directory / "one").read_bytes():
        sys.exit("the backup has something in the clear")
    equal(abs(measured(lab, "backup_last_timestamp_seconds") - time.time()) < 60, True, "the metric of the last backup")
    print(f"a backup under {load.issued} certificates")
    return client, old


def refused(lab, vault):
    whole = (vault.directory / "one").read_bytes()
    wrong = lab.directory / "wrong-passphrase"
    wrong.write_text("another passphrase\n")
    wrong.chmod(0o600)
    expect(run(AUTARKY, "backup", "verify", vault.directory / "one", "--passphrase-file", wrong, ok=(FAILED,)),
           "does not open the backup", "another passphrase")
    at = random.randrange(100, len(whole))
    for name, content, words in (
            ("flipped", whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1:], "damaged, cut off"),
            ("cut", whole[:at], "damaged, cut off"),
            ("cut-at-a-piece", whole[:84 + 65552], "damaged, cut off"),
            ("more", whole + b"x", ""),
            ("foreign", b"PK\3\4" + whole, "no backup"),
            ("empty", b"", "no backup"),
            ("newer", whole[:15] + b"\2" + whole[16:], "has format 2"),
            ("work", whole[:16] + b"\x18" + whole[17:], "more work")):
        (vault.directory / name).write_bytes(content)
        expect(vault.verify(name, ok=(FAILED,)), words, name)
        target = lab.directory / "refused"
        expect(vault.restore(name, target, ok=(FAILED,)), words, name)
        if target.exists() or (lab.directory / ".refused.restoring").exists():
            sys.exit(f"{name}: something is left of a restore that was refused")
        (vault.directory / name).unlink()
    taken = lab.directory / "taken"
    taken.mkdir()
    (taken / "file").write_text("mine")
    expect(vault.restore("one", taken, ok=(FAILED,)), "not empty", "a directory with something in it")
    equal((taken / "file").read_text(), "mine", "what was there")
    shutil.rmtree(taken)


def elsewhere(lab, vault, client, old):
    """The machine is lost; another directory goes on."""
    before_lists, before = lists(lab), owners(lab.data)
    before_records = records(lab)
    lab.autarky("cert", "revoke", old.serial, "--reason", "superseded")
    time.sleep(2)
    newest = lists(lab)
    lab.stop()
    lost = lab.data
    old_umask = os.umask(0o077)
    said = vault.restore("one", lab.directory / "new")
    os.umask(old_umask)
    expect(said, "is not known here", "what restore says")
    expect(said, "/audit/2", "what restore says of the log")
    lab.data = lab.directory / "new"
    after = owners(lab.data)
    equal({k: v for k, v in after.items() if k in before}, {k: v for k, v in before.items() if k in after}, "owners and modes")
    equal({"ca/rsa-1.key", "ca.passphrase", "db/store.db", "autarky.yaml", "ca/audit.key", "trust/audit.pub"} - set(after), set(),
          "files that have to be there")
    restored = of_kind(lab, "backup.restored")
    equal([(e["reason"], e["detail"]["frozen"]) for e in restored], [("INC-8", False)], "the record of the restore")
    equal(restored[0]["node"] in {e["node"] for e in before_records}, False, "the node is another one")
    lab.start()
    wait_for("lists", lambda: min(lists(lab).values()) > max(newest.values()), 60)
    equal(min(lists(lab).values()) > max(before_lists.values()), True, "numbers of lists")
    wait_for("the new log", lambda: "/audit/2" in lab.autarky("audit", "head", ok=(0, FAILED, 75)))
    equal([e["reason"][:8] for e in of_kind(lab, "audit.restarted")], ["restored"], "the log's beginning")
    export_is_good(lab, "restored")
    # The account is known, and so is the certificate, which is good again: revoked anew.
    again = Client(lab.directory_url, lab.roots, client.responder)
    again.key, again.jwk, again.thumbprint = client.key, client.jwk, client.thumbprint
    again.register()
    renewed = again.obtain([f"old.{DOMAIN}"])
    equal(renewed.cert.serial_number != old.cert.serial_number, True, "another serial number")
    lab.autarky("cert", "revoke", old.serial, "--reason", "superseded")
    expect(lab.autarky("cert", "show", old.serial), "revoked", "the old certificate")
    again.close()
    shutil.rmtree(lost)


def killed(lab, vault):
    """At any moment: a file is whole or not there, a directory is whole or not there."""
    started = time.monotonic()
    vault.create("timed")
    took = time.monotonic() - started
    for i in range(KILLS):
        name = f"killed{i}"
        args = [AUTARKY, "backup", "create", "--out", vault.directory / name, "--passphrase-file", vault.key, "--data", lab.data]
        p = subprocess.Popen([str(a) for a in args], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(took * (i + random.random()) / KILLS)
        p.send_signal(signal.SIGKILL)
        p.wait()
        if (vault.directory / name).exists():
            vault.verify(name)
            (vault.directory / name).unlink()
    nothing_left(vault.directory, ["one", "timed"], "what killed makers left")
    vault.create("after")
    if (lab.data / ".tmp-backup").exists():
        sys.exit("a copy of the database is left in the data directory")
    started = time.monotonic()
    vault.restore("after", lab.directory / "again")
    took = time.monotonic() - started
    wanted = set(owners(lab.directory / "again"))
    shutil.rmtree(lab.directory / "again")
    whole = 0
    for i in range(KILLS):
        target = lab.directory / f"target{i}"
        p = subprocess.Popen([str(a) for a in vault.restore_args("after", target)], stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
        time.sleep(took * (i + random.random()) / KILLS)
        p.send_signal(signal.SIGKILL)
        p.wait()
        if target.exists():
            equal(set(owners(target)), wanted, "a directory that was restored by one who was killed")
            whole += 1
            shutil.rmtree(target)
        vault.restore("after", target)
        equal(set(owners(target)), wanted, "a directory restored after a kill")
        equal((lab.directory / f".target{i}.restoring").exists(), False, "what a killed restore left")
        shutil.rmtree(target)
    print(f"{KILLS} makers and {KILLS} restores killed, {whole} of these whole")


def interrupted(lab, vault):
    """By a signal that lets a program clean up: what was made so far is gone."""
    scratch = lab.directory / "tmp"
    scratch.mkdir()
    half = (vault.directory / "after").read_bytes()
    half = half[:len(half) * 3 // 4]
    for how, target in (("verify", []), ("restore", ["--data", lab.directory / "interrupted"])):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            args = [AUTARKY, "backup", how, "-", "--passphrase-file", vault.key, *target]
            p = subprocess.Popen([str(a) for a in args], stdin=subprocess.PIPE, stderr=subprocess.PIPE,
                                 env=os.environ | {"TMPDIR": str(scratch)})
            p.stdin.write(half)
            p.stdin.flush()
            wait_for("a directory under way", lambda: list(scratch.iterdir()) + list(lab.directory.glob(".interrupted.restoring")))
            p.send_signal(number)
            expect(p.communicate(timeout=60)[1].decode(), "nothing of it is left", f"{how} that was ended")
            equal(p.returncode, FAILED, f"{how} that was ended")
            nothing_left(scratch, [], f"what {how} left")
            equal(list(lab.directory.glob("*interrupted*")), [], f"what {how} left")
    scratch.rmdir()


def without_server(lab, vault):
    lab.stop()
    before = len(of_kind(lab, "backup.created"))
    vault.create("stopped")
    vault.verify("stopped")
    equal(len(of_kind(lab, "backup.created")), before + 1, "records of backups")
    out = subprocess.run([str(a) for a in (AUTARKY, "backup", "create", "--out", "-", "--passphrase-file", vault.key, "--data",
                                           lab.data)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True)
    (vault.directory / "piped").write_bytes(out.stdout)
    vault.verify("piped")
    lab.start()
    export_is_good(lab, "stopped-log")


def grant(lab):
    waiting = json.loads(lab.autarky("approval", "list", "--json"))["approvals"][0]
    run("setpriv", "--reuid", PERSON, "--clear-groups", AUTARKY, "approval", "grant", waiting["id"], "--data", lab.data)
    return waiting["what"]


def two_persons(lab, vault):
    lab.configure(CONFIG + TWO)
    lab.stop()
    expect(vault.create("alone", ok=(FAILED,)), "asked by the server", "without a server there is no second person")
    lab.start()
    expect(vault.create("alone", ok=(WAITING,)), "takes a second person", "a backup")
    equal((vault.directory / "alone").exists(), False, "a backup that was not allowed")
    expect(grant(lab), "backup.create", "what waits")
    vault.create("allowed")
    expect(vault.create("alone", ok=(WAITING,)), "takes a second person", "a grant counts once")
    lab.stop()
    lab.configure(CONFIG)
    expect(vault.create("alone", ok=(FAILED,)), "accepted last", "another file does not excuse from the second person")
    lost = lab.data
    expect(vault.restore("allowed", lab.directory / "two"), "until a second person", "what restore says")
    lab.data = lab.directory / "two"
    lab.start()
    expect(lab.autarky("cert", "issue", "--name", f"frozen.{DOMAIN}", "--out", lab.directory / "frozen", ok=(FAILED,)),
           "issuance is frozen", "issuing after a restore")
    expect(lab.autarky("issuance", "thaw", "--reason", "INC-9", ok=(WAITING,)), "takes a second person", "thawing")
    grant(lab)
    lab.autarky("issuance", "thaw", "--reason", "INC-9")
    lab.autarky("cert", "issue", "--name", f"thawed.{DOMAIN}", "--out", lab.directory / "thawed")
    shutil.rmtree(lost)


def main():
    with Lab(CONFIG) as lab:
        vault = Vault(lab)
        lab.start()
        http = Http01(lab.http_port)
        client, old = under_load(lab, vault, http)
        refused(lab, vault)
        elsewhere(lab, vault, client, old)
        killed(lab, vault)
        interrupted(lab, vault)
        without_server(lab, vault)
        two_persons(lab, vault)
        client.close()
        http.shutdown()


main()
