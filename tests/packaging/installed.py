"""Fresh environments for tests of what is installed: no network, and no checkout in them."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

from twisted.trial.unittest import TestCase

from tests.folders import makeFolder

ROOT = Path(__file__).resolve().parent.parent.parent

_IGNORED = shutil.ignore_patterns(
    "__pycache__", "*.egg-info", "build", "dist", "dropin.cache", ".git", ".venv", ".*_cache"
)

#: Below pip's own patience; a build takes some seconds.
_SECONDS = 120


class InstalledCase(TestCase):
    """A virtual environment in which the tests' own packages can be imported, but not tapiproxy."""

    def setUp(self):
        self.folder = makeFolder(self)
        home = self.folder / "venv"
        venv.create(home, with_pip=False)
        self.python = home / "bin" / "python"
        packages = home / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}"
        # Twisted and its friends, and setuptools; .pth files in there (an editable install of the
        # checkout) are not followed.
        (packages / "site-packages" / "outer.pth").write_text(sysconfig.get_path("purelib") + "\n")

    def copyOfCheckout(self):
        """A checkout as it is cloned: what builds leave behind is not in it."""
        copy = self.folder / "checkout"
        copy.mkdir()
        for name in ("tapiproxy", "plugins", "twisted"):
            shutil.copytree(ROOT / name, copy / name, symlinks=True, ignore=_IGNORED)
        for name in ("setup.cfg", "pyproject.toml"):
            shutil.copy(ROOT / name, copy / name)
        return copy

    def install(self, *arguments):
        """Have pip install something, from here alone."""
        pip = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
        alone = ("--no-index", "--no-deps", "--no-build-isolation")
        self.run_(*pip, "--python", self.python, "install", *alone, *arguments)

    def twistd(self, *arguments):
        """Run twistd in the environment; what it printed."""
        program = "from twisted.scripts.twistd import run; run()"
        return self.run_(self.python, "-c", program, "-n", *arguments)

    def run_(self, *command, **environment):
        """Run a program outside of any checkout; what it printed."""
        away = self.folder / "away"
        away.mkdir(exist_ok=True)
        done = subprocess.run(
            [str(word) for word in command],
            cwd=away,
            env={**os.environ, "PYTHONPATH": "", "HOME": str(away), **environment},
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout
