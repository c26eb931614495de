/* SPDX-License-Identifier: Apache-2.0 */
/* Keys for tests, made for nothing else with `openssl genpkey` (ML-DSA: the seed alone, RFC 9881
 * section 6); the weak ones with a few lines of Python. PEM, and SPKI in hexadecimal. */
#pragma once

#include "base/text.h"
#include "crypto/crypto.h"
#include "crypto/pem.h"

#define KEY_PASSPHRASE "correct-horse"

[[maybe_unused]] static const char key_rsa[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQDRJiC0L6snUXx4\n"
    "wkeg9hZ1z8GjoqYNpVV2PBa+L3l0FXKeHscr1qdtt00PN0TlOuBT3GahZsqs5Ipy\n"
    "8bM1qgoNSMt0jsPJQW2p1N/1BJ2nn01NjrOQFClaN8jYqp6LE6i6mxT7NpGszxiN\n"
    "h+Lt2uvZYHjb5gl9Jt486jOybmq+2gFrZxk+ZsXZaUsh/kfW+QgWjAalXzw8Hs7J\n"
    "6bBGVFSwGxM4c/kcwNB4iegjn3O0goozPHnYx9nuYJcVR87wvddHuFK+DtoPDwvy\n"
    "WJvRph8fT4/mf7KP4zBfxpOEQ7ZQiS8mhpRlkaXW2bUigInxCbglrh2SFioGN4Wr\n"
    "peULBx6xAgMBAAECggEAX7N2m3yEcIVU01zysbBpLpdWH645FV1l8aglL/lBNeDq\n"
    "hXfH40NhcU7CsAe2Or3qD/V18Ly8WMhqoZX/TrrzxohcsITzCZAqwd9qaw8lpKG8\n"
    "GZUGjRLsqR+Fg77utOzV9C0qOJkLp2tL7NcU+4mFCf6ezuA/z0iNwInaBfeIWLNL\n"
    "7JhEJZH6j/RBjz+L51mCK+7UgvvtAy0ZGPaPzSsm4jColftbLeQsmRM1kU8i7YLy\n"
    "VwNLbTEaaLwR1Wg0jORgm016YTtziJs/3Bsq9eFha141AAIWyWmLJEnRAbND3MdC\n"
    "q2es+3xSKMRw+e3CPaPHhuudCGJGamLRvO5RF6+tEQKBgQD9/w7EDRRj9iA0WOr7\n"
    "XQmNT+M6+WoyxuKugxtlviSC6Mt/FXxoxdRFmHUQHki8q5fhavnjufbtLEGvpguv\n"
    "5l6MKcUa5mCX76fqkJI74r1Zmb2CnFzqy9BqzpukcrO1Xas3F889K5b/GEXPJCcD\n"
    "AF21R6JvfUsfxOtCFtF1kA9NpwKBgQDSzIBYwy37BUWX1MdCuD3eO+CfQ9+XuNPw\n"
    "9yTQJsY8i3SAg4BHSdnpPzdyQiYE8+Z14vL4DL9x6nYX8d0kSi9fVbG+dgEx3kLC\n"
    "hu9kq7R/ndFs81eMN8KxO+T9YVyZYWiKzGq2KYsUPptT27xHXRJFf86o5BI/LWEx\n"
    "7fP4Uwsr5wKBgGS6L5rkLP/vbZoU4StKHC2kTtLmco0sfl0CtWzF2SjpNTpyxOGw\n"
    "ApyO922q9OGNky/cArmi2B/6exozWVMqorgnIHmofwoCCq9lIfkJ1FmiNJuFcvvS\n"
    "VBbnVKYEruvv96RjltYFYV5Mu/KHvcjc7kyj2fEo2RACQeH1tp9OwCLlAoGBAJ03\n"
    "JCoPN4XVwregXBRosMvEQJzH1ESl9nvq9yu/H24cXAFVEiEY9Uq+eS3gI9bhyOn3\n"
    "H1rctxPQ18639kSQh5BEq1HvVKjKqWPHm1err+zV2VG2k37iP3RLxVcsfBFw0rVi\n"
    "C9xcU3v/zXzXjy5yPaRT09+mae1wfOLuI1z7IoPVAoGBAK1M9IDDeIF2DlQ6AknG\n"
    "uoMZPXyq7ahVx2Y3rzAg6YOTbdLuhmXAFCtzjsCRmmCtHGE1hkirAC8mQaVZlq3L\n"
    "C/RaG+yHRs8l0aK5j2S2PDTlbtq77qzaYrC8/3WBTZgtQ2XeBs6FsWLml9qj6FxD\n"
    "x1kGmZ5QvP0s0Hpo1yY872fr\n"
    "-----END PRIVATE KEY-----\n";
[[maybe_unused]] static const char key_p256[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgXMHbhKfxxWkxF/xm\n"
    "5OqJ6/c4UCjlJVF/s79s/epqR0ehRANCAARalF95gqZ5+6hpF+xuTQ8gHquXkhTQ\n"
    "sKTxOqch9+Jw3DG32Xk4lYlcY/Fb5krhlrVJzOFnwrsXONzNh/YihA09\n"
    "-----END PRIVATE KEY-----\n";
[[maybe_unused]] static const char key_p384[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDAwf14oaJvk5T1O7jX3\n"
    "EIlbEzFWH3fmeUU5vESefimdNXnSaXL5jpAaoIPLhBjz12KhZANiAAQEmWJJPKIy\n"
    "MS+VmfehgWUKlBCbA8vA4J5dLBVQafkb268kv9PjdT5jAEoIXrJjjIVWbY+F48vT\n"
    "G0ulW0B8rKl5SLUydeUfWGSNXPF+zbmuHvxng1b46p898L4fRCGQ++c=\n"
    "-----END PRIVATE KEY-----\n";
[[maybe_unused]] static const char key_ed25519[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIIhLcJ56c2RO/y+B5INo2hU16nyV+9/aU/8mEEc/uG9C\n"
    "-----END PRIVATE KEY-----\n";
[[maybe_unused]] static const char key_sm2[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqBHM9VAYItBG0wawIBAQQg3THKOG72Pep1rfCS\n"
    "GeReESlGAb/FrMKia6hQe4u0bHuhRANCAAT5CrusV2To/Vzk7byIXmaR+ltsSajv\n"
    "hh5jmBrPP4mHi6VRUCnHmHgLqariBTRyJacyUSuhBGbDSkFBD08iUXpD\n"
    "-----END PRIVATE KEY-----\n";
[[maybe_unused]] static const char key_mldsa44[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MDQCAQAwCwYJYIZIAWUDBAMRBCKAIMWXGzIciERUp9FIQwhK6td/0v1pCgk/R10s\n"
    "81HUgrNA\n"
    "-----END PRIVATE KEY-----\n";
[[maybe_unused]] static const char key_mldsa65[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MDQCAQAwCwYJYIZIAWUDBAMSBCKAIMSJSrcAtHs8ElzXtCE0S//A7mVLjZFC40Eq\n"
    "bL4UTV6f\n"
    "-----END PRIVATE KEY-----\n";
[[maybe_unused]] static const char key_mldsa87[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MDQCAQAwCwYJYIZIAWUDBAMTBCKAIJp0T7BT0QcMm/6IbbHl81lnO1v3IsyzQwcr\n"
    "NtgHpQE2\n"
    "-----END PRIVATE KEY-----\n";

/* A key of this file; NULL when it cannot be read. */
[[maybe_unused]] static struct crypto_key *key_load(const char *pem)
{
    struct crypto_key *k = NULL;

    return crypto_init() == RC_OK && crypto_pem_read(str_of(pem), NULL, &k, NULL) == RC_OK ? k
                                                                                           : NULL;
}
