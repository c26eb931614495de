#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=600
"""script/run in a copy of this tree, as a newcomer has it: builds, makes an organisation, serves, prints what works, and ends as a
whole at Ctrl-C. As an ordinary user, and as root; the environment is empty but for HOME and PATH, the network is the machine
itself and nothing else, so that the usual ports are free and nothing can be fetched."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import Process, expect, run, wait_for  # noqa: E402

ROOT = pathlib.Path(os.environ["AUTARKY_ROOT"])
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "autarky"
SECOND_RUN = 30  # seconds; it takes three or four on an idle machine
USER = 4711


def copy_tree(tree):
    files = run("git", "-C", ROOT, "ls-files", "-z").split("\0")
    for name in filter(None, files):
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tree / name)


def seed_compiled(cache, home):
    """What was compiled before, where ccache is installed: that a compiler works, other tests show."""
    if (cache / "ccache").is_dir():
        run("cp", "-a", "--reflink=auto", cache / "ccache", home / ".cache" / "autarky" / "ccache")


def seed_cache(home):
    """What bootstrap has made for this system already; building OpenSSL is another test's affair."""
    recipe = re.search(r"^recipe=([^/]+)/", (ROOT / ".deps" / "stamp").read_text(), re.M)[1]
    for cache in (CACHE, ROOT / ".deps" / "cache"):
        made = cache / "prefix" / recipe
        if (made / "stamp").exists():
            shutil.copytree(made, home / ".cache" / "autarky" / "prefix" / recipe, symlinks=True)
            # The dashboard's packages as well; those for tests and lint have all that building takes.
            packages = (ROOT / "ui" / "node_modules").resolve().parent
            name = packages.name.rsplit("-", 1)[0] + "-build"
            shutil.copytree(packages, home / ".cache" / "autarky" / "ui" / name, symlinks=True)
            for compiled in (CACHE, ROOT / ".deps" / "cache"):
                seed_compiled(compiled, home)
            return
    print("bootstrap has left no cache to start from")
    sys.exit(77)


def members(group):
    """The living processes of a process group."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[2]) == group and fields[0] not in "ZX":
            found.append(int(entry.name))
    return found


class Newcomer:
    def __init__(self, lab, tree, name, user=None):
        self.lab, self.tree, self.name = lab, tree, name
        self.home = lab / name
        self.home.mkdir()
        self.data = self.home / "data"
        self.become = f"setpriv --reuid={user} --regid={user} --clear-groups" if user else ""
        self.user = user

    def own(self, *paths):
        if self.user:
            run("chown", "-R", f"{self.user}:{self.user}", self.home, *paths)

    def run(self):
        """One run from start to Ctrl-C; returns what it printed, and the seconds until then."""
        started = time.monotonic()
        log = self.lab / f"{self.name}.log"
        before = log.stat().st_size if log.exists() else 0
        process = Process(self.name, self.lab, "/usr/bin/unshare", "--net", "/bin/sh", "-c",
                          f"/sbin/ip link set lo up && exec {self.become} /usr/bin/env -i HOME={self.home} "
                          f"PATH=/usr/sbin:/usr/bin:/sbin:/bin AUTARKY_DATA={self.data} {self.tree}/script/run",
                          start_new_session=True)

        def printed():
            return log.read_text()[before:]

        def announced():
            if process.popen.poll() is not None:
                sys.exit(f"script/run ended:\n{printed()}")
            return "Ctrl-C ends it." in printed()

        wait_for("script/run", announced, 500)
        seconds = time.monotonic() - started
        self.check(printed(), process.popen.pid)
        os.killpg(process.popen.pid, signal.SIGINT)
        status = process.popen.wait(30)
        wait_for("the end of all processes", lambda: not members(process.popen.pid), 10)
        if status != 0 or (self.data / "listeners.json").exists():
            sys.exit(f"Ctrl-C: status {status}\n{printed()}")
        expect(printed(), "serve.stops", "an end in order")
        if "serve.role-died" in printed():
            sys.exit(f"Ctrl-C reached the roles as well:\n{printed()}")
        return printed(), seconds

    def check(self, text, pid):
        """Everything that was printed works, from a shell in that network."""
        def there(command):
            return run("/usr/bin/nsenter", f"--net=/proc/{pid}/ns/net", "/bin/sh", "-c", command)

        lines = dict(re.findall(r"^(ACME directory|Site|Trust root|Trust page|Try it|Dashboard|How it is) +(.*)$", text, re.M))
        if lines.get("Trust root") != f"{self.data}/trust/roots.pem" or len(lines) != 7:
            sys.exit(f"what was printed is not all:\n{text}")
        curl = f"curl --silent --show-error --fail --cacert {self.data}/trust/roots.pem"
        expect(there(f"{curl} {lines['ACME directory']}"), "\"newOrder\"", lines["ACME directory"])
        expect(lines["Try it"], lines["Site"], "the line to try")
        expect(there(lines["Try it"] + " --silent --show-error --fail"), "made this connection <strong>HTTPS</strong>",
               lines["Try it"])
        expect(there(f"{curl} {lines['Dashboard']}"), "<button class=\"go\">Sign in</button>", lines["Dashboard"])
        expect(there(f"curl --silent --show-error --fail {lines['Trust page']}"), "</html>", lines["Trust page"])
        expect(there(lines["How it is"]), ": healthy", lines["How it is"])


def main():
    if os.geteuid() != 0 or subprocess.run(["/usr/bin/unshare", "--net", "true"], check=False,
                                           stderr=subprocess.DEVNULL).returncode != 0:
        print("needs root, to be another user and to have a network of its own")
        sys.exit(77)
    lab = pathlib.Path(tempfile.mkdtemp(prefix="run.", dir=os.environ.get("TMPDIR")))
    lab.chmod(0o755)
    lab.parent.chmod(lab.parent.stat().st_mode | 0o011)
    tree = lab / "tree"
    copy_tree(tree)
    user = Newcomer(lab, tree, "user", USER)
    seed_cache(user.home)
    user.own(tree)
    text, _ = user.run()
    expect(text, "making a demonstration organisation", "the first run")
    expect(text, "https://localhost:8555/acme/directory", "the usual port")
    expect(text, "http://localhost:8080/trust/", "the usual port of an ordinary user")
    text, seconds = user.run()
    if "making a demonstration" in text or seconds > SECOND_RUN:
        sys.exit(f"the second run took {seconds:.0f} s:\n{text}")
    root = Newcomer(lab, tree, "root")
    text, _ = root.run()
    expect(text, "http://localhost:80/trust/", "root's usual port")
    shutil.rmtree(lab)


main()
