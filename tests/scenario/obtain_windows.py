#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Windows of maintenance: a certificate is obtained outside of them and kept ready, nginx is reloaded, and proven, inside; one that
cannot wait is not left to die, and that is said; by hand, by `renew` and by `agent run`, whose clock is moved."""

import json
import os
import pathlib
import signal
import socket
import ssl
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import AGENT, DOMAIN, Clock, Lab, Process, expect, run, steady_port, wait_for  # noqa: E402
from services import Nginx  # noqa: E402

NAME = f"wiki.{DOMAIN}"
HOUR, DAY = 3600, 86400
EAST = 5 * HOUR  # of this machine's time zone, EAST-5


def served(port):
    """The leaf that a client of its own sees."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", port), 10) as s, context.wrap_socket(s, server_hostname=NAME) as t:
        return "".join(ssl.DER_cert_to_PEM_cert(t.getpeercert(True)).split())


class Place:
    def __init__(self, lab, clock):
        self.lab, self.clock = lab, clock
        self.out = lab.directory / "certs/wiki"
        self.out.parent.mkdir()

    def obtain(self, *args):
        return run(AGENT, "obtain", "--server", self.lab.directory_url, "--ca-file", self.lab.roots, "--out", self.out, "--agree-tos",
                   "--name", NAME, "--profile", "short", "--http-listen", f"127.0.0.1:{self.lab.http_port}", *args)

    def renew(self, *args):
        return run(AGENT, "renew", self.out, *args)

    def doctor(self):
        return run(AGENT, "agent", "doctor", self.out)

    @property
    def state(self):
        return json.loads((self.out / ".autarky/state.json").read_text())

    def change(self, plan, **state):
        was = self.state
        was["plan"].update(plan)
        was.update(state)
        (self.out / ".autarky/state.json").write_text(json.dumps(was))

    def leaf(self):
        return "".join((self.out / "cert.pem").read_text().split())

    def now(self):
        return time.time() + self.clock.offset / 1_000_000

    def window(self, after, lasts=HOUR):
        """One that opens then, in the time of this machine, and when that is in UTC."""
        begin = (self.now() + after) // 60 * 60
        here = time.gmtime(begin + EAST)
        text = time.strftime("%a %H:%M-", here) + time.strftime("%H:%M", time.gmtime(begin + EAST + lasts))
        return text, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(begin))


def is_served(place, nginx, leaf, what):
    """A worker that ends may take a last connection."""
    if place.leaf() != leaf:
        sys.exit(f"{what}: another certificate is in place")
    wait_for(f"what nginx serves, {what}", lambda: served(nginx.port) == leaf)


def wait_for_it(place, nginx):
    old = place.leaf()
    text, opens = place.window(DAY)
    said = place.obtain("--reload", f"signal:HUP:{nginx.pid}", "--prove", f"127.0.0.1:{nginx.port}", "--reload-window", text)
    expect(said, f"obtained a certificate, which waits for the window at {opens}", "another one, by hand")
    is_served(place, nginx, old, "before its window")
    expect(place.renew("--despite-window"), "renewed", "now, by hand")
    if place.leaf() == old:
        sys.exit("--despite-window did nothing")
    is_served(place, nginx, place.leaf(), "now, by hand")

    old = place.leaf()
    said = place.renew("--force")
    expect(said, f"a new certificate is ready, and waits for the window at {opens}", "renewed outside of its window")
    is_served(place, nginx, old, "renewed outside of its window")
    pending = place.state["pending"]
    if json.loads(place.renew("--json"))[0].get("window") != opens:
        sys.exit("--json does not say when")
    expect(place.renew("--force"), f"waits for the window at {opens}", "--force")  # it is about renewing, not about the window
    expect(place.doctor(), f"and a new one is ready, which waits for the window at {opens}", "doctor")
    is_served(place, nginx, old, "still")

    place.clock.advance(DAY + HOUR // 2)
    expect(place.renew(), "renewed, valid until", "in its window")
    if place.state.get("pending") or os.readlink(place.out / ".autarky/live") != str(pending) or "outside" in place.state:
        sys.exit(f"in its window: {place.state}")
    is_served(place, nginx, place.leaf(), "in its window")
    if place.leaf() == old:
        sys.exit("the old one is still there")


def cannot_wait(place, nginx):
    """The window is three days away, the last tenth of the one in place two."""
    place.clock.advance(5 * DAY // 2)
    old = place.leaf()
    text, _ = place.window(3 * DAY)
    place.change({"reload_window": text})
    expect(place.renew("--force"), "and none of its windows (", "said ahead")
    is_served(place, nginx, old, "while it can wait")
    place.clock.advance(2 * DAY)
    said = place.renew()
    expect(said, "warning: ", "said then")
    expect(said, f"is taken into use outside of its windows ({text})", "said then")
    if place.leaf() == old or not place.state.get("outside"):
        sys.exit(f"it was left to die: {place.state}")
    is_served(place, nginx, place.leaf(), "outside of its windows")
    expect(place.doctor(), "outside of its windows", "doctor, afterwards")


def renewals(place, nginx):
    text, opens = place.window(DAY)
    place.change({"renew_window": text, "reload_window": ""}, renew_at=int(place.now() * 1_000_000), look_at=0)
    old = place.leaf()
    expect(place.renew(), f"not due before {opens}", "a renewal outside of its window")
    place.clock.advance(DAY + 60)
    expect(place.renew(), "renewed, valid until", "a renewal in its window")
    if place.leaf() == old or "outside" in place.state:
        sys.exit(f"a renewal in its window: {place.state}")
    is_served(place, nginx, place.leaf(), "a renewal in its window")


def by_the_agent(lab, place, nginx):
    text, opens = place.window(2 * HOUR)
    place.change({"renew_window": "", "reload_window": text})
    place.renew("--force")
    old, heard = place.leaf(), set()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(lab.directory / "notify"))
        threading.Thread(target=lambda: [heard.add(systemd.recv(4096).decode()) for _ in range(1000)], daemon=True).start()
        agent = Process("agent", lab.directory, AGENT, "agent", "run", place.out.parent,
                        env={**os.environ, "NOTIFY_SOCKET": str(lab.directory / "notify")})
        try:
            wait_for("STATUS", lambda: any(f"1 waiting for a window, next {opens}" in line for line in set(heard)))
            is_served(place, nginx, old, "under the agent")

            place.clock.advance(2 * HOUR + 60)
            agent.popen.send_signal(signal.SIGHUP)  # it sleeps by another clock
            wait_for("the window", lambda: place.leaf() != old and "pending" not in place.state)
            is_served(place, nginx, place.leaf(), "by the agent")
        finally:
            status = agent.stop()
    if status != 0:
        sys.exit(f"the agent ended with {status}:\n{agent.log.read_text()}")


def main():
    os.environ["AUTARKY_DATA"] = "/nowhere"
    os.environ["TZ"] = "EAST-5"
    with Lab() as lab:
        lab.configure(api=(f"127.0.0.1:{steady_port()}",))
        clock = Clock(lab.directory / "clock")
        os.environ["AUTARKY_TEST_CLOCK"] = str(clock.path)
        lab.start(env=dict(os.environ))
        place = Place(lab, clock)
        expect(place.obtain("--reload-window", place.window(DAY)[0]), "obtained a certificate, valid until", "the first does not wait")
        with Nginx(lab.directory, [(place.out / "fullchain.pem", place.out / "privkey.pem")]) as nginx:
            wait_for_it(place, nginx)
            cannot_wait(place, nginx)
            renewals(place, nginx)
            by_the_agent(lab, place, nginx)


main()
