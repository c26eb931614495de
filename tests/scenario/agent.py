#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=400
"""`autarky agent run` for a month of a clock that is moved: several renewals, a certificate that is added, a server that is down
and comes back, a service that does not take a certificate, agents that are killed at any moment or asked to end; and what
`autarky agent doctor` says of each. At every moment key and certificate in place belong together.

AUTARKY_SEED repeats a run's choices."""

import json
import os
import pathlib
import random
import signal
import socket
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import AUTARKY, DOMAIN, OPENSSL, Clock, Lab, Process, expect, run, steady_port, wait_for  # noqa: E402

DAY = 86400
ROUND = 5 * DAY  # of the 6 that a certificate is valid: behind the time of its renewal, before the last tenth
KILLS = 12


agents = []


class Systemd:
    """Hears what a service says of itself."""

    def __init__(self, path):
        self.path, self.heard = path, set()
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        threading.Thread(target=self._hear, daemon=True).start()

    def _hear(self):
        while True:
            self.heard.add(self.socket.recv(4096).decode())

    def has(self, text):
        return any(text in line for line in set(self.heard))


class Agent:
    def __init__(self, lab, clock, certs, name="agent", **env):
        self.clock = clock
        self.env = {**os.environ, "AUTARKY_TEST_CLOCK": str(clock.path), **env}
        self.process = Process(name, lab.directory, AUTARKY, "agent", "run", certs, env=self.env)
        agents.append(self)
        wait_for("the agent", lambda: "keeps" in self.log())

    def idle(self):
        pid = self.process.popen.pid
        return not pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text()

    def advance(self, seconds):
        """A jump while something is under way would be the end of its patience."""
        wait_for("an idle agent", self.idle)
        self.clock.advance(seconds)

    def log(self):
        return self.process.log.read_text()

    def stop(self, how=signal.SIGTERM):
        return self.process.stop(how)


class Place:
    def __init__(self, lab, clock, certs, name, *args):
        self.out, self.name = certs / name, f"{name}.{DOMAIN}"
        self.env = {**os.environ, "AUTARKY_TEST_CLOCK": str(clock.path)}
        run(AUTARKY, "obtain", "--server", lab.directory_url, "--ca-file", lab.roots, "--out", self.out, "--agree-tos", "--name",
            self.name, "--profile", "short", "--http-listen", f"127.0.0.1:{lab.http_port}", *args, env=self.env)

    def leaf(self):
        return (self.out / "cert.pem").read_text()

    @property
    def state(self):
        return json.loads((self.out / ".autarky/state.json").read_text())

    def check(self):
        for _ in range(20):  # the two are read one after the other
            generation = os.readlink(self.out / ".autarky/live")
            key = run(OPENSSL, "pkey", "-in", self.out / "privkey.pem", "-pubout")
            if os.readlink(self.out / ".autarky/live") != generation:
                continue
            if key != run(OPENSSL, "x509", "-in", self.out / ".autarky" / generation / "cert.pem", "-noout", "-pubkey"):
                sys.exit(f"{self.out}: the key is not the certificate's")
            return


def renewed(places, before, what, clock=None, seconds=60):
    """Minutes go by while it waits, if it may move the clock."""
    def all_new():
        if clock:
            clock.advance(5)
        return all(p.leaf() != old for p, old in zip(places, before))
    wait_for(what, all_new, seconds)
    for p in places:
        p.check()


def leaves(places):
    return [p.leaf() for p in places]


def doctor(certs, clock, ok=(0,)):
    return run(AUTARKY, "agent", "doctor", certs, ok=ok, env={**os.environ, "AUTARKY_TEST_CLOCK": str(clock.path)})


def several(lab, clock, certs, places):
    systemd = Systemd(lab.directory / "notify")
    agent = Agent(lab, clock, certs, NOTIFY_SOCKET=str(systemd.path), WATCHDOG_USEC="1000000")
    wait_for("READY", lambda: systemd.has("READY=1"))
    wait_for("WATCHDOG", lambda: systemd.has("WATCHDOG=1"))
    if "another `autarky agent run` keeps" not in run(AUTARKY, "agent", "run", certs, ok=(75,)):
        sys.exit("two agents for a directory")
    for n in range(3):
        before = leaves(places)
        agent.advance(ROUND)
        renewed(places, before, f"renewal {n}")
    said = doctor(certs, clock)
    expect(said, "an `autarky agent run` keeps", "doctor, of the agent")
    expect(said, f"ok       certificate    {places[0].out}: valid until", "doctor, of a certificate")

    # One that is added while it runs, without a word to it.
    places.append(Place(lab, clock, certs, "three"))
    agent.advance(61)
    wait_for("STATUS", lambda: systemd.has("STATUS=3 certificates"), 90)
    before = leaves(places)
    agent.advance(ROUND)
    renewed(places, before, "renewal of three")
    expect(agent.log(), f"{places[2].out}: renewed, valid until", "what the agent says")
    return agent


def hands(clock, places):
    """By hand while the agent runs: one of them does it."""
    before = leaves(places[:1])
    run(AUTARKY, "renew", "--force", places[0].out, ok=(0, 75), env=places[0].env)
    renewed(places[:1], before, "by hand", clock)


def server_down(lab, clock, certs, places, agent):
    before = leaves(places)
    lab.stop()
    agent.advance(ROUND)

    def failed():
        clock.advance(5)
        return all(p.state["failures"] > 0 for p in places)
    wait_for("failures", failed, 90)
    if leaves(places) != before:
        sys.exit("a server that is down changed a certificate")
    expect(agent.log(), "cannot be reached", "what the agent says of it")
    said = doctor(certs, clock, ok=(2,))
    expect(said, "failed   server", "doctor, of a server that is down")
    expect(said, "the attempt at ", "doctor, of the failure")
    lab.start(env=lab.environment)
    renewed(places, before, "when it is back", clock)
    expect(doctor(certs, clock), "an `autarky agent run` keeps", "doctor, afterwards")


def service_refuses(lab, clock, certs, places, agent):
    before = leaves(places)
    (lab.directory / "broken").touch()
    agent.advance(ROUND)

    def failed():
        clock.advance(5)
        return places[0].state["failures"] > 0 and places[1].leaf() != before[1] and places[2].leaf() != before[2]
    wait_for("the failure of the reload", failed, 60)
    if places[0].leaf() != before[0] or "pending" not in places[0].state:
        sys.exit(f"the certificate before is not in place: {places[0].state}")
    said = doctor(certs, clock)
    expect(said, "warning  renewal", "doctor, of a reload that fails")
    expect(said, "it is broken", "doctor, of what the reload said")
    (lab.directory / "broken").unlink()
    renewed(places[:1], before[:1], "when the reload works", clock)
    # The files change first, what is remembered of them a moment later.
    wait_for("the end of what was pending", lambda: "pending" not in places[0].state, 60)


def kills(lab, clock, certs, places, agent, dice):
    """Whenever: the next one goes on."""
    for n in range(KILLS):
        if n % 3 == 0:
            before = leaves(places)
        if n % 3 == 0:
            agent.advance(ROUND)
        time.sleep(dice.random() * 0.8)
        how = dice.choice([signal.SIGKILL, signal.SIGTERM])
        status = agent.stop(how)
        if status != (0 if how == signal.SIGTERM else -signal.SIGKILL):
            sys.exit(f"the agent ended with {status}:\n{agent.log()}")
        for p in places:
            p.check()
        agent = Agent(lab, clock, certs, f"agent{n}")
        if n % 3 == 2:
            renewed(places, before, f"after kill {n}", clock, 90)
    wait_for("the end of all that was pending", lambda: not any(p.state.get("pending") for p in places), 60)
    return agent


def others(lab, clock, certs):
    """The clock of this machine, and no agent."""
    wrong = Clock(lab.directory / "wrong")
    wrong.advance(clock.offset // 1_000_000 + 600)
    expect(doctor(certs, wrong, ok=(2,)), "ahead of that of the server", "doctor, of the clock")
    said = json.loads(run(AUTARKY, "agent", "doctor", "--json", certs,
                          env={**os.environ, "AUTARKY_TEST_CLOCK": str(clock.path)}))
    if not said["healthy"] or not any(c["name"] == "agent" and c["state"] == "warning" for c in said["checks"]):
        sys.exit(f"doctor --json, without an agent: {said}")


def month(lab, clock, dice):
    certs = lab.directory / "certs"
    certs.mkdir()
    reload = lab.directory / "reload"
    reload.write_text(f"#!/bin/sh\n[ -e {lab.directory}/broken ] || exit 0\necho it is broken >&2\nexit 1\n")
    reload.chmod(0o755)
    places = [Place(lab, clock, certs, "one", "--reload", reload), Place(lab, clock, certs, "two")]
    agent = several(lab, clock, certs, places)
    hands(clock, places)
    server_down(lab, clock, certs, places, agent)
    service_refuses(lab, clock, certs, places, agent)
    agent = kills(lab, clock, certs, places, agent, dice)
    if agent.stop() != 0:
        sys.exit(f"the agent did not end in order:\n{agent.log()}")
    others(lab, clock, certs)


def main():
    seed = int(os.environ.get("AUTARKY_SEED", random.randrange(1 << 32)))
    print(f"AUTARKY_SEED={seed}")
    os.environ["AUTARKY_DATA"] = "/nowhere"
    with Lab() as lab:
        lab.configure(api=(f"127.0.0.1:{steady_port()}",))
        clock = Clock(lab.directory / "clock")
        lab.environment = {**os.environ, "AUTARKY_TEST_CLOCK": str(clock.path)}
        lab.start(env=lab.environment)
        try:
            month(lab, clock, random.Random(seed))
        finally:
            for agent in agents:
                agent.process.popen.kill()
                agent.process.popen.wait()


main()
