#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=300
"""The audit log, held against its signed heads by somebody else: a verifier in Python, with hashlib and OpenSSL. A server that
is killed again and again has heads and records that agree; every kind of record is altered, removed, doubled, moved and
inserted, and each time the records between the right two heads are named; what was cut off shows against a head that was kept;
a database that is brought back from an older copy has no head signed, and certificates all the same; and nothing secret is in
the log."""

import base64
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import sqlite3
import sys
import time

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from acme import Client, Http01  # noqa: E402
import trail  # noqa: E402
from lab import AUTARKY, DOMAIN, OPENSSL, Lab, run, wait_for  # noqa: E402

FAILED = 2
KILLS = 4
ED25519_SPKI = bytes.fromhex("302a300506032b6570032100")
DASH = "\u2014 "
PLAIN, COSIGNATURE = 1, 4  # types of keys of C2SP signed-note
# What happens here leaves at least these.
KINDS = {"account.created", "order.created", "authorization.validated", "challenge.requested", "order.ready",
         "certificate.reserved", "certificate.issued", "certificate.revoked", "eab.created", "operator.commanded",
         "configuration.changed"}


def equal(got, wanted, what):
    if got != wanted:
        sys.exit(f"{what}: {got!r}, and not {wanted!r}")


# ---- the other verifier: RFC 6962, C2SP tlog-checkpoint

def leaf_hash(record):
    return hashlib.sha256(b"\0" + record).digest()


def root_of(leaves):
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\1" + root_of(leaves[:k]) + root_of(leaves[k:])).digest()


def signature_holds(directory, key, text, signature):
    files = {name: directory / f"check.{name}" for name in ("key", "text", "sig")}
    for name, content in (("key", ED25519_SPKI + key), ("text", text), ("sig", signature)):
        files[name].write_bytes(content)
    out = run(OPENSSL, "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", files["key"], "-rawin", "-in",
              files["text"], "-sigfile", files["sig"], ok=(0, 1))
    return "Signature Verified Successfully" in out


def read_key(path):
    name, key_hash, key = path.read_text().splitlines()[-1].split("+", 2)
    key = base64.b64decode(key)
    equal(key[0] == 1 and len(key) == 33, True, "the type of the key")
    equal(hashlib.sha256(name.encode() + b"\n" + key).digest()[:4].hex(), key_hash, "the hash of the key")
    return name, bytes.fromhex(key_hash), key[1:]


def notes_of(files):
    """[(text, signatures)] of heads.txt: an empty line stands behind each."""
    parts = (files / "heads.txt").read_text().strip("\n").split("\n\n")
    return [(parts[i] + "\n", parts[i + 1] + "\n") for i in range(0, len(parts), 2)]


def read_heads(directory, key, files):
    """[(size, root)] of heads.txt, each with a signature that holds."""
    name, key_hash, public = key
    heads = []
    for text, signed in notes_of(files):
        lines = text.split("\n")
        equal(lines[0], name, "the log's name")
        signatures = [line[len(DASH) + len(name) + 1:] for line in signed.split("\n")
                      if line.startswith(DASH + name + " ")]
        equal(len(signatures), 1, "signatures of a head")
        raw = base64.b64decode(signatures[0])
        equal(raw[:4], key_hash, "whose signature it is")
        equal(signature_holds(directory, public, text.encode(), raw[4:]), True, "the signature of a head")
        heads.append((int(lines[1]), base64.b64decode(lines[2])))
    return heads


def records_of(files):
    lines = []
    for bundle in sorted(files.glob("records-*.jsonl")):
        lines += bundle.read_bytes().splitlines()
    return lines


def check_export(lab, files):
    """Everything again, without the program."""
    records = records_of(files)
    heads = read_heads(lab.directory, read_key(lab.data / "trust" / "audit.pub"), files)
    leaves = [leaf_hash(r) for r in records]
    for size, root in heads:
        if size > len(leaves) or root_of(leaves[:size]) != root:
            sys.exit(f"the head of {size} records is not that of the {len(records)} exported ones")
    for n, record in enumerate(records):
        event = json.loads(record)
        equal(event["sequence"], n + 1, "the sequence number of a record")
        canonical = json.dumps(event, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        equal(canonical, record, "the canonical form of a record")
    return records, heads


# ---- the program

def export(lab, name):
    files = lab.directory / name
    shutil.rmtree(files, ignore_errors=True)
    lab.autarky("audit", "export", "--out", files)
    return files


def verify(lab, files, *args, ok=(0,)):
    return json.loads(run(AUTARKY, "audit", "verify", files, "--key", lab.data / "trust" / "audit.pub", "--json", *args,
                          ok=ok))


def live(lab):
    """Something of everything."""
    http = Http01(lab.http_port)
    client = Client(lab.directory_url, lab.roots, http)
    client.register()
    lab.autarky("audit", "head")
    for i in range(3):
        client.obtain([f"site{i}.{DOMAIN}"])
        lab.autarky("audit", "head")
    http.shutdown()
    http.server_close()
    out = lab.directory / "issued"
    lab.autarky("cert", "issue", "--name", f"panel.{DOMAIN}", "--out", out)
    serial = run(OPENSSL, "x509", "-in", out / "cert.pem", "-noout", "-serial").strip().split("=")[1]
    lab.autarky("cert", "revoke", serial, "--reason", "superseded")
    lab.autarky("audit", "head")
    secret = lab.autarky("eab", "create", "team")
    lab.autarky("ui", "link")
    return secret


def one_span(spans):
    """Where the spans of a verdict touch, they are one: a record that changed places with the last one under the last head is
    altered in its span and missing in the next."""
    joined = []
    for s in spans:
        if joined and joined[-1][1] + 1 == s["first"]:
            joined[-1] = (joined[-1][0], s["last"])
        else:
            joined.append((s["first"], s["last"]))
    return joined


def tamper(lab, files, records, heads):
    """One record of each kind, four ways."""
    sizes = [0] + [size for size, _ in heads]
    firsts = {}
    for n, record in enumerate(records[:sizes[-1]]):
        firsts.setdefault(json.loads(record)["action"], n)
    bundle = files / "records-000000000001.jsonl"
    for action, n in firsts.items():
        inserted = re.sub(rb'"at":\d+', b'"at":1', records[n])
        other = n + 1 if n + 1 < sizes[-1] else n - 1
        moved = list(records)
        moved[n], moved[other] = moved[other], moved[n]
        ways = {"altered": records[:n] + [records[n].replace(b'"at":', b'"at":1')] + records[n + 1:],
                "removed": records[:n] + records[n + 1:],
                "inserted": records[:n] + [inserted] + records[n:],
                "moved": moved}
        for way, changed in ways.items():
            bundle.write_bytes(b"".join(r + b"\n" for r in changed))
            verdict = verify(lab, files, ok=(FAILED,))
            first = max(s for s in sizes if s <= min(n, other if way == "moved" else n))
            last = min(s for s in sizes if s > (max(n, other) if way == "moved" else n))
            equal(one_span(verdict["spans"]), [(first + 1, last)], f"{action} {way}")
    bundle.write_bytes(b"".join(r + b"\n" for r in records))
    equal(verify(lab, files)["good"], True, "the export as it was")
    return set(firsts)


def cut(lab, files, records, heads):
    """The end is cut off: with its heads, only who kept one sees it."""
    kept = lab.directory / "kept.txt"
    notes = [text + "\n" + signed for text, signed in notes_of(files)]
    kept.write_text(notes[-1])
    short = lab.directory / "short"
    shutil.copytree(files, short)
    size = heads[-2][0]
    (short / "records-000000000001.jsonl").write_bytes(b"".join(r + b"\n" for r in records[:size]))
    verdict = verify(lab, short, ok=(FAILED,))
    equal([(s["last"], s["missing"]) for s in verdict["spans"]], [(heads[-1][0], True)], "cut records")
    (short / "heads.txt").write_text("".join(n + "\n" for n in notes[:-1]))
    equal(verify(lab, short)["good"], True, "records and heads cut off together")
    verdict = verify(lab, short, "--head", kept, ok=(FAILED,))
    equal([s["last"] for s in verdict["spans"]], [heads[-1][0]], "the same against a kept head")
    equal(verify(lab, files, "--head", kept)["witnessed"], heads[-1][0], "the whole against a kept head")


class Signer:
    """Of notes, in Python: a log of its own, or a witness."""

    def __init__(self, name, kind=PLAIN):
        self.name, self.kind, self.key = name, kind, Ed25519PrivateKey.generate()
        self.public = bytes([kind]) + self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.hash = hashlib.sha256(name.encode() + b"\n" + self.public).digest()[:4]

    def write(self, path):
        path.write_text(f"{self.name}+{self.hash.hex()}+{base64.b64encode(self.public).decode()}\n")
        return path

    def line(self, text):
        """What it adds to a note."""
        signature = self.key.sign(text.encode())
        if self.kind == COSIGNATURE:
            now = int(time.time())
            signature = now.to_bytes(8, "big") + self.key.sign(f"cosignature/v1\ntime {now}\n{text}".encode())
        return f"{DASH}{self.name} {base64.b64encode(self.hash + signature).decode()}\n"


def witnesses(lab, files):
    """A head counts when its witness has signed it, in either of the two ways; and with no other signature instead."""
    text, signed = notes_of(files)[-1]
    kept = lab.directory / "witnessed.txt"
    for kind in (PLAIN, COSIGNATURE):
        witness, other = Signer("witness.example", kind), Signer("witness.example", kind)
        key = witness.write(lab.directory / "witness.pub")
        kept.write_text(text + "\n" + signed + witness.line(text))
        verdict = verify(lab, files, "--head", kept, "--witness", key)
        equal((verdict["good"], verdict["witnessed"]), (True, verdict["covered"]), "a head with its witness")
        damaged = text.replace("\ntime 2", "\ntime 3")
        equal(damaged != text, True, "another text")
        for what, line in (("nobody's", ""), ("another key's", other.line(text)), ("another text's", witness.line(damaged))):
            kept.write_text(text + "\n" + signed + line)
            run(AUTARKY, "audit", "verify", files, "--key", lab.data / "trust" / "audit.pub", "--head", kept, "--witness", key, ok=(FAILED,))
            print(f"a head with {what} signature is no witnessed one")


def proof_holds(old, new, hashes):
    """RFC 9162 section 2.1.4.2, by its words."""
    (first, first_root), (second, second_root) = old, new
    if first == second:
        return not hashes and first_root == second_root
    if first == 0:
        return not hashes
    path = [first_root] + hashes if first & (first - 1) == 0 else list(hashes)
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for c in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = hashlib.sha256(b"\1" + c + fr).digest(), hashlib.sha256(b"\1" + c + sr).digest()
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = hashlib.sha256(b"\1" + sr + c).digest()
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and fr == first_root and sr == second_root


def proofs(lab, heads):
    """Between any two heads, as a witness takes it; and none of what there is not."""
    for n, old in enumerate([(0, root_of([]))] + heads):
        for new in heads[max(n - 1, 0):]:
            said = lab.autarky("audit", "prove", "--from", old[0], "--to", new[0])
            proof, note = said.split("\n\n", 1)
            lines = proof.split("\n")
            equal(lines[0], f"old {old[0]}", "the size that is known")
            equal(note.split("\n")[1], str(new[0]), "the head that is proven")
            if len(lines) > 64 or not proof_holds(old, new, [base64.b64decode(line) for line in lines[1:]]):
                sys.exit(f"the proof from {old[0]} to {new[0]} does not hold: {said}")
    newest = json.loads(lab.autarky("audit", "prove", "--from", heads[0][0], "--json"))
    equal((newest["from"], newest["to"]), (heads[0][0], heads[-1][0]), "the newest head")
    equal(proof_holds(heads[0], heads[-1], [base64.b64decode(h) for h in newest["proof"]]), True, "the proof as JSON")
    equal(proof_holds(heads[1], heads[-1], [base64.b64decode(h) for h in newest["proof"]]), False, "the proof of another head")
    sizes = {size for size, _ in heads}
    other = next(n for n in range(1, heads[-1][0]) if n not in sizes)
    refusals = (("--from", 1, "--to", other), f"no head of {other} records was signed"), \
        (("--from", heads[-1][0] + 1), "the log was cut off, or this is another one"), \
        (("--from", "x"), "is no number of records"), ((), "--from says how many")
    for args, words in refusals:
        equal(words in lab.autarky("audit", "prove", *args, ok=(1, 2, 64)), True, words)
    print(f"{len(heads)} heads, a proof between any two")


def record(action, sequence):
    event = {"action": action, "actor": {"id": "uid 0", "kind": "operator"}, "address": "127.0.0.1", "at": 1790000000000000 + sequence, "boot": 1,
             "detail": {"name": action}, "node": None, "object": {"id": None, "kind": action.split(".", maxsplit=1)[0]}, "prev": None,
             "reason": None, "request": None, "sequence": sequence, "v": 1}
    return json.dumps(event, sort_keys=True, separators=(",", ":")).encode()


def frontier_of(leaves):
    """The roots of the whole subtrees, the largest first."""
    roots, at = [], 0
    for bit in reversed(range(len(leaves).bit_length())):
        if len(leaves) >> bit & 1:
            roots.append(base64.b64encode(root_of(leaves[at:at + (1 << bit)])).decode())
            at += 1 << bit
    return " ".join(roots)


def own_log(files, records):
    """An export that Python wrote and signed, with a head after each second record; its key."""
    log = Signer("log.example/audit/1")
    leaves = [leaf_hash(r) for r in records]
    heads = frontiers = ""
    for size in range(2, len(records) + 1, 2):
        text = f"{log.name}\n{size}\n{base64.b64encode(root_of(leaves[:size])).decode()}\ntime 2026-11-28T06:00:00Z\n"
        heads += f"{text}\n{log.line(text)}\n"
        frontiers += f"{size} {frontier_of(leaves[:size])}\n"
    files.mkdir()
    (files / "heads.txt").write_text(heads)
    (files / "frontiers.txt").write_text(frontiers)
    return log.write(files.with_suffix(".pub"))


def ways_of(one, two):
    forged = one.replace(b'"at":179', b'"at":178')
    return {"altered": [forged, two], "removed": [two], "inserted": [forged, one, two], "doubled": [one, one, two], "moved": [two, one]}


def every_kind(lab):
    """Two records of each kind there is under a head. Of every second kind at once, then of the others, the first is altered, removed,
    preceded by one that was forged, doubled, moved, and exactly these spans are named; and the log is cut off before each."""
    source = "".join(f.read_text() for f in (pathlib.Path(__file__).resolve().parents[2] / "src").rglob("*.c"))
    equal([kind for kind in trail.KINDS if f'"{kind}"' not in source], [], "kinds of records that nobody writes")
    kinds = sorted(trail.KINDS)
    records = [record(kinds[n // 2], n + 1) for n in range(2 * len(kinds))]
    files = lab.directory / "kinds"
    key = own_log(files, records)

    def judge(changed, ok=(FAILED,)):
        (files / "records-000000000001.jsonl").write_bytes(b"".join(r + b"\n" for r in changed))
        return json.loads(run(AUTARKY, "audit", "verify", files, "--key", key, "--json", ok=ok))

    equal(judge(records, ok=(0,))["covered"], len(records), "the log as it was")
    for way in ways_of(*records[:2]):
        for odd in (0, 1):
            changed = []
            for i in range(len(kinds)):
                pair = records[2 * i:2 * i + 2]
                changed += ways_of(*pair)[way] if i % 2 == odd else pair
            equal([(s["first"], s["last"]) for s in judge(changed)["spans"]], [(2 * i + 1, 2 * i + 2) for i in range(odd, len(kinds), 2)], way)
    for n in range(0, len(records), 2):
        spans = judge(records[:n])["spans"]
        equal((spans[0]["first"], spans[-1]["last"], spans[-1]["missing"]), (n + 1, len(records), True), f"cut off before {kinds[n // 2]}")
    print(f"{len(kinds)} kinds of records, six ways")


def kill(lab):
    """Heads and records agree whatever the moment of the end."""
    for _ in range(KILLS):
        lab.start()
        for n in range(3):
            lab.autarky("eab", "create", f"key-{time.monotonic_ns()}")
        time.sleep(0.3)
        lab.server.stop(how=signal.SIGKILL)
        lab.server = None
    lab.start()
    files = export(lab, "killed")
    check_export(lab, files)
    verdict = verify(lab, files)
    equal(verdict["good"] and verdict["covered"] == verdict["records"], True, "after kills")


def older_copy(lab):
    """A database that lacks what was signed: no head, and everything else; then a new log, which says so."""
    lab.stop()
    copy = lab.directory / "store.copy"
    db = lab.data / "db" / "store.db"
    shutil.copy2(db, copy)
    lab.start()
    lab.autarky("eab", "create", "lost")
    lab.autarky("audit", "head")
    lab.stop()
    for tail in ("-wal", "-shm"):
        pathlib.Path(f"{db}{tail}").unlink(missing_ok=True)
    shutil.copy2(copy, db)
    lab.start()
    refused = run(AUTARKY, "audit", "head", "--data", lab.data, ok=(FAILED,))
    equal("autarky audit restart" in refused, True, "what is said of an older database")
    lab.autarky("cert", "issue", "--name", f"still.{DOMAIN}", "--out", lab.directory / "still")
    lab.autarky("audit", "restart", "--reason", "INC-7: the newer one is lost", "--yes")
    wait_for("the new log", lambda: "/audit/2" in run(AUTARKY, "audit", "head", "--data", lab.data, ok=(0, FAILED, 75)))
    files = export(lab, "restarted")
    verdict = verify(lab, files)
    equal(verdict["good"] and verdict["covered"] == verdict["records"], True, "the new log")
    breaks = [e for e in map(json.loads, records_of(files)) if e["action"] == "audit.restarted"]
    equal([(e["reason"], e["actor"]) for e in breaks],
          [("INC-7: the newer one is lost", {"id": f"uid {os.getuid()}", "kind": "operator"})], "the break, in the log")


def no_secret(lab, records, secret):
    """Passphrases, keys, tokens of challenges and links: none is in the log, or in the copy of it."""
    copied = (lab.data / "forward" / "copy.jsonl").read_bytes().splitlines()
    equal(len(copied) > len(records) // 2, True, "records in the copy")
    text = b"\n".join(records + copied)
    secrets = set(re.findall(r"[A-Za-z0-9_-]{43}", secret))
    secrets |= {p.read_text().strip() for p in lab.data.rglob("*passphrase*") if p.is_file()}
    with sqlite3.connect(lab.data / "db" / "store.db") as db:
        secrets |= {row[0] for row in db.execute("SELECT token FROM challenges")}
    secrets = {s for s in secrets if len(s) >= 16}
    equal(len(secrets) > 3, True, "secrets to look for")
    for s in secrets:
        if s.encode() in text:
            where = next(r for r in records + copied if s.encode() in r)
            sys.exit(f"the audit log has a secret, {s[:4]}...: {where.decode()}")
    if b"PRIVATE KEY" in text:
        sys.exit("the audit log has a private key")


def each_certificate_is_told_of(lab, records):
    """By itself a record says which certificate it is about, as the certificate does; each of the register has one."""
    with sqlite3.connect(f"file:{lab.data}/db/store.db?mode=ro", uri=True) as db:
        ders = {base64.urlsafe_b64encode(hashlib.sha256(d).digest()).decode().rstrip("="): d
                for (d,) in db.execute("SELECT der FROM certificates")}
    issued = [e["detail"] for e in map(json.loads, records) if e["action"] == "certificate.issued"]
    equal(sorted(e["sha256"] for e in issued), sorted(ders), "certificates of the register in the log")
    for event in issued:
        cert = x509.load_der_x509_certificate(ders[event["sha256"]])
        names = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        equal(sorted(event["names"]), sorted(str(n.value) for n in names), "names of a certificate")
        equal((event["not_before"], event["not_after"]), tuple(
            t.strftime("%Y-%m-%dT%H:%M:%SZ") for t in (cert.not_valid_before, cert.not_valid_after)), "its validity")


def main():
    with Lab("audit: {interval: 1s, forward: [{name: copy}]}\n") as lab:
        lab.start()
        secret = live(lab)
        lab.configure("audit: {interval: 2s, forward: [{name: copy}]}\n")
        lab.autarky("reload")
        files = export(lab, "export")
        records, heads = check_export(lab, files)
        verdict = verify(lab, files)
        equal(verdict["good"], True, "what was exported")
        equal((verdict["records"], verdict["covered"]), (len(records), len(records)), "records under a head")
        kinds = {json.loads(r)["action"] for r in records}
        tampered = tamper(lab, files, records, heads)
        equal(tampered, kinds, "kinds of records that were tampered with")
        cut(lab, files, records, heads)
        witnesses(lab, files)
        proofs(lab, heads)
        every_kind(lab)
        no_secret(lab, records, secret)
        each_certificate_is_told_of(lab, records)
        lab.stop()
        kill(lab)
        older_copy(lab)
        print(" ".join(sorted(kinds)))
        missing = KINDS - kinds
        equal(missing, set(), "kinds of events that were not recorded")


main()
