#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=240
"""The configuration changes under load: what is live takes effect without a request failing, what restarts front does so
without turning away a newcomer, what is refused or wrong changes nothing."""

import json
import pathlib
import signal
import socket
import ssl
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
import acme  # noqa: E402
from busy import Busy  # noqa: E402
from lab import DOMAIN, Lab, expect, steady_port, wait_for  # noqa: E402

CLIENTS = 3
WIDE = f"  - name: all\n    allow: [\"*.{DOMAIN}\"]\n"
WIDER = WIDE + "  - name: labs\n    allow: [\"*.lab.internal\"]\n"


def processes(lab):
    status = json.loads(lab.autarky("status", "--json"))
    return status["generation"], {p["role"]: p["pid"] for p in status["processes"]}


def loaded(lab, what, change, **options):
    """Runs change() in the middle of busy clients; what they met."""
    busy = Busy(lab, CLIENTS, **options)
    busy.start()
    wait_for("the first certificates", lambda: busy.check() or len(busy.issued) >= CLIENTS, 30)
    result = change()
    before = len(busy.issued)
    wait_for(f"certificates after {what}", lambda: busy.check() or len(busy.issued) >= before + 2 * CLIENTS, 30)
    busy.finish()
    print(f"{what}: {len(busy.issued)} certificates, the clients met {dict(busy.counts)}", flush=True)
    return busy, result


def refused_name(lab, busy, name):
    """True when the policy does not let the name through."""
    client = busy.client()
    client.register()
    try:
        client.order([name])
    except acme.AcmeError as error:
        if error.kind != "rejectedIdentifier":
            raise
        return True
    finally:
        client.close()
    return False


def live(lab):
    """Policy there and back: no process changes, no client meets so much as a lost connection or a strange nonce."""
    def change():
        generation, pids = processes(lab)
        for policy, closed in ((WIDER, False), (WIDE, True)) * 3:
            lab.configure(policy=policy)
            expect(lab.autarky("reload"), "policy", "the reload names what changed")
            if refused_name(lab, strange, "host.lab.internal") != closed:
                sys.exit("the policy that was loaded is not in force")
        after = processes(lab)
        if after != (generation + 6, pids):
            sys.exit(f"a live reload restarted a process: {pids}, then {after}")

    lab.configure(policy=WIDE)
    lab.autarky("reload")
    strange = Busy(lab, 0)
    strange.responder.close()
    busy, _ = loaded(lab, "live reloads", change, retry=False)
    if busy.counts["badNonce"]:
        sys.exit("a live reload made nonces invalid")


class Newcomers:
    """Connections without end, each new, each with one request, none tried again."""

    def __init__(self, url, roots):
        self.url = url
        self.roots = roots
        self.failures = []
        self.n = 0
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.stopping.is_set():
            connection = acme.Connection(self.url, self.roots)
            try:
                if connection.send("GET", "/acme/directory").status != 200:
                    raise OSError("no directory")
            except (OSError, acme.http.client.HTTPException) as failure:
                self.failures.append(repr(failure))
            connection.close()
            self.n += 1

    def finish(self):
        self.stopping.set()
        self.thread.join(30)
        if self.failures or not self.n:
            sys.exit(f"{len(self.failures)} of {self.n} newcomers were turned away: {self.failures[:3]}")


class Stayer:
    """A TLS connection that has had an answer and stays: at its end it is told so, and not cut off."""

    def __init__(self, address, roots):
        host, port = address.rsplit(":", 1)
        context = ssl.create_default_context(cafile=str(roots))
        context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
        self.connection = context.wrap_socket(socket.create_connection((host, int(port)), 30),
                                              server_hostname="localhost", suppress_ragged_eofs=False)
        self.connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = b""
        while b"ok\n" not in answer:
            answer += self.connection.recv(4096)

    def finish(self):
        if self.connection.recv(4096) != b"":  # without close_notify: SSLEOFError
            sys.exit("front said something more to a connection that asked nothing")
        self.connection.close()


def restarts_front(lab, first, second):
    """A second address, and back: front alone is replaced, nobody who comes meanwhile is turned away."""
    def change():
        generation, pids = processes(lab)
        stayer = Stayer(first, lab.roots)
        newcomers = Newcomers(lab.directory_url, lab.roots)
        for addresses in ([first, second], [first]) * 3:
            lab.configure(policy=WIDE, api=addresses)
            expect(lab.autarky("reload"), "listen.api (restarts front)", "the reload says what it restarts")
            if lab.listeners()["api"] != addresses:
                sys.exit(f"listeners.json has {lab.listeners()['api']}")
            wait_for("the other front", lambda pids=pids: front_is_another(lab, pids), 20)
            pids = processes(lab)[1]
            if len(addresses) == 2:
                Newcomers(f"https://localhost:{second.rsplit(':', 1)[1]}", lab.roots).finish()
        newcomers.finish()
        stayer.finish()
        if processes(lab)[0] != generation + 6:
            sys.exit("the generation does not count the reloads")

    loaded(lab, "front restarted", change)
    late = acme.Connection(f"https://localhost:{second.rsplit(':', 1)[1]}", lab.roots)
    try:
        late.send("GET", "/acme/directory")
        sys.exit("the address that was taken away still answers")
    except OSError:
        pass


def front_is_another(lab, before):
    status = json.loads(lab.autarky("status", "--json"))["processes"]
    now = {p["role"]: p["pid"] for p in status if p["state"] == "ready"}
    others = {r: p for r, p in before.items() if r != "front"}
    if {r: p for r, p in now.items() if r != "front"} != others:
        sys.exit(f"more than front was restarted: {before}, then {now}")
    return now.get("front", before["front"]) != before["front"] and [p["role"] for p in status].count("front") == 1


def refused(lab):
    """What cannot change, and what is wrong: exit status 2, the line named, nothing changed."""
    good = (lab.data / "autarky.yaml").read_text()
    line = len(good.splitlines()) + 1
    cases = (
        (good.replace("organization: Example Hospital", "organization: Clinic"), ["organization", "nothing was changed"]),
        (good + "polices: []\n", [f"autarky.yaml:{line}", "polices", "policy"]),
        (good + "log: {level: [loud}\n", [f"autarky.yaml:{line}"]),
        (good + "  - name: x\n    allow: [\"*.lab.internal\"\n", ["autarky.yaml:"]),
        (good + "validation: {attempts: none}\n", [f"autarky.yaml:{line}"]),
        (good.replace("organization", "organisation"), ["autarky.yaml:1", "organization"]),
    )

    def change():
        before = processes(lab)
        for text, wanted in cases:
            (lab.data / "autarky.yaml").write_text(text)
            out = lab.autarky("reload", ok=(2,))
            for word in wanted:
                expect(out, word, "the refusal")
            lab.server.popen.send_signal(signal.SIGHUP)
            refusals = lab.log().count("serve.reload-refused")
            wait_for("the refusal of SIGHUP", lambda n=refusals: lab.log().count("serve.reload-refused") > n or n % 2 == 0)
            if processes(lab) != before:
                sys.exit("a reload that was refused changed something")
        (lab.data / "autarky.yaml").write_text(good)

    busy, _ = loaded(lab, "refused reloads", change, retry=False)
    if busy.counts["badNonce"]:
        sys.exit("a refused reload made nonces invalid")


def main():
    begin = time.monotonic()
    first, second = (f"127.0.0.1:{steady_port()}" for _ in range(2))
    with Lab() as lab:
        lab.configure(api=[first])
        lab.start()
        live_configure = lab.configure
        lab.configure = lambda **options: live_configure(**{"api": [first], **options})
        live(lab)
        restarts_front(lab, first, second)
        refused(lab)
        lab.stop()
    print(f"{time.monotonic() - begin:.0f} s")


main()
