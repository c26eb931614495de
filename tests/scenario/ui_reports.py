#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=600
"""Reports of months at /api/v1/, by mail and in the dashboard: who may have them, that nothing else of the disk can be had, and that
a month is mailed once, with a mail server that is away, the server killed meanwhile, and a timer that asks more than once."""

import datetime
import email
import email.policy
import json
import pathlib
import signal
import ssl
import sys
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from aiosmtpd.controller import Controller  # noqa: E402
from lab import DOMAIN, Lab, expect, steady_port, wait_for  # noqa: E402
from screen import PICTURES, WHY, Screen, axe, everything_done, look  # noqa: E402

MONTH = (datetime.datetime.now(datetime.timezone.utc).replace(day=1) - datetime.timedelta(days=1)).strftime("%Y-%m")


class Mailbox:
    """Keeps what it is given, by Message-ID."""

    def __init__(self, port):
        self.mails, self.port = [], port
        self.controller = Controller(self, hostname="127.0.0.1", port=port)
        self.controller.start()

    async def handle_DATA(self, server, session, envelope):  # pylint: disable=invalid-name,unused-argument
        self.mails.append((email.message_from_bytes(envelope.original_content, policy=email.policy.default), envelope.rcpt_tos))
        return "250 it is here"


def ask(lab, path, token, body=None):
    headers = {"Content-Type": "application/json"} if body is not None else {}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(lab.api + path, headers=headers, data=None if body is None else json.dumps(body).encode())
    try:
        with urllib.request.urlopen(request, context=lab.context, timeout=30) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as e:
        return e.code, e.headers, e.read().decode()


def be(what, got, wanted):
    if got != wanted:
        sys.exit(f"{what}: {got!r}, not {wanted!r}")


def over_http(lab, tokens):
    status, _, text = ask(lab, "/api/v1/report/list", tokens["auditor"])
    be("list", status, 200)
    report = json.loads(text)["items"][0]
    be("month", report["month"], MONTH)
    files = {f["name"]: f["bytes"] for f in report["files"]}
    for name in ("report.html", "report.json", "certificates.csv"):
        status, headers, text = ask(lab, f"/api/v1/reports/{MONTH}/{name}", tokens["auditor"])
        be(name, (status, len(text.encode())), (200, files[name]))
        be(name, text, (lab.data / "reports" / MONTH / name).read_bytes().decode())
        expect(headers["Content-Security-Policy"], "sandbox", f"policy of {name}")
        be(f"{name} is shown", headers["Content-Disposition"].startswith("inline"), name.endswith(".html"))
    for path in (f"{MONTH}/core", f"{MONTH}/..%2F..%2Fautarky.yaml", f"{MONTH}/../../autarky.yaml", "..//autarky.json", "2020-01/report.html",
                 f"{MONTH}/%22.html"):
        be(path, ask(lab, f"/api/v1/reports/{path}", tokens["auditor"])[0], 404)
    for who, wanted in (("viewer", 403), ("operator", 403), (None, 401)):
        token = tokens.get(who)
        be(f"a file for {who}", ask(lab, f"/api/v1/reports/{MONTH}/report.html", token)[0], wanted)
        be(f"the list for {who}", ask(lab, "/api/v1/report/list", token)[0], wanted)
    be("mail by an auditor", ask(lab, "/api/v1/report/mail", tokens["auditor"], {"receiver": "pki"})[0], 403)


def by_mail(lab, port):
    expect(lab.autarky("report", "--mail", "nobody", ok=(2,)), "no receiver", "a receiver that is not there")
    expect(lab.autarky("report", "--mail", "pki", "--out", lab.directory / "x", ok=(64,)), "--mail is about months", "--mail with --out")
    expect(lab.autarky("report", "--mail", "pki"), f"{MONTH} goes to pki@{DOMAIN}", "the mail server is away")
    wait_for("an attempt", lambda: "attempts failed" in lab.autarky("alert", "deliveries"), 60)
    expect(lab.autarky("report", "--mail", "pki"), "was mailed all of them", "once more")
    lab.stop(how=signal.SIGKILL)
    expect(lab.autarky("report", "--mail", "pki", ok=(2, 75)), "", "without a server")
    lab.start()
    box = Mailbox(port)
    wait_for("the mail", lambda: box.mails, 120)
    lab.autarky("report", "--mail", "pki")
    wait_for("nothing that waits", lambda: "waits" not in lab.autarky("alert", "deliveries"), 60)
    be("mails", len(box.mails), 1)
    mail, to = box.mails[0]
    be("to", to, [f"pki@{DOMAIN}"])
    numbers = json.loads((lab.data / "reports" / MONTH / "numbers.json").read_text())["numbers"]
    expect(mail["Subject"].replace("\n", ""), f"certificates in {MONTH}: {numbers['active']} in force", "subject")
    expect(mail.get_content(), f"{numbers['issued']:12}  issued", "what is in it")
    lab.autarky("report", "--month", MONTH, "--mail", "pki")
    wait_for("the one that was asked for", lambda: len(box.mails) == 2, 60)
    return box


def in_the_dashboard(lab, box):
    screen = Screen(lab, "alice", "officer,auditor")
    look(screen, "reports", "Reports", MONTH)
    row = screen.row(MONTH, "Reports")
    row.locator("summary").click()
    saved = row.get_by_role("link", name="certificates.csv", exact=True).download()
    be("its name", saved["name"], f"{MONTH}-certificates.csv")
    be("its bytes", saved["text"], (lab.data / "reports" / MONTH / "certificates.csv").read_bytes().decode())
    if PICTURES:
        screen.page.picture(f"{PICTURES}/reports-open.png")
    command, told = screen.action("Mail …", {"Receiver": "pki", WHY: "for the auditor"}, within=row)
    be("the dialog says", command, f"autarky report --month {MONTH} --mail pki")
    expect(told, f"It goes to pki@{DOMAIN}", "what the dialog says")
    wait_for("it", lambda: len(box.mails) == 3, 60)
    report = row.get_by_role("link", name="Read", exact=True).popup()
    report.get_by_role("heading", level=1).filter(has_text="Example Hospital").wait()
    if report.evaluate("getComputedStyle(document.querySelector('dl')).display") != "grid":
        sys.exit("the report has lost its style")
    be("the report's console", report.listen()["troubles"], [])
    report.close()
    screen.quiet("reports")
    nobody_else(lab, screen)
    screen.close()


def nobody_else(lab, beside):
    screen = Screen(lab, "victor", "viewer", beside)
    screen.go("", "Overview")
    if screen.page.get_by_role("link", name="Reports").count():
        sys.exit("a viewer is offered reports")
    axe(screen, "the overview of a viewer")
    screen.close()


def main():
    port = steady_port()
    extra = f"""receivers:
  - {{name: pki, kind: mail, server: "127.0.0.1:{port}", plain: true, from: ca@{DOMAIN}, to: [owner, pki@{DOMAIN}]}}
"""
    with Lab(extra=extra, init_options=("--algorithms", "ecdsa")) as lab:
        lab.start()
        lab.context = ssl.create_default_context(cafile=str(lab.roots))
        lab.autarky("report")
        tokens = {role: json.loads(lab.autarky("token", "create", role, "--role", role, "--expires", "1h", "--json"))["token"]
                  for role in ("auditor", "viewer", "operator")}
        over_http(lab, tokens)
        box = by_mail(lab, port)
        in_the_dashboard(lab, box)
        box.controller.stop()
    everything_done("ui_reports")


main()
