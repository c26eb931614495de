/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that must not be accepted, or only by some. */
#pragma once

[[maybe_unused]] static const char key_scrypt[] =
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
    "MIHkME8GCSqGSIb3DQEFDTBCMCEGCSsGAQQB2kcECzAUBAgpEgGnxlmvpAICQAAC\n"
    "AQgCAQEwHQYJYIZIAWUDBAEqBBA0sU73D7YdAWgdeWIfcF7qBIGQx7r0waBS02Wl\n"
    "tziJI9n/VnUQOtA2yK9zi8JSEwbv78HpxDxbslbkZqkPsjurtBWVrLspiH4G7Ohl\n"
    "sqQnlifsmjT4cHNWIK/NAPozrhf8KJd28VSbzKOdtyNp0Z1Xy0wVeClWlP8NBidz\n"
    "k/Wrrqr+0XTAC0rqhKnlYVlpuzRGRak70ppWPzbl6kPxUfC+QdPd\n"
    "-----END ENCRYPTED PRIVATE KEY-----\n";
[[maybe_unused]] static const char key_pbkdf2[] =
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
    "MIIBHDBXBgkqhkiG9w0BBQ0wSjApBgkqhkiG9w0BBQwwHAQIepmJCHWkllgCAggA\n"
    "MAwGCCqGSIb3DQIJBQAwHQYJYIZIAWUDBAEqBBCq3l0GeTG8xlIqNDknVSpqBIHA\n"
    "oAjQbnhtch1WTMh3uf/ti6uSq/IQO70+7qn72RlRl+pk0e0Pg06eN+RnRU5+WOi9\n"
    "5vJpW5Tilm2ujvI4FCy2mUJVZTAPgXf0miFLvhxin6A1BwsJHdbguuIp+MrIp8Pu\n"
    "89AK/h2q4HXNYJWv8sPn6nCPitpgqJ63nu6VOTs/ybfVY9X51u3UedjNrfmlFQ21\n"
    "uMhmigaKDLokNE1x0XWIIZll7oc6ZX6cW7E6SbzdXZuGKZT5zlSdm7Rr8GHNPzgq\n"
    "-----END ENCRYPTED PRIVATE KEY-----\n";
[[maybe_unused]] static const char key_rsa1024[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIICdQIBADANBgkqhkiG9w0BAQEFAASCAl8wggJbAgEAAoGBAOl1mCcEn+X/5fqB\n"
    "wQyK1TQsyFbcoxRXvoWyh7N7iehadjUP52H5bvQyM9DYs24ZSgJdu2xHy3yWm9Lr\n"
    "q0f0qf7/c+HVMEpX3r8XBWDigY6hbL+f8VpQUzFBUgjBhwtgvScrJ89HXBW3zk8u\n"
    "gqVKnRRRHP+EL4xFcd7jXZTH9EmhAgMBAAECgYAsZXeE3AVIaOykQe6jYvd+j5Gd\n"
    "qyG8KZ+Kr1PNFw43yJQ4LQkUganO+IkQC1W790Uyw/5zbgfNbpq9dqHA8k8tWQhK\n"
    "Fns/rmkF3kYPHY9MMsgPur54uQRq32+hNweQQGkHdW6Fofd370hR6XjHV4egKbQ8\n"
    "J/iu+zWAQOk8WD93QQJBAPm2Uzsz00jjXeg6P9XWAngyvLPXKX+fXjeJ108e2M8u\n"
    "1GvnUM1ZXkFrHbxM5Is/nbjzwMJtikS72wPsORtqtSkCQQDvVoBZ1JJNeR/rJ3O2\n"
    "qEQU7U0zqY5OktaNvw9GJWnir7RovAZtFp9qDsl5DnEQPCHBDLeDEhOrifdVn+C0\n"
    "8Ue5AkAphDayURt/ss2aHpUeaEZg1Y6qF8u+fDCd6zzw2qARUiffCMZWXdVd6wE2\n"
    "nVIiFKGUbnJN4QhsBQ+Ux2F3PXaBAkBWbkONrTFkXvCC6E1mUh+7+vJdTMcCYw6u\n"
    "Q6gNaedyIIejJvufG4NYNpzVZby44y5BXAlNgRKvaPRz7HemgFepAkBOQ1S2wnMq\n"
    "v71T8mBgWbS1Q8tSRui7svv5QpOCv/l5FuKDUjrDj07IL5Criwqeim4Jzfh4jRz/\n"
    "LiM+0N4tmwc6\n"
    "-----END PRIVATE KEY-----\n";
[[maybe_unused]] static const char key_p521[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIHuAgEAMBAGByqGSM49AgEGBSuBBAAjBIHWMIHTAgEBBEIAli4dZTiWCawMbIOR\n"
    "Ef/j8gTXcKcV5UBBksjLoQZBSLLU8NNYOwOe9PmDkym14CJYj4Ev39eFiwxg9xhm\n"
    "jTOmum6hgYkDgYYABAEkYVQ+LJVrTEbTepDe5iuMxr4J25KxuFwKXTJEgbd+4+YO\n"
    "376dqhB38k3lgkT7Ef+jrD98Qx8LXAM65a9bDEKk2gGO/ww++FIc3HHdOsnVHTwA\n"
    "oIOAnIFhiA0K66QWr3QrPcoppsREWLcVmeKslCK9Xxh6DbKr4oeQ/ofj1rqVbJCH\n"
    "yQ==\n"
    "-----END PRIVATE KEY-----\n";
[[maybe_unused]] static const char key_explicit[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIIBeQIBADCCAQMGByqGSM49AgEwgfcCAQEwLAYHKoZIzj0BAQIhAP////8AAAAB\n"
    "AAAAAAAAAAAAAAAA////////////////MFsEIP////8AAAABAAAAAAAAAAAAAAAA\n"
    "///////////////8BCBaxjXYqjqT57PrvVV2mIa8ZR0GsMxTsPY7zjw+J9JgSwMV\n"
    "AMSdNgiG5wSTamZ44ROdJreBn36QBEEEaxfR8uEsQkf4vOblY6RA8ncDfYEt6zOg\n"
    "9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9QIhAP////8A\n"
    "AAAA//////////+85vqtpxeehPO5ysL8YyVRAgEBBG0wawIBAQQgpbo6mFmh1ysH\n"
    "iI3Z4BE9wXyBSRuWZYnfFyzIRVKTSn6hRANCAARev1PCeZIZGhvtRqSvW5GGoBEG\n"
    "9WNam1hnGGWxGMVbW8YY7UE+z+M7r9KJ491DRC2210d7svglNIfDo/0n3Hjt\n"
    "-----END PRIVATE KEY-----\n";
[[maybe_unused]] static const char key_old[] =
    "-----BEGIN EC PRIVATE KEY-----\n"
    "MHcCAQEEIFzB24Sn8cVpMRf8ZuTqiev3OFAo5SVRf7O/bP3qakdHoAoGCCqGSM49\n"
    "AwEHoUQDQgAEWpRfeYKmefuoaRfsbk0PIB6rl5IU0LCk8TqnIfficNwxt9l5OJWJ\n"
    "XGPxW+ZK4Za1SczhZ8K7FzjczYf2IoQNPQ==\n"
    "-----END EC PRIVATE KEY-----\n";
[[maybe_unused]] static const char spki_p256[] =
    "3059301306072a8648ce3d020106082a8648ce3d030107034200045a945f7982a679fba86917ec6e"
    "4d0f201eab979214d0b0a4f13aa721f7e270dc31b7d9793895895c63f15be64ae196b549cce167c2"
    "bb1738dccd87f622840d3d";
[[maybe_unused]] static const char spki_compressed[] =
    "3039301306072a8648ce3d020106082a8648ce3d030107032200035a945f7982a679fba86917ec6e"
    "4d0f201eab979214d0b0a4f13aa721f7e270dc";
[[maybe_unused]] static const char spki_explicit[] =
    "3082014b3082010306072a8648ce3d02013081f7020101302c06072a8648ce3d0101022100ffffff"
    "ff00000001000000000000000000000000ffffffffffffffffffffffff305b0420ffffffff000000"
    "01000000000000000000000000fffffffffffffffffffffffc04205ac635d8aa3a93e7b3ebbd5576"
    "9886bc651d06b0cc53b0f63bce3c3e27d2604b031500c49d360886e704936a6678e1139d26b7819f"
    "7e900441046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342"
    "e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5022100ffffffff00000000"
    "ffffffffffffffffbce6faada7179e84f3b9cac2fc632551020101034200045ebf53c27992191a1b"
    "ed46a4af5b9186a01106f5635a9b58671865b118c55b5bc618ed413ecfe33bafd289e3dd43442db6"
    "d7477bb2f8253487c3a3fd27dc78ed";
[[maybe_unused]] static const char spki_p521[] =
    "30819b301006072a8648ce3d020106052b810400230381860004012461543e2c956b4c46d37a90de"
    "e62b8cc6be09db92b1b85c0a5d324481b77ee3e60edfbe9daa1077f24de58244fb11ffa3ac3f7c43"
    "1f0b5c033ae5af5b0c42a4da018eff0c3ef8521cdc71dd3ac9d51d3c00a083809c8161880d0aeba4"
    "16af742b3dca29a6c44458b71599e2ac9422bd5f187a0db2abe28790fe87e3d6ba956c9087c9";
[[maybe_unused]] static const char spki_rsa1024[] =
    "30819f300d06092a864886f70d010101050003818d0030818902818100e9759827049fe5ffe5fa81"
    "c10c8ad5342cc856dca31457be85b287b37b89e85a76350fe761f96ef43233d0d8b36e194a025dbb"
    "6c47cb7c969bd2ebab47f4a9feff73e1d5304a57debf170560e2818ea16cbf9ff15a505331415208"
    "c1870b60bd272b27cf475c15b7ce4f2e82a54a9d14511cff842f8c4571dee35d94c7f449a1020301"
    "0001";
[[maybe_unused]] static const char spki_roca[] =
    "30820122300d06092a864886f70d01010105000382010f003082010a0282010100fcf8e8d9252006"
    "4f87f57629c0f98868077a554d7d03ddb9674fa067495448ce797ebeea1a80e4171a5b41a042a449"
    "acf2fe0eb6099e1a92d0678390425f7cd5c155bcf0a31c56cb681271d312dfb0ae126417d41cd967"
    "a088b039f4638009aa6a8676b309113be9c6d6f20675623e6bbc70731838463ca38ed539e88e88c4"
    "c372a4227ae1df087f05c50c475da03ed073199693a671ffcf8ca87cf7c8932f0349f536f10ec8f1"
    "0bfa25b7bdcd9bc9c96ca286fa4f3cd360946f1d3168dcdaae97d3b0a46aa88ad329d0d1f0e9f0c8"
    "6628eaefff8fc5c23d964d1e83cc91eef3888d517c1b655b61e6f0a310462c0db5ba5e5bbe7c348f"
    "41a84c18f98b0a1d8f0203010001";
[[maybe_unused]] static const char spki_close[] =
    "30820122300d06092a864886f70d01010105000382010f003082010a0282010100afc985d249159a"
    "3a265d81a7505f6d3bfd96c8bdba13c06e98a4031e0758fdc14eac33449b66d26a0b4add70c14106"
    "21a968389fd45a891235322f056165f406fad24eb84320ab912c14efcea48b5e8709f9c0d2f6ff0b"
    "a735336c18ccf2e0818e2bbc9d9d5deec824cb7f6c3302d865cab8cf610431a47aef823eea4abcc5"
    "30d7719fcd6ab7afe0872723a1692ae7cd633d83e87f1e19b72364da4b0ae0e955349d34275f2572"
    "eee54382f893999f5ab29a9e42e3bcc8ad527c7b9f8f1b972b7a1ccd9f24a34b89c4422267fda817"
    "8e96e9939976a9f4e0ccb405aa4f3998fd667b1f67aaa59cf009f63622e3f66bf361631c9bc0d8c3"
    "f0dd88999b01488fbd0203010001";
[[maybe_unused]] static const char spki_small[] =
    "30820122300d06092a864886f70d01010105000382010f003082010a02820101012c222196cbb474"
    "d4e194c28f841aeeac0d992ab5f3167179480bce440ab588f71f2da9d6a93b70d5cf182cccb33b67"
    "da0d5a379944493249ecba1da71c019a962d8bef4ed95225984b0bcc3da16437f147f2f69dc22aed"
    "7efde524bdb3bcb58d64253d778a2a2f89f65c293591370f08ce98bda9e40cff71568f997e7fba1d"
    "761f47a5ff6ba73150d22afb2d6c4eccaa9bc347ee2f255ed2a493581dc4fed4db018643e09ef222"
    "132d95b623854acaaa5b90ff5c8f48798dc5b6ebfb4c72c6cdae42a0c9e4d0e5e421fa862f4fc693"
    "4d851f4b1766561456c4ea56702217c680b931743cc585d97b8ae3c1377686db4578bc6b342afef7"
    "fe3dc5f35d09a400750203010001";
/* Made by Debian's faulty generator (CVE-2008-0166), published by those who look for such keys. */
[[maybe_unused]] static const char spki_debian[] =
    "30820122300d06092a864886f70d01010105000382010f003082010a0282010100c096530c4c4a34"
    "3fc388ff8b6e14c88b617485966dd0f757f3decb2f03dfdfe6f518e0948f5387059bd5aa124f26d3"
    "8f139dd6ebc234360561689758e9b14e03f714508167374cbf64e24e26c3cd95ed5a5d04e3c404be"
    "157bb8090e9ada9cdc53ef7e806c1e77b5f10242150a24e9adf991088daf20a75beb54bc91fe43dd"
    "8755447fd3abdefb9f1c987a8b0419824504e213f8dd26a9c6b7ed2f2103d8422720f7a7400ce347"
    "43e4ce40440c69013efea2a39790fcdfccbb424da1d824adfe58071ed76d41af836e4093ea60f571"
    "9e250fa214f8631153a81eefc17d82e3f819da57691ed9602550074fdea73ac9e5cfe10f6b91adc3"
    "1b402c3e370b03a5590203010001";

/* The scalar of one P-256 key with the point of another, the inside of a PEM block. */
#define MISMATCHED                                                                                 \
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgXMHbhKfxxWkxF/xm\n"                           \
    "5OqJ6/c4UCjlJVF/s79s/epqR0ehRANCAASVYL6jElR3XSGl4Flrz+D+qTq4ZWTc\n"                           \
    "HFwAYSQ/+kEiM5XG0dfu6PyB4l+S0/5zsWCFeQ3YfMuFTnpDtpq1fzPq\n"
