#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=600
"""The dashboard in Chromium: every page and what it does, in two languages, two themes and three widths, by mouse and by
keyboard, as somebody who may do all and as somebody who may only look; judged by axe and by what the console says.

AUTARKY_PICTURES=DIR keeps a picture of each page."""

import datetime
import json
import pathlib
import sys
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import expect, run, wait_for  # noqa: E402
from operators import PASSWORD, sign_in  # noqa: E402
from screen import PICTURES, Screen, axe, look  # noqa: E402
from sites import SiteLab  # noqa: E402

LOOK = 5  # seconds in which an open page is told of changes at the latest
EVIL = "<img src=x onerror=window.evil=1>"
PROFILES = "profiles:\n  short: {lifetime: 6d}\n  month: {lifetime: 25d}\n"

# Path and heading; what else has to be on it.
PAGES = [
    ("", "Overview", "Days to expiry"),
    ("certificates", "Certificates", "short1.hospital.example"),
    ("sites", "Sites", "wiki.hospital.example"),
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
    serial = items(lab, "--name", "short1.hospital.example")[0]["serial"]
    endpoint = json.loads(lab.autarky("inventory", "list", "--json"))["items"][0]["endpoint"]
    account = json.loads(lab.autarky("account", "list", "--json"))["items"][0]["id"]
    others = [(f"certificates?serial={serial}", "short1.hospital.example", serial),
              ("sites?name=wiki.hospital.example", "wiki.hospital.example", "http://127.0.0.1:9"),
              (f"inventory?endpoint={urllib.parse.quote(endpoint)}", endpoint, "First seen"),
              (f"acme?account={account}", "Account", account), ("ca?issuer=ecdsa-1", "ecdsa-1", "autarky issuer rotate ecdsa-1")]
    for path, heading, text in PAGES + others:
        look(screen, path, heading, text)
    screen.go("")
    shown = screen.browser.script("[...document.querySelectorAll('nav a')].map(a => a.getAttribute('href'))")
    if sorted(shown) != sorted("/ui/" + p[0] for p in PAGES):
        sys.exit(f"the menu has {shown}")


def items(lab, *filters):
    return json.loads(lab.autarky("cert", "find", *filters, "--json"))["items"]


# ---- what it does

def searching(screen):
    screen.go("certificates")
    screen.fill(q="month1.hospital.example")
    screen.press("Search")
    screen.drawn()
    screen.browser.wait("!document.querySelector('table').innerText.includes('short1')")
    screen.says("month1.hospital.example")
    if "q=month1.hospital.example" not in screen.browser.script("location.search"):
        sys.exit("the search is not in the address")
    screen.press("end within 7 days")
    screen.browser.wait("!document.querySelector('table').innerText.includes('month1')")
    screen.says("short1.hospital.example")
    screen.browser.script("history.back()")
    screen.browser.wait("!document.querySelector('table').innerText.includes('short1')")
    if screen.browser.script("document.querySelector('input[name=q]').value") != "month1.hospital.example":
        sys.exit("the way back does not bring the search with it")
    screen.go("certificates?q=nothing.example")
    screen.says("Nothing in the register is like that")


def rows_of(screen, caption):
    """The cells of the table with that caption, row by row."""
    return screen.browser.script(f"""(() => {{
        const at = [...document.querySelectorAll('table.cards')].find(x => x.caption.textContent === {json.dumps(caption)});
        return at ? [...at.tBodies[0].rows].map(r => [...r.cells].map(c => c.innerText.trim())) : []; }})()""")


def counting(screen, lab):
    """The overview's numbers are those of the register, and lead to the lists that they count."""
    ranges = ((0, 7), (7, 14), (14, 30), (30, 60), (60, 90), (90, None))
    now = datetime.datetime.now(datetime.timezone.utc)
    left = [(datetime.datetime.fromisoformat(c["not_after"].replace("Z", "+00:00")) - now).total_seconds() / 86400
            for c in items(lab) if c["status"] == "valid"]
    want = [str(sum(low <= d and (high is None or d < high) for d in left)) for low, high in ranges]
    if want[0] == "0" or want[2] == "0" or want[4] == "0":
        sys.exit(f"the register has nothing to count: {left}")
    screen.go("", "Overview")
    screen.says("Renewals to come")
    shown = rows_of(screen, "How many certificates in force end in so many days")
    if [r[-1] for r in shown] != want or shown[0][0] != "0–7" or shown[5][0] != "90+":
        sys.exit(f"of {left} the page says {shown}")
    ages = rows_of(screen, "How many certificates in force are so many days old")
    if sum(int(r[-1]) for r in ages) != len([d for d in left if d > 0]):
        sys.exit(f"of {len(left)} certificates the page has the ages {ages}")
    screen.browser.script("window.saved = []; URL.createObjectURL = b => { window.saved.push(b); return 'data:,'; }")
    screen.browser.script("""[...document.querySelectorAll('.tablebox')].find(b => b.innerText.includes('60–90'))
                             .querySelectorAll('button:not(.head)').forEach(b => b.click())""")
    screen.browser.wait("window.saved.length === 2")
    table = screen.browser.promise("window.saved[0].text()").split()
    if table != ["from,before,n"] + [f"{low},{'' if high is None else high},{n}" for (low, high), n in zip(ranges, want)]:
        sys.exit(f"the table is saved as {table}")
    screen.browser.script("[...document.querySelectorAll('table.cards a')].find(a => a.search.includes('within=7')).click()")
    screen.drawn("Certificates")
    screen.says("short1.hospital.example")
    if screen.browser.script("document.querySelectorAll('tbody tr').length") != int(want[0]):
        sys.exit(f"the list has not {want[0]} rows")


def exporting(screen):
    """What the browser would save."""
    screen.go("certificates")
    screen.browser.script("window.saved = []; URL.createObjectURL = b => { window.saved.push(b); return 'data:,'; }")
    for kind in ("CSV", "JSON"):
        screen.press(kind)
    screen.browser.wait("window.saved.length === 2")
    table, raw = (screen.browser.promise(f"window.saved[{i}].text()") for i in (0, 1))
    expect(table.splitlines()[0], "names,status,not_after", "the head of the CSV")
    expect(table, "short1.hospital.example,valid,", "the CSV")
    if "\n=" in table or ",=" in table:
        sys.exit(f"a spreadsheet would take that for a formula: {table}")
    if not [c for c in json.loads(raw) if c["names"] == ["short1.hospital.example"]]:
        sys.exit(f"the JSON has not what the table has: {raw[:500]}")


def revoking(screen, lab):
    screen.go("certificates?q=month1.hospital.example")
    screen.press("month1.hospital.example")
    screen.drawn("month1.hospital.example")
    command, _ = screen.action("Revoke …", "Revoke …", confirm="month1.hospital.example", reason="superseded", why="it's INC-1")
    serial = items(lab, "--name", "month1.hospital.example")[0]["serial"]
    if command != f"autarky cert revoke {serial} --reason superseded --why 'it'\\''s INC-1'":
        sys.exit(f"the dialog says the same is: {command}")
    screen.says("revoked")
    if items(lab, "--name", "month1.hospital.example")[0]["status"] != "revoked":
        sys.exit("it is not revoked")


def certifying(screen, lab):
    csr = lab.directory / "request.csr"
    run("/usr/bin/openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=printer.hospital.example",
        "-keyout", lab.directory / "printer.pem", "-out", csr)
    screen.go("certificates")
    screen.action("Certify a request …", "Certify a request …", csr=csr.read_text(), names="printer.hospital.example", owner=EVIL)
    if items(lab, "--name", "printer.hospital.example")[0]["owner"] != EVIL:
        sys.exit("the owner is not in the register")
    screen.go("certificates?q=printer.hospital.example", "Certificates")
    screen.says(EVIL)
    screen.press("printer.hospital.example")
    screen.drawn("printer.hospital.example")
    screen.says(EVIL)
    if screen.browser.script("window.evil") or screen.browser.script("!!document.querySelector('img')"):
        sys.exit("what an owner is called became HTML")


def freezing(screen, lab):
    screen.go("", "Overview")
    screen.action("Freeze issuance …", "Freeze issuance …", confirm="freeze", zone="lab.hospital.example", why="INC-2")
    if len(json.loads(lab.autarky("status", "--json"))["frozen"]) != 1:
        sys.exit("it is not frozen")
    screen.says("INC-2")
    screen.action("Thaw", "Thaw", confirm="lab.hospital.example", why="over")
    if json.loads(lab.autarky("status", "--json"))["frozen"]:
        sys.exit("it is frozen still")
    screen.action("Reload the configuration …", "Reload the configuration …")


def renewing(screen, lab):
    before = [s["serial"] for s in items(lab, "--name", "wiki.hospital.example")]
    screen.go("sites")
    screen.action("Renew now", "Renew now", why="INC-3")
    wait_for("another certificate of the site", lambda: {s["serial"] for s in items(lab, "--name", "wiki.hospital.example")} > set(before), 60)


def binding(screen, lab):
    screen.go("acme")
    _, told = screen.action("New key …", "New key …", name="apps", accounts="2", expires="30d")
    expect(told, "kid", "the new key")
    screen.action("Revoke …", "Revoke …", confirm="apps", why="over")
    key = json.loads(lab.autarky("eab", "list", "--json"))["items"][0]
    if key["accounts"] != 2 or "revoked" not in key:
        sys.exit(f"the key is {key}")
    screen.fill(preflight="localhost.hospital.example")
    screen.press("Look")
    screen.browser.wait("document.querySelectorAll('section:last-of-type tbody tr').length > 2")
    screen.says("http-01")
    account = json.loads(lab.autarky("account", "list", "--json"))["items"][0]["id"]
    screen.go(f"acme?account={account}")
    screen.action("Deactivate …", "Deactivate …", confirm=account, why="over")
    if json.loads(lab.autarky("account", "show", account, "--json"))["status"] != "revoked":
        sys.exit("the account is not deactivated")


def explaining(screen):
    screen.go("policy")
    screen.fill(names="wiki.hospital.example elsewhere.example")
    screen.press("Ask")
    screen.says("refused")
    screen.says("elsewhere.example")
    screen.fill(names="wiki.hospital.example")
    screen.press("Ask")
    screen.browser.wait("document.querySelector('.s.ok')")


def owning(screen, lab):
    endpoint = json.loads(lab.autarky("inventory", "list", "--json"))["items"][0]["endpoint"]
    screen.go("inventory?endpoint=" + urllib.parse.quote(endpoint))
    screen.action("Owner …", "Owner …", owner="net@hospital.example", service="api")
    if json.loads(lab.autarky("inventory", "show", endpoint, "--json"))["owner"] != "net@hospital.example":
        sys.exit("the endpoint has no owner")
    screen.go("inventory")
    screen.press("foreign")
    screen.says("No scan has seen anything like that")


def auditing(screen):
    screen.go("audit")
    _, told = screen.action("Sign the head …", "Sign the head …")
    expect(told, "hospital.example/audit/1", "the signed head")
    screen.press("certificate.*")
    screen.browser.wait("!document.querySelector('table').innerText.includes('operator.signed-in')")
    screen.browser.script("document.querySelector('tbody a').click()")
    screen.browser.wait("document.querySelector('pre')")
    expect(screen.browser.script("document.querySelector('pre').innerText"), '"action": "certificate.', "the event")


def stays(screen, change, what):
    """A dialog stays open, whatever the server tells of meanwhile."""
    screen.browser.wait("document.querySelector('dialog[open]')")
    change()
    time.sleep(LOOK + 2)
    if not screen.browser.script("!!document.querySelector('dialog[open]')"):
        sys.exit(f"{what}, and the dialog with it")


def operating(screen, lab):
    def users():
        return {u["name"]: u for u in json.loads(lab.autarky("user", "list", "--json"))["users"]}

    screen.go("operators")
    _, told = screen.action("Another user …", "Another user …", name="bob", password=PASSWORD, viewer="yes")
    expect(told, "otpauth://", "the key of codes")
    if users()["bob"]["roles"] != "viewer":
        sys.exit(f"bob is {users()['bob']}")
    for label, fields in (("Roles …", {"auditor": "yes"}), ("Codes …", {}), ("Password …", {"password": PASSWORD + "!"})):
        screen.row("bob", label)
        screen.action(None, label, **fields)
    if users()["bob"]["roles"] != "viewer,auditor":
        sys.exit(f"bob is {users()['bob']}")
    screen.row("bob", "Remove …")
    screen.action(None, "Remove …", confirm="bob", why="gone")
    if "removed" not in users()["bob"]:
        sys.exit("bob is not removed")
    _, told = screen.action("Another token …", "Another token …", name="nagios")
    expect(told, "atk_", "the token")
    screen.action("Another token …", "Another token …", name="icinga")
    screen.row("nagios", "Revoke …")
    stays(screen, lambda: lab.autarky("token", "revoke", "nagios"), "what brought the dialog is gone")
    screen.press("Cancel", "dialog")
    screen.browser.wait("!document.querySelector('dialog')")
    screen.browser.wait("[...document.querySelectorAll('tr')].some(x => /^nagios.*revoked/s.test(x.innerText))")
    screen.row("icinga", "Revoke …")
    screen.action(None, "Revoke …", confirm="icinga")
    if not all("revoked" in x for x in json.loads(lab.autarky("token", "list", "--json"))["tokens"]):
        sys.exit("a token is not revoked")


def sessions(screen, lab):
    """Somebody signs somebody else out."""
    screen.go("operators")
    screen.row("victor", "Sign out …")
    screen.action(None, "Sign out …")
    if any(s["user"] == "victor" for s in json.loads(lab.autarky("session", "list", "--json"))["sessions"]):
        sys.exit("victor is signed in still")


def deciding(screen, lab):
    """What takes a second person: asked for on the host, decided here."""
    screen.quiet("before core is another one")
    path = lab.data / "autarky.yaml"
    path.write_text(path.read_text() + "control: {two_persons: [issuance.thaw]}\n")
    lab.autarky("reload")
    zone = ("--zone", "x.hospital.example", "--reason", "INC-4")

    def frozen():
        lab.autarky("issuance", "freeze", *zone, ok=(0, 2, 75))
        return "INC-4" in lab.autarky("issuance", "status", ok=(0, 2, 75))

    wait_for("a core that has read it", frozen, 60)
    sign_in(lab, screen.browser, "alice", screen.key)
    screen.browser.troubles.clear()  # a page that still was open was told that its session is over
    for button, state in (("Deny …", "denied"), ("Grant …", "granted")):
        lab.autarky("issuance", "thaw", *zone, ok=(4,))
        screen.go("", "Overview")
        screen.says("Requests that wait for a person to decide: 1")
        screen.go("approvals")
        screen.browser.script("document.querySelector('tbody a').click()")
        screen.drawn("Approval")
        axe(screen, "an approval")
        screen.action(button, button, why="as agreed")
        screen.says(state)
    lab.autarky("issuance", "thaw", *zone)


# ---- how it behaves

def by_keyboard(screen):
    """To each control by Tab alone, and through a dialog."""
    browser = screen.browser
    screen.go("", "Overview")
    reached = []
    for _ in range(120):
        browser.key("Tab")
        at = browser.script("document.activeElement === document.body ? '' : (document.activeElement.getAttribute('href')"
                            " || document.activeElement.innerText || document.activeElement.tagName).trim()")
        if not at:
            break
        reached.append(at)
    for wanted in ("#main", "/ui/certificates", "Sign out", "Check again", "Freeze issuance …", "As a table", "CSV"):
        if wanted not in reached:
            sys.exit(f"Tab does not reach {wanted}: {reached}")
    seen = browser.script("getComputedStyle(document.activeElement).outlineStyle")
    screen.go("", "Overview")
    for _ in range(60):
        browser.key("Tab")
        if browser.script("document.activeElement.innerText") == "Freeze issuance …":
            break
    if browser.script("getComputedStyle(document.activeElement).outlineStyle") == "none":
        sys.exit(f"the focus cannot be seen ({seen})")
    browser.key("Enter")
    browser.wait("document.querySelector('dialog[open]')")
    if not browser.script("document.querySelector('dialog').contains(document.activeElement)"):
        sys.exit("the focus is not in the dialog")
    axe(screen, "a dialog")
    browser.type("x.hospital.example")
    if browser.script("document.querySelector('dialog [name=zone]').value") != "x.hospital.example":
        sys.exit("the dialog does not begin with its first field")
    browser.key("Escape")
    browser.wait("!document.querySelector('dialog')")
    if browser.script("document.activeElement.innerText") != "Freeze issuance …":
        sys.exit("the focus does not come back from the dialog")
    browser.script("document.querySelector('nav a[href=\"/ui/certificates\"]').focus()")
    browser.key("Enter")
    screen.drawn("Certificates")
    if browser.script("document.activeElement.tagName") != "H1":
        sys.exit("the focus does not go to the new page")


def languages_and_themes(screen):
    browser = screen.browser
    screen.go("", "Overview")
    choose = """(i, v) => { const s = document.querySelectorAll('header select')[i];
                s.value = v; s.dispatchEvent(new Event('change', {bubbles: true})); }"""
    browser.script(f"({choose})(0, 'zh')")
    for path, heading in (("", "总览"), ("certificates", "证书")):
        screen.go(path, heading)
        if browser.script("document.documentElement.lang") != "zh-CN":
            sys.exit("the page does not say that it is Chinese")
        axe(screen, f"/ui/{path} in Chinese")
        if PICTURES:
            browser.picture(f"{PICTURES}/{path or 'overview'}-zh.png")
    browser.script(f"({choose})(0, 'en')")
    screen.drawn("Certificates")
    browser.script(f"({choose})(1, 'dark')")
    dark = browser.script("getComputedStyle(document.body).backgroundColor")
    screen.go("", "Overview")
    if browser.script("getComputedStyle(document.body).backgroundColor") != dark:
        sys.exit("the theme is not kept")
    browser.script(f"({choose})(1, 'light')")
    if browser.script("getComputedStyle(document.body).backgroundColor") == dark:
        sys.exit("light is not another colour than dark")
    browser.script(f"({choose})(1, 'auto')")
    screen.quiet("languages and themes")


# ---- what it does not let happen

ASK = """fetch('/api/v1/%s', {method: 'POST', headers: {'Content-Type': %s}, body: %s}).then(async r => r.status + ' ' + await r.text())"""


def asks(screen, command, body, kind="application/json"):
    return screen.browser.promise(ASK % (command, json.dumps(kind), json.dumps(json.dumps(body))))


def who_may_only_look(lab):
    screen = Screen(lab, "victor", "viewer")
    screen.go("", "Overview")
    for path, heading in (("", "Overview"), ("certificates", "Certificates")):
        screen.go(path, heading)
        for label in ("Freeze issuance …", "Reload the configuration …", "Certify a request …", "Thaw"):
            if screen.browser.script(f"[...document.querySelectorAll('button')].some(b => b.innerText === {json.dumps(label)})"):
                sys.exit(f"a viewer sees {label}")
    serial = items(lab, "--name", "short1.hospital.example")[0]["serial"]
    for command, body in (("cert/revoke", {"serial": serial, "reason": "superseded"}), ("issuance/freeze", {"reason": "x"}),
                          ("user/role", {"name": "victor", "roles": "officer"}), ("reload", {})):
        told = asks(screen, command, body)
        if not told.startswith("403"):
            sys.exit(f"a viewer asks for {command}: {told}")
    told = asks(screen, "cert/list", {}, "text/plain")
    if not told.startswith("415"):
        sys.exit(f"a form's type: {told}")
    return screen.browser


def no_script_but_ours(screen):
    screen.go("", "Overview")
    screen.browser.script("""(() => { const s = document.createElement('script');
        try { s.textContent = 'window.evil = 2'; } catch (e) { return; } document.head.append(s); })()""")
    screen.browser.script("""(() => { const s = document.createElement('div'); s.setAttribute('style', 'color: red');
        document.body.append(s); })()""")
    if screen.browser.script("window.evil"):
        sys.exit("an inline script was run")
    told = screen.browser.promise("fetch('https://127.0.0.1:9/').then(() => 'sent', e => String(e))")
    if told == "sent" or not any("Content Security Policy" in t for t in screen.browser.troubles):
        sys.exit(f"a page could talk to another host: {told}")
    screen.browser.troubles.clear()


def the_end(screen, lab):
    """A session that somebody else ends: the page says so, and keeps what it has shown."""
    screen.go("certificates", "Certificates")
    mine = [s for s in json.loads(lab.autarky("session", "list", "--json"))["sessions"] if s["user"] == "alice"]
    lab.autarky("session", "end", mine[0]["id"])
    screen.press("Check again")
    screen.says("Your session has ended")
    screen.says("short1.hospital.example")
    screen.browser.troubles.clear()
    sign_in(lab, screen.browser, "alice", screen.key)
    screen.drawn("Overview")
    screen.browser.script("document.querySelector('form[action=\"/ui/sign-out\"] button').click()")
    screen.browser.wait("document.querySelector('input[name=password]')")


def furnish(lab):
    for name, profile in (("short1", "short"), ("month1", "month"), ("year1", "default")):
        lab.autarky("cert", "issue", "--name", f"{name}.hospital.example", "--profile", profile, "--owner", "=team", "--out",
                    lab.directory / name)
    lab.autarky("scan", lab.listeners()["api"][0], ok=(0, 3))


def main():
    if PICTURES:
        pathlib.Path(PICTURES).mkdir(parents=True, exist_ok=True)
    with SiteLab(sites=[{"name": "wiki.hospital.example", "backends": ["http://127.0.0.1:9"]}], extra=PROFILES) as lab:
        lab.start()
        furnish(lab)
        screen = Screen(lab, "alice", "viewer,operator,officer,approver,auditor")
        every_page(screen, lab)
        counting(screen, lab)
        searching(screen)
        exporting(screen)
        by_keyboard(screen)
        languages_and_themes(screen)
        certifying(screen, lab)
        revoking(screen, lab)
        freezing(screen, lab)
        renewing(screen, lab)
        explaining(screen)
        owning(screen, lab)
        auditing(screen)
        operating(screen, lab)
        screen.quiet("after what operators do")
        no_script_but_ours(screen)
        victor = who_may_only_look(lab)
        sessions(screen, lab)
        victor.close()
        binding(screen, lab)
        deciding(screen, lab)
        screen.quiet("at the end")
        the_end(screen, lab)
        screen.browser.close()


main()
