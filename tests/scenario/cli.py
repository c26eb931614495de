#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The command line as newcomers, scripts and strangers use it: wrong words, missing and foreign directories, an init that is
killed or runs out of room, passphrases from everywhere, ordinary users, outputs that cannot be written."""

import json
import os
import pathlib
import pty
import select
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import termios
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import AUTARKY, OPENSSL, Process, expect, run, wait_for  # noqa: E402

USER, OTHER = 4711, 4712  # ordinary users; they need no name
ORGANIZATION = "ä" * 64  # as long as can be
INIT = ("--organization", "Example Hospital", "--domain", "hospital.example")


def autarky(*args, user=None, want=0, says=(), **options):
    """Runs it with nothing on standard input; checks status and what standard error says."""
    command = [AUTARKY, *map(str, args)]
    if user:
        command = ["/usr/bin/setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *command]
    options.setdefault("stdout", subprocess.PIPE)
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False, timeout=60,
                          text=True, **options)
    said = f"{' '.join(command[-len(args) - 1:])}: status {done.returncode}\n{done.stdout}{done.stderr}"
    if done.returncode != want:
        sys.exit(f"{said}wanted {want}")
    for text in (says,) if isinstance(says, str) else says:
        if text not in done.stderr:
            sys.exit(f"{said}\"{text}\" is missing")
    return done.stdout


def asked_json(*args, **options):
    try:
        return json.loads(autarky(*args, "--json", **options))
    except ValueError as e:
        sys.exit(f"autarky {args}: no JSON: {e}")


def wrong_words():
    for words, says in ((["statsu"], "did you mean \"status\"?"), (["cert"], "there is list"),
                        (["status", "more"], "one word too many"), (["status", "--jsno"], "did you mean \"--json\"?"),
                        (["status", "--data"], "needs a value"), (["status", "--data", "--json"], "--data=--json"),
                        (["status", "--data="], "is empty"), (["--json", "status"], "before the command"),
                        (["cert", "list", "--limit", "0"], "1 to 1000"), (["cert", "list", "--status", "x"], "revoked"),
                        (["init"], "--organization is missing")):
        if autarky(*words, want=64, says=says):
            sys.exit(f"{words}: a complaint belongs to standard error")
    expect(autarky("help", "init"), "--dry-run", "help of a command")


def typed(shell, lines, keys, wanted):
    """What a shell on a terminal makes of keys after these lines: `wanted` appears by itself."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update({"TERM": "dumb", "PS1": "$ ", "PATH": f"{pathlib.Path(AUTARKY).parent}:/usr/bin:/bin", "ZDOTDIR": "/nonexistent"})
        os.execv(shell[0], shell)
    seen = b""
    try:
        for line in (*lines, "echo rea''dy"):
            os.write(terminal, line.encode() + b"\n")
        end, sent = time.monotonic() + 60, False
        while time.monotonic() < end and wanted.encode() not in seen:
            if select.select([terminal], [], [], 1)[0]:
                seen += os.read(terminal, 65536)
            if not sent and b"\nready" in seen.replace(b"\r", b""):
                os.write(terminal, keys.encode())
                seen, sent = b"", True
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(terminal)
    if wanted.encode() not in seen:
        sys.exit(f"{shell[0]}: {keys!r} does not become \"{wanted}\": {seen!r}")


def completion():
    """Three shells complete commands, verbs and options."""
    keys = {"autarky doc\t": "doctor", "autarky cert rev\t": "revoke", "autarky init --organ\t": "--organization"}
    for shell, name in ((["/bin/bash", "--norc", "-i"], "bash"), (["/usr/bin/zsh", "-f", "-i"], "zsh")):
        for pressed, wanted in keys.items():
            typed(shell, [f"source <({AUTARKY} completion {name})"], pressed, wanted)
    for pressed, wanted in keys.items():
        out = run("/usr/bin/fish", "--no-config", "-c", f"{AUTARKY} completion fish | source; complete -C '{pressed.strip()}'")
        expect(out, wanted, f"fish: {pressed!r}")
    autarky("completion", "csh", want=64, says="bash, zsh and fish")


def nothing_there(lab):
    nowhere = ("--data", lab / "nowhere")
    for words in (["status"], ["reload"], ["cert", "list"], ["serve"], ["config", "check"], ["config", "show"]):
        autarky(*words, *nowhere, want=2, says=f"{lab}/nowhere")
    found = asked_json("doctor", *nowhere, want=2)
    if found["healthy"] or "autarky init --data" not in found["checks"][0]["text"]:
        sys.exit(f"doctor does not send a newcomer to init: {found}")
    if asked_json("config", "check", *nowhere, want=2)["ok"]:
        sys.exit("a configuration that is not there was checked")


def init_refuses(lab):
    data = lab / "refused"
    for options, want, says in ((("--organization", "ä" * 65), 64, "has 65 characters"),
                                (("--organization", b"a\xff".decode(errors="surrogateescape")), 64, "not UTF-8"),
                                (("--organization", "X", "--domain", "com"), 64, "top-level domain"),
                                (("--organization", "X", "--country", "Germany"), 64, "--country: "),
                                (("--organization", "X", "--algorithms", "dsa"), 64, "rsa,ecdsa,sm2,mldsa"),
                                (("--organization", "X", "--passphrase-credential", "c"), 2, "$CREDENTIALS_DIRECTORY"),
                                (("--organization", "X", "--passphrase-file", "/nowhere"), 2, "/nowhere: No such file")):
        domain = () if "--domain" in options else ("--domain", "hospital.example")
        autarky("init", "--data", data, *options, *domain, want=want, says=says)
    autarky("init", "--data", data / "deep", *INIT, want=2, says="mkdir -p")
    dry = asked_json("init", "--data", data, *INIT, "--dry-run")
    if not dry["dry_run"] or dry["root_sha256"] or "domain: hospital.example" not in dry["configuration"]:
        sys.exit(f"--dry-run: {dry}")
    (lab / "foreign" / "ca").mkdir(parents=True)
    autarky("init", "--data", lab / "foreign", *INIT, want=2, says="bring it back from a backup")
    if data.exists() or list((lab / "foreign" / "ca").parent.iterdir()) != [lab / "foreign" / "ca"]:
        sys.exit("an init that was refused left something behind")


def ports(data, api=0):
    """Other ports than the fixed ones of a new installation."""
    config = data / "autarky.yaml"
    kept = [line for line in config.read_text().splitlines() if not line.startswith(("listen:", "  plain:"))]
    config.write_text("\n".join(kept) + f"\nlisten: {{api: [\"127.0.0.1:{api}\"], plain: [\"127.0.0.1:0\"]}}\n")


def killed_init(lab):
    """Killed once when it has only just begun to write, once when all but the configuration is there."""
    data, passphrase = lab / "killed", lab / "passphrase"
    passphrase.write_text("correct horse battery\n")
    options = ("--data", data, *INIT, "--passphrase-file", passphrase, "--root-passphrase-file", passphrase)
    passphrase.chmod(0o644)
    autarky("init", *options, want=2, says=f"chmod 600 {passphrase}")
    passphrase.chmod(0o600)
    for last in ("root", "db/store.db"):
        child = subprocess.Popen([AUTARKY, "init", *map(str, options)], stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not (data / last).exists() and child.poll() is None:
            pass
        child.kill()
        child.wait()
        if not (data / "init.unfinished").exists() or (data / "autarky.yaml").exists():
            sys.exit(f"init was not killed half-way: {list(data.iterdir())}")
        autarky("serve", "--data", data, want=2, says="autarky.yaml does not exist")
    autarky("init", *options, says="An earlier init did not finish")
    if (data / "init.unfinished").exists() or (data / "ca.passphrase").exists():
        sys.exit("init left its mark, or made a passphrase that nobody asked for")
    autarky("init", *options, want=2, says="overwrites nothing")
    return data, passphrase


def passphrases(data, passphrase):
    ports(data)
    text = passphrase.read_text()
    for content, mode, says in (("correct horse batterx\n", 0o600, "ca.passphrase"), (text, 0o640, "chmod 600"),
                                ("short\n", 0o600, "shorter than 8")):
        passphrase.write_text(content)
        passphrase.chmod(mode)
        autarky("serve", "--data", data, want=2, says=says)
    passphrase.write_text(text)
    passphrase.chmod(0o600)


def no_room(lab):
    for size, says in (("60k", "No space left"), ("400k", "full")):
        no_room_in(lab / f"small{size}", size, says)


def no_room_in(small, size, says):
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", small], check=False,
                      stderr=subprocess.DEVNULL).returncode != 0:
        print("# without a small file system: this system lets nobody mount")
        return
    try:
        autarky("init", "--data", small / "data", *INIT, want=2, says=says)
        if list(small.iterdir()):
            sys.exit(f"init left something on a full disk: {list(small.iterdir())}")
    finally:
        run("umount", small)


class Terminal:
    """The program on a terminal of its own."""

    def __init__(self, *args):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execv(AUTARKY, [AUTARKY, *map(str, args)])
        self.seen = b""

    def read(self, until=None, seconds=30):
        end = time.monotonic() + seconds
        while time.monotonic() < end and not (until and until in self.seen):
            if select.select([self.fd], [], [], 0.1)[0]:
                try:
                    self.seen += os.read(self.fd, 4096)
                except OSError:
                    break
        if until and until not in self.seen:
            sys.exit(f"on the terminal, {until} does not come:\n{self.seen.decode()}")
        seen, self.seen = self.seen.decode(errors="replace"), b""
        return seen

    def type(self, text):
        os.write(self.fd, text)

    def answer(self, question, text, quiet=True):
        self.read(question)
        if quiet == bool(termios.tcgetattr(self.fd)[3] & termios.ECHO):
            sys.exit(f"{question}: the terminal echoes {'' if quiet else 'nothing '}")
        self.type(text)

    def end(self, want):
        rest = self.read()
        status = os.waitpid(self.pid, 0)[1]
        got = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        if got != want:
            sys.exit(f"on the terminal: status {got}, not {want}\n{rest}")
        os.close(self.fd)
        return rest


def asked_on_a_terminal(lab):
    data = lab / "asked"
    ask, again = b"authority: ", b"once more: "
    t = Terminal("init", "--data", data, *INIT, "--passphrase-prompt")
    t.answer(ask, b"correct horse\n")
    t.answer(again, b"correct hoarse\n")
    expect(t.end(2), "not the same", "two different passphrases")
    t = Terminal("init", "--data", data, *INIT, "--passphrase-prompt")
    t.answer(ask, b"\x03")
    t.read(b"\r\n")
    wait_for("echo after Ctrl-C", lambda: termios.tcgetattr(t.fd)[3] & termios.ECHO)
    t.end(-signal.SIGINT)
    if data.exists():
        sys.exit("nothing was typed, and something was made")
    t = Terminal("init", "--data", data, "--passphrase-prompt")
    t.answer(b"organisation: ", b"Example Hospital\n", quiet=False)
    t.answer(b"hospital.example): ", b"hospital.example\n", quiet=False)
    t.answer(ask, b"correct horse\n")
    t.answer(again, b"correct horse\n")
    expect(t.end(0), "asked at every start", "init says where the passphrase comes from")
    ports(data)
    t = Terminal("serve", "--data", data)
    t.answer(ask, b"correct horse\n")
    t.read(b"serve.ready")
    t.type(b"\x03")
    expect(t.end(0), "serve.stops", "Ctrl-C")
    started = time.monotonic()
    t = Terminal("serve", "--data", data)
    t.answer(ask, b"\x03")
    t.end(0)
    if time.monotonic() - started > 8:
        sys.exit("Ctrl-C at the question took its time")
    autarky("serve", "--data", data, want=2, says="there is no terminal", start_new_session=True)


class Server:
    def __init__(self, lab, data, user=None):
        prefix = ["/usr/bin/setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"] if user else []
        self.data = data
        self.process = Process(f"serve-{data.name[:20]}", lab, *prefix, AUTARKY, "serve", "--data", data)
        wait_for("listeners.json", self.ready, 60)

    def ready(self):
        if self.process.popen.poll() is not None:
            sys.exit(f"serve ended:\n{self.log()}")
        return (self.data / "listeners.json").exists()

    def log(self):
        return self.process.log.read_text()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.stop() != 0 or "Sanitizer" in self.log():
            sys.exit(f"serve ended badly:\n{self.log()}")


def unwritable(data):
    with open("/dev/full", "w", encoding="utf-8") as full:
        for words in (["status"], ["cert", "list"], ["doctor"], ["config", "show"], ["version"], ["help"]):
            options = [] if words == ["help"] else ["--data", data]
            autarky(*words, *options, want=2, says="standard output cannot be written", stdout=full)
    reader, writer = os.pipe()
    os.close(reader)
    autarky("status", "--data", data, want=-signal.SIGPIPE, stdout=writer)
    os.close(writer)


def below_a_closed_home(lab):
    """Root's installation where only root may go: every role has to find its files all the same. The path is too long for a
    socket, and the organisation as long as a name can be."""
    home = lab / "home"
    home.mkdir(0o700)
    data = home / ("d" * 100)
    made = asked_json("init", "--data", data, "--organization", ORGANIZATION, "--domain", "hospital.example")
    subject = run(OPENSSL, "x509", "-in", made["root"], "-noout", "-subject", "-nameopt", "utf8,sep_comma_plus")
    expect(subject, f"O={ORGANIZATION},CN=", "the whole organisation is in the root")
    if len(subject.strip().rsplit("CN=", 1)[1]) > 64:
        sys.exit(f"the common name is longer than 64 characters: {subject}")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ports(data, api=port)
        autarky("serve", "--data", data, want=2, says=(f"127.0.0.1:{port}", "another program does already"))
    ports(data)
    with Server(lab, data) as server:
        if len(server.ready() and asked_json("status", "--data", data)["processes"]) < 5:
            sys.exit("status does not show all processes")
        autarky("serve", "--data", data, want=2, says=("serves", f"kill {server.process.popen.pid}"))
        for words in (["doctor"], ["cert", "list"], ["reload"], ["config", "show"], ["config", "check"], ["version"]):
            asked_json(*words, "--data", data)
        if asked_json("config", "show", "--data", data)["organization"] != ORGANIZATION:
            sys.exit("config show --json has another organisation")
        expect(autarky("doctor", "--data", data), "urls.api is not set", "doctor")
        unwritable(data)
        autarky("status", "--data", data, user=OTHER, want=2, says="does not let this user in")
    autarky("status", "--data", data, want=2, says=f"autarky serve --data {data}")


def ordinary_user(lab):
    if subprocess.run(["/usr/bin/setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", AUTARKY, "version"],
                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode != 0:
        print("# without an ordinary user: the program lies where only root may go")
        return
    own = lab / "user"
    own.mkdir()
    os.chown(own, USER, USER)
    data = own / "data"
    expect(autarky("init", "--data", data, *INIT, user=USER), "Made by an ordinary user", "init")
    ports(data)
    autarky("init", "--data", own / "other", *INIT, user=OTHER, want=2, says="Permission denied")
    autarky("serve", "--data", data, user=OTHER, want=2, says=f"belongs to user {USER}")
    with Server(lab, data, user=USER) as server:
        expect(server.log(), "serve.unprivileged", "the log says that users are not kept apart")
        found = asked_json("doctor", "--data", data, user=USER)
        text = " ".join(c["text"] for c in found["checks"] if c["state"] == "warning")
        expect(text, "signer is not fully confined: user: off: not started as root", "doctor")
        expect(autarky("status", "--data", data, user=USER), "confined but for user (off)", "status")
        autarky("status", "--data", data, user=OTHER, want=2, says="does not let this user in")
        autarky("status", "--data", data)  # root may
        mode = stat.S_IMODE((data / "control.sock").stat().st_mode)
        if mode != 0o600:
            sys.exit(f"the control socket has mode {mode:o}")


def main():
    if os.geteuid() != 0:
        print("needs root, to be other users")
        sys.exit(77)
    lab = pathlib.Path(tempfile.mkdtemp(prefix="cli.", dir=os.environ.get("TMPDIR")))
    lab.chmod(0o755)
    lab.parent.chmod(lab.parent.stat().st_mode | 0o011)  # ordinary users have to pass
    wrong_words()
    completion()
    nothing_there(lab)
    init_refuses(lab)
    data, passphrase = killed_init(lab)
    passphrases(data, passphrase)
    no_room(lab)
    asked_on_a_terminal(lab)
    below_a_closed_home(lab)
    ordinary_user(lab)
    shutil.rmtree(lab)


main()
