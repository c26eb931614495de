# SPDX-License-Identifier: Apache-2.0
"""The audit log that a scenario left behind: its records are of kinds that are known here, and none has anything in it that was
secret. What is secret is looked for where it is, not asked of the program: in files of keys, passphrases, passwords and cookies,
in what commands told once, and in the challenges of the database."""

import contextlib
import pathlib
import re
import shutil
import sqlite3
import tempfile

# Every kind of record there is. One that is new is written down here, and then tampered with in scenario/audit.
KINDS = frozenset("""
account.created account.deactivated account.key-changed account.revoked account.updated
agent.changed agent.enrolled agent.removed agent.renewal-asked agent.token-created agent.token-revoked
alert.acknowledged alert.fired alert.resolved alert.silenced alert.unsilenced alert.worsened
approval.asked approval.denied approval.expired approval.granted approval.reminded approval.used approval.voted
audit.restarted
authorization.created authorization.deactivated authorization.failed authorization.validated authorization.vouched
backup.begun backup.created backup.restored
certificate.issued certificate.reserved certificate.revocation-changed certificate.revoked challenge.requested
configuration.changed crl.published cross-certificate.revoked dashboard.signed-in eab.created eab.revoked endpoint.assigned
issuance.frozen issuance.thawed issuance.unusual issuance.voided
report.mailed
issuer.created issuer.cross-signed issuer.retired issuer.revoked
key.escrow-fetched key.escrowed
ocsp.signed
operator.commanded operator.refused operator.sign-in-refused operator.signed-in
order.canceled order.created order.failed order.processing order.ready order.renewing policy.accepted
renewal.pulled session.ended site.certificate-failed site.certificate-installed site.certificate-ordered
site.record-added site.record-failed site.record-removed
token.created token.revoked txt-account.registered txt-account.removed
user.added user.certificate-added user.certificate-removed user.password-replaced user.removed user.roles-changed user.totp-replaced
""".split())

SHORTEST = 16  # characters of a secret: what is shorter stands in other words by chance
LARGEST = 64 * 1024  # bytes of a file that may be a key's
# What is told once is longer than ids are, which have 26 characters: a key of `eab create` 43, of one-time codes 32.
TOLD = re.compile(r"[A-Za-z0-9_-]{30,}")
TELLING = {("token", "create"), ("ui", "link"), ("eab", "create"), ("user", "add"), ("user", "totp"), ("agent", "token")}
PEM = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----(.*?)-----END", re.S)
JWK = re.compile(r'"(?:d|p|q|dp|dq|qi)"\s*:\s*"([A-Za-z0-9_-]+)"')
NETSCAPE = "# Netscape HTTP Cookie File"


def told(args, output):
    """Secrets that a command printed."""
    return set(TOLD.findall(output)) if tuple(map(str, args[:2])) in TELLING else set()


def of_file(path):
    """Secrets in a file of keys, a passphrase, a password or cookies."""
    if path.is_symlink() or not path.is_file() or path.stat().st_size > LARGEST:
        return set()
    raw = path.read_bytes()
    if path.name == "eab.key":
        return {raw.hex(), raw.decode("latin-1").strip()}
    text = raw.decode(errors="replace")
    if "passphrase" in path.name or path.name.startswith("password"):
        return {text.strip()}
    if text.startswith(NETSCAPE):
        return {line.split("\t")[6].strip() for line in text.splitlines() if line.count("\t") == 6}
    found = set(JWK.findall(text)) if path.suffix == ".json" else set()
    for body in PEM.findall(text):
        # Not the first line, which says only of what kind the key is, as all of that kind do.
        found |= {line for line in body.split()[1:] if len(line) == 64}
    return found


def of_directory(directory):
    found = set()
    for path in pathlib.Path(directory).rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            found |= of_file(path)
    return found


def read(data):
    """Action and bytes of each record, and the tokens of challenges, of a server that has ended."""
    source = pathlib.Path(data) / "db" / "store.db"
    if not source.exists():
        return [], set()
    with tempfile.TemporaryDirectory() as directory:
        for ending in ("", "-wal", "-shm"):
            if source.with_name(f"store.db{ending}").exists():
                shutil.copy(source.with_name(f"store.db{ending}"), directory)
        with contextlib.closing(sqlite3.connect(pathlib.Path(directory) / "store.db")) as db:
            return (db.execute("SELECT action, bytes FROM events ORDER BY sequence").fetchall(),
                    {row[0] for row in db.execute("SELECT token FROM challenges WHERE token IS NOT NULL")})


def faults(records, secrets):
    """In words; empty: none."""
    found = []
    for action, raw in records:
        if action not in KINDS:
            found.append(f"records of a kind that tests/lib/trail.py does not know: {action}")
        if b"PRIVATE KEY" in raw:
            found.append(f"a private key is in the audit log: {action}")
    whole = b"\n".join(raw for _, raw in records)
    for secret in secrets:
        if len(secret) >= SHORTEST and secret.encode() in whole:
            where = next(action for action, raw in records if secret.encode() in raw)
            found.append(f"a secret, {secret[:4]}..., is in the audit log: {where}")
    return found


def check(data, directory, secrets):
    """At the end of a scenario: `secrets` are those that it was told."""
    records, tokens = read(data)
    secrets = {s for s in secrets | tokens | of_directory(directory) if len(s) >= SHORTEST}
    if found := faults(records, secrets):
        raise SystemExit("\n".join(sorted(set(found))))
    print(f"audit log: {len(records)} records without any of {len(secrets)} secrets")
