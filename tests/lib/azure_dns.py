# SPDX-License-Identifier: Apache-2.0
"""Azure DNS as its documentation has it: the login of a tenant, and record sets in the zones of a resource group. Whatever is
asked in another way than documented is refused. AzureDns is one subscription; `write(set name, values)` is told each change."""

import json
import threading
import time
import urllib.parse
import uuid

TENANT, CLIENT, SECRET = "tenant-1", "client-1", "azure~secret/+ 1"
SUBSCRIPTION, GROUP = "3c6f1f5e-0000-4000-8000-000000000001", "clinic (north)"


class AzureDns:
    """`zones` are all of the group, a page of the list each; `faults` are answers given instead of the next ones."""

    def __init__(self, zones, write):
        self.zones, self.write = zones, write
        self.sets, self.tokens, self.seen, self.times, self.faults = {}, [], [], [], []
        self.lock = threading.Lock()
        self.rival = None  # called once before a change is looked at, as somebody who is faster

    def answer(self, method, target, headers, body, here):
        """(status, headers, JSON) for a request; `here` is the URL of this server."""
        with self.lock:
            url = urllib.parse.urlsplit(target)
            self.seen.append(f"{method} {url.path}")
            self.times.append(time.monotonic())
            if url.path.startswith("/login/"):
                return self.login(method, url, headers, body, here)
            if headers["Authorization"] not in [f"Bearer {t}" for t in self.tokens]:
                return self.error(401, "InvalidAuthenticationToken", "The access token is invalid.")
            if self.faults and method == self.faults[-1][0]:
                return self.faults.pop()[1]
            return self.managed(method, url, headers, body, here)

    @staticmethod
    def error(status, code, message, headers=None):
        return status, headers or {}, {"error": {"code": code, "message": message}}

    def login(self, method, url, headers, body, here):
        form = urllib.parse.parse_qsl(body, keep_blank_values=True, strict_parsing=True)
        wanted = {"client_id": CLIENT, "grant_type": "client_credentials", "scope": f"{here}/arm/.default"}
        if (method, url.path, url.query, headers["Content-Type"]) != (
                "POST", f"/login/{TENANT}/oauth2/v2.0/token", "", "application/x-www-form-urlencoded") or headers["Authorization"]:
            return 404, {}, {"error": "invalid_request", "error_description": "AADSTS900144: The request is malformed"}
        if len(form) != 4 or {k: v for k, v in form if k != "client_secret"} != wanted:
            return 400, {}, {"error": "invalid_scope", "error_description": f"AADSTS70011: {form[3:]}"}
        if dict(form)["client_secret"] != SECRET:
            return 401, {}, {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret provided.\r\nTrace ID: 1"}
        self.tokens.append(f"eyJ0.{uuid.uuid4()}" + "x" * 9000)
        return 200, {}, {"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": self.tokens[-1]}

    def managed(self, method, url, headers, body, here):
        base = f"/arm/subscriptions/{SUBSCRIPTION}/resourceGroups/{urllib.parse.quote(GROUP)}/providers/Microsoft.Network/dnsZones"
        query = urllib.parse.parse_qsl(url.query)
        path = urllib.parse.quote(urllib.parse.unquote(url.path))
        if query[:1] != [("api-version", "2018-05-01")]:
            return self.error(400, "MissingApiVersionParameter", "The api-version query parameter is required.")
        if not path.startswith(base):
            return self.error(404, "ResourceGroupNotFound", "The resource group could not be found.")
        parts = url.path[len(url.path.split("/dnsZones")[0]) + len("/dnsZones"):].strip("/").split("/")
        if parts == [""]:
            return self.listed(query, f"{here}{url.path}")
        if len(parts) != 3 or parts[1] != "TXT" or len(query) != 1:
            return self.error(400, "InvalidResource", f"{parts} {query}")
        if parts[0] not in self.zones:
            return self.error(404, "ParentResourceNotFound", "The parent resource could not be found.")
        return self.record_set(method, f"{parts[2]}.{parts[0]}", headers, body)

    def listed(self, query, url):
        at = int(dict(query).get("$skiptoken", 0))
        more = {"nextLink": f"{url}?api-version=2018-05-01&$skiptoken={at + 1}"} if at + 1 < len(self.zones) else {}
        return 200, {}, {"value": [{"name": self.zones[at], "properties": {"zoneType": "Public"}}], **more}

    def record_set(self, method, name, headers, body):
        if method != "GET" and self.rival:
            rival, self.rival = self.rival, None
            rival()
        held = self.sets.get(name)
        if method == "GET":
            return (200, {}, held) if held else (404, {}, {"code": "NotFound", "message": f"The resource record '{name}' does not exist"})
        # What is changed without saying what was seen would overwrite what others wrote.
        seen = (headers["If-Match"], headers["If-None-Match"])
        if seen.count(None) != 1:
            return self.error(400, "BadRequest", "neither If-Match nor If-None-Match, or both")
        if seen not in (((held or {}).get("etag", "none"), None), *([] if held else [(None, "*")])):
            return 412, {}, {"code": "PreconditionFailed", "message": "The condition in the header was not satisfied."}
        if method == "DELETE":
            return (400, {}, {"code": "BadRequest", "message": body}) if body else (200, {}, self.change(name, None))
        if method != "PUT" or headers["Content-Type"] != "application/json":
            return self.error(405, "MethodNotAllowed", method)
        return 200 if held else 201, {}, self.change(name, json.loads(body))

    def change(self, name, asked):
        """Nothing but documented properties, each value a list of strings, and no value twice."""
        if not asked:
            del self.sets[name]
            self.write(name, [])
            return {}
        properties = asked["properties"]
        values = [tuple(r["value"]) for r in properties["TXTRecords"]]
        if set(asked) != {"properties"} or not {"TTL", "TXTRecords"} <= set(properties) <= {"TTL", "TXTRecords", "metadata"} or \
                len(set(values)) != len(values) or not all(isinstance(s, str) for v in values for s in v):
            raise ValueError(asked)
        self.sets[name] = {"name": name, "etag": str(uuid.uuid4()), "properties": {**properties, "fqdn": f"{name}."}}
        self.write(name, values)
        return self.sets[name]
