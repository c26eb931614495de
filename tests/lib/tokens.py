# SPDX-License-Identifier: Apache-2.0
"""PKCS#11 tokens for the scenarios: in files (SoftHSM), and in a TPM of software (swtpm) behind its resource manager, as
/dev/tpmrm0 is one, by tpm2-pkcs11. Both set what their modules look for in the environment of this process."""

import hashlib
import os
import pathlib
import shutil
import tempfile

from lab import Process, run, wait_for

PIN, OFFICER = "token-pin-1", "officer-1"


def library(name):
    return next(iter(sorted(pathlib.Path("/usr/lib").glob(f"*/{name}"))), pathlib.Path("/usr/lib") / name)


class Token:
    """One with the label `label`, and its PIN in a file that nobody else reads."""

    def __init__(self, directory, label, module):
        self.directory, self.label, self.module = pathlib.Path(directory), label, module
        self.pin = self.directory / "pin"
        self.set_pin(PIN)

    def set_pin(self, pin):
        self.pin.write_text(pin + "\n")
        self.pin.chmod(0o600)

    def uri(self, key):
        return f"pkcs11:token={self.label};object={key}"

    def options(self):
        return "--pkcs11-module", self.module, "--pin-file", self.pin

    def tool(self, *args):
        return run("pkcs11-tool", "--module", self.module, "--token-label", self.label, "--login", "--pin", PIN, *args)

    def public(self, key):
        """In DER, from the token."""
        file = self.directory / "public.der"
        self.tool("--read-object", "--type", "pubkey", "--label", key, "--output-file", file)
        return file.read_bytes()

    def sha256(self, key):
        return hashlib.sha256(self.public(key)).hexdigest()

    def remove(self, key):
        for kind in ("privkey", "pubkey"):
            self.tool("--delete-object", "--type", kind, "--label", key)


class SoftHsm(Token):
    def __init__(self, directory, label):
        directory = pathlib.Path(directory)
        self.files = directory / "tokens"
        self.files.mkdir(parents=True, mode=0o700)
        conf = directory / "softhsm2.conf"
        conf.write_text(f"directories.tokendir = {self.files}\nobjectstore.backend = file\nlog.level = ERROR\n")
        os.environ["SOFTHSM2_CONF"] = str(conf)
        super().__init__(directory, label, pathlib.Path("/usr/lib/softhsm/libsofthsm2.so"))
        run("softhsm2-util", "--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", OFFICER)

    def stop(self):
        pass


BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path={path}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="false"/><allow receive_sender="*"/><allow own="*"/></policy>
</busconfig>
"""


class Tpm:
    """swtpm, and tpm2-abrmd before it on a bus of its own, so that several programs use it one after another."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.sockets = pathlib.Path(tempfile.mkdtemp(prefix="tpm"))  # a path that is short enough for a socket
        (self.directory / "state").mkdir(parents=True)
        self.started = []
        self.start()

    def start(self):
        bus, socket = self.sockets / "bus", self.sockets / "tpm"
        self.run("swtpm", "swtpm", "socket", "--tpm2", "--tpmstate", f"dir={self.directory}/state", "--server",
                 f"type=unixio,path={socket}", "--ctrl", f"type=unixio,path={socket}.ctrl", "--flags", "not-need-init,startup-clear")
        wait_for("swtpm", socket.exists)
        (self.directory / "bus.conf").write_text(BUS.format(path=bus))
        self.run("dbus", "dbus-daemon", f"--config-file={self.directory}/bus.conf", "--nofork")
        wait_for("the bus", bus.exists)
        os.environ["DBUS_SESSION_BUS_ADDRESS"] = f"unix:path={bus}"
        self.run("abrmd", "tpm2-abrmd", "--session", "--allow-root", "--flush-all", f"--tcti=swtpm:path={socket}")
        self.reached = "tabrmd:bus_type=session"
        os.environ["TPM2TOOLS_TCTI"] = os.environ["TPM2_PKCS11_TCTI"] = self.reached
        wait_for("the resource manager", lambda: "0x" in run("tpm2_getcap", "properties-fixed", ok=(0, 1, 5)))

    def run(self, name, *args):
        self.started.append(Process(name, self.directory, *args))

    def halt(self):
        """All of it has ended; the TPM's own memory stays."""
        while self.started:
            self.started.pop().stop()
        for socket in self.sockets.iterdir():
            socket.unlink()

    def stop(self):
        self.halt()
        shutil.rmtree(self.sockets)


class TpmToken(Token):
    def __init__(self, directory, label):
        super_dir = pathlib.Path(directory)
        self.tpm = Tpm(super_dir)
        store = super_dir / "store"
        store.mkdir(mode=0o700)
        os.environ["TPM2_PKCS11_STORE"] = str(store)
        super().__init__(super_dir, label, library("libtpm2_pkcs11.so.1"))
        run("tpm2_ptool", "init", "--path", store)
        run("tpm2_ptool", "addtoken", "--pid", "1", "--label", label, "--sopin", OFFICER, "--userpin", PIN, "--path", store)

    def stop(self):
        self.tpm.stop()
