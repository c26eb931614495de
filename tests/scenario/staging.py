#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The staging directory with Debian's certbot, unmodified: it is made when it is needed, the same commands work in it as in the
other, what it issues verifies under its own roots and not under those that machines have, and is revoked on its own lists."""

import json
import os
import pathlib
import sys
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from acme import AcmeError, Client  # noqa: E402
from lab import DOMAIN, Lab, OPENSSL, expect, run, wait_for  # noqa: E402

NAME = f"wiki.{DOMAIN}"


def certbot(lab, home, server, *args):
    home = lab.directory / home
    return run("/usr/bin/certbot", *args, "--server", server, "--config-dir", home, "--work-dir", home, "--logs-dir", home,
               "--non-interactive", env={**os.environ, "REQUESTS_CA_BUNDLE": str(lab.roots)})


def issue(lab, home, server):
    certbot(lab, home, server, "certonly", "--standalone", "--http-01-port", lab.http_port, "--agree-tos", "--email",
            f"admin@{DOMAIN}", "--no-eff-email", "-d", NAME)
    return lab.directory / home / "live" / NAME


def verifies(live, roots, *options, ok):
    out = run(OPENSSL, "verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", NAME, *options, "-CAfile", roots,
              "-untrusted", live / "chain.pem", live / "cert.pem", ok=(0,) if ok else (2,))
    if ok:
        expect(out, "OK", "openssl verify")


def serial(cert):
    return run(OPENSSL, "x509", "-in", cert, "-noout", "-serial").strip().split("=")[1]


def listed(lab, *options):
    return {i["serial"]: i["hierarchy"] for i in json.loads(lab.autarky("cert", "list", "--json", *options))["items"]}


def check(condition, what):
    if not condition:
        sys.exit(what)


def made_when_needed(lab, staging):
    said = run("curl", "-sS", "--cacert", lab.roots, staging)
    expect(said, "autarky issuer create --staging", "without a staging hierarchy")
    check(json.loads(lab.autarky("status", "--json"))["staging"] is None, "a staging directory that is not there")
    lab.autarky("issuer", "create", "--staging", "--algorithms", "rsa,ecdsa")
    check(not set((lab.data / "trust" / "roots-staging.pem").read_text().split("\n\n")) & set(lab.roots.read_text().split("\n\n")),
          "roots of staging are among those for machines")
    expect(run("curl", "-sSf", lab.plain + "/trust/roots-staging.pem"), "BEGIN CERTIFICATE", "its roots")
    wait_for("the staging directory", lambda: "newOrder" in run("curl", "-sS", "--cacert", lab.roots, staging))


def apart(lab, staging):
    """An order of the one is unknown in the other, and so is an account."""
    there, here = (Client(u, str(lab.roots)) for u in (staging, lab.directory_url))
    for client in (there, here):
        client.register()
    url, _ = there.order([NAME])
    for moved, kind in ((url.replace("/acme/staging/", "/acme/"), "malformed"), (url, "accountDoesNotExist")):
        try:
            here.post(moved)
            sys.exit(f"{moved} is known to the other directory")
        except AcmeError as refused:
            check(refused.kind == kind, f"{moved}: {refused}")


def revoked(lab, live, staging):
    """On the list of the staging issuer that the certificate names."""
    issuer = run(OPENSSL, "x509", "-in", live / "cert.pem", "-noout", "-issuer")
    expect(issuer, "STAGING", "the issuer's name")
    text = run(OPENSSL, "x509", "-in", live / "cert.pem", "-noout", "-ext", "crlDistributionPoints")
    where = text[text.index("/crl/"):].split()[0]
    expect(where, "-staging/", "where its list is")
    certbot(lab, "certbot-staging", staging, "revoke", "--cert-name", NAME, "--no-delete-after-revoke", "--reason", "superseded")
    crl = lab.directory / "crl"

    def on_list():
        with urllib.request.urlopen(lab.plain + where, timeout=20) as answer:
            crl.write_bytes(answer.read())
        return serial(live / "cert.pem") in run(OPENSSL, "crl", "-inform", "DER", "-in", crl, "-noout", "-text")
    wait_for("the list", on_list)


def main():
    with Lab(f"urls: {{plain: \"http://ca.{DOMAIN}\"}}\nrevocation: {{crl: {{within: 1s}}}}\n") as lab:
        lab.start()
        staging = lab.api + "/acme/staging/directory"
        made_when_needed(lab, staging)

        tried = issue(lab, "certbot-staging", staging)
        real = issue(lab, "certbot", lab.directory_url)
        own = lab.data / "trust" / "roots-staging.pem"
        verifies(tried, own, ok=True)
        verifies(tried, lab.roots, ok=False)
        verifies(tried, lab.data / "trust" / "roots-all.pem", "-partial_chain", ok=False)
        verifies(real, lab.roots, ok=True)
        verifies(real, own, ok=False)

        usual = listed(lab)  # the API's own is among them
        check(serial(real / "cert.pem") in usual and set(usual.values()) == {"intranet"}, f"listed: {usual}")
        check(listed(lab, "--staging") == {serial(tried / "cert.pem"): "staging"}, f"listed: {listed(lab, '--staging')}")
        expect(lab.autarky("cert", "show", serial(tried / "cert.pem")), "-staging", "cert show")
        status = json.loads(lab.autarky("status", "--json"))
        check(status["certificates"]["valid"] == len(usual) and status["staging"]["valid"] == 1, f"status: {status}")
        expect(lab.autarky("status"), "Staging (/acme/staging/directory): 1 valid", "status")

        apart(lab, staging)
        revoked(lab, tried, staging)
        verifies(real, lab.roots, ok=True)


main()
