# SPDX-License-Identifier: Apache-2.0
"""What an order cannot cost less than: its signatures and verifications at the speed of the same library, the protection of
its TLS records, and as many requests that do nothing over the same hops; and what the disk says meanwhile."""

import os
import pathlib
import subprocess
import tempfile
import time

# Beside one verification a signed request: the CSR's own signature and the certificate that came from the signer are
# verified, and one certificate is signed.
MORE_VERIFIED = 2
SIGNED = 1
RECORD = 1024


def sync_latencies(directory, n):
    """Seconds of each write of a page with its fdatasync, on the file system of the database."""
    taken = []
    with tempfile.NamedTemporaryFile(dir=pathlib.Path(directory)) as file:
        for i in range(n):
            os.pwrite(file.fileno(), b"x" * 4096, i * 4096)
            begin = time.monotonic()
            os.fdatasync(file.fileno())
            taken.append(time.monotonic() - begin)
    return taken


def speed(*arguments):
    tool = os.environ.get("BENCH_OPENSSL", "openssl")
    done = subprocess.run([tool, "speed", "-mr", "-seconds", "1", *arguments], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True, check=True)
    return [line.split(":") for line in done.stdout.splitlines()]


def costs():
    """Seconds of a P-256 signature, of a verification and of a record's protection."""
    rates = next(fields for fields in speed("ecdsap256") if fields[0] == "+F4")
    bytes_per_second = next(float(fields[-1]) for fields in speed("-bytes", str(RECORD), "-aead", "-evp", "aes-256-gcm")
                            if fields[0] == "+F")
    return 1 / float(rates[3]), 1 / float(rates[4]), RECORD / bytes_per_second


def null_cost(server, client, n):
    """CPU seconds of the server for a HEAD of newNonce, which front hands to core."""
    url = client.directory["newNonce"]
    before = server.cpu()
    for _ in range(n):
        client._send("HEAD", url)
        client.nonces.clear()
    return (server.cpu() - before) / n


def show(batches, server, client, nulls, table):
    middle = sorted(batches, key=lambda b: b.total)[len(batches) // 2]
    sign, verify, record = costs()
    signatures = SIGNED * sign + (middle.requests + MORE_VERIFIED) * verify
    records = 2 * middle.requests * record
    hops = null_cost(server, client, nulls) * middle.requests
    print(f"\nwhat an order cannot do without, autarky, ms of CPU; {middle.requests:.1f} requests")
    table([[f"{SIGNED} signature of {sign * 1e6:.0f} us, {middle.requests + MORE_VERIFIED:.1f} verifications of "
            f"{verify * 1e6:.0f} us (openssl speed)", f"{signatures * 1e3:.2f}"],
           [f"TLS records of {RECORD} bytes, {2 * middle.requests:.0f} of {record * 1e6:.2f} us", f"{records * 1e3:.2f}"],
           ["as many requests that do nothing, over front and core (HEAD newNonce)", f"{hops * 1e3:.2f}"],
           ["together", f"{(signatures + records + hops) * 1e3:.2f}"],
           ["an order", f"{middle.total * 1e3:.2f}"]])
