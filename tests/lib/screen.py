# SPDX-License-Identifier: Apache-2.0
"""The dashboard, as somebody who is signed in sees and uses it in Chromium; judged by axe, by the console and by its weight. What it
can do is read out of its source, and each part of it has a scenario that does it."""

import os
import pathlib
import re
import sys
import time
import urllib.parse

from chromium import ROOT, Chromium
from operators import add, sign_in

AXE = (ROOT / "ui/node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")
PICTURES = os.environ.get("AUTARKY_PICTURES")
PAGE_MAX = 60_000  # bytes over the wire, everything that a page loads but for what it asks /api/v1/
TYPED_MAX = 100  # characters, past which a text is pasted
WIDTHS = (1280, 768, 390)
WHY = "Why, or a ticket"
ALL_ROLES = "viewer,operator,officer,approver,auditor"

# By scenario: the commands that dialogs have done, as in <Action command="...">.
ACTIONS = {
    "ui_actions": ("cert sign", "cert revoke", "renewal pull", "issuance freeze", "issuance thaw", "reload", "site renew", "eab create",
                   "eab revoke", "account deactivate", "inventory owner", "audit head"),
    "ui_operators": ("user add", "user role", "user totp", "user password", "user remove", "token create", "token revoke", "session end"),
    "ui_agents": ("agent token", "agent remove", "agent renew", "approval grant", "approval deny"),
    "ui_alerts": ("alert ack", "alert silence", "alert unsilence", "alert test"),
    "ui_reports": ("report mail",),
}
# And the addresses that links and forms lead to, as in link("agents", {name: ...}).
PLACES = {
    "ui_lists": ("audit?cursor", "audit?event", "audit?object", "audit?action", "audit?actor", "ca?issuer", "certificates?cursor",
           "certificates?from", "certificates?issuer", "certificates?key", "certificates?owner", "certificates?profile", "certificates?q",
           "certificates?serial", "certificates?sort", "certificates?staging", "certificates?status", "certificates?within",
           "inventory?endpoint", "inventory?network", "inventory?owner", "inventory?under", "inventory?verdict", "sites?name"),
    "ui_actions": ("acme?account", "acme?eab"),
    "ui_agents": ("agents?name", "approvals?id"),
    "ui_alerts": ("alerts?id", "alerts?kind", "alerts?over"),
}
# Lists of which one scenario has a second page; the others' are the same links.
PAGERS = {"acme?cursor", "agents?cursor", "alerts?cursor", "alerts?sent", "inventory?cursor"}

heard = {"acted": set(), "places": set()}  # of all screens of this scenario


def source():
    return "\n".join(f.read_text(encoding="utf-8") for f in sorted((ROOT / "ui/src").rglob("*.tsx")))


def everything_done(scenario):
    """Nothing can be done in the dashboard, and no address of it is led to, that no scenario has for its own; this one has done its."""
    text = source()
    actions = {c for c in re.findall(r'\bcommand="([^"]+)"', text) if not c.startswith("autarky ")}
    known = {c for some in ACTIONS.values() for c in some}
    if actions != known:
        sys.exit(f"actions that no scenario does, or that are no more: {sorted(actions ^ known)}")
    places = set()
    for page, query in re.findall(r'\blink\("(\w+)", \{([^}]*)\}', text):
        places |= {f"{page}?{key}" for key in re.findall(r"(\w+):", query)}
    known = {p for some in PLACES.values() for p in some}
    if not places <= known | PAGERS:
        sys.exit(f"addresses that no scenario sees: {sorted(places - known - PAGERS)}")
    for what, table, seen in (("done", ACTIONS, heard["acted"]), ("seen", PLACES, heard["places"])):
        missing = set(table.get(scenario, ())) - seen
        if missing:
            sys.exit(f"not {what}: {sorted(missing)}, but {sorted(seen)}")


def place(url):
    """Of /ui/agents?name=x: agents?name."""
    parts = urllib.parse.urlsplit(url)
    page = parts.path.removeprefix("/ui/")
    return {f"{page}?{key}" for key in urllib.parse.parse_qs(parts.query)} if parts.path.startswith("/ui/") else set()


class Screen:
    """Somebody who is signed in, and looks."""

    def __init__(self, lab, name, roles, beside=None, key=None):
        """beside: another screen whose Chromium serves for this one as well; key: of the codes of a user who is there already."""
        self.lab, self.name, self.beside = lab, name, beside
        self.chromium = beside.chromium if beside else Chromium(lab.directory, lab.roots)
        self.page = self.chromium.open()
        self.key = key or add(lab, name, roles)
        self.sign_in()
        self.quiet("signing in")

    def sign_in(self):
        sign_in(self.lab, self.page, self.name, self.key)

    def close(self):
        self.listen()
        if self.beside:
            self.page.leave()
        else:
            self.chromium.close()

    def listen(self):
        news = self.page.listen()
        heard["acted"] |= {path.removeprefix("/api/v1/").replace("/", " ") for path in news["acted"]}
        heard["places"] |= {p for url in news["places"] for p in place(url)}
        return news

    def quiet(self, what, *known):
        """Nothing in the console, but for what is about one of those."""
        # Whoever is not signed in yet is refused with the form, and Chromium tells of that. A core that starts again ends the stream
        # of events, which is asked for again.
        refused = re.compile(r"403 \(Forbidden\) \(\S+/ui/\)")
        known += ("/api/v1/events",)
        left = [t for t in self.listen()["troubles"] if not refused.search(t) and not any(k in t for k in known)]
        self.page.heard["troubles"] = []
        if left:
            sys.exit(f"{what}: the console says:\n" + "\n".join(left))

    # ---- where

    @property
    def main(self):
        return self.page.get_by_role("main")

    def table(self, caption):
        return self.page.get_by_role("table", name=caption, exact=True)

    def row(self, begin, caption=None):
        """Of the first cell, which begins so."""
        at = self.table(caption) if caption else self.main
        return at.get_by_role("row", name=re.compile("^" + re.escape(begin)))

    def card(self, title):
        return self.page.get_by_role("region", name=title, exact=True)

    def rows(self, caption):
        """The cells of the table, row by row."""
        rows = self.table(caption).locator("tbody tr")
        return [rows.nth(i).get_by_role("cell").all_inner_texts() for i in range(rows.count())]

    # ---- what

    def go(self, path, heading=None):
        self.page.goto(f"{self.lab.api}/ui/{path}")
        self.drawn(heading)

    def drawn(self, heading=None):
        self.main.get_by_role("heading", level=1, **({"name": heading, "exact": True} if heading else {})).wait_for()
        self.main.get_by_text(re.compile("Loading …|正在加载")).wait_none()

    def says(self, text, within=None):
        (within or self.page).get_by_text(text).wait()

    def press(self, label, within=None):
        """A button or a link, once it can be pressed."""
        at = within or self.main
        at.get_by_role("button", name=label, exact=True).or_(at.get_by_role("link", name=label, exact=True)).click()

    def fill(self, fields, within=None):
        """By label: typed, chosen, ticked (True) or not (False)."""
        for label, value in fields.items():
            box = within or self.main  # a label around a list has the words of the list, too
            at = box.get_by_label(label, exact=True).or_(box.get_by_role("combobox", name=label, exact=True))
            at.wait_for()
            if isinstance(value, bool):
                at.set_checked(value)
            elif at.and_(self.page.locator("select")).count():
                at.select_option(value)
            elif len(value) < TYPED_MAX:
                at.clear()
                at.press_sequentially(value)
            else:
                at.fill(value)

    def action(self, label, fields=None, confirm=None, within=None, opened=False):
        """Opens the dialog, fills it in, shows that the name has to be typed, and goes through with it: the command that does the
        same, and what the dialog said."""
        dialog = self.page.dialog
        if not opened:
            self.press(label, within)
        dialog.wait_for()
        self.fill(fields or {}, dialog)
        submit = dialog.get_by_role("button", name=label, exact=True)
        if confirm:
            typed = f"To go on, type {confirm}"
            self.fill({typed: confirm[:-1]}, dialog)
            if submit.is_enabled():
                sys.exit(f"{label}: {confirm[:-1]} was enough, not {confirm}")
            self.fill({typed: confirm}, dialog)
        command = dialog.locator(".same code").inner_text()
        submit.click()
        dialog.get_by_role("status").or_(dialog.get_by_role("alert")).wait_for()
        told = dialog.inner_text()
        if dialog.get_by_role("alert").count():
            sys.exit(f"{label}: {told}")
        self.press("Close", dialog)
        dialog.wait_none()
        return command, told

    def offers_none(self, *labels):
        """Nor does it go on to: what is drawn anew takes a moment."""
        for label in labels:
            self.page.get_by_role("button", name=label, exact=True).first().wait_for(state="hidden")


def axe(screen, what):
    if not screen.page.evaluate("!!window.axe"):
        screen.page.evaluate(AXE)
    found = screen.page.evaluate(
        "axe.run(document, {resultTypes: ['violations']}).then(r => r.violations.map("
        "v => v.id + ': ' + v.nodes.map(n => n.html.slice(0, 200)).join(' ; ')))")
    if found:
        sys.exit(f"axe, {what}:\n" + "\n".join(found))


def weigh(screen, path):
    """What the page weighs for who comes for the first time, but signed in."""
    page = screen.chromium.open(storage_state=screen.page.do([["context"], ["storageState"]]))
    page.goto(f"{screen.lab.api}/ui/{path}")
    page.get_by_role("main").get_by_role("heading", level=1).wait()
    page.wait_for_load_state("load")
    heard_of_it = page.listen()
    page.leave()
    parts = {u: n for u, n in heard_of_it["bytes"].items() if "/ui/" in u}
    if len(parts) < 3 or sum(parts.values()) > PAGE_MAX:
        sys.exit(f"/ui/{path} weighs {sum(parts.values())} bytes: {parts}")
    foreign = [u for u in heard_of_it["urls"] if not u.startswith((screen.lab.api, "data:", "about:"))]
    if foreign:
        sys.exit(f"loaded from elsewhere: {foreign}")
    return sum(parts.values())


def look(screen, path, heading, text):
    size = weigh(screen, path)
    screen.go(path, heading)
    screen.says(text)
    for dark in (False, True):
        for width in WIDTHS:
            screen.page.screen(width, dark=dark)
            what = f"/ui/{path} at {width}, {'dark' if dark else 'light'}"
            if screen.page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                sys.exit(f"{what}: wider than the screen")
            if (width, dark) in ((1280, False), (1280, True), (390, False)):
                axe(screen, what)
            if PICTURES:
                time.sleep(0.3)
                name = path.split("?")[0] or "overview"
                pathlib.Path(PICTURES).mkdir(parents=True, exist_ok=True)
                screen.page.picture(f"{PICTURES}/{name}{'-one' if '?' in path else ''}-{width}-{'dark' if dark else 'light'}.png")
            screen.quiet(what)
    screen.page.screen(1280)
    print(f"/ui/{path}: {size} bytes", flush=True)
