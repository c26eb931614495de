#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""dns-01, dns-persist-01 and tls-alpn-01 with unmodified clients: certbot's dns-rfc2136 plugin, dehydrated with a hook, lego; the name server
takes dynamic updates signed with TSIG. CAA is looked at, also when a certificate is made long after the proof."""

import base64
import json
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
import acme  # noqa: E402
from certbot_dns import CertbotDns  # noqa: E402
from dns_server import DnsServer, free_port  # noqa: E402
from lab import DOMAIN, Lab, OPENSSL, expect, run, verify_chain  # noqa: E402

SECRET = base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
RECORDS = f"""
* A 127.0.0.1
@ A 127.0.0.1
taken A 127.0.0.1
taken CAA 0 issue "other.example"
_acme-challenge.delegated CNAME delegated.acme
"""
HOOK = """#!/bin/sh
set -eu
case $1 in
deploy_challenge) change=add ;;
clean_challenge) change=delete ;;
*) exit 0 ;;
esac
printf 'server 127.0.0.1 %s\\nzone %s.\\nupdate %s _acme-challenge.%s 1 TXT %s\\nsend\\n' PORT ZONE $change "$2" "$4" |
    nsupdate -y hmac-sha256:acme:SECRET
"""


def certbot(lab, dns):
    client = CertbotDns(lab, dns.port, SECRET)
    client.issue(f"wiki.{DOMAIN}", "-d", f"www.wiki.{DOMAIN}")
    verify_chain(lab.roots, *client.files(f"wiki.{DOMAIN}"), f"www.wiki.{DOMAIN}")
    expect(client.issue(f"taken.{DOMAIN}", ok=(1,)), "CAA records allow other.example and not this CA", "certbot")


def dehydrated(lab, dns):
    base = lab.directory / "dehydrated"
    base.mkdir()
    hook = base / "hook"
    hook.write_text(HOOK.replace("PORT", str(dns.port)).replace("ZONE", DOMAIN).replace("SECRET", SECRET))
    hook.chmod(0o755)
    (base / "config").write_text(
        f"CA={lab.directory_url}\nBASEDIR={base}\nCHALLENGETYPE=dns-01\nHOOK={hook}\n"
        f"CURL_OPTS=\"--cacert {lab.roots}\"\nKEY_ALGO=prime256v1\nCONTACT_EMAIL=admin@{DOMAIN}\n")
    (base / "domains.txt").write_text(f"intra.{DOMAIN} www.intra.{DOMAIN}\n")
    run("/usr/bin/dehydrated", "--register", "--accept-terms", "--config", base / "config")
    run("/usr/bin/dehydrated", "--cron", "--config", base / "config")
    live = base / "certs" / f"intra.{DOMAIN}"
    verify_chain(lab.roots, live / "cert.pem", live / "chain.pem", live / "fullchain.pem", f"www.intra.{DOMAIN}")


def lego(lab, dns):
    path = lab.directory / "lego"
    env = {**os.environ, "LEGO_CA_CERTIFICATES": str(lab.roots), "RFC2136_NAMESERVER": f"127.0.0.1:{dns.port}",
           "RFC2136_TSIG_KEY": "acme.", "RFC2136_TSIG_ALGORITHM": "hmac-sha256.", "RFC2136_TSIG_SECRET": SECRET,
           "RFC2136_PROPAGATION_TIMEOUT": "5"}

    def issue(name, *options):
        run("/usr/bin/lego", "--server", lab.directory_url, "--accept-tos", "--email", f"lego@{DOMAIN}", "--domains", name,
            "--path", path, *options, "run", env=env)
        text = run(OPENSSL, "x509", "-in", path / "certificates" / f"{name}.crt", "-noout", "-text")
        expect(text, f"DNS:{name}", "lego's certificate")
    issue(f"lego.{DOMAIN}", "--dns", "rfc2136", "--dns.disable-cp", "--dns.resolvers", f"127.0.0.1:{dns.port}")
    issue(f"alpn.{DOMAIN}", "--tls", "--tls.port", f"127.0.0.1:{lab.tls_port}")


def persistent(lab, dns):
    """One record, written once, serves order after order of its account, and a wildcard; the record's end is the
    authorization's."""
    client = acme.Client(lab.directory_url, lab.roots)
    client.register()
    meta = client.directory["meta"]
    if meta["issuerDomainNames"] != meta["caaIdentities"] or not meta["accountHashPrefix"].endswith("/acme/account-hash/"):
        sys.exit(f"the directory says {meta}")

    def order(name):
        url, made = client.order([name])
        authorization = made["authorizations"][0]
        challenge = next(c for c in client.post(authorization).json["challenges"] if c["type"] == "dns-persist-01")
        if "token" in challenge or challenge["issuerDomainNames"] != [DOMAIN]:
            sys.exit(f"the challenge is {challenge}")
        client.post(challenge["url"], {})
        return url, made, authorization

    def failed(authorization, problem, words):
        end = time.monotonic() + 30
        while (state := client.post(authorization).json)["status"] == "pending":
            if time.monotonic() > end:
                sys.exit(f"{authorization} is still pending")
            time.sleep(0.1)
        error = next(c["error"] for c in state["challenges"] if c["type"] == "dns-persist-01")
        if not error["type"].endswith(problem) or words not in error["detail"]:
            sys.exit(f"{authorization}: {error}")

    record = f"{DOMAIN}; accounturi={client.kid}; policy=wildcard; persistUntil=%d"
    until = int(time.time()) + 3600
    failed(order(f"stays.{DOMAIN}")[2], ":unauthorized", f"_validation-persist.stays.{DOMAIN} exists, but has no TXT record")
    change = lab.directory / "persistent.txt"
    change.write_text(f"server 127.0.0.1 {dns.port}\nzone {DOMAIN}.\n"
                      f'update add _validation-persist.stays.{DOMAIN} 1 TXT "{record % until}"\nsend\n')
    run("nsupdate", "-y", f"hmac-sha256:acme:{SECRET}", change)
    for name in (f"stays.{DOMAIN}", f"stays.{DOMAIN}", f"*.stays.{DOMAIN}"):
        url, made, authorization = order(name)
        client.wait(url, ("ready",))
        expires = client.post(authorization).json["expires"]
        if expires != time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(until)):
            sys.exit(f"the record ends at {until}, the authorization at {expires}")
        state = client.finalize(url, made, acme.make_csr(acme.new_key(), [name]))
        if state["status"] != "valid":
            sys.exit(f"{url}: {state}")
    other = acme.Client(lab.directory_url, lab.roots)
    other.register()
    client = other
    failed(order(f"stays.{DOMAIN}")[2], ":unauthorized", "is for another account")


def probe(lab, dns):
    """What the CA sees, by the running server."""
    seen = json.loads(lab.autarky("probe", "--as-ca", f"taken.{DOMAIN}", "--json"))
    if [v["asked"] for v in seen["views"]] != [dns.address, "the servers of the NS records"]:
        sys.exit(f"other servers were asked: {seen}")
    answers = {a["type"]: a for a in seen["views"][0]["answers"]}
    if answers["A"]["records"] != ["127.0.0.1"] or answers["CAA"]["records"] != ['0 issue "other.example"'] \
            or answers["A"]["ttl"] != 1:
        sys.exit(f"other records were found: {answers}")
    expect(seen["http"]["why"], "refused the connection", "http-01")
    expect(seen["caa"]["why"], "allow other.example and not this CA", "CAA")
    text = lab.autarky("probe", "--as-ca", f"*.wiki.{DOMAIN}")
    expect(text, "caa: CAA records allow it", "probe")
    expect(text, f"TXT   _acme-challenge.wiki.{DOMAIN}: ", "probe")
    expect(lab.autarky("probe", "--as-ca", "127.0.0.1"), "http: http-01 for 127.0.0.1: cannot fetch", "probe")
    expect(lab.autarky("probe", "--as-ca", "no name", ok=(2,)), "has to be a DNS name", "probe")
    expect(lab.autarky("probe", f"wiki.{DOMAIN}", ok=(64,)), "autarky probe --as-ca NAME", "probe")


def methods(lab):
    """What was proven how, by the audit trail's evidence."""
    text = run("sqlite3", f"file:{next((lab.data / 'db').glob('*.db'))}?mode=ro", "SELECT bytes FROM events WHERE action ="
               " 'authorization.validated'")
    for method, least in (("dns-01", 5), ("tls-alpn-01", 1), ("dns-persist-01", 3)):
        if text.count(f'"challenge":"{method}"') < least:
            sys.exit(f"fewer than {least} authorizations were validated by {method}:\n{text}")
    expect(text, '"caa":[', "the evidence")


def main():
    with Lab() as lab:
        with DnsServer(lab.directory / "updated", {DOMAIN: RECORDS},
                       keys=f'key "acme" {{ algorithm hmac-sha256; secret "{SECRET}"; }};',
                       zone_options='allow-update { key "acme"; };') as dns:
            lab.dns.port = dns.port
            port = free_port()
            lab.configure(api=(f"127.0.0.1:{port}",), extra=f"urls: {{api: \"https://localhost:{port}\"}}\n"
                          f"acme: {{caa_identities: [{DOMAIN}]}}\n", policy=f"  - name: all\n    allow: [{DOMAIN}, \"*.{DOMAIN}\"]\n"
                          "    challenges: [dns-01, tls-alpn-01, dns-persist-01]\n"
                          "    wildcards: true\n")
            lab.start()
            meta = json.loads(run("curl", "-sSf", "--cacert", lab.roots, lab.directory_url))["meta"]
            if meta["caaIdentities"] != [DOMAIN]:
                sys.exit(f"the directory says {meta}")
            certbot(lab, dns)
            dehydrated(lab, dns)
            lego(lab, dns)
            persistent(lab, dns)
            methods(lab)
            probe(lab, dns)


main()
