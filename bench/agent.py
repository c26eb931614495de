# SPDX-License-Identifier: Apache-2.0
"""The program autarky-agent: its size, how long it takes to start, and what it keeps for itself when idle, without certificates
and with some that it obtained, enrolled at a server."""

import pathlib
import re
import statistics
import subprocess
import time

from servers import lab

CERTIFICATES, QUICK = 100, 10
STARTS = 30
IDLE = 5  # seconds until it has looked at everything and waits
LIBRARIES = ("libcrypto", "libssl")


def private_dirty(pid):
    """KiB: all of it, that of OpenSSL's mappings, that of the heap."""
    found, name = {"all": 0, "openssl": 0, "heap": 0}, ""
    for line in pathlib.Path(f"/proc/{pid}/smaps").read_text().splitlines():
        if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
            name = line.split(maxsplit=5)[5] if len(line.split(maxsplit=5)) > 5 else ""
        elif line.startswith("Private_Dirty:"):
            size = int(line.split()[1])
            found["all"] += size
            found["openssl"] += size if name.rsplit("/", 1)[-1].startswith(LIBRARIES) else 0
            found["heap"] += size if name == "[heap]" else 0
    return found


def idle(here, certificates, *options):
    agent = lab.Process("agent", here.directory, lab.AGENT, "agent", "run", certificates, *options)
    time.sleep(IDLE)
    if agent.popen.poll() is not None:
        raise SystemExit(f"the agent ended:\n{agent.log.read_text()}")
    found = private_dirty(agent.popen.pid)
    agent.stop()
    return found


def enrolled(here):
    token, home = here.directory / "token", here.directory / "home"
    made = subprocess.run([lab.AUTARKY, "agent", "token", "create", "--data", here.data, "--reason", "bench"], check=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    here.secrets.add(made.stdout.strip())
    token.write_text(made.stdout)
    lab.run(lab.AGENT, "agent", "enrol", "--server", here.api, "--ca-file", here.roots, "--token-file", token, "--dir", home)
    return home


def obtain(here, certificates, n):
    for i in range(n):
        lab.run(lab.AGENT, "obtain", "--server", here.directory_url, "--ca-file", here.roots, "--out", certificates / f"c{i}",
                "--agree-tos", "--name", f"c{i}.{lab.DOMAIN}", "--http-listen", f"127.0.0.1:{here.http_port}")


def size(here):
    stripped = here.directory / "stripped"
    lab.run("strip", "-o", stripped, lab.AGENT)
    return stripped.stat().st_size / 1000


def start():
    times = []
    for _ in range(STARTS):
        begin = time.monotonic()
        lab.run(lab.AGENT, "version")
        times.append((time.monotonic() - begin) * 1e3)
    return statistics.median(times)


def run(quick, table):
    n = QUICK if quick else CERTIFICATES
    with lab.Lab("agents: {enabled: true}\n") as here:
        here.verified = False  # scenarios do that
        none, some = here.directory / "none", here.directory / "some"
        none.mkdir()
        some.mkdir()
        here.start()
        obtain(here, some, n)
        rows = [("none", idle(here, none)), (f"{n}, enrolled", idle(here, some, "--dir", enrolled(here)))]
        print(f"\nautarky-agent: {size(here):.0f} kB stripped; `version` takes {start():.1f} ms (median of {STARTS})")
        table([["certificates", "private dirty, KiB", "of it OpenSSL's mappings", "heap"],
               *([name, str(m["all"]), str(m["openssl"]), str(m["heap"])] for name, m in rows)])
