#!/usr/bin/python3
# release
# timeout 900
"""The same with the libraries as they are released: optimised across files, and small enough (SIZE_LIMIT)."""
import test_install  # noqa: F401 - importing it runs it
