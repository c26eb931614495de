#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=300
"""Rules for clients that show a certificate of this CA, and rules that want a reason, with python3-acme, the library behind certbot:
by a name, a team, a digest; nobody's, a stranger's and a revoked certificate open nothing; explain, dry-run and register know which it was."""

import json
import pathlib
import sys

# Behind the system's: "acme" is the library here.
sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from acme import messages  # noqa: E402
from lab import AUTARKY, DOMAIN, OPENSSL, OPERATORS, Lab, expect, run  # noqa: E402
from library import Library, kind_of  # noqa: E402
from responder import Http01  # noqa: E402

ON = "control: {certificates: true}\nprofiles: {server: {extended_key_usage: [serverAuth]}}\n"
RULES = f"""\
  - {{name: pumps, allow: ["pump-*.{DOMAIN}"], client_certificates: [pump-7.{DOMAIN}, "team:wards"]}}
  - {{name: tickets, allow: ["*.tickets.{DOMAIN}"], reason: true}}
""" + OPERATORS


def is_(what, found, wanted):
    if found != wanted:
        sys.exit(f"{what}: {found}, not {wanted}")


class Pair:
    """A certificate for clients, of an operator."""

    def __init__(self, lab, name, *options, profile="client"):
        out = lab.directory / name
        lab.autarky("cert", "issue", "--profile", profile, "--name", f"{name}.{DOMAIN}", "--out", out, *options)
        self.files = (str(out / "fullchain.pem"), str(out / "privkey.pem"))
        self.serial = run(OPENSSL, "x509", "-in", self.files[0], "-noout", "-serial").strip().split("=")[1]


def stranger(lab):
    """Names what the rule names, and is of nobody."""
    key, cert, conf = (lab.directory / f"stranger.{kind}" for kind in ("key", "pem", "cnf"))
    conf.write_text("[req]\ndistinguished_name = dn\n[dn]\n")
    run(OPENSSL, "req", "-config", conf, "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", cert,
        "-days", "2", "-subj", f"/CN=pump-7.{DOMAIN}", "-addext", f"subjectAltName=DNS:pump-7.{DOMAIN}",
        "-addext", "extendedKeyUsage=clientAuth")
    return str(cert), str(key)


def library(lab, responder, files=None):
    made = Library(lab, responder)
    made.net.session.close()  # it registered without
    made.net.session.cert = files
    return made


def by_certificate(lab, responder):
    pump, ward = Pair(lab, "pump-7"), Pair(lab, "ward-1", "--team", "wards")
    other = Pair(lab, "other", "--team", "kitchen")
    name = f"pump-9.{DOMAIN}"
    for files in (pump.files, ward.files):
        library(lab, responder, files).obtain([name])
    newest = json.loads(lab.autarky("cert", "list", "--json"))["items"][0]
    is_("the register", newest["client_certificate"].lower().replace(":", ""), ward.serial.lower())
    client = library(lab, responder)
    server = Pair(lab, "ward-2", "--team", "wards", profile="server")
    for what, files in (("none", None), ("another team's", other.files), ("a stranger's", stranger(lab)), ("a server's", server.files)):
        client.net.session.cert = files
        client.net.session.close()
        is_(what, kind_of(lambda: client.order([name])), "rejectedIdentifier")
    client.net.session.cert = None
    client.net.session.close()
    pem = pathlib.Path(ward.files[0]).read_text().split("-----END")[0].replace("\n", "")
    client.net.session.headers.update({
        "Client-Cert": pem, "X-Forwarded-Client-Cert": f"Cert={pem}", "X-SSL-Client-Serial": ward.serial, "X-SSL-Client-Verify": "SUCCESS",
        "shown_serial": ward.serial})
    is_("headers", kind_of(lambda: client.order([name])), "rejectedIdentifier")
    return pump, ward


def explained(lab, pump):
    ask = ("policy", "explain", "--name", f"pump-9.{DOMAIN}")
    expect(lab.autarky(*ask), "REFUSED", "explain without")
    for which in (f"serial:{pump.serial}", f"pump-7.{DOMAIN}", "team:wards"):
        told = lab.autarky(*ask, "--client-certificate", which)
        expect(told, "rule pumps: decides", f"explain {which}")
    expect(lab.autarky(*ask, "--client-certificate", "team:kitchen"), "has it, but not for that client", "explain another")


def dry_run(lab):
    """Of the rules in force all could be renewed; of those for others not what was asked for with a certificate."""
    new = lab.directory / "new.yaml"
    text = (lab.data / "autarky.yaml").read_text()
    expect(lab.autarky("policy", "check", "--dry-run"), "0 of", "dry run of what is in force")
    new.write_text(text.replace(f"pump-7.{DOMAIN}, ", ""))
    told = json.loads(run(AUTARKY, "policy", "check", "--dry-run", "--json", "--config", new, "--data", lab.data, ok=(2,)))
    is_("dry run", [item["names"] for item in told["refused"]], [[f"pump-9.{DOMAIN}"]])


def revoked(lab, responder, pump):
    """It counts no more at once, for an order that is open as well."""
    client = library(lab, responder, pump.files)
    _, order = client.order([f"pump-8.{DOMAIN}"])
    client.prove(order)
    lab.autarky("cert", "revoke", pump.serial, "--reason", "keyCompromise")
    is_("finalize", kind_of(lambda: client.finalize(order, [f"pump-8.{DOMAIN}"])), "rejectedIdentifier")
    is_("order", kind_of(lambda: client.order([f"pump-8.{DOMAIN}"])), "rejectedIdentifier")
    told = run(AUTARKY, "policy", "explain", "--name", f"pump-9.{DOMAIN}", "--client-certificate", f"serial:{pump.serial}",
               "--data", lab.data, ok=(1, 2))
    expect(told, "is revoked", "explain a revoked one")


def with_key(lab, responder, *options):
    made = json.loads(lab.autarky("eab", "create", options[0], "--json", *options[1:]))
    client = Library(lab, responder, register=False)
    binding = messages.ExternalAccountBinding.from_data(
        account_public_key=client.net.key.public_key(), kid=made["kid"], hmac_key=made["key"], directory=client.directory)
    client.account = client.client.new_account(messages.NewRegistration.from_data(
        terms_of_service_agreed=True, external_account_binding=binding))
    return client


def reasons(lab, responder):
    name = f"a.tickets.{DOMAIN}"
    is_("no key", kind_of(lambda: library(lab, responder).order([name])), "unauthorized")
    is_("no reason", kind_of(lambda: with_key(lab, responder, "bare").order([name])), "unauthorized")
    with_key(lab, responder, "ward", "--reason", "T-4711").obtain([name])
    found, = json.loads(lab.autarky("cert", "find", name, "--json"))["items"]
    is_("the register", json.loads(lab.autarky("cert", "show", found["serial"], "--json"))["why"], "T-4711")
    files = lab.directory / "audit"
    lab.autarky("audit", "export", "--out", files)
    log = [line for path in files.rglob("*") if path.is_file() for line in path.read_text(errors="replace").splitlines()]
    if not any("certificate.issued" in line and "T-4711" in line for line in log):
        sys.exit("the audit log has no reason")
    out = lab.directory / "by-hand"
    told = run(AUTARKY, "cert", "issue", "--name", f"b.tickets.{DOMAIN}", "--out", out, "--data", lab.data, ok=(1, 2))
    expect(told, "give --reason", "an operator without")
    lab.autarky("cert", "issue", "--name", f"b.tickets.{DOMAIN}", "--out", out, "--reason", "T-4712")


def main():
    with Lab(extra=ON, policy=RULES) as lab:
        with Http01(lab.http_port) as responder:
            lab.start()
            pump, _ = by_certificate(lab, responder)
            explained(lab, pump)
            dry_run(lab)
            reasons(lab, responder)
            revoked(lab, responder, pump)
    return 0


if __name__ == "__main__":
    sys.exit(main())
