# SPDX-License-Identifier: Apache-2.0
"""Chromium, driven by its own protocol (Chrome DevTools Protocol) over a pair of pipes, with a profile that trusts some roots."""

import base64
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from lab import run

READ, WRITE = 3, 4  # descriptors that --remote-debugging-pipe is about
KEYS = {"Tab": 9, "Enter": 13, "Escape": 27, " ": 32, "ArrowDown": 40}
TROUBLE = ("Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled")


class Chromium:
    def __init__(self, directory, roots):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="chromium.", dir=directory))
        db = self.home / ".pki" / "nssdb"
        db.mkdir(parents=True)
        run("certutil", "-N", "-d", f"sql:{db}", "--empty-password")
        run("certutil", "-A", "-d", f"sql:{db}", "-n", "root", "-t", "C,,", "-a", "-i", roots)
        theirs, self.ours = os.pipe()
        self.answers, their_answers = os.pipe()
        self.log = (self.home / "log").open("wb")

        def descriptors():
            low = os.dup(theirs), os.dup(their_answers)  # neither of them is 3 or 4 by chance
            os.dup2(low[0], READ)
            os.dup2(low[1], WRITE)

        self.process = subprocess.Popen(  # pylint: disable=consider-using-with,subprocess-popen-preexec-fn
            ["/usr/bin/chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
             f"--user-data-dir={self.home}/profile", "--remote-debugging-pipe", "about:blank"],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, pass_fds=(READ, WRITE), preexec_fn=descriptors,
            env={"HOME": str(self.home), "PATH": "/usr/bin:/bin", "TMPDIR": str(self.home)})
        os.close(theirs)
        os.close(their_answers)
        self.buffer = b""
        self.number = 0
        self.session = None
        self.troubles = []  # what the console would show in red
        self.bytes = {}  # of each request, as they went over the wire
        self.urls = {}
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.call("Page.enable")
        self.call("Network.enable")
        self.call("Runtime.enable")
        self.call("Log.enable")

    def _message(self):
        while b"\0" not in self.buffer:
            piece = os.read(self.answers, 65536)
            if not piece:
                sys.exit(f"Chromium ended:\n{(self.home / 'log').read_text(errors='replace')[-2000:]}")
            self.buffer += piece
        text, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(text)

    def call(self, method, **params):
        self.number += 1
        question = {"id": self.number, "method": method, "params": params}
        if self.session:
            question["sessionId"] = self.session
        os.write(self.ours, json.dumps(question).encode() + b"\0")
        for _ in range(10000):
            answer = self._message()
            if answer.get("id") == self.number:
                if "error" in answer:
                    sys.exit(f"{method}: {answer['error']}")
                return answer["result"]
            self._heard(answer.get("method"), answer.get("params", {}))
        sys.exit(f"{method}: no answer among 10000 messages")

    def _heard(self, what, params):
        if what == "Network.responseReceived":
            self.urls[params["requestId"]] = params["response"]["url"]
        elif what == "Network.loadingFinished":
            self.bytes[self.urls.get(params["requestId"], "?")] = params["encodedDataLength"]
        elif what in TROUBLE:
            if what == "Log.entryAdded" and params["entry"]["level"] not in ("error", "warning"):
                return
            if what == "Runtime.consoleAPICalled" and params["type"] not in ("error", "warning", "assert"):
                return
            self.troubles.append(json.dumps(params)[:2000])

    def wait(self, text, seconds=20):
        """Until the expression is true in the page."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.script(f"!!({text})"):
                return
            time.sleep(0.05)
        sys.exit(f"not after {seconds} s: {text}\n{self.script('location.href')}\n{self.text[:3000]}")

    def promise(self, text):
        got = self.call("Runtime.evaluate", expression=text, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in got:
            sys.exit(f"{text[:200]}: {json.dumps(got['exceptionDetails'])[:2000]}")
        return got["result"].get("value")

    def key(self, name, shift=False):
        """A key that is pressed and released, by whoever has the focus."""
        text = {"Enter": "\r", " ": " "}.get(name)
        for kind in ("keyDown" if text else "rawKeyDown", "keyUp"):
            more = {"text": text} if text and kind == "keyDown" else {}
            self.call("Input.dispatchKeyEvent", type=kind, key=name, code="Space" if name == " " else name,
                      windowsVirtualKeyCode=KEYS[name], modifiers=8 if shift else 0, **more)

    def type(self, text):
        self.call("Input.insertText", text=text)

    def screen(self, width, height=900, dark=False):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.call("Emulation.setEmulatedMedia",
                  features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def picture(self, file):
        got = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        pathlib.Path(file).write_bytes(base64.b64decode(got["data"]))

    def script(self, text):
        """What it comes to; run by the debugger, which the page's Content-Security-Policy does not concern."""
        got = self.call("Runtime.evaluate", expression=text, returnByValue=True)
        if "exceptionDetails" in got:
            return None  # the page is just going away
        return got["result"].get("value")

    def _settled(self, mark):
        """Waits for another document than the one that has the mark."""
        for _ in range(300):
            if self.script(f"document.readyState === 'complete' && !window[{json.dumps(mark)}]"):
                return
            time.sleep(0.1)
        sys.exit(f"the page does not come: {self.script('location.href')}")

    def _leave(self, act):
        mark = f"left{self.number}"
        self.script(f"window[{json.dumps(mark)}] = true")
        act()
        self._settled(mark)

    def go(self, url):
        self._leave(lambda: self.call("Page.navigate", url=url))

    def press(self, selector):
        """A button that leads to another page."""
        self._leave(lambda: self.script(f"document.querySelector({json.dumps(selector)}).click()"))

    def fill(self, **fields):
        for name, value in fields.items():
            self.script(f"document.querySelector('input[name={name}]').value = {json.dumps(value)}")

    @property
    def text(self):
        return self.script("document.body.innerText") or ""

    def cookies(self, url):
        return {c["name"]: c for c in self.call("Network.getCookies", urls=[url])["cookies"]}

    def close(self):
        os.close(self.ours)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.answers)
        self.log.close()
        shutil.rmtree(self.home, ignore_errors=True)
