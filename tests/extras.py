"""Extras that the line `pip install -e '.[test]'` leaves out: what needs one skips without it."""

import importlib.util

import pytest

#: It has to be built.
needsGSSAPI = pytest.mark.skipif(
    importlib.util.find_spec("gssapi") is None,
    reason="python-gssapi is missing: pip install -e '.[kerberostest]'",
)
