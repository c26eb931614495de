#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs clang-tidy or cppcheck over all C files of the build, and remembers what it found.

Usage: analyse.py clang-tidy|cppcheck [--program PATH] [--build DIR]

The answer for a file is kept in ${XDG_CACHE_HOME:-~/.cache}/autarky/lint under a hash of all that
it depends on: the file and the headers it includes from here, its flags, the tool's version and
settings, and the age of the directories that libraries' headers come from.
"""
import argparse
import concurrent.futures
import functools
import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
import time

import csource

DIRS = ('src/', 'tests/', 'fuzz/', 'bench/')
KEEP = ('-D', '-I', '-U', '-W', '-std=', '-isystem', '-include')
WITH_VALUE = ('-D', '-I', '-U', '-isystem', '-include')
DROP = ('-D_FORTIFY_SOURCE', '-U_FORTIFY_SOURCE', '-Werror')
QUOTED = re.compile(rb'^[ \t]*#[ \t]*include[ \t]*"([^"\n]+)"', re.M)
FINDING = re.compile(r'^(\S[^:\n]*):(\d+):(?:\d+:)? (?!note:)\S')
DAYS_KEPT = 30

# How far clang's analyzer follows one function. Its own limit of 225,000 states takes several times
# as long and has found nothing more; and what only tests execute, they execute under sanitizers.
ANALYZER = ['-Xclang', '-analyzer-config', '-Xclang', 'max-nodes=20000']
NO_ANALYZER = '--checks=-clang-analyzer-*'

TIDY_H = os.path.join(os.path.dirname(os.path.realpath(__file__)), 'tidy.h')

CPPCHECK = [
    '--quiet',
    '--inline-suppr',
    '--language=c',
    '--std=c11',
    '--library=posix,gnu',
    '--enable=warning,performance,portability',
    '-D__VA_OPT__(...)=',  # 2.10 does not know it, and would give up on the file
    '--template={file}:{line}: [{id}] {message}',
    '--template-location={file}:{line}: note: {info}',
]
# zerodivcond and ctuuninitvar were wrong each time; the analyzer of clang looks for the same.
# It does not see the cleanup attribute (resourceLeak), nor that a failed check ends a test
# (nullPointerRedundantCheck, ctunullpointer, and what tests do wrong on purpose), and gives up on a
# ternary among the arguments of a compound literal (internalAstError). A flag on the stack whose address is taken
# back before the return is our way to notice that a callback freed its object (autoVariables).
CPPCHECK_OFF = ['missingIncludeSystem', 'readdirCalled', 'zerodivcond', 'ctuuninitvar',
                'resourceLeak', 'nullPointerRedundantCheck', 'internalAstError', 'autoVariables',
                'ctunullpointer', 'leakReturnValNotUsed:*/tests/*',
                'preprocessorErrorDirective:*/tests/*', 'nullPointer:*/tests/*']


class Unit:
    """One compiled file: its path from the root, the directory and the flags of its command."""

    def __init__(self, root, entry):
        self.root, self.dir = root, entry['directory']
        self.path = os.path.relpath(os.path.join(self.dir, entry['file']), root)
        self.flags = pick(entry.get('arguments') or shlex.split(entry['command']))

    def include_dirs(self):
        dirs = (f[2:] for f in self.flags if f.startswith('-I'))
        return [os.path.normpath(os.path.join(self.dir, d)) for d in dirs]

    def library_dirs(self):
        dirs = [f.removeprefix('-isystem') for f in self.flags if f.startswith('-isystem')]
        found = [os.path.normpath(os.path.join(self.dir, d)) for d in dirs] + self.include_dirs()
        return [d for d in found if not self.ours(d)] + ['/usr/include']

    def ours(self, path):
        return path.startswith(self.root + '/') and '/.deps/' not in path + '/'

    def closure(self):
        """The file and every file of the repository that it includes, directly or not."""
        seen, todo = [], [os.path.join(self.root, self.path)]
        dirs = [d for d in self.include_dirs() if self.ours(d)]
        while todo:
            path = os.path.normpath(todo.pop())
            if path in seen:
                continue
            seen.append(path)
            for name in read(path)[1]:
                tries = [os.path.join(d, name) for d in (os.path.dirname(path), *dirs)]
                todo += [t for t in tries if os.path.isfile(t)][:1]
        return sorted(seen)

    def key(self, settings):
        h = hashlib.sha256(settings.encode())
        h.update(json.dumps(self.flags).replace(self.root, '.').encode())
        for d in self.library_dirs():
            h.update(f'{d.replace(self.root, ".")} {mtime(d)}\n'.encode())
        for path in self.closure():
            h.update(f'{os.path.relpath(path, self.root)} {read(path)[0]}\n'.encode())
        return h.hexdigest()


def pick(arguments):
    """Flags without what belongs to one compiler or to code generation; `-I x` becomes `-Ix`."""
    flags, words = [], iter(arguments[1:])
    for word in words:
        if word in WITH_VALUE:
            word += next(words, '')
        if word.startswith(KEEP) and not word.startswith(DROP):
            flags.append(word)
    return flags


@functools.cache
def read(path):
    """The hash of a file and the names that it includes in quotes."""
    with open(path, 'rb') as f:
        data = f.read()
    return hashlib.sha256(data).hexdigest(), [n.decode() for n in QUOTED.findall(data)]


@functools.cache
def mtime(path):
    return os.stat(path).st_mtime_ns if os.path.isdir(path) else 0


def tidy_command(program, unit):
    extra = ['-Wno-unknown-warning-option', '-Qunused-arguments', '-include', TIDY_H, *ANALYZER]
    checks = [] if unit.path.startswith('src/') else [NO_ANALYZER]
    return [program, '--quiet', *checks, os.path.join(unit.root, unit.path), '--', *unit.flags,
            *extra]


def cppcheck_command(program, unit):
    wanted = [f for f in unit.flags if f.startswith(('-D', '-U'))]
    wanted += [f'-I{d}' for d in unit.include_dirs() if unit.ours(d)]  # it knows libraries itself
    off = [f'--suppress={name}' for name in CPPCHECK_OFF]
    return [program, *CPPCHECK, *off, *wanted, os.path.join(unit.root, unit.path)]


COMMANDS = {'clang-tidy': tidy_command, 'cppcheck': cppcheck_command}


def version(tool, program):
    """What the answers depend on besides the code."""
    said = subprocess.run([program, '--version'], capture_output=True, text=True, check=True).stdout
    own = [__file__]
    if tool == 'clang-tidy':
        own += [TIDY_H, os.path.join(os.path.dirname(TIDY_H), '../.clang-tidy')]
    return tool + said + ''.join(read(p)[0] for p in own)


def analyse(unit, tool, command):
    """What the tool says about the file, with paths from the root; '' if there is nothing."""
    got = subprocess.run(command, cwd=unit.dir, capture_output=True, text=True, check=False)
    said = got.stderr if tool == 'cppcheck' else got.stdout  # clang-tidy counts on stderr
    if got.returncode and not said.strip():
        said = f'{unit.path}:1: {command[0]} failed: {got.stderr.strip()}\n'
    said = re.sub(r'(?<![\w/.])(?:[^\s:]*/)?\.\./', lambda m: shorten(unit, m[0]), said)
    return said.replace(unit.root + '/', '')


def shorten(unit, path):
    full = os.path.normpath(os.path.join(unit.dir, path))
    return full + '/' if full.startswith(unit.root) else path


def cached(unit, tool, command, path):
    try:
        with open(path, encoding='utf-8') as f:
            said = f.read()
        os.utime(path)
        return said
    except FileNotFoundError:
        pass
    said = analyse(unit, tool, command)
    part = f'{path}.{os.getpid()}'
    with open(part, 'w', encoding='utf-8') as f:
        f.write(said)
    os.replace(part, path)
    return said


def forget_old(cache):
    limit = time.time() - DAYS_KEPT * 24 * 3600
    for entry in os.scandir(cache):
        if entry.stat().st_mtime < limit:
            os.unlink(entry.path)


def findings(said):
    """The tool's output cut into findings, each with the notes and the code lines below it."""
    found = []
    for line in said.splitlines():
        if FINDING.match(line) or not found:
            found.append(line)
        else:
            found[-1] += '\n' + line
    return [f for f in found if f.strip()]


def units(root, build):
    try:
        with open(os.path.join(build, 'compile_commands.json'), encoding='utf-8') as f:
            entries = json.load(f)
    except FileNotFoundError:
        sys.exit(f'{build}/compile_commands.json is not there; run script/build first')
    known = set(csource.files(root))
    found = {}
    for entry in entries:
        unit = Unit(root, entry)
        if unit.path.startswith(DIRS) and unit.path in known:
            found.setdefault(unit.path, unit)
    return [found[p] for p in sorted(found)]


def main():
    root = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
    parser = argparse.ArgumentParser()
    parser.add_argument('tool', choices=sorted(COMMANDS))
    parser.add_argument('--program')
    parser.add_argument('--build', default=os.path.join(root, 'build'))
    args = parser.parse_args()
    program = args.program or args.tool
    home = os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache')
    cache = os.path.join(home, 'autarky/lint')
    os.makedirs(cache, exist_ok=True)
    settings = version(args.tool, program)
    todo = units(root, os.path.abspath(args.build))

    def one(unit):
        command = COMMANDS[args.tool](program, unit)
        return cached(unit, args.tool, command, os.path.join(cache, unit.key(settings)))

    seen = {}
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for said in pool.map(one, todo):
            for finding in findings(said):
                seen.setdefault(finding.splitlines()[0], finding)
    forget_old(cache)
    print('\n'.join(seen.values()), end='\n' if seen else '')
    return 1 if seen else 0


if __name__ == '__main__':
    sys.exit(main())
