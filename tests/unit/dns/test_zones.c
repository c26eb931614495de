/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "dns/zones.h"

static const struct addr_port servers[] = {{{4, {10, 0, 0, 1}}, 53}, {{4, {10, 0, 0, 2}}, 5353}};

static void longest_zone(void)
{
    const struct dns_zone zones[] = {
        {STR("."), servers, 1, false},
        {STR("hospital.example"), servers, 2, false},
        {STR("dmz.hospital.example"), servers, 2, true},
        {STR("empty.hospital.example"), servers, 0, true},
        {STR("silent.hospital.example"), servers, 0, false},
    };
    CLEANUP(dns_zones_unrefp) struct dns_zones *z = NULL;

    CHECK_OK(dns_zones_new(zones, 5, &z));
    CHECK_STR(dns_zones_find(z, STR("example"))->name, ".");
    CHECK_STR(dns_zones_find(z, STR("nothospital.example"))->name, ".");
    CHECK_STR(dns_zones_find(z, STR("hospital.example"))->name, "hospital.example");
    CHECK_STR(dns_zones_find(z, STR("a.b.dmz.hospital.example"))->name, "dmz.hospital.example");
    CHECK(dns_zones_find(z, STR("dmz.hospital.example"))->authoritative);
    CHECK_STR(dns_zones_find(z, STR("x.empty.hospital.example"))->name, "empty.hospital.example");
    CHECK_STR(dns_zones_find(z, STR("x.silent.hospital.example"))->name, "hospital.example");
    CHECK_STR(dns_zones_find_recursive(z, STR("x.empty.hospital.example"))->name,
              "hospital.example");
    CHECK_STR(dns_zones_find_recursive(z, STR("a.dmz.hospital.example"))->name, "hospital.example");
    CHECK_INT(dns_zones_find(z, STR("hospital.example"))->n_servers, 2);
    CHECK_INT(dns_zones_find(z, STR("hospital.example"))->servers[1].port, 5353);
}

static void no_zone(void)
{
    const struct dns_zone zones[] = {{STR("lan"), servers, 1, false}};
    CLEANUP(dns_zones_unrefp) struct dns_zones *z = NULL;

    CHECK_OK(dns_zones_new(zones, 1, &z));
    CHECK(!dns_zones_find(z, STR("plan")));
    CHECK(dns_zones_find(z, STR("lan")) && dns_zones_find(z, STR("a.lan")));
}

static void too_many_servers(void)
{
    struct addr_port many[DNS_SERVERS_MAX + 5] = {};
    const struct dns_zone zone = {STR("."), many, DNS_SERVERS_MAX + 5, false};
    CLEANUP(dns_zones_unrefp) struct dns_zones *z = NULL;

    CHECK_OK(dns_zones_new(&zone, 1, &z));
    CHECK_INT(dns_zones_find(z, STR("a"))->n_servers, DNS_SERVERS_MAX);
}

static void resolv_conf(void)
{
    struct addr_port out[DNS_RESOLV_CONF_MAX];
    char text[ADDR_TEXT];

    CHECK_INT(dns_resolv_conf(STR("# made by dhcp\n; old\nsearch hospital.example\n"
                                  "nameserver 10.0.0.53\r\n"
                                  "\tnameserver\t2001:db8::53 # second\n"
                                  "nameserver fe80::1%eth0\nnameservers 10.0.0.9\nnameserver\n"
                                  "nameserver 127.0.0.53"),
                              out),
              3);
    CHECK(strcmp(addr_port_text(&out[0], text), "10.0.0.53:53") == 0);
    CHECK(strcmp(addr_port_text(&out[1], text), "[2001:db8::53]:53") == 0);
    CHECK(strcmp(addr_port_text(&out[2], text), "127.0.0.53:53") == 0);
    CHECK_INT(dns_resolv_conf(STR("nameserver 10.0.0.1\nnameserver 10.0.0.2\n"
                                  "nameserver 10.0.0.3\nnameserver 10.0.0.4\n"),
                              out),
              3);
    CHECK_INT(dns_resolv_conf(STR(""), out), 0);
    CHECK_INT(dns_resolv_conf(STR("nameserver ns.hospital.example\n"), out), 0);
}

CHECK_MAIN(CHECK_TEST(longest_zone), CHECK_TEST(no_zone), CHECK_TEST(too_many_servers),
           CHECK_TEST(resolv_conf))
