#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Checks every #include of src/ against tools/layers.toml. Usage: layers.py [ROOT]"""
import fnmatch
import os
import re
import sys
import tomllib

import csource


class Rules:
    def __init__(self, text):
        data = tomllib.loads(text)
        self.level, self.may = {}, {}
        self.common, self.only, self.apart = data['common'], data['only'], data['apart']
        self.link, self.less = data['link']['levels'], data['link']['less']
        self.limits, self.libc, self.libraries = data['limits'], data['libc'], data['library']
        for n in range(8):
            for folder, may in data[f'L{n}'].items():
                self.level[folder] = n
                self.may[folder] = list(may)
        for folder, may in self.may.items():
            if '*' in may:
                may[:] = [f for f in self.level if self.level[f] < self.level[folder]]
            if folder not in self.common:
                shared = [f for f, n in data['from_level'].items() if self.level[folder] >= n]
                may += [f for f in self.common + shared if f not in may]

    def problems(self):
        """What is wrong with the table itself."""
        for folder, may in self.may.items():
            for f in may:
                if f not in self.level:
                    yield f'{folder} may include {f}, which has no line of its own'
                elif self.level[f] > self.level[folder]:
                    levels = f'L{self.level[folder]} to L{self.level[f]}'
                    yield f'{folder} may include {f}: upward, {levels}'
        cycle = find_cycle(self.may)
        if cycle:
            yield f'the table allows a cycle: {" -> ".join(cycle)}; take one of its arrows out'
        for folder in self.apart['folders']:
            for f in sorted(reachable(self.may, folder) & set(self.apart['never'])):
                yield f'{folder} could reach {f} through what it may include'

    def link_level(self, name):
        """The level of that static library, and the libraries that it may link with; None: it has none."""
        if name in self.less:
            return self.less[name]['level'], set(self.less[name]['with'])
        if name not in self.link:
            return None, set()
        level = self.link.index(name)
        less = {n for n, lib in self.less.items() if lib['level'] <= level}
        return level, {*self.link[:level], *less}

    def library(self, header):
        """The [[library]] of a system header; {} for libc's; None if nobody declared it."""
        for lib in self.libraries:
            if matches(header, lib['headers']):
                return lib
        return {} if matches(header, self.libc['headers']) else None


def matches(name, patterns):
    return any(fnmatch.fnmatchcase(name, p) for p in patterns)


def reachable(graph, start):
    seen, todo = set(), [start]
    while todo:
        for f in graph.get(todo.pop(), ()):
            if f not in seen:
                seen.add(f)
                todo.append(f)
    return seen


def find_cycle(graph):
    for start in sorted(graph):
        paths = [[start]]
        seen = set()
        while paths:
            path = paths.pop(0)
            for f in sorted(graph.get(path[-1], ())):
                if f == start:
                    return [*path, f]
                if f not in seen:
                    seen.add(f)
                    paths.append([*path, f])
    return None


def check_own(rules, folder, name, paths):
    """Complaints about `#include "name"` in a file of `folder`."""
    parts = name.split('/')
    if len(parts) != 2 or not name.endswith('.h'):
        return 'include a header by its path from src/: "folder/file.h"'
    target = parts[0]
    if f'src/{name}' not in paths:
        return f'there is no src/{name}'
    if target == folder:
        return None
    if name.endswith('_int.h'):
        return f'{name} is internal to {target}/; use the header that {target}/ has for others'
    if target in rules.only and folder not in rules.only[target]:
        return f'nothing includes {target}/; move what is shared into a lower folder'
    if folder in rules.apart['folders'] and target in rules.apart['never']:
        return f'{folder}/ links without {target}/; pass the data in, or ask by an ipc message'
    if target not in rules.level:
        return f'{target}/ has no line in tools/layers.toml; give it one'
    if target not in rules.may[folder]:
        here, there = rules.level[folder], rules.level[target]
        cure = (
            'move the shared part down, or let the lower side take a callback'
            if there >= here
            else 'go through a folder that may, or change layers.toml and ARCHITECTURE.md together'
        )
        return f'{folder}/ (L{here}) may not include {target}/ (L{there}); {cure}'
    return None


def check_system(rules, folder, header):
    lib = rules.library(header)
    if lib is None:
        return (
            f'<{header}> belongs to no library that tools/layers.toml knows; declare who wraps it'
        )
    if lib and folder not in lib['folders']:
        who = ', '.join(f'{f}/' for f in lib['folders']) or 'nobody'
        return f'<{header}> is for {who}, not {folder}/; {lib["instead"]}'
    return None


def check_sizes(rules, folder, sources):
    sizes = {'.c files': sum(s.path.endswith('.c') for s in sources)}
    sizes['lines'] = sum(len(s.lines) for s in sources)
    limits = {**rules.limits, **rules.limits['except'].get(folder, {})}
    for what, limit in (('.c files', limits['files']), ('lines', limits['lines'])):
        if sizes[what] > limit:
            yield f'src/{folder}:1: [size] {sizes[what]} {what}, limit {limit}; split the folder'


def check_link(rules, build):
    """src/meson.build: a folder is in its level's library, a library links only with lower ones."""
    for m in re.finditer(r'^lib_(\w+) = static_library\((.*?)\)$', build, re.M | re.S):
        where = f'src/meson.build:{build.count(chr(10), 0, m.start()) + 1}: [link]'
        level, below = rules.link_level(m[1])
        if level is None:
            yield f'{where} lib_{m[1]} has no level; name it under [link] in tools/layers.toml'
            continue
        for folder in re.findall(r'\b(\w+?)(?:_shared)?_src\b', m[2]):
            if rules.level.get(folder) != level:
                yield f'{where} {folder}/ is not of level {level}; move it to its own'
            if (folder in rules.apart['folders']) != (m[1] == 'apart'):
                yield f'{where} {folder}/ in lib_{m[1]}; those of [apart], and no others, are lib_apart'
        for other in re.findall(r'\blink_(\w+)\b', m[2]):
            if other not in below:
                yield f'{where} lib_{m[1]} links with {other}, which is not below it; take it out'


def check_lists(folder, build, sources):
    """src/FOLDER/meson.build: every .c file is compiled."""
    listed = set(re.findall(r"'(\w+\.c)'", build))
    there = {s.path.split('/')[2] for s in sources if s.path.endswith('.c')}
    for name in sorted(there - listed):
        yield f'src/{folder}/meson.build:1: [link] {name} is not listed; add it'


def check(rules, sources, builds):
    """All complaints about the C files of src/ and its meson.build files (`builds`, by path)."""
    yield from (f'tools/layers.toml:1: [table] {p}' for p in rules.problems())
    yield from check_link(rules, builds.get('src/meson.build', ''))
    paths = {s.path for s in sources}
    folders, graph = {}, {}
    for s in sources:
        parts = s.path.split('/')
        if len(parts) != 3:
            yield f'{s.path}:1: [place] sources are src/FOLDER/FILE; move it into a folder'
        elif parts[1] not in rules.level:
            yield f'{s.path}:1: [place] {parts[1]}/ has no line in tools/layers.toml; give it one'
        else:
            folders.setdefault(parts[1], []).append(s)
    for folder, members in sorted(folders.items()):
        for s in members:
            for line, name, system in s.includes:
                wrong = (
                    check_system(rules, folder, name)
                    if system
                    else check_own(rules, folder, name, paths)
                )
                if wrong:
                    yield f'{s.path}:{line}: [include] {wrong}'
                if not system and name.split('/')[0] != folder:
                    graph.setdefault(folder, set()).add(name.split('/')[0])
        yield from check_sizes(rules, folder, members)
        yield from check_lists(folder, builds.get(f'src/{folder}/meson.build', ''), members)
    cycle = find_cycle(graph)
    if cycle:
        yield f'src/{cycle[0]}:1: [cycle] {" -> ".join(cycle)}; turn one arrow into a callback'


def main():
    root = (
        sys.argv[1]
        if len(sys.argv) > 1
        else os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    )
    with open(os.path.join(root, 'tools/layers.toml'), encoding='utf-8') as f:
        rules = Rules(f.read())
    builds = {
        n: csource.load(root, n).text
        for n in csource.files(root, ['src'])
        if n.endswith('meson.build')
    }
    found = list(check(rules, csource.c_files(root, ['src']), builds))
    print('\n'.join(found), end='\n' if found else '')
    return 1 if found else 0


if __name__ == '__main__':
    sys.exit(main())
