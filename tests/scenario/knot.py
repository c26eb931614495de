#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""dns-01 and CAA with Knot DNS, another server than BIND: the zone is signed, certbot and lego change it by dynamic updates with TSIG,
and the CA asks Knot itself, as the holder of the zone."""

import base64
import json
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from certbot_dns import CertbotDns  # noqa: E402
from knot_server import KnotServer  # noqa: E402
from lab import DOMAIN, Lab, OPENSSL, expect, run, verify_chain  # noqa: E402

SECRET = base64.b64encode(b"fedcba9876543210fedcba9876543210").decode()
RECORDS = f"""
@ A 127.0.0.1
* A 127.0.0.1
taken A 127.0.0.1
taken CAA 0 issue "other.example"
mine A 127.0.0.1
mine CAA 0 issue "{DOMAIN}"
wild A 127.0.0.1
wild CAA 0 issue "{DOMAIN}"
wild CAA 0 issuewild ";"
"""


def configure(lab, knot):
    """The holder of the zone is asked, and nobody else."""
    lab.configure(policy=f"  - name: all\n    allow: [{DOMAIN}, \"*.{DOMAIN}\"]\n    wildcards: true\n    challenges: [dns-01]\n")
    path = lab.data / "autarky.yaml"
    path.write_text(path.read_text().replace(f"  - {{zone: \".\", servers: [\"127.0.0.1:{lab.dns.port}\"]}}\n",
                                             f"  - {{zone: {DOMAIN}, servers: [\"{knot.address}\"], mode: authoritative}}\n"))


def certbot(lab, knot):
    client = CertbotDns(lab, knot.port, SECRET)
    # Two proofs at a time under one name: its own, and that of all below it.
    client.issue(f"wiki.{DOMAIN}", "-d", f"*.wiki.{DOMAIN}")
    verify_chain(lab.roots, *client.files(f"wiki.{DOMAIN}"), f"any.wiki.{DOMAIN}")
    client.issue(f"mine.{DOMAIN}")
    expect(client.issue(f"taken.{DOMAIN}", ok=(1,)), "CAA records allow other.example and not this CA", "certbot")
    client.issue(f"wild.{DOMAIN}")
    expect(client.issue(f"*.wild.{DOMAIN}", "--cert-name", "star", ok=(1,)), "CAA records allow nobody", "certbot")


def lego(lab, knot):
    path = lab.directory / "lego"
    name = f"lego.{DOMAIN}"
    run("/usr/bin/lego", "--server", lab.directory_url, "--accept-tos", "--email", f"lego@{DOMAIN}", "--domains", name, "--path",
        path, "--dns", "rfc2136", "--dns.disable-cp", "--dns.resolvers", knot.address, "run",
        env={**os.environ, "LEGO_CA_CERTIFICATES": str(lab.roots), "RFC2136_NAMESERVER": knot.address, "RFC2136_TSIG_KEY": "acme.",
             "RFC2136_TSIG_ALGORITHM": "hmac-sha256.", "RFC2136_TSIG_SECRET": SECRET, "RFC2136_PROPAGATION_TIMEOUT": "5"})
    text = run(OPENSSL, "x509", "-in", path / "certificates" / f"{name}.crt", "-noout", "-text")
    expect(text, f"DNS:{name}", "lego's certificate")


def seen(lab, knot):
    """By whom the CA was told, as preflight and evidence have it."""
    views = json.loads(lab.autarky("probe", "--as-ca", f"taken.{DOMAIN}", "--json"))["views"]
    if views[0]["asked"] != knot.address:
        sys.exit(f"others were asked: {views}")
    events = run("sqlite3", f"file:{next((lab.data / 'db').glob('*.db'))}?mode=ro",
                 "SELECT bytes FROM events WHERE action = 'authorization.validated'")
    expect(events, knot.address, "the evidence")
    if events.count('"challenge":"dns-01"') < 5:
        sys.exit(f"fewer than five proofs:\n{events}")


def cleaned(knot):
    """What clients add they take away."""
    for name in ("wiki", "mine", "lego"):
        found = run("dig", "+short", "@127.0.0.1", "-p", knot.port, f"_acme-challenge.{name}.{DOMAIN}", "TXT")
        if found.strip():
            sys.exit(f"left behind for {name}: {found}")


def main():
    with Lab() as lab, KnotServer(lab.directory / "knot", DOMAIN, RECORDS, ("acme", SECRET)) as knot:
        configure(lab, knot)
        lab.start()
        certbot(lab, knot)
        lego(lab, knot)
        seen(lab, knot)
        cleaned(knot)


main()
