#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=900 build=plain
"""Ten thousand sites, and clients that ask several of them all the time, over HTTP/1.1 and HTTP/2, on connections that stay and on new
ones, with a slow download. Meanwhile one certificate is issued, one renewed, one revoked and replaced, and one made anew by another
profile. It counts: no request fails, no connection ends, no process is another one, no other certificate has changed, and the next
handshake shows the new one."""

import hashlib
import json
import os
import pathlib
import ssl
import sys
import time

from cryptography import x509

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import DOMAIN, Process, expect, wait_for  # noqa: E402
from sites import Backend, SiteLab, digest  # noqa: E402
from steady import Client, kept_h1, kept_h2, new_h1, new_h2  # noqa: E402
from thousands import fill, name_of  # noqa: E402

N = int(os.environ.get("AUTARKY_SITES", "10000"))
RENEWED, REPLACED, BYSTANDER, LAST = (name_of(i) for i in (N // 2, N // 3, 7, N - 1))
NEW = f"new.{DOMAIN}"
LOOKED_AT = 200  # of the others, which certificate they show; of all, what is on disk
SECONDS = 240
RATE = 1_200_000  # bytes of the download in a second
MORE = "profiles: {weekly: {lifetime: 7d}}\n"


def shown(lab, name):
    """The certificate in a handshake of its own, verified as every client does."""
    with lab.connect(name) as tls:
        return x509.load_der_x509_certificate(tls.getpeercert(True))


def is_shown(lab, name):
    try:
        return shown(lab, name)
    except (OSError, ssl.SSLError):
        return None


def on_disk(lab):
    """Site -> digest of its chain and key."""
    pairs = {}
    for site in (lab.data / "sites").iterdir():
        pairs[site.name] = hashlib.sha256(b"".join((site / "ecdsa" / f"{which}.pem").read_bytes()
                                                   for which in ("fullchain", "privkey"))).hexdigest()
    return pairs


def processes(lab):
    """All of them, by role."""
    return sorted((p["role"], p["pid"]) for p in json.loads(lab.autarky("status", "--json"))["processes"])


def download(lab, size):
    target = lab.directory / "download"
    return Process("download", lab.directory, "/usr/bin/curl", "--silent", "--show-error", "--fail", "--noproxy", "*", "--limit-rate",
                   str(RATE), "--cacert", lab.roots, "--resolve", f"{BYSTANDER}:{lab.gateway}:127.0.0.1", "-o", target,
                   lab.url(BYSTANDER, f"/bytes/{size}")), target


def next_one(lab, name, before, what):
    """From the moment that the keeper has it until a handshake shows another one."""
    begun = time.monotonic()
    wait_for(what, lambda: (got := is_shown(lab, name)) and got.serial_number != before, SECONDS)
    print(f"{what}: shown after {time.monotonic() - begun:.2f} s", flush=True)
    return shown(lab, name).serial_number


def issued(lab, backend):
    lab.autarky("site", "add", NEW, "--backend", backend.url)
    return next_one(lab, NEW, 0, "a new site")


def renewed(lab):
    before = shown(lab, RENEWED).serial_number
    lab.autarky("site", "renew", RENEWED)
    next_one(lab, RENEWED, before, "a renewal")


def revoked(lab, serial):
    lab.autarky("cert", "revoke", f"{serial:x}", "--reason", "keyCompromise")
    lab.autarky("site", "renew", NEW)
    again = next_one(lab, NEW, serial, "a replacement of what was revoked")
    expect(lab.autarky("cert", "show", f"{serial:x}"), "revoked", "the old one")
    if again == serial:
        sys.exit("the revoked one is shown")


def replaced(lab):
    """By a change of the configuration: another profile."""
    before = shown(lab, REPLACED)
    for site in lab.sites:
        if site["name"] == REPLACED:
            site["profile"] = "weekly"
    lab.configure(MORE)
    lab.autarky("reload", ok=(0, 2))  # it may take longer than the command waits; what it has done is what counts
    next_one(lab, REPLACED, before.serial_number, "a certificate of another profile")
    after = shown(lab, REPLACED)
    if (after.not_valid_after - after.not_valid_before).days > 8:
        sys.exit("it is not of the other profile")


def asking(lab):
    some = [name_of(i) for i in range(0, N, max(1, N // 16))] + [RENEWED, REPLACED, LAST]
    return {"connections that stay, HTTP/1.1": Client(kept_h1(lab, RENEWED)), "and another": Client(kept_h1(lab, BYSTANDER)),
            "a connection that stays, HTTP/2": Client(kept_h2(lab, REPLACED)), "and another one": Client(kept_h2(lab, LAST)),
            "new connections, HTTP/1.1": Client(new_h1(lab, some)), "new connections, HTTP/2": Client(new_h2(lab, some))}


def unchanged(before, after):
    changed = {name for name in before if before[name] != after.get(name)}
    if changed != {RENEWED, REPLACED} or set(after) - set(before) != {NEW}:
        sys.exit(f"changed: {sorted(changed)[:9]}; new: {sorted(set(after) - set(before))}")


def main():
    backend = Backend()
    with SiteLab() as lab:
        lab.configure()
        lab.start()
        lab.stop()
        begun = time.monotonic()
        fill(lab.data, N, ("ecdsa",), ("ecdsa",))
        lab.sites = [{"name": name_of(i), "backends": [backend.url], "algorithms": ["ecdsa"]} for i in range(N)]
        lab.configure(MORE)
        print(f"{N} certificates made in {time.monotonic() - begun:.1f} s", flush=True)
        begun = time.monotonic()
        lab.start()
        wait_for("the last site", lambda: is_shown(lab, LAST), SECONDS)
        print(f"served after {time.monotonic() - begun:.1f} s", flush=True)
        sample = {name: shown(lab, name).serial_number for name in (name_of(i) for i in range(0, N, max(1, N // LOOKED_AT)))
                  if name not in (RENEWED, REPLACED)}
        before, running = on_disk(lab), processes(lab)
        clients = asking(lab)
        wait_for("the clients", lambda: all(c.n > 2 for c in clients.values()), 60)
        process, target = download(lab, size := RATE * 20)
        revoked(lab, issued(lab, backend))
        renewed(lab)
        replaced(lab)
        counts = {what: c.n for what, c in clients.items()}
        wait_for("clients after all of it", lambda: all(c.n > counts[what] + 2 for what, c in clients.items()), 60)
        for what, client in clients.items():
            client.finish(what)
        if process.popen.wait(120) or hashlib.sha256(target.read_bytes()).hexdigest() != digest(str(size), size):
            sys.exit(f"the download: {process.log.read_text()}")
        if processes(lab) != running:
            sys.exit(f"processes: {processes(lab)}, not {running}")
        unchanged(before, on_disk(lab))
        for name, serial in sample.items():
            if shown(lab, name).serial_number != serial:
                sys.exit(f"{name} has another certificate")
        print(f"{len(before) - 2} certificates are as they were; {len(sample)} were looked at", flush=True)
    backend.stop()


main()
