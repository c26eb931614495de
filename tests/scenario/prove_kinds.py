#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Keys that not every service has: Ed25519 in nginx beside RSA, each proven by itself, and ML-DSA in OpenSSL's own server; obtained,
taken into use, seen to be served, renewed, and taken back where the service serves another one."""

import contextlib
import os
import pathlib
import re
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import OPENSSL, Lab, expect, free_port, run  # noqa: E402
from place import NAME, UNPROVEN, Place, same  # noqa: E402
from services import Nginx  # noqa: E402


def shown(port, signatures):
    """The leaf that a client sees which takes these signatures alone, and what the handshake was signed with."""
    said = run(OPENSSL, "s_client", "-connect", f"127.0.0.1:{port}", "-servername", NAME, "-sigalgs", signatures, ok=(0, 1))
    leaf = re.search("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", said, re.S)
    kind = re.search(r"^Peer signature type: (.*)$", said, re.M)
    if not leaf or not kind:
        sys.exit(f"nothing is served to whoever takes {signatures}:\n{said}")
    return leaf[0], kind[1].lower()


def is_served(place, port, signatures):
    leaf, kind = shown(port, signatures)
    if not same(leaf, place.leaf()) or kind.replace("-", "") != signatures.split(":")[0].lower().replace("-", ""):
        sys.exit(f"{signatures}: another certificate than {place.out}'s is served, or signed by {kind}")


def ed25519(lab):
    """nginx with the distribution's OpenSSL, which has two certificates for one name."""
    ed, rsa = Place(lab, "ed25519", "ed25519"), Place(lab, "rsa", "rsa2048")
    ed.obtain()
    rsa.obtain()
    with Nginx(lab.directory, [ed.pair, rsa.pair]) as nginx:
        for place in (ed, rsa):
            place.obtain("--reload", f"signal:HUP:{nginx.pid}", "--prove", f"127.0.0.1:{nginx.port}")
            expect(place.renew("--force"), "renewed", f"{place.key} in nginx")
        is_served(ed, nginx.port, "ed25519")
        is_served(rsa, nginx.port, "rsa_pss_rsae_sha256")
        before = ed.leaf()
        ed.change(reload="/bin/true", prove_for="1s")
        expect(ed.renew("--force", ok=(UNPROVEN,)), "it has not read the new files", "Ed25519 that is not reloaded")
        if not same(ed.leaf(), before):
            sys.exit("Ed25519: the one before is to be in place")
        is_served(ed, nginx.port, "ed25519")


class Server:
    """OpenSSL's, started anew by a script, as a service that reads its files once."""

    def __init__(self, place):
        self.root, self.port = place.lab.directory / f"s-{place.key}", free_port()
        self.root.mkdir()
        self.pid, self.restart = self.root / "pid", self.root / "restart.sh"
        self.restart.write_text(f"""#!/bin/sh
[ -f {self.pid} ] && kill $(cat {self.pid})
setsid sh -c 'echo $$ >{self.pid}; exec "$@"' sh {OPENSSL} s_server -quiet -accept 127.0.0.1:{self.port} -cert {place.out}/cert.pem \\
    -cert_chain {place.out}/chain.pem -key {place.private} >{self.root}/log 2>&1 </dev/null &
""")
        self.restart.chmod(0o755)

    def close(self):
        if self.pid.exists():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(self.pid.read_text()), signal.SIGTERM)


def mldsa(lab, kind):
    place = Place(lab, kind, kind)
    with contextlib.closing(Server(place)) as server:
        place.obtain("--reload", server.restart, "--prove", f"127.0.0.1:{server.port}", "--prove-for", "20s")
        is_served(place, server.port, kind)
        before = place.leaf()
        expect(place.renew("--force"), "renewed", kind)
        if same(place.leaf(), before):
            sys.exit(f"{kind}: nothing was renewed")
        is_served(place, server.port, kind)
        before = place.leaf()
        place.change(reload="/bin/true", prove_for="1s")
        expect(place.renew("--force", ok=(UNPROVEN,)), "it has not read the new files", f"{kind} that is not reloaded")
        if not same(place.leaf(), before):
            sys.exit(f"{kind}: the one before is to be in place")
        is_served(place, server.port, kind)


def main():
    with Lab() as lab:
        lab.start()
        ed25519(lab)
        for kind in ("mldsa44", "mldsa65", "mldsa87"):
            mldsa(lab, kind)


main()
