# SPDX-License-Identifier: Apache-2.0
"""The dashboard, as somebody who is signed in sees and uses it in Chromium; judged by axe, by the console and by its weight."""

import json
import os
import pathlib
import sys
import time

from chromium import Chromium
from operators import add, sign_in

ROOT = pathlib.Path(os.environ["AUTARKY_ROOT"])
AXE = (ROOT / "ui/node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")
PICTURES = os.environ.get("AUTARKY_PICTURES")
PAGE_MAX = 60_000  # bytes over the wire, everything that a page loads but for what it asks /api/v1/
WIDTHS = (1280, 768, 390)


class Screen:
    """Somebody who is signed in, and looks."""

    def __init__(self, lab, name, roles):
        self.lab, self.name = lab, name
        self.browser = Chromium(lab.directory, lab.roots)
        self.key = add(lab, name, roles)
        sign_in(lab, self.browser, name, self.key)
        self.quiet("signing in")

    def go(self, path, heading=None):
        self.browser.go(f"{self.lab.api}/ui/{path}")
        self.drawn(heading)

    def drawn(self, heading=None):
        wanted = f" && document.querySelector('h1').innerText === {json.dumps(heading)}" if heading else ""
        self.browser.wait("document.querySelector('main h1') && document.querySelector('.checked')"
                          " && !/Loading|正在加载/.test(document.querySelector('main').innerText)" + wanted)

    def quiet(self, what):
        # Whoever is not signed in yet is refused with the form, and Chromium tells of that.
        self.browser.troubles = [t for t in self.browser.troubles if "403 (Forbidden)" not in t or '/ui/"' not in t]
        # A core that starts again ends the stream of events, which is asked for again.
        self.browser.troubles = [t for t in self.browser.troubles if "/api/v1/events" not in t]
        if self.browser.troubles:
            sys.exit(f"{what}: the console says:\n" + "\n".join(self.browser.troubles))

    def press(self, label, within="main"):
        """As soon as it can be pressed."""
        self.browser.wait(f"""(() => {{
            const all = [...document.querySelectorAll({json.dumps(f"{within} button, {within} a")})];
            const one = all.find(b => b.innerText.trim() === {json.dumps(label)} && !b.disabled);
            if (one) one.click();
            return !!one; }})()""")

    def fill(self, **fields):
        for name, value in fields.items():
            done = self.browser.script(f"""(() => {{
                const at = (document.querySelector('dialog') || document).querySelector('[name={name}]');
                if (!at) return false;
                if (at.type === 'checkbox') {{ if (at.checked !== {json.dumps(bool(value))}) at.click(); return true; }}
                at.value = {json.dumps(value)};
                at.dispatchEvent(new Event(at.tagName === 'SELECT' ? 'change' : 'input', {{bubbles: true}}));
                return true; }})()""")
            if not done:
                sys.exit(f"there is no field {name}: {self.browser.text[:2000]}")

    def action(self, button, submit, confirm=None, **fields):
        """Opens the dialog (None: it is open), fills it in, shows that the name has to be typed, and goes through with it."""
        if button:
            self.press(button)
        self.browser.wait("document.querySelector('dialog[open]')")
        self.fill(**fields)
        if confirm:
            self.fill(confirm=confirm[:-1])
            self.browser.wait("document.querySelector('dialog button[type=submit]').disabled")
            self.fill(confirm=confirm)
        self.browser.wait("!document.querySelector('dialog button[type=submit]').disabled")
        command = self.browser.script("document.querySelector('dialog .same code').innerText")
        self.press(submit, "dialog")
        self.browser.wait("document.querySelector('dialog [role=status], dialog [role=alert]')")
        told = self.browser.script("document.querySelector('dialog').innerText")
        if self.browser.script("!!document.querySelector('dialog [role=alert]')"):
            sys.exit(f"{button}: {told}")
        self.press("Close", "dialog")
        self.browser.wait("!document.querySelector('dialog')")
        return command, told

    def row(self, name, label):
        """Opens the dialog of that button in the row of that name."""
        self.browser.wait(f"""(() => {{
            const rows = [...document.querySelectorAll('tr')].filter(x => x.innerText.startsWith({json.dumps(name)}));
            const b = rows.flatMap(r => [...r.querySelectorAll('button')]).find(x => x.innerText === {json.dumps(label)});
            if (b) b.click();
            return !!b; }})()""")

    def says(self, text):
        self.browser.wait(f"document.body.innerText.includes({json.dumps(text)})")


def axe(screen, what):
    screen.browser.script(AXE)
    found = screen.browser.promise(
        "axe.run(document, {resultTypes: ['violations']}).then(r => r.violations.map("
        "v => v.id + ': ' + v.nodes.map(n => n.html.slice(0, 200)).join(' ; ')))")
    if found:
        sys.exit(f"axe, {what}:\n" + "\n".join(found))


def weigh(screen, path):
    """What the page weighs for who comes for the first time."""
    browser = screen.browser
    browser.call("Network.setCacheDisabled", cacheDisabled=True)
    browser.bytes.clear()
    screen.go(path)
    browser.call("Network.setCacheDisabled", cacheDisabled=False)
    parts = {u: n for u, n in browser.bytes.items() if "/ui/" in u}
    if len(parts) < 3 or sum(parts.values()) > PAGE_MAX:
        sys.exit(f"/ui/{path} weighs {sum(parts.values())} bytes: {parts}")
    foreign = [u for u in browser.urls.values() if not u.startswith((screen.lab.api, "data:", "about:"))]
    if foreign:
        sys.exit(f"loaded from elsewhere: {foreign}")
    return sum(parts.values())


def look(screen, path, heading, text):
    screen.browser.screen(1280)
    size = weigh(screen, path)
    screen.drawn(heading)
    screen.says(text)
    for dark in (False, True):
        for width in WIDTHS:
            screen.browser.screen(width, dark=dark)
            what = f"/ui/{path} at {width}, {'dark' if dark else 'light'}"
            if screen.browser.script("document.documentElement.scrollWidth > innerWidth"):
                sys.exit(f"{what}: wider than the screen")
            if (width, dark) in ((1280, False), (1280, True), (390, False)):
                axe(screen, what)
            if PICTURES:
                time.sleep(0.3)
                name = path.split("?")[0] or "overview"
                screen.browser.picture(f"{PICTURES}/{name}{'-one' if '?' in path else ''}-{width}-{'dark' if dark else 'light'}.png")
            screen.quiet(what)
    screen.browser.screen(1280)
    print(f"/ui/{path}: {size} bytes", flush=True)
