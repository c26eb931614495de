#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=600
"""The numbers and lists of the dashboard: what they count and lead to, every way to search, narrow down and sort them, page after page, as
files, and the way back."""

import datetime
import json
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import DOMAIN, expect, run  # noqa: E402
from operators import add  # noqa: E402
from screen import ALL_ROLES, Screen, everything_done  # noqa: E402
from sites import SiteLab  # noqa: E402

PROFILES = "profiles:\n  short: {lifetime: 6d}\n  month: {lifetime: 25d}\n"
MANY = 52  # certificates, more than a page of them has


def items(lab, *filters):
    return json.loads(lab.autarky("cert", "find", *filters, "--json"))["items"]


def endpoint_of(lab):
    return json.loads(lab.autarky("inventory", "list", "--json"))["items"][0]["endpoint"]


# ---- the numbers

def counting(screen, lab):
    """The overview's numbers are those of the register, and lead to the lists that they count."""
    caption = "How many certificates in force end in so many days"
    ranges = ((0, 7), (7, 14), (14, 30), (30, 60), (60, 90), (90, None))
    now = datetime.datetime.now(datetime.timezone.utc)
    left = [(datetime.datetime.fromisoformat(c["not_after"].replace("Z", "+00:00")) - now).total_seconds() / 86400
            for c in items(lab) if c["status"] == "valid"]
    want = [str(sum(low <= d and (high is None or d < high) for d in left)) for low, high in ranges]
    if want[0] == "0" or want[2] == "0" or want[4] == "0":
        sys.exit(f"the register has nothing to count: {left}")
    screen.go("", "Overview")
    screen.says("Renewals to come")
    shown = screen.rows(caption)
    if [r[-1] for r in shown] != want or shown[0][0] != "0–7" or shown[5][0] != "90+":
        sys.exit(f"of {left} the page says {shown}")
    ages = screen.rows("How many certificates in force are so many days old")
    if sum(int(r[-1]) for r in ages) != len([d for d in left if d > 0]):
        sys.exit(f"of {len(left)} certificates the page has the ages {ages}")
    table = screen.page.get_by_role("button", name=f"{caption}: CSV", exact=True).download()["text"].split()
    if table != ["from,before,n"] + [f"{low},{'' if high is None else high},{n}" for (low, high), n in zip(ranges, want)]:
        sys.exit(f"the table is saved as {table}")
    screen.press(want[0], screen.table(caption).locator("tbody tr").first())
    screen.drawn("Certificates")
    screen.says(f"short1.{DOMAIN}")
    if len(screen.rows("Certificates")) != int(want[0]):
        sys.exit(f"the list has not {want[0]} rows")


def drawings(screen):
    """A bar leads to what it counts; a drawing without a table beside it becomes one."""
    screen.go("", "Overview")
    plot = screen.page.get_by_role("img", name="How many certificates in force end in so many days", exact=True)
    plot.locator("canvas").first().wait_for()
    box = plot.bounding_box()
    plot.click(position={"x": box["width"] * 0.2, "y": box["height"] / 2})
    screen.drawn("Certificates")
    expect(screen.page.url(), "sort=expiry&status=valid", "where a bar leads")
    screen.go("", "Overview")
    card = screen.card("Issued per day")
    screen.press("As a table", card)
    card.get_by_role("row").first().wait_for()
    card.get_by_role("button", name="As a table", pressed=True).click()
    card.get_by_role("img").wait_for()


def tiles(screen):
    for label, heading, query in (("valid certificates", "Certificates", "?status=valid"), ("end within 30 days", "Certificates", "within=30"),
                                  ("open alerts", "Alerts", ""), ("wait for a decision", "Approvals", "")):
        screen.go("", "Overview")
        screen.main.get_by_role("link", name=re.compile(rf"^\d+ ?{label}$")).click()
        screen.drawn(heading)
        expect(screen.page.url(), query, f"where {label} leads")


# ---- searching

def searching(screen):
    certificates = screen.table("Certificates")
    screen.go("certificates")
    screen.fill({"Name, domain, address or serial number": f"month1.{DOMAIN}"})
    screen.press("Search")
    certificates.filter(has_not_text="short1").filter(has_text=f"month1.{DOMAIN}").wait_for()
    expect(screen.page.url(), f"q=month1.{DOMAIN}", "the address")
    screen.press("end within 7 days")
    certificates.filter(has_not_text="month1").filter(has_text=f"short1.{DOMAIN}").wait_for()
    screen.page.go_back()
    certificates.filter(has_not_text="short1").wait_for()
    if screen.page.get_by_role("searchbox").input_value() != f"month1.{DOMAIN}":
        sys.exit("the way back does not bring the search with it")
    screen.go("certificates?q=nothing.example")
    screen.says("Nothing in the register is like that")


def narrowing(screen, lab):
    """Each field and each choice, by what the list then has."""
    certificates = screen.table("Certificates")
    for fields, query, has, has_not in (
            ({"Ends within days": "7"}, "?within=7", "short1", "month1"),
            ({"Issuer": "rsa-1"}, "?issuer=rsa-1", f"wiki.{DOMAIN}", "short1"),
            ({"Profile": "month"}, "?profile=month", "month1", "year1"),
            ({"Owner": "=team"}, "?owner=%3Dteam", "year1", "many")):
        screen.go("certificates", "Certificates")
        screen.fill(fields)
        screen.press("Search")
        certificates.filter(has_text=has).filter(has_not_text=has_not).wait_for()
        expect(screen.page.url(), query, f"the address of {fields}")
    screen.go("certificates", "Certificates")
    screen.fill({"State": "valid", "Order": "expiry"})
    screen.press("Search")
    certificates.locator("tbody tr").first().filter(has_text="short1").wait_for()
    expect(screen.page.url(), "?status=valid&sort=expiry", "the address of an order")
    for chip, query in (("valid", "?status=valid"), ("end within 30 days", "?sort=expiry&within=30"), ("revoked", "?status=revoked"),
                        ("for trying out (staging)", "?staging=yes"), ("All", "/certificates")):
        screen.press(chip, screen.page.get_by_role("list", name="Filters"))
        screen.drawn("Certificates")
        if not screen.page.url().endswith(query):
            sys.exit(f"{chip} leads to {screen.page.url()}")
        screen.page.locator(".chips [aria-current=true]").filter(has_text=chip).wait_for()
    serial = items(lab, "--name", f"year1.{DOMAIN}")[0]["serial"]
    for typed in (serial, "*.nothing.example"):
        screen.go("certificates", "Certificates")
        screen.fill({"Name, domain, address or serial number": typed})
        screen.press("Search")
        screen.says(f"year1.{DOMAIN}" if typed == serial else "Nothing in the register is like that")
    screen.go("certificates?from=8&within=30", "Certificates")
    certificates.filter(has_text="month1").filter(has_not_text="short1").wait_for()


def from_one_to_others(screen, lab):
    """A certificate, and what its links lead to."""
    serial = items(lab, "--name", f"short1.{DOMAIN}")[0]["serial"]
    for label, query in ((f"short1.{DOMAIN}", f"?q=short1.{DOMAIN}"), ("ecdsa-1", "?issuer=ecdsa-1"), ("short", "?profile=short"),
                         ("=team", "?owner=%3Dteam"), (re.compile("^[0-9a-f]{64}$"), "?key=")):
        screen.go(f"certificates?serial={serial}", f"short1.{DOMAIN}")
        links = screen.card("Certificate").get_by_role("link", name=label, **({"exact": True} if isinstance(label, str) else {}))
        links.click()
        screen.drawn("Certificates")
        expect(screen.page.url(), query, f"where {label} leads")
        screen.table("Certificates").filter(has_text=f"short1.{DOMAIN}").wait_for()
    screen.go(f"certificates?serial={serial}")
    screen.press("ecdsa-1", screen.card("Chain"))
    screen.drawn("ecdsa-1")
    screen.press("What it has issued")
    screen.drawn("Certificates")
    screen.go("sites", "Sites")
    screen.press(f"wiki.{DOMAIN}")
    screen.drawn(f"wiki.{DOMAIN}")
    screen.press("All for this name")
    screen.drawn("Certificates")


def seen_by_scans(screen, lab):
    endpoint = endpoint_of(lab)
    table = screen.table("What scans have seen")
    for fields, found in (({"Network or address": "127.0.0.0/8"}, True), ({"Network or address": "10.0.0.0/8"}, False),
                          ({"Verdict": "ours"}, True), ({"Owner": "nobody"}, False), ({"Domain": "elsewhere.example"}, False)):
        screen.go("inventory", "Inventory")
        screen.fill(fields)
        screen.press("Search")
        if found:
            table.filter(has_text=endpoint).wait_for()
        else:
            screen.says("No scan has seen anything like that")
    screen.press("foreign")
    screen.says("No scan has seen anything like that")
    expect(screen.page.url(), "?verdict=foreign", "the address")
    screen.press("All")
    screen.press(endpoint)
    screen.drawn(endpoint)
    screen.press("← Inventory")
    screen.drawn("Inventory")


def audited(screen):
    events = screen.table("Events")
    screen.go("audit", "Audit")
    screen.press("certificate.*")
    events.filter(has_text="certificate.issued").filter(has_not_text="operator.signed-in").wait_for()
    events.get_by_role("row").nth(1).get_by_role("link").first().click()
    screen.main.locator("pre").filter(has_text='"action": "certificate.').wait_for()
    screen.go("audit", "Audit")
    screen.press("Older")
    events.wait_for()
    screen.press("Newest")
    screen.drawn("Audit")
    screen.fill({"Action": "user.", "By whom": "uid 0"})
    screen.press("Search")
    events.filter(has_text="user.added").filter(has_not_text="certificate.issued").wait_for()
    events.locator("tbody tr").first().get_by_role("link").nth(1).click()
    screen.page.wait_for_url("**/ui/audit?object=*")
    events.filter(has_text="user.added").wait_for()
    screen.fill({"Of what": "nobody"})
    screen.press("Search")
    screen.says("None of the events that were looked at is like that")


def turning_pages(screen):
    table = screen.table("Certificates")
    pages = screen.page.get_by_role("navigation", name="More pages", exact=True)
    screen.go("certificates?q=many.hospital.example", "Certificates")
    first = screen.rows("Certificates")
    screen.press("Next page", pages)
    table.filter(has_not_text=first[0][0]).wait_for()
    second = screen.rows("Certificates")
    if len(first) != 50 or len(second) != MANY - 50 or {r[0] for r in first} & {r[0] for r in second}:
        sys.exit(f"{len(first)} and {len(second)} rows")
    saved = screen.page.get_by_role("button", name="Certificates: CSV", exact=True).download()
    if saved["name"] != "certificates.csv" or len(saved["text"].splitlines()) != MANY + 1:
        sys.exit(f"a file has all of them: {saved}")
    screen.press("First page", pages)
    table.filter(has_text=first[0][0]).wait_for()


def exporting(screen):
    """What the browser saves."""
    screen.go("certificates?owner=%3Dteam")
    table, raw = (screen.page.get_by_role("button", name=f"Certificates: {kind}", exact=True).download() for kind in ("CSV", "JSON"))
    if (table["name"], raw["name"]) != ("certificates.csv", "certificates.json"):
        sys.exit(f"the files are called {table['name']} and {raw['name']}")
    expect(table["text"].splitlines()[0], "names,status,not_after", "the head of the CSV")
    expect(table["text"], f"short1.{DOMAIN},valid,", "the CSV")
    if "\n=" in table["text"] or ",=" in table["text"]:
        sys.exit(f"a spreadsheet would take that for a formula: {table['text']}")
    if not [c for c in json.loads(raw["text"]) if c["names"] == [f"short1.{DOMAIN}"]]:
        sys.exit(f"the JSON has not what the table has: {raw['text'][:500]}")


def sorting(screen):
    screen.go("operators", "Operators")
    users = screen.table("Users")
    for direction in ("ascending", "descending"):
        screen.press("Name", users)
        users.locator(f"th[aria-sort={direction}]").filter(has_text="Name").wait_for()
        names = [r[0] for r in screen.rows("Users")]
        if names != sorted(names, reverse=direction == "descending") or len(names) < 2:
            sys.exit(f"{direction}: {names}")


# ---- what it is shown

def furnish(lab):
    for name, profile in (("short1", "short"), ("month1", "month"), ("year1", "default")):
        lab.autarky("cert", "issue", "--name", f"{name}.{DOMAIN}", "--profile", profile, "--owner", "=team", "--out", lab.directory / name)
    lab.autarky("scan", lab.listeners()["api"][0], ok=(0, 3))
    add(lab, "zoe", "viewer")


def many(screen, lab):
    """Certificates, by the session that is there: one command would take longer for each."""
    run("/usr/bin/openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=x",
        "-keyout", lab.directory / "many.pem", "-out", lab.directory / "many.csr", "-outform", "DER")
    csr = (lab.directory / "many.csr").read_bytes()
    failed = screen.page.evaluate(f"""(async () => {{
        const csr = btoa(String.fromCharCode(...{json.dumps(list(csr))})).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
        for (let i = 0; i < {MANY}; i++) {{
            const answer = await fetch('/api/v1/cert/sign', {{method: 'POST', headers: {{'Content-Type': 'application/json'}},
                body: JSON.stringify({{csr, names: [`n${{i}}.many.{DOMAIN}`]}})}});
            if (!answer.ok) return await answer.text();
        }} }})()""")
    if failed:
        sys.exit(f"no certificate: {failed}")


def main():
    with SiteLab(sites=[{"name": f"wiki.{DOMAIN}", "backends": ["http://127.0.0.1:9"]}], extra=PROFILES) as lab:
        lab.start()
        furnish(lab)
        screen = Screen(lab, "alice", ALL_ROLES)
        counting(screen, lab)
        drawings(screen)
        tiles(screen)
        searching(screen)
        exporting(screen)
        narrowing(screen, lab)
        from_one_to_others(screen, lab)
        seen_by_scans(screen, lab)
        sorting(screen)
        many(screen, lab)
        turning_pages(screen)
        audited(screen)
        screen.quiet("at the end")
        screen.close()
    everything_done("ui_lists")


main()
