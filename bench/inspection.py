# SPDX-License-Identifier: Apache-2.0
"""What inspecting requests costs: the gateway with `waf` off, detect and block beside nginx with libnginx-mod-http-modsecurity, the
same library, the same rules (Debian's OWASP core rule set), the same requests; CPU time of all processes that have a part in it."""

import contextlib
import pathlib
import re
import statistics
import subprocess
import time

import gateway
import servers
from gateway import SITE, SiteLab

MODULE = "/usr/lib/nginx/modules/ngx_http_modsecurity_module.so"
FORM = "name=" + "x" * 500 + "&city=Berlin&comment=" + "some+words+" * 40
LOADS = (
    ("a small request", None),
    ("a form of 1 kB", FORM),
)
SCRIPT = """wrk.method = "{}"
wrk.headers["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64)"
wrk.headers["Accept"] = "text/html,application/xhtml+xml"
wrk.headers["Accept-Language"] = "en-US,en;q=0.5"
"""


def ask(script, port, seconds):
    out = subprocess.run(["/usr/bin/wrk", "-t1", "-c4", f"-d{seconds}s", "--timeout", "20s", "-s", script, "-H", f"Host: {SITE}",
                          f"https://{SITE}:{port}/small?q=hello+world&n=3"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         text=True, check=True).stdout
    if "Non-2xx" in out:
        print(out)
    return int(re.search(r"(\d+) requests in", out)[1])


def spent(pids):
    """Those that were replaced meanwhile as well."""
    tree = [pid for root in pids for pid in servers.process_tree(root)]
    return sum(servers.cpu_clock(pid) + servers.cpu_of_dead_children(pid) for pid in tree)


def measure(pids, port, script, seconds):
    before = spent(pids)
    done = ask(script, port, seconds)
    return (spent(pids) - before) / max(done, 1) * 1e3


def front(directory, port, site, on):
    own = gateway.lab.free_port()
    rules = pathlib.Path(directory) / "modsecurity.conf"
    rules.write_text("SecRuleEngine On\nSecRequestBodyAccess On\nSecResponseBodyAccess Off\nSecAuditEngine Off\n"
                     "Include /etc/modsecurity/crs/crs-setup.conf\nInclude /usr/share/modsecurity-crs/rules/*.conf\n")
    inspect = f"modsecurity on; modsecurity_rules_file {rules};" if on else ""
    name = "inspecting" if on else "plain"
    server = gateway.Nginx(directory, name, f"""
  upstream backend {{ server 127.0.0.1:{port}; keepalive 64; keepalive_requests 100000000; }}
  server {{
    listen 127.0.0.1:{own} ssl http2;
    server_name {SITE};
    ssl_certificate {site}/ecdsa/fullchain.pem;
    ssl_certificate_key {site}/ecdsa/privkey.pem;
    {inspect}
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    location / {{ proxy_pass http://backend; error_page 405 =200 /small; }}
  }}
""", gateway.our_openssl(directory), f"load_module {MODULE};\n" if on else "")
    server.ready(own)
    return server, own


def configure(site, how):
    site.sites[0]["waf"] = how
    site.configure()
    site.autarky("reload")
    gateway.lab.wait_for("the processes", lambda: bool(site.processes("waf")) == (how != "off"))
    time.sleep(1)


def run(rounds, seconds, table, spread):
    with SiteLab() as site, contextlib.ExitStack() as others:
        site.verified = False
        if SITE not in pathlib.Path("/etc/hosts").read_text():
            print("\ninspection: left out, for only root can give wrk a hosts file with the site's name")
            return
        behind, port = gateway.backend(site.directory, "    error_page 405 =200 /small;\n")
        others.callback(behind.stop)
        site.sites = [{"name": SITE, "backends": [f"http://127.0.0.1:{port}"], "algorithms": ["ecdsa"]}]
        site.workers = 1
        site.configure()
        site.start()
        site.wait_site(SITE)
        nginx = {}
        for how in (False, True):
            nginx[how] = front(site.directory, port, site.data / "sites" / SITE, how)
            others.callback(nginx[how][0].stop)
        rows = [["ms CPU each", "autarky off", "detect", "block", "nginx off", "nginx on", "block / nginx on"]]
        for name, body in LOADS:
            script = site.directory / "ask.lua"
            script.write_text(SCRIPT.format("POST" if body else "GET") + (
                f'wrk.body = "{body}"\nwrk.headers["Content-Type"] = "application/x-www-form-urlencoded"\n' if body else ""))
            found = {key: [] for key in ("off", "detect", "block", False, True)}
            for _ in range(rounds):
                for key, values in found.items():
                    if isinstance(key, str):
                        configure(site, key)
                        values.append(measure(site.processes("gateway") + site.processes("waf"), site.gateway, script, seconds))
                    else:
                        server, own = nginx[key]
                        values.append(measure(server.pids(), own, script, seconds))
            rows.append([name, *(spread(values, 1, 3) for values in found.values()),
                         f"{statistics.median(found['block']) / statistics.median(found[True]):.2f}"])
        memory = sum(servers.pss(pid) for root in site.processes("waf") for pid in servers.process_tree(root))
        print(f"\ninspection: one worker each, TLS 1.3, kept connections, four at a time; the inspecting processes take {memory:.0f} MiB, "
              f"nginx with the module {servers.pss(nginx[True][0].pids()[0]):.0f} MiB")
        table(rows)
