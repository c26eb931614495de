/* SPDX-License-Identifier: Apache-2.0 */
/* Two SM2 certificates for tlcp.test that signed themselves, and their keys; made for nothing but
 * tests, with `openssl genpkey` and `openssl req`. */
#pragma once

static const char tlcp_sign_cert[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBczCCARmgAwIBAgIUV1yS5/ONgx7vjSc30Ak40mjXB/YwCgYIKoEcz1UBg3Uw\n"
    "FDESMBAGA1UEAwwJdGxjcC50ZXN0MCAXDTI2MTEyODA5MDUxNVoYDzIxMjYxMTA0\n"
    "MDkwNTE1WjAUMRIwEAYDVQQDDAl0bGNwLnRlc3QwWTATBgcqhkjOPQIBBggqgRzP\n"
    "VQGCLQNCAAQOGoydhtlAIuUOmfJxnP+XnzT7BzFos4Wn5IbasiHmuv80nqPdSTVs\n"
    "aM3hggaF2ykX2JDfog/bH2tNseXyYBFko0cwRTAOBgNVHQ8BAf8EBAMCBsAwFAYD\n"
    "VR0RBA0wC4IJdGxjcC50ZXN0MB0GA1UdDgQWBBRdOI/VyI3+xMGRG9pdSr8ZTgGZ\n"
    "2TAKBggqgRzPVQGDdQNIADBFAiBD/buESxnftTEB9zaKGlP77iPsaWy1y8QJsNpn\n"
    "7V3XqQIhAJz2qXrE82fHSna+J5z7sBinIvvQWmscfytoBzdmGuga\n"
    "-----END CERTIFICATE-----\n";

static const char tlcp_sign_key[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqBHM9VAYItBG0wawIBAQQg3HhDz8DxGDTrgnEx\n"
    "8T9VxGfmAf5F/6fdJFUWWcoDckChRANCAAQOGoydhtlAIuUOmfJxnP+XnzT7BzFo\n"
    "s4Wn5IbasiHmuv80nqPdSTVsaM3hggaF2ykX2JDfog/bH2tNseXyYBFk\n"
    "-----END PRIVATE KEY-----\n";

static const char tlcp_encrypt_cert[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBczCCARmgAwIBAgIUByFblFCVUAodzSQ5VyPsPX4eNxgwCgYIKoEcz1UBg3Uw\n"
    "FDESMBAGA1UEAwwJdGxjcC50ZXN0MCAXDTI2MTEyODA5MDUxNVoYDzIxMjYxMTA0\n"
    "MDkwNTE1WjAUMRIwEAYDVQQDDAl0bGNwLnRlc3QwWTATBgcqhkjOPQIBBggqgRzP\n"
    "VQGCLQNCAAS00hgKm5bThI1NHKLuA+GRlDhbZKviJjFB4bvRF7e2P4/FHzi7jv9B\n"
    "vs9EdNLbp2dT13ByTOY2HilsgnYGbEufo0cwRTAOBgNVHQ8BAf8EBAMCAzgwFAYD\n"
    "VR0RBA0wC4IJdGxjcC50ZXN0MB0GA1UdDgQWBBT+aYVQW4pFIj0dYSsj465BVnU7\n"
    "/DAKBggqgRzPVQGDdQNIADBFAiEA1CrNWvx1wmGiHAsa9D2Nkq2xGgqiztJFniSl\n"
    "pmlRjYsCIBXmp4fPcUjRk3DIyDpVRqP573mMKtvgfObVogh0UQWm\n"
    "-----END CERTIFICATE-----\n";

static const char tlcp_encrypt_key[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqBHM9VAYItBG0wawIBAQQgXEcU0GFjwhLPZNhA\n"
    "LoO9cCF73yGWC5zFZkYBvOyA5RGhRANCAAS00hgKm5bThI1NHKLuA+GRlDhbZKvi\n"
    "JjFB4bvRF7e2P4/FHzi7jv9Bvs9EdNLbp2dT13ByTOY2HilsgnYGbEuf\n"
    "-----END PRIVATE KEY-----\n";
