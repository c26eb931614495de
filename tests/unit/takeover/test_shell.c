/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "takeover/ini.h"
#include "takeover/shell.h"

static enum rc read(struct arena *a, const char *text, struct takeover_vars *v)
{
    *v = (struct takeover_vars){.arena = a};
    TRY(takeover_shell_set(v, STR("BASEDIR"), STR("/etc/dehydrated")));
    return takeover_shell_read(v, str_of(text));
}

/* What one assignment gives; NULL: only a shell knows. */
static void values(void)
{
    static const struct {
        const char *text, *value;
    } cases[] = {
        {"X=abc", "abc"},
        {"X='a b'", "a b"},
        {"X=\"a b\"", "a b"},
        {"export X=abc", "abc"},
        {"  X=abc   # comment", "abc"},
        {"X=", ""},
        {"X=''", ""},
        {"X=a'b'\"c\"d", "abcd"},
        {"X=a#b", "a#b"},
        {"X='$BASEDIR `id` \\'", "$BASEDIR `id` \\"},
        {"X=\"${BASEDIR}/certs\"", "/etc/dehydrated/certs"},
        {"X=$BASEDIR/certs", "/etc/dehydrated/certs"},
        {"Y=1\nX=$Y$Y", "11"},
        {"X=1\nX=2", "2"},
        {"X=1; Y=2", "1"},
        {"Y=2; X=1", "1"},
        {"X=\"a\\\"b\\\\c\\$d\\`e\\f\"", "a\"b\\c$d`e\\f"},
        {"X=a\\ b", "a b"},
        {"X=\"two\nlines\"", "two\nlines"},
        {"X=a\\\nb", "ab"},
        {"X=abc\r", "abc"},
        {"true\nX=1", "1"},
        {"if a; then\n Y=1\nfi\nX=1", "1"},
        {"f() {\n Y=1\n}\nX=1", "1"},
        {"X=$(id)", NULL},
        {"X=`id`", NULL},
        {"X=\"$(echo \"a\")\"", NULL},
        {"X=$Y", NULL},
        {"X=${BASEDIR:-/x}", NULL},
        {"X=${BASEDIR%/}", NULL},
        {"X=$1", NULL},
        {"X=$((1 + 1))", NULL},
        {"X=(a b)", NULL},
        {"X=~/x", NULL},
        {"X='open", NULL},
        {"X=\"open", NULL},
        {"X=1\nX=$(id)", NULL},
        {"if a; then\nX=1\nfi", NULL},
        {"f() {\nX=1\n}", NULL},
        {"for a in b; do\nX=1\ndone", NULL},
        {"case a in\n b)\nX=1\n;;\nesac", NULL},
        {"while a; do\nX=1\ndone", NULL},
        {"cat <<E\nX=1\nE\nX=2", NULL},
        {"Y=`id\nX=1", NULL},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
        const struct takeover_var *var;
        struct takeover_vars v;

        CHECK_OK(read(&a, cases[i].text, &v));
        var = takeover_shell_find(&v, STR("X"));
        if (!cases[i].value) {
            if (var && var->known)
                fail_msg("%s: known", cases[i].text);
            CHECK_INT(takeover_shell_value(&v, "X").n, 0);
            continue;
        }
        if (!var || !var->known)
            fail_msg("%s: not known", cases[i].text);
        CHECK_STR(takeover_shell_value(&v, "X"), cases[i].value);
    }
}

/* For one command alone, and what is none at all. */
static void odd_lines(void)
{
    static const char text[] = "A=1 command\n# c\nX+=1\necho hello \\\n  world\n1X=2\nB=3\n";
    static const struct {
        const char *text;
        unsigned line;
    } odd[] = {{"A=1 command", 1}, {"X+=1", 3}, {"echo hello \\\n  world", 4}, {"1X=2", 6}};
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    struct takeover_vars v;
    size_t n = 0;

    CHECK_OK(read(&a, text, &v));
    for (size_t i = 0; i < v.n; i++) {
        if (v.list[i].name.n)
            continue;
        CHECK(n < sizeof(odd) / sizeof(odd[0]));
        /* cppcheck-suppress arrayIndexOutOfBoundsCond ; CHECK returns */
        CHECK_STR(v.list[i].value, odd[n].text);
        CHECK_INT(v.list[i].line, odd[n].line);
        n++;
    }
    CHECK_INT(n, 4);
    CHECK(!takeover_shell_find(&v, STR("A")) && !takeover_shell_find(&v, STR("X")));
    CHECK_STR(takeover_shell_value(&v, "B"), "3");
}

static void limits(void)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(16 << 20);
    CLEANUP(buf_done) struct buf b = BUF_INIT(1 << 20);
    struct takeover_vars v = {.arena = &a};

    CHECK_RC(takeover_shell_read(&v, str_bytes("A=1\0B=2", 7)), RC_PARSE);
    for (int i = 0; i <= TAKEOVER_VARS_MAX; i++)
        buf_putz(&b, "A=1\n");
    CHECK_OK(buf_rc(&b));
    CHECK_RC(takeover_shell_read(&v, buf_str(&b)), RC_TOOBIG);
    CHECK_RC(takeover_shell_read(&v, str_bytes(b.p, TAKEOVER_SHELL_MAX + 1)), RC_TOOBIG);
}

static void quotes(void)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(100);

    takeover_shell_quote(&b, STR("it's $x"));
    CHECK_OK(buf_rc(&b));
    CHECK_STR(buf_str(&b), "'it'\\''s $x'");
}

static const char conf[] = "# renew_before_expiry = 30 days\nversion = 2.1.0\n"
                           "archive_dir = /a/b\n\n[renewalparams]\naccount = 12ab\n"
                           "renew_hook = \"echo 'a # b', c\" # comment\n"
                           "pref_challs = dns-01, \"http-01\",\n[[webroot_map]]\nwiki.example = "
                           "/var/www\nthis is nothing\nserver=x\nserver = y = z # w\n";

static void sections(void)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    struct takeover_ini ini;
    struct str rest, each;

    CHECK_OK(takeover_ini_read(&a, str_of(conf), &ini));
    CHECK_INT(ini.n, 8);
    CHECK_STR(takeover_ini_get(&ini, "", "archive_dir"), "/a/b");
    CHECK_STR(takeover_ini_get(&ini, "renewalparams", "account"), "12ab");
    CHECK_STR(takeover_ini_get(&ini, "renewalparams", "renew_hook"), "echo 'a # b', c");
    CHECK_STR(takeover_ini_get(&ini, "webroot_map", "wiki.example"), "/var/www");
    CHECK_STR(takeover_ini_get(&ini, "webroot_map", "server"), "y = z");
    CHECK_STR(takeover_ini_get(&ini, "renewalparams", "server"), "");
    rest = takeover_ini_get(&ini, "renewalparams", "pref_challs");
    CHECK(takeover_ini_next(&rest, &each));
    CHECK_STR(each, "dns-01");
    CHECK(takeover_ini_next(&rest, &each));
    CHECK_STR(each, "http-01");
    CHECK(!takeover_ini_next(&rest, &each));
    CHECK_RC(takeover_ini_read(&a, str_bytes("a = \0", 5), &ini), RC_PARSE);
}

/* As certbot writes what holds quotation marks of both kinds. */
static void triple_quotes(void)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    struct takeover_ini ini;

    CHECK_OK(takeover_ini_read(
        &a, STR("a = \'\'\'x \"y\" 'z'\'\'\' # c\nb = \"\"\"two\n[lines]\"\"\"\nc = 1\n"), &ini));
    CHECK_INT(ini.n, 3);
    CHECK_STR(takeover_ini_get(&ini, "", "a"), "x \"y\" 'z'");
    CHECK_STR(takeover_ini_get(&ini, "", "b"), "two\n[lines]");
    CHECK_STR(takeover_ini_get(&ini, "", "c"), "1");
    CHECK_RC(takeover_ini_read(&a, STR("a = \'\'\'x\nb = 1\n"), &ini), RC_PARSE);
    CHECK_RC(takeover_ini_read(&a, STR("a = \'\'\'"), &ini), RC_PARSE);
}

CHECK_MAIN(CHECK_TEST(values), CHECK_TEST(odd_lines), CHECK_TEST(limits), CHECK_TEST(quotes),
           CHECK_TEST(sections), CHECK_TEST(triple_quotes))
