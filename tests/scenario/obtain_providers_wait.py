#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# autarky-test: timeout=600
"""`autarky obtain` by dns-01 through the HTTP APIs of others waits until every name server of the zone has the record: the
recorders of obtain_providers write into BIND, and, a few seconds later, into a second BIND that the zone names as well. Both
are at port 53, where NS records lead, in a namespace. One that never has it ends the wait; `wait` with a time asks nobody."""

import http.server
import json
import os
import pathlib
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
sys.path.insert(0, str(HERE))
import azure_dns  # noqa: E402
import obtain_providers as providers  # noqa: E402
from dns_server import DnsServer  # noqa: E402
from lab import DOMAIN, Lab, expect, run  # noqa: E402

FIRST, SECOND, LAG = "127.0.0.1", "127.0.0.2", 4
RECORDS = f"@ NS ns2\nns2 A {SECOND}\n* A 127.0.0.1\n@ A 127.0.0.1"
OPTIONS = {"keys": providers.KEYS, "zone_options": 'allow-update { key "k"; };'}


class Late:
    """What is written comes to the second server later, or never."""

    def __init__(self):
        self.lag, self.there, self.timers = LAG, 0, []

    def write(self, _port, lines):
        self.send(FIRST, lines)
        if self.lag is not None:
            self.timers.append(threading.Timer(self.lag, self.arrive, [lines]))
            self.timers[-1].start()

    def arrive(self, lines):
        if any(" add " in line for line in lines):
            self.there = time.time()  # at the soonest
        self.send(SECOND, lines)

    @staticmethod
    def send(where, lines):
        text = "\n".join([f"server {where} 53", f"zone {DOMAIN}", *lines, "send\n"])
        subprocess.run(["nsupdate", "-y", f"hmac-sha256:k:{providers.SECRET}"], input=text, text=True, check=True)

    def settle(self):
        for timer in self.timers:
            timer.join()
        self.timers.clear()


def added(out):
    """When the first record was noted, which is at the end of the wait."""
    lines = [json.loads(line) for line in (out / ".autarky" / "journal").read_text().splitlines()]
    return next(one["n"] / 1e6 for one in lines if one["what"] == "record-added")


def settings(api):
    at = f"url: http://127.0.0.1:{api.server_port}"
    return {
        "httpreq": f"{at}\nusername: us\npassword: open sesame\n",
        "cloudflare": f"{at}/client/v4/\ntoken: cf-token\n",
        "route53": f"{at}\naccess_key_id: AKIDHERE\nsecret_access_key: aws-secret\n",
        "alibaba": f"{at}\naccess_key_id: LTAIHERE\naccess_key_secret: ali-secret\n",
        "tencent": f"{at}\nsecret_id: AKIDTC\nsecret_key: tc-secret\n",
        "azure": f"{at}/arm/\nlogin: http://127.0.0.1:{api.server_port}/login\ntenant: {azure_dns.TENANT}\nclient_id: {azure_dns.CLIENT}\n"
                 f"client_secret: {azure_dns.SECRET}\nsubscription: {azure_dns.SUBSCRIPTION}\nresource_group: {azure_dns.GROUP}\n",
    }


def new_api(late):
    api = http.server.ThreadingHTTPServer(("127.0.0.1", 0), providers.Recorder)
    api.seen, api.kept, api.dns_port, api.records, api.faults = [], {}, 53, [], []
    api.sets, api.race, api.nonces = {}, False, set()
    api.azure = azure_dns.AzureDns([DOMAIN], lambda where, held: late.write(53, [
        f"update delete {where} TXT", *(f"update add {where} 1 TXT " + " ".join(f'"{s}"' for s in v) for v in held)]))
    threading.Thread(target=api.serve_forever, daemon=True).start()
    return api


def waits(lab, api, late):
    for kind, text in settings(api).items():
        api.records[:] = []
        late.there = 0
        conf = providers.config(lab.directory, kind, f"{text}resolver: {FIRST}\n")
        said = providers.obtain(lab, kind, conf, f"{kind}.{DOMAIN}")
        noted = added(lab.directory / f"out-{kind}")
        if not late.there or noted < late.there:
            sys.exit(f"{kind} did not wait for {SECOND}: done at {noted}, there at {late.there}: {said}")
        late.settle()
        print(f"{kind}: went on {noted - late.there:.1f} s after the last name server was told", flush=True)


def never(lab, api, late):
    """A name server that does not get it, and one that is not there."""
    text = settings(api)["cloudflare"]
    late.lag = None
    conf = providers.config(lab.directory, "never", f"{text}resolver: {FIRST}\ntimeout: 3s\n")
    said = providers.obtain(lab, "cloudflare", conf, f"never.{DOMAIN}", ok=(2,))
    expect(said, f"{SECOND}:53 does not have the record _acme-challenge.never.{DOMAIN} after 3s", "a server that lags for ever")
    expect(said, "`wait` says how long, or for whom", "the cure")
    if api.records:
        sys.exit(f"it is left: {api.records}")
    for more in ("wait: 0s\n", "resolver: none\n"):
        conf = providers.config(lab.directory, "now", f"{text}resolver: {FIRST}\n{more}")
        providers.obtain(lab, "cloudflare", conf, f"now.{DOMAIN}")
    bad = providers.config(lab.directory, "bad", f"{text}wait: some\n")
    expect(providers.obtain(lab, "cloudflare", bad, f"x.{DOMAIN}", ok=(2,)), 'wait cannot be "some"; it is all, or a time', "a wrong wait")


def inside():
    os.environ["AUTARKY_DATA"] = "/nowhere"
    run("ip", "link", "set", "lo", "up")
    run("ip", "address", "add", f"{SECOND}/8", "dev", "lo")  # BIND listens at what an interface has
    late = Late()
    providers.update = late.write
    with Lab() as lab, DnsServer(lab.directory / "first", {DOMAIN: RECORDS}, at=(FIRST, 53), **OPTIONS) as first:
        with DnsServer(lab.directory / "second", {DOMAIN: RECORDS}, at=(SECOND, 53), **OPTIONS):
            lab.dns.port = first.port
            lab.configure(policy=providers.POLICY)
            lab.start()
            api = new_api(late)
            waits(lab, api, late)
            never(lab, api, late)
        # Now the second one is away: that is told, and nobody waits for it.
        late.lag = None
        conf = providers.config(lab.directory, "away", f"{settings(api)['cloudflare']}resolver: {FIRST}\n")
        said = providers.obtain(lab, "cloudflare", conf, f"away.{DOMAIN}")
        expect(said, f"the name server {SECOND}:53 of {DOMAIN} cannot be asked whether it has the record", "one that is away")
        api.shutdown()


if sys.argv[1:] == ["inside"]:
    inside()
elif os.geteuid() != 0:
    print("skipped: network namespaces take root")
    sys.exit(77)
else:
    subprocess.run(["unshare", "--net", sys.executable, __file__, "inside"], check=True, timeout=580)
