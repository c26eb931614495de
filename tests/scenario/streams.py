#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=600 build=plain
"""A gibibyte through the engine of TLCP, client and server in one process: 128 MiB each way through each of the four suites, in pieces
of all sizes, each byte compared. AUTARKY_STREAM_MIB=1024 is for a gibibyte each way through each; it takes ten minutes of CPU, and
as long as it has to."""

import os
import pathlib
import subprocess
import sys

TOOL = pathlib.Path(os.environ["AUTARKY"]).resolve().parent.parent / "tests" / "tlcp_tool"
SUITES = ("ECC_SM4_GCM_SM3", "ECC_SM4_CBC_SM3", "ECDHE_SM4_GCM_SM3", "ECDHE_SM4_CBC_SM3")
MIB = os.environ.get("AUTARKY_STREAM_MIB", "128")
SECONDS = 590 if MIB == "128" else None


def main():
    done = subprocess.run([TOOL, "stream", MIB], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, timeout=SECONDS)
    print(done.stdout, end="")
    if done.returncode or done.stdout.split("\n")[:-1] != [f"{suite} {MIB}" for suite in SUITES]:
        sys.exit(f"status {done.returncode}")


if __name__ == "__main__":
    main()
