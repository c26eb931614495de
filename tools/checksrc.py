#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Checks conventions that need no compiler. Usage: checksrc.py [ROOT]

An exception stands on the line itself or alone on the line above, and says why:
    /* checksrc: allow NAME: reason */
NAME is the banned function, or the rule that the complaint names in brackets. An exception that
excuses nothing is reported.
"""
import os
import re
import subprocess
import sys

import csource

SPDX = 'SPDX-License-Identifier: Apache-2.0'
TEXT = ('.c', '.h', '.py', '.sh', '.md', '.toml', '.yaml', '.yml', '.build', '.txt', '.allow')
C_DIRS = ('src/', 'tests/', 'fuzz/', 'bench/')
QUIET_FOLDERS = (
    'base json metrics conf ipc sandbox ev net log jose x509 http dns tls tlcp crypto'
    ' policy audit store'
).split()

BOUNDED = 'use struct str and struct buf (base/)'
MEMORY = 'use base/mem.h, so that the failing-allocation mode reaches it'
BANNED = {
    **dict.fromkeys(
        ('strcpy', 'strcat', 'strncpy', 'strncat', 'stpcpy', 'sprintf', 'vsprintf'), BOUNDED
    ),
    **dict.fromkeys(
        ('strtok', 'strtok_r', 'sscanf', 'vsscanf'), 'use struct rd, the read cursor (base/)'
    ),
    **dict.fromkeys(('atoi', 'atol', 'atoll', 'atof'), 'use a parser that reports errors (base/)'),
    'gets': BOUNDED,
    'alloca': 'use an arena or an array of fixed size',
    **dict.fromkeys(('tmpnam', 'mktemp', 'tempnam'), 'use mkostemp() or O_TMPFILE'),
    'system': 'nothing runs a shell; ask the runner role',
    'popen': 'nothing runs a shell; ask the runner role',
}
HEAP = dict.fromkeys(
    (
        'malloc',
        'calloc',
        'realloc',
        'reallocarray',
        'free',
        'strdup',
        'strndup',
        'asprintf',
        'vasprintf',
        'aligned_alloc',
        'posix_memalign',
    ),
    MEMORY,
)
ENDING = dict.fromkeys(
    ('exit', '_exit', '_Exit', 'quick_exit', 'abort', 'err', 'errx', 'die'),
    'layers L0 to L3 never end the process; return a code',
)
ALLOW = re.compile(r'checksrc:\s*allow\s+([\w-]+)\s*(:?)\s*(.*?)\s*(?:\*/|$)', re.S)
UNFINISHED = re.compile(r'\b(?:' + '|'.join(('TO' + 'DO', 'FIX' + 'ME', 'X' * 3)) + r')\b')
SQL = re.compile(
    r'"\s*(?:SELECT\s[^"]*\bFROM\b|INSERT\s+(?:OR\s+\w+\s+)?INTO\s|UPDATE\s+\w+\s+SET\s'
    r'|DELETE\s+FROM\s'
    r'|(?:CREATE|ALTER|DROP)\s+(?:TABLE|INDEX|VIEW)\s)'
)
TYPEDEF = re.compile(r'\btypedef\b\s*(?:const\s+)?(struct|union|enum)\b([^;{]*)([;{])')
SILENCED = re.compile(r'NOLINT(?!END)(?:NEXTLINE|BEGIN)?|cppcheck-suppress')
SILENCED_WELL = re.compile(
    r'NOLINT(?:NEXTLINE|BEGIN)?\([\w., -]+\): \S|cppcheck-suppress \[?[\w, ]+\]? ; \S'
)
UNINITIALISED = re.compile(r'\bCLEANUP\((\w+)\)[^;={}()]*[\s*](\w+)\s*[,;]')
HOME = re.compile(r'(?<![\w.$}~-])/(?:home/[a-z][\w-]*|Users/\w+)/')


def match_offsets(pattern, text):
    return ((m, text.count('\n', 0, m.start()) + 1) for m in pattern.finditer(text))


def banned_calls(s):
    """Each call of a banned function; of the heap's also each use as a value."""
    folder = s.path.split('/')[1] if s.path.startswith('src/') else ''
    table = dict(BANNED)
    if s.path not in ('src/base/mem.c', 'src/base/mem.h'):
        table.update(HEAP)
    if folder in QUIET_FOLDERS:
        table.update(ENDING)
    calls = re.compile(rf'(?<![\w.>])({"|".join(table)})(?=\s*\()')
    values = re.compile(
        rf'(?<=[(,=])\s*({"|".join(HEAP.keys() & table.keys()) or "(?!)"})(?=\s*[,;)])'
    )
    for pattern in (calls, values):
        for m in pattern.finditer(s.code):
            yield s.line_at(m.start(1)), m[1], f'{m[1]}: {table[m[1]]}'


def logging(s):
    folder = s.path.split('/')[1] if s.path.startswith('src/') else ''
    if folder in QUIET_FOLDERS and folder != 'log':
        for m, line in match_offsets(re.compile(r'(?<![\w.>])(log_(?!request)\w+)\s*\('), s.code):
            yield line, 'log', f'{m[1]}: layers L0 to L3 never log; return a struct err'


def cleanups(s):
    """gcc is silent when a return passes between such a declaration and its initialisation."""
    for m, line in match_offsets(UNINITIALISED, s.code):
        yield line, 'cleanup', f'{m[2]}: a value where it is declared, {m[1]}() runs at every return'


def typedefs(s):
    for m, line in match_offsets(TYPEDEF, s.code):
        if m[3] == '{' or '(' not in m[2]:
            yield line, 'typedef', f'a typedef hides a {m[1]}; write `{m[1]} NAME` where it is used'


def functions(s):
    ifs = [n for n, d in s.directives if re.match(r'#\s*(?:if|ifdef|ifndef|elif|else)\b', d)]
    for f in s.functions():
        if {'goto', 'CLEANUP'} <= f.words:
            yield f.line, 'goto', f'{f.name}() uses CLEANUP and goto; return, CLEANUP does the rest'
        for n in ifs:
            if f.line < n < f.end:
                yield n, 'ifdef', f'#if inside {f.name}(); choose by a pair of files'


def includes(s):
    folder, _, name = s.path.removeprefix('src/').rpartition('/')
    own = f'{folder}/{name[:-2]}.h'
    ours = [(line, n) for line, n, system in s.includes if not system]
    for line, n in ours:
        if n.endswith('.c'):
            yield line, 'include', f'{n}: only a unit test includes a .c file'
    if not s.path.endswith('.c'):
        return
    if own in [n for _, n in ours] and s.includes[0][1] != own:
        yield s.includes[0][0], 'include', f'the first include is the own header, "{own}"'
    if own not in [n for _, n in ours] and s.includes and s.includes[0][1].startswith(f'{folder}/'):
        own = s.includes[0][1]  # one of several files behind one header
    seen = None
    for line, n, system in s.includes:
        if system and seen:
            yield line, 'include', f'<{n}> after "{seen}"; order: own header, system headers, ours'
        seen = seen if system or n == own else n


def header(s):
    if not re.search(r'^#pragma once$', s.text, re.M):
        yield 1, 'guard', 'a header says `#pragma once` after its top comment'
    for m, line in match_offsets(
        re.compile(r'^#\s*ifndef\s+(\w+_H_?)\s*\n#\s*define\s+\1\b', re.M), s.code
    ):
        yield line, 'guard', f'{m[1]}: use `#pragma once` alone'
    for m, line in match_offsets(re.compile(r'^extern\s+(?!const\b)[^;({]*;', re.M), s.code):
        yield line, 'extern', 'no writable global in a header; offer a function'


def c_text(s):
    for n, line in enumerate(s.lines, 1):
        if '\t' in line:
            yield n, 'tab', 'a tab; indent with 4 spaces, write \\t in a string'
    if not s.path.startswith(('src/store/', 'tests/unit/store/', 'tests/conformance/')):
        for _, line in match_offsets(SQL, s.bare):
            yield line, 'sql', 'SQL text lives in store/ only; add a query there'


def silenced(s):
    for line, comment in s.comments:
        if SILENCED.search(comment) and not SILENCED_WELL.search(comment):
            yield line, 'silenced', (
                'name the check and say why: NOLINTNEXTLINE(check): reason,'
                ' or cppcheck-suppress id ; reason'
            )


def registered(paths, builds):
    """Every unit test and fuzzer is listed where it is built, every fuzzer has a corpus."""
    for path in paths:
        folder, _, name = path.rpartition('/')
        unit = re.fullmatch(r'tests/unit/\w+', folder) and re.fullmatch(r'test_(\w+)\.c', name)
        fuzz = folder == 'fuzz' and re.fullmatch(r'fuzz_(\w+)\.c', name)
        build = f'{folder}/meson.build'
        if (unit or fuzz) and f"'{(unit or fuzz)[1]}'" not in builds.get(build, ''):
            yield f'{path}:1: [list] it never runs; list it in {build}'
        if fuzz and not any(p.startswith(f'tests/corpus/{fuzz[1]}/') for p in paths):
            yield f'{path}:1: [list] no inputs in tests/corpus/{fuzz[1]}/; make some'


def any_text(path, text, places):
    """Rules for every text file of the repository."""
    if not path.endswith('.md'):
        for n, line in enumerate(text.split('\n'), 1):
            if line != line.rstrip():
                yield n, 'space', 'trailing white space'
    for _, n in match_offsets(UNFINISHED, text):
        yield n, 'unfinished', 'finish it, or write down the limit as a fact'
    for m, n in match_offsets(HOME, text):
        yield n, 'path', f'{m[0]}: a path of one machine'
    for place in places:
        for _, n in match_offsets(re.compile(rf'(?<![\w.]){re.escape(place)}(?![\w-])'), text):
            yield n, 'path', 'the path of this checkout; name it relative to the root'
    if text and not text.endswith('\n'):
        yield text.count('\n') + 1, 'space', 'no newline at the end'


def spdx(path, text):
    first = text.split('\n', 2)[:2]
    if path.endswith(('.c', '.h')):
        good, form = first[0] == f'/* {SPDX} */', f'/* {SPDX} */'
    elif path.endswith(('.py', '.sh', 'meson.build', '.toml')) or text.startswith('#!'):
        at = 1 if text.startswith('#!') else 0
        good, form = len(first) > at and first[at] == f'# {SPDX}', f'# {SPDX}'
    else:
        return
    if not good:
        yield 1, 'spdx', f'the first line (behind #!) is `{form}`'


class Exceptions:
    """The `checksrc: allow` comments of one file."""

    def __init__(self, s):
        self.path, self.at, self.wrong = s.path, {}, []
        for line, comment in s.comments:
            for m in ALLOW.finditer(comment):
                alone = s.lines[line - 1].strip().startswith(('/*', '//'))
                below = line + comment.count('\n') + 1
                if not m[2] or not m[3]:
                    self.wrong.append(
                        f'{s.path}:{line}: [allow] say why: checksrc: allow {m[1]}: reason'
                    )
                self.at[(below if alone else line, m[1])] = line

    def filter(self, found):
        used = set()
        for line, rule, message in found:
            if (line, rule) in self.at:
                used.add((line, rule))
            else:
                yield f'{self.path}:{line}: [{rule}] {message}'
        yield from self.wrong
        for key, line in self.at.items():
            if key not in used:
                yield f'{self.path}:{line}: [allow] "{key[1]}" excuses nothing here; delete it'


def check_c(s, places):
    rules = [
        any_text(s.path, s.text, places),
        spdx(s.path, s.text),
        c_text(s),
        banned_calls(s),
        logging(s),
        cleanups(s),
        typedefs(s),
        functions(s),
        silenced(s),
    ]
    if s.path.endswith('.h'):
        rules.append(header(s))
    if s.path.startswith('src/'):
        rules.append(includes(s))
    try:
        found = sorted({x for rule in rules for x in rule})
    except csource.CannotParse as e:
        return [f'{s.path}:{e.line}: [parse] {e}; {csource.CANNOT_PARSE}']
    return list(Exceptions(s).filter(found))


def check_text(path, text, places):
    found = [*any_text(path, text, places), *spdx(path, text)]
    return [f'{path}:{n}: [{rule}] {message}' for n, rule, message in found]


def checkouts(root):
    """Where this repository lies on this machine, if that is long enough to be told apart."""
    got = subprocess.run(
        ['git', '-C', root, 'worktree', 'list', '--porcelain'],
        capture_output=True,
        text=True,
        check=False,
    )
    here = [root] + [x[9:] for x in got.stdout.splitlines() if x.startswith('worktree ')]
    return sorted({p for p in here if p.count('/') > 1})


def check(root):
    places = checkouts(root)
    paths = csource.files(root)
    builds = {p: csource.load(root, p).text for p in paths if p.endswith('/meson.build')}
    yield from registered(paths, builds)
    for path in paths:
        if path.startswith('tests/corpus/'):
            continue
        s = csource.load(root, path)
        if path.startswith(C_DIRS) and path.endswith(('.c', '.h')):
            yield from check_c(s, places)
        elif path.endswith(TEXT) or s.text.startswith('#!'):
            yield from check_text(path, s.text, places)


def main():
    root = (
        sys.argv[1]
        if len(sys.argv) > 1
        else os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    )
    found = list(check(root))
    print('\n'.join(found), end='\n' if found else '')
    return 1 if found else 0


if __name__ == '__main__':
    sys.exit(main())
