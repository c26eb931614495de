#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=600
"""Who may operate, as the dashboard has it: users, their roles, codes and passwords, tokens of programs, who is signed in. What a dialog
makes serves: one signs in with it, or is refused at once when it was taken away. A dialog stays as it is, whatever happens meanwhile."""

import json
import pathlib
import re
import ssl
import sys
import time
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import Lab, expect, wait_for  # noqa: E402
from operators import PASSWORD, code, try_in  # noqa: E402
from screen import ALL_ROLES, WHY, Screen, axe, everything_done  # noqa: E402

LOOK = 5  # seconds in which an open page is told of changes at the latest


def users(lab):
    return {u["name"]: u for u in json.loads(lab.autarky("user", "list", "--json"))["users"]}


def shown_once(lab, told):
    """The key of codes in what a dialog said."""
    key = re.search(r"\b[A-Z2-7]{32,}\b", told)[0]
    expect(told, "otpauth://", "the key of codes")
    lab.secrets.add(key)
    return key


def signs_in(screen, name, password, key, wanted=True):
    """In a context of its own."""
    page = screen.chromium.open()
    page.goto(screen.lab.api + "/ui/")
    try_in(page, name, password, code(key))
    page.get_by_role("heading", name="Overview" if wanted else "Sign in", exact=True, level=1).wait()
    if not wanted:
        page.get_by_role("alert").filter(has_text="That was not right").wait()
    page.leave()


def a_user(screen, lab):
    screen.go("operators")
    command, told = screen.action("Another user …", {"Name": "bob", "Password": PASSWORD, "viewer": True, WHY: "CHG-1"})
    if command != "autarky user add bob --role viewer --host-user none --reason CHG-1":
        sys.exit(f"the dialog says the same is: {command}")
    key = shown_once(lab, told)
    signs_in(screen, "bob", PASSWORD, key)
    screen.action("Roles …", {"auditor": True}, within=screen.row("bob", "Users"))
    if users(lab)["bob"]["roles"] != "viewer,auditor":
        sys.exit(f"bob is {users(lab)['bob']}")
    screen.row("bob", "Users").filter(has_text="viewer, auditor").wait_for()
    _, told = screen.action("Codes …", within=screen.row("bob", "Users"))
    signs_in(screen, "bob", PASSWORD, key, wanted=False)
    key = shown_once(lab, told)
    screen.action("Password …", {"Password": PASSWORD + "!"}, within=screen.row("bob", "Users"))
    signs_in(screen, "bob", PASSWORD, key, wanted=False)
    signs_in(screen, "bob", PASSWORD + "!", key)
    screen.action("Remove …", {WHY: "gone"}, confirm="bob", within=screen.row("bob", "Users"))
    if "removed" not in users(lab)["bob"]:
        sys.exit("bob is not removed")
    signs_in(screen, "bob", PASSWORD + "!", key, wanted=False)


def refused(screen):
    """What is not enough is said in the dialog, which keeps what was typed."""
    dialog = screen.page.dialog
    screen.go("operators")
    screen.press("Another user …")
    screen.fill({"Name": "carol", "viewer": True}, dialog)
    screen.press("Another user …", dialog)  # the browser says that a password is wanted
    if dialog.locator("input:invalid").count() != 1 or dialog.get_by_role("status").count():
        sys.exit("a user without a password may be asked for")
    screen.fill({"Password": "short"}, dialog)
    screen.press("Another user …", dialog)
    dialog.get_by_role("alert").filter(has_text="a password has 12 to 256 bytes").wait_for()
    axe(screen, "a dialog that refuses")
    if dialog.get_by_label("Name", exact=True).input_value() != "carol":
        sys.exit("what was typed is lost")
    screen.press("Cancel", dialog)
    dialog.wait_none()
    screen.quiet("a refusal", "/api/v1/user/add")


def of_programs(screen, lab):
    def asks(token):
        request = urllib.request.Request(lab.api + "/api/v1/cert/list", b"{}", {"Content-Type": "application/json", "Authorization": f"Bearer {token}"})
        try:
            with urllib.request.urlopen(request, context=ssl.create_default_context(cafile=str(lab.roots)), timeout=30) as answer:
                return answer.status
        except urllib.error.HTTPError as e:
            return e.code

    screen.go("operators")
    _, told = screen.action("Another token …", {"Name": "nagios"})
    token = re.search(r"atk_\S+", told)[0]
    lab.secrets.add(token)
    screen.action("Another token …", {"Name": "icinga", "Good for, as in 90d": "30d"})
    if asks(token) != 200:
        sys.exit("the token is good for nothing")
    stays(screen, lab)
    if asks(token) != 401:
        sys.exit("the token is good for something still")
    screen.action("Revoke …", confirm="icinga", within=screen.row("icinga", "Tokens of programs"))
    if not all("revoked" in x for x in json.loads(lab.autarky("token", "list", "--json"))["tokens"]):
        sys.exit("a token is not revoked")


def stays(screen, lab):
    """A dialog stays open, whatever the server tells of meanwhile."""
    dialog = screen.page.dialog
    screen.press("Revoke …", screen.row("nagios", "Tokens of programs"))
    dialog.wait_for()
    lab.autarky("token", "revoke", "nagios")
    time.sleep(LOOK + 2)
    if not dialog.is_visible():
        sys.exit("what brought the dialog is gone, and the dialog with it")
    screen.press("Cancel", dialog)
    dialog.wait_none()
    screen.row("nagios", "Tokens of programs").filter(has_text="revoked").wait_for()


def signed_in(screen, lab):
    """Somebody signs somebody else out, who is told so."""
    victor = Screen(lab, "victor", "viewer", screen)
    victor.go("certificates", "Certificates")
    victor.quiet("before the end")
    screen.go("operators")
    command, _ = screen.action("Sign out …", {WHY: "went home"}, within=screen.row("victor", "Signed in now"))
    expect(command, "autarky session end ", "the command")
    expect(command, " --reason 'went home'", "the command")
    wait_for("the end of a session", lambda: not [s for s in json.loads(lab.autarky("session", "list", "--json"))["sessions"]
                                                  if s["user"] == "victor"])
    victor.press("Check again")
    victor.says("Your session has ended")
    victor.quiet("the end", "401 (")
    victor.close()


def by_link(screen, lab):
    """Who has no user: a link from the host, good for one time."""
    link = json.loads(lab.autarky("ui", "link", "--json"))["url"]
    for wanted in (True, False):
        page = screen.chromium.open()
        page.goto(link)
        if wanted:
            page.get_by_role("button").click()
            page.get_by_role("banner").get_by_text("signed in by link").wait()
            screen.go("operators")
            screen.row("signed in by link", "Signed in now").wait_for()
        elif page.get_by_role("button").count():
            page.get_by_role("button").first().click()
            page.get_by_role("heading", name="Sign in", exact=True).wait()
        page.leave()


def main():
    with Lab(init_options=("--algorithms", "ecdsa")) as lab:
        lab.start()
        screen = Screen(lab, "alice", ALL_ROLES)
        a_user(screen, lab)
        refused(screen)
        of_programs(screen, lab)
        signed_in(screen, lab)
        by_link(screen, lab)
        screen.quiet("at the end")
        screen.close()
    everything_done("ui_operators")


main()
