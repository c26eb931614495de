/* SPDX-License-Identifier: Apache-2.0 */
/* A prober for a part of the network that the CA cannot reach, on a host inside of it. */
#include <fcntl.h>

#include "base/addr.h"
#include "base/file.h"
#include "base/name.h"
#include "cmd/cmd.h"
#include "crypto/crypto.h"
#include "crypto/pem.h"
#include "remote/remote.h"
#include "tls/site.h"

enum { FILE_MAX = 256 * 1024, HOST_MAX = NAME_MAX_BYTES + 1, PORT_DEFAULT = 8555 };

static int incomplete(const struct cmd_args *args)
{
    static const enum cmd_option needed[] = {CMD_OPT_SERVER, CMD_OPT_CERT, CMD_OPT_KEY_PEM,
                                             CMD_OPT_ROOT};

    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
        if (!args->values[needed[i]])
            return cmd_usagef("%s is missing: autarky prober --server HOST:PORT --cert FILE --key "
                              "FILE --root FILE",
                              cmd_option_rows()[needed[i]].name);
    return CMD_DONE;
}

/* "ca.example:8555", "ca.example", "10.0.0.1:8555", "[2001:db8::1]:8555". */
static bool read_server(const char *text, char host[static HOST_MAX + ADDR_TEXT], uint16_t *port)
{
    struct str s = str_of(text), name, number;
    struct addr_port at;
    uint64_t n = PORT_DEFAULT;

    if (addr_port_parse(s, &at) == RC_OK) {
        addr_text(&at.addr, host);
        *port = at.port;
        return at.port > 0;
    }
    if (addr_parse(s, &at.addr) == RC_OK) {
        addr_text(&at.addr, host);
        *port = PORT_DEFAULT;
        return true;
    }
    if (str_cut(s, ':', &name, &number) && (str_u64(number, UINT16_MAX, &n) != RC_OK || n == 0))
        return false;
    *port = (uint16_t)n;
    return name_canonical(name, false, host) == RC_OK;
}

static enum rc read_identity(const struct cmd_args *args, struct tls_identity **out,
                             struct err *err)
{
    CLEANUP(buf_done) struct buf chain = BUF_INIT(FILE_MAX);
    CLEANUP(secret_freep) struct secret *pem = NULL;
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;

    TRY(file_read(AT_FDCWD, args->values[CMD_OPT_CERT], &chain, err));
    TRY(file_read_secret(AT_FDCWD, args->values[CMD_OPT_KEY_PEM], CRYPTO_PEM_MAX, &pem, err));
    TRY(crypto_pem_read(str_bytes(secret_bytes(pem), secret_len(pem)), NULL, &key, err));
    return tls_identity_new(buf_str(&chain), key, out, err);
}

static enum rc run(const struct cmd_args *args, struct remote_options *options, struct err *err)
{
    CLEANUP(buf_done) struct buf roots = BUF_INIT(FILE_MAX);
    CLEANUP(tls_identity_unrefp) struct tls_identity *identity = NULL;

    TRY(crypto_init());
    TRY(file_read(AT_FDCWD, args->values[CMD_OPT_ROOT], &roots, err));
    TRY(read_identity(args, &identity, err));
    options->roots = buf_str(&roots);
    options->identity = identity;
    return remote_run(options, err);
}

int cmd_prober(const struct cmd_args *args)
{
    char host[HOST_MAX + ADDR_TEXT];
    struct remote_options options = {};
    struct err err = ERR_INIT;
    int status = incomplete(args);

    if (status != CMD_DONE)
        return status;
    if (!read_server(args->values[CMD_OPT_SERVER], host, &options.port))
        return cmd_usagef("--server takes a name or an address and a port, as in ca.example:8555");
    options.host = str_of(host);
    err.rc = run(args, &options, &err);
    crypto_done();
    return err.rc == RC_OK ? CMD_DONE : cmd_fail(&err);
}
