#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A renewal by certbot that fails is an alert with its cause, though nobody reported it; it is over when certbot has another
certificate. A name for the first time that fails is none."""

import http.server
import json
import os
import pathlib
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import DOMAIN, Clock, Lab, expect, run, wait_for  # noqa: E402

CERTBOT = "/usr/bin/certbot"
NAME = f"plain.{DOMAIN}"


class Pages(http.server.SimpleHTTPRequestHandler):
    """Files of a directory that the test may change."""
    root = ""

    def __init__(self, *args, **options):
        super().__init__(*args, directory=Pages.root, **options)

    def log_message(self, *args):  # pylint: disable=arguments-differ
        pass


def alerts(lab, *options):
    return json.loads(lab.autarky("alert", "list", "--json", *options))["items"]


def certbot(lab, *args, ok=(0,)):
    base = lab.directory / "certbot"
    return run(CERTBOT, *args, "-n", "--config-dir", base, "--work-dir", base, "--logs-dir", base, ok=ok,
               env={**os.environ, "REQUESTS_CA_BUNDLE": str(lab.roots)})


def obtain(lab, root, name, ok=(0,)):
    return certbot(lab, "certonly", "--webroot", "-w", root, "-d", name, "--server", lab.directory_url, "--agree-tos",
                   "--register-unsafely-without-email", "--force-renewal", ok=ok)


def main():
    if not os.access(CERTBOT, os.X_OK):
        print(f"{CERTBOT} is not installed")
        sys.exit(77)
    with Lab() as lab:
        clock = Clock(lab.directory / "clock")
        lab.start(env={**os.environ, "AUTARKY_TEST_CLOCK": str(clock.path)})
        good, bad = lab.directory / "good", lab.directory / "bad"
        good.mkdir()
        bad.mkdir()
        Pages.root = str(good)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", lab.http_port), Pages)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        obtain(lab, good, NAME)
        clock.advance(20)
        Pages.root = str(bad)  # as after a change of a proxy
        obtain(lab, good, f"new.{DOMAIN}", ok=(1,))
        obtain(lab, good, NAME, ok=(1,))
        wait_for("the alert", lambda: clock.advance(10) or alerts(lab, "--kind", "renewal"), 60)
        found = alerts(lab, "--kind", "renewal")
        if [(a["kind"], a["object"]) for a in found] != [("renewal.proxy", NAME)]:
            sys.exit(f"not the one alert: {found}")
        expect(found[0]["summary"], "failed by http-01: ", "how it failed")
        Pages.root = str(good)
        obtain(lab, good, NAME)
        wait_for("its end", lambda: clock.advance(60) or not alerts(lab, "--kind", "renewal"), 60)
        server.shutdown()


main()
