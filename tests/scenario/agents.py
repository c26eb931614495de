#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=600
"""Agents that enrol and report: `autarky-agent agent enrol` and `agent run` against a server, and what strangers make of it with OpenSSL: a
token used twice or by another, no certificate, another's, one of a removed agent, reports too long or too often; a wish to renew that
is obeyed where the agent lets itself be told, and nowhere else; a clock that is wrong shows, and how long it took from the request to the certificate
and from there to the proof; one that falls silent is told of."""

import base64
import contextlib
import json
import os
import pathlib
import re
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from dns_server import DnsServer  # noqa: E402
from lab import AGENT, AUTARKY, DOMAIN, OPENSSL, OPERATORS, Clock, Lab, Process, expect, run, steady_port, wait_for  # noqa: E402
from services import Nginx  # noqa: E402

ENABLED = "agents: {enabled: true, silent: 1h}\n"
RELOAD_TAKES = 2  # seconds
API = (f"127.0.0.1:{steady_port()}",)
POLICY = f"  - name: all\n    allow: [{DOMAIN}, \"*.{DOMAIN}\"]\n    challenges: [http-01, dns-01]\n" + OPERATORS
SECRET = base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
PAUSE = 21  # seconds that the server wants between two reports of an agent


def token(lab, *args):
    file = lab.directory / "token"
    made = subprocess.run([AUTARKY, "agent", "token", "create", "--data", lab.data, "--reason", "test", *args], check=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    lab.secrets.add(made.stdout.strip())
    file.write_text(made.stdout)
    file.chmod(0o600)
    return file


def enrol(lab, home, file, *args, ok=(0,)):
    done = subprocess.run([AGENT, "agent", "enrol", "--server", lab.api, "--ca-file", lab.roots, "--token-file", file, "--dir", home,
                           *args], check=False, capture_output=True, text=True)
    if done.returncode not in ok:
        sys.exit(f"enrol ended with {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def shown(lab, name):
    return json.loads(lab.autarky("agent", "show", name, "--json"))


def count(lab):
    return json.loads(lab.autarky("agent", "list", "--json"))


class Stranger:
    """Requests by OpenSSL's command alone."""

    def __init__(self, lab):
        self.lab, self.at = lab, lab.listeners()["api"][0]

    def post(self, path, body, alpn="autarky-agent", identity=None, kind="application/json"):
        head = (f"POST {path} HTTP/1.1\r\nHost: localhost:{self.at.rsplit(':', 1)[1]}\r\nContent-Type: {kind}\r\n"
                f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n")
        shows = ["-cert", identity, "-cert_chain", identity, "-key", identity] if identity else []
        done = subprocess.run([OPENSSL, "s_client", "-connect", self.at, "-alpn", alpn, "-quiet", "-CAfile", self.lab.roots,
                               "-servername", "localhost", *shows], input=(head + body).encode(), capture_output=True, check=False,
                              timeout=30)
        answer = re.search(rb"HTTP/1\.1 (\d+)", done.stdout)
        return (int(answer.group(1)) if answer else 0), done.stdout.decode(errors="replace") + done.stderr.decode(errors="replace")

    def expects(self, status, words, what, *args, **more):
        got, text = self.post(*args, **more)
        if got != status or words not in text:
            sys.exit(f"{what}: {got}, wanted {status} with {words!r}:\n{text}")


def report(**more):
    return json.dumps({"version": "0", "at": "2026-01-01T00:00:00Z", "counts": {"certificates": 0, "failing": 0, "unproven": 0},
                       "certificates": [], **more})


def by_strangers(lab, identity, spent):
    by = Stranger(lab)
    me = "/api/v1/agents/self"
    by.expects(0, "certificate required", "no certificate", me, report())
    by.expects(401, "show the certificate", "over another protocol nothing is shown", me, report(), alpn="http/1.1", identity=identity)
    by.expects(404, "nothing at", "another path", "/api/v1/agents/web1", report(), identity=identity)
    by.expects(401, "say who you are", "an agent is no user", "/api/v1/cert/list", "{}", identity=identity)
    by.expects(429, "come again later", "a report too soon", me, report(), identity=identity)
    foreign = lab.directory / "foreign.pem"
    conf = lab.directory / "req.cnf"
    conf.write_text("[req]\ndistinguished_name = dn\n[dn]\n")
    run(OPENSSL, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", foreign, "-out",
        lab.directory / "foreign.crt", "-subj", "/CN=web1", "-days", "1", "-config", conf)
    foreign.write_text(foreign.read_text() + (lab.directory / "foreign.crt").read_text())
    by.expects(401, "none of this CA", "a certificate of nobody", me, report(), identity=foreign)
    other = lab.directory / "other"
    name = f"{shown(lab, 'web1')['id']}.agents.{DOMAIN}"  # as the agent's own is called
    lab.autarky("cert", "issue", "--profile", "client", "--name", name, "--out", other)
    both = lab.directory / "other.pem"
    both.write_text((other / "fullchain.pem").read_text() + (other / "privkey.pem").read_text())
    by.expects(401, "certificate of an agent", "a client of this CA that is no agent", me, report(), identity=both)
    out = enrol(lab, lab.directory / "thief", spent, ok=(2,))
    expect(out, "used by another key", "a stolen token")
    out = enrol(lab, lab.directory / "second", token(lab), "--name", "web1", ok=(2,))
    expect(out, 'an agent "web1" already', "two agents of one name")


def by_an_agent(lab, identity):
    """Where users may show certificates, an agent's is none of theirs, over whichever protocol."""
    lab.configure(ENABLED + "control: {certificates: true}\n", policy=POLICY, api=API)
    lab.autarky("reload")
    for alpn in ("autarky-agent", "http/1.1"):
        by = Stranger(lab)
        for path in ("cert/list", "agent/renew", "agent/token", "policy/reload"):
            by.expects(401, "detail", f"an agent asks for {path} over {alpn}", "/api/v1/" + path, '{"name":"web1"}', alpn=alpn,
                       identity=identity)
        by.expects(400, "urn:ietf:params:acme:error:malformed", f"and of ACME over {alpn}", "/acme/new-order", "{}", alpn=alpn,
                   identity=identity, kind="application/jose+json")
    lab.configure(ENABLED, policy=POLICY, api=API)
    lab.autarky("reload")


def bad_reports(lab, identity):
    by = Stranger(lab)
    me = "/api/v1/agents/self"
    by.expects(413, "65536", "a huge report", me, report(why="x" * 70000), identity=identity)
    by.expects(400, "of a change", "a change that is none", me, report(changes=[{"directory": "/x", "n": 1}]), identity=identity)
    by.expects(400, "counts", "a broken report", me, '{"version":"1","at":"2026-01-01T00:00:00Z"}', identity=identity)


def alerts(lab):
    return {a["key"]: a for a in json.loads(lab.autarky("alert", "list", "--json"))["items"]}


def told_of(lab, identity):
    """What an agent reports of its host is an alert: a clock that is wrong, a certificate that fails, one that is not served."""
    wait_for("the alert of its clock", lambda: "clock:web1" in alerts(lab), 60)
    expect(alerts(lab)["clock:web1"]["summary"], "minutes ahead", "the clock")
    time.sleep(PAUSE)
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    rows = [{"directory": "/a", "names": [f"a.{DOMAIN}"], "not_after": now, "failures": 3, "why": "no proof"},
            {"directory": "/b", "names": [f"b.{DOMAIN}"], "not_after": now, "unproven": True, "why": "serves another one"},
            {"directory": "/c", "names": [f"c.{DOMAIN}"], "not_after": now, "failures": 1, "why": "once"}]
    body = json.loads(report(counts={"certificates": 3, "failing": 2, "unproven": 1}, certificates=rows))
    body["at"] = now
    Stranger(lab).expects(200, "", "a report of troubles", "/api/v1/agents/self", json.dumps(body), identity=identity)
    wait_for("alerts of them", lambda: {"renewal:web1//a", "proof:web1//b"} <= set(alerts(lab)), 60)
    found = alerts(lab)
    expect(found["proof:web1//b"]["summary"], "not seen to be served: serves another one", "a proof that failed")
    if "renewal:web1//c" in found or "clock:web1" in found:
        sys.exit(f"these hold: {sorted(found)}")


def trail_of(lab):
    """What agents have changed, as the audit log has it, oldest first."""
    out = lab.directory / f"trail-{time.monotonic_ns()}"
    lab.autarky("audit", "export", "--out", out)
    records = [json.loads(line) for p in sorted(out.glob("records-*")) for line in p.read_text().splitlines()]
    return [r["detail"] for r in records if r["action"] == "agent.changed"]


def changed(lab, place, one, reload):
    """What it did outside is in the report and, once, in the trail; a line that was told is not told again."""
    did = [(c["what"], c.get("subject"), c["directory"]) for c in one["report"]["changes"]]
    if did != [("installed", "generation 1", str(place)), ("installed", "generation 2", str(place)), ("reloaded", str(reload), str(place))]:
        sys.exit(f"what was changed: {did}")
    for words in ("what it changed last", f"reloaded       {reload}"):
        expect(lab.autarky("agent", "show", "web1"), words, "shown")
    if [(c["name"], c["what"]) for c in trail_of(lab)] != [("web1", "installed")] * 2 + [("web1", "reloaded")]:
        sys.exit(f"the trail: {trail_of(lab)}")


def obtained(lab, out, *args):
    """A certificate; how long that took, in milliseconds."""
    begin = time.monotonic()
    run(AGENT, "obtain", "--server", lab.directory_url, "--ca-file", lab.roots, "--out", out, "--agree-tos", "--name", f"web.{DOMAIN}",
        "--http-listen", f"127.0.0.1:{lab.http_port}", *args)
    return (time.monotonic() - begin) * 1000


def proven(out):
    """When it was seen to be served."""
    return json.loads((out / ".autarky/state.json").read_text()).get("proven")


def slow_reload(lab, service):
    """A service that takes its time: so long, at the least, is it from the certificate to the proof."""
    script = lab.directory / "reload"
    script.write_text(f"#!/bin/sh\nsleep {RELOAD_TAKES}\nkill -HUP $(cat {service.pid})\n")
    script.chmod(0o755)
    return script


def took(lab, name, most):
    """From the request to the certificate, and from there to the proof: as the API and the command have it, within what was seen to pass
    from outside."""
    one = next(c for c in shown(lab, name)["report"]["certificates"])
    issue, prove = one["issue_ms"], one["prove_ms"]
    if issue < 1 or prove < RELOAD_TAKES * 1000 or issue + prove > most or one["places"] != 1 or not one["proven"] > one["issued"]:
        sys.exit(f"these times are none, of {most} ms: {one}")
    expect(lab.autarky("agent", "show", name), f"issued in {issue} ms, seen to be served {prove} ms later", "shown")
    return one


def told_twice(lab, identity):
    """An answer that was lost: the same changes again, and one more."""
    before = len(trail_of(lab))
    one = {"directory": "/x", "n": 1, "at": "2026-01-01T00:00:00Z", "what": "record-added", "subject": f"_acme-challenge.x.{DOMAIN}"}
    by, me = Stranger(lab), "/api/v1/agents/self"
    for changes, more in (([one], 1), ([one, {**one, "n": 2, "what": "record-removed", "why": "refused"}], 2)):
        time.sleep(PAUSE)
        by.expects(200, "", "a report of changes", me, report(changes=changes), identity=identity)
        if len(trail_of(lab)) - before != more:
            sys.exit(f"after {changes}: {trail_of(lab)[before:]}")


def heartbeat(lab, certs, home, hours):
    """One that is away for longer than `agents.silent` is shown so, and told of; when it is back, that is over."""
    hours.advance(2 * 3600)
    wait_for("the alert of its silence", lambda: "agent:db1" in alerts(lab), 120)
    expect(alerts(lab)["agent:db1"]["summary"], "the agent db1 is silent: it was last heard of at", "its silence")
    if shown(lab, "db1")["state"] != "silent" or count(lab)["silent"] != 1:
        sys.exit(f"it is silent: {count(lab)}")
    agent = Process("back", lab.directory, AGENT, "agent", "run", certs, "--dir", home, env={**os.environ, "AUTARKY_TEST_CLOCK": str(hours.path)})
    wait_for("its return", lambda: shown(lab, "db1")["state"] == "good", 120)
    wait_for("the end of the alert", lambda: "agent:db1" not in alerts(lab), 120)
    agent.stop()


def records(lab, certs, home):
    """What an agent did to a zone: in its report, on the server's list, and in the trail, added and removed."""
    out = certs / "records"
    conf = lab.directory / "dns.conf"
    conf.write_text(f"server: {lab.dns.address}\nkey: acme\nsecret: {SECRET}\n")
    conf.chmod(0o600)
    lab.secrets.add(SECRET)
    run(AGENT, "obtain", "--server", lab.directory_url, "--ca-file", lab.roots, "--out", out, "--agree-tos", "--name",
        f"records.{DOMAIN}", "--dns", "rfc2136", "--dns-config", conf)
    agent = Process("records", lab.directory, AGENT, "agent", "run", certs, "--dir", home)
    wait_for("records in the trail", lambda: any(c["directory"] == str(out) for c in trail_of(lab)), 60)
    agent.stop()
    name, by = f"_acme-challenge.records.{DOMAIN}", f"dynamic update, {lab.dns.address}"
    want = [("record-added", name, by), ("record-removed", name, by)]
    for where, changes in (("the trail", trail_of(lab)), ("the report", shown(lab, "db1")["report"]["changes"])):
        did = [(c["what"], c["subject"], c["by"]) for c in changes if c["directory"] == str(out) and c["what"].startswith("record-")]
        if did != want:
            sys.exit(f"records in {where}: {did}")
    expect(lab.autarky("agent", "show", "db1"), f"record-added   {name}", "shown")


def main():
    with Lab() as lab, contextlib.ExitStack() as within:
        keys = f'key "acme" {{ algorithm hmac-sha256; secret "{SECRET}"; }};'
        lab.dns.stop()
        lab.dns = DnsServer(lab.directory / "zone", {DOMAIN: "@ A 127.0.0.1\n* A 127.0.0.1"}, keys=keys,
                            zone_options="update-policy { grant acme zonesub TXT; };")
        lab.configure(policy=POLICY, api=API)
        lab.start()
        refused = subprocess.run([AUTARKY, "agent", "token", "create", "--data", lab.data, "--reason", "x"], check=False,
                                 capture_output=True, text=True)
        expect(refused.stderr, "agents: {enabled: true}", "agents that are not enabled")
        lab.configure(ENABLED, policy=POLICY, api=API)
        lab.autarky("reload")
        clock = Clock(lab.directory / "clock")
        home, certs = lab.directory / "agent", lab.directory / "certs"
        certs.mkdir()
        obtained(lab, certs / "web")
        service = within.enter_context(Nginx(lab.directory, [(certs / "web/fullchain.pem", certs / "web/privkey.pem")]))
        reload = slow_reload(lab, service)
        most = obtained(lab, certs / "web", "--reload", reload, "--prove", f"127.0.0.1:{service.port}")
        file = token(lab, "--name", "web1")
        expect(enrol(lab, home, file, "--allow-renew"), "enrolled as web1", "enrolment")
        expect(enrol(lab, home, file, ok=(2,)), "enrolled already", "a second one")
        if (home / "identity.pem").stat().st_mode & 0o777 != 0o600 or home.stat().st_mode & 0o777 != 0o700:
            sys.exit("the agent's key can be read by others")
        env = {**os.environ, "AUTARKY_TEST_CLOCK": str(clock.path)}
        agent = Process("agent", lab.directory, AGENT, "agent", "run", certs, "--dir", home, env=env)
        wait_for("a report", lambda: shown(lab, "web1").get("reported"))
        one = shown(lab, "web1")
        if one["state"] != "good" or one["certificates"] != 1 or abs(one["skew_ms"]) > 5000:
            sys.exit(f"the report: {one}")
        web = one["report"]["certificates"][0]
        if web["names"] != [f"web.{DOMAIN}"] or web["directory"] != str(certs / "web") or web["issue_ms"] < 1:
            sys.exit(f"the report's certificate: {web}")
        changed(lab, certs / "web", one, reload)
        took(lab, "web1", most)
        by_strangers(lab, home / "identity.pem", file)
        by_an_agent(lab, home / "identity.pem")

        # A wish to renew, heard once the server lets it report again; and a clock that is wrong.
        before = (certs / "web" / "cert.pem").read_text()
        lab.autarky("agent", "renew", "web1", "--reason", "incident")
        time.sleep(PAUSE)
        bad_reports(lab, home / "identity.pem")
        clock.advance(600)
        wished, seen = time.monotonic(), proven(certs / "web")
        wait_for("a renewal", lambda: (certs / "web" / "cert.pem").read_text() != before, 60)
        skew = shown(lab, "web1")["skew_ms"]
        if not 500_000 < skew < 700_000:
            sys.exit(f"a clock that is ten minutes ahead: {skew}")
        wait_for("its proof", lambda: proven(certs / "web") != seen, 60)
        agent.stop()
        told_of(lab, home / "identity.pem")
        told_twice(lab, home / "identity.pem")

        # Another one, whose administrator does not let it be told.
        deaf = lab.directory / "deaf"
        enrol(lab, deaf, token(lab), "--name", "db1")
        lab.autarky("agent", "renew", "db1", "--reason", "incident")
        after = (certs / "web" / "cert.pem").read_text()
        agent = Process("deaf", lab.directory, AGENT, "agent", "run", certs, "--dir", deaf)
        wait_for("its report", lambda: shown(lab, "db1").get("reported"))
        took(lab, "db1", (time.monotonic() - wished) * 1000)  # of the renewal; a leap of the clock is in none of these times
        wait_for("what it heard", lambda: "not set up to be told" in agent.log.read_text())
        if (certs / "web" / "cert.pem").read_text() != after:
            sys.exit("it renewed although it was not allowed to be told so")
        agent.stop()
        time.sleep(PAUSE)
        records(lab, certs, deaf)
        if count(lab)["agents"] != 2:
            sys.exit(f"there are two agents: {count(lab)}")

        # Removed: at once, and its certificate is revoked.
        lab.autarky("agent", "remove", "web1", "--reason", "gone")
        Stranger(lab).expects(401, "was revoked", "a removed agent", "/api/v1/agents/self", report(), identity=home / "identity.pem")
        # What was reported is there after a crash.
        lab.server.stop(9)
        hours = Clock(lab.directory / "hours")
        lab.start(env={**os.environ, "AUTARKY_TEST_CLOCK": str(hours.path)})
        if shown(lab, "db1")["certificates"] != 2 or count(lab)["agents"] != 1:
            sys.exit("what was reported is not there any more")
        heartbeat(lab, certs, deaf, hours)


main()
