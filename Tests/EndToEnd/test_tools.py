"""Every program that the build, the tests or the product call is in .ci/tools.txt, and its package in a list."""

import ast
import re
import shutil
import subprocess

import pytest

from harness import REPOSITORY

# Words in the tests that are names of programs too, and mean something else.
WORDS = {"as", "fallocate", "file", "go", "kill", "link", "look", "more", "nologin", "openssl", "passwd", "perf", "size", "su", "tail", "time", "w", "write", "x86_64"}
PLACES = "/usr/bin:/usr/sbin:/bin:/sbin"
LISTS = (".ci/packages.txt", "Tests/EndToEnd/packages.txt", ".ci/fresh-packages.txt")
# Builtins and keywords of the shell.
SHELL = {"case", "cd", "command", "continue", "do", "done", "echo", "elif", "else", "esac", "exec", "exit", "export", "fi", "for",
         "if", "kill", "local", "return", "set", "shift", "then", "time", "trap", "until", "wait", "while", "printf", "test", "true"}


def table():
    """The programs of each package, and the packages that every Debian has."""
    packages, everywhere = {}, set()
    for line in (REPOSITORY / ".ci/tools.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            package, *tools = line.split()
            packages[package.rstrip("*")] = set(tools)
            if package.endswith("*"):
                everywhere.add(package.rstrip("*"))
    return packages, everywhere


def listed():
    lines = [line for name in LISTS for line in (REPOSITORY / name).read_text().splitlines()]
    return {line.split()[0] for line in lines if line and not line.startswith("#")}


def first_word(text):
    word = text.split()[0] if text.split() else ""
    return re.sub(r"^(/usr)?/s?bin/", "", word)


def called_by_python():
    """The first words of strings that are names of programs on this machine."""
    for path in sorted((REPOSITORY / "Tests/EndToEnd").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and "\n" not in node.value:
                word = first_word(node.value)
                if re.fullmatch(r"[a-z][a-z0-9_+.-]*", word) and word not in WORDS and path.name != "test_tools.py":
                    yield word, path


def called_by_swift():
    """What is run by name or by path."""
    names = r'Tool\("([\w-]+)"|arguments: "([a-z][\w+-]*) |"/(?:usr/)?s?bin/([a-z][\w+-]*)"|arguments = \["([\w-]+)"'
    for folder in ("Sources", "Tests"):
        for path in sorted((REPOSITORY / folder).rglob("*.swift")):
            for match in re.finditer(names, path.read_text()):
                yield next(filter(None, match.groups())), path


def called_by_shell():
    """What begins a line or stands behind a pipe, in scripts and recipes."""
    scripts = [path for path in (REPOSITORY / ".ci").iterdir() if path.read_bytes().startswith(b"#!/usr/bin/env bash")]
    recipes = [REPOSITORY / "Makefile", *(REPOSITORY / "examples").rglob("Makefile"), *(REPOSITORY / "examples").rglob("demo")]
    for path in scripts + recipes:
        for match in re.finditer(r"(?:^\s+@?!?\s*|[|;&] *|\$\()([a-z][a-z0-9_+-]*)(?= )", path.read_text(), re.MULTILINE):
            if match[1] not in SHELL:
                yield match[1], path


def test_every_program_that_is_called_is_in_the_table():
    known = set().union(*table()[0].values())
    called = [*called_by_python(), *called_by_swift(), *called_by_shell()]
    assert {"gdb", "xxhsum", "ssh", "objcopy"} <= {word for word, _ in called}, "the search finds nothing"
    unknown = {f"{word} ({path.relative_to(REPOSITORY)})" for word, path in called
               if word not in known | WORDS and shutil.which(word, path=PLACES)}
    assert not unknown, f"not in .ci/tools.txt: {sorted(unknown)}"


def test_every_package_of_the_table_is_installed_by_a_list():
    packages, everywhere = table()
    assert not packages.keys() - everywhere - listed(), "in no list of packages"


def test_the_programs_are_of_their_packages():
    if not shutil.which("dpkg-query"):
        pytest.skip("this is no Debian")
    for package, tools in table()[0].items():
        found = subprocess.run(["dpkg-query", "-L", package], capture_output=True, text=True)
        if found.returncode == 0:
            files = {line.rsplit("/", 1)[1] for line in found.stdout.splitlines() if "/" in line}
            # Names that alternatives give: awk, java, pkg-config.
            missing = {tool for tool in tools - files if not shutil.which(tool)}
            assert not missing, f"{package} has no {missing}"
