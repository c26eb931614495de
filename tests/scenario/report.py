#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=240
"""`autarky report`, of a server that runs: what is in it agrees with what was done, in HTML, CSV and JSON alike; a name that is a
formula or a tag is a text in each; made again after more has happened, and with the server away, it has the same bytes; months that
are missing are written once, and none that is there is touched."""

import csv
import datetime
import filecmp
import html.parser
import io
import json
import os
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import AUTARKY, Lab, expect, run  # noqa: E402

FAILED, USAGE = 2, 64
OWNER = '=HYPERLINK("http://evil.example")<script>alert(1)</script>'
TABLES = {"certificates", "wildcards", "issued", "near-misses", "revoked", "lapsed", "failures", "reasons", "approvals", "authority",
          "installed", "foreign"}


def be(what, got, wanted):
    if got != wanted:
        sys.exit(f"{what}: {got!r}, not {wanted!r}")


class Page(html.parser.HTMLParser):
    """The cells of each table, and every tag that could fetch or execute."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.table, self.inside, self.bad = {}, None, False, []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag in ("script", "img", "link", "iframe", "object", "form", "base", "a") or any(k.startswith("on") or k in ("src", "href") for k in attrs):
            self.bad.append((tag, attrs))
        if tag == "section":
            self.table = self.rows.setdefault(attrs["id"], [])
        if tag == "tr":
            self.table.append([])
        if tag == "td":
            self.table[-1].append("")
        self.inside = tag == "td"

    def handle_endtag(self, tag):
        self.inside = self.inside and tag != "td"

    def handle_data(self, data):
        if self.inside:
            self.table[-1][-1] += data


def read(directory):
    """The three forms say the same: {table: [{column: text}]}."""
    document = json.loads((directory / "report.json").read_text())
    page = Page((directory / "report.html").read_text())
    be("what the page fetches or executes", page.bad, [])
    be("tables", set(document["tables"]), TABLES)
    for name, rows in document["tables"].items():
        sheet = list(csv.DictReader(io.StringIO((directory / f"{name}.csv").read_text(), newline="")))
        plain = [{k: v[1:] if v.startswith("'") else v for k, v in row.items()} for row in sheet]
        be(f"{name}.csv", plain, rows)
        be(f"{name} in HTML", [row for row in page.rows[name] if row], [list(row.values()) for row in rows])
        if any(v[:1] in ("=", "+", "-", "@") for row in sheet for v in row.values()):
            sys.exit(f"a formula in {name}.csv")
    return document


def issue(lab, name, *options):
    out = lab.directory / f"cert-{name}"
    lab.autarky("cert", "issue", "--name", name, "--out", out, "--force", *options)
    return json.loads(lab.autarky("cert", "find", name, "--limit", "1", "--json"))["items"][0]["serial"]


def utc(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def refused(lab, status, words, *options):
    done = subprocess.run([AUTARKY, "report", "--data", lab.data, *options], capture_output=True, text=True)
    be(f"exit status of report {options}", done.returncode, status)
    expect(done.stderr, words, f"report {options}")


def what_was_done(lab, span):
    serials = [issue(lab, "wiki.hospital.example", "--owner", OWNER), issue(lab, "old.hospital.example"),
               issue(lab, "wiki.hospital.example", "--owner", OWNER, "--reason", "+1 more")]
    lab.autarky("cert", "revoke", serials[1], "--reason", "superseded")
    lab.autarky("issuance", "freeze", "--zone", "old.hospital.example", "--reason", "<b>closed</b>")
    time.sleep(1.1)  # a span ends with a whole second
    to = utc(datetime.datetime.now(datetime.timezone.utc))
    said = json.loads(lab.autarky("report", "--from", span, "--to", to, "--out", lab.directory / "first", "--json"))
    document = read(lab.directory / "first")
    tables = document["tables"]
    ours = {row["serial"]: row for row in tables["certificates"]}
    if not {serials[0], serials[2]} <= set(ours) or serials[1] in ours:
        sys.exit(f"in force: {sorted(ours)}, issued: {serials}")
    be("owner", ours[serials[0]]["owner"], OWNER)
    be("revoked", [(row["serial"], row["reason"]) for row in tables["revoked"]], [(serials[1], "superseded")])
    issued = {row["serial"]: row for row in tables["issued"]}
    be("replaces", issued[serials[2]]["replaces"], serials[0])
    be("reason", issued[serials[2]]["reason"], "+1 more")
    if "issuance.frozen" not in {row["what"] for row in tables["authority"]}:
        sys.exit(f"the lock is missing: {tables['authority']}")
    numbers = document["numbers"]
    be("numbers", (numbers["active"], numbers["issued"], numbers["revoked"]), (len(ours), len(issued), 1))
    be("what was said", {k: v for k, v in said.items() if k in numbers}, numbers)
    return to, serials


def the_same_later(lab, span, to, serials):
    issue(lab, "new.hospital.example")
    lab.autarky("cert", "revoke", serials[0], "--reason", "keyCompromise")
    lab.autarky("issuance", "thaw", "--zone", "old.hospital.example", "--reason", "open")
    second = lab.directory / "second"
    lab.autarky("report", "--from", span, "--to", to, "--out", second)
    lab.stop()
    third = lab.directory / "third"
    run(AUTARKY, "report", "--data", lab.data, "--from", span, "--to", to, "--out", third)
    names = sorted(os.listdir(lab.directory / "first"))
    be("files", names, sorted([f"{t}.csv" for t in TABLES] + ["numbers.json", "report.html", "report.json"]))
    for other in (second, third):
        be("files", sorted(os.listdir(other)), names)
        be(f"the same bytes in {other.name}", filecmp.cmpfiles(lab.directory / "first", other, names, shallow=False)[1:], ([], []))
    be("mode", oct(os.stat(third / "report.html").st_mode & 0o7777), "0o600")


def months(lab):
    reports = lab.data / "reports"
    now = datetime.datetime.now(datetime.timezone.utc)
    last = now.replace(day=1) - datetime.timedelta(days=1)
    before = last.replace(day=1) - datetime.timedelta(days=1)
    earlier = before.replace(day=1) - datetime.timedelta(days=1)
    run(AUTARKY, "report", "--data", lab.data)
    be("months", os.listdir(reports), [last.strftime("%Y-%m")])
    page = reports / last.strftime("%Y-%m") / "report.html"
    stamp = page.stat().st_mtime_ns
    run(AUTARKY, "report", "--data", lab.data)
    be("written twice", page.stat().st_mtime_ns, stamp)
    (reports / last.strftime("%Y-%m")).rename(reports / earlier.strftime("%Y-%m"))
    (reports / (last.strftime("%Y-%m") + ".part")).mkdir()  # as a crash leaves it
    run(AUTARKY, "report", "--data", lab.data)
    be("months", sorted(os.listdir(reports)), sorted(m.strftime("%Y-%m") for m in (earlier, before, last)))
    refused(lab, FAILED, "is there already", "--month", last.strftime("%Y-%m"))
    refused(lab, USAGE, "that time is not over", "--month", now.strftime("%Y-%m"))
    refused(lab, USAGE, "a month is written as in 2026-10", "--month", "October")
    refused(lab, USAGE, "go together", "--from", "2026-10-01T00:00:00Z")
    refused(lab, FAILED, "cannot be made", "--month", "2026-01", "--out", str(lab.directory / "none" / "of" / "it"))


def main():
    span = utc(datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=5))
    with Lab() as lab:
        lab.start()
        to, serials = what_was_done(lab, span)
        the_same_later(lab, span, to, serials)
        months(lab)


main()
