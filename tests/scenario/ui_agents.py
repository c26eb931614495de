#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=600
"""Agents and approvals in the dashboard: a host enrols with the token that a dialog has shown, is seen, is told to renew and is taken away;
an ACME client waits for a person, who grants for a time, for this once, or denies and says why; what takes a second person on the host."""

import json
import os
import pathlib
import re
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import AGENT, DOMAIN, OPERATORS, Clock, Lab, Process, expect, run, wait_for  # noqa: E402
from operators import add  # noqa: E402
from screen import ALL_ROLES, WHY, Screen, axe, everything_done, look  # noqa: E402

PAUSE = 21  # seconds that the server wants between two reports of an agent
AGENTS = "agents: {enabled: true}\n"
CONTROL = "control: {two_persons: [issuance.thaw], people: [daemon]}\n"
POLICY = f"  - {{name: asked, allow: [\"*.ask.{DOMAIN}\"], approval: true}}\n  - {{name: all, allow: [\"*.{DOMAIN}\"]}}\n" + OPERATORS


def agents(lab):
    return json.loads(lab.autarky("agent", "list", "--json"))


def approvals(lab):
    return json.loads(lab.autarky("approval", "list", "--json"))["approvals"]


def obtain(lab, name, where):
    return (AGENT, "obtain", "--server", lab.directory_url, "--ca-file", lab.roots, "--out", where, "--agree-tos", "--name", name,
            "--http-listen", f"127.0.0.1:{lab.http_port}")


def new_token(screen, lab, name):
    screen.go("agents", "Agents")
    command, told = screen.action("New token …", {"Name": name, "Good for, as in 4h (a day otherwise)": "2h", WHY: "CHG-3"})
    if command != f"autarky agent token create --name {name} --within 2h --reason CHG-3":
        sys.exit(f"the dialog says the same is: {command}")
    token = re.search(r"\nToken\s+(\S+)", told)[1]
    lab.secrets.add(token)
    file = lab.directory / f"token-{name}"
    file.write_text(token + "\n")
    file.chmod(0o600)
    return file


def enrolling(screen, lab):
    """With what the dialog has shown, and is not shown again."""
    file = new_token(screen, lab, "web1")
    screen.table("Tokens that wait").filter(has_text="web1").wait_for()
    certs, home = lab.directory / "certs", lab.directory / "agent"
    certs.mkdir()
    run(*obtain(lab, f"web.{DOMAIN}", certs / "web"))
    run(AGENT, "agent", "enrol", "--server", lab.api, "--ca-file", lab.roots, "--token-file", file, "--dir", home, "--allow-renew")
    clock = Clock(lab.directory / "clock")
    agent = Process("agent", lab.directory, AGENT, "agent", "run", certs, "--dir", home, env={**os.environ, "AUTARKY_TEST_CLOCK": str(clock.path)})
    wait_for("a report", lambda: "reported" in agents(lab)["items"][0], 60)
    look(screen, "agents", "Agents", "web1")
    look(screen, "agents?name=web1", "web1", f"web.{DOMAIN}")
    screen.go("agents", "Agents")
    screen.says("No token waits to be used")
    screen.press("web1")
    screen.drawn("web1")
    return agent, clock, certs / "web" / "cert.pem"


def token_back(screen, lab):
    """A token that was not used yet is taken back, and is good for nothing."""
    file = new_token(screen, lab, "db1")
    row = screen.table("Tokens that wait").get_by_role("row").filter(has_text="db1")
    screen.action("Remove …", {WHY: "not needed"}, confirm="db1", within=row)
    screen.says("No token waits to be used")
    said = run(AGENT, "agent", "enrol", "--server", lab.api, "--ca-file", lab.roots, "--token-file", file, "--dir", lab.directory / "db1",
               ok=(2,))
    expect(said, "token", "a token that was taken back")


def renewing(screen, clock, cert):
    """The wish is heard with the next report, which is a few minutes after the last one."""
    before = cert.read_text()
    screen.go("agents?name=web1", "web1")
    command, _ = screen.action("Renew now", {WHY: "incident"})
    if command != "autarky agent renew web1 --reason incident":
        sys.exit(f"the dialog says the same is: {command}")
    time.sleep(PAUSE)
    clock.advance(600)
    wait_for("what the agent renewed", lambda: cert.read_text() != before, 90)


def removing(screen, lab, agent):
    screen.go("agents?name=web1", "web1")
    screen.action("Remove …", {WHY: "gone"}, confirm="web1")
    if agents(lab)["agents"]:
        sys.exit("the agent is there still")
    screen.quiet("an agent that is no more", "/api/v1/agent/show")
    screen.go("agents", "Agents")
    screen.says("No agent has enrolled")
    agent.stop()


# ---- approvals

def waits(lab, screen, name):
    """An ACME client that is held up, and the page of what it waits for."""
    client = Process(f"obtain-{name}", lab.directory, *obtain(lab, name, lab.directory / name))
    wait_for("an approval", lambda: [a for a in approvals(lab) if a["state"] == "pending" and name in a["what"]], 60)
    screen.go("", "Overview")
    screen.says("Requests that wait for a person to decide: 1")
    screen.press("Decide")
    screen.drawn("Approvals")
    screen.table("wait for a decision").get_by_role("link").first().click()
    screen.drawn("Approval")
    screen.says(name)
    screen.says("Evidence")
    return client


def deciding_for_acme(screen, lab):
    first = f"one.ask.{DOMAIN}"
    client = waits(lab, screen, first)
    one = approvals(lab)[0]["id"]
    look(screen, f"approvals?id={one}", "Approval", first)
    command, _ = screen.action("Grant …", {"For any number of certificates until, as in 90d (empty: this one)": "90d",
                                           "and for its renewals": True, WHY: "as agreed"})
    if command != f"autarky approval grant {one} --for 90d --renewals --reason 'as agreed'":
        sys.exit(f"the dialog says the same is: {command}")
    screen.says("granted")
    if client.popen.wait(60) or not (lab.directory / first / "cert.pem").exists():
        sys.exit(f"granted, and not had:\n{client.log.read_text()}")
    second = f"two.ask.{DOMAIN}"
    client = waits(lab, screen, second)
    screen.press("Deny …")
    screen.press("Deny …", screen.page.dialog)  # whoever asked is told why, so that has to be said
    if screen.page.dialog.locator("input:invalid").count() != 1:
        sys.exit("a denial without a reason")
    screen.action("Deny …", {"Why (whoever asked is told)": "no such ward"}, opened=True)
    screen.says("denied")
    if not client.popen.wait(60):
        sys.exit("denied, and had")
    expect(client.log.read_text(), "no such ward", "what the client is told")
    screen.go("approvals", "Approvals")
    screen.says("Nothing waits for a person")
    if len(screen.rows("Decided")) != 2:
        sys.exit(f"decided: {screen.rows('Decided')}")


def a_second_person(screen, lab):
    """What takes a second person: asked for on the host, decided here."""
    zone = ("--zone", f"x.{DOMAIN}", "--reason", "INC-4")
    lab.autarky("issuance", "freeze", *zone)
    for button, fields, state in (("Deny …", {"Why (whoever asked is told)": "no"}, "denied"), ("Grant …", {WHY: "yes"}, "granted")):
        lab.autarky("issuance", "thaw", *zone, ok=(4,))
        screen.go("approvals")
        screen.table("wait for a decision").get_by_role("link").first().click()
        screen.drawn("Approval")
        axe(screen, "an approval")
        screen.action(button, fields)
        screen.says(state)
        screen.offers_none("Deny …", "Grant …")
    lab.autarky("issuance", "thaw", *zone)


def main():
    with Lab(init_options=("--algorithms", "ecdsa")) as lab:
        lab.start()
        key = add(lab, "alice", ALL_ROLES)  # later it takes two persons to add one
        lab.stop()
        lab.configure(AGENTS + CONTROL, POLICY)
        lab.start()
        screen = Screen(lab, "alice", ALL_ROLES, key=key)
        agent, clock, cert = enrolling(screen, lab)
        token_back(screen, lab)
        renewing(screen, clock, cert)
        deciding_for_acme(screen, lab)
        removing(screen, lab, agent)
        a_second_person(screen, lab)
        screen.quiet("at the end", "/api/v1/agent/show")  # an answer about the one removed may come late
        screen.close()
    everything_done("ui_agents")


main()
