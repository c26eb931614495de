#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Debian's certbot, unmodified: register, issue, renew, revoke by http-01, with ECDSA and RSA keys."""

import json
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import DOMAIN, Lab, OPENSSL, expect, run, verify_chain  # noqa: E402


def certbot(lab, *args, ok=(0,)):
    home = lab.directory / "certbot"
    return run("/usr/bin/certbot", *args, "--config-dir", home, "--work-dir", home, "--logs-dir", home,
               "--non-interactive", ok=ok, env={**os.environ, "REQUESTS_CA_BUNDLE": str(lab.roots)})


def issue(lab, name, *options):
    certbot(lab, "certonly", "--standalone", "--http-01-port", lab.http_port, "--server", lab.directory_url,
            "--agree-tos", "--email", "admin@hospital.example", "--no-eff-email", "-d", name, *options)
    live = lab.directory / "certbot" / "live" / name
    verify_chain(lab.roots, live / "cert.pem", live / "chain.pem", live / "fullchain.pem", name)
    return live


def serial(cert):
    return run(OPENSSL, "x509", "-in", cert, "-noout", "-serial").strip().split("=")[1]


def signed_is_logged(lab, cert, number):
    """The signer's own line says what it signed, without the database of another process."""
    until = run(OPENSSL, "x509", "-in", cert, "-noout", "-enddate", "-dateopt", "iso_8601").strip().split("=")[1]
    line = [line for line in lab.log().splitlines() if "signer.signed" in line and f"serial={number}" in line]
    expect("\n".join(line), f"name=wiki.{DOMAIN} names=2 not_after={until.replace(' ', 'T')} ", "the signer's line")


def numbers(lab):
    """/metrics as Prometheus reads it: series to value."""
    text = run("curl", "-sSf", "--cacert", lab.roots, lab.api + "/metrics")
    found = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            series, value = line.rsplit(" ", 1)
            if series in found:
                sys.exit(f"/metrics has {series} twice")
            found[series] = float(value)
    for secret in (DOMAIN, "127.0.0.1", "Example"):
        if secret in text:
            sys.exit(f"/metrics tells of {secret}")
    return found


def counted(lab, wanted):
    found = numbers(lab)
    for series, value in wanted.items():
        if found.get("autarky_" + series) != value:
            sys.exit(f"{series} is {found.get('autarky_' + series)} and not {value}: {found}")


def status_of(lab, number):
    items = json.loads(lab.autarky("cert", "list", "--json"))["items"]
    return [i["status"] for i in items if i["serial"] == number]


def main():
    with Lab() as lab:
        lab.start()
        ecdsa = issue(lab, f"wiki.{DOMAIN}", "--key-type", "ecdsa", "-d", f"www.wiki.{DOMAIN}")
        text = run(OPENSSL, "x509", "-in", ecdsa / "cert.pem", "-noout", "-text")
        expect(text, "ECDSA CA 1", "an EC key is certified by the ECDSA issuer")
        expect(text, f"DNS:www.wiki.{DOMAIN}", "the second name")
        rsa = issue(lab, f"pacs.{DOMAIN}", "--key-type", "rsa", "--rsa-key-size", "2048")
        expect(run(OPENSSL, "x509", "-in", rsa / "cert.pem", "-noout", "-issuer"), "RSA CA 1",
               "an RSA key is certified by the RSA issuer")

        before = serial(ecdsa / "cert.pem")
        signed_is_logged(lab, ecdsa / "cert.pem", before)
        certbot(lab, "renew", "--force-renewal", "--cert-name", f"wiki.{DOMAIN}", "--no-random-sleep-on-renew")
        after = serial(ecdsa / "cert.pem")
        if before == after:
            sys.exit("certbot renew left the certificate as it was")
        verify_chain(lab.roots, ecdsa / "cert.pem", ecdsa / "chain.pem", ecdsa / "fullchain.pem", f"wiki.{DOMAIN}")

        certbot(lab, "revoke", "--server", lab.directory_url, "--cert-path", ecdsa / "cert.pem", "--reason",
                "superseded", "--no-delete-after-revoke")
        if status_of(lab, after) != ["revoked"] or status_of(lab, before) != ["valid"]:
            sys.exit("the register does not show the one certificate as revoked")
        if numbers(lab)['autarky_acme_validations_total{role="core",result="valid"}'] < 3:
            sys.exit("fewer validations were counted than there were names")
        counted(lab, {
            'issued_total{role="core",algorithm="ecdsa",origin="acme"}': 2,
            'issued_total{role="core",algorithm="rsa",origin="acme"}': 1,
            'issued_total{role="core",algorithm="ecdsa",origin="system"}': 1,
            'revoked_total{role="core",reason="superseded"}': 1,
            'acme_orders_total{role="core"}': 3,
            'acme_requests_total{role="front",op="finalize",code="200"}': 3,
            'core_up{role="front"}': 1,
            'core_queue_length{role="core",queue="issuance"}': 0,
            'process_restarts{role="core",process="signer"}': 0,
        })
        out = certbot(lab, "certonly", "--standalone", "--http-01-port", lab.http_port, "--server",
                      lab.directory_url, "--agree-tos", "-d", "www.elsewhere.test", ok=(1,))
        expect(out, "www.elsewhere.test", "a name outside is refused by name")


main()
