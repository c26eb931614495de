#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What stands in the way of a renewal, one after the other: the name server is away, the disk is full, the reload
hangs. Each time the certificate before is in place, whole, and the message says what to do; then the way is free, and the
next attempt succeeds. The disk is a small file system in a mount namespace of this test's own."""

import json
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import AUTARKY, DOMAIN, OPENSSL, Lab, expect, run  # noqa: E402

POLICY = f"  - name: all\n    allow: [{DOMAIN}, \"*.{DOMAIN}\"]\n    challenges: [http-01]\n"


def apart():
    """Once more, where what is mounted is nobody else's."""
    if "AUTARKY_TROUBLE" not in os.environ:
        os.environ["AUTARKY_TROUBLE"] = "1"
        options = ["--mount"] if os.geteuid() == 0 else ["--mount", "--user", "--map-root-user"]
        os.execvp("unshare", ["unshare", *options, sys.executable, __file__])


class Place:
    def __init__(self, lab, out):
        self.lab, self.out = lab, out
        run(AUTARKY, "obtain", "--server", lab.directory_url, "--ca-file", lab.roots, "--out", out, "--agree-tos", "--name",
            f"a.{DOMAIN}", "--http-listen", f"127.0.0.1:{lab.http_port}")

    def change(self, **members):
        file = self.out / ".autarky/state.json"
        state = json.loads(file.read_text())
        state["plan"].update(members)
        file.write_text(json.dumps(state))

    def files(self):
        return {n: (self.out / n).read_text() for n in ("cert.pem", "chain.pem", "fullchain.pem", "privkey.pem")}

    def fails(self, *words, ok=(2, 75), env=None):
        before = self.files()
        said = run(AUTARKY, "renew", self.out, "--force", ok=ok, env=env)
        for word in words:
            expect(said, word, "what is in the way")
        if self.files() != before:
            sys.exit(f"a failure changed what is served: {said}")

    def succeeds(self):
        before = self.files()
        expect(run(AUTARKY, "renew", self.out, "--force"), "renewed, valid until", "a way that is free again")
        if self.files() == before:
            sys.exit("nothing was renewed")
        if run(OPENSSL, "pkey", "-in", self.out / "privkey.pem", "-pubout") != \
                run(OPENSSL, "x509", "-in", self.out / "cert.pem", "-noout", "-pubkey"):
            sys.exit("the key is not the certificate's")


def name_server_down(place):
    place.change(server="https://ca.nowhere.invalid/acme/directory", fallback_server=place.lab.directory_url,
                 fallback_ca_file=str(place.lab.roots))
    expect(run(AUTARKY, "renew", place.out, "--force"), "cannot be looked up", "a second server, by a name that is known")
    place.change(fallback_server="https://ca.elsewhere.invalid/acme/directory")
    place.fails("ca.nowhere.invalid cannot be looked up", "this machine's resolver", "ca.elsewhere.invalid cannot be looked up")
    place.change(server=place.lab.directory_url, fallback_server="", fallback_ca_file="")
    place.succeeds()


def disk_full(place):
    """Down to the last byte, and up to the point where all but the last file found room."""
    filler = place.out / "filler"
    for room in (0, 4096, 8192):  # of a set of four files
        with open(filler, "wb", buffering=0) as f:
            try:
                while f.write(b"x" * 4096):
                    pass
            except OSError:
                pass
            f.truncate(max(0, os.fstat(f.fileno()).st_size - room))
        place.fails("No space left on device", str(place.out))
    filler.unlink()
    place.succeeds()
    left = [p.name for p in (place.out / ".autarky").iterdir() if p.name not in
            ("live", "lock", "account.pem", "state.json", "journal", "fallback-account.pem") and not p.name.isdigit()]
    if left:
        sys.exit(f"a full disk left {left}")


def reload_hangs(place):
    hangs = place.lab.directory / "hangs"
    hangs.write_text("#!/bin/sh\nexec sleep 600\n")
    hangs.chmod(0o755)
    place.change(reload=f"shell:{hangs}", reload_timeout="1s")
    place.fails("did not end within 1 seconds", "The one before is in place again", ok=(2, 5))
    place.change(reload="", reload_timeout="")
    expect(run(AUTARKY, "renew", place.out, "--force"), "renewed", "what was obtained, taken into use")


def main():
    apart()
    os.environ["AUTARKY_DATA"] = "/nowhere"
    with Lab(policy=POLICY) as lab:
        lab.start()
        disk = lab.directory / "disk"
        disk.mkdir(mode=0o755)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k,mode=755", "tmpfs", disk], check=True)
        try:
            place = Place(lab, disk / "a")
            name_server_down(place)
            disk_full(place)
            reload_hangs(place)
        finally:
            subprocess.run(["umount", disk], check=True)


main()
