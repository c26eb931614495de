# SPDX-License-Identifier: Apache-2.0
"""Clients that order certificates without pause and write down all that was acknowledged to them; and what a database
must hold at the end."""

import pathlib
import shutil
import threading
import traceback

import acme
from lab import DOMAIN, OPENSSL, run

REVOKE_EVERY = 7  # certificates of one client


class Busy:
    """`clients` threads, each with an account of its own, from start() to finish()."""

    def __init__(self, lab, clients, *, retry=True, patience=60):
        self.lab = lab
        self.n = clients
        self.options = {"retry": retry, "patience": patience}
        self.responder = acme.Http01(lab.http_port)
        self.lock = threading.Lock()
        self.acknowledged = {"account": [], "order": [], "certificate": [], "revoked": []}
        self.issued = []
        self.counts = acme.collections.Counter()
        self.failures = []
        self.stopping = threading.Event()
        self.threads = []

    def _note(self, event, url):
        with self.lock:
            self.acknowledged[event].append(url)

    def client(self):
        return acme.Client(self.lab.directory_url, self.lab.roots, self.responder, on=self._note, **self.options)

    def _work(self, number):
        client = self.client()
        client.register()
        n = 0
        while not self.stopping.is_set():
            n += 1
            names = [f"h{n}.c{number}.{DOMAIN}"] + [f"www.h{n}.c{number}.{DOMAIN}"] * (n % 3 == 0)
            issued = client.obtain(names)
            with self.lock:
                self.issued.append(issued)
            if n % REVOKE_EVERY == 0:
                client.revoke(issued)
        client.close()
        with self.lock:
            self.counts.update(client.counts)

    def _run(self, number):
        try:
            self._work(number)
        except Exception:  # pylint: disable=broad-except
            self.failures.append(traceback.format_exc())

    def start(self):
        self.threads = [threading.Thread(target=self._run, args=(i,), daemon=True) for i in range(self.n)]
        for thread in self.threads:
            thread.start()

    def check(self):
        if self.failures:
            raise SystemExit("a client failed:\n" + self.failures[0])

    def finish(self, seconds=90):
        """Lets every client end what it is at; all must."""
        self.stopping.set()
        for thread in self.threads:
            thread.join(seconds)
            if thread.is_alive():
                raise SystemExit(f"a client is not done after {seconds} s")
        self.responder.close()
        self.check()

    def certificates(self):
        """Seen as three things: URL, serial, DER; none may come twice."""
        serials = [i.serial for i in self.issued]
        if len(set(serials)) != len(serials):
            raise SystemExit("a serial was given out twice")
        return self.issued

    def verify(self):
        """Every chain that a client received, by openssl."""
        directory = pathlib.Path(self.lab.directory) / "received"
        directory.mkdir()
        by_chain = {}
        for i in self.issued:
            leaf, chain = i.pem.split(b"-----END CERTIFICATE-----\n", 1)
            path = directory / f"{i.serial}.pem"
            path.write_bytes(leaf + b"-----END CERTIFICATE-----\n")
            by_chain.setdefault(chain, []).append(path)
        for n, (chain, paths) in enumerate(by_chain.items()):
            (directory / f"chain{n}").write_bytes(chain)
            for at in range(0, len(paths), 100):
                some = paths[at:at + 100]
                out = run(OPENSSL, "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", self.lab.roots,
                          "-untrusted", directory / f"chain{n}", *some)
                if out.count(": OK") != len(some):
                    raise SystemExit(f"openssl verify:\n{out}")


class Database:
    """A copy of the database of a server that has ended."""

    # Each counts what must not be.
    NEVER = {
        "serials that are two certificates": "SELECT COUNT(*) - COUNT(DISTINCT serial) FROM certificates",
        "reservations left": "SELECT COUNT(*) FROM issuances WHERE state = 'reserved'",
        "orders left in processing": "SELECT COUNT(*) FROM orders WHERE status = 'processing'",
        "valid orders without a certificate":
            "SELECT COUNT(*) FROM orders o WHERE status = 'valid' AND NOT EXISTS"
            " (SELECT 1 FROM certificates c WHERE c.id = o.certificate AND c.order_id = o.id)",
        "certificates whose order is not valid":
            "SELECT COUNT(*) FROM certificates c WHERE origin = 'acme' AND NOT EXISTS"
            " (SELECT 1 FROM orders o WHERE o.id = c.order_id AND o.certificate = c.id AND o.status = 'valid')",
        "invalid orders without a reason":
            "SELECT COUNT(*) FROM orders WHERE status = 'invalid' AND error IS NULL",
        "issuances that are done without a certificate":
            "SELECT COUNT(*) FROM issuances i WHERE state = 'done' AND NOT EXISTS"
            " (SELECT 1 FROM serials s WHERE s.serial = i.serial AND s.certificate IS NOT NULL)",
        "certificates that were never reserved":
            "SELECT COUNT(*) FROM certificates c WHERE NOT EXISTS"
            " (SELECT 1 FROM issuances i WHERE i.serial = c.serial AND i.state = 'done')",
        "holes in the audit log": "SELECT IFNULL(MAX(sequence), 0) - COUNT(*) FROM events",
        "certificates with no event, or two, of their issuing":
            "SELECT COUNT(*) FROM certificates c WHERE (SELECT COUNT(*) FROM events e WHERE e.object = c.id"
            " AND e.action = 'certificate.issued') != 1",
        "revocations with no event, or two":
            "SELECT COUNT(*) FROM certificates c WHERE status = 'revoked' AND (SELECT COUNT(*) FROM events e"
            " WHERE e.object = c.id AND e.action = 'certificate.revoked') != 1",
    }

    def __init__(self, lab):
        self.path = lab.directory / "copy.db"
        shutil.copy(lab.data / "db" / "store.db", self.path)
        for ending in ("-wal", "-shm"):
            source = lab.data / "db" / f"store.db{ending}"
            if source.exists():
                shutil.copy(source, f"{self.path}{ending}")

    def query(self, sql):
        return run("/usr/bin/sqlite3", "-noheader", self.path, sql).splitlines()

    def check(self):
        if self.query("PRAGMA integrity_check") != ["ok"] or self.query("PRAGMA foreign_key_check"):
            raise SystemExit("the database contradicts itself")
        for what, sql in self.NEVER.items():
            found = self.query(sql)
            if found != ["0"]:
                raise SystemExit(f"{what}: {found}")

    def recovered(self):
        """Certificates that were not signed right after they were reserved, but when recovery found them."""
        return int(self.query("SELECT COUNT(*) FROM certificates c JOIN issuances i ON i.serial = c.serial"
                              " WHERE c.issued != i.created")[0])

    def holds(self, busy):
        """All that was acknowledged to the clients."""
        ids = {"account": self.query("SELECT id FROM accounts WHERE status = 'valid'"),
               "order": self.query("SELECT id FROM orders"),
               "certificate": self.query("SELECT id FROM certificates"),
               "revoked": self.query("SELECT id FROM certificates WHERE status = 'revoked'")}
        for kind, urls in busy.acknowledged.items():
            lost = [u for u in urls if u.rsplit("/", 1)[1] not in ids[kind]]
            if lost:
                raise SystemExit(f"acknowledged and lost, {kind}: {lost}")
        ders = dict(row.split("|") for row in self.query("SELECT hex(serial), hex(der) FROM certificates"))
        for i in busy.certificates():
            der = i.cert.public_bytes(acme.serialization.Encoding.DER).hex().upper()
            if ders.get(i.serial) != der:
                raise SystemExit(f"the certificate with serial {i.serial} that a client received is not the register's")
