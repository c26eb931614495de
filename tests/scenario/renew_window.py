#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Windows of maintenance for the certificates of sites: in the time of the host, which a confined process has to know; one site
with a window of its own; renewal by hand, which waits for none; and what is no window."""

import datetime
import json
import os
import pathlib
import sys

os.environ["TZ"] = "Asia/Kolkata"  # of the server, too: half an hour off every full one
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import DOMAIN, expect, wait_for  # noqa: E402
from sites import SiteLab  # noqa: E402

WIKI, LAB = f"wiki.{DOMAIN}", f"lab.{DOMAIN}"
OFFSET = datetime.timedelta(hours=5, minutes=30)


def certificate(lab, name):
    items = json.loads(lab.autarky("site", "list", "--json"))["items"]
    return next(i for i in items if i["name"] == name)["certificates"][0]


def local(when):
    return datetime.datetime.strptime(when, "%Y-%m-%dT%H:%M:%SZ") + OFFSET


def main():
    sites = [{"name": WIKI, "backends": ["http://127.0.0.1:9"], "algorithms": ["ecdsa"]},
             {"name": LAB, "backends": ["http://127.0.0.1:9"], "algorithms": ["ecdsa"], "renew_window": "1st,3rd Wed 22:15-23:00"}]
    with SiteLab(sites=sites, extra="  renew_window: \"Sun 02:00-04:00\"\n", init_options=("--algorithms", "ecdsa")) as lab:
        lab.start()
        lab.wait_site(WIKI)
        lab.wait_site(LAB)
        wiki, other = local(certificate(lab, WIKI)["next_at"]), local(certificate(lab, LAB)["next_at"])
        if (wiki.weekday(), wiki.hour) not in ((6, 2), (6, 3)):
            sys.exit(f"{WIKI} is renewed at {wiki:%a %H:%M}, local time")
        if other.weekday() != 2 or other.hour != 22 or other.day > 21 or 7 < other.day < 15:
            sys.exit(f"{LAB} is renewed at {other:%a %d %H:%M}, local time")
        before = certificate(lab, WIKI)["serial"]
        lab.autarky("site", "renew", WIKI)
        wait_for("the renewal by hand", lambda: certificate(lab, WIKI)["serial"] != before)
        if local(certificate(lab, WIKI)["next_at"]).weekday() != 6:
            sys.exit("the next one does not wait for its window")
        lab.sites[1]["renew_window"] = "Sunday at two"
        lab.configure("  renew_window: \"Sun 02:00-04:00\"\n")
        said = lab.autarky("config", "check", ok=(2, 64))
        expect(said, "renew_window", "a wrong window")
        expect(said, "is no list of times", "a wrong window")


main()
