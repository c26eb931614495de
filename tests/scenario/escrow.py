#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=600
"""Keys that the CA makes, in escrow: sealed to a key that is not here, opened with it by the system's openssl command and by
ours; a key of escrow that is none is refused; whoever kills the server leaves no certificate without its key in escrow and no such
key without its certificate; a backup brings them along; and nothing on the host, database, backup and memory of the server
included, has the key itself."""

import json
import os
import pathlib
import random
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from envelope import REQUEST_CONFIG, nowhere, number_of, opened_by_openssl  # noqa: E402
from lab import AUTARKY, DOMAIN, OPENSSL, Lab, expect, run, wait_for  # noqa: E402

NAME = f"wiki.{DOMAIN}"
SYSTEM = "/usr/bin/openssl" if os.access("/usr/bin/openssl", os.X_OK) else OPENSSL  # another one than ours, where there is one
FAILED, USAGE = 2, 64
KILLS = 6
SEED = int(os.environ.get("AUTARKY_SEED", "0")) or random.randrange(1 << 30)


def equal(got, wanted, what):
    if got != wanted:
        sys.exit(f"{what}: {got!r}, and not {wanted!r}")


class Custodian:
    """Who keeps the key of escrow, on a machine of their own: the commands are those of the manual."""

    def __init__(self, lab, name):
        self.directory = lab.directory / name
        self.directory.mkdir()
        self.passphrase = self.directory / "passphrase"
        self.passphrase.write_text("half of one, half of another\n")
        self.passphrase.chmod(0o600)
        self.key, self.public, self.clear = (self.directory / f for f in ("escrow.key", "escrow.pem", "clear.key"))
        run(SYSTEM, "genpkey", "-algorithm", "SM2", "-aes-256-cbc", "-pass", f"file:{self.passphrase}", "-out", self.key)
        run(SYSTEM, "pkey", "-in", self.key, "-passin", f"file:{self.passphrase}", "-pubout", "-out", self.public)
        run(SYSTEM, "pkey", "-in", self.key, "-passin", f"file:{self.passphrase}", "-out", self.clear)
        expect(self.key.read_text(), "ENCRYPTED PRIVATE KEY", "the key of escrow")
        self.sha256 = sha256_of(self.public)

    def certificate(self):
        """Another way to write the public key."""
        path = self.directory / "certificate.pem"
        run(OPENSSL, "req", "-config", REQUEST_CONFIG, "-x509", "-new", "-key", self.clear, "-sm3", "-subj", "/CN=Escrow", "-out", path)
        return path


def sha256_of(public):
    der = subprocess.run([SYSTEM, "pkey", "-pubin", "-in", public, "-outform", "DER"], check=True, stdout=subprocess.PIPE).stdout
    return subprocess.run(["sha256sum"], input=der, check=True, stdout=subprocess.PIPE).stdout.split()[0].decode()


def configure(lab, source=None, text="ca: {escrow: escrow.pem}\n"):
    """With that file, as `escrow.pem` beside the configuration; without: no escrow."""
    beside = lab.data / "conf.d"
    beside.mkdir(exist_ok=True)
    (beside / "escrow.pem").unlink(missing_ok=True)
    if source:
        shutil.copy(source, beside / "escrow.pem")
        (beside / "escrow.pem").chmod(0o644)
    lab.configure(text if source else "")


def issue(lab, out, *words, ok=(0,)):
    return lab.autarky("cert", "issue", "--name", NAME, "--profile", "tlcp-enc", "--key-by-ca", "--sign-key", lab.directory / "sign" / "privkey.pem",
                       "--out", lab.directory / out, *words, ok=ok)


def show(lab, serial):
    return json.loads(lab.autarky("cert", "show", serial, "--json"))


def serial_of(lab, out):
    return run(OPENSSL, "x509", "-in", lab.directory / out / "cert.pem", "-noout", "-serial").strip().split("=")[1]


def database(data, question, *values):
    with sqlite3.connect(f"file:{data}/db/store.db?mode=ro", uri=True) as db:
        return db.execute(question, values).fetchall()


def of_kind(lab, action):
    return [json.loads(row[0]) for row in database(lab.data, "SELECT bytes FROM events WHERE action = ? ORDER BY sequence", action)]


def checked(lab, name):
    """What doctor says about it; None: nothing."""
    found = json.loads(lab.autarky("doctor", "--json", ok=(0, 1, 2, 3)))
    return next((c for c in found["checks"] if c["name"] == name), None)


# ---- the tests


def without(lab):
    """As it was: nothing is kept, and the answer says so."""
    said = issue(lab, "none")
    if "escrow" in said:
        sys.exit(f"said of a key that is not in escrow:\n{said}")
    serial = serial_of(lab, "none")
    equal(show(lab, serial)["escrow"], None, "escrow of a key that is in none")
    expect(lab.autarky("cert", "escrow", serial, "--reason", "INC-1", "--out", lab.directory / "x", ok=(FAILED,)), "no key of the certificate", "none")
    equal(checked(lab, "escrow"), None, "what doctor says where there is none")
    equal(json.loads(lab.autarky("status", "--json"))["escrow"], {"key": None, "keys": 0, "others": 0}, "status without escrow")


def what_is_no_key(lab, custodian):
    """Refused by `config check` and by a reload, and what was in force stays so."""
    bad = lab.directory / "bad.pem"
    other, beside, two, junk = (lab.directory / f"{name}.pem" for name in ("other", "beside", "two", "junk"))
    run(OPENSSL, "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", lab.directory / "p256.key")
    run(OPENSSL, "pkey", "-in", lab.directory / "p256.key", "-pubout", "-out", other)
    der = bytearray(subprocess.run([SYSTEM, "pkey", "-pubin", "-in", custodian.public, "-outform", "DER"], check=True, stdout=subprocess.PIPE).stdout)
    der[-1] ^= 1
    (lab.directory / "beside.der").write_bytes(der)
    lines = subprocess.run(["base64", "-w", "64"], input=bytes(der), check=True, stdout=subprocess.PIPE).stdout.decode()
    beside.write_text(f"-----BEGIN PUBLIC KEY-----\n{lines}-----END PUBLIC KEY-----\n")
    two.write_text(custodian.public.read_text() * 2)
    junk.write_text("-----BEGIN PUBLIC KEY-----\nAA==\n-----END PUBLIC KEY-----\n")
    for source, says in ((custodian.clear, "holds a private key"), (custodian.key, "holds a private key"), (other, "is EC P-256"),
                         (beside, "no public key of SM2"), (two, "has to be one"), (junk, "no public key of SM2"), (None, "is not in conf.d")):
        configure(lab, source or custodian.public)
        if not source:
            (lab.data / "conf.d" / "escrow.pem").unlink()
        expect(run(AUTARKY, "config", "check", "--data", lab.data, ok=(FAILED,)), says, f"config check, {source}")
        expect(lab.autarky("reload", ok=(FAILED,)), says, f"reload, {source}")
    if os.geteuid() != 0:
        configure(lab, custodian.public)
        (lab.data / "conf.d" / "escrow.pem").chmod(0)
        run(AUTARKY, "config", "check", "--data", lab.data, ok=(FAILED,))
    bad.unlink(missing_ok=True)
    issue(lab, "still-none")
    equal(database(lab.data, "SELECT COUNT(*) FROM escrows"), [(0,)], "keys in escrow behind reloads that were refused")


def with_a_key(lab, custodian):
    configure(lab, custodian.public)
    run(AUTARKY, "config", "check", "--data", lab.data)
    lab.autarky("reload")
    equal([c["key"] for e in of_kind(lab, "configuration.changed") for c in e["detail"]["changes"] if "escrow" in c["key"]],
          ["ca.escrow", "ca.escrow (key)"], "what the audit log has of the change")
    expect(issue(lab, "planned", "--dry-run"), "the key would be escrowed", "a plan")
    expect(issue(lab, "one"), f"the key is escrowed: whoever has the key of escrow, {custodian.sha256},", "what is told")
    serial = serial_of(lab, "one")
    equal(show(lab, serial)["escrow"]["key"], custodian.sha256, "which key it is sealed to")
    expect(lab.autarky("cert", "show", serial), f"escrowed to    {custodian.sha256}", "cert show")
    equal(json.loads(issue(lab, "two", "--json"))["escrowed"], True, "the answer for programs")
    equal(checked(lab, "escrow")["state"], "ok", "doctor")
    equal(json.loads(lab.autarky("status", "--json"))["escrow"], {"key": custodian.sha256, "keys": 2, "others": 0}, "status")
    told = of_kind(lab, "key.escrowed")
    equal([(e["detail"]["serial"], e["detail"]["escrow_key"]) for e in told],
          [(serial_of(lab, out), custodian.sha256) for out in ("one", "two")], "the audit log")


def handed_out(lab, custodian):
    """Sealed, with a reason; and opened where its key is, by others' software first."""
    serial, sealed = serial_of(lab, "one"), lab.directory / "sealed.der"
    ask = ("cert", "escrow", serial)
    expect(lab.autarky(*ask, "--out", sealed, ok=(USAGE,)), "--reason is missing", "without a reason")
    expect(lab.autarky(*ask, "--reason", "INC-2", ok=(USAGE,)), "--out is missing", "without a file")
    expect(lab.autarky(*ask, "--reason", "  ", "--out", sealed, ok=(FAILED,)), "say why", "an empty reason")
    expect(lab.autarky(*ask, "--reason", "INC-2", "--out", sealed, "--dry-run"), "would hand out", "a plan")
    equal((sealed.exists(), of_kind(lab, "key.escrow-fetched")), (False, []), "before it was handed out")
    said = lab.autarky(*ask, "--reason", "INC-2: laptop lost", "--out", sealed)
    expect(said, custodian.sha256, "what is said")
    equal(stat.S_IMODE(sealed.stat().st_mode), 0o600, "the mode of what was handed out")
    fetched = of_kind(lab, "key.escrow-fetched")
    equal([(e["actor"]["kind"], e["reason"], e["detail"]["name"]) for e in fetched], [("operator", "INC-2: laptop lost", serial)], "the audit log")
    expect(lab.autarky(*ask, "--reason", "INC-2", "--out", sealed, ok=(FAILED,)), "is there already", "a file that is there")
    equal(len(of_kind(lab, "key.escrow-fetched")), 1, "records of what was not handed out")
    number = opened_by_openssl(custodian.directory, sealed, custodian.clear, SYSTEM)
    equal(number, number_of(lab.directory / "one" / "privkey.pem"), "the key that the system's openssl found in it")
    opened(lab, custodian, sealed, serial)
    return number


def opened(lab, custodian, sealed, serial):
    """By ours, which needs no server."""
    out = custodian.directory / "opened"
    spki = show(lab, serial)["spki_sha256"]
    words = (AUTARKY, "cert", "open", sealed, "--out", out)
    ours = ("--sign-key", custodian.key, "--sign-key-passphrase-file", custodian.passphrase)
    wrong = custodian.directory / "wrong"
    wrong.write_text("another passphrase\n")
    wrong.chmod(0o600)
    for more, status, says in (((*ours, "--public-key", "0" * 64), FAILED, "is not the one of --public-key"),
                               ((*ours, "--cert", lab.directory / "two" / "cert.pem"), FAILED, "not that of the certificate"),
                               ((*ours[:2], "--sign-key-passphrase-file", wrong, "--public-key", spki), FAILED, "the passphrase does not open"),
                               (("--sign-key", lab.directory / "sign" / "privkey.pem", "--public-key", spki), FAILED, "does not open"),
                               (ours, USAGE, "one of --cert and --public-key"),
                               ((*ours, "--public-key", spki, "--cert", lab.directory / "one" / "cert.pem"), USAGE, "one of --cert and --public-key")):
        expect(run(*words, *more, ok=(status,)), says, f"cert open {more}")
    equal((out / "privkey.pem").exists(), False, "a key that was written all the same")
    for more in (("--public-key", spki), ("--cert", lab.directory / "one" / "cert.pem", "--force")):
        run(*words, *ours, *more)
        equal(number_of(out / "privkey.pem"), number_of(lab.directory / "one" / "privkey.pem"), "the key that ours found in it")
        equal(stat.S_IMODE((out / "privkey.pem").stat().st_mode), 0o600, "its mode")


def another_key(lab, first, second):
    """A change is seen, what was sealed before stays with the old key, and a certificate is a way to write one."""
    configure(lab, second.certificate())
    lab.autarky("reload")
    changed = [c for c in of_kind(lab, "configuration.changed")[-1]["detail"]["changes"]]
    equal([c["key"] for c in changed], ["ca.escrow (key)"], "what the audit log has of another key in the same file")
    expect(changed[0]["was"], "BEGIN PUBLIC KEY", "the key before")
    expect(changed[0]["now"], "BEGIN CERTIFICATE", "the key now")
    found = checked(lab, "escrow")
    equal(found["state"], "warning", "doctor, before anything is sealed to it")
    expect(found["text"], "another key than the last one", "doctor")
    issue(lab, "three")
    equal(show(lab, serial_of(lab, "three"))["escrow"]["key"], second.sha256, "the second key")
    equal(show(lab, serial_of(lab, "one"))["escrow"]["key"], first.sha256, "the first key")
    found = checked(lab, "escrow")
    equal(found["state"], "ok", "doctor, once something is sealed to it")
    expect(found["text"], "3 are kept, 2 of them sealed to other ones", "doctor")
    sealed = lab.directory / "third.der"
    lab.autarky("cert", "escrow", serial_of(lab, "three"), "--reason", "INC-3", "--out", sealed)
    equal(opened_by_openssl(second.directory, sealed, second.clear, SYSTEM), number_of(lab.directory / "three" / "privkey.pem"), "by the second key")
    if subprocess.run([AUTARKY, "cert", "open", str(sealed), "--sign-key", str(first.clear), "--cert", str(lab.directory / "three" / "cert.pem"), "--out",
                       str(first.directory / "no")], check=False, stderr=subprocess.DEVNULL).returncode != FAILED:
        sys.exit("the first key opens what was sealed to the second")
    configure(lab)
    lab.autarky("reload")
    found = checked(lab, "escrow")
    equal(found["state"], "warning", "doctor, without a key")
    expect(found["text"], "no longer escrowed", "doctor")
    configure(lab, first.public)
    lab.autarky("reload")


def in_memory(pid, needle):
    """How often these bytes are in the memory of a process."""
    found = 0
    with open(f"/proc/{pid}/maps", encoding="ascii") as maps, open(f"/proc/{pid}/mem", "rb", buffering=0) as mem:
        for line in maps:
            where, mode = line.split()[:2]
            low, high = (int(x, 16) for x in where.split("-"))
            if "w" not in mode or high - low > 1 << 30:
                continue
            try:
                mem.seek(low)
                found += mem.read(high - low).count(needle)
            except (OSError, ValueError):
                pass
    return found


def processes(lab):
    return {p["role"]: p["pid"] for p in json.loads(lab.autarky("status", "--json"))["processes"]}


def nothing_of_the_key(lab, number):
    """Neither in a file of the server's nor in the memory of a process of it, once the answer is gone."""
    nowhere(lab.data, number)
    if os.geteuid() != 0:
        print("the memory of the processes cannot be looked at by this user")
        return
    for role, pid in processes(lab).items():
        limbs = number[::-1]  # as OpenSSL has it, the least significant first
        equal((in_memory(pid, number), in_memory(pid, limbs)), (0, 0), f"times that the key is in the memory of {role}")
    if not in_memory(processes(lab)["core"], DOMAIN.encode()):
        sys.exit("nothing is found in core's memory, not even the domain")
    sealed = (lab.directory / "sealed.der").read_bytes()[-32:]
    print(f"in core's memory the key is nowhere; sealed it is there {in_memory(processes(lab)['core'], sealed)} times")


class Load:
    """Certificates whose keys the CA makes, one after the other."""

    def __init__(self, lab, n):
        self.lab, self.n, self.running, self.answered = lab, n, True, []
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        i = 0
        while self.running:
            out = self.lab.directory / f"load{self.n}-{i}"
            done = subprocess.run([AUTARKY, "cert", "issue", "--name", NAME, "--profile", "tlcp-enc", "--key-by-ca", "--sign-key",
                                   str(self.lab.directory / "sign" / "privkey.pem"), "--out", str(out), "--data", str(self.lab.data)],
                                  check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=120)
            if done.returncode == 0:
                self.answered.append(out)
            i += 1

    def stop(self):
        self.running = False
        self.thread.join(180)


def both_or_neither(lab, since):
    """Of each certificate whose key the CA made behind event `since`, the key is in escrow, and the log has both."""
    made = {json.loads(row[0])["object"]["id"] for row in
            database(lab.data, "SELECT bytes FROM events WHERE action = 'certificate.reserved' AND sequence > ?", since) if b'"key_made":true' in row[0]}
    issued = [json.loads(row[0]) for row in database(lab.data, "SELECT bytes FROM events WHERE action = 'certificate.issued' AND sequence > ?", since)]
    of_made = {e["object"]["id"] for e in issued if e["detail"]["issuance"] in made}
    rows = {row[0] for row in database(lab.data, "SELECT certificate FROM escrows")}
    logged = {json.loads(row[0])["object"]["id"] for row in database(lab.data, "SELECT bytes FROM events WHERE action = 'key.escrowed'")}
    there = {row[0] for row in database(lab.data, "SELECT id FROM certificates")}
    equal(of_made - rows, set(), "certificates whose key is not in escrow")
    equal(rows - there, set(), "keys in escrow without their certificate")
    equal(rows, logged, "keys in escrow, and those of the audit log")
    return len(of_made), len(made)


def killed_before_it_is_signed(lab):
    """Reserved and not signed, when the server dies: neither comes of it, for nobody was sent the key."""
    counts = ("SELECT (SELECT COUNT(*) FROM escrows), (SELECT COUNT(*) FROM certificates)"
              ", (SELECT COUNT(*) FROM events WHERE action = 'key.escrowed')")
    before = database(lab.data, counts)
    since = database(lab.data, "SELECT MAX(sequence) FROM events")[0][0]

    def reserved():
        return any(b'"key_made":true' in row[0] for row in database(
            lab.data, "SELECT bytes FROM events WHERE action = 'certificate.reserved' AND sequence > ?", since))
    os.kill(processes(lab)["signer"], signal.SIGSTOP)
    with subprocess.Popen([AUTARKY, "cert", "issue", "--name", NAME, "--profile", "tlcp-enc", "--key-by-ca", "--sign-key",
                           str(lab.directory / "sign" / "privkey.pem"), "--out", str(lab.directory / "never"), "--data", str(lab.data)],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as asks:
        wait_for("the reservation", reserved)
        lab.server.popen.kill()
        lab.server.popen.wait()
        if asks.wait(60) == 0:
            sys.exit("a certificate came of a server that was dead")
    lab.start()
    wait_for("the end of the reservation", lambda: [e for e in of_kind(lab, "issuance.voided") if e["sequence"] > since], 60)
    equal(database(lab.data, counts), before, "keys in escrow, certificates and records")


def killed(lab):
    """At any moment; whoever was answered has a certificate whose key is in escrow."""
    luck = random.Random(SEED)
    print(f"AUTARKY_SEED={SEED}")
    since = database(lab.data, "SELECT MAX(sequence) FROM events")[0][0]
    answered = []
    for n in range(KILLS):
        load = Load(lab, n)
        wait_for("a first answer", lambda load=load: load.answered, 120)
        time.sleep(luck.random() * 0.7)
        if n % 2:
            core = processes(lab)["core"]
            os.kill(core, signal.SIGKILL)
            wait_for("another core", lambda core=core: processes(lab).get("core") not in (core, None, 0), 60)
        else:
            lab.server.popen.kill()
            lab.server.popen.wait()
        load.stop()
        answered += load.answered
        if lab.server.popen.poll() is not None:
            lab.start()
    certificates, made = both_or_neither(lab, since)
    for out in answered:
        serial = run(OPENSSL, "x509", "-in", out / "cert.pem", "-noout", "-serial").strip().split("=")[1]
        if not show(lab, serial)["escrow"]:
            sys.exit(f"{out}: answered, and not in escrow")
    print(f"{KILLS} times killed: {made} keys made, {certificates} of them certified and in escrow, {len(answered)} answered")


def backed_up(lab, custodian, number):
    """A backup has the sealed keys, and not the keys."""
    vault, elsewhere = lab.directory / "vault", lab.directory / "elsewhere"
    vault.mkdir()
    passphrase = vault / "passphrase"
    passphrase.write_text("correct horse battery staple\n")
    passphrase.chmod(0o600)
    run(AUTARKY, "backup", "create", "--out", vault / "one", "--passphrase-file", passphrase, "--reason", "INC-4", "--data", lab.data)
    kept = database(lab.data, "SELECT certificate, sealed_to, envelope FROM escrows ORDER BY n")
    lab.stop()
    run(AUTARKY, "backup", "restore", vault / "one", "--passphrase-file", passphrase, "--reason", "INC-5", "--data", elsewhere)
    equal(database(elsewhere, "SELECT certificate, sealed_to, envelope FROM escrows ORDER BY n"), kept, "keys in escrow that were restored")
    equal((elsewhere / "conf.d" / "escrow.pem").read_text(), custodian.public.read_text(), "the key of escrow that was restored")
    nowhere(elsewhere, number)
    lab.data, old = elsewhere, lab.data
    lab.start()
    lab.autarky("cert", "escrow", serial_of(lab, "one"), "--reason", "INC-6", "--out", lab.directory / "restored.der")
    equal((lab.directory / "restored.der").read_bytes(), (lab.directory / "sealed.der").read_bytes(), "what the restored one hands out")
    lab.stop()
    lab.data = old


def main():
    with Lab() as lab:
        first, second = Custodian(lab, "custodian"), Custodian(lab, "successor")
        lab.start()
        lab.autarky("cert", "issue", "--name", NAME, "--profile", "tlcp-sign", "--out", lab.directory / "sign")
        without(lab)
        what_is_no_key(lab, first)
        with_a_key(lab, first)
        number = handed_out(lab, first)
        nothing_of_the_key(lab, number)
        another_key(lab, first, second)
        killed_before_it_is_signed(lab)
        killed(lab)
        backed_up(lab, first, number)


main()
