#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=600
"""The dashboard in Chromium: every page in two themes and three widths, judged by axe, by what it weighs and by what the console says.
Its numbers and lists are in ui_lists.py; what it does in ui_actions.py, ui_operators.py, ui_agents.py, ui_alerts.py and
ui_reports.py; how it is used without a mouse and in Chinese in ui_keyboard.py.

AUTARKY_PICTURES=DIR keeps a picture of each page."""

import json
import pathlib
import re
import sys
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import DOMAIN  # noqa: E402
from screen import ALL_ROLES, ROOT, Screen, everything_done, look  # noqa: E402
from sites import SiteLab  # noqa: E402

# Path and heading; what else has to be on it.
PAGES = [
    ("", "Overview", "Days to expiry"),
    ("certificates", "Certificates", f"short1.{DOMAIN}"),
    ("sites", "Sites", f"wiki.{DOMAIN}"),
    ("inventory", "Inventory", "Never seen"),
    ("agents", "Agents", "Agents may not enrol"),
    ("alerts", "Alerts", "Nobody is told of anything"),
    ("approvals", "Approvals", "Nothing waits for a person"),
    ("acme", "ACME", "What the CA sees"),
    ("policy", "Policy", "operators"),
    ("ca", "CA", "ecdsa-1"),
    ("audit", "Audit", "certificate."),
    ("reports", "Reports", "None has been written yet"),
    ("trust", "Trust", "RSA Root CA 1"),
    ("operators", "Operators", "alice"),
    ("settings", "Settings", "organization"),
]


def every_page(screen, lab):
    serial = json.loads(lab.autarky("cert", "find", "--name", f"short1.{DOMAIN}", "--json"))["items"][0]["serial"]
    endpoint = json.loads(lab.autarky("inventory", "list", "--json"))["items"][0]["endpoint"]
    account = json.loads(lab.autarky("account", "list", "--json"))["items"][0]["id"]
    others = [(f"certificates?serial={serial}", f"short1.{DOMAIN}", serial),
              (f"sites?name=wiki.{DOMAIN}", f"wiki.{DOMAIN}", "http://127.0.0.1:9"),
              (f"inventory?endpoint={urllib.parse.quote(endpoint)}", endpoint, "First seen"),
              (f"acme?account={account}", "Account", account), ("ca?issuer=ecdsa-1", "ecdsa-1", "autarky issuer rotate ecdsa-1")]
    rows = re.findall(r'\{ path: "(\w*)"', (ROOT / "ui/src/pages.ts").read_text())
    if rows != [p[0] for p in PAGES]:
        sys.exit(f"ui/src/pages.ts has other pages: {rows}")
    for path, heading, text in PAGES + others:
        look(screen, path, heading, text)
    screen.go("")
    links = screen.page.get_by_role("navigation", name="Pages").get_by_role("link")
    shown = [links.nth(i).get_attribute("href") for i in range(links.count())]
    if shown != ["/ui/" + p for p in rows]:
        sys.exit(f"the menu has {shown}")


def main():
    with SiteLab(sites=[{"name": f"wiki.{DOMAIN}", "backends": ["http://127.0.0.1:9"]}], extra="profiles: {short: {lifetime: 6d}}\n") as lab:
        lab.start()
        for name, profile in (("short1", "short"), ("year1", "default")):
            lab.autarky("cert", "issue", "--name", f"{name}.{DOMAIN}", "--profile", profile, "--owner", "=team", "--out", lab.directory / name)
        lab.autarky("scan", lab.listeners()["api"][0], ok=(0, 3))
        screen = Screen(lab, "alice", ALL_ROLES)
        every_page(screen, lab)
        screen.quiet("at the end")
        screen.close()
    everything_done("ui")


main()
