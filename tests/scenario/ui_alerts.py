#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=600
"""Alerts in the dashboard: what is wrong, who is told, and what does not reach them; acknowledged, kept silent and tried out by
buttons, and by the command lines that the buttons show; a viewer sees all of it and may do none of it."""

import http.server
import json
import os
import pathlib
import shlex
import signal
import ssl
import sys
import threading
import time
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import Lab, expect, free_port, wait_for  # noqa: E402
from screen import WHY, Screen, axe, everything_done, look  # noqa: E402

EVIL = "<img src=x onerror=window.evil=1>"
ZONE = "x.hospital.example"


class Hook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):  # pylint: disable=invalid-name
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *args):
        pass


def alerts(lab, *options):
    return json.loads(lab.autarky("alert", "list", "--json", *options))


def something_wrong(lab):
    """A lock is an alert; whoever set it may say what they like."""
    lab.autarky("issuance", "freeze", "--zone", ZONE, "--reason", EVIL)
    wait_for("an alert", lambda: alerts(lab)["items"], 60)
    wait_for("its delivery", lambda: "delivered" in lab.autarky("alert", "deliveries"), 60)
    wait_for("one that fails", lambda: "attempts failed" in lab.autarky("alert", "deliveries"), 60)
    return alerts(lab)["items"][0]


def acknowledging(screen, lab, alert):
    screen.go("alerts", "Alerts")
    command, _ = screen.action("Acknowledge …", {WHY: "INC-7"}, within=screen.table("Alerts").get_by_role("row").filter(has_text=ZONE))
    if command != f"autarky alert ack {alert['id']} --reason INC-7":
        sys.exit(f"the dialog says the same is: {command}")
    if alerts(lab, "--kind", "lock")["items"][0]["acked"]["reason"] != "INC-7":
        sys.exit("it is not acknowledged")
    row = screen.table("Alerts").get_by_role("row").filter(has_text=ZONE)
    row.filter(has_not=screen.page.get_by_role("button")).wait_for()
    row.get_by_role("link").first().click()
    screen.drawn("Alert")
    screen.says("INC-7")
    screen.says("delivered")
    axe(screen, "an alert")
    if screen.page.evaluate("window.evil") or screen.main.locator("img").count():
        sys.exit("what a person wrote became HTML")


def silencing(screen, lab):
    """What the button of an alert offers fits that alert; the command of the dialog does the same; anything else can be typed."""
    command, _ = screen.action("Silence …", {"For, as in 4h or 3d, or a time": "3d", WHY: "moving"})
    silence = alerts(lab)["silences"][0]
    if (silence["kind"], silence["reason"]) != ("lock", "moving"):
        sys.exit(f"the silence is {silence}")
    words = shlex.split(command)
    if words[:3] != ["autarky", "alert", "silence"]:
        sys.exit(f"the dialog says the same is: {command}")
    lab.autarky(*words[1:])
    if len({(s["kind"], s["object"], s["reason"]) for s in alerts(lab)["silences"]}) != 1:
        sys.exit(f"the command did something else: {alerts(lab)['silences']}")
    screen.go("alerts", "Alerts")
    card = screen.card("Silences")
    for left in (1, 0):
        card.get_by_role("button", name="End …").nth(left).wait_for()
        screen.action("End …", {WHY: "moved"}, within=card.get_by_role("row").nth(1))
        wait_for("the end of a silence", lambda left=left: len(alerts(lab)["silences"]) == left)
    screen.says("Nothing is kept silent")
    screen.action("Silence …", {"Kind": "disk", "Of what": "*.lab.example", "Owner": "net"}, within=card)
    silence = alerts(lab)["silences"][0]
    if (silence["kind"], silence["object"], silence["owner"]) != ("disk", "*.lab.example", "net"):
        sys.exit(f"the silence is {silence}")
    screen.action("End …", within=card)


def trying_out(screen):
    command, _ = screen.action("Test …", within=screen.row("hook", "Receivers and routes"))
    if command != "autarky alert test hook":
        sys.exit(f"the dialog says the same is: {command}")
    dialog = screen.page.dialog
    screen.press("Test …", screen.row("nowhere", "Receivers and routes"))
    screen.press("Test …", dialog)
    dialog.get_by_role("alert").filter(has_text="could not be reached").wait_for()
    screen.press("Cancel", dialog)
    dialog.wait_none()
    # Chromium tells of each answer that is no success.
    screen.quiet("a receiver that is away", "/api/v1/alert/test")


def ending(screen, lab):
    """The receiver that is away is an alert of its own by now."""
    lab.autarky("issuance", "thaw", "--zone", ZONE)
    wait_for("the end of it", lambda: not alerts(lab, "--kind", "lock")["items"], 60)
    screen.go("alerts?kind=lock", "Alerts")
    screen.says("Nothing is wrong")
    screen.press("Over")
    screen.page.wait_for_url("**/ui/alerts?kind=lock&over=yes")
    screen.table("Alerts").get_by_role("columnheader", name="Over since").wait_for()
    screen.press("lock \u2715")
    screen.page.wait_for_url("**/ui/alerts?over=yes")
    screen.table("Alerts").get_by_role("link", name="lock", exact=True).first().click()
    screen.page.wait_for_url("**/ui/alerts?kind=lock")
    screen.go("alerts?over=yes&kind=disk")
    screen.says("Nothing was wrong")


def told_at_once(screen, lab):
    """What happens on the host is on the page long before it would ask again by itself."""
    screen.go("alerts", "Alerts")
    screen.page.key("Tab")  # somebody is there
    screen.page.until("performance.getEntriesByType('resource').some(e => e.name.endsWith('/api/v1/events'))")
    begin = time.monotonic()
    lab.autarky("alert", "silence", "--kind", "disk", "--until", "1h", "--reason", "told at once")
    screen.page.get_by_text("told at once").wait(timeout=25_000)
    print(f"shown after {time.monotonic() - begin:.1f} s", flush=True)
    lab.autarky("alert", "unsilence", alerts(lab)["silences"][0]["id"])


def events(lab, token, last=None, seconds=40):
    request = urllib.request.Request(lab.api + "/api/v1/events", headers={"Authorization": f"Bearer {token}"})
    if last is not None:
        request.add_header("Last-Event-ID", last)
    context = ssl.create_default_context(cafile=str(lab.roots))
    try:
        with urllib.request.urlopen(request, context=context, timeout=seconds) as answer:
            expect(answer.headers["Content-Type"], "text/event-stream", "type")
            lines = answer.read().decode().splitlines()
            fields = dict(line.split(": ", 1) for line in lines if ": " in line and not line.startswith(":"))
            return fields["id"], json.loads(fields["data"])["kinds"] if "data" in fields else None
    except urllib.error.HTTPError as e:
        return e.code, None


def stream(lab):
    """For programs: from where it was, across a core that died; not for everybody, and not for longer than one may."""
    def token(name):
        return json.loads(lab.autarky("token", "create", name, "--role", "viewer", "--expires", "1h", "--json"))["token"]

    first = token("s-first")
    if events(lab, first[:-1])[0] != 401:
        sys.exit("events are told to those who may see nothing")
    last, kinds = events(lab, first)
    if kinds is not None:
        sys.exit(f"a stream begins with {kinds}")
    held = []
    waits = threading.Thread(target=lambda: held.append(events(lab, first, last)))
    waits.start()
    time.sleep(1)
    lab.autarky("token", "revoke", "s-first")
    waits.join(30)
    if not held or held[0][0] != 401:
        sys.exit(f"whose token was revoked while it waited is told {held}")
    again = token("s-again")
    core = [p for p in json.loads(lab.autarky("status", "--json"))["processes"] if p["role"] == "core"][0]["pid"]
    os.kill(core, signal.SIGKILL)
    lab.autarky("status", ok=(0, 2, 75))
    wait_for("another core", lambda: isinstance(events(lab, again)[0], str), 60)
    now, kinds = events(lab, again, last)
    if int(now) <= int(last) or "token" not in kinds:
        sys.exit(f"what happened meanwhile is not told: {kinds}, {last} to {now}")


def who_may_only_look(lab, beside):
    screen = Screen(lab, "victor", "viewer", beside)
    screen.go("alerts", "Alerts")
    screen.says(ZONE)
    screen.says("Messages")
    screen.offers_none("Acknowledge …", "Silence …", "Test …", "End …")
    screen.quiet("a viewer")
    screen.close()


def main():
    hook = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=hook.serve_forever, daemon=True).start()
    extra = f"""receivers:
  - {{name: hook, kind: webhook, url: "http://127.0.0.1:{hook.server_address[1]}/", plain: true, secret_file: hook.secret}}
  - {{name: nowhere, kind: webhook, url: "http://127.0.0.1:{free_port()}/", plain: true, secret_file: hook.secret}}
alerts:
  - {{to: [hook, nowhere]}}
  - {{at: [7d, 1d], to: hook, kinds: [certificate], after: 2h, quiet: "22:00-06:00"}}
"""
    with Lab(extra=extra, init_options=("--algorithms", "ecdsa")) as lab:
        (lab.data / "hook.secret").write_text("a secret of this test alone\n")
        (lab.data / "hook.secret").chmod(0o600)
        lab.start()
        alert = something_wrong(lab)
        screen = Screen(lab, "alice", "operator,officer")
        screen.go("", "Overview")
        screen.says("open alerts")
        look(screen, "alerts", "Alerts", ZONE)
        look(screen, f"alerts?id={alert['id']}", "Alert", "autarky issuance status")
        who_may_only_look(lab, screen)
        acknowledging(screen, lab, alert)
        silencing(screen, lab)
        trying_out(screen)
        told_at_once(screen, lab)
        ending(screen, lab)
        screen.quiet("at the end")
        screen.close()
        stream(lab)
    hook.shutdown()
    everything_done("ui_alerts")


main()
