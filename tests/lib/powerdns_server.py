# SPDX-License-Identifier: Apache-2.0
"""PowerDNS's authoritative server with its SQLite backend and HTTP API on free loopback ports; it is stopped by process id."""

import json
import pathlib
import sqlite3
import subprocess
import time
import urllib.error
import urllib.request

from dns_server import NameServer, free_port

SCHEMA = pathlib.Path("/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql")
CONF = """launch=gsqlite3
gsqlite3-database={directory}/pdns.sqlite3
socket-dir={directory}
local-address=127.0.0.1
local-port={port}
api=yes
api-key={key}
webserver=yes
webserver-address=127.0.0.1
webserver-port={api_port}
daemon=no
guardian=no
"""


class PowerDnsServer(NameServer):
    """Zones: name to records {(name, type): [content]}; SOA and NS are added. `more` are lines of its configuration."""

    def __init__(self, directory, key, zones, more=""):
        self.more = more
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.key = key
        database = sqlite3.connect(self.directory / "pdns.sqlite3")
        database.executescript(SCHEMA.read_text())
        database.close()
        for _ in range(3):
            self.port, self.api_port = free_port(), free_port()
            if self._start():
                break
        else:
            raise RuntimeError(f"PowerDNS does not run:\n{(self.directory / 'log').read_text()}")
        for zone, records in zones.items():
            self._make_zone(zone, records)

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    @property
    def url(self):
        return f"http://127.0.0.1:{self.api_port}"

    def _start(self):
        (self.directory / "pdns.conf").write_text(
            CONF.format(directory=self.directory, port=self.port, key=self.key, api_port=self.api_port) + self.more)
        with open(self.directory / "log", "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(["/usr/sbin/pdns_server", f"--config-dir={self.directory}"], stdout=log, stderr=log)
        for _ in range(200):
            if self.process.poll() is not None:
                return False
            try:
                self.api("GET", "")
                return True
            except urllib.error.URLError:
                time.sleep(0.1)
        self.stop()
        return False

    def api(self, method, path, body=None):
        request = urllib.request.Request(f"{self.url}/api/v1/servers/localhost{path}", method=method,
                                         data=json.dumps(body).encode() if body else None)
        request.add_header("X-API-Key", self.key)
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read()

    def _make_zone(self, zone, records):
        sets = [{"name": f"{name}.", "type": kind, "ttl": 5, "records": [{"content": c, "disabled": False} for c in contents]}
                for (name, kind), contents in records.items()]
        self.api("POST", "/zones", {"name": f"{zone}.", "kind": "Native", "nameservers": [f"ns.{zone}."], "rrsets": sets})
