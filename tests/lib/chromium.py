# SPDX-License-Identifier: Apache-2.0
"""Chromium, driven by Playwright (chromium.mjs), with a profile that trusts some roots. What a page can do is what Playwright's Page
and Locator can, under Python's kind of names: page.get_by_role("button", name="Close", exact=True).click()."""

import base64
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from lab import run

ROOT = pathlib.Path(os.environ["AUTARKY_ROOT"])
DRIVER = pathlib.Path(__file__).with_name("chromium.mjs")
PLAYWRIGHT = ROOT / "ui/node_modules/playwright-core"
LOCATORS = {"locator", "filter", "or", "and", "nth", "first", "last"}  # they lead to elements; the other methods do something


def camel(name):
    return re.sub(r"_([a-z])", lambda m: m[1].upper(), name.rstrip("_"))


def sent(value):
    if isinstance(value, re.Pattern):
        return {"pattern": value.pattern, "flags": "i" if value.flags & re.IGNORECASE else ""}
    if isinstance(value, Locator):
        return {"chain": value.chain}
    if isinstance(value, dict):
        return {camel(k): sent(v) for k, v in value.items()}
    return value


class Locator:
    """The way to some elements of a page; they are looked for when something is done with them, and waited for."""

    def __init__(self, page, chain):
        self.page, self.chain = page, chain

    def __getattr__(self, name):
        name = camel(name)

        def method(*args, **options):
            step = [name, *map(sent, args)] + ([sent(options)] if options else [])
            if name in LOCATORS or name.startswith("getBy"):
                return Locator(self.page, self.chain + [step])
            return self.page.do(self.chain + [step])
        return method

    def wait(self, **options):
        """Until one of them can be seen."""
        self.filter(visible=True).first().wait_for(**options)

    def wait_none(self):
        """Until none of them can be seen."""
        self.filter(visible=True).first().wait_for(state="hidden")

    def download(self):
        """Its name and content, after a click."""
        return self.page.do(self.chain + [["click"]], event="download")

    def popup(self):
        """The page that opens after a click."""
        return Page(self.page.browser, self.page.do(self.chain + [["click"]], event="popup"))


class Page(Locator):
    """A tab. What it has told is gathered: troubles (what the console shows in red, requests that failed), bytes over the wire by
    URL, urls asked for, places it was at, and acted: the commands of /api/v1/ that dialogs have had done."""

    def __init__(self, browser, number):
        super().__init__(self, [])
        self.browser, self.number = browser, number
        self.heard = {"troubles": [], "bytes": {}, "urls": [], "places": [], "acted": []}

    def do(self, chain, event=None):
        command = {"page": self.number, "chain": chain}
        if event:
            command["for"] = event
        said = self.browser.ask(command)
        if "error" in said:
            where = [self.browser.ask({"page": self.number, "chain": c}).get("value") or ""
                     for c in ([["url"]], [["locator", "body"], ["innerText", {"timeout": 2000}]])]
            # The reason last, where whoever is shown the end of a log finds it.
            sys.exit(f"{where[1][:3000]}\n{where[0]}\n{json.dumps(chain, ensure_ascii=False)}:\n{said['error']}")
        return said["value"]

    def listen(self):
        """Everything it has told, since it was last taken out of there."""
        news = self.browser.ask({"heard": self.number})["value"]
        self.heard["bytes"].update(news["bytes"])
        for kind in ("troubles", "urls", "places", "acted"):
            self.heard[kind] += news[kind]
        return self.heard

    def tries(self, url):
        """Goes there; None, or why it cannot be had, as in net::ERR_CERT_AUTHORITY_INVALID."""
        said = self.browser.ask({"page": self.number, "chain": [["goto", url]]})
        return re.search(r"net::\w+|$", said["error"])[0] or said["error"] if "error" in said else None

    def until(self, expression):
        """Until the expression is true in the page."""
        self.wait_for_function(expression)

    @property
    def text(self):
        return self.locator("body").inner_text()

    @property
    def dialog(self):
        return self.get_by_role("dialog")

    def key(self, *names):
        """Keys that are pressed and released one after the other, by whoever has the focus; "Shift+Tab" too."""
        for name in names:
            self.do([["keyboard"], ["press", name]])

    def types(self, text):
        self.do([["keyboard"], ["type", text]])

    def screen(self, width, height=900, dark=False):
        self.set_viewport_size({"width": width, "height": height})
        self.emulate_media(color_scheme="dark" if dark else "light")

    def picture(self, file):
        pathlib.Path(file).write_bytes(base64.b64decode(self.screenshot(full_page=True)))

    def cookies(self):
        return {c["name"]: c for c in self.do([["context"], ["cookies"]])}

    def leave(self):
        self.do([["context"], ["close"]])


class Chromium:
    def __init__(self, directory, roots=None, resolves=""):
        """roots: a PEM file of one root that it trusts. resolves: rules for names, as in "MAP * 127.0.0.1"."""
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="chromium.", dir=directory))
        db = self.home / ".pki" / "nssdb"
        db.mkdir(parents=True)
        run("certutil", "-N", "-d", f"sql:{db}", "--empty-password")
        if roots:
            run("certutil", "-A", "-d", f"sql:{db}", "-n", "root", "-t", "C,,", "-a", "-i", roots)
        args = ["--disable-quic"] + ([f"--host-resolver-rules={resolves}"] if resolves else [])
        settings = {"executablePath": "/usr/bin/chromium", "args": args, "timeout": 120_000}
        with (self.home / "log").open("wb") as log:
            self.process = subprocess.Popen(
                ["node", DRIVER, PLAYWRIGHT, json.dumps(settings)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                text=True, env={"HOME": str(self.home), "PATH": os.environ["PATH"], "TMPDIR": str(self.home)})

    def ask(self, command):
        try:
            self.process.stdin.write(json.dumps(command) + "\n")
            self.process.stdin.flush()
            return json.loads(self.process.stdout.readline())
        except (BrokenPipeError, json.JSONDecodeError):
            return sys.exit(f"Chromium ended:\n{(self.home / 'log').read_text(errors='replace')[-3000:]}")

    def open(self, **settings):
        """A page in a context of its own, which has no cookie but those of settings (what Playwright's newContext takes)."""
        said = self.ask({"open": sent({"permissions": ["clipboard-read", "clipboard-write"]} | settings)})
        if "error" in said:
            sys.exit(f"no page: {said['error']}")
        return Page(self, said["value"])

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        shutil.rmtree(self.home, ignore_errors=True)
