#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=600
"""What the dashboard does to certificates, sites, issuance, ACME, endpoints and the audit log: each action by its button, its dialog and
the command that the dialog shows, and by what the command line then says. What a viewer, a script from elsewhere and a session that
somebody has ended may not do."""

import json
import pathlib
import re
import sys
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import AGENT, DOMAIN, expect, run, wait_for  # noqa: E402
from screen import ALL_ROLES, WHY, Screen, everything_done  # noqa: E402
from sites import SITE, SiteLab  # noqa: E402

EVIL = "<img src=x onerror=window.evil=1>"
PROFILES = "profiles:\n  short: {lifetime: 6d}\n"


def items(lab, *filters):
    return json.loads(lab.autarky("cert", "find", *filters, "--json"))["items"]


def status(lab):
    return json.loads(lab.autarky("status", "--json"))


def same(command, wanted):
    if command != wanted:
        sys.exit(f"the dialog says the same is: {command}, not {wanted}")


def certifying(screen, lab):
    csr = lab.directory / "request.csr"
    run("/usr/bin/openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN=printer.{DOMAIN}",
        "-keyout", lab.directory / "printer.pem", "-out", csr)
    name = f"printer.{DOMAIN}"
    screen.go("certificates")
    _, told = screen.action("Certify a request …", {"Certificate request, PEM": csr.read_text(), "Names": name, "Owner": EVIL, WHY: "CHG-1"})
    expect(told, f"{name}-fullchain.pem", "what the dialog says")
    if items(lab, "--name", name)[0]["owner"] != EVIL:
        sys.exit("the owner is not in the register")
    screen.go(f"certificates?q={name}", "Certificates")
    screen.says(EVIL)
    screen.press(name)
    screen.drawn(name)
    screen.says(EVIL)
    if screen.page.evaluate("window.evil") or screen.page.locator("img").count():
        sys.exit("what an owner is called became HTML")


def its_files(screen, lab):
    """The certificate's files, as the browser saves them."""
    files = {kind: screen.page.get_by_role("button", name=f"printer.{DOMAIN}-{kind}.pem").download()
             for kind in ("cert", "chain", "fullchain", "root")}
    if files["fullchain"]["text"] != files["cert"]["text"] + files["chain"]["text"] or files["cert"]["name"] != f"printer.{DOMAIN}-cert.pem":
        sys.exit(f"the files: {files}")
    for kind, file in files.items():
        (lab.directory / f"saved-{kind}.pem").write_text(file["text"])
    at = lab.directory / "saved"
    expect(run("/usr/bin/openssl", "verify", "-CAfile", f"{at}-root.pem", "-untrusted", f"{at}-chain.pem", f"{at}-cert.pem"), "OK", "openssl")


def pulling(screen, lab):
    """Its holder hears of it by ARI, and nothing else changes."""
    screen.go(f"certificates?q=printer.{DOMAIN}")
    screen.press(f"printer.{DOMAIN}")
    screen.drawn(f"printer.{DOMAIN}")
    command, _ = screen.action("Renew soon …", {"Within": "12h", WHY: "INC-8"})
    key = items(lab, "--name", f"printer.{DOMAIN}")[0]["spki_sha256"]
    same(command, f"autarky renewal pull --public-key {key} --within 12h --reason INC-8")
    expect(asks(screen, "audit/list", {}), "INC-8", "the audit log")


def revoking(screen, lab):
    name = f"short1.{DOMAIN}"
    screen.go(f"certificates?q={name}")
    screen.press(name)
    screen.drawn(name)
    serial = items(lab, "--name", name)[0]["serial"]
    expect(asks(screen, "cert/revoke", {"serial": serial, "reason": "superseded", "whole": True, "dry_run": True}), serial,
           "what would be revoked, with all that is of its logical certificate")
    command, _ = screen.action("Revoke …", {"Reason": "superseded", WHY: "it's INC-1"}, confirm=name)
    same(command, f"autarky cert revoke {serial} --reason superseded --why 'it'\\''s INC-1'")
    screen.says("revoked")
    screen.offers_none("Revoke …", "Renew soon …")
    if items(lab, "--name", name)[0]["status"] != "revoked":
        sys.exit("it is not revoked")


def freezing(screen, lab):
    screen.go("", "Overview")
    zone = "Only this domain and all below it (empty: everything)"
    command, _ = screen.action("Freeze issuance …", {zone: f"lab.{DOMAIN}", "renewals too": True, WHY: "INC-2"}, confirm="freeze")
    same(command, f"autarky issuance freeze --zone lab.{DOMAIN} --renewals --reason INC-2")
    lock, = status(lab)["frozen"]
    if not lock["renewals"]:
        sys.exit(f"renewals are not frozen: {lock}")
    screen.says("INC-2")
    screen.action("Thaw", {WHY: "over"}, confirm=f"lab.{DOMAIN}")
    screen.action("Freeze issuance …", {WHY: "everything"}, confirm="freeze")
    screen.go("ca", "CA")
    screen.action("Thaw", {WHY: "over"}, confirm=status(lab)["frozen"][0]["scope"], within=screen.row("all", "Locks of issuance"))
    if status(lab)["frozen"]:
        sys.exit("it is frozen still")


def reloading(screen, lab):
    for path, heading in (("settings", "Settings"), ("", "Overview")):
        screen.go(path, heading)
        command, _ = screen.action("Reload the configuration …", {WHY: "CHG-2"})
        same(command, "autarky reload --reason CHG-2")
    path = lab.data / "autarky.yaml"
    before = path.read_text()
    path.write_text(before + "nothing_like_it: 1\n")
    screen.press("Reload the configuration …")
    screen.press("Reload the configuration …", screen.page.dialog)
    screen.page.dialog.get_by_role("alert").filter(has_text="nothing_like_it").wait_for()
    path.write_text(before)
    screen.press("Reload the configuration …", screen.page.dialog)  # once it is mended
    screen.page.dialog.get_by_role("status").wait_for()
    screen.page.key("Escape")
    screen.quiet("a reload that is refused", "/api/v1/reload")


def renewing(screen, lab):
    def serials():
        return {s["serial"] for s in items(lab, "--name", SITE)}

    for path in ("sites", f"sites?name={SITE}"):
        before = serials()
        screen.go(path)
        command, _ = screen.action("Renew now", {WHY: "INC-3"})
        same(command, f"autarky site renew {SITE} --reason INC-3")
        wait_for("another certificate of the site", lambda before=before: serials() > before, 60)


def binding(screen, lab):
    screen.go("acme")
    _, told = screen.action("New key …", {"Name": "apps", "How many accounts it may make": "2", "No account after, as in 30d (empty: never)": "30d"})
    kid, key = re.search(r"kid\s+(\S+)", told)[1], re.search(r"\nKey\s+(\S+)", told)[1]
    (lab.directory / "eab").write_text(key)
    (lab.directory / "eab").chmod(0o600)
    lab.secrets.add(key)
    run(AGENT, "obtain", "--server", lab.directory_url, "--ca-file", lab.roots, "--out", lab.directory / "bound", "--agree-tos", "--name",
        f"bound.{DOMAIN}", "--http-listen", f"127.0.0.1:{lab.http_port}", "--eab-kid", kid, "--eab-key-file", lab.directory / "eab")
    screen.go("acme")
    screen.press("apps", screen.table("Keys of account bindings"))
    screen.card("Accounts of the key apps").get_by_role("row").nth(1).wait_for()
    if len(screen.rows("Accounts")) != 1:
        sys.exit(f"one account is bound: {screen.rows('Accounts')}")
    screen.table("Accounts").get_by_role("link").first().click()
    screen.drawn("Account")
    screen.press("apps")
    screen.page.wait_for_url("**/ui/acme?eab=apps")
    screen.press("All")
    command, _ = screen.action("Revoke …", {WHY: "over"}, confirm="apps", within=screen.row("apps"))
    same(command, "autarky eab revoke apps --reason over")
    found = json.loads(lab.autarky("eab", "list", "--json"))["items"][0]
    if found["accounts"] != 2 or "revoked" not in found:
        sys.exit(f"the key is {found}")


def ending_an_account(screen, lab):
    accounts = json.loads(lab.autarky("account", "list", "--json"))["items"]
    account = [a["id"] for a in accounts if a.get("eab") == "apps"][0]
    screen.go(f"acme?account={account}")
    screen.action("Deactivate …", {WHY: "over"}, confirm=account)
    screen.offers_none("Deactivate …")
    if json.loads(lab.autarky("account", "show", account, "--json"))["status"] != "revoked":
        sys.exit("the account is not deactivated")


def looking_as_the_ca(screen):
    card = screen.card("What the CA sees")
    screen.go("acme")
    screen.fill({"Name": f"localhost.{DOMAIN}"}, card)
    screen.press("Look", card)
    screen.table("What the CA sees").wait_for()
    if len(screen.rows("What the CA sees")) < 2:
        sys.exit(f"name servers said {screen.rows('What the CA sees')}")
    screen.says("http-01", card)
    expect(card.locator(".same code").inner_text(), f"autarky probe localhost.{DOMAIN} --as-ca", "the command")
    screen.fill({"Name": "no name at all"}, card)
    screen.press("Look", card)
    card.locator(".problem").wait_for()
    screen.quiet("a name that is none", "/api/v1/probe")


def explaining(screen):
    screen.go("policy")
    names = "Names, with blanks between"
    screen.fill({names: f"{SITE} elsewhere.example"})
    screen.press("Ask")
    screen.main.locator(".s.failed").filter(has_text="refused").wait_for()
    screen.says("elsewhere.example")
    screen.fill({names: SITE})
    screen.press("Ask")
    screen.main.locator(".s.ok").filter(has_text="allowed").wait_for()
    screen.fill({"Asked from: an address, gateway or operators": "operators", "Profile": "short"})
    screen.press("Ask")
    expect(screen.main.locator(".same code").inner_text(), f"--name {SITE} --from operators --profile short", "the command")
    screen.table("Who may have this name?").filter(has_text="operators").wait_for()


def owning(screen, lab):
    endpoint = json.loads(lab.autarky("inventory", "list", "--json"))["items"][0]["endpoint"]
    for owner in ("net@hospital.example", ""):
        screen.go("inventory?endpoint=" + urllib.parse.quote(endpoint))
        screen.action("Owner …", {"Owner": owner, "Service": owner and "api"})
        if json.loads(lab.autarky("inventory", "show", endpoint, "--json")).get("owner", "") != owner:
            sys.exit(f"the endpoint's owner is not {owner}")


def signing_the_head(screen):
    screen.go("audit")
    _, told = screen.action("Sign the head …")
    expect(told, f"{DOMAIN}/audit/1", "the signed head")


# ---- what it does not let happen

def asks(screen, command, body, kind="application/json"):
    return screen.page.evaluate(f"""fetch('/api/v1/{command}', {{method: 'POST', headers: {{'Content-Type': {json.dumps(kind)}}},
        body: {json.dumps(json.dumps(body))}}}).then(async r => r.status + ' ' + await r.text())""")


def who_may_only_look(lab, beside):
    screen = Screen(lab, "victor", "viewer", beside)
    shown = screen.page.get_by_role("navigation", name="Pages").get_by_role("link").all_inner_texts()
    if set(shown) & {"Audit", "Reports", "Operators", "Settings"} or "Certificates" not in shown:
        sys.exit(f"a viewer's menu has {shown}")
    serial = items(lab, "--name", f"printer.{DOMAIN}")[0]["serial"]
    for path in ("", "certificates", f"certificates?serial={serial}", "sites", "acme", "ca", "inventory", "alerts", "agents"):
        screen.go(path)
        if screen.main.locator("button[aria-haspopup=dialog]").count():
            sys.exit(f"a viewer is offered {screen.main.locator('button[aria-haspopup=dialog]').all_inner_texts()} on /ui/{path}")
    for path in ("audit", "operators", "elsewhere"):
        screen.page.goto(f"{lab.api}/ui/{path}")
        if path != "elsewhere":
            screen.says("There is nothing here")
    screen.quiet("what a viewer sees", "/ui/elsewhere")
    for command, body in (("cert/revoke", {"serial": serial, "reason": "superseded"}), ("issuance/freeze", {"reason": "x"}),
                          ("user/role", {"name": "victor", "roles": "officer"}), ("reload", {}), ("audit/list", {})):
        told = asks(screen, command, body)
        if not told.startswith("403"):
            sys.exit(f"a viewer asks for {command}: {told}")
    told = asks(screen, "cert/list", {}, "text/plain")
    if not told.startswith("415"):
        sys.exit(f"a form's type: {told}")
    screen.close()


def no_script_but_ours(screen):
    screen.go("", "Overview")
    screen.page.evaluate("""(() => { const s = document.createElement('script');
        try { s.textContent = 'window.evil = 2'; } catch (e) { return; } document.head.append(s); })()""")
    screen.page.evaluate("""(() => { const s = document.createElement('div'); s.setAttribute('style', 'color: red');
        document.body.append(s); })()""")
    if screen.page.evaluate("window.evil"):
        sys.exit("an inline script was run")
    told = screen.page.evaluate("fetch('https://127.0.0.1:9/').then(() => 'sent', e => String(e))")
    troubles = screen.listen()["troubles"]
    if told == "sent" or not any("Content Security Policy" in t for t in troubles):
        sys.exit(f"a page could talk to another host: {told}, {troubles}")
    troubles.clear()


def covered(screen):
    """This very test: what lies under something else, or is not to be used, is not pressed."""
    screen.go("", "Overview")
    screen.press("Freeze issuance …")
    screen.page.dialog.wait_for()
    behind = screen.main.locator("button").filter(has_text="Reload the configuration …")
    said = screen.page.browser.ask({"page": screen.page.number, "chain": behind.chain + [["click", {"timeout": 1000}]]})
    if "error" not in said:
        sys.exit("what is behind a dialog was pressed")
    screen.page.key("Escape")
    screen.page.dialog.wait_none()


def the_end(screen, lab):
    """A session that somebody else ends: the page says so, and keeps what it has shown."""
    screen.go("certificates", "Certificates")
    mine = [s for s in json.loads(lab.autarky("session", "list", "--json"))["sessions"] if s["user"] == "alice"]
    screen.quiet("before the end")
    lab.autarky("session", "end", mine[0]["id"])
    screen.press("Check again")
    screen.says("Your session has ended")
    screen.says(f"printer.{DOMAIN}")
    screen.quiet("the end", "401 (")
    screen.press("Sign in")
    screen.page.get_by_label("Password", exact=True).wait_for()
    screen.sign_in()
    screen.drawn("Overview")
    screen.page.get_by_role("button", name="Sign out", exact=True).click()
    screen.page.get_by_label("Password", exact=True).wait_for()


def main():
    with SiteLab(sites=[{"name": SITE, "backends": ["http://127.0.0.1:9"]}], extra=PROFILES, init_options=("--algorithms", "ecdsa")) as lab:
        lab.start()
        lab.autarky("cert", "issue", "--name", f"short1.{DOMAIN}", "--profile", "short", "--owner", "=team", "--out", lab.directory / "short1")
        lab.autarky("scan", lab.listeners()["api"][0], ok=(0, 3))
        screen = Screen(lab, "alice", ALL_ROLES)
        certifying(screen, lab)
        its_files(screen, lab)
        pulling(screen, lab)
        revoking(screen, lab)
        freezing(screen, lab)
        reloading(screen, lab)
        renewing(screen, lab)
        binding(screen, lab)
        ending_an_account(screen, lab)
        looking_as_the_ca(screen)
        explaining(screen)
        owning(screen, lab)
        signing_the_head(screen)
        covered(screen)
        screen.quiet("after what operators do")
        no_script_but_ours(screen)
        who_may_only_look(lab, screen)
        the_end(screen, lab)
        screen.close()
    everything_done("ui_actions")


main()
