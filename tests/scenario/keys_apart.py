#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=240 build=plain
"""gateway.keys "keeper": every kind of key and both versions of TLS, with the key in no worker's memory, where it is found
without that setting; certificates replaced, the keeper killed and held up in the middle of handshakes, and not one of them
fails."""

import json
import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import DOMAIN, OPENSSL, expect, run, wait_for  # noqa: E402
from sites import Backend, SiteLab  # noqa: E402

WIKI = f"wiki.{DOMAIN}"
KINDS = (("ecdsa", "-tls1_3", "ecdsa_secp256r1_sha256", "ECDSA"), ("ecdsa", "-tls1_2", "ecdsa_secp256r1_sha256", "ECDSA"),
         ("rsa", "-tls1_3", "rsa_pss_rsae_sha256", "rsa_pss_rsae_sha256"),
         ("rsa", "-tls1_3", "rsa_pss_rsae_sha512", "rsa_pss_rsae_sha512"),
         ("rsa", "-tls1_2", "rsa_pkcs1_sha384", "SHA384"))
EXTRA = "metrics: {allow: [127.0.0.0/8]}\n"
PIECE = 1 << 22
RENEWALS = 4


def secret(lab, algorithm):
    """What cannot be missing where the private key is: the scalar, or a prime, as OpenSSL's numbers have it in memory."""
    text = subprocess.run([OPENSSL, "pkey", "-noout", "-text", "-in", lab.data / "sites" / WIKI / algorithm / "privkey.pem"],
                          stdout=subprocess.PIPE, text=True, check=True).stdout
    number = re.search(r"(?:priv|prime1):\s*([0-9a-f:\s]+)", text)[1]
    return bytes.fromhex(re.sub(r"[:\s]", "", number)).lstrip(b"\0")[::-1]


def still_has(pid, what):
    """The same of one that may end meanwhile: not any more then, and not yet known to be gone."""
    try:
        return has(pid, what)
    except (FileNotFoundError, ProcessLookupError):
        return True


def has(pid, what):
    """Whether that process has these bytes anywhere in memory that is its own, or shared with the keeper."""
    for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
        span, rights = line.split()[:2]
        if not rights.startswith("rw") and "segment" not in line:
            continue
        begin, end = (int(x, 16) for x in span.split("-"))
        with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
            before = b""
            while begin < end:
                try:
                    memory.seek(begin)
                    piece = memory.read(min(PIECE, end - begin))
                except (OSError, OverflowError):
                    break
                if not piece:
                    break
                if what in before + piece:
                    return True
                before, begin = piece[-len(what):], begin + len(piece)
    return False


def shown(lab, version, sigalg):
    return run(OPENSSL, "s_client", "-connect", f"127.0.0.1:{lab.gateway}", "-servername", WIKI, "-CAfile", lab.roots,
               "-verify_return_error", "-sigalgs", sigalg, version)


def every_kind(lab):
    for _, version, sigalg, word in KINDS:
        out = shown(lab, version, sigalg)
        expect(out, "Verify return code: 0", f"s_client {version} {sigalg}")
        expect(out, word, f"s_client {version} {sigalg}")


class Shakers(threading.Thread):
    """Full handshakes one after another, each with a request."""

    def __init__(self, lab):
        super().__init__(daemon=True)
        self.lab, self.done, self.failed, self.slowest, self.end = lab, 0, [], 0.0, threading.Event()

    def once(self, context):
        begin = time.monotonic()
        with self.lab.connect(WIKI, context) as connection:
            connection.sendall(f"GET /x HTTP/1.1\r\nHost: {WIKI}\r\nConnection: close\r\n\r\n".encode())
            if not connection.recv(100).startswith(b"HTTP/1.1 200"):
                raise OSError("no 200")
        self.slowest = max(self.slowest, time.monotonic() - begin)

    def run(self):
        context = self.lab.context()
        while not self.end.is_set():
            try:
                self.once(context)
            except (OSError, ssl.SSLError) as error:
                self.failed.append(str(error))
            self.done += 1


def under_load(lab, what, do):
    """No handshake fails while that is done."""
    shakers = [Shakers(lab) for _ in range(3)]
    for s in shakers:
        s.start()
    do()
    before = sum(s.done for s in shakers)
    wait_for("handshakes after it", lambda: sum(s.done for s in shakers) > before + 20)
    for s in shakers:
        s.end.set()
    for s in shakers:
        s.join()
    failed = [f for s in shakers for f in s.failed]
    print(f"{what}: {sum(s.done for s in shakers)} handshakes, the slowest {max(s.slowest for s in shakers):.2f} s")
    if failed:
        sys.exit(f"{what}: {len(failed)} handshakes failed, the first by {failed[0]}")


def renew(lab):
    for _ in range(RENEWALS):
        before = lab.certificates(WIKI)["ecdsa"]["serial"]
        lab.autarky("site", "renew", WIKI)
        wait_for("the next certificate", lambda b=before: lab.certificates(WIKI)["ecdsa"]["serial"] != b)
        time.sleep(0.3)


def kill(lab):
    pid = lab.processes("keeper")[0]
    os.kill(pid, signal.SIGKILL)
    wait_for("another keeper", lambda: lab.processes("keeper") not in ([], [pid]))


def hold_up(lab):
    pid = lab.processes("keeper")[0]
    os.kill(pid, signal.SIGSTOP)
    time.sleep(1.5)
    os.kill(pid, signal.SIGCONT)


def give_up(lab):
    """Clients that go away while the keeper does not answer leave nothing behind, and the next ones are served."""
    pid = lab.processes("keeper")[0]
    os.kill(pid, signal.SIGSTOP)
    context, open_ones = lab.context(), []
    for _ in range(100):
        raw = socket.create_connection(("127.0.0.1", lab.gateway), 10)
        raw.setblocking(False)
        tls = context.wrap_socket(raw, server_hostname=WIKI, do_handshake_on_connect=False)
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            pass
        open_ones.append(tls)
    time.sleep(0.5)
    for tls in open_ones:
        tls.close()
    os.kill(pid, signal.SIGCONT)
    every_kind(lab)


def main():
    backend = Backend()
    with SiteLab([{"name": WIKI, "backends": [backend.url], "algorithms": ["ecdsa", "rsa"]}]) as lab:
        lab.configure("  keys: keeper\n" + EXTRA)
        lab.start()
        lab.wait_site(WIKI)
        every_kind(lab)
        for algorithm in ("ecdsa", "rsa"):
            key = secret(lab, algorithm)
            if any(has(pid, key) for pid in lab.processes("gateway")):
                sys.exit(f"a worker has the {algorithm} key")
            if not has(lab.processes("keeper")[0], key):
                sys.exit(f"the {algorithm} key is not even found in the keeper")
        under_load(lab, "certificates replaced", lambda: renew(lab))
        under_load(lab, "the keeper killed", lambda: kill(lab))
        under_load(lab, "the keeper held up", lambda: hold_up(lab))
        give_up(lab)
        signed = [line for line in run("curl", "-sS", "--cacert", lab.roots, f"{lab.api}/metrics").splitlines() if line.startswith("autarky_keeper_handshakes_signed_total")]
        if not signed or float(signed[0].split()[-1]) < 5:
            sys.exit(f"the keeper counts {signed}")

        workers = lab.processes("gateway")
        lab.configure("  keys: workers\n" + EXTRA)
        said = lab.autarky("reload")
        expect(said, "gateway.keys", "reload")
        wait_for("other workers", lambda: not set(workers) & set(lab.processes("gateway")))
        key = secret(lab, "ecdsa")

        def in_each_worker():
            """From its first handshake with that key on, and which worker is asked is not ours to say."""
            every_kind(lab)
            return all(has(pid, key) for pid in lab.processes("gateway"))
        wait_for("the key in each of the workers that have keys, or the same search shows nothing", in_each_worker)
        lab.configure("  keys: keeper\n" + EXTRA)
        lab.autarky("reload")
        wait_for("workers without keys", lambda: not any(still_has(pid, key) for pid in lab.processes("gateway")))
        every_kind(lab)
        print(json.dumps(lab.certificates(WIKI)["ecdsa"]["state"]))
    backend.stop()


main()
