#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=120
"""A process that was taken over changes the modes of what it owns, so that it could never start again: the next start mends
them and says so. What belongs to another stays refused."""

import os
import pathlib
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import AUTARKY, Lab, expect, run  # noqa: E402

MODES = {"front/key.pem": 0o600, "front/chain.pem": 0o644, "front": 0o700, "db/store.db": 0o600, "db": 0o700}


def mode(path):
    return path.stat().st_mode & 0o7777


def mended(lab):
    for path in MODES:
        (lab.data / path).chmod(0o001)
    lab.start()
    log = lab.log()
    for path, right in MODES.items():
        if mode(lab.data / path) != right:
            sys.exit(f"{path} has mode {mode(lab.data / path):o}")
        expect(log, f"path={path} was=1 is={right:o}", "the log")
    if "front.certificate-not-loaded" in log:
        sys.exit("front made a new certificate instead of reading the one it has")
    run("curl", "-sSf", "--cacert", lab.roots, lab.directory_url)
    lab.stop()


def another_owner(lab):
    """Nothing is taken over from somebody else; whose front/ is wrong is told so."""
    if os.geteuid() != 0:
        return
    shutil.chown(lab.data / "front", "nobody")
    (lab.data / "front").chmod(0o755)
    out = run(AUTARKY, "serve", "--data", lab.data, ok=(2,), timeout=60)
    if mode(lab.data / "front") != 0o755:
        sys.exit("the mode of another's directory was changed")
    expect(out, "front exists, is not empty and has another owner or mode than wanted", "the refusal")


with Lab() as lab:
    lab.start()
    lab.stop()
    mended(lab)
    another_owner(lab)
print("modes were mended, another owner refused")
