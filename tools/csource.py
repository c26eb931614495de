# SPDX-License-Identifier: Apache-2.0
"""What the checks need to know about a C file: a small lexer, its functions, and the list of files.

It reads the subset of C that CONTRIBUTING.md describes, as clang-format leaves it; it is not a
compiler. A file that it cannot follow is reported, never skipped.
"""
import os
import re
import subprocess

LITERAL = re.compile(
    r'/\*.*?\*/|//(?:\\\n|[^\n])*'  # comments
    r'|(?<!\w)\.?\d(?:\'?[\w.])*'  # numbers first: 1'000 holds no character literal
    r'|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'',
    re.S,
)
DIRECTIVE = re.compile(r'^[ \t]*#(?:\\\n|[^\n])*', re.M)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"\n]+)"|<([^>\n]+)>)', re.M)
TOKEN = re.compile(r'[A-Za-z_]\w*|\.?\d(?:\'?[\w.])*|"[^"]*"|\'[^\']*\'|\[\[|&&|\|\||->|\S')
IDENT = re.compile(r'[A-Za-z_]\w*')
FOREACH = re.compile(r'\w*(?:FOREACH|foreach)\w*')
PAIRS = {'(': ')', '[': ']', '{': '}'}
LOOPS = ('for', 'while', 'switch')
SKIPPED_DIRS = {'.git', '.deps', 'node_modules', '__pycache__', 'data'}


CANNOT_PARSE = 'write it plainly, or teach tools/csource.py'


class CannotParse(Exception):
    def __init__(self, line, what):
        super().__init__(what)
        self.line = line


def blank(text):
    return re.sub(r'[^\n]', ' ', text)


class Function:
    """One function definition and the figures that have a budget."""

    def __init__(self, name, line, params):
        self.name, self.line, self.params = name, line, params
        self.end = line
        self.nesting = 0
        self.cyclomatic = 1
        self.words = set()

    @property
    def length(self):
        return self.end - self.line + 1


class Source:
    """A C file: `text`, the same without comments (`bare`), also without literals (`code`)."""

    def __init__(self, path, text):
        self.path, self.text = path, text
        self.lines = text.split('\n')[:-1] if text.endswith('\n') else text.split('\n')
        self.comments = []
        self.bare = LITERAL.sub(lambda m: self._replace(m, False), text)
        self.code = LITERAL.sub(lambda m: self._replace(m, True), text)
        self.includes = [
            (self.line_at(m.start()), m[1] or m[2], m[2] is not None)
            for m in INCLUDE.finditer(self.bare)
        ]
        self.directives = [
            (self.line_at(m.start()), m[0].strip()) for m in DIRECTIVE.finditer(self.code)
        ]

    def _replace(self, match, literals):
        found = match[0]
        if found.startswith('/'):
            if literals:
                self.comments.append((self.line_at(match.start()), found))
            return blank(found)
        if literals and found[0] in '"\'':
            return found[0] + blank(found[1:-1]) + found[-1]
        return found

    def line_at(self, offset):
        return self.text.count('\n', 0, offset) + 1

    def tokens(self):
        """The tokens with their lines: no directives, no attributes."""
        code = DIRECTIVE.sub(lambda m: blank(m[0]), self.code)
        raw, line, at = [], 1, 0
        for m in TOKEN.finditer(code):
            line += code.count('\n', at, m.start())
            at = m.start()
            raw.append((m[0], line))
        kept, i = [], 0
        while i < len(raw):
            if raw[i][0] == '[[':
                i = skip_group(raw, i)
            elif raw[i][0] in ('__attribute__', '_Alignas', 'alignas'):
                i = skip_group(raw, i + 1)
            else:
                kept.append(raw[i])
                i += 1
        return kept

    def functions(self):
        return Parser(self.tokens()).file()


def skip_group(tokens, i):
    """The index behind the group that opens at `i`."""
    depth, start = 0, i
    while i < len(tokens):
        t = tokens[i][0]
        depth += (
            (2 if t == '[[' else 1) if t in ('[[', *PAIRS) else -1 if t in PAIRS.values() else 0
        )
        i += 1
        if depth == 0:
            return i
    raise CannotParse(tokens[min(start, len(tokens) - 1)][1], 'a bracket is never closed')


class Parser:
    """Recursive descent over statements; expressions are only counted through."""

    def __init__(self, tokens):
        self.t, self.i, self.f = tokens, 0, None

    def peek(self, ahead=0):
        i = self.i + ahead
        return self.t[i][0] if i < len(self.t) else ''

    def line(self):
        return self.t[min(self.i, len(self.t) - 1)][1]

    def file(self):
        found, head = [], []
        while self.i < len(self.t):
            tok = self.peek()
            if tok == ';':
                head = []
                self.i += 1
            elif tok == '{':
                started = self.head(head)
                if started:
                    found.append(self.function(started))
                    head = []
                else:
                    self.i = skip_group(self.t, self.i)
            elif tok in '([' or tok == '[[':
                end = skip_group(self.t, self.i)
                head.append((self.t[self.i : end], self.line()))
                self.i = end
            elif tok in ')]}':
                raise CannotParse(self.line(), f'unexpected "{tok}"')
            else:
                head.append((tok, self.line()))
                self.i += 1
        return found

    def head(self, head):
        """The function that `head` declares, or None if it is a type or an initialiser."""
        if len(head) < 2 or not isinstance(head[-1][0], list) or ('=' in (t for t, _ in head)):
            return None
        group, (name, line) = head[-1][0], head[-2]
        if isinstance(name, list):  # void (*f(int a))(int): the name is inside
            inner = [
                k
                for k, (t, _) in enumerate(name[:-1])
                if IDENT.fullmatch(t) and name[k + 1][0] == '('
            ]
            if not inner:
                return None
            group = name[inner[0] + 1 : skip_group(name, inner[0] + 1)]
            name, line = name[inner[0]]
        if group[0][0] != '(' or not IDENT.fullmatch(name):
            return None
        return Function(name, line, count_params(group))

    def function(self, f):
        self.f, start = f, self.i
        self.block(0)
        f.end = self.t[self.i - 1][1]
        f.words = {t for t, _ in self.t[start : self.i]}
        return f

    def block(self, depth):
        self.f.nesting = max(self.f.nesting, depth)
        self.i += 1
        while self.peek() != '}':
            if not self.peek():
                raise CannotParse(self.line(), f'the body of {self.f.name}() is never closed')
            self.statement(depth)
        self.i += 1

    def statement(self, depth):
        tok = self.peek()
        if tok == '{':
            self.block(depth + 1)
        elif tok == 'if':
            self.branch(depth)
        elif tok in LOOPS or (FOREACH.fullmatch(tok) and self.peek(1) == '('):
            self.i += 1
            self.f.cyclomatic += tok != 'switch'
            self.group()
            self.body(depth)
        elif tok == 'do':
            self.i += 1
            self.f.cyclomatic += 1
            self.body(depth)
            self.i += 1
            self.simple(depth)
        elif tok in ('case', 'default') or (IDENT.fullmatch(tok) and self.peek(1) == ':'):
            self.labels()
        elif tok in ('else', ')', ']'):
            raise CannotParse(self.line(), f'unexpected "{tok}" in {self.f.name}()')
        else:
            self.simple(depth)

    def branch(self, depth):
        while True:
            self.i += 1
            self.f.cyclomatic += 1
            self.group()
            self.body(depth)
            if self.peek() != 'else':
                return
            self.i += 1
            if self.peek() != 'if':
                return self.body(depth)

    def labels(self):
        """Labels that follow one another are one way in, however many values they list."""
        decides = 0
        while True:
            if self.peek() == 'case':
                decides = 1
                while self.peek() not in (':', ''):
                    self.i = skip_group(self.t, self.i) if self.peek() == '(' else self.i + 1
            elif not (IDENT.fullmatch(self.peek()) and self.peek(1) == ':'):
                break
            else:
                self.i += 1
            self.i += 1
        self.f.cyclomatic += decides

    def body(self, depth):
        """A body counts as a level if it is a block or holds a further statement with a body."""
        nested = self.peek() in ('if', 'do', *LOOPS) or FOREACH.fullmatch(self.peek())
        if nested:
            self.f.nesting = max(self.f.nesting, depth + 1)
        self.statement(depth + 1 if nested else depth)

    def group(self):
        if self.peek() != '(':
            raise CannotParse(self.line(), f'expected "(" in {self.f.name}()')
        self.expression(skip_group(self.t, self.i), 0)

    def simple(self, depth):
        i = self.i
        while i < len(self.t) and self.t[i][0] != ';':
            if (
                self.t[i][0] == '{'
                and i > self.i + 1
                and self.t[i - 1][0] == ')'
                and i == self.macro_end()
            ):
                self.f.cyclomatic += 1  # MACRO(...) { ... }: a loop by another name
                self.expression(i, depth)
                return self.block(depth + 1)
            i = skip_group(self.t, i) if self.t[i][0] in PAIRS else i + 1
            if i < len(self.t) and self.t[i][0] == '}':
                raise CannotParse(self.t[i][1], f'a statement of {self.f.name}() has no ";"')
        self.expression(i + 1, depth)

    def macro_end(self):
        if IDENT.fullmatch(self.peek()) and self.peek() != 'return' and self.peek(1) == '(':
            return skip_group(self.t, self.i + 1)
        return -1

    def expression(self, end, depth):
        """Counts the decisions up to `end`; goes into ({ statement expressions })."""
        while self.i < end:
            tok = self.peek()
            if tok == '(' and self.peek(1) == '{':
                self.i += 1
                self.block(depth + 1)
            else:
                self.f.cyclomatic += tok in ('&&', '||', '?')
                self.i += 1


def count_params(group):
    inner, depth, count = group[1:-1], 0, 1
    if not inner or [t for t, _ in inner] == ['void']:
        return 0
    for t, _ in inner:
        depth += t in PAIRS
        depth -= t in PAIRS.values()
        count += t == ',' and depth == 0
    return count - (len(inner) > 3 and all(t == '.' for t, _ in inner[-3:]))


def files(root, under=()):
    """The files of the repository that git does not ignore, relative to root and sorted."""
    got = subprocess.run(
        ['git', '-C', root, 'ls-files', '-z', '-co', '--exclude-standard', '--', *under],
        capture_output=True,
        text=True,
        check=False,
    )
    if got.returncode == 0:
        names = {n for n in got.stdout.split('\0') if n and os.path.isfile(os.path.join(root, n))}
        return sorted(names)
    names = []
    for base, dirs, here in os.walk(root):
        dirs[:] = [
            d
            for d in dirs
            if d not in SKIPPED_DIRS and not (base == root and d.startswith('build'))
        ]
        names += [os.path.relpath(os.path.join(base, n), root) for n in here]
    return sorted(n for n in names if not under or n.split('/')[0] in under)


def load(root, path):
    with open(
        os.path.join(root, path), encoding='utf-8', errors='surrogateescape', newline=''
    ) as f:
        return Source(path, f.read())


def c_files(root, under):
    return [load(root, n) for n in files(root, under) if n.endswith(('.c', '.h'))]
