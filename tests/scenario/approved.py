#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=420
"""Certificates that persons have to allow, with Debian's certbot and dehydrated, unmodified: both wait, and get what is
granted; they hear of a denial and of an end; who lost patience finds the grant. By one or two persons, through a death of
core, for operators as well; who commands says why where that is wanted, and all of it stands in the trail."""

import functools
import http.server
import json
import os
import pathlib
import signal
import sqlite3
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
import acme  # noqa: E402
from lab import AUTARKY, DOMAIN, Lab, Process, expect, run, steady_port, verify_chain, wait_for  # noqa: E402

FIRST, SECOND = "daemon", "bin"  # users that every Debian has
WAITING, LATER = 4, 75
RULES = f"""\
  - {{name: two, allow: ["*.two.{DOMAIN}"], approval: true, approvers: 2}}
  - {{name: one, allow: ["*.{DOMAIN}"], approval: true}}
  - {{name: hands, from: [operators], allow: ["*.{DOMAIN}"], approval: true}}
"""
CONTROL = f"control: {{people: [{FIRST}, {SECOND}]}}\n"


def as_user(lab, user, *args, ok=(0,)):
    return run("setpriv", "--reuid", user, "--clear-groups", AUTARKY, *args, "--data", lab.data, ok=ok)


def approvals(lab):
    return json.loads(lab.autarky("approval", "list", "--json"))["approvals"]


def pending(lab, name):
    """The id of what waits for that name, once something does."""
    found = []

    def look():
        found[:] = [a["id"] for a in approvals(lab) if a["state"] == "pending" and f"for {name}," in a["what"]]
        return found
    wait_for(f"an approval for {name}", look)
    return found[0]


class Certbot:
    def __init__(self, lab, name):
        self.name, self.home, self.lab = name, lab.directory / f"certbot-{name}", lab

    def start(self, *options):
        return Process(f"certbot-{self.name}", self.lab.directory, "/usr/bin/certbot", "certonly", "--standalone",
                       "--http-01-port", self.lab.http_port, "--server", self.lab.directory_url, "--agree-tos", "--email",
                       f"a@{DOMAIN}", "--no-eff-email", "-d", self.name, "--config-dir", self.home, "--work-dir", self.home,
                       "--logs-dir", self.home, "--non-interactive", *options,
                       env={**os.environ, "REQUESTS_CA_BUNDLE": str(self.lab.roots)})

    def ends(self, process, status, words=None):
        found = process.popen.wait(60)
        text = process.log.read_text() + (self.home / "letsencrypt.log").read_text()
        if found != status:
            sys.exit(f"certbot ended with {found}, not {status}:\n{text}")
        if words:
            expect(text, words, "what certbot was told")

    def verify(self):
        live = self.home / "live" / self.name
        verify_chain(self.lab.roots, live / "cert.pem", live / "chain.pem", live / "fullchain.pem", self.name)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


class Dehydrated:
    def __init__(self, lab):
        self.lab, self.base = lab, lab.directory / "dehydrated"
        challenges = lab.directory / "www" / ".well-known" / "acme-challenge"
        challenges.mkdir(parents=True)
        self.base.mkdir()
        self.web = http.server.ThreadingHTTPServer(("127.0.0.1", lab.http_port),
                                                   functools.partial(Quiet, directory=lab.directory / "www"))
        threading.Thread(target=self.web.serve_forever, daemon=True).start()
        (self.base / "config").write_text(
            f"CA={lab.directory_url}\nBASEDIR={self.base}\nWELLKNOWN={challenges}\nCHALLENGETYPE=http-01\n"
            f"CURL_OPTS=\"--cacert {lab.roots}\"\nKEY_ALGO=prime256v1\nCONTACT_EMAIL=a@{DOMAIN}\n")
        run("/usr/bin/dehydrated", "--register", "--accept-terms", "--config", self.base / "config")

    def start(self, name):
        return Process(f"dehydrated-{name}", self.lab.directory, "/usr/bin/dehydrated", "--cron", "--config",
                       self.base / "config", "--domain", name)

    def close(self):
        self.web.shutdown()
        self.web.server_close()


def granted_to_certbot(lab):
    bot = Certbot(lab, f"wiki.{DOMAIN}")
    process = bot.start()
    one = pending(lab, bot.name)
    told = json.loads(as_user(lab, FIRST, "approval", "show", one, "--json"))
    proof = told["evidence"][bot.name]
    if (told["names"], told["rules"], told["client"], proof["challenge"]) != ([{"name": bot.name}], "one", "127.0.0.1",
                                                                              "http-01"):
        sys.exit(f"not what certbot asked for: {told}")
    expect(told["csr"], "BEGIN CERTIFICATE REQUEST", "the request")
    expect(as_user(lab, FIRST, "approval", "show", one), f"proven           {bot.name}, by http-01", "show")
    expect(lab.autarky("approval", "grant", one, ok=(2,)), "not among control.people", "root")
    as_user(lab, FIRST, "approval", "grant", one, "--reason", "INC-1")
    bot.ends(process, 0)
    bot.verify()


def denied_to_certbot(lab):
    bot = Certbot(lab, f"no.{DOMAIN}")
    process = bot.start()
    one = pending(lab, bot.name)
    expect(as_user(lab, SECOND, "approval", "deny", one, ok=(2,)), "say why", "no reason")
    as_user(lab, SECOND, "approval", "deny", one, "--reason", "no such ward")
    bot.ends(process, 1, "no such ward")


def certbot_loses_patience(lab):
    bot = Certbot(lab, f"late.{DOMAIN}")
    bot.ends(bot.start("--issuance-timeout", "1"), 1)
    one = pending(lab, bot.name)
    as_user(lab, FIRST, "approval", "grant", one, "--for", "90d")
    bot.ends(bot.start(), 0)
    bot.verify()
    bot.ends(bot.start("--force-renewal"), 0)
    used, = [a for a in approvals(lab) if a["id"] == one]
    if used["state"] != "granted":
        sys.exit(f"granted for 90 days, and {used}")


def ours(lab, name, *more, ok):
    """`autarky obtain`, which does not wait long for persons."""
    out = lab.directory / name
    said = run(AUTARKY, "obtain", "--server", lab.directory_url, "--ca-file", lab.roots, "--name", name, "--out", out, "--agree-tos",
               "--http-listen", f"127.0.0.1:{lab.http_port}", "--issuance-timeout", "2s", *more, ok=ok)
    return out, said


def asked(lab, name):
    return [a for a in approvals(lab) if f"for {name}," in a["what"]]


def our_client_goes_on(lab):
    """An order that persons have not decided about is no failure: it stays, no other CA is asked around them, and a run after they did
    takes what they decided."""
    # It would issue without asking persons.
    second = ("--fallback-server", lab.directory_url.replace("/acme/", "/acme/staging/"), "--fallback-ca-file", lab.roots)
    for more in ((), second):
        name = f"ours{len(more)}.{DOMAIN}"
        out, said = ours(lab, name, *more, ok=(LATER,))
        expect(said, "has the order and has not decided yet", "an order that waits")
        expect(said, f"`autarky renew {out}` goes on with it", "what goes on with it")
        for _ in range(4):  # more often than an order is tried that is cut off
            said = run(AUTARKY, "renew", out, ok=(LATER,))
        if "fallback" in said or (out / "cert.pem").exists():
            sys.exit(f"persons were passed over:\n{said}")
        told = run(AUTARKY, "renew", out, "--json", ok=(LATER,))
        told = json.loads(told[told.index("[\n"):told.rindex("]") + 1])
        if told[0].get("undecided") is not True:
            sys.exit(f"not told as undecided: {told}")
        expect(run(AUTARKY, "agent", "doctor", out, ok=(0, 2)), "has not decided yet: a person there may have to", "doctor")
        one, = asked(lab, name)
        as_user(lab, FIRST, "approval", "grant", one["id"])
        run(AUTARKY, "renew", out)
        verify_chain(lab.roots, out / "cert.pem", out / "chain.pem", out / "fullchain.pem", name)
        if len(asked(lab, name)) != 1 or (out / ".autarky/order").exists() or "undecided_since" in (out / ".autarky/state.json").read_text():
            sys.exit(f"another one was asked for: {asked(lab, name)}")
        expect(run(AUTARKY, "renew", out, "--exit-code", ok=(1,)), "not due", "nothing to do")
    # One with a certificate has a plan, which stays.
    state = (out / ".autarky/state.json").read_bytes()
    _, said = ours(lab, name, "--key", "p384", ok=(LATER,))
    expect(said, "the same command goes on with it", "what goes on with it")
    if (out / ".autarky/state.json").read_bytes() != state:
        sys.exit("the plan of the certificate in place is another one")
    as_user(lab, FIRST, "approval", "grant", pending(lab, name))
    ours(lab, name, "--key", "p384", ok=(0,))
    # What persons deny is said, once, and they are not asked again in the same run.
    name = f"denied.{DOMAIN}"
    out, _ = ours(lab, name, ok=(LATER,))
    as_user(lab, SECOND, "approval", "deny", pending(lab, name), "--reason", "no such ward")
    expect(run(AUTARKY, "renew", out, ok=(2,)), "no such ward", "a denial")
    if len(asked(lab, name)) != 1:
        sys.exit(f"persons were asked again: {asked(lab, name)}")


def two_for_dehydrated(lab, client):
    name = f"pacs.two.{DOMAIN}"
    process = client.start(name)
    one = pending(lab, name)
    as_user(lab, FIRST, "approval", "grant", one, "--renewals")
    expect(as_user(lab, FIRST, "approval", "grant", one, ok=(2,)), "takes 2 different ones", "one person twice")
    if process.popen.poll() is not None:
        sys.exit(f"dehydrated ended before the second person:\n{process.log.read_text()}")
    as_user(lab, SECOND, "approval", "grant", one, "--for", "30d")
    if process.popen.wait(60):
        sys.exit(f"dehydrated failed:\n{process.log.read_text()}")
    told = json.loads(lab.autarky("approval", "show", one, "--json"))
    if (told["scope"], told["used"], len(told["votes"])) != ("renewals", 1, 2):
        sys.exit(f"not the narrower of two grants: {told}")
    live = client.base / "certs" / name
    verify_chain(lab.roots, live / "cert.pem", live / "chain.pem", live / "fullchain.pem", name)
    # It renews, with another key.
    run("/usr/bin/dehydrated", "--cron", "--force", "--config", client.base / "config", "--domain", name)


def denied_and_expired_to_dehydrated(lab, client):
    process = client.start(f"x.{DOMAIN}")
    as_user(lab, FIRST, "approval", "deny", pending(lab, f"x.{DOMAIN}"), "--reason", "no")
    if process.popen.wait(60) == 0:
        sys.exit("dehydrated took a denial for a certificate")
    expect(process.log.read_text(), "Order in status invalid", "dehydrated, denied")
    lab.configure(policy=RULES, extra=CONTROL.replace("people:", "approval_wait: 3s, people:"))
    lab.autarky("reload")
    process = client.start(f"y.{DOMAIN}")
    if process.popen.wait(60) == 0:
        sys.exit("dehydrated took an end for a certificate")
    expect(process.log.read_text(), "Order in status invalid", "dehydrated, expired")
    lab.configure(policy=RULES, extra=CONTROL)
    lab.autarky("reload")


def through_a_death(lab):
    responder = acme.Http01(lab.http_port)
    client = acme.Client(lab.directory_url, str(lab.roots), responder)
    name = f"death.{DOMAIN}"
    client.register()
    url, order = client.order([name])
    client.answer(order["authorizations"][0])
    client.wait(url, ("ready",))
    reply = client.post(order["finalize"], {"csr": acme.b64(acme.make_csr(acme.new_key(), [name]))})
    if (reply.json["status"], reply.headers["Retry-After"]) != ("processing", "15"):
        sys.exit(f"not waiting: {reply.json}")
    one = pending(lab, name)
    for act in (lambda: None, lambda: as_user(lab, FIRST, "approval", "grant", one)):
        act()
        core, = [p["pid"] for p in json.loads(lab.autarky("status", "--json"))["processes"] if p["role"] == "core"]
        os.kill(core, signal.SIGKILL)
        wait_for("core after its death", lambda: '"approvals"' in lab.autarky("approval", "list", "--json", ok=(0, 2, 75)))
    wait_for("the certificate", lambda: client.post(url).json["status"] == "valid")
    responder.close()


def operators(lab):
    out = lab.directory / "issued"
    ask = ("cert", "issue", "--name", f"o.{DOMAIN}", "--name", f"xn--bcher-kva.{DOMAIN}", "--out", out, "--reason", "INC-2")
    expect(lab.autarky(*ask, ok=(WAITING,)), "takes a second person", "cert issue")
    waiting = approvals(lab)[0]
    told = as_user(lab, SECOND, "approval", "show", waiting["id"])
    expect(told, f"xn--bcher-kva.{DOMAIN}  (reads: b\u00fccher.{DOMAIN})", "what looks alike")
    expect(told, "INC-2", "the reason")
    expect(as_user(lab, SECOND, "approval", "grant", waiting["id"], "--renewals", ok=(2,)), "of ACME accounts alone", "renewals")
    as_user(lab, SECOND, "approval", "grant", waiting["id"])
    lab.autarky(*ask)
    lab.autarky(*ask, "--force", ok=(WAITING,))


def reasons(lab):
    lab.configure(policy=RULES, extra=CONTROL.replace("people:", "reasons: required, people:"))
    lab.autarky("reload", "--reason", "INC-3")
    for command in (("reload",), ("eab", "create", "k"), ("cert", "issue", "--name", f"r.{DOMAIN}", "--out", lab.directory / "r"),
                    ("issuance", "thaw"), ("ui", "link"), ("drill", "runner")):
        expect(lab.autarky(*command, ok=(2,)), "say why, with --reason", " ".join(map(str, command)))
    lab.autarky("eab", "create", "k", "--dry-run")
    lab.autarky("eab", "create", "k", "--reason", "INC-4")
    lab.autarky("status")
    lab.configure(policy=RULES, extra=CONTROL)
    lab.autarky("reload", "--reason", "INC-5")


def hostile(lab):
    lab.configure(policy=RULES, extra=f"control: {{people: [{FIRST}]}}\n")
    expect(run(AUTARKY, "config", "check", "--data", lab.data, ok=(2,)), "takes approval, by 2", "too few people")
    lab.configure(policy=RULES, extra=CONTROL)
    expect(lab.autarky("policy", "explain", "--name", f"a.two.{DOMAIN}"), "waits for approval, by 2", "explain")


def trail(lab):
    with sqlite3.connect(f"file:{lab.data}/db/store.db?mode=ro", uri=True) as db:
        events = [json.loads(e) for (e,) in db.execute("SELECT bytes FROM events ORDER BY sequence")]
    found = [(e["action"], e["actor"]["kind"], e["reason"]) for e in events]
    for wanted in (("approval.granted", "operator", "INC-1"), ("approval.denied", "operator", "no such ward"),
                   ("approval.expired", "system", None), ("approval.voted", "operator", None),
                   ("approval.asked", "account", None), ("approval.asked", "operator", "INC-2"),
                   ("approval.used", "account", None), ("approval.used", "operator", "INC-2"),
                   ("operator.commanded", "operator", "INC-3"), ("eab.created", "operator", "INC-4")):
        if wanted not in found:
            sys.exit(f"{wanted} is not in the trail: {sorted(set(found), key=str)}")


def main():
    if os.access("/proc/self/loginuid", os.W_OK):
        pathlib.Path("/proc/self/loginuid").write_text("4294967295", encoding="ascii")  # then the user counts
    port = steady_port()
    with Lab(policy=RULES, extra=CONTROL) as lab:
        lab.data.chmod(0o755)
        configure = lab.configure
        lab.configure = lambda **what: configure(api=(f"127.0.0.1:{port}",), **what)
        lab.configure(policy=RULES, extra=CONTROL)
        lab.start()
        hostile(lab)
        granted_to_certbot(lab)
        denied_to_certbot(lab)
        certbot_loses_patience(lab)
        our_client_goes_on(lab)
        client = Dehydrated(lab)
        two_for_dehydrated(lab, client)
        denied_and_expired_to_dehydrated(lab, client)
        client.close()
        through_a_death(lab)
        operators(lab)
        reasons(lab)
        lab.stop()
        trail(lab)


main()
