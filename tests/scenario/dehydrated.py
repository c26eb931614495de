#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Debian's dehydrated, unmodified: register, issue, renew, revoke, deactivate the account."""

import http.server
import functools
import pathlib
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import DOMAIN, Lab, expect, run, verify_chain  # noqa: E402


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


def serve_wellknown(directory, port):
    """What a web server with dehydrated's alias would do."""
    root = directory / "www"
    challenges = root / ".well-known" / "acme-challenge"
    challenges.mkdir(parents=True)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), functools.partial(Quiet, directory=root))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return challenges


def main():
    with Lab() as lab:
        lab.start()
        base = lab.directory / "dehydrated"
        base.mkdir()
        wellknown = serve_wellknown(lab.directory, lab.http_port)
        (base / "config").write_text(
            f"CA={lab.directory_url}\nBASEDIR={base}\nWELLKNOWN={wellknown}\nCHALLENGETYPE=http-01\n"
            f"CURL_OPTS=\"--cacert {lab.roots}\"\nKEY_ALGO=prime256v1\nCONTACT_EMAIL=admin@{DOMAIN}\n")
        (base / "domains.txt").write_text(f"intra.{DOMAIN} www.intra.{DOMAIN}\n")

        def dehydrated(*args, ok=(0,)):
            return run("/usr/bin/dehydrated", *args, "--config", base / "config", ok=ok)

        dehydrated("--register", "--accept-terms")
        dehydrated("--cron")
        live = base / "certs" / f"intra.{DOMAIN}"
        first = (live / "cert.pem").read_text()
        verify_chain(lab.roots, live / "cert.pem", live / "chain.pem", live / "fullchain.pem", f"www.intra.{DOMAIN}")
        dehydrated("--cron", "--force")
        if (live / "cert.pem").read_text() == first:
            sys.exit("dehydrated --force left the certificate as it was")
        verify_chain(lab.roots, live / "cert.pem", live / "chain.pem", live / "fullchain.pem", f"intra.{DOMAIN}")
        dehydrated("--revoke", live / "cert.pem")
        expect(lab.autarky("cert", "list", "--status", "revoked"), f"intra.{DOMAIN}", "the register")
        dehydrated("--account", "--accept-terms")


main()
