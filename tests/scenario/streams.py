#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=600 build=plain
"""A gibibyte through the engine of TLCP, client and server in one process: 128 MiB each way through each of the four suites, in pieces
of all sizes, each byte compared. `tlcp_tool stream 1024` takes two gibibytes through each, and ten minutes."""

import os
import pathlib
import subprocess
import sys

TOOL = pathlib.Path(os.environ["AUTARKY"]).resolve().parent.parent / "tests" / "tlcp_tool"
SUITES = ("ECC_SM4_GCM_SM3", "ECC_SM4_CBC_SM3", "ECDHE_SM4_GCM_SM3", "ECDHE_SM4_CBC_SM3")
MIB = "128"


def main():
    done = subprocess.run([TOOL, "stream", MIB], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, timeout=590)
    print(done.stdout, end="")
    if done.returncode or done.stdout.split("\n")[:-1] != [f"{suite} {MIB}" for suite in SUITES]:
        sys.exit(f"status {done.returncode}")


if __name__ == "__main__":
    main()
