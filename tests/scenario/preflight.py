#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What does the CA see, asked by a client before it answers a challenge: of a real name server and a real web server, in words, for
names that it may order and for nobody else; what the answer says comes true."""

import base64
import hashlib
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from acme import AcmeError, Client, Http01  # noqa: E402
from dns_server import DnsServer  # noqa: E402
from lab import DOMAIN, Lab, expect, run  # noqa: E402

RECORDS = "* A 127.0.0.1\n@ A 127.0.0.1\ntaken A 127.0.0.1\ntaken CAA 0 issue \"other.example\"\n"
NAME = f"wiki.{DOMAIN}"


def check(condition, what):
    if not condition:
        sys.exit(what)


def ask(client, **payload):
    reply = client.post(client.directory["meta"]["preflight"], payload).json
    return reply["seen"], reply["verdict"]


def about(client, name):
    return ask(client, identifier={"type": "dns", "value": name})


def refused(client, kind, **payload):
    try:
        ask(client, **payload)
    except AcmeError as error:
        check(error.kind == kind, f"{payload}: {error}")
        return str(error)
    sys.exit(f"{payload} was answered")


def by_name(client, lab, dns):
    """Nobody listens yet, then somebody does; and CAA that names another."""
    seen, verdict = about(client, NAME)
    check([v["asked"] for v in seen["views"]] == [dns.address, "the servers of the NS records"], f"other servers: {seen}")
    answers = {a["type"]: a for a in seen["views"][0]["answers"]}
    proofs = {a["name"] for v in seen["views"] for a in v["answers"] if a["type"] == "TXT"}
    check(proofs == {f"_acme-challenge.{NAME}", f"_validation-persist.{NAME}"}, f"other places of a proof: {proofs}")
    check(answers["A"]["records"] == ["127.0.0.1"] and answers["A"]["ttl"] == 1, f"other records: {answers}")
    check(not verdict["ok"] and verdict["problems"][0]["of"] == "http-01", f"verdict: {verdict}")
    expect(verdict["problems"][0]["detail"], "refused the connection", "http-01")
    with Http01(lab.http_port) as web:
        seen, verdict = about(client, NAME)
        check(verdict["ok"] and not verdict["problems"], f"verdict: {verdict}")
        web.close()
    seen, verdict = about(client, f"taken.{DOMAIN}")
    expect(str(verdict["problems"]), "allow other.example and not this CA", "CAA")


def by_challenge(client, dns):
    """dns-01 with the record missing, then wrong, then there: what it says is what the validation then finds."""
    url, order = client.order([NAME])
    authorization = client.post(order["authorizations"][0]).json
    challenge = next(c for c in authorization["challenges"] if c["type"] == "dns-01")
    digest = hashlib.sha256(f"{challenge['token']}.{client.thumbprint}".encode()).digest()
    wanted = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    for record, ok in (("", False), ("_acme-challenge.wiki TXT \"something\"\n", False),
                       (f"_acme-challenge.wiki TXT \"{wanted}\"\n", True)):
        dns.set_zone(DOMAIN, RECORDS + record)
        seen, verdict = ask(client, challenge=challenge["url"])
        check(verdict["ok"] is ok and seen["attempt"]["challenge"] == "dns-01", f"with {record!r}: {verdict}")
        proofs = {a["name"] for v in seen["views"] for a in v["answers"] if a["type"] == "TXT"}
        check(proofs == {f"_acme-challenge.{NAME}"}, f"other places of a proof: {proofs}")
    check(client.post(challenge["url"]).json["status"] == "pending", "asking decided something")
    client.post(challenge["url"], {})
    client.wait(order["authorizations"][0], ("valid",))
    client.wait(url, ("ready",))
    refused(client, "malformed", challenge=challenge["url"])


def not_for_everybody(client, lab):
    refused(client, "rejectedIdentifier", identifier={"type": "dns", "value": "www.example.com"})
    refused(client, "rejectedIdentifier", identifier={"type": "ip", "value": "127.0.0.1"})
    refused(client, "rejectedIdentifier", identifier={"type": "dns", "value": f"*.{NAME}"})
    url = client.directory["meta"]["preflight"]
    for options in ((), ("-X", "POST", "-H", "Content-Type: application/jose+json", "-d", "{}")):
        status = run("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "--cacert", lab.roots, *options, url)
        check(status in ("400", "405"), f"{options}: {status}")
    status = run("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", lab.plain + "/api/v1/preflight", "-d", "{}")
    check(status == "403", f"on the plain listener: {status}")


def limited(client):
    """An hour's looks; the validation itself is as possible as before."""
    said = ""
    for _ in range(61):
        try:
            about(client, NAME)
        except AcmeError as error:
            check(error.kind == "rateLimited", str(error))
            said = str(error)
            break
    expect(said, "this account has asked 60 times in an hour", "the limit")


def main():
    with Lab() as lab, DnsServer(lab.directory / "zone", {DOMAIN: RECORDS}) as dns:
        lab.dns.port = dns.port
        lab.configure(policy=f"  - name: http\n    allow: [{NAME}, taken.{DOMAIN}]\n    challenges: [http-01]\n")
        lab.start()
        client = Client(lab.directory_url, str(lab.roots))
        client.register()
        by_name(client, lab, dns)
        not_for_everybody(client, lab)
        lab.configure(policy=f"  - name: both\n    allow: [{NAME}]\n    challenges: [http-01, dns-01]\n")
        lab.autarky("reload")
        by_challenge(client, dns)
        limited(client)


main()
