#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=400
"""`autarky upgrade` under load: another file at the program's path takes over, in the same process. No connection is refused and no
request fails, over HTTP/1.1, HTTP/2 and to the API; a WebSocket and a slow download go on in the worker of before, which ends by
itself. A file that cannot take over is refused, and nothing changes. Twice in a row, once with the keys at the keeper."""

import asyncio
import hashlib
import json
import os
import pathlib
import shutil
import signal
import ssl
import subprocess
import sys
import threading
import time

import websockets

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
import acme  # noqa: E402
from lab import AUTARKY, DOMAIN, Process, expect, wait_for  # noqa: E402
from sites import Backend, SiteLab, digest  # noqa: E402
from steady import Client  # noqa: E402

WIKI, CHAT = f"wiki.{DOMAIN}", f"chat.{DOMAIN}"
SIZE = 24 << 20
GONE = (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError, ssl.SSLZeroReturnError)


class Upgraded(SiteLab):
    """Served by a copy of the program, which can be replaced."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.program = self.directory / "autarky"
        self.put(AUTARKY)

    def put(self, source=None, content=None):
        """Another file at the program's path, as a package puts it there; its inode."""
        new = self.directory / "autarky.new"
        if source:
            shutil.copy(os.path.realpath(source), new)
        else:
            new.write_bytes(content)
        new.chmod(0o755)
        os.replace(new, self.program)
        return self.program.stat().st_ino

    def start(self, **options):
        self.server = Process("serve", self.directory, self.program, "serve", "--data", self.data, **options)
        self.wait_ready()

    def serving(self):
        """pid -> inode of its program, of workers that do not drain; one that ends in that moment is none."""
        status = json.loads(self.autarky("status", "--json"))
        pids = [p["pid"] for p in status["processes"] if p["role"] == "gateway" and p["state"] == "ready"]
        return {pid: os.stat(f"/proc/{pid}/exe").st_ino for pid in pids if pathlib.Path(f"/proc/{pid}/exe").exists()}

    def draining(self):
        status = json.loads(self.autarky("status", "--json"))
        return {p["pid"] for p in status["processes"] if p["state"] == "draining"}


def newcomer(lab):
    """One request on a connection of its own, never tried again."""
    def ask():
        client = lab.client(WIKI)
        client.sock.settimeout(60)
        client.request("GET", "/")
        answer = client.getresponse()
        if answer.status != 200 or answer.read() != b"plain as ever\n":
            raise OSError(f"status {answer.status}")
        client.close()
    return ask


def stayer(lab):
    """One connection as long as it is kept; a request that met its end before any answer is made anew, as every client does."""
    kept = []

    def ask():
        if not kept:
            kept.append([lab.client(WIKI), 0])
            kept[0][0].sock.settimeout(60)
        client, served = kept[0]
        try:
            client.request("GET", "/")
            answer = client.getresponse()
        except GONE:
            kept.clear()
            if not served:
                raise
            return
        if answer.status != 200 or answer.read() != b"plain as ever\n":
            raise OSError(f"status {answer.status}")
        kept[0][1] += 1
        if answer.will_close:
            client.close()
            kept.clear()
        time.sleep(0.01)
    return ask


def over_h2(lab):
    urls = [f"/echo/{i}" for i in range(12)]

    def ask():
        extra = []
        for path in urls:
            extra += ["-o", "/dev/null", lab.url(WIKI, path)]
        done = subprocess.run(["/usr/bin/curl", "--silent", "--show-error", "--fail", "--http2", "--noproxy", "*", "--cacert",
                               str(lab.roots), "--resolve", f"{WIKI}:{lab.gateway}:127.0.0.1", "--parallel", "--write-out",
                               "%{http_code} %{http_version}\n", *extra],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120, check=False)
        if done.returncode or done.stdout.split() != ["200", "2"] * len(urls):
            raise OSError(f"status {done.returncode}: {done.stdout} {done.stderr}")
    return ask


def to_the_api(lab):
    url, roots = lab.api, lab.roots

    def ask():
        connection = acme.Connection(url, roots)
        if connection.send("GET", "/acme/directory").status != 200:
            raise OSError("no directory")
        connection.close()
    return ask


class Chat:
    """A WebSocket that says something all the time, and a server of it."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.server = None
        threading.Thread(target=self._run, daemon=True).start()
        wait_for("the WebSocket server", lambda: self.server)
        self.port = self.server.sockets[0].getsockname()[1]

    def _run(self):
        async def echo(socket, *_):
            async for message in socket:
                await socket.send(message)

        asyncio.set_event_loop(self.loop)
        self.server = self.loop.run_until_complete(websockets.serve(echo, "127.0.0.1", 0))
        self.loop.run_forever()

    def do(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(60)

    def connect(self, lab):
        context = ssl.create_default_context(cafile=lab.roots)

        async def connect():
            return await websockets.connect(f"wss://{CHAT}/", ssl=context, host="127.0.0.1", port=lab.gateway,
                                            server_hostname=CHAT, ping_interval=None)
        return self.do(connect())

    def say(self, socket, text):
        async def say():
            await socket.send(text)
            return await socket.recv()
        if self.do(say()) != text:
            sys.exit(f"the WebSocket does not say {text}")

    def leave(self, socket):
        self.do(socket.close())


def download(lab):
    """Takes about twenty seconds."""
    target = lab.directory / f"download.{time.monotonic_ns()}"
    process = Process("download", lab.directory, "/usr/bin/curl", "--silent", "--show-error", "--fail", "--noproxy", "*",
                      "--limit-rate", "1200k", "--cacert", lab.roots, "--resolve", f"{WIKI}:{lab.gateway}:127.0.0.1",
                      "-o", target, lab.url(WIKI, f"/bytes/{SIZE}"))
    wait_for("the first bytes", lambda: target.exists() and target.stat().st_size)
    return process, target


def whole(process, target):
    status = process.popen.wait(120)
    if status or hashlib.sha256(target.read_bytes()).hexdigest() != digest(str(SIZE), SIZE):
        sys.exit(f"the download: status {status}, {target.stat().st_size} of {SIZE} bytes\n{process.log.read_text()}")


def upgraded(lab, chat, how):
    """One upgrade with everything under way."""
    pid, before = lab.server.popen.pid, lab.serving()
    socket, process = chat.connect(lab), download(lab)
    clients = {"new connections": Client(newcomer(lab)), "a connection that stays": Client(stayer(lab)),
               "HTTP/2": Client(over_h2(lab)), "the API": Client(to_the_api(lab))}
    wait_for("the clients", lambda: all(c.n > 1 for c in clients.values()), 60)
    chat.say(socket, "before")
    inode = lab.put(AUTARKY)
    begun = time.monotonic()
    how()
    wait_for("workers of the new program",
             lambda: len(lab.serving()) == lab.workers and set(lab.serving().values()) == {inode}, 120)
    print(f"the new program serves after {time.monotonic() - begun:.1f} s", flush=True)
    if set(lab.serving()) & set(before):
        sys.exit("a worker of before is one of the new program")
    if lab.server.popen.poll() is not None or lab.server.popen.pid != pid:
        sys.exit("the supervisor is another process")
    if os.stat(f"/proc/{pid}/exe").st_ino != inode:
        sys.exit("the supervisor is the program of before")
    chat.say(socket, "after")
    counts = {what: c.n for what, c in clients.items()}
    wait_for("clients of the new program", lambda: all(c.n > counts[what] + 2 for what, c in clients.items()), 60)
    for what, client in clients.items():
        client.finish(what)
    whole(*process)
    left = lab.draining()
    if not left or not left <= set(before):
        sys.exit(f"{left} drain for the WebSocket, of {before}")
    chat.say(socket, "at last")
    chat.leave(socket)
    wait_for("the end of the workers of before", lambda: not any(pathlib.Path(f"/proc/{p}").exists() for p in before), 30)
    if lab.draining():
        sys.exit("one that has ended is said to drain")


def refused(lab):
    """What cannot take over is said, and changes nothing."""
    before = lab.serving()
    core = lab.processes("core")
    for content, source, why in ((b"\x7fELF, in its own words", None, "cannot be executed"),
                                 (None, "/bin/true", "it does not say its version"),
                                 (None, "/bin/false", "status 1")):
        lab.put(source, content)
        expect(lab.autarky("upgrade", ok=(2,)), why, "why it is refused")
        expect(lab.log(), "serve.upgrade-refused", "the log")
    lab.program.unlink()
    expect(lab.autarky("upgrade", ok=(2,)), "No such file", "why it is refused")
    lab.put(AUTARKY)
    text = (lab.data / "autarky.yaml").read_text()
    (lab.data / "autarky.yaml").write_text(text + "nonsense: 1\n")
    expect(lab.autarky("upgrade", ok=(2,)), "nonsense", "why it is refused")
    # An address that another listener of this service has: the new program would end on it.
    taken = lab.listeners()["plain"][0]
    (lab.data / "autarky.yaml").write_text(text.replace("gateway: [\"127.0.0.1:0\"]", f"gateway: [\"127.0.0.1:0\", \"{taken}\"]"))
    expect(lab.autarky("upgrade", ok=(2,)), taken, "why it is refused")
    (lab.data / "autarky.yaml").write_text(text)
    lab.program.chmod(0o757)
    expect(lab.autarky("upgrade", ok=(2,)), "chmod", "the cure for a program that anybody can replace")
    lab.program.chmod(0o755)
    if lab.serving() != before or lab.processes("core") != core:
        sys.exit("an upgrade that was refused has changed something")
    newcomer(lab)()


def dies_when_asked(lab):
    """A worker cannot answer whether it stays with what it has, and dies before it could: the upgrade goes on without it."""
    before = lab.serving()
    victim = min(before)
    said, ready = (lab.log().count(what) for what in (" serve.upgrade ", " serve.ready "))
    os.kill(victim, signal.SIGSTOP)
    inode = lab.put(AUTARKY)
    os.kill(lab.server.popen.pid, signal.SIGUSR2)
    wait_for("the upgrade", lambda: lab.log().count(" serve.upgrade ") > said, 60)
    os.kill(victim, signal.SIGKILL)
    wait_for("workers of the new program",
             lambda: len(lab.serving()) == lab.workers and set(lab.serving().values()) == {inode}, 120)
    wait_for("the end of the workers of before", lambda: not any(pathlib.Path(f"/proc/{p}").exists() for p in before), 60)
    wait_for("all of it", lambda: lab.log().count(" serve.ready ") > ready, 60)
    newcomer(lab)()


def main():
    backend, chat = Backend(), Chat()
    sites = [{"name": WIKI, "backends": [backend.url]}, {"name": CHAT, "backends": [f"http://127.0.0.1:{chat.port}"]}]
    with Upgraded(sites) as lab:
        lab.start()
        lab.wait_site(WIKI)
        lab.wait_site(CHAT)
        refused(lab)
        dies_when_asked(lab)
        upgraded(lab, chat, lambda: expect(lab.autarky("upgrade", "--reason", "a newer one"), "has taken over", "upgrade"))
        lab.configure("  keys: keeper\n")
        lab.autarky("reload")
        wait_for("workers without keys", lambda: len(lab.serving()) == 2 and not lab.draining(), 60)
        upgraded(lab, chat, lambda: os.kill(lab.server.popen.pid, signal.SIGUSR2))
        out = lab.directory / "export"
        lab.autarky("audit", "export", "--out", out)
        expect("".join(f.read_text(errors="replace") for f in out.iterdir() if f.is_file()), "upgrade", "the audit log")
        newcomer(lab)()
    backend.stop()


main()
