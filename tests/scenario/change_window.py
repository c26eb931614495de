#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""gateway.change_window: another backend of a site waits for its window, in the time of the host, and comes into force by itself
when that opens, without a failed request; `site add` and a maintenance page do not wait, `--despite-window` and a start neither."""

import datetime
import http.server
import json
import os
import pathlib
import sys
import threading
import time

os.environ["TZ"] = "Asia/Kolkata"  # of the server, too: half an hour off every full one
time.tzset()
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import DOMAIN, expect, wait_for  # noqa: E402
from sites import SiteLab  # noqa: E402

WIKI, LAB, MORE = f"wiki.{DOMAIN}", f"lab.{DOMAIN}", f"more.{DOMAIN}"
MINUTE = datetime.timedelta(minutes=1)


def backend(word):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(word)))
            self.end_headers()
            self.wfile.write(word.encode())

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}"


def window(begin, minutes):
    return f"{begin:%H:%M}-{begin + minutes * MINUTE:%H:%M}"


def status(lab):
    return json.loads(lab.autarky("status", "--json"))


def configure(lab, when):
    lab.configure(f'  change_window: "{when}"\n')


def seen(lab):
    return lab.curl(WIKI, "/")


def waits_and_opens(lab, two):
    """The window opens in half a minute to one and a half; requests run all the time."""
    begin = (datetime.datetime.now() + 1.5 * MINUTE).replace(second=0, microsecond=0)
    configure(lab, window(begin, 20))
    lab.autarky("reload")
    lab.sites[0]["backends"] = [two]
    configure(lab, window(begin, 20))
    said = lab.autarky("reload")
    opens = (begin - datetime.timedelta(hours=5, minutes=30)).strftime("%Y-%m-%dT%H:%M:00")
    for word in ("nothing is changed yet", WIKI, "gateway.change_window", "--despite-window", opens):
        expect(said, word, "a reload that waits")
    if LAB in said or seen(lab) != "one":
        sys.exit(f"it did not wait, or for more than it should: {said}")
    if not status(lab)["reload_at"].startswith(opens):
        sys.exit(f"status: {status(lab)['reload_at']}")
    expect(lab.autarky("status"), "A reload waits for gateway.change_window", "status")
    # The rest of the files waits with it.
    said = lab.autarky("site", "add", MORE, "--backend", two, "--algorithms", "ecdsa")
    expect(said, "waits for gateway.change_window, since", "a site beside a change that waits")
    answers = []
    while datetime.datetime.now() < begin + MINUTE and "two" not in answers:
        answers.append(seen(lab))
        early = answers[-1] == "two" and datetime.datetime.now() < begin
        if early or answers[-1] not in ("one", "two"):
            sys.exit(f"{datetime.datetime.now()}: {answers[-1]!r}, before {begin}: {early}")
        time.sleep(0.2)
    if answers[-1] != "two" or status(lab)["reload_at"] is not None:
        sys.exit(f"the window has opened at {begin}, and it is {datetime.datetime.now()}: {status(lab)['reload_at']}")
    lab.wait_site(MORE)


def does_not_wait(lab, one):
    now = datetime.datetime.now().replace(second=0, microsecond=0)
    closed = window(now + 180 * MINUTE, 60)
    configure(lab, closed)
    lab.autarky("reload")
    lab.sites[0]["maintenance"] = "back soon"
    configure(lab, closed)
    if "nothing is changed yet" in lab.autarky("reload"):
        sys.exit("a maintenance page waited")
    expect(lab.curl(WIKI, "/", "--no-fail"), "back soon", "a maintenance page")
    del lab.sites[0]["maintenance"]
    lab.sites[0]["backends"] = [one]
    configure(lab, closed)
    expect(lab.autarky("reload"), "nothing is changed yet", "another backend")
    expect(lab.autarky("reload", "--despite-window"), "is in force", "in spite of it")
    wait_for("the first backend", lambda: seen(lab) == "one")


def starts_with_the_files(lab, two):
    lab.sites[0]["backends"] = [two]
    lab.configure(f'  change_window: "{window(datetime.datetime.now() + 180 * MINUTE, 60)}"\n')
    expect(lab.autarky("reload"), "nothing is changed yet", "another backend")
    lab.stop()
    lab.start()
    lab.wait_site(WIKI)
    if seen(lab) != "two" or status(lab)["reload_at"] is not None:
        sys.exit("a start takes the files as they are")


def main():
    one, two = backend("one"), backend("two")
    sites = [{"name": WIKI, "backends": [one], "algorithms": ["ecdsa"]}, {"name": LAB, "backends": [one], "algorithms": ["ecdsa"]}]
    with SiteLab(sites=sites, init_options=("--algorithms", "ecdsa")) as lab:
        lab.start()
        lab.wait_site(WIKI)
        waits_and_opens(lab, two)
        does_not_wait(lab, one)
        starts_with_the_files(lab, two)


main()
