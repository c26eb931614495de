#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=600
"""Many agents that report at the same moment, each over a connection of its own: what the server has no room for hears 503 and comes
again, every report is there in the end, and whoever asks for something else meanwhile is answered. AUTARKY_CROWD says how many (400)."""

import asyncio
import base64
import http.client
import json
import multiprocessing
import os
import pathlib
import resource
import socket
import ssl
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import OPENSSL, Lab, run  # noqa: E402

AGENTS = int(os.environ.get("AUTARKY_CROWD", "400"))
PATIENCE = 300


class Officer:
    """Whoever makes the tokens, over one connection."""

    def __init__(self, lab):
        made = json.loads(lab.autarky("token", "create", "crowd", "--role", "operator", "--expires", "1h", "--json"))
        host, port = lab.listeners()["api"][0].rsplit(":", 1)
        self.headers = {"Authorization": f"Bearer {made['token']}", "Content-Type": "application/json"}
        self.connection = http.client.HTTPSConnection("localhost", int(port), context=ssl.create_default_context(cafile=lab.roots))
        self.at = host, int(port)

    def post(self, path, body):
        self.connection.request("POST", "/api/v1/" + path, json.dumps(body), self.headers)
        answer = self.connection.getresponse()
        text = answer.read().decode()
        if answer.status != 200:
            sys.exit(f"{path}: {answer.status} {text}")
        return json.loads(text)


class Agent:
    def __init__(self, officer, directory, n, key, csr):
        token = officer.post("agent/token", {"name": f"agent{n}"})["token"]
        chain = officer.post("agents/enrol", {"token": token, "csr": csr})["chain"]
        file = directory / f"{n}.pem"
        file.write_text(chain + key)
        self.name, self.file, self.tries = f"agent{n}", file, 0
        self.statuses, self.took = [], 0.0  # of the report that was taken

    def context(self, roots):
        context = ssl.create_default_context(cadata=roots)
        context.load_cert_chain(self.file)
        context.set_alpn_protocols(["autarky-agent"])
        return context

    async def once(self, at, context, body):
        try:
            reader, writer = await asyncio.open_connection(*at, ssl=context, server_hostname="localhost", ssl_handshake_timeout=PATIENCE)
        except (OSError, ssl.SSLError):
            return 0
        try:
            writer.write(f"POST /api/v1/agents/self HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                         f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode())
            head = await reader.readline()
            return int(head.split()[1]) if head else 0
        except (OSError, ssl.SSLError):
            return 0
        finally:
            writer.close()

    async def report(self, at, roots, body, until):
        context = self.context(roots)
        while time.monotonic() < until:
            begin = time.monotonic()
            self.statuses.append(await self.once(at, context, body))
            self.took = time.monotonic() - begin
            if self.statuses[-1] == 200:
                return
            if self.statuses[-1] not in (0, 503):
                sys.exit(f"{self.name} hears {self.statuses[-1]}")
            await asyncio.sleep(1)


def body_of():
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    kept = [{"directory": f"/etc/ssl/{n}", "names": [f"web{n}.hospital.example"], "failures": 0, "places": 1} for n in range(20)]
    return json.dumps({"version": "1", "at": now, "counts": {"certificates": 20, "failing": 0, "unproven": 0}, "certificates": kept})


def others(at, roots, done, found):
    """The longest that somebody who asks for the directory waits meanwhile. A process of its own: the crowd takes four times as
    much CPU as the server, and whoever shares a loop with it waits for that."""
    context, longest, answered = ssl.create_default_context(cadata=roots), 0.0, 0
    while not done.is_set():
        begin = time.monotonic()
        try:
            with socket.create_connection(at, timeout=PATIENCE) as plain, context.wrap_socket(plain, server_hostname="localhost") as tls:
                tls.sendall(b"GET /acme/directory HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                answered += b" 200 " in tls.recv(64)
        except OSError:
            pass
        longest = max(longest, time.monotonic() - begin)
        time.sleep(0.2)
    found.put((longest, answered))


async def crowd(agents, at, roots):
    body, begin = body_of(), time.monotonic()
    await asyncio.gather(*(a.report(at, roots, body, begin + PATIENCE) for a in agents))
    return time.monotonic() - begin


def all_at_once(agents, at, roots):
    done, found = multiprocessing.Event(), multiprocessing.Queue()
    beside = multiprocessing.Process(target=others, args=(at, roots, done, found), daemon=True)
    beside.start()
    took = asyncio.run(crowd(agents, at, roots))
    done.set()
    waited = found.get(timeout=PATIENCE)
    beside.join(PATIENCE)
    return took, waited


def used(lab):
    """Seconds of CPU, and KiB in memory of their own, of the server's processes."""
    top, cpu, memory = lab.server.popen.pid, 0.0, 0
    for pid in [top, *(int(p) for p in pathlib.Path(f"/proc/{top}/task/{top}/children").read_text().split())]:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        cpu += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        memory += sum(int(line.split()[1]) for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
                      if line.startswith("Private_"))
    return cpu, memory


def main():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with Lab("agents: {enabled: true}\n") as lab:
        lab.start()
        key, request, conf = lab.directory / "key", lab.directory / "csr", lab.directory / "req.cnf"
        conf.write_text("[req]\ndistinguished_name = dn\n[dn]\n")
        run(OPENSSL, "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", request,
            "-outform", "DER", "-subj", "/CN=x", "-config", conf)
        csr = base64.urlsafe_b64encode(request.read_bytes()).decode().rstrip("=")
        officer = Officer(lab)
        begin = time.monotonic()
        agents = [Agent(officer, lab.directory, n, key.read_text(), csr) for n in range(AGENTS)]
        enrolled = time.monotonic() - begin
        cpu, memory = used(lab)
        mine = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
        took, (longest, answered) = all_at_once(agents, officer.at, lab.roots.read_text())
        mine = sum(resource.getrusage(resource.RUSAGE_SELF)[:2]) - mine
        after, grown = used(lab)
        late = sorted(a.took for a in agents)
        heard = [status for a in agents for status in a.statuses]
        print(f"{AGENTS} agents: enrolled in {enrolled:.1f} s, all reported after {took:.1f} s; "
              f"a report costs the server {(after - cpu) / AGENTS * 1e3:.2f} ms of CPU, whoever sends it {mine / AGENTS * 1e3:.2f} ms, and takes {late[len(late) // 2]:.2f} s, "
              f"{late[len(late) * 99 // 100]:.2f} s at the 99th percentile; memory {memory / 1024:.0f} MiB before, {grown / 1024:.0f} after; "
              f"{heard.count(503)} heard 503, {heard.count(0)} no connection; others waited {longest:.1f} s at most")
        if heard.count(200) != AGENTS or not answered:
            sys.exit(f"{heard.count(200)} of {AGENTS} could report, others had {answered} answers")
        listed = json.loads(lab.autarky("agent", "list", "--json"))
        if (listed["agents"], listed["silent"], listed["failing"]) != (AGENTS, 0, 0):
            sys.exit(f"what is listed: {listed}")
        if json.loads(lab.autarky("agent", "show", f"agent{AGENTS - 1}", "--json"))["certificates"] != 20:
            sys.exit("a report is not there")


main()
