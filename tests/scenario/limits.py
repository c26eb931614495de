#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=180
"""Limits, as unmodified clients meet them: certbot is told which limit, whose and until when; an override lets it in after a
reload; a restart gives nothing back; one network makes so many accounts and no more."""

import json
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
import acme  # noqa: E402
from lab import DOMAIN, Lab, expect, run  # noqa: E402

NAME = f"a.{DOMAIN}"
ACCOUNTS = 5
LIMITS = f"limits: {{certificates_per_names: 1/30d, accounts_per_network: {ACCOUNTS}/1h"


def certbot(lab, ok=(0,)):
    """The same command each time, as a timer would run it; what its log says, for Debian's certbot 2.1 trips over its own error
    before it shows the server's."""
    home = lab.directory / "certbot"
    run("/usr/bin/certbot", "certonly", "--standalone", "--force-renewal", "--http-01-port", lab.http_port, "--server",
        lab.directory_url, "--agree-tos", "--register-unsafely-without-email", "-d", NAME, "--config-dir", home,
        "--work-dir", home, "--logs-dir", home, "--non-interactive", ok=ok,
        env={**os.environ, "REQUESTS_CA_BUNDLE": str(lab.roots)})
    return (home / "letsencrypt.log").read_text(encoding="utf-8")


def names(lab):
    certbot(lab)
    said = certbot(lab, ok=(1,))
    expect(said, f"limits.certificates_per_names (1 in 30d) of {NAME} is used up until", "certbot, told why")
    lab.stop()
    lab.start()
    expect(certbot(lab, ok=(1,)), "is used up until", "certbot after a restart")
    more = f", overrides: [{{limit: certificates_per_names, of: {NAME}, rate: 5/1d, until: 2100-01-01T00:00:00Z}}]}}\n"
    lab.configure(LIMITS + more)
    lab.autarky("reload")
    certbot(lab)


def accounts(lab):
    """certbot has made some of them."""
    made = len(json.loads(lab.autarky("account", "list", "--json"))["items"])
    for _ in range(made, ACCOUNTS):
        acme.Client(lab.directory_url, lab.roots, retry=False).register()
    try:
        acme.Client(lab.directory_url, lab.roots, retry=False).register()
    except acme.AcmeError as error:
        if error.status != 429 or error.kind != "rateLimited":
            sys.exit(f"not rateLimited: {error}")
        expect(str(error), f"limits.accounts_per_network ({ACCOUNTS} in 1h) of 127.0.0.0/24", "one account more")
        return
    sys.exit("one account more was made")


def main():
    with Lab(extra=LIMITS + "}\n") as lab:
        lab.start()
        names(lab)
        accounts(lab)


main()
