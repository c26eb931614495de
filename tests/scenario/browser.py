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


def shown(page, what):
    """The dashboard, drawn by its script."""
    page.get_by_role("heading", name="Overview", exact=True, level=1).wait()
    expect(page.text, "alice", what)


def asked(page, what):
    page.get_by_role("heading", name="Sign in", exact=True).wait()
    expect(page.text, "Password", what)


def signing_in(lab, page, key):
    page.goto(lab.api + "/ui/")
    asked(page, "the form")
    try_in(page, "alice", PASSWORD, "000000")
    page.get_by_role("alert").filter(has_text="That was not right").wait()
    if page.cookies():
        sys.exit("there is a cookie for nothing")
    try_in(page, "alice", PASSWORD, code(key))
    shown(page, "the dashboard")
    for name in (COOKIE, KNOWN):
        kept = page.cookies().get(name)
        if not kept or not (kept["secure"] and kept["httpOnly"] and kept["sameSite"] == "Strict" and kept["path"] == "/"):
            sys.exit(f"{name} is kept as {kept}")
    if page.evaluate("document.cookie"):
        sys.exit("scripts can read a cookie")
    page.goto(lab.api + "/ui/")
    shown(page, "the dashboard once more")


def another_site(lab, page):
    """A page from elsewhere with forms that lead here, as somebody who is signed in comes upon it."""
    for action in ("/ui/sign-in", "/ui/sign-out", "/api/v1/issuance/freeze"):
        form = f"<form method=post action='{lab.api}{action}'><input name=user value=alice><button>x</button></form>"
        page.goto("data:text/html," + urllib.parse.quote(form))
        page.get_by_role("button", name="x").click()
        page.get_by_text("say who you are" if action.startswith("/api") else "another site").wait()
        expect(page.url(), lab.api + action, "where the form leads")
    page.goto(lab.api + "/ui/")
    shown(page, "the dashboard after all of that")
    if json.loads(lab.autarky("status", "--json"))["frozen"]:
        sys.exit("another site has frozen issuance")


def signing_out(lab, page):
    before = page.cookies()[COOKIE]
    page.get_by_role("button", name="Sign out", exact=True).click()
    asked(page, "signed out")
    left = page.cookies()
    if COOKIE in left or KNOWN not in left:
        sys.exit(f"kept after signing out: {sorted(left)}")
    page.do([["context"], ["addCookies", [before]]])
    if page.cookies()[COOKIE] != before:
        sys.exit("the cookie of before is not there again")
    page.goto(lab.api + "/ui/")
    asked(page, "the session that has ended")


def another_profile(lab, browser):
    """What one person has is nothing to the next."""
    page = browser.open()
    page.goto(lab.api + "/ui/")
    asked(page, "somebody else")
    page.leave()


def main():
    with Lab() as lab:
        lab.start()
        key = add(lab, "alice", "operator")
        browser = Chromium(lab.directory, lab.roots)
        page = browser.open()
        signing_in(lab, page, key)
        another_profile(lab, browser)
        another_site(lab, page)
        signing_out(lab, page)
        browser.close()


main()
