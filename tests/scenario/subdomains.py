#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""RFC 9444 from outside: one TXT record for a domain, of a real name server, and certificates for what is below it, ahead of
orders and in them."""

import base64
import hashlib
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from acme import AcmeError, Client, make_csr, new_key, split_chain  # noqa: E402
from dns_server import DnsServer  # noqa: E402
from lab import DOMAIN, Lab, OPENSSL, expect, run  # noqa: E402

TEAM = f"team.{DOMAIN}"
RECORDS = "* A 127.0.0.1\n@ A 127.0.0.1\n"


def prove(client, dns, url):
    """By a TXT record for what the authorization is for; the authorization."""
    authorization = client.post(url).json
    challenge, = authorization["challenges"]
    digest = hashlib.sha256(f"{challenge['token']}.{client.thumbprint}".encode()).digest()
    name = authorization["identifier"]["value"].removesuffix(DOMAIN).rstrip(".")
    dns.set_zone(DOMAIN, RECORDS + f"_acme-challenge.{name} TXT {base64.urlsafe_b64encode(digest).decode().rstrip('=')}\n")
    client.post(challenge["url"], {})
    return client.wait(url, ("valid",))


def order(client, *identifiers):
    reply = client.post(client.directory["newOrder"], {"identifiers": identifiers})
    return reply.headers["Location"], reply.json


def certify(client, lab, url, made, names):
    state = client.finalize(url, made, make_csr(new_key(), names))
    pem = client.post(state["certificate"]).body
    path = lab.directory / "below.pem"
    path.write_bytes(pem)
    split_chain(pem)
    out = run(OPENSSL, "verify", "-x509_strict", "-verify_hostname", names[0], "-CAfile", lab.roots, "-untrusted", path, path)
    expect(out, "OK", "openssl verify")


def check(condition, what):
    if not condition:
        sys.exit(what)


def main():
    with Lab() as lab, DnsServer(lab.directory / "zone", {DOMAIN: RECORDS}) as dns:
        lab.dns.port = dns.port
        rule = f"  - name: team\n    allow: [\"*.{TEAM}\"]\n    challenges: [dns-01]\n    wildcards: true\n"
        lab.configure(policy=rule + "    subdomains: true\n")
        lab.start()
        client = Client(lab.directory_url, str(lab.roots))
        check(client.directory["meta"].get("subdomainAuthAllowed") is True, f"the directory says {client.directory}")
        client.register()

        below = [f"a.{TEAM}", f"*.b.{TEAM}"]
        url, made = order(client, *({"type": "dns", "value": n, "ancestorDomain": TEAM} for n in below))
        check(len(made["authorizations"]) == 1, f"an authorization for each name: {made}")
        authorization = prove(client, dns, made["authorizations"][0])
        check(authorization["identifier"]["value"] == TEAM and authorization["subdomainAuthAllowed"] is True and
              "wildcard" not in authorization, f"another authorization: {authorization}")
        client.wait(url, ("ready",))
        certify(client, lab, url, made, below)

        ahead = client.post(client.directory["newAuthz"], {"identifier": {"type": "dns", "value": TEAM,
                                                                          "subdomainAuthAllowed": True}})
        check(ahead.json["subdomainAuthAllowed"] is True, f"another authorization: {ahead.json}")
        prove(client, dns, ahead.headers["Location"])
        dns.set_zone(DOMAIN, RECORDS)
        url, made = order(client, {"type": "dns", "value": f"deep.down.{TEAM}"})
        check(made["status"] == "ready", f"not ready: {made}")
        certify(client, lab, url, made, [f"deep.down.{TEAM}"])

        url, made = order(client, {"type": "dns", "value": f"late.{TEAM}"})
        lab.configure(policy=rule)
        lab.autarky("reload")
        try:
            client.finalize(url, made, make_csr(new_key(), [f"late.{TEAM}"]))
            sys.exit("finalized although the rule does not allow it any more")
        except AcmeError as refused:
            expect(str(refused), "no policy rule lets that count", "finalize")
        check("subdomainAuthAllowed" not in Client(lab.directory_url, str(lab.roots)).directory["meta"],
              "the directory still offers it")


main()
