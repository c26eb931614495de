#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=300
"""The server of TXT records, asked by dig and by BIND, which delegates to it; orders by dns-01 through an alias, with our own
client by acme-dns and httpreq, with lego by httpreq; and what was acknowledged is served after everything was killed."""

import json
import os
import pathlib
import signal
import ssl
import sys
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from dns_server import DnsServer, free_port  # noqa: E402
from lab import AUTARKY, DOMAIN, Lab, OPENSSL, expect, run, verify_chain, wait_for  # noqa: E402

ZONE = f"acme.{DOMAIN}"
POLICY = f"  - name: all\n    allow: [{DOMAIN}, \"*.{DOMAIN}\"]\n    challenges: [dns-01]\n    wildcards: true\n"
RECORDS = "* A 127.0.0.1\n@ A 127.0.0.1\nacme NS ns.acme\nns.acme A 127.0.0.1\n"
VALUES = ["LPsIwTo7o8BoG0-vjCyGQGBWSVIPxI-i_X336eUOQZ" + c for c in "oABC"]


class Api:
    def __init__(self, lab):
        self.lab, self.context = lab, ssl.create_default_context(cafile=lab.roots)

    def post(self, path, body=None, **headers):
        """Status and what was said."""
        data = b"" if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.lab.api + path, data=data, method="POST",
                                         headers={k.replace("_", "-"): v for k, v in headers.items()})
        try:
            with urllib.request.urlopen(request, context=self.context, timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as e:
            return e.code, json.load(e)

    def register(self, **body):
        status, account = self.post("/acme-dns/register", body or None)
        if status != 201 or account["fulldomain"] != f"{account['subdomain']}.{ZONE}" or len(account["password"]) != 40:
            sys.exit(f"register: {status} {account}")
        return account

    def update(self, account, value, password=None):
        return self.post("/acme-dns/update", {"subdomain": account["subdomain"], "txt": value},
                         X_Api_User=account["username"], X_Api_Key=password or account["password"])


def dig(port, *words):
    return run("dig", "@127.0.0.1", "-p", port, "+tries=1", "+time=5", *words)


def short(port, *words):
    return sorted(line.strip('"') for line in dig(port, "+short", *words).split())


def check_dns(port, account):
    """What a name server has to say, as dig sees it."""
    name = account["fulldomain"]
    for tcp in ("+notcp", "+tcp"):
        said = dig(port, tcp, "TXT", name.upper())
        expect(said, "status: NOERROR", "TXT")
        expect(said, "flags: qr aa rd;", "authoritative")
        expect(said, f"{name.upper()}. 1", "the case is kept")
        expect(dig(port, tcp, "TXT", f"nobody.{ZONE}"), "status: NXDOMAIN", "another name")
        expect(dig(port, tcp, "AAAA", name), "status: NOERROR", "another type")
        expect(dig(port, tcp, "AAAA", name), "ANSWER: 0, AUTHORITY: 1", "another type")
    expect(dig(port, "SOA", ZONE), f"ns.{ZONE}. hostmaster.{ZONE}.", "SOA")
    if short(port, "NS", ZONE) != [f"ns.{ZONE}."] or short(port, "A", f"ns.{ZONE}") != ["127.0.0.1"]:
        sys.exit("the zone's name server is another one")
    expect(dig(port, "A", "www.example"), "status: REFUSED", "another zone")
    expect(dig(port, "+noall", "+answer", "+notcp", "ANY", name), "RFC8482", "ANY")
    expect(dig(port, "+edns=1", "+noednsneg", "SOA", ZONE), "status: BADVERS", "another EDNS")
    expect(dig(port, "+opcode=NOTIFY", "SOA", ZONE), "status: NOTIMP", "another opcode")
    expect(dig(port, "AXFR", ZONE), "Transfer failed", "a transfer")


def config(lab, name, text):
    path = lab.directory / f"{name}.conf"
    path.write_text(text)
    path.chmod(0o600)
    return path


def obtain(lab, kind, conf, *names):
    out = lab.directory / f"out-{kind}"
    run(AUTARKY, "obtain", "--server", lab.directory_url, "--ca-file", lab.roots, "--out", out, "--agree-tos", "--dns", kind,
        "--dns-config", conf, *(w for n in names for w in ("--name", n)))
    verify_chain(lab.roots, *(out / f for f in ("cert.pem", "chain.pem", "fullchain.pem")), names[0])


def lego(lab, bind, name, provider, **env):
    return run("/usr/bin/lego", "--server", lab.directory_url, "--accept-tos", "--email", f"lego@{DOMAIN}", "--domains", name,
               "--path", lab.directory / "lego", "--dns", provider, "--dns.disable-cp", "--dns.resolvers", bind.address, "run",
               env={**os.environ, "LEGO_CA_CERTIFICATES": str(lab.roots), "SSL_CERT_FILE": str(lab.roots),
                               "LEGO_EXPERIMENTAL_CNAME_SUPPORT": "true", **env})


def check_lego(lab, name):
    path = lab.directory / "lego" / "certificates" / f"{name}.crt"
    if not path.exists():
        sys.exit(f"lego has no certificate for {name}")
    expect(run(OPENSSL, "x509", "-in", path, "-noout", "-text"), f"DNS:{name}", "lego's certificate")


def check_api(api, port):
    account = api.register()
    for value in VALUES[:3]:
        if api.update(account, value) != (200, {"txt": value}) or value not in short(port, "TXT", account["fulldomain"]):
            sys.exit(f"{value} is acknowledged, and not served")
    if short(port, "TXT", account["fulldomain"]) != sorted(VALUES[1:3]):
        sys.exit("these are not the two newest values")
    if api.update(account, VALUES[3], "x" * 40) != (401, {"error": "forbidden"}) or \
            api.update(account, "x") != (400, {"error": "bad_txt"}):
        sys.exit("refusals are others than acme-dns's")
    elsewhere = api.register(allowfrom=["192.0.2.1/24"])
    if elsewhere["allowfrom"] != ["192.0.2.1/24"] or api.update(elsewhere, VALUES[0])[0] != 401:
        sys.exit("allowfrom does not count")
    return account


def check_orders(lab, api, bind, port):
    accounts = {n: api.register() for n in (f"wiki.{DOMAIN}", f"shop.{DOMAIN}", f"lego.{DOMAIN}")}
    aliases = "".join(f"_acme-challenge.{n.split('.', maxsplit=1)[0]} CNAME {a['fulldomain']}.\n" for n, a in accounts.items())
    bind.set_zone(DOMAIN, RECORDS + aliases)
    url = f"url: {lab.api}/acme-dns\nca_file: {lab.roots}\naccounts: {config(lab, 'accounts', json.dumps(accounts))}\n"
    obtain(lab, "acme-dns", config(lab, "acme-dns", url), f"wiki.{DOMAIN}", f"*.wiki.{DOMAIN}")
    shop = accounts[f"shop.{DOMAIN}"]
    obtain(lab, "httpreq", config(lab, "httpreq", f"url: {lab.api}/httpreq\nca_file: {lab.roots}\nusername: {shop['username']}\n"
                                  f"password: {shop['password']}\n"), f"shop.{DOMAIN}")
    if short(port, "TXT", shop["fulldomain"]):
        sys.exit("httpreq's cleanup left something")
    # Debian builds lego without its provider of acme-dns.
    own = accounts[f"lego.{DOMAIN}"]
    lego(lab, bind, f"lego.{DOMAIN}", "httpreq", HTTPREQ_ENDPOINT=f"{lab.api}/httpreq", HTTPREQ_USERNAME=own["username"],
         HTTPREQ_PASSWORD=own["password"])
    check_lego(lab, f"lego.{DOMAIN}")


def check_removed(lab, api, port):
    """An account that is removed is gone from the zone, and its password opens nothing; others stay as they are."""
    gone, stays = api.register(), api.register()
    for account in (gone, stays):
        api.update(account, VALUES[0])
    listed = json.loads(lab.autarky("txt", "list", "--json"))["items"]
    if [a["fulldomain"] for a in listed][-2:] != [gone["fulldomain"], stays["fulldomain"]] or listed[-1]["values"] != VALUES[:1]:
        sys.exit(f"txt list: {listed}")
    expect(lab.autarky("txt", "remove", gone["fulldomain"], "--reason", "moved", "--dry-run"), "would remove", "a dry run")
    if short(port, "TXT", gone["fulldomain"]) != VALUES[:1]:
        sys.exit("a dry run removed something")
    expect(lab.autarky("txt", "remove", gone["fulldomain"], "--reason", "moved"), f"removed the account {gone['subdomain']}", "remove")
    wait_for("the name to be gone", lambda: "status: NXDOMAIN" in dig(port, "TXT", gone["fulldomain"]))
    if api.update(gone, VALUES[1])[0] != 401 or api.update(stays, VALUES[1])[0] != 200:
        sys.exit("the password of the removed account still opens it, or the other's does not")
    if short(port, "TXT", stays["fulldomain"]) != sorted(VALUES[:2]):
        sys.exit("another account lost its values")
    refused = lab.autarky("txt", "remove", f"x.{ZONE}", ok=(1, 2, 3, 4))
    expect(refused, f"there is no account of TXT records \"x.{ZONE}\"", "an unknown one")


def pid_of(lab, role):
    found = [p["pid"] for p in json.loads(lab.autarky("status", "--json"))["processes"] if p["role"] == role]
    return found[0] if found else 0


def check_killed(lab, api, port, account):
    """Served is what was acknowledged, whichever process dies, and when all do."""
    for role in ("txt", "core"):
        if api.update(account, VALUES[0])[0] != 200 or api.update(account, VALUES[3])[0] != 200:
            sys.exit("no update")
        killed = pid_of(lab, role)
        os.kill(killed, signal.SIGKILL)
        wait_for(f"the zone, after {role} was killed",
                 lambda: short(port, "TXT", account["fulldomain"]) == sorted([VALUES[0], VALUES[3]]))
        wait_for(f"another {role}", lambda: api.update(account, VALUES[1])[0] == 200)
    if api.update(account, VALUES[2])[0] != 200:
        sys.exit("no update")
    lab.stop(how=signal.SIGKILL)
    lab.start()
    wait_for("the zone, after all were killed",
             lambda: short(port, "TXT", account["fulldomain"]) == sorted(VALUES[1:3]))


def main():
    os.environ["AUTARKY_DATA"] = "/nowhere"
    port = free_port()
    with Lab() as lab, DnsServer(lab.directory / "bind", {DOMAIN: RECORDS}, recursive=True,
                                 forward={ZONE: f"127.0.0.1 port {port}"}) as bind:
        lab.dns.port = bind.port
        lab.configure(policy=POLICY, extra=f"txt: {{zone: {ZONE}, listen: [\"127.0.0.1:{port}\"], server: ns.{ZONE}, "
                                           f"addresses: [127.0.0.1]}}\n")
        lab.start()
        api = Api(lab)
        account = check_api(api, port)
        check_dns(port, account)
        check_orders(lab, api, bind, port)
        check_removed(lab, api, port)
        check_killed(lab, api, port, account)


main()
