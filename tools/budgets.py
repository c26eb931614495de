#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the sizes of files and functions. Usage: budgets.py [ROOT]

Past the soft limit a line in tools/budgets.allow has to name the figure and the reason; past the
hard limit nothing helps. The list only shrinks: an entry that is looser than it has to be is an
error too. Test code has the hard limits alone, since its tables and cases grow in one direction.
"""
import os
import sys

import csource

# metric: (soft, hard); hard None: what tools/budgets.allow says.
SOURCE = {
    'lines': (600, 1000),
    'header-lines': (200, None),
    'columns': (100, 100),
    'length': (60, 100),
    'main-length': (40, 60),
    'params': (6, None),
    'nesting': (3, None),
    'cyclomatic': (15, 25),
}
TESTS = {
    **SOURCE,
    'lines': (1000, 1000),
    'header-lines': (400, None),
    'length': (100, 100),
    'main-length': (100, 100),
    'cyclomatic': (25, 25),
}
FUZZ = {**SOURCE, 'lines': (40, 40)}
CURE = {
    'lines': 'split the file',
    'header-lines': 'split the module or move internals to a _int.h',
    'columns': 'break the line',
    'length': 'split the function',
    'main-length': 'move work out of main()',
    'params': 'pass a struct',
    'nesting': 'return early or move the inner part into a function',
    'cyclomatic': 'split it, or let a table decide',
}


def profile(path):
    if path.startswith('tests/'):
        return TESTS
    if path.startswith('fuzz/fuzz_') and path.endswith('.c'):
        return FUZZ
    return SOURCE


def measure(source):
    """Yields (line, function or '-', metric, value) for all that has a budget."""
    header = source.path.endswith('.h')
    yield 1, '-', 'header-lines' if header else 'lines', len(source.lines)
    for n, line in enumerate(source.lines, 1):
        yield n, '-', 'columns', len(line)
    for f in source.functions():
        yield f.line, f.name, 'main-length' if f.name == 'main' else 'length', f.length
        yield f.line, f.name, 'params', f.params
        yield f.line, f.name, 'nesting', f.nesting
        yield f.line, f.name, 'cyclomatic', f.cyclomatic


class Allowed:
    """tools/budgets.allow: lines of `path function metric limit reason`, `-` for no function."""

    def __init__(self, name, text):
        self.name, self.entries, self.wrong = name, {}, []
        for n, line in enumerate(text.splitlines(), 1):
            if not line.strip() or line.startswith('#'):
                continue
            parts = line.split(None, 4)
            if len(parts) < 5 or parts[2] not in SOURCE or not parts[3].isdigit():
                self.wrong.append(
                    f'{name}:{n}: [format] expected: path function metric limit reason'
                )
                continue
            key = tuple(parts[:3])
            if key in self.entries:
                self.wrong.append(
                    f'{name}:{n}: [format] a second entry for {" ".join(key)}; keep one'
                )
            self.entries[key] = (n, int(parts[3]))

    def leftovers(self, seen):
        """Complaints about entries, given the worst value that was met for each key."""
        for key, (n, limit) in self.entries.items():
            what = f'{self.name}:{n}: [allow] {" ".join(key)}'
            if key not in seen:
                yield f'{what}: not there or within its budget; delete the line'
            elif seen[key] < limit:
                yield f'{what}: it is {seen[key]} now; lower the limit {limit} to it'


def judge(source, allowed, seen):
    limits = profile(source.path)
    for line, name, metric, value in measure(source):
        soft, hard = limits[metric]
        if value <= soft:
            continue
        key = (source.path, name, metric)
        seen[key] = max(value, seen.get(key, 0))
        _, granted = allowed.entries.get(key, (0, soft))
        limit = granted if hard is None else min(granted, hard)
        if value > limit:
            what = metric if name == '-' else f'{name}(): {metric}'
            kind = 'hard' if hard is not None and value > hard else 'limit'
            yield f'{source.path}:{line}: [{metric}] {what} {value}, {kind} {limit}; {CURE[metric]}'


def check(sources, allowed):
    seen = {}
    for source in sources:
        try:
            yield from judge(source, allowed, seen)
        except csource.CannotParse as e:
            yield f'{source.path}:{e.line}: [parse] {e}; {csource.CANNOT_PARSE}'
    yield from allowed.wrong
    yield from allowed.leftovers(seen)


def main():
    root = (
        sys.argv[1]
        if len(sys.argv) > 1
        else os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    )
    name = 'tools/budgets.allow'
    with open(os.path.join(root, name), encoding='utf-8') as f:
        allowed = Allowed(name, f.read())
    found = list(check(csource.c_files(root, ['src', 'tests', 'fuzz', 'bench']), allowed))
    print('\n'.join(found), end='\n' if found else '')
    return 1 if found else 0


if __name__ == '__main__':
    sys.exit(main())
