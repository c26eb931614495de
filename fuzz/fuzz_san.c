/* SPDX-License-Identifier: Apache-2.0 */
/* Targets: base/name's mail addresses and URIs, x509_csr_from_file. A canonical address is its own
 * canonical form; a URI that is taken has a host that is a name or an address, and no user. */
#include "base/addr.h"
#include "base/name.h"
#include "x509/csr.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    char email[NAME_EMAIL_MAX + 1], again[NAME_EMAIL_MAX + 1], name[NAME_MAX_BYTES + 1];
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CSR_MAX);
    struct str s = str_bytes(data, n), host = name_uri_host(s);
    struct err err = ERR_INIT;
    struct addr ip;

    if (name_email_canonical(s, email) == RC_OK &&
        (name_email_canonical(str_of(email), again) != RC_OK || strcmp(email, again) != 0 ||
         name_canonical(name_email_domain(str_of(email)), false, name) != RC_OK))
        __builtin_trap();
    if ((name_uri_check(s) == RC_OK) != (host.n > 0))
        __builtin_trap();
    if (host.n && addr_parse(host, &ip) != RC_OK && name_canonical(host, false, name) != RC_OK)
        __builtin_trap();
    if (x509_csr_from_file(s, &der, &err) != RC_OK && !err.msg)
        __builtin_trap();
    return 0;
}
