/* SPDX-License-Identifier: Apache-2.0 */
/* A client of TLCP for scenarios, which has one suite alone:
 *   tlcp_client PORT NAME SUITE
 * Asks the server at that port of this host for that name, and carries what comes from standard
 * input, a socket, to it and back. Says which suite it was. Whose certificates it is shown it does
 * not look at; where certificates are asked for, it shows none but in ECDHE. */
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "../fuzz/fuzz_tlcp_keys.h"
#include "crypto/crypto.h"
#include "crypto/pem.h"
#include "tlcp/conn.h"
#include "tlcp/identity.h"
#include "tls/tlcp_client.h"

enum { IDLE = 120'000 };

static void check(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "tlcp_client: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint16_t suite_of(const char *name)
{
    static const struct {
        const char *name;
        uint16_t code;
    } suites[] = {{"ECC_SM4_GCM_SM3", TLCP_ECC_SM4_GCM_SM3},
                  {"ECC_SM4_CBC_SM3", TLCP_ECC_SM4_CBC_SM3},
                  {"ECDHE_SM4_GCM_SM3", TLCP_ECDHE_SM4_GCM_SM3},
                  {"ECDHE_SM4_CBC_SM3", TLCP_ECDHE_SM4_CBC_SM3}};

    for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++)
        if (strcmp(suites[i].name, name) == 0)
            return suites[i].code;
    return 0;
}

static struct tlcp_identity *pair(void)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *sign = NULL, *encrypt = NULL;
    struct tlcp_identity_in in = {.sign_pem = str_of(tlcp_sign_cert),
                                  .encrypt_pem = str_of(tlcp_encrypt_cert)};
    struct tlcp_identity *out = NULL;

    check(crypto_pem_read(str_of(tlcp_sign_key), NULL, &sign, NULL) == RC_OK &&
              crypto_pem_read(str_of(tlcp_encrypt_key), NULL, &encrypt, NULL) == RC_OK,
          "the keys");
    in.sign_key = sign;
    in.encrypt_key = encrypt;
    check(tlcp_identity_new(&in, &out, NULL) == RC_OK, "the identity");
    return out;
}

static int dial(const char *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    check(fd >= 0 && connect(fd, (const struct sockaddr *)(const void *)&at, sizeof(at)) == 0,
          port);
    return fd;
}

int main(int argc, char **argv)
{
    CLEANUP(tlcp_conn_freep) struct tlcp_conn *c = NULL;
    struct tlcp_client_conf conf = {};
    struct tlcp_identity *identity;
    uint16_t suite;
    int fd;

    check(argc == 4 && crypto_init() == RC_OK, "usage: PORT NAME SUITE");
    signal(SIGPIPE, SIG_IGN);
    suite = suite_of(argv[3]);
    identity = pair();
    conf =
        (struct tlcp_client_conf){.server_name = str_of(argv[2]), .suites = &suite, .n_suites = 1};
    if (strncmp(argv[3], "ECDHE", 5) == 0)
        conf.identity = identity;
    check(suite && tlcp_client_new(&conf, &c) == RC_OK, argv[3]);
    fd = dial(argv[1]);
    check(tls_tlcp_connect(c, fd, NULL) == RC_OK, "the handshake");
    puts(tlcp_conn_suite(c));
    fflush(stdout);
    check(tls_tlcp_relay(c, fd, 0, IDLE) == RC_OK, "what was carried");
    tlcp_identity_unref(identity);
    crypto_done();
    return 0;
}
