/* SPDX-License-Identifier: Apache-2.0 */
#include "scan/state.h"

#include "base/file.h"
#include "base/text.h"
#include "json/json.h"
#include "json/out.h"

MSG(msg_state, "scan.state",
    "{0} is not what a scan writes down of how far it came; to begin anew, remove it");

enum { FORMAT = 1, MODE = 0600, DIGEST = 32 };

enum rc scan_state_save(int dir, const char *path, const struct scan_saved *s, struct err *err)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(SCAN_STATE_MAX);
    CLEANUP(buf_done) struct buf hex = BUF_INIT(2 * DIGEST);
    struct json_out o;

    text_hex(&hex, str_bytes(s->digest, DIGEST));
    TRY(buf_rc(&hex));
    json_out_init(&o, &text, JSON_COMPACT);
    json_obj(&o);
    json_kv_u64(&o, "format", FORMAT);
    json_kv_str(&o, "targets", buf_str(&hex));
    json_kv_i64(&o, "began", s->began);
    json_kv_u64(&o, "bytes", s->bytes);
    json_kv_u64(&o, "low", s->low);
    json_key(&o, "more");
    json_arr(&o);
    for (size_t i = 0; i < s->n_more; i++)
        json_put_u64(&o, s->more[i]);
    json_end(&o);
    json_end(&o);
    TRY(json_out_done(&o));
    return file_write(dir, path, buf_str(&text), MODE, FILE_OWNER_SELF, err);
}

static enum rc read_digest(const struct json *root, unsigned char *out)
{
    CLEANUP(buf_done) struct buf bytes = BUF_INIT(DIGEST);
    struct str hex;

    TRY(json_str(json_get(root, "targets"), &hex));
    TRY(text_unhex(hex, &bytes));
    TRY(buf_rc(&bytes));
    if (bytes.n != DIGEST)
        return RC_PARSE;
    memcpy(out, buf_str(&bytes).p, DIGEST);
    return RC_OK;
}

static enum rc read_more(const struct json *list, struct scan_saved *out)
{
    struct json_iter it = json_iter(list);
    const struct json *v;
    uint64_t n;

    for (out->n_more = 0; json_next(&it, NULL, &v); out->more[out->n_more++] = (uint32_t)n) {
        TRY(json_u64(v, &n));
        if (n >= SCAN_WINDOW || out->n_more == SCAN_WINDOW)
            return RC_TOOBIG;
    }
    return RC_OK;
}

static enum rc read_state(const struct json *root, struct scan_saved *out)
{
    uint64_t format = 0;

    TRY(json_u64(json_get(root, "format"), &format));
    if (format != FORMAT)
        return RC_VERSION;
    TRY(read_digest(root, out->digest));
    TRY(json_i64(json_get(root, "began"), &out->began));
    TRY(json_u64(json_get(root, "bytes"), &out->bytes));
    TRY(json_u64(json_get(root, "low"), &out->low));
    return read_more(json_get(root, "more"), out);
}

enum rc scan_state_load(int dir, const char *path, struct scan_saved *out, struct err *err)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(SCAN_STATE_MAX);
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    enum rc rc;

    TRY(file_read(dir, path, &text, err));
    rc = json_parse(buf_str(&text), SCAN_STATE_MAX, &doc, NULL);
    if (rc == RC_OK)
        rc = read_state(json_root(doc), out);
    if (rc == RC_OK || rc == RC_NOMEM)
        return rc;
    return ERR(err, RC_CORRUPT, msg_state, str_of(path));
}
