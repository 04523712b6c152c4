#!/usr/bin/python3
# release
"""Every structure of kad/_native.py has the size and the offsets that the C compiler gives it, nested ones included."""
import ctypes
import os
import subprocess
import sys
import tempfile
import unittest

PYTHON = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOT = os.path.dirname(os.path.dirname(PYTHON))
sys.path.insert(0, PYTHON)
from kad import _native as c  # noqa: E402


def structures():
    return [kind for kind in vars(c).values() if isinstance(kind, type) and issubclass(kind, ctypes.Structure)
            and hasattr(kind, "_c_name_")]


def members(kind, prefix="", base=0):
    """(path, offset, size) of each field; anonymous structures of C (no name of their own) are looked into."""
    for name, field_type, *_ in kind._fields_:
        field = getattr(kind, name)
        yield prefix + name, base + field.offset, ctypes.sizeof(field_type)
        if issubclass(field_type, ctypes.Structure) and not hasattr(field_type, "_c_name_"):
            yield from members(field_type, prefix + name + ".", base + field.offset)


class Layout(unittest.TestCase):
    def test_the_compiler_agrees(self):
        lines, n_checks = ["#include <stddef.h>", '#include "kad/kad.h"', '#include "kad/node.h"'], 0
        for kind in structures():
            name = kind._c_name_
            lines.append('_Static_assert(sizeof(%s) == %d, "%s");' % (name, ctypes.sizeof(kind), name))
            for path, offset, size in members(kind):
                lines.append('_Static_assert(offsetof(%s, %s) == %d && sizeof(((%s *)0)->%s) == %d, "%s.%s");' %
                             (name, path, offset, name, path, size, name, path))
                n_checks += 1
        self.assertGreater(n_checks, 150)
        with tempfile.TemporaryDirectory() as folder:
            source = os.path.join(folder, "layout.c")
            with open(source, "w") as file:
                file.write("\n".join(lines) + "\n")
            done = subprocess.run(["cc", "-std=c11", "-fsyntax-only", "-I", os.path.join(ROOT, "include"), source],
                                  stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, 0, done.stderr.decode())

    def test_the_settings_are_those_of_the_header(self):
        subprocess.run([os.path.join(ROOT, "tools", "python-settings"), "--check"], check=True)

    def test_the_version_is_that_of_the_library(self):
        self.assertEqual(c.lib.kad_version(), c.VERSION)


if __name__ == "__main__":
    unittest.main()
