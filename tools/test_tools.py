#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Tests of the checks: each rule is broken once, and its neighbours that are right stay silent."""
import json
import os
import subprocess
import sys
import tempfile
import textwrap
import unittest

import analyse
import budgets
import checksrc
import csource
import layers

HERE = os.path.dirname(os.path.abspath(__file__))
SPDX = '/* SPDX-License-Identifier: Apache-2.0 */\n'


def source(path, text):
    return csource.Source(path, textwrap.dedent(text).removeprefix('\n'))


def function(text):
    found = source('src/base/x.c', text).functions()
    assert len(found) == 1, [f.name for f in found]
    return found[0]


class Lexer(unittest.TestCase):
    def test_comments_and_literals_are_blanked_in_place(self):
        s = source('x.c', 'a("{ /* no */", \'}\'); /* { */ b; // }\nc;\n')
        self.assertEqual(len(s.code), len(s.text))
        self.assertNotIn('{', s.code)
        self.assertNotIn('}', s.code)
        self.assertEqual(s.code.count('\n'), 2)
        self.assertEqual([c for _, c in s.comments], ['/* { */', '// }'])

    def test_escapes(self):
        self.assertEqual(source('x.c', r'a = "\"{"; b = ' + "'\\''; c = '{';\n").code.count('{'), 0)

    def test_digit_separator_opens_no_literal(self):
        s = source('x.c', "a = 1'000; b = '{'; c = 0xff'ff; d = '}';\n")
        self.assertNotIn('{', s.code)
        self.assertEqual(s.code.count(';'), 4)

    def test_includes(self):
        s = source('x.c', '#include "a/b.h"\n# include <c.h>\n/* #include "no.h" */\n')
        self.assertEqual(s.includes, [(1, 'a/b.h', False), (2, 'c.h', True)])


class Functions(unittest.TestCase):
    def names(self, text):
        return [f.name for f in source('src/base/x.c', text).functions()]

    def test_types_and_initialisers_are_none(self):
        self.assertEqual(
            self.names(
                '''
            enum [[nodiscard]] rc { RC_OK, RC_NOMEM };
            struct __attribute__((packed)) x { int (*f)(int a); char b[2]; };
            static const struct x table[] = { { .f = call(1) }, { .b = { 1, 2 } } };
            static_assert(sizeof(struct x) == 10);
            int declared(int a);
            '''
            ),
            [],
        )

    def test_kinds_of_heads(self):
        self.assertEqual(
            self.names(
                '''
            DEFINE_FREEP(struct x, x_free)

            [[nodiscard]] static inline enum rc one(struct x *x)
            {
                return RC_OK;
            }
            struct x *two(void) { return &(struct x){ .a = { 1 } }; }
            __attribute__((format(printf, 1, 2))) void three(const char *f, ...) {}
            void (*four(int a, int b))(int c) { return NULL; }
            '''
            ),
            ['one', 'two', 'three', 'four'],
        )

    def test_params(self):
        for text, count in (
            ('void', 0),
            ('', 0),
            ('int a', 1),
            ('int a, const char *f, ...', 2),
            ('void (*f)(int a, int b), char k[static 32]', 2),
        ):
            self.assertEqual(function(f'void f({text}) {{}}').params, count, text)

    def test_length_counts_from_the_name(self):
        self.assertEqual(function('static void\nf(int a,\n  int b)\n{\n    g();\n}\n').length, 5)

    def test_nesting(self):
        self.assertEqual(
            function(
                '''
            void f(void)
            {
                struct x x = { .a = { { 1 }, { 2 } } };
                for (;;) {
                    if (a) {
                        g((struct x){ .b = { 1 } });
                    } else if (b) {
                        while (c)
                            g();
                    } else {
                        g();
                    }
                }
            }
            '''
            ).nesting,
            2,
        )

    def test_nesting_without_braces(self):
        self.assertEqual(
            function('void f(void) { for (;;) for (;;) if (a) if (b) g(); }').nesting, 3
        )

    def test_nesting_in_macros(self):
        self.assertEqual(
            function(
                '''
            void f(void)
            {
                LIST_FOREACH(x, &list) {
                    WITH_LOCK(l) {
                        if (x)
                            TRY(g(({ if (a) { b(); } 1; })));
                    }
                }
            }
            '''
            ).nesting,
            4,
        )

    def test_cyclomatic(self):
        self.assertEqual(
            function('void f(void) { CLEANUP(g) int *p = NULL; TRY(h()); }').cyclomatic, 1
        )
        self.assertEqual(
            function('void f(void) { if (a && b || c) g(a ? 1 : 2); else h(); }').cyclomatic, 5
        )
        self.assertEqual(
            function('void f(void) { do g(); while (a); for (;;) {} while (b) {} }').cyclomatic, 4
        )

    def test_compound_literal_returned(self):
        f = function('struct s f(int a) { return (struct s){ .a = a ? 1 : 2 }; }')
        self.assertEqual((f.cyclomatic, f.nesting), (2, 0))

    def test_cyclomatic_of_labels(self):
        f = function(
            '''
            int f(enum x x)
            {
                switch (x) {
                case A:
                case B:
                    return 1;
                case (C):
                    break;
                case D:
                default:
                    return 2;
                }
                return 3;
            }
            '''
        )
        self.assertEqual((f.cyclomatic, f.nesting), (4, 1))

    def test_directives_do_not_confuse(self):
        self.assertEqual(self.names('#define OPEN { \\\n    if (\nvoid f(void) { g(); }\n'), ['f'])

    def test_what_cannot_be_followed_is_an_error(self):
        for text in (
            'void f(void) {\n',
            'void f(void) { else g(); }',
            'void f(void) { g() }',
            'int a; }\n',
        ):
            with self.assertRaises(csource.CannotParse, msg=text):
                source('x.c', text).functions()


TABLE = '''
common = ["base"]
from_level = { conf = 3 }
only = { role = ["cmd"], cmd = [] }
apart = { folders = ["client"], never = ["store"] }
link = { levels = ['base', 'os', 'proto'], less = { apart = { level = 5, with = ['base', 'os'] } } }
limits = { files = 3, lines = 50, except = { ev = { lines = 60 } } }
L0 = { base = [] }
L1 = { conf = [], net = [] , ev = ["net"] }
L2 = { tls = ["net", "ev"], http = ["tls"] }
L3 = { store = [] }
L4 = { ca = ["store", "tls"] }
L5 = { client = ["http"] }
L6 = { role = ["*"] }
L7 = { cmd = ["role"] }
libc = { headers = ["stdio.h", "sys/*"] }
library = [
  { headers = ["openssl/*"], folders = ["tls"], instead = "call tls/" },
  { headers = ["sys/capability.h"], folders = ["ev"], instead = "ask ev/" },
]
'''


class Layers(unittest.TestCase):
    def found(self, texts, table=TABLE, build=''):
        sources = [source(p, t) for p, t in texts.items()]
        builds = {'src/meson.build': build}
        for _, folder, name in (p.split('/') for p in texts if p.count('/') == 2):
            path = f'src/{folder}/meson.build'
            builds[path] = builds.get(path, '') + f"'{name}',"
        return list(layers.check(layers.Rules(table), sources, builds))

    def one(self, path, text, expect, others=()):
        texts = {path: text, **{o: '' for o in others}}
        got = self.found(texts)
        self.assertEqual(len(got), 1, got)
        self.assertRegex(got[0], expect)

    def test_allowed(self):
        self.assertEqual(
            self.found(
                {
                    'src/tls/a.c': '#include "tls/a.h"\n#include <openssl/ssl.h>\n'
                    '#include <stdio.h>\n'
                    '#include "base/b.h"\n#include "net/n.h"\n#include "tls/a_int.h"\n',
                    'src/tls/a.h': '',
                    'src/tls/a_int.h': '',
                    'src/base/b.h': '',
                    'src/net/n.h': '',
                    'src/ev/e.c': '#include <sys/capability.h>\n#include <sys/types.h>\n',
                    'src/role/r.h': '#include "ca/c.h"\n',
                    'src/ca/c.h': '',
                    'src/cmd/m.c': '#include "role/r.h"\n',
                }
            ),
            [],
        )

    def test_upward(self):
        self.one(
            'src/net/a.c',
            '/* why */\n#include "tls/t.h"\n',
            r'^src/net/a\.c:2: \[include\] net/ \(L1\) may not '
            r'include tls/ \(L2\); move the shared part down',
            ['src/tls/t.h'],
        )

    def test_downward_but_not_listed(self):
        self.one(
            'src/ca/a.c',
            '#include "net/n.h"\n',
            r'ca/ \(L4\) may not .*go through a folder',
            ['src/net/n.h'],
        )

    def test_from_level(self):
        text = '#include "conf/c.h"\n'
        self.assertEqual(self.found({'src/store/a.c': text, 'src/conf/c.h': ''}), [])
        self.one('src/tls/a.c', text, r'tls/ \(L2\) may not include conf/', ['src/conf/c.h'])

    def test_internal_header(self):
        self.one('src/tls/a.c', '#include "net/n_int.h"\n', 'internal to net/', ['src/net/n_int.h'])

    def test_nothing_includes_role(self):
        self.one('src/ca/a.c', '#include "role/r.h"\n', 'nothing includes role/', ['src/role/r.h'])
        self.one('src/role/a.c', '#include "cmd/m.h"\n', 'nothing includes cmd/', ['src/cmd/m.h'])

    def test_apart(self):
        self.one(
            'src/client/a.c', '#include "store/s.h"\n', 'links without store/', ['src/store/s.h']
        )

    def test_apart_through_others(self):
        got = self.found({}, TABLE.replace('client = ["http"]', 'client = ["ca"]'))
        self.assertTrue(any('client could reach store' in g for g in got), got)

    def test_form_of_the_name(self):
        for name in ('a.h', '../net/n.h', 'net/sub/n.h', 'net/n.c'):
            self.one('src/net/a.c', f'#include "{name}"\n', 'by its path from src/')
        self.one('src/net/a.c', '#include "net/gone.h"\n', 'there is no src/net/gone.h')

    def test_libraries(self):
        self.one(
            'src/net/a.c',
            '#include <openssl/evp.h>\n',
            '<openssl/evp.h> is for tls/, not net/; call tls/',
        )
        self.one('src/net/a.c', '#include <sys/capability.h>\n', 'is for ev/, not net/')
        self.one('src/base/a.c', '#include <zlib.h>\n', 'no library that tools/layers.toml knows')

    def test_places(self):
        self.one('src/new/a.c', '', r'\[place\] new/ has no line')
        self.one('src/a.c', '', r'\[place\] sources are src/FOLDER/FILE')

    def test_sizes(self):
        self.assertRegex(
            self.found({f'src/net/{n}.c': '' for n in 'abcd'})[0], r'\[size\] 4 .c files, limit 3'
        )
        self.assertRegex(
            self.found({'src/net/a.h': 'int a;\n' * 51})[0], r'\[size\] 51 lines, limit 50'
        )
        self.assertEqual(self.found({'src/net/a.h': 'int a;\n' * 50}), [])
        self.assertEqual(self.found({'src/ev/a.h': 'int a;\n' * 60}), [])
        self.assertEqual(len(self.found({'src/ev/a.h': 'int a;\n' * 61})), 1)

    def test_link(self):
        def found(text):
            return self.found({}, build=text)

        self.assertEqual(
            found(
                "lib_os = static_library('os', net_src + ev_src,\n    dependencies: [link_base])\n"
            ),
            [],
        )
        self.assertRegex(
            found("\nlib_os = static_library('os', net_src + tls_src)\n")[0],
            r'src/meson\.build:2: \[link\] tls/ is not of level 1',
        )
        self.assertRegex(
            found("lib_base = static_library('base', base_src, dependencies: [link_os])\n")[0],
            'lib_base links with os, which is not below it',
        )
        self.assertRegex(found("lib_x = static_library('x', net_src)\n")[0], 'lib_x has no level')

    def test_link_with_less(self):
        def found(deps, folders='client_src'):
            return self.found(
                {}, build=f"lib_apart = static_library('apart', {folders}, dependencies: [{deps}])\n"
            )

        self.assertEqual(found('link_base, link_os'), [])
        self.assertRegex(found('link_proto')[0], 'lib_apart links with proto, which is not below it')
        self.assertRegex(found('link_os', 'client_src + ca_src')[0], r'ca/ is not of level 5')
        table = TABLE.replace("L5 = { client", "L5 = { api = [], client")
        build = "lib_apart = static_library('apart', client_src + api_src)\n"
        self.assertRegex(self.found({}, table, build)[0], r'api/ in lib_apart; those of \[apart\]')

    def test_every_file_is_compiled(self):
        rules = layers.Rules(TABLE)
        sources = [source('src/net/a.c', ''), source('src/net/b.c', ''), source('src/net/a.h', '')]
        got = list(layers.check(rules, sources, {'src/net/meson.build': "net_src = files('a.c')"}))
        self.assertEqual(len(got), 1, got)
        self.assertIn('b.c is not listed', got[0])

    def test_cycle(self):
        got = self.found(
            {'src/net/a.h': '#include "ev/e.h"\n', 'src/ev/e.h': '#include "net/a.h"\n'}
        )
        self.assertTrue(any('[cycle] ev -> net -> ev' in g for g in got), got)

    def test_table_is_checked_too(self):
        got = self.found({}, TABLE.replace('net = [] ,', 'net = ["ev"],'))
        self.assertTrue(any('allows a cycle: ev -> net -> ev' in g for g in got), got)
        got = self.found({}, TABLE.replace('base = []', 'base = ["net"]'))
        self.assertTrue(any('base may include net: upward, L0 to L1' in g for g in got), got)

    def test_the_real_table_is_sound(self):
        with open(os.path.join(HERE, 'layers.toml'), encoding='utf-8') as f:
            self.assertEqual(list(layers.Rules(f.read()).problems()), [])


def body(lines):
    return 'void f(void)\n{\n' + '    g();\n' * (lines - 3) + '}\n'


class Budgets(unittest.TestCase):
    def found(self, text, path='src/base/x.c', allow=''):
        return list(budgets.check([source(path, text)], budgets.Allowed('allow', allow)))

    def one(self, text, expect, path='src/base/x.c', allow=''):
        got = self.found(text, path, allow)
        self.assertEqual(len(got), 1, got)
        self.assertRegex(got[0], expect)

    def test_length(self):
        self.assertEqual(self.found(body(60)), [])
        self.one(body(61), r'^src/base/x\.c:1: \[length\] f\(\): length 61, limit 60; split')
        self.one(body(101), 'length 101, hard 60')

    def test_main_is_short(self):
        text = body(41).replace('void f', 'int main')
        self.one(text, r'main\(\): main-length 41, limit 40')

    def test_allowance(self):
        self.assertEqual(
            self.found(body(70), allow='src/base/x.c f length 70 a table of states\n'), []
        )
        self.one(
            body(71), 'length 71, limit 70', allow='src/base/x.c f length 70 a table of states\n'
        )

    def test_allowance_has_a_hard_limit(self):
        self.one(body(120), 'length 120, hard 100', allow='src/base/x.c f length 120 because\n')

    def test_allowance_shrinks(self):
        entry = 'src/base/x.c f length 70 a table\n'
        self.one(body(65), r'^allow:1: \[allow\] .* it is 65 now; lower', allow=entry)
        self.one(body(60), 'delete the line', allow=entry)
        self.one('', 'delete the line', allow='src/base/gone.c - lines 700 because\n')

    def test_allowance_form(self):
        for wrong in (
            'src/x.c f length 70\n',
            'src/x.c f size 70 why\n',
            'src/x.c f length many why\n',
        ):
            self.one('', r'\[format\] expected', allow=wrong)
        twice = 'src/base/x.c f length 70 a\n' * 2
        self.one(body(70), 'second entry', allow='# comment\n\n' + twice)

    def test_file_and_header(self):
        self.assertEqual(self.found('int a;\n' * 600), [])
        self.one('int a;\n' * 601, r'\[lines\] lines 601, limit 600')
        self.assertEqual(self.found('int a;\n' * 200, 'src/base/x.h'), [])
        self.one('int a;\n' * 201, r'\[header-lines\] header-lines 201, limit 200', 'src/base/x.h')

    def test_fuzzers_and_tests(self):
        self.one('int a;\n' * 41, 'lines 41', 'fuzz/fuzz_x.c')
        self.assertEqual(self.found('int a;\n' * 41, 'fuzz/main.c'), [])
        self.assertEqual(self.found(body(100), 'tests/unit/base/test_x.c'), [])
        self.one(body(101), 'length 101', 'tests/unit/base/test_x.c')

    def test_columns_are_characters(self):
        self.assertEqual(self.found('/* ' + '\u00e9' * 94 + ' */\n'), [])
        self.one('/* ' + '\u00e9' * 95 + ' */\n', r'\[columns\] columns 101, hard 100')

    def test_params_nesting_cyclomatic(self):
        self.one('void f(int a, int b, int c, int d, int e, int f, int g) {}', 'params 7, limit 6')
        self.one(
            'void f(void) { for (;;) { for (;;) { for (;;) { if (a) { g(); } } } } }',
            'nesting 4, limit 3',
        )
        self.one(
            'void f(void) { a(' + ' && '.join('abcdefghijklmnop') + '); }',
            'cyclomatic 16, limit 15',
        )

    def test_unreadable(self):
        self.one('void f(void) {\n', r'\[parse\] the body of f\(\) is never closed')


class CheckSrc(unittest.TestCase):
    def found(self, text, path='src/acme/x.c'):
        return checksrc.check_c(
            source(path, SPDX + textwrap.dedent(text).lstrip('\n')), ['/srv/checkout']
        )

    def one(self, text, expect, path='src/acme/x.c'):
        got = self.found(text, path)
        self.assertEqual(len(got), 1, got)
        self.assertRegex(got[0], expect)

    def fine(self, text, path='src/acme/x.c'):
        self.assertEqual(self.found(text, path), [])

    def test_banned(self):
        for name in checksrc.BANNED:
            self.one(f'int a = {name}(b);\n', rf'^src/acme/x\.c:2: \[{name}\] {name}: ')
            self.fine(
                f'/* {name}(b) */ int a = my_{name}(b, "{name}(", c.{name}(), d->{name}());\n'
            )

    def test_heap(self):
        for name in checksrc.HEAP:
            self.one(f'int a = {name}(b);\n', rf'\[{name}\] .*base/mem\.h')
            self.fine(f'int a = {name}(b);\n', 'src/base/mem.c')
        self.one('DEFINE_FREEP(char *, free);\n', r'\[free\]')
        self.fine(
            'struct hooks { void (*free)(void *p); };\nstruct hooks h = { .free = mem_free };\n'
        )

    def test_ending(self):
        self.one('void f(void) { abort(); }\n', 'L0 to L3 never end', 'src/http/x.c')
        self.fine('void f(void) { abort(); }\n', 'src/cmd/x.c')
        self.fine('void f(struct err *err) { g(err, (err)); }\n', 'src/http/x.c')

    def test_logging(self):
        self.one('void f(void) { log_warn("x"); }\n', 'L0 to L3 never log', 'src/http/x.c')
        self.fine('void f(void) { log_warn("x"); }\n', 'src/log/x.c')
        self.fine('void f(void) { log_warn("x"); }\n', 'src/acme/x.c')

    def test_exception(self):
        self.fine('int a = free(b); /* checksrc: allow free: libuv hands out its own */\n')
        self.fine('/* checksrc: allow free: libuv hands out\n * its own */\nint a = free(b);\n')
        self.one('int a = free(b); /* checksrc: allow free */\n', r'\[allow\] say why')
        self.one('int a = free(b); /* checksrc: allow free: */\n', r'\[allow\] say why')
        self.one(
            'int a; /* checksrc: allow free: nothing here */\n', r'\[allow\] "free" excuses nothing'
        )
        self.assertEqual(
            len(self.found('int a = free(b); /* checksrc: allow malloc: other */\n')), 2
        )

    def test_cleanup_without_a_value(self):
        said = r'\[cleanup\] b: a value where it is declared, buf_done\(\) runs'
        self.one('void f(void)\n{\n    CLEANUP(buf_done) struct buf b;\n}\n', said)
        self.one('void f(void)\n{\n    CLEANUP(buf_done) struct buf b, c = {};\n}\n', said)
        self.fine('void f(void)\n{\n    CLEANUP(buf_done) struct buf b = BUF_INIT(1);\n}\n')
        self.fine('void f(void)\n{\n    CLEANUP(x_freep) struct x *x = x_new(1, 2);\n}\n')

    def test_typedef(self):
        self.one('typedef struct a a_t;\n', r'\[typedef\] a typedef hides a struct')
        self.one('typedef union { int a; } u;\n', 'hides a union')
        self.one('typedef enum e { A } e;\n', 'hides a enum')
        self.fine('typedef struct a *(*make_fn)(int b);\ntypedef unsigned long account_id;\n')

    def test_goto(self):
        self.one(
            'void f(void) { CLEANUP(g) int *p = NULL; goto out; out: return; }\n',
            r'\[goto\] f\(\) uses',
        )
        self.fine(
            'void f(void) { goto out; out: return; }\nvoid g(void) { CLEANUP(h) int *p = NULL; }\n'
        )

    def test_ifdef(self):
        self.one(
            'void f(void)\n{\n#ifdef A\n    g();\n#endif\n}\n', r':4: \[ifdef\] #if inside f\(\)'
        )
        self.fine('#ifdef A\nvoid f(void)\n{\n#define B\n}\n#else\n#endif\n')

    def test_include_order(self):
        self.fine('#include "acme/y.h"\n\n#include <stdio.h>\n')
        self.one(
            '#include "acme/y.h"\n#include "acme/z.h"\n#include <stdio.h>\n', 'after "acme/z.h"'
        )
        self.fine('#include "acme/x.h"\n\n#include <stdio.h>\n\n#include "base/str.h"\n')
        self.one(
            '#include <stdio.h>\n#include "acme/x.h"\n',
            r'first include is the own header, "acme/x\.h"',
        )
        self.one('#include "base/str.h"\n#include <stdio.h>\n', '<stdio.h> after "base/str.h"')
        self.one('#include "acme/y.c"\n', 'only a unit test includes a .c file')
        self.fine('#include "acme/y.c"\n', 'tests/unit/acme/test_y.c')

    def test_header(self):
        self.fine('#pragma once\nextern const int table[];\nvoid f(void);\n', 'src/acme/x.h')
        self.one('void f(void);\n', r'\[guard\]', 'src/acme/x.h')
        self.one(
            '#pragma once\n#ifndef ACME_X_H\n#define ACME_X_H\n#endif\n',
            'ACME_X_H: use',
            'src/acme/x.h',
        )
        self.one('#pragma once\nextern int counter;\n', r'\[extern\]', 'src/acme/x.h')

    def test_sql(self):
        self.one('const char *q = "SELECT a FROM b";\n', r'\[sql\]')
        self.fine('const char *q = "SELECT a FROM b";\n', 'src/store/x.c')
        self.fine('const char *q = "please select one from the list, UPDATE it";\n')

    def test_silenced(self):
        for wrong in ('NOLINT', 'NOLINTNEXTLINE: why', 'NOLINT(a-b)', 'cppcheck-suppress memleak'):
            self.one(f'int a; /* {wrong} */\n', r'\[silenced\] name the check and say why')
        for right in (
            'NOLINT(a-b, c.d): why',
            'NOLINTBEGIN(a-b): why */ /* NOLINTEND(a-b)',
            'cppcheck-suppress memleak ; why',
        ):
            self.fine(f'int a; /* {right} */\n')

    def test_registered(self):
        paths = [
            'tests/unit/acme/test_x.c',
            'tests/unit/acme/help.c',
            'fuzz/fuzz_y.c',
            'fuzz/replay.c',
        ]
        found = list(checksrc.registered(paths, {}))
        self.assertEqual(len(found), 3, found)
        self.assertIn('list it in tests/unit/acme/meson.build', found[0])
        builds = {
            'tests/unit/acme/meson.build': "unit_tests = ['x']",
            'fuzz/meson.build': "fuzzers = ['y']",
        }
        paths.append('tests/corpus/y/one')
        self.assertEqual(list(checksrc.registered(paths, builds)), [])

    def test_tab(self):
        self.one('int\ta;\n', r'\[tab\]')

    def test_text_rules(self):
        def found(text):
            return checksrc.check_text('docs/x.txt', text, ['/srv/checkout'])

        self.assertEqual(found('a line\n/srv/checkouts file:///etc/home/x\n'), [])
        for text, rule in (
            ('end \n', 'space'),
            ('no end', 'space'),
            ('a ' + 'TO' + 'DO' + '\n', 'unfinished'),
            ('FIX' + 'ME' + ': x\n', 'unfinished'),
            ('see /srv/checkout/a\n', 'path'),
            ('see ' + '/home' + '/joe/a\n', 'path'),
        ):
            got = found(text)
            self.assertEqual(len(got), 1, (text, got))
            self.assertIn(f'docs/x.txt:1: [{rule}]', got[0])

    def test_spdx(self):
        line = '# SPDX-License-Identifier: Apache-2.0\n'
        for path, text, good in (
            ('a.py', '#!/usr/bin/python3\n' + line, True),
            ('a.py', line, True),
            ('a.py', 'x = 1\n', False),
            ('script/a', '#!/bin/bash\n' + line, True),
            ('script/a', '#!/bin/bash\n\n' + line, False),
            ('src/meson.build', "project('a')\n", False),
            ('README.md', 'hello\n', True),
        ):
            self.assertEqual(checksrc.check_text(path, text, []) == [], good, (path, text))
        got = checksrc.check_c(source('src/acme/x.c', 'int a;\n'), [])
        self.assertRegex(got[0], r'^src/acme/x\.c:1: \[spdx\]')


class Analyse(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.addCleanup(self.dir.cleanup)
        self.root = os.path.realpath(self.dir.name)
        self.write('src/a/x.c', '#include "a/x.h"\n#include <stdio.h>\n')
        self.write('src/a/x.h', '#include "b/y.h"\n')
        self.write('src/b/y.h', '#include "b/y.h"\n')

    def write(self, path, text):
        full = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, 'w', encoding='utf-8') as f:
            f.write(text)
        analyse.read.cache_clear()

    def unit(self, flags='-I../src -O2'):
        command = f'cc {flags} -MD -MF x.d -o x.o -c ../src/a/x.c'
        build = os.path.join(self.root, 'build')
        return analyse.Unit(
            self.root, {'directory': build, 'file': '../src/a/x.c', 'command': command}
        )

    def test_flags(self):
        unit = self.unit(
            "-I ../src -isystem /usr/include/x -std=gnu2x -D'A=\"b c\"' -O2 -fPIE -Werror"
        )
        self.assertEqual(
            unit.flags, ['-I../src', '-isystem/usr/include/x', '-std=gnu2x', '-DA="b c"']
        )
        self.assertEqual(unit.path, 'src/a/x.c')
        self.assertEqual(unit.library_dirs(), ['/usr/include/x', '/usr/include'])

    def test_cppcheck_sees_no_library_headers(self):
        got = analyse.cppcheck_command('c', self.unit('-I../src -I../.deps/include -DA'))
        self.assertEqual([w for w in got if w.startswith('-I')], [f'-I{self.root}/src'])
        self.assertIn('-DA', got)

    def test_closure(self):
        names = [os.path.relpath(p, self.root) for p in self.unit().closure()]
        self.assertEqual(names, ['src/a/x.c', 'src/a/x.h', 'src/b/y.h'])

    def test_key_changes_with_what_counts(self):
        before = self.unit().key('tool 1')
        self.assertEqual(self.unit().key('tool 1'), before)
        self.assertEqual(self.unit('-I../src -O3').key('tool 1'), before)
        self.assertNotEqual(self.unit('-I../src -DA').key('tool 1'), before)
        self.assertNotEqual(self.unit().key('tool 2'), before)
        self.write('src/b/y.h', '/* changed */\n')
        self.assertNotEqual(self.unit().key('tool 1'), before)

    def test_findings(self):
        said = 'src/a.c:1:2: error: one [x]\n  code\nsrc/a.h:3:4: note: two\nsrc/b.c:5: [y] three\n'
        self.assertEqual(
            analyse.findings(said),
            ['src/a.c:1:2: error: one [x]\n  code\nsrc/a.h:3:4: note: two', 'src/b.c:5: [y] three'],
        )
        self.assertEqual(analyse.findings('\n'), [])

    def test_program(self):
        with open(os.path.join(HERE, 'analyse.py'), encoding='utf-8') as f:
            self.write('tools/analyse.py', f.read())
        with open(os.path.join(HERE, 'csource.py'), encoding='utf-8') as f:
            self.write('tools/csource.py', f.read())
        self.write('.clang-tidy', '')
        self.write('src/a/x.c', 'int f(void) { int a[2]; a[2] = 1; return a[0]; }\n')
        self.write('src/a/y.c', '')
        unit = self.unit()
        entry = {'directory': unit.dir, 'file': '../src/a/x.c', 'arguments': ['cc', '-I../src']}
        self.write(
            'build/compile_commands.json',
            json.dumps([entry, entry, {**entry, 'file': '../src/a/y.c'}]),
        )
        self.write(
            'tool',
            '#!/bin/sh\ntest "$1" = --version && exit\n'
            'echo run >> count\necho "$PWD/../src/a/x.c:1:9: error: bad" >&2\necho "  code" >&2\n',
        )
        tool = os.path.join(self.root, 'tool')
        os.chmod(tool, 0o755)
        environment = {**os.environ, 'XDG_CACHE_HOME': os.path.join(self.root, 'cache')}
        program = [sys.executable, os.path.join(self.root, 'tools/analyse.py'), 'cppcheck']
        for _ in range(2):
            got = subprocess.run(
                [*program, '--program', tool],
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            self.assertEqual(
                (got.returncode, got.stdout, got.stderr),
                (1, 'src/a/x.c:1:9: error: bad\n  code\n', ''),
            )
        with open(os.path.join(self.root, 'build/count'), encoding='utf-8') as f:
            self.assertEqual(f.read(), 'run\n' * 2)


class Programs(unittest.TestCase):
    """The three programs on a tree of files: what they print, and their exit status."""

    def run_tool(self, name, files):
        with tempfile.TemporaryDirectory() as root:
            for path, text in files.items():
                os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
                with open(os.path.join(root, path), 'w', encoding='utf-8') as f:
                    f.write(text)
            got = subprocess.run(
                [sys.executable, os.path.join(HERE, name), root],
                capture_output=True,
                text=True,
                check=False,
            )
        self.assertEqual(got.stderr, '')
        return got.returncode, got.stdout

    def test_layers(self):
        with open(os.path.join(HERE, 'layers.toml'), encoding='utf-8') as f:
            table = f.read()
        files = {
            'tools/layers.toml': table,
            'src/base/a.c': SPDX + '#include <stdio.h>\n',
            'src/base/meson.build': "base_src = files('a.c')\n",
        }
        self.assertEqual(self.run_tool('layers.py', files), (0, ''))
        files['src/base/a.c'] += '#include <openssl/evp.h>\n'
        status, out = self.run_tool('layers.py', files)
        self.assertEqual((status, out.count('\n')), (1, 1))

    def test_budgets(self):
        files = {'tools/budgets.allow': '# none\n', 'src/base/a.c': SPDX + body(60)}
        self.assertEqual(self.run_tool('budgets.py', files), (0, ''))
        files['src/base/a.c'] = SPDX + body(61)
        status, out = self.run_tool('budgets.py', files)
        self.assertEqual((status, out.count('\n')), (1, 1))

    def test_checksrc(self):
        files = {'src/base/a.c': SPDX + 'int a;\n', 'tests/corpus/x/a.txt': 'no newline at the end'}
        self.assertEqual(self.run_tool('checksrc.py', files), (0, ''))
        files['script/x'] = '#!/bin/bash\nexit 0\n'
        status, out = self.run_tool('checksrc.py', files)
        self.assertEqual((status, out.count('\n')), (1, 1))


if __name__ == '__main__':
    unittest.main()
