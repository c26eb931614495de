#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=180
"""Core in the hands of an attacker: the signer is started as the supervisor starts it, and asked for what it must not sign.
Nothing of it is signed, each refusal is in its log, and it lives on."""

import json
import os
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from lab import AUTARKY, DOMAIN, expect, run  # noqa: E402

TOOL = pathlib.Path(os.environ["AUTARKY"]).resolve().parent.parent / "tests" / "core_tool"
PER_HOUR = 700


def main():
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as directory:
        os.chmod(directory, 0o755)
        data = pathlib.Path(directory) / "data"
        run(AUTARKY, "init", "--data", data, "--organization", "Example Hospital", "--domain", DOMAIN)
        rules = data / "ca" / "rules.json"
        limits = json.loads(rules.read_text())
        limits["signatures_per_hour"] = PER_HOUR
        rules.write_text(json.dumps(limits))
        out = run(TOOL, AUTARKY, data, PER_HOUR)
    expect(out, "the signer lived on", "the attack")
    told = [line for line in out.splitlines() if line.startswith("refused ")]
    unsent = (": larger than the limit", "that there is not: invalid value")  # what our own side of the channel refuses
    heard = [line for line in told if not line.endswith(unsent)]
    logged = sum(out.count(f" signer.{kind} ") for kind in ("refused", "crl-refused", "ocsp-refused"))
    if len(heard) < 75 or logged < len(heard):
        sys.exit(f"{len(heard)} refusals, of which {logged} are in the log")



main()
