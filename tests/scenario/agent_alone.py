#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The program autarky-agent: nothing of the authority, the database, the ACME server or the gateway is in it, and it needs no
library but those that it is meant to; it knows the client's commands and no others and calls itself by its own name; the units
of systemd start it, or the other program where it is not. What it does stands in agents.py and prove.py, which run it."""

import os
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import AGENT, AUTARKY, expect, run  # noqa: E402

ROOT = pathlib.Path(os.environ["AUTARKY_ROOT"])
TMP = pathlib.Path(os.environ.get("TMPDIR", "/tmp"))
# Folders whose functions are called like them. Of policy/, audit/ and the roles there is a trace by these: all of them need store/.
NEVER = ("acme", "api", "audit", "backend", "backup", "ca", "ceremony", "core", "front", "gateway", "keeper", "policy", "scan", "store")
# Those of the compiler's sanitizers are there when it was built with them.
MAY_NEED = {"libc", "libm", "libssl", "libcrypto", "libyyjson", "libyaml-0", "libllhttp", "libldns", "libuv", "ld-linux-x86-64", "libasan",
            "libubsan"}


def functions(program):
    """Its own, by what stands before the first underscore."""
    said = run("nm", "--defined-only", program)
    return [m[1] for m in re.finditer(r"^[0-9a-f]+ [Tt] (\w+)", said, re.M)]


def of(folders, names):
    return sorted(n for n in names if n.split("_", 1)[0] in folders and "_" in n)


def needed(program):
    said = run("readelf", "-d", program)
    return {m[1].split(".so")[0] for m in re.finditer(r"\(NEEDED\).*\[(.*?)\]", said)}


def is_small():
    names = functions(AGENT)
    if of(NEVER, names):
        sys.exit(f"autarky-agent has {of(NEVER, names)[:10]}")
    if not of(("agentd", "client", "takeover"), names):
        sys.exit("autarky-agent has nothing of the client: is it stripped?")
    missing = [folder for folder in NEVER if not of((folder,), functions(AUTARKY))]
    if missing:
        sys.exit(f"nothing in autarky is called {missing}_...: this looks for the wrong names")
    if needed(AGENT) - MAY_NEED:
        sys.exit(f"autarky-agent needs {needed(AGENT) - MAY_NEED}")
    # What there was an archive of when it was built is in it.
    archives = {library for library, name in (("libuv", "libuv_a.a"), ("libldns", "libldns.a"), ("libyaml-0", "libyaml.a"),
                                              ("libllhttp", "libllhttp.a"), ("libyyjson", "libyyjson.a"))
                if any(pathlib.Path("/usr/lib").glob(f"*/{name}")) or (ROOT / ".deps/lib" / name).exists()}
    if needed(AGENT) & archives:
        sys.exit(f"autarky-agent needs {needed(AGENT) & archives}, of which there are archives")
    if "libsqlite3" not in needed(AUTARKY):
        sys.exit(f"autarky needs {needed(AUTARKY)}, and no database?")


def speaks_of_itself():
    expect(run(AGENT, "--help"), "\n  autarky-agent obtain ", "its help")
    expect(run(AGENT, "help", "obtain"), "`autarky-agent renew DIR`", "the help of a command")
    expect(run(AGENT, "completion", "bash"), "-F _autarky-agent autarky-agent", "completion")
    said = run(AGENT, "version")
    if not said.startswith("autarky-agent ") or "schema" in said:
        sys.exit(f"its version: {said}")
    for words in (("serve",), ("agent", "list"), ("init",), ("renew", "/x", "--data", "/x")):
        expect(run(AGENT, *words, ok=(64,)), "autarky-agent", f"{words}, which it does not have")
    said = run(AGENT, "renew", TMP / "nothing", ok=(2,))
    expect(said, "autarky-agent: there is nothing to renew in", "a message")
    expect(said, "`autarky-agent obtain --out DIR` obtains", "the cure")
    said = run(AGENT, "agent", "doctor", TMP / "nothing", ok=(0, 2))
    expect(said, "autarky-agent obtain --out DIR obtains", "the cure of a finding")
    # A child of the server's is none of this program's ways to be started.
    expect(run(AGENT, "--role=core", ok=(64,)), "before the command", "a role")


def unit(name, programs, wanted):
    """The unit's command, with stubs where the programs are to be."""
    where = TMP / f"bin{len(programs)}-{name}"
    where.mkdir()
    for program in programs:
        (where / program).write_text('#!/bin/sh\necho "${0##*/} $*"\n')
        (where / program).chmod(0o755)
    line = re.search(r"^ExecStart=/bin/sh -c '(.*)'$", (ROOT / "packaging" / name).read_text(), re.M)[1]
    said = subprocess.run(["/bin/sh", "-c", line.replace("$$", "$").replace("/usr/bin/", f"{where}/")], check=True, capture_output=True,
                          text=True).stdout
    if said.split()[0] != wanted or "/etc/ssl/certificates" not in said:
        sys.exit(f"{name} with {programs} starts {said!r}")


def main():
    is_small()
    speaks_of_itself()
    for name in ("autarky-agent.service", "autarky-renew.service"):
        unit(name, ("autarky",), "autarky")
        unit(name, ("autarky", "autarky-agent"), "autarky-agent")


main()
