#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=180
"""Numbers and alarms: every process is at /metrics, promtool finds nothing to say about its form, what it shows is what the
commands say, and every series that the alert rules and the board ask for exists in the program."""

import json
import os
import pathlib
import re
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import DOMAIN, run, wait_for  # noqa: E402
from sites import SITE, Backend, SiteLab  # noqa: E402

HERE = pathlib.Path(os.environ["AUTARKY_ROOT"])
RULES, BOARD = HERE / "packaging/prometheus/autarky.rules.yml", HERE / "packaging/grafana/autarky.json"


def check(condition, text):
    if not condition:
        sys.exit(text)


def page(lab, *options):
    return run("curl", "-sSf", "--cacert", lab.roots, *options, lab.api + "/metrics")


def series(lab):
    """{"name{labels without the role}": {role: value}}"""
    found = {}
    for line in page(lab).splitlines():
        name = re.fullmatch(r'autarky_(\w+)\{role="([a-z0-9-]+)",?(.*)\} (\S+)', line)
        if name:
            found.setdefault(f"{name[1]}{{{name[3]}}}", {})[name[2]] = float(name[4])
    return found


def well_formed(lab):
    for options in ((), ("-H", "Accept: application/openmetrics-text; version=1.0.0")):
        text = page(lab, *options)
        done = subprocess.run(["promtool", "check", "metrics"], input=text.replace("# EOF\n", ""), capture_output=True, text=True,
                              check=False)
        # The older format has "_total" in the name of a counter, OpenMetrics has not: promtool knows the older one.
        if not options:
            check(done.returncode == 0 and not done.stderr, f"promtool: {done.stdout}{done.stderr}")
        else:
            check(text.endswith("# EOF\n"), f"no end: {text[-100:]}")


def every_process(lab):
    found = series(lab)["process_cpu_seconds_total{}"]
    check({"front", "core", "signer", "prober", "keeper", "gateway-0"} <= set(found), f"only {found} are there")
    check(all(0 < seconds < 60 for seconds in found.values()), f"CPU times: {found}")


def as_the_commands_say(lab):
    found = series(lab)
    issuers = json.loads(lab.autarky("issuer", "list", "--json"))["issuers"]
    for kind, name in ((True, "root"), (False, "issuer")):
        mine = [i for i in issuers if i["root"] is kind and i["hierarchy"] == "intranet" and i["state"] == "active"]
        check(mine, f"no {name} in {issuers}")
        for algorithm in {i["algorithm"] for i in mine}:
            key = f'{name}_not_after_timestamp_seconds{{hierarchy="intranet",algorithm="{algorithm}"}}'
            ends = max(time_of(i["not_after"]) for i in mine if i["algorithm"] == algorithm)
            check(abs(found[key]["core"] - ends) < 2, f"{key} is {found[key]}, and the last ends at {ends}")
        absent = f'{name}_not_after_timestamp_seconds{{hierarchy="special",algorithm="rsa"}}'
        check(absent not in found, f"{absent} is shown, and there is none")
    first = found['site_certificate_not_after_timestamp_seconds{algorithm="ecdsa"}']["keeper"]
    check(time.time() < first < time.time() + 91 * 86400, f"the site's certificate ends at {first}")


def time_of(text):
    return time.mktime(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone


def requests_and_locks(lab):
    for _ in range(5):
        lab.curl(SITE, "/hello")
    wait_for("the gateway's requests", lambda: sum(series(lab).get('gateway_requests_total{class="2xx"}', {}).values()) == 5, 10)
    found = series(lab)
    of_site = {name: sum(found.get(name, {}).values()) for name in (
        f'gateway_site_requests_total{{site="{SITE}",class="2xx"}}', f'gateway_site_request_seconds_count{{site="{SITE}"}}',
        'gateway_site_requests_total{site="other",class="2xx"}')}
    check(list(of_site.values()) == [5, 5, 0], f"by site: {of_site}")
    check(sum(found[f'gateway_site_bytes_total{{site="{SITE}",direction="response"}}'].values()) > 0, "no bytes of the site")
    check(series(lab)["issuance_frozen{}"]["core"] == 0, "it is frozen before anybody said so")
    lab.autarky("issuance", "freeze", "--reason", "a look at the numbers")
    found = series(lab)
    check(found["issuance_frozen{}"]["core"] == 1 and found["issuance_locks{}"]["core"] == 1, "a lock that is not counted")


def rules_and_board():
    """What is asked for exists, and each rule rings."""
    run("promtool", "check", "rules", RULES)
    tests = sorted((HERE / "tests/prometheus").glob("*.yml"))
    run("promtool", "test", "rules", *tests)
    declared = {"build_info"}
    for source in (HERE / "src").rglob("*.c"):
        declared |= set(re.findall(r'METRIC_[A-Z0-9_]+\(\w+,\s*"(\w+)"', source.read_text()))
    page = set(re.findall(r"\w+", (HERE / "man/autarky.1").read_text().split(".Sh METRICS")[1].split(".Sh EXIT")[0]))
    check(declared <= page, f"autarky(1) does not have {sorted(declared - page)}")
    json.loads(BOARD.read_text())
    for file in (RULES, BOARD):
        asked = set(re.findall(r"autarky_(\w+)", file.read_text()))
        check(len(asked) > 10, f"{file.name} asks for {asked} only")
        for name in asked:
            check(re.sub(r"_(bucket|sum|count)$", "", name) in declared, f"{file.name} asks for autarky_{name}, which nobody counts")
    rules = set(re.findall(r"alert: (\w+)", RULES.read_text()))
    tested = "".join(file.read_text() for file in tests)
    check(all(rule in tested for rule in rules), f"without a test: {[r for r in rules if r not in tested]}")


def main():
    rules_and_board()
    backend = Backend()
    with SiteLab() as lab:
        lab.start()
        lab.autarky("site", "add", SITE, "--backend", backend.url)
        lab.wait_site(SITE)
        wait_for("all certificates of the site",
                 lambda: series(lab).get('site_certificates{state="valid"}', {}).get("keeper", 0) >= 2, 30)
        every_process(lab)
        well_formed(lab)
        as_the_commands_say(lab)
        requests_and_locks(lab)
    backend.stop()


main()
