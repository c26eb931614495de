#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`autarky obtain` by dns-01: dynamic updates signed with each digest, taken by BIND, by Knot and by PowerDNS; zones found by SOA and through
an alias, wildcards beside their domain, values of others left alone, and what is said when the name server refuses. And all of its
secrets as credentials of systemd."""

import base64
import json
import os
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from dns_server import DnsServer, free_port  # noqa: E402
from knot_server import KnotServer  # noqa: E402
from lab import AUTARKY, DOMAIN, OPENSSL, Lab, expect, run, steady_port, verify_chain  # noqa: E402
from powerdns_server import PowerDnsServer  # noqa: E402

SECRET = base64.b64encode(b"fedcba9876543210fedcba9876543210").decode()
POLICY = f"  - name: all\n    allow: [{DOMAIN}, \"*.{DOMAIN}\"]\n    challenges: [dns-01]\n    wildcards: true\n"
ALGORITHMS = ("hmac-sha256", "hmac-sha384", "hmac-sha512")
RECORDS = """
* A 127.0.0.1
@ A 127.0.0.1
_acme-challenge.delegated CNAME delegated.acme
_acme-challenge.away CNAME away.elsewhere.example.
"""


def config(directory, name, text):
    path = directory / f"{name}.conf"
    path.write_text(text)
    path.chmod(0o600)
    return path


def obtain(lab, conf, *names, ok=(0,), options=(), env=None):
    out = lab.directory / f"out-{conf.stem}"
    said = run(AUTARKY, "obtain", "--server", lab.directory_url, "--ca-file", lab.roots, "--out", out, "--agree-tos", "--dns",
               "rfc2136", "--dns-config", conf, *(w for n in names for w in ("--name", n)), *options, ok=ok, env=env)
    if ok == (0,):
        verify_chain(lab.roots, *(out / f for f in ("cert.pem", "chain.pem", "fullchain.pem")),
                     names[0].replace("*", "any"))
    return said


def values(server, name):
    return run("dig", "+short", "+tcp", "@127.0.0.1", "-p", server.port, f"_acme-challenge.{name}", "TXT").split()


def bind(lab, server):
    where = f"server: 127.0.0.1:{server.port}\n"
    for algorithm in ALGORITHMS:
        conf = config(lab.directory, algorithm, f"{where}key: {algorithm}.key\nalgorithm: {algorithm}\nsecret: {SECRET}\n")
        said = obtain(lab, conf, f"{algorithm}.{DOMAIN}")
        expect(said, f"the name server 127.0.0.1:53 of {DOMAIN} cannot be asked whether it has the record", "a server away")

    # A key statement as BIND has it; a wildcard and its domain at one name; a value of somebody else's stays.
    keys = config(lab.directory, "acme.key", f'key "hmac-sha256.key" {{\n  algorithm hmac-sha256;\n  secret "{SECRET}";\n}};\n')
    conf = config(lab.directory, "wild", f"# ours\n{where}key_file = {keys}\nzone = {DOMAIN}\nwait: primary\nttl: 5\n")
    subprocess.run(["nsupdate", "-y", f"hmac-sha256:hmac-sha256.key:{SECRET}"], check=True, text=True,
                   input=f"server 127.0.0.1 {server.port}\nzone {DOMAIN}\n"
                         f"update add _acme-challenge.apps.{DOMAIN} 60 TXT theirs\nsend\n")
    obtain(lab, conf, f"*.apps.{DOMAIN}", f"apps.{DOMAIN}")
    text = run(OPENSSL, "x509", "-in", lab.directory / "out-wild/cert.pem", "-noout", "-text")
    expect(text, f"DNS:*.apps.{DOMAIN}", "the certificate")
    if values(server, f"apps.{DOMAIN}") != ['"theirs"']:
        sys.exit(f"at the name of the wildcard: {values(server, f'apps.{DOMAIN}')}")
    obtain(lab, conf, f"delegated.{DOMAIN}")
    if values(server, f"delegated.{DOMAIN}") != [f"delegated.acme.{DOMAIN}."]:
        sys.exit("the alias is not what it was, or a record was left")
    expect(run(AUTARKY, "renew", lab.directory / "out-wild", "--force"), "renewed", "renew")


def journal(out):
    return [json.loads(line) for line in (out / ".autarky/journal").read_text().splitlines()]


def noted(lab, server):
    """Each record that came and went is in the journal, with where; the name at which it was, behind an alias."""
    for conf, name in (("hmac-sha256", f"_acme-challenge.hmac-sha256.{DOMAIN}"), ("wild", f"delegated.acme.{DOMAIN}")):
        lines = [(n["what"], n["subject"], n["by"]) for n in journal(lab.directory / f"out-{conf}") if n["subject"] == name]
        by = f"dynamic update, 127.0.0.1:{server.port}"
        if lines[:2] != [("record-added", name, by), ("record-removed", name, by)] or len(lines) % 2:
            sys.exit(f"the journal of {conf}: {journal(lab.directory / f'out-{conf}')}")


def who_else(lab, server):
    """`agent doctor` asks the zone whether it takes what nobody has signed."""
    out = lab.directory / "out-hmac-sha256"
    said = run(AUTARKY, "agent", "doctor", out)
    if "nobody has signed" in said:
        sys.exit(f"BIND takes signed updates alone: {said}")
    before = run("dig", "+short", "+tcp", "@127.0.0.1", "-p", server.port, DOMAIN, "SOA")
    with DnsServer(lab.directory / "open", {DOMAIN: RECORDS}, zone_options="allow-update { 127.0.0.1; };") as anybody:
        conf = lab.directory / "hmac-sha256.conf"
        text = conf.read_text()
        conf.write_text(text.replace(f":{server.port}", f":{anybody.port}"))
        serial = run("dig", "+short", "+tcp", "@127.0.0.1", "-p", anybody.port, DOMAIN, "SOA")
        expect(run(AUTARKY, "agent", "doctor", out), "takes updates of that zone that nobody has signed", "a zone for everybody")
        if run("dig", "+short", "+tcp", "@127.0.0.1", "-p", anybody.port, DOMAIN, "SOA") != serial:
            sys.exit("the question changed the zone")
        conf.write_text(text)
    if run("dig", "+short", "+tcp", "@127.0.0.1", "-p", server.port, DOMAIN, "SOA") != before:
        sys.exit("the question changed the zone")


def persistent(lab, server):
    """dns-persist-01: a record by hand, one by updates, and renewals that change nothing in the DNS."""
    at = f"127.0.0.1:{server.port}"
    secret = f"hmac-sha256.key:{SECRET}"

    def by(out, *args, ok=(0,)):
        return run(AUTARKY, "obtain", "--server", lab.directory_url, "--ca-file", lab.roots, "--out", lab.directory / out,
                   "--agree-tos", "--dns-persist", "--resolver", at, *args, ok=ok)

    def look(kind, name):
        return run("dig", "+short", "+tcp", "@127.0.0.1", "-p", server.port, name, kind).splitlines()

    record = f"_validation-persist.hand.{DOMAIN}"
    said = by("hand", "--name", f"hand.{DOMAIN}", ok=(2,))
    expect(said, f"{record} has no TXT record that lets this account prove hand.{DOMAIN}", "by hand, before")
    text = re.search(rf'Write it once: {re.escape(record)} TXT "([^"]+)"', said).group(1)
    accounts = json.loads(lab.autarky("account", "list", "--json"))["items"]
    if not any(text.endswith(f"/acme/account/{a['id']}") for a in accounts):
        sys.exit(f"what is to be written: {text}")
    update = f"server 127.0.0.1 {server.port}\nzone {DOMAIN}\nupdate add {record} 60 TXT \"{text}\"\nsend\n"
    subprocess.run(["nsupdate", "-y", f"hmac-sha256:{secret}"], check=True, text=True, input=update)
    expect(by("hand", "--name", f"hand.{DOMAIN}"), "obtained a certificate", "by hand")
    out = lab.directory / "hand"
    verify_chain(lab.roots, *(out / f for f in ("cert.pem", "chain.pem", "fullchain.pem")), f"hand.{DOMAIN}")

    # By updates, a wildcard and its domain: one record for both.
    conf = config(lab.directory, "persist", f"server: {at}\nkey: hmac-sha256.key\nsecret: {SECRET}\nwait: primary\n")
    said = by("set", "--dns", "rfc2136", "--dns-config", conf, "--name", f"set.{DOMAIN}", "--name", f"*.set.{DOMAIN}")
    expect(said, f"wrote _validation-persist.set.{DOMAIN} TXT ", "by updates")
    out = lab.directory / "set"
    verify_chain(lab.roots, *(out / f for f in ("cert.pem", "chain.pem", "fullchain.pem")), f"any.set.{DOMAIN}")
    there = look("TXT", f"_validation-persist.set.{DOMAIN}")
    if len(there) != 1 or "; policy=wildcard" not in there[0]:
        sys.exit(f"the record that stays: {there}")
    serial = look("SOA", DOMAIN)
    for name in ("hand", "set"):
        expect(run(AUTARKY, "renew", lab.directory / name, "--force"), "renewed", f"renewal, {name}")
    if look("SOA", DOMAIN) != serial:
        sys.exit("a renewal changed the zone")
    # The record of one account is none of another's.
    said = by("thief", "--name", f"set.{DOMAIN}", ok=(2,))
    expect(said, "is for another account", "another account")


def refusals(lab, server):
    where = f"server: 127.0.0.1:{server.port}\n"
    wrong = base64.b64encode(b"another").decode()
    cases = (
        ("stranger", f"{where}key: nobody\nsecret: {SECRET}\n", "does not know the key nobody"),
        ("secret", f"{where}key: hmac-sha256.key\nsecret: {wrong}\n", "has another secret for the key hmac-sha256.key"),
        ("weak", f"{where}key: readonly\nsecret: {SECRET}\n", "refuses the update of"),
        ("nokey", where, "the key (none is configured)"),
        ("zone", f"{where}key: hmac-sha256.key\nsecret: {SECRET}\nzone: other.example\n", "NOTAUTH"),
        ("down", f"server: 127.0.0.1:{free_port()}\n", "cannot be asked: "),
        ("setting", f"{where}password: x\n", 'there is no setting "password"; there are server,'),
        ("digest", f"{where}algorithm: hmac-md5\n", "it is hmac-sha256, hmac-sha384 or hmac-sha512"),
        ("none", "ttl: 3\n", '"server" is missing'),
        ("half", f"{where}key: x\n", '"key" and "secret" belong together'),
    )
    for name, text, said in cases:
        expect(obtain(lab, config(lab.directory, name, text), f"refused.{DOMAIN}", ok=(2,)), said, name)
    conf = config(lab.directory, "away", f"{where}key: hmac-sha256.key\nsecret: {SECRET}\n")
    expect(obtain(lab, conf, f"away.{DOMAIN}", ok=(2,)), "holds no zone with away.elsewhere.example (it says REFUSED)", "away")
    conf.chmod(0o644)
    expect(obtain(lab, conf, f"away.{DOMAIN}", ok=(2,)), "holds a secret, and others may read it", "an open file")
    if values(server, f"refused.{DOMAIN}"):
        sys.exit("a failure left a record")


def sealed(lab, name, text):
    """Encrypted as an administrator does it, by the key of no TPM, and opened as systemd does it for a unit."""
    store, file = lab.directory / "credentials", lab.directory / f"{name}.cred"
    store.mkdir(mode=0o700, exist_ok=True)
    subprocess.run(["systemd-creds", "encrypt", "--with-key=tpm2-absent", f"--name={name}", "-", file], input=text, text=True,
                   check=True, stderr=subprocess.DEVNULL)
    (store / name).touch(mode=0o400)
    run("systemd-creds", "decrypt", f"--name={name}", file, store / name)
    if text.strip() in file.read_text():
        sys.exit(f"{name} is not encrypted")
    return {**os.environ, "CREDENTIALS_DIRECTORY": str(store)}


def credentials(lab, server):
    """Every secret is a credential of systemd; what is on disk may be read by anybody."""
    where = f"server: 127.0.0.1:{server.port}\nkey: hmac-sha256.key\n"
    binding = json.loads(lab.autarky("eab", "create", "sealed", "--json"))
    lab.secrets.add(binding["key"])
    sealed(lab, "eab", binding["key"] + "\n")
    sealed(lab, "acme", run(OPENSSL, "genpkey", "-quiet", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"))
    sealed(lab, "all", f"{where}secret: {SECRET}\n")
    env = sealed(lab, "tsig", SECRET + "\n")
    conf = config(lab.directory, "sealed", f"{where}secret: credential:tsig\n")
    conf.chmod(0o644)
    secrets = ("--account-key", "credential:acme", "--eab-kid", binding["kid"], "--eab-key-file", "credential:eab")
    obtain(lab, conf, f"sealed.{DOMAIN}", options=secrets, env=env)
    out = lab.directory / "out-sealed"
    if (out / ".autarky/account.pem").exists():
        sys.exit("an account's key is on disk")
    state = (out / ".autarky/state.json").read_text()
    expect(state, "credential:acme", "the state")
    for secret in (SECRET, binding["key"]):
        if secret in state:
            sys.exit("a secret is in the state")
    if json.loads(lab.autarky("eab", "list", "--json"))["items"][0]["accounts"] != 1:
        sys.exit("the account is not bound")
    expect(run(AUTARKY, "renew", out, "--force", env=env), "renewed", "with the credentials")
    expect(run(AUTARKY, "renew", out, "--force", ok=(2,)), "LoadCredentialEncrypted=tsig:FILE", "without")
    (lab.directory / "credentials/acme").unlink()
    expect(run(AUTARKY, "renew", out, "--force", env=env, ok=(2,)), 'this unit has no credential "acme"', "without the account's")
    obtain(lab, pathlib.Path("credential:all"), f"all.{DOMAIN}", env=env)
    out = lab.directory / "out-credential:all"
    (out / ".autarky/account.pem").chmod(0o644)
    expect(run(AUTARKY, "renew", out, "--force", env=env, ok=(2,)), "chmod 600 .autarky/account.pem", "an account's key for all")


def knot():
    """The holder of the zone is asked, and nobody else."""
    with Lab() as lab, KnotServer(lab.directory / "knot", DOMAIN, "* A 127.0.0.1\n@ A 127.0.0.1\n", ("acme", SECRET)) as server:
        lab.configure(policy=POLICY)
        path = lab.data / "autarky.yaml"
        path.write_text(path.read_text().replace(
            f"  - {{zone: \".\", servers: [\"127.0.0.1:{lab.dns.port}\"]}}\n",
            f"  - {{zone: {DOMAIN}, servers: [\"{server.address}\"], mode: authoritative}}\n"))
        lab.start()
        where = f"server: {server.address}\nkey: acme\n"
        obtain(lab, config(lab.directory, "knot", f"{where}secret: {SECRET}\n"), f"wiki.{DOMAIN}", f"*.wiki.{DOMAIN}")
        if values(server, f"wiki.{DOMAIN}"):
            sys.exit("Knot has a record left")
        wrong = base64.b64encode(b"another").decode()
        expect(obtain(lab, config(lab.directory, "wrong", f"{where}secret: {wrong}\n"), f"wiki.{DOMAIN}", f"x.{DOMAIN}", ok=(2,)),
               "has another secret for the key acme", "Knot and a wrong secret")


def powerdns():
    """The same by PowerDNS, which by its own defaults takes from this host what nobody has signed, too."""
    records = {(f"*.{DOMAIN}", "A"): ["127.0.0.1"], (DOMAIN, "A"): ["127.0.0.1"]}
    with Lab() as lab, PowerDnsServer(lab.directory / "pdns", "key", {DOMAIN: records}, "dnsupdate=yes\n") as server:
        lab.dns.port = server.port
        lab.configure(policy=POLICY)
        lab.start()
        server.api("POST", "/tsigkeys", {"name": "acme", "algorithm": "hmac-sha256", "key": SECRET})
        conf = config(lab.directory, "pdns", f"server: {server.address}\nkey: acme\nsecret: {SECRET}\nwait: primary\n")
        out = lab.directory / "out-pdns"
        anybody = "takes updates of that zone that nobody has signed"
        server.api("POST", f"/zones/{DOMAIN}./metadata", {"kind": "TSIG-ALLOW-DNSUPDATE", "metadata": ["acme"]})
        obtain(lab, conf, f"wiki.{DOMAIN}", f"*.wiki.{DOMAIN}")
        if values(server, f"wiki.{DOMAIN}"):
            sys.exit("PowerDNS has a record left")
        if anybody in run(AUTARKY, "agent", "doctor", out):
            sys.exit("PowerDNS takes signed updates alone")
        server.api("DELETE", f"/zones/{DOMAIN}./metadata/TSIG-ALLOW-DNSUPDATE")
        expect(run(AUTARKY, "agent", "doctor", out), anybody, "PowerDNS, for everybody here")


def main():
    keys = "".join(f'key "{a}.key" {{ algorithm {a}; secret "{SECRET}"; }};\n' for a in ALGORITHMS)
    keys += f'key "readonly" {{ algorithm hmac-sha256; secret "{SECRET}"; }};\n'
    allowed = "".join(f'key "{a}.key"; ' for a in ALGORITHMS)
    os.environ["AUTARKY_DATA"] = "/nowhere"
    with Lab() as lab, DnsServer(lab.directory / "updated", {DOMAIN: RECORDS}, keys=keys,
                                 zone_options=f"allow-update {{ {allowed} }};") as server:
        lab.dns.port = server.port
        port = steady_port()
        lab.configure(f"urls: {{api: \"https://localhost:{port}\"}}\n", policy=POLICY.replace("[dns-01]", "[dns-01, dns-persist-01]"),
                      api=(f"127.0.0.1:{port}",))
        lab.start()
        bind(lab, server)
        noted(lab, server)
        who_else(lab, server)
        persistent(lab, server)
        refusals(lab, server)
        credentials(lab, server)
    knot()
    powerdns()


main()
