#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=500
"""What stands in the way of a renewal, one after the other: names cannot be looked up, by this machine and by the authority, the authority is away, the
disk is full, a hook hangs, the reload fails, hangs, or is of a service that is not there. Each time the certificate before is in place, whole,
and served by an nginx that reads it anew, and the message says what to do; then the way is free, and the next attempt succeeds. The disk is a
small file system in a mount namespace of this test's own. Of a clock that is wrong there is obtain_clock.py, of power that fails obtain_power.py."""

import json
import os
import pathlib
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import AUTARKY, DOMAIN, OPENSSL, Lab, Process, expect, run, steady_port, wait_for  # noqa: E402
from place import serves  # noqa: E402
from services import Nginx  # noqa: E402

POLICY = f"  - name: all\n    allow: [{DOMAIN}, \"*.{DOMAIN}\"]\n    challenges: [http-01]\n"


def apart():
    """Once more, where what is mounted is nobody else's."""
    if "AUTARKY_TROUBLE" not in os.environ:
        os.environ["AUTARKY_TROUBLE"] = "1"
        options = ["--mount"] if os.geteuid() == 0 else ["--mount", "--user", "--map-root-user"]
        os.execvp("unshare", ["unshare", *options, sys.executable, __file__])


class Place:
    def __init__(self, lab, out):
        self.lab, self.out, self.nginx = lab, out, None
        run(AUTARKY, "obtain", "--server", lab.directory_url, "--ca-file", lab.roots, "--out", out, "--agree-tos", "--name",
            f"a.{DOMAIN}", "--http-listen", f"127.0.0.1:{lab.http_port}")

    def change(self, **members):
        file = self.out / ".autarky/state.json"
        state = json.loads(file.read_text())
        state["plan"].update(members)
        file.write_text(json.dumps(state))

    def files(self):
        return {n: (self.out / n).read_text() for n in ("cert.pem", "chain.pem", "fullchain.pem", "privkey.pem")}

    def is_served(self):
        """By a service that has read it this moment."""
        os.kill(int(self.nginx.pid.read_text()), signal.SIGHUP)
        serves(self.nginx.port, self.files()["cert.pem"])

    def fails(self, *words, ok=(2, 75), env=None):
        before = self.files()
        said = run(AUTARKY, "renew", self.out, "--force", ok=ok, env=env)
        for word in words:
            expect(said, word, "what is in the way")
        if self.files() != before:
            sys.exit(f"a failure changed what is served: {said}")
        self.is_served()

    def succeeds(self):
        before = self.files()
        expect(run(AUTARKY, "renew", self.out, "--force"), "renewed, valid until", "a way that is free again")
        if self.files() == before:
            sys.exit("nothing was renewed")
        if run(OPENSSL, "pkey", "-in", self.out / "privkey.pem", "-pubout") != \
                run(OPENSSL, "x509", "-in", self.out / "cert.pem", "-noout", "-pubkey"):
            sys.exit("the key is not the certificate's")
        self.is_served()


def name_server_down(place):
    place.change(server="https://ca.nowhere.invalid/acme/directory", fallback_server=place.lab.directory_url,
                 fallback_ca_file=str(place.lab.roots))
    expect(run(AUTARKY, "renew", place.out, "--force"), "cannot be looked up", "a second server, by a name that is known")
    place.change(fallback_server="https://ca.elsewhere.invalid/acme/directory")
    place.fails("ca.nowhere.invalid cannot be looked up", "this machine's resolver", "ca.elsewhere.invalid cannot be looked up")
    place.change(server=place.lab.directory_url, fallback_server="", fallback_ca_file="")
    place.succeeds()


def authority_without_names(place):
    """The authority's name server is away: it says so, and who has to look after that."""
    place.lab.dns.stop()
    place.fails(f"no name server could say what a.{DOMAIN} is: 127.0.0.1:{place.lab.dns.port}", "set `resolvers` to name servers that know it",
                "Until the name servers answer, it counts as forbidden")
    place.lab.dns.process = Process("named", place.lab.directory, "/usr/sbin/named", "-g", "-c", place.lab.dns.directory / "named.conf")
    wait_for("BIND", lambda: place.lab.dns.process.log.read_text(errors="replace").split().count("running") > 1)
    place.succeeds()


def authority_down(place):
    place.lab.stop()
    place.fails("localhost", "cannot be reached")
    place.lab.start()
    place.succeeds()


def hook_hangs(place):
    """One that is to answer for the proof, and never ends."""
    hangs = place.lab.directory / "hook-hangs"
    hangs.write_text("#!/bin/sh\n[ \"$1\" = deploy_challenge ] && exec sleep 600\nexit 0\n")
    hangs.chmod(0o755)
    before = json.loads((place.out / ".autarky/state.json").read_text())["plan"]
    place.change(way="hook", style="dehydrated", value=str(hangs), challenge="http-01", hook_timeout="1s")
    place.fails(f"{hangs} deploy_challenge did not end within 1 seconds and was killed")
    place.change(**{"hook_timeout": "", "style": "", "challenge": "", **before})
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
    place.is_served()


def reload_fails(place):
    """It says no, or its service is not there; the second is not even looked for by number."""
    fails = place.lab.directory / "fails"
    fails.write_text("#!/bin/sh\necho 'no such unit' >&2\nexit 3\n")
    fails.chmod(0o755)
    place.change(reload=str(fails))
    place.fails(f"{fails}  ended with status 3: no such unit", "The one before is in place again; the service could not be told so either",
                "tries the new one again", ok=(2, 5))
    place.change(reload=f"signal:HUP:{place.lab.directory}/nothing.pid")
    nowhere = f"the pid file {place.lab.directory}/nothing.pid cannot be used: No such file"
    place.fails(nowhere, "The one before is in place again; the service could not be told so either", ok=(2, 5))
    # Where it is looked at, it is seen to be served.
    place.change(prove=[f"127.0.0.1:{place.nginx.port}"])
    place.fails(nowhere, "The one before is in place again, and is served", ok=(2, 5))
    place.change(reload=f"signal:HUP:{place.nginx.pid}")
    before = place.files()
    expect(run(AUTARKY, "renew", place.out, "--force"), "renewed", "what was obtained, taken into use")
    if place.files() == before:
        sys.exit("the new one is to be in place")
    serves(place.nginx.port, place.files()["cert.pem"])


def main():
    apart()
    os.environ["AUTARKY_DATA"] = "/nowhere"
    with Lab(policy=POLICY) as lab:
        lab.configure(api=(f"127.0.0.1:{steady_port()}",), policy=POLICY)
        lab.start()
        disk = lab.directory / "disk"
        disk.mkdir(mode=0o755)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k,mode=755", "tmpfs", disk], check=True)
        try:
            place = Place(lab, disk / "a")
            with Nginx(lab.directory, [(place.out / "fullchain.pem", place.out / "privkey.pem")]) as place.nginx:
                for trouble in (name_server_down, authority_without_names, authority_down, disk_full, hook_hangs, reload_hangs, reload_fails):
                    trouble(place)
        finally:
            subprocess.run(["umount", disk], check=True)


main()
