# SPDX-License-Identifier: Apache-2.0
"""Chromium, driven by its own protocol (Chrome DevTools Protocol) over a pair of pipes, with a profile that trusts some roots."""

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
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.call("Page.enable")
        self.call("Network.enable")

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
        sys.exit(f"{method}: no answer among 10000 messages")

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
