/* SPDX-License-Identifier: Apache-2.0 */
/* Two roots that are known to a register, an issuer below the first, and the second certified by
 * the first; P-256 all of them, so that they are made quickly. The functions return codes and check
 * nothing, so that they work in the failing-allocation mode. */
#pragma once

#include "ca/register.h"
#include "ceremony/certify.h"
#include "crypto/crypto.h"

#define ROOTS_NOW (INT64_C(1'763'000'000) * WHEN_SECOND)

struct roots {
    struct arena a;
    struct conf conf;
    struct crypto_key *keys[3];
    struct x509_cert old, next, issuer, cross;
    struct store_issuer rows[3]; /* root-rsa, root-rsa-2, rsa-1 */
    struct store_cross crosses[1];
};

static void roots_done(struct roots *r)
{
    for (size_t i = 0; i < 3; i++)
        crypto_key_unref(r->keys[i]);
    arena_done(&r->a);
}

static enum rc roots_row(struct roots *r, size_t i, const struct ca_ref *ref,
                         const struct x509_cert *cert)
{
    return ca_register_row(&(struct ca_register_in){.ref = ref,
                                                    .cert = cert,
                                                    .parent = ref->root ? NULL : &r->rows[0],
                                                    .key_here = !ref->root,
                                                    .now = ROOTS_NOW + (when_t)i},
                           &r->a, &r->rows[i]);
}

static enum rc roots_root(struct roots *r, size_t i, struct x509_cert *out)
{
    struct ceremony_plan plan = {.ref = {STR("rsa"), (unsigned)i + 1, true, CA_INTRANET},
                                 .conf = &r->conf,
                                 .now = ROOTS_NOW};

    TRY(crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_P256, 0}, &r->keys[i]));
    TRY(ceremony_certify_root(&plan, r->keys[i], &r->a, out, NULL));
    return roots_row(r, i, &plan.ref, out);
}

static enum rc roots_below(struct roots *r)
{
    struct ceremony_plan plan = {
        .ref = {STR("rsa"), 1, false, CA_INTRANET}, .conf = &r->conf, .now = ROOTS_NOW};
    struct ceremony_signer by = {.ref = STR("root-rsa"), .cert = &r->old, .key = r->keys[0]};

    TRY(crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_P256, 0}, &r->keys[2]));
    TRY(ceremony_certify_issuer(&plan, crypto_key_spki(r->keys[2]), &by, &r->a, &r->issuer, NULL));
    TRY(roots_row(r, 2, &plan.ref, &r->issuer));
    TRY(ceremony_certify_cross(&plan, &r->next, &by, &r->a, &r->cross, NULL));
    r->crosses[0] = (struct store_cross){.name = STR("root-rsa-2-by-root-rsa"),
                                         .subject = r->rows[1].id,
                                         .signer = r->rows[0].id,
                                         .certificate = r->cross.der,
                                         .not_before = r->cross.not_before,
                                         .not_after = r->cross.not_after,
                                         .created = ROOTS_NOW};
    return id_new(&r->crosses[0].id);
}

/* With CLEANUP(roots_done). */
static enum rc roots_make(struct roots *r)
{
    *r = (struct roots){.conf = {.organization = STR("Example Hospital"),
                                 .domain = STR("hospital.example"),
                                 .ca = {.names = {.root = STR("{organization} Root {number}"),
                                                  .issuer = STR("{organization} CA {number}")},
                                        .rotation = {.lifetime = 1000 * WHEN_DAY}}}};
    arena_init(&r->a, 8 << 20);
    TRY(crypto_init());
    TRY(roots_root(r, 0, &r->old));
    TRY(roots_root(r, 1, &r->next));
    return roots_below(r);
}
