/* SPDX-License-Identifier: Apache-2.0 */
/* The lists of what the roots have revoked, made where their keys are: part of `autarky root sign`.
 * What stood on the last one, which is kept in root/REF.crl, and on one that the media bring,
 * stands on the next; what the media ask for beside it is shown before it is signed. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "authority/root_int.h"
#include "base/fd.h"
#include "base/file.h"
#include "ceremony/crl.h"
#include "ceremony/request.h"
#include "ceremony/show.h"
#include "ev/clock.h"

MSG(msg_request, "cmd.revoke-request", "{0}: {1}");
MSG(msg_many, "cmd.revoke-many", "the media ask for more than {0} revocations");
MSG(msg_whose, "cmd.revoke-whose",
    "{0} is no issuer's certificate that a root here has signed: nothing is revoked");
MSG(msg_media_list, "cmd.crl-media",
    "{0} on the media: {1}. It is to be the list of that root that is served; if nobody can say "
    "what it is, remove it, and have the server write it anew");
MSG(msg_days, "cmd.crl-days", "--crl-days: a number of days, 1 to {0}");

enum { REQUESTS_MAX = 64 };

struct wish {
    char file[256];
    struct ceremony_revocation what;
    struct root_entry *root;
};

struct lists {
    struct root_session *s;
    struct wish wishes[REQUESTS_MAX];
    size_t n;
    unsigned days;
    when_t now;
};

/* One list. */
struct list {
    struct lists *all;
    struct root_entry *root;
    struct ceremony_crl crl;
    struct buf said;
    size_t fresh; /* revoked by it for the first time */
};

static void list_done(struct list *l)
{
    buf_done(&l->said);
}

static enum rc say(struct err *err, const struct msg *m, const char *file, enum rc rc,
                   const struct err *why)
{
    struct err e = *why;
    char text[512];

    e.rc = rc;
    if (rc == RC_NOMEM)
        return rc;
    return err_set(err, rc, m, (struct err_at){__FILE__, __LINE__},
                   (struct str[]){str_of(file), str_of(err_textz(&e, text, sizeof(text)))}, 2);
}

/* ---- what the media ask for */

static int is_revocation(const struct dirent *e)
{
    struct str name = str_of(e->d_name);

    return str_starts(name, STR("autarky-revoke-")) && str_ends(name, STR(".pem"));
}

static enum rc read_wish(struct lists *l, const char *file, struct err *err)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(CEREMONY_REQUEST_MAX);
    struct wish *w = &l->wishes[l->n];
    struct err why = ERR_INIT;
    enum rc rc;

    if (l->n == REQUESTS_MAX)
        return ERR(err, RC_TOOBIG, msg_many, STR("64"));
    rc = file_read(l->s->media, file, &text, &why);
    if (rc == RC_OK)
        rc = ceremony_revocation_parse(&l->s->arena, buf_str(&text), &w->what, &why);
    if (rc != RC_OK)
        return say(err, &msg_request, file, rc, &why);
    TRY(str_copyz(str_of(file), w->file, sizeof(w->file)));
    for (size_t i = 0; i < l->s->n && !w->root; i++)
        if (x509_cert_check_issuer(&w->what.cert, &l->s->roots[i].cert, NULL) == RC_OK)
            w->root = &l->s->roots[i];
    if (!w->root || x509_cert_self_issued(&w->what.cert))
        return ERR(err, RC_DENIED, msg_whose, str_of(file));
    l->n++;
    return RC_OK;
}

static enum rc read_wishes(struct lists *l, struct err *err)
{
    struct dirent **found = NULL;
    int n = scandirat(l->s->media, ".", &found, is_revocation, alphasort);
    enum rc rc = RC_OK;

    for (int i = 0; i < n; i++) {
        if (rc == RC_OK)
            rc = read_wish(l, found[i]->d_name, err);
        free(found[i]); /* checksrc: allow free: scandirat's own memory */
    }
    free(found); /* checksrc: allow free: scandirat's own memory */
    return rc;
}

/* ---- one list */

static enum rc merge_media(struct list *l, struct err *err)
{
    CLEANUP(buf_done) struct buf der = BUF_INIT(CEREMONY_CRL_FILE_MAX);
    struct err why = ERR_INIT;
    char name[128];
    enum rc rc;

    root_media_name(ROOT_MEDIA_CRL, l->root->ref, name);
    rc = file_read(l->all->s->media, name, &der, &why);
    if (rc == RC_NOTFOUND)
        return RC_OK;
    if (rc == RC_OK)
        rc = ceremony_crl_merge(&l->crl, buf_str(&der), &why);
    return rc == RC_OK ? rc : say(err, &msg_media_list, name, rc, &why);
}

static enum rc take(struct list *l, const struct wish *w, struct err *err)
{
    const struct x509_crl_entry entry = {
        .serial = w->what.cert.serial, .reason = (uint8_t)w->what.reason, .revoked = l->all->now};
    enum rc rc = ceremony_crl_revoke(&l->crl, &entry, err);

    if (rc == RC_EXISTS) {
        *err = ERR_INIT;
        return RC_OK;
    }
    TRY(rc);
    l->fresh++;
    buf_printf(&l->said, "  !! REVOKED FROM NOW ON, for good, with all that it has signed (%s):\n",
               w->file);
    TRY(ceremony_show(&w->what.cert, &l->said));
    buf_printf(&l->said, "  Reason        %s\n", x509_reason_text(w->what.reason));
    if (w->what.words.n)
        buf_printf(&l->said, "  Words         %.*s\n", STR_ARG(w->what.words));
    return buf_rc(&l->said);
}

static enum rc gather(struct list *l, struct err *err)
{
    ceremony_crl_init(&l->crl, str_of(l->root->ref), &l->root->cert);
    TRY(ceremony_crl_read(&l->crl, l->all->s->data, err));
    TRY(merge_media(l, err));
    for (size_t i = 0; i < l->all->n; i++)
        if (l->all->wishes[i].root == l->root)
            TRY(take(l, &l->all->wishes[i], err));
    return ceremony_crl_show(&l->crl, l->all->now, l->all->days, &l->said);
}

static enum rc transcribe(const struct list *l, const struct crypto_key *key, struct str der,
                          struct err *err)
{
    CLEANUP(ceremony_transcript_done) struct ceremony_transcript t = {};
    CLEANUP(buf_done) struct buf digest = BUF_INIT(256);
    struct root_session *s = l->all->s;

    TRY(root_transcript(s, &t, err));
    ceremony_transcript_put(&t, "custody", buf_str(&s->custody));
    ceremony_transcript_put(&t, "list of", str_of(l->root->ref));
    ceremony_transcript_put(&t, "shown and confirmed", buf_str(&l->said));
    TRY(ceremony_digest_put(der, &digest));
    ceremony_transcript_put(&t, "list SHA-256", buf_str(&digest));
    return ceremony_transcript_end(&t, s->data, str_of(l->root->ref), key, err);
}

/* First on paper and beside the key: what is out is not forgotten here. */
static enum rc sign(struct list *l, struct err *err)
{
    CLEANUP(buf_done) struct buf der = BUF_INIT(CEREMONY_CRL_FILE_MAX);
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    struct root_session *s = l->all->s;
    char name[128], question[256];

    printf("\nThe list of %s:\n%.*s", l->root->ref, STR_ARG(buf_str(&l->said)));
    fflush(stdout);
    if (l->fresh)
        snprintf(question, sizeof(question), "Revoke %zu by this list of %s, for good?", l->fresh,
                 l->root->ref);
    else
        snprintf(question, sizeof(question), "Sign this list of %s?", l->root->ref);
    TRY(root_confirm(s->args, question, err));
    TRY(root_key(s, l->root->ref, &key, err));
    TRY(ceremony_crl_sign(&l->crl, key, l->all->now, l->all->days, &der, err));
    TRY(transcribe(l, key, buf_str(&der), err));
    TRY(ceremony_crl_keep(s->data, str_of(l->root->ref), buf_str(&der), err));
    root_media_name(ROOT_MEDIA_CRL, l->root->ref, name);
    TRY(file_write(s->media, name, buf_str(&der), 0644, FILE_OWNER_SELF, err));
    printf("signed: %s\n", name);
    return RC_OK;
}

static enum rc handle(struct lists *all, struct root_entry *root, size_t *done, struct err *err)
{
    CLEANUP(list_done) struct list l = {.all = all, .root = root};
    bool asked = all->s->args->values[CMD_OPT_CRL] && root->cert.not_after > all->now;

    buf_init(&l.said, 256 * 1024);
    TRY(gather(&l, err));
    if (asked && !l.fresh && !root->has_signed && !root_key_is_here(all->s, root->ref)) {
        fprintf(stderr, "autarky: the key of %s is not here: no list of it is made\n", root->ref);
        return RC_OK;
    }
    if (!asked && !l.fresh && !root->has_signed)
        return RC_OK;
    TRY(sign(&l, err));
    ++*done;
    return RC_OK;
}

static enum rc days_of(const struct cmd_args *args, unsigned *out, struct err *err)
{
    const char *text = args->values[CMD_OPT_CRL_DAYS];
    uint64_t n = CEREMONY_CRL_DAYS;

    if (text && (str_u64(str_of(text), CEREMONY_CRL_DAYS_MAX, &n) != RC_OK || n == 0))
        return ERR(err, RC_INVAL, msg_days, STR("1098"));
    *out = (unsigned)n;
    return RC_OK;
}

enum rc root_lists(struct root_session *s, size_t *done, struct err *err)
{
    struct lists *all = ARENA_NEW(&s->arena, struct lists);

    if (!all)
        return RC_NOMEM;
    *all = (struct lists){.s = s, .now = clock_now(clock_system())};
    TRY(days_of(s->args, &all->days, err));
    TRY(read_wishes(all, err));
    for (size_t i = 0; i < s->n; i++)
        TRY(handle(all, &s->roots[i], done, err));
    return RC_OK;
}
