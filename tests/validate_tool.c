/* SPDX-License-Identifier: Apache-2.0 */
/* One validation over the machine's network, as the prober does it, for scenarios:
 *   validate_tool CONFIGURATION dns|ip IDENTIFIER TOKEN KEY_AUTHORIZATION [CHALLENGE [ACCOUNT]]
 * with http-01 if not another; an identifier may be a wildcard. Prints
 * {"rc":..,"type":..,"text":..,"evidence":{..}}. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>

#include "base/file.h"
#include "conf/load.h"
#include "crypto/crypto.h"
#include "dns/zones.h"
#include "ev/clock.h"
#include "ev/ev.h"
#include "json/out.h"
#include "net/net.h"
#include "validate/validate.h"

enum { OUT_MAX = 64 * 1024, ARGUMENTS = 6, CHALLENGE = 6, ACCOUNT = 7 };

static void on_result(void *arg, const struct validate_result *r)
{
    CLEANUP(buf_done) struct buf out = BUF_INIT(OUT_MAX);
    CLEANUP(buf_done) struct buf text = BUF_INIT(OUT_MAX);
    struct json_out o;

    if (r->err)
        err_text(r->err, &text);
    json_out_init(&o, &out, JSON_COMPACT);
    json_obj(&o);
    json_kv_z(&o, "rc", rc_text(r->rc));
    json_kv_z(&o, "type", r->err ? r->err->type : NULL);
    json_kv_str(&o, "text", buf_str(&text));
    json_key(&o, "evidence");
    if (r->evidence.n)
        json_put_raw(&o, r->evidence);
    else
        json_put_null(&o);
    json_end(&o);
    if (json_out_done(&o) == RC_OK)
        printf("%s\n", buf_z(&out));
    ev_stop(arg);
}

static enum rc load(const char *path, const struct conf **out)
{
    CLEANUP(conf_input_done) struct conf_input in = {};
    CLEANUP(conf_report_done) struct conf_report report = {};
    CLEANUP(buf_done) struct buf text = BUF_INIT(CONF_FILE_BYTES_MAX);
    CLEANUP(buf_done) struct buf said = BUF_INIT(OUT_MAX);
    enum rc rc;

    conf_input_init(&in);
    conf_report_init(&report);
    TRY(file_read(AT_FDCWD, path, &text, NULL));
    TRY(conf_input_add(&in, str_of(path), buf_str(&text)));
    rc = conf_load(&in, out, &report);
    conf_report_text(&report, &said);
    fprintf(stderr, "%s", buf_z(&said));
    return rc;
}

static enum rc run(int argc, char **argv)
{
    struct str name = str_of(argv[3]);
    bool wildcard = str_starts(name, STR("*."));
    CLEANUP(ev_freep) struct ev *ev = NULL;
    CLEANUP(net_freep) struct net *net = NULL;
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;
    CLEANUP(dns_zones_unrefp) struct dns_zones *zones = NULL;
    CLEANUP(validator_freep) struct validator *v = NULL;
    const struct validate_ask ask = {
        .challenge = argc > CHALLENGE ? str_of(argv[CHALLENGE]) : STR("http-01"),
        .identifier_type = str_of(argv[2]),
        .identifier = wildcard ? str_skip(name, 2) : name,
        .wildcard = wildcard,
        .account = argc > ACCOUNT ? str_of(argv[ACCOUNT]) : STR(""),
        .token = str_of(argv[4]),
        .key_authorization = str_of(argv[5]),
        .attempt = 1,
    };

    signal(SIGPIPE, SIG_IGN);
    TRY(crypto_init());
    TRY(load(argv[1], &conf));
    TRY(ev_new(clock_system(), &ev));
    TRY(net_system(ev, &net));
    TRY(dns_zones_of_conf(conf, NULL, 0, &zones));
    TRY(validator_new(ev, net, conf, zones, &v));
    TRY(validate_start(v, &ask, on_result, ev, NULL));
    ev_run(ev);
    return RC_OK;
}

int main(int argc, char **argv)
{
    enum rc rc = argc >= ARGUMENTS ? run(argc, argv) : RC_INVAL;

    if (rc != RC_OK)
        fprintf(stderr, "validate_tool: %s\n", rc_text(rc));
    return rc == RC_OK ? 0 : 2;
}
