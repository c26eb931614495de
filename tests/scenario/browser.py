#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=240
"""Signing in to the dashboard with Chromium: what it sends and keeps by itself, and what another site can have it do."""

import json
import pathlib
import sys
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from chromium import Chromium  # noqa: E402
from lab import Lab, expect  # noqa: E402
from operators import PASSWORD, add, code, try_in  # noqa: E402

COOKIE, KNOWN = "__Host-autarky", "__Host-autarky-known"


def shown(browser, what):
    """The dashboard, drawn by its script."""
    browser.wait("document.querySelector('h1') && document.querySelector('h1').innerText === 'Overview'")
    expect(browser.text, "alice", what)


def signing_in(lab, browser, key):
    browser.go(lab.api + "/ui/")
    expect(browser.text, "Sign in", "the form")
    try_in(browser, "alice", PASSWORD, "000000")
    expect(browser.text, "That was not right", "a wrong code")
    if browser.cookies(lab.api + "/"):
        sys.exit("there is a cookie for nothing")
    try_in(browser, "alice", PASSWORD, code(key))
    shown(browser, "the dashboard")
    for name in (COOKIE, KNOWN):
        kept = browser.cookies(lab.api + "/").get(name)
        if not kept or not (kept["secure"] and kept["httpOnly"] and kept["sameSite"] == "Strict" and kept["path"] == "/"):
            sys.exit(f"{name} is kept as {kept}")
    if browser.script("document.cookie"):
        sys.exit("scripts can read a cookie")
    browser.go(lab.api + "/ui/")
    shown(browser, "the dashboard once more")


def another_site(lab, browser):
    """A page from elsewhere with forms that lead here, as somebody who is signed in comes upon it."""
    for action in ("/ui/sign-in", "/ui/sign-out", "/api/v1/issuance/freeze"):
        form = f"<form method=post action='{lab.api}{action}'><input name=user value=alice><button>x</button></form>"
        browser.go("data:text/html," + urllib.parse.quote(form))
        browser.press("button")
        told = browser.script("document.documentElement.innerText")
        wanted = "say who you are" if action.startswith("/api") else "another site"
        expect(told, wanted, f"{action} by another site")
    browser.go(lab.api + "/ui/")
    shown(browser, "the dashboard after all of that")
    if json.loads(lab.autarky("status", "--json"))["frozen"]:
        sys.exit("another site has frozen issuance")


def signing_out(lab, browser):
    before = browser.cookies(lab.api + "/")[COOKIE]["value"]
    browser.press("form[action='/ui/sign-out'] button")
    expect(browser.text, "Sign in", "signed out")
    left = browser.cookies(lab.api + "/")
    if COOKIE in left or KNOWN not in left:
        sys.exit(f"kept after signing out: {sorted(left)}")
    browser.call("Network.setCookie", name=COOKIE, value=before, url=lab.api + "/", secure=True, httpOnly=True, path="/")
    browser.go(lab.api + "/ui/")
    expect(browser.text, "Sign in", "the session that has ended")


def main():
    with Lab() as lab:
        lab.start()
        key = add(lab, "alice", "operator")
        browser = Chromium(lab.directory, lab.roots)
        signing_in(lab, browser, key)
        another_site(lab, browser)
        signing_out(lab, browser)
        browser.close()


main()
