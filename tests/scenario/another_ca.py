#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=600
"""Sites whose certificates come from another CA, pebble with its bad nonces and pauses: by http-01 through the gateway's own
machine, by tls-alpn-01 and by dns-01 with BIND; an internal certificate meanwhile, replaced without a failed request; a
second CA when the first is away; and the death of who carries the requests, and of who signs them, in the middle."""

import base64
import http.server
import json
import os
import pathlib
import signal
import ssl
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from dns_server import DnsServer  # noqa: E402
from lab import AUTARKY, DOMAIN, OPENSSL, expect, free_port, run, wait_for  # noqa: E402
from outside import Tortured, World, directories, site  # noqa: E402
from sites import Backend  # noqa: E402

SECRET = base64.b64encode(b"fedcba9876543210fedcba9876543210").decode()
KID, KEY = "kid-1", "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
HTTP, ALPN, RECORD, SECOND = (f"{name}.{DOMAIN}" for name in ("http", "alpn", "record", "second"))


class Bound(Tortured):
    bindings = {KID: KEY}


class Elsewhere(http.server.BaseHTTPRequestHandler):
    """Port 80 of a site is not always ours: what is there sends all that comes to HTTPS, where a worker of the gateway answers."""
    sent = []

    def log_message(self, *args):
        pass

    def do_GET(self):
        self.sent.append(self.path)
        self.send_response(301)
        self.send_header("Location", f"https://{self.headers['Host'].split(':')[0]}:{self.server.gateway}{self.path}")
        self.send_header("Content-Length", "0")
        self.end_headers()


def elsewhere(lab):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    server.daemon_threads, server.gateway = True, lab.ports[1]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class Load(threading.Thread):
    """A new connection and a request, again and again."""

    def __init__(self, lab, name):
        super().__init__(daemon=True)
        self.lab, self.name, self.ended = lab, name, False
        self.good, self.bad = 0, []
        self.context = ssl.create_default_context()
        self.context.check_hostname, self.context.verify_mode = False, ssl.CERT_NONE
        self.start()

    def run(self):
        while not self.ended:
            try:
                client = self.lab.client(self.name, self.context)
                client.request("GET", "/bytes/10", headers={"Host": self.name})
                answer = client.getresponse()
                if answer.status != 200 or len(answer.read()) != 10:
                    raise OSError(f"status {answer.status}")
                client.close()
                self.good += 1
            except Exception as e:  # pylint: disable=broad-except
                self.bad.append(repr(e))
            time.sleep(0.02)

    def stop(self):
        self.ended = True
        self.join()
        if self.bad or self.good < 10:
            sys.exit(f"{self.good} requests were answered, {len(self.bad)} were not: {self.bad[:3]}")
        return self.good


def configure(lab, sites, listed):
    lab.sites = sites
    lab.configure("  directories:\n" + directories(*listed) +
                  f"  updates: [{{name: ours, file: \"{lab.directory}/dns.conf\"}}]\n")


def mistakes(lab, backend, pebble):
    """What `config check` says."""
    url = pebble.directory_url
    cases = (
        (dict(directory="https://ca.example/dir"), "is not the `url` of one of `directories`"),
        (dict(challenge="tls-alpn-01"), "has `challenge`, which does nothing without `directory`"),
        (dict(directory=url, fallback=url), f"falls back to {url}, which is its `directory`"),
        (dict(directory=url, challenge="dns-01"), "has `challenge: dns-01` and no `dns`"),
        (dict(directory=url, challenge="dns-01", dns="theirs"), "has `dns: theirs`, which is none of `updates`"),
        (dict(directory=url, dns="ours"), "has `dns`, which is for `challenge: dns-01` alone"),
        (dict(directory=url, algorithms=["sm2"]), "has neither ecdsa nor rsa"),
        (dict(directory="http://ca.example/dir"), "https"),
    )
    for more, said in cases:
        configure(lab, [site(lab, backend, HTTP, **more)], [(pebble, "")])
        expect(lab.autarky("config", "check", ok=(65, 78, 1, 2)), said, str(more))
    configure(lab, [site(lab, backend, HTTP, directory=url)], [(pebble, ", eab_kid: x")])
    expect(lab.autarky("config", "check", ok=(65, 78, 1, 2)), "a binding takes both", "half a binding")


def meanwhile(lab, pebble):
    """The other CA is not there: an internal certificate serves. It comes: it is replaced under load."""
    wait_for("the internal certificate", lambda: lab.certificates(HTTP)["ecdsa"]["state"] == "meanwhile", 60)
    expect(lab.issuer(HTTP), "Example Hospital", "the certificate that serves meanwhile")
    expect(lab.autarky("site", "check", HTTP, ok=(0, 2)), "an internal certificate serves", "site check, meanwhile")
    load = Load(lab, HTTP)
    wait_for("a failure that is told", lambda: lab.state(HTTP)["failures"] > 0, 90)
    expect(lab.state(HTTP)["reason"], "cannot be reached", "why")
    pebble.start()
    lab.autarky("site", "renew", HTTP)
    lab.wait_public(HTTP)
    time.sleep(1)
    print(f"{load.stop()} requests during the change, none failed", flush=True)
    expect(lab.autarky("site", "check", HTTP, ok=(0, 2)), "served, from another CA", "site check")
    told = lab.state(HTTP)
    if told["state"] != "valid" or told["directory"] != pebble.directory_url or told["failures"]:
        sys.exit(f"site list says {told}")
    pair = lab.data / "sites" / HTTP / "ecdsa"
    if run(OPENSSL, "pkey", "-in", pair / "privkey.pem", "-pubout") != \
            run(OPENSSL, "x509", "-in", pair / "cert.pem", "-noout", "-pubkey"):
        sys.exit("the key is not that of the certificate")


def kept(lab):
    """A keeper that is started anew has what is there, and orders nothing."""
    before = lab.issuer(HTTP), lab.state(HTTP)["serial"]
    pid = lab.processes("keeper")[0]
    os.kill(pid, signal.SIGKILL)
    wait_for("another keeper", lambda: lab.processes("keeper") not in ([], [pid]))
    wait_for("its certificates", lambda: lab.state(HTTP)["state"] == "valid")
    if (lab.issuer(HTTP), lab.state(HTTP)["serial"]) != before:
        sys.exit("a new keeper, another certificate")


def killed(lab, pebble):
    """Who carries the requests dies in the middle of a renewal, which goes on; who signs them dies: what was begun counts as
    a failure, and the next attempt waits."""
    before = lab.state(HTTP)["serial"]
    lab.autarky("site", "renew", HTTP)
    wait_for("an order that is under way", lambda: lab.state(HTTP)["state"] == "obtaining")
    for _ in range(2):
        os.kill(lab.processes("emissary")[0], signal.SIGKILL)
        time.sleep(0.3)
    wait_for("a new certificate", lambda: lab.state(HTTP)["serial"] != before and lab.state(HTTP)["state"] == "valid", 120)
    before = lab.state(HTTP)["serial"]
    lab.autarky("site", "renew", HTTP)
    wait_for("an order that is under way", lambda: lab.failures(HTTP) == 1)
    pid = lab.processes("keeper")[0]
    os.kill(pid, signal.SIGKILL)
    wait_for("another keeper", lambda: lab.processes("keeper") not in ([], [pid]))
    wait_for("what it knows", lambda: lab.state(HTTP)["state"] == "waiting")
    told = lab.state(HTTP)
    if told["failures"] != 1 or told["serial"] != before or not lab.is_public(HTTP):
        sys.exit(f"after a death in the middle: {told}")
    lab.autarky("site", "renew", HTTP)
    wait_for("the next one", lambda: lab.state(HTTP)["serial"] != before and lab.state(HTTP)["failures"] == 0, 120)


def audited(lab, zone):
    out = lab.directory / "audit.jsonl"
    lab.autarky("audit", "export", "--out", out)
    text = "".join(p.read_text() for p in ([out] if out.is_file() else sorted(out.rglob("*.jsonl"))))
    for action in ("ordered", "installed", "failed"):
        expect(text, f'"site.certificate-{action}"', "the audit log")
    records = [r for r in map(json.loads, text.splitlines()) if r["action"].startswith("site.record-")]
    if {r["action"] for r in records} != {"site.record-added", "site.record-removed"}:
        sys.exit(f"records in the audit log: {records}")
    for one in records:
        detail = one["detail"]
        if one["object"]["id"] != RECORD or detail["zone"] != DOMAIN or detail["record"] != f"_acme-challenge.{RECORD}" or \
                detail["server"] != zone.address:
            sys.exit(f"a record in the audit log: {one}")
    added, removed = ([r for r in records if r["action"] == f"site.record-{what}"] for what in ("added", "removed"))
    if len(added) != len(removed):
        sys.exit(f"what was added is not what was removed: {records}")
    print(f"{len(records)} changes of records in the audit log", flush=True)


def open_zone(lab, zone, sites, listed):
    """`doctor` asks the zones of sites whether they take what nobody has signed: one does not, one does, one does not answer."""
    anybody = DnsServer(lab.directory / "anybody", {DOMAIN: "@ A 127.0.0.1"}, zone_options="allow-update { 127.0.0.1; };")
    nobody = free_port()
    text = (lab.directory / "dns.conf").read_text()
    for name, port in (("open", anybody.port), ("away", nobody)):
        (lab.directory / f"{name}.conf").write_text(text.replace(zone.address, f"127.0.0.1:{port}"))
    lab.sites = sites + [{**sites[-1], "name": f"{name}.{DOMAIN}", "dns": name} for name in ("open", "away")]
    more = "".join(f", {{name: {name}, file: \"{lab.directory}/{name}.conf\"}}" for name in ("open", "away", "unused"))
    lab.configure("  directories:\n" + directories(*listed) +
                  f"  updates: [{{name: ours, file: \"{lab.directory}/dns.conf\"}}{more}]\n")
    serials = [run("dig", "+short", "+tcp", "@127.0.0.1", "-p", s.port, DOMAIN, "SOA") for s in (zone, anybody)]
    env = {k: v for k, v in os.environ.items() if k != "CREDENTIALS_DIRECTORY"}  # a person's shell is no unit
    said = [c for c in json.loads(run(AUTARKY, "doctor", "--json", "--data", lab.data, ok=(0, 2), env=env))["checks"]
            if c["name"] == "updates"]
    if [c["state"] for c in said] != ["ok", "warning", "warning"]:
        sys.exit(f"doctor says {said}")
    for one, words in zip(said, ("ours of gateway.updates: the name server refuses",
                                 f"open of gateway.updates: 127.0.0.1:{anybody.port} takes updates of that zone that nobody has signed",
                                 f"away of gateway.updates: the name server 127.0.0.1:{nobody} cannot be asked")):
        expect(one["text"], words, "doctor")
    expect(said[1]["cure"], "allow the key alone", "the cure")
    if [run("dig", "+short", "+tcp", "@127.0.0.1", "-p", s.port, DOMAIN, "SOA") for s in (zone, anybody)] != serials:
        sys.exit("the question changed a zone")
    anybody.stop()


def main():
    backend = Backend()
    with World() as lab:
        (lab.data / "conf.d").mkdir(exist_ok=True)
        keys = f'key "acme" {{ algorithm hmac-sha256; secret "{SECRET}"; }};'
        zone = DnsServer(lab.directory / "zone", {DOMAIN: "@ A 127.0.0.1\n* A 127.0.0.1"}, keys=keys,
                         zone_options="update-policy { grant acme zonesub TXT; };")
        lab.dns.stop()
        lab.dns = zone
        redirects = elsewhere(lab)
        first, second = lab.pebble(Tortured, "first"), lab.pebble(Bound, "second", redirects.server_port)
        eab = lab.directory / "eab.key"
        eab.write_text(KEY + "\n")
        eab.chmod(0o600)
        dns = lab.directory / "dns.conf"
        dns.write_text(f"server: {zone.address}\nkey: acme\nsecret: credential:acme-tsig\nwait: primary\n")
        os.environ["CREDENTIALS_DIRECTORY"] = str(lab.directory / "credentials")  # as systemd has them for a unit
        (lab.directory / "credentials").mkdir(mode=0o700)
        (lab.directory / "credentials/acme-tsig").write_text(SECRET + "\n")
        (lab.directory / "credentials/acme-tsig").chmod(0o400)
        mistakes(lab, backend, first)
        listed = [(first, ""), (second, f", eab_kid: {KID}, eab_key_file: \"{eab}\"")]
        one = site(lab, backend, HTTP, directory=first.directory_url)
        configure(lab, [one], listed)
        lab.start()
        try:
            meanwhile(lab, first)
            kept(lab)
            killed(lab, first)
            more = [site(lab, backend, ALPN, directory=first.directory_url, challenge="tls-alpn-01", algorithms=["ecdsa", "rsa"]),
                    site(lab, backend, RECORD, directory=first.directory_url, challenge="dns-01", dns="ours")]
            configure(lab, [one, *more], listed)
            lab.autarky("reload")
            for name in (ALPN, RECORD):
                lab.wait_public(name)
                print(f"{name} has a certificate of the other CA", flush=True)
            wait_for("the RSA certificate", lambda: lab.state(ALPN, "rsa")["state"] == "valid", 120)
            first.stop()
            second.start()
            configure(lab, [one, *more, site(lab, backend, SECOND, directory=first.directory_url,
                                             fallback=second.directory_url)], listed)
            lab.autarky("reload")
            lab.wait_public(SECOND, 180)
            if lab.state(SECOND)["directory"] != second.directory_url:
                sys.exit(f"not from the fallback: {lab.state(SECOND)}")
            if not any(path.startswith("/.well-known/acme-challenge/") for path in Elsewhere.sent):
                sys.exit(f"nobody was sent to HTTPS for the proof: {Elsewhere.sent}")
            print("the fallback has issued, by a proof that a worker showed", flush=True)
            audited(lab, zone)
            open_zone(lab, zone, [one, *more], listed)
        finally:
            for server in (first, second):
                if server.process:
                    server.stop()
            backend.stop()


main()
