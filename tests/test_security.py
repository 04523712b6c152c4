#!/usr/bin/python3
"""Whatever docs/security.md names as a mechanism or a test is there."""
import glob
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TESTS = re.compile(r"^TEST\((\w+)\)|^void test_store_(\w+)\(|^def (\w+)\(", re.M)


def names_of_tests():
    names = set()
    for pattern in ("src/**/*_test.c", "src/store/test_store*.c", "sim/*_test.c", "tests/*.c", "tests/**/*.py"):
        for path in glob.glob(os.path.join(ROOT, pattern), recursive=True):
            with open(path, encoding="utf-8") as file:
                names.update(name for found in TESTS.findall(file.read()) for name in found if name)
    return names


def rows(page):
    for number, line in enumerate(page.splitlines(), 1):
        cells = line.split(" | ")
        if line.startswith("| ") and len(cells) == 4 and cells[0] != "| attack":
            yield number, cells


def main():
    with open(os.path.join(ROOT, "docs/security.md"), encoding="utf-8") as file:
        page = file.read()
    tests, wrong, n_rows = names_of_tests(), [], 0
    for number, (_, _, by, shown) in rows(page):
        n_rows += 1
        files = [word for word in re.findall(r"`([^`]+)`", by) if word.endswith(".c")]
        wrong += ["%d: no src/%s" % (number, path) for path in files if not os.path.exists(os.path.join(ROOT, "src", path))]
        named = re.findall(r"`([^`]+)`", shown)
        wrong += ["%d: nothing shows it" % number] * (not named)
        wrong += ["%d: no test %s" % (number, name) for name in named
                  if not (os.path.exists(os.path.join(ROOT, name)) if "/" in name else name in tests)]
    if n_rows < 35 or "nothing_is_taken_twice" not in tests:
        wrong.append("too little was found to compare: %d rows, %d tests" % (n_rows, len(tests)))
    print("\n".join(wrong) or "%d rows, all of it is there" % n_rows)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
