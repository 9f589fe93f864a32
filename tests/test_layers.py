"""Imports point down the layers, and the codec needs no Twisted."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from twisted.trial.unittest import TestCase

ROOT = Path(__file__).resolve().parent.parent

#: From the highest to the lowest; a module's layer is that of the longest prefix it begins with.
LAYERS: dict[str, str] = {
    "tapiproxy.service": "service",
    "tapiproxy.accountnames": "names",
    "tapiproxy.accounts": "service",
    "tapiproxy.failedlogons": "service",
    "tapiproxy.logons": "service",
    "tapiproxy.nthash": "service",
    "tapiproxy.callbacklogon": "service",
    "tapiproxy.passwordfile": "service",
    "tapiproxy.privatefile": "service",
    "tapiproxy.usersfile": "service",
    "tapiproxy.config": "service",
    "tapiproxy.assembly": "service",
    "tapiproxy.changes": "service",
    "tapiproxy.configkeys": "service",
    "tapiproxy.datadirectory": "service",
    "tapiproxy.descriptors": "service",
    "tapiproxy.handlers": "service",
    "tapiproxy.lifecycle": "service",
    "tapiproxy.listeners": "service",
    "tapiproxy.kerberoslogons": "service",
    "tapiproxy.kerberosservice": "service",
    "tapiproxy.listenerauthentication": "service",
    "tapiproxy.ntlmservice": "service",
    "tapiproxy.pipeprincipals": "service",
    "tapiproxy.places": "service",
    "tapiproxy.provisional": "service",
    "tapiproxy.running": "service",
    "tapiproxy.sitecheckers": "service",
    "tapiproxy.cli": "service",
    "tapiproxy.plugins": "backends",
    "tapiproxy.conformance": "kit",
    "tapiproxy.fakes": "kit",
    "tapiproxy.messagecheck": "kit",
    "tapiproxy.samplerequests": "kit",
    "tapiproxy.testing": "kit",
    "tapiproxy.proxy": "broker",
    "tapiproxy.trp": "session",
    "tapiproxy.client": "client",
    "tapiproxy.dcerpc": "runtime",
    "tapiproxy.interfaces": "contract",
    "tapiproxy.errors": "contract",
    "tapiproxy.pins": "contract",
    "tapiproxy.defaults": "contract",
    "tapiproxy.verify": "contract",
    "tapiproxy.control": "service",
    "tapiproxy.tapi": "words",
    "tapiproxy.wbinfo": "service",
    "tapiproxy.winbind": "service",
    "tapiproxy.wire": "codec",
}

#: What each layer may import beside itself.
ALLOWED: dict[str, set[str]] = {
    "service": {
        "service", "backends", "kit", "broker", "session", "client", "runtime", "contract",
        "words", "codec", "names",
    },
    "backends": {"contract", "words", "codec", "names"},
    "kit": {"contract", "words", "codec"},
    "broker": {"session", "contract", "words", "codec"},
    "session": {"runtime", "contract", "words", "codec"},
    "client": {"runtime", "words", "codec", "packets"},
    "runtime": {"names"},
    "contract": {"words"},
    "words": {"codec"},
    "codec": set(),
    "names": set(),
}  # fmt: skip

#: The modules of the session layer that are packets only; the client side uses them too.
PACKETS = (
    "tapiproxy.trp.templates",
    "tapiproxy.trp.requests",
    "tapiproxy.trp.events",
    "tapiproxy.trp.completions",
    "tapiproxy.trp.idl",
)


def layerOf(module: str) -> str:
    """The layer of a module, by the longest prefix."""
    best = max(
        (p for p in LAYERS if module == p or module.startswith(p + ".")), key=len, default=None
    )
    if best is None:
        raise AssertionError(f"{module} has no layer: add it to LAYERS")
    return LAYERS[best]


def modules() -> Iterator[tuple[str, ast.Module]]:
    """Every module of the package with its syntax tree; plugins by their installed name."""
    for top, name in ((ROOT / "tapiproxy", "tapiproxy"), (ROOT / "plugins", "tapiproxy.plugins")):
        for path in sorted(top.rglob("*.py")):
            relative = path.relative_to(top)
            if top.name == "tapiproxy" and relative.parts[0] == "plugins":
                continue
            parts = [*relative.parts[:-1], *([] if path.stem == "__init__" else [path.stem])]
            yield ".".join([name, *parts]), ast.parse(path.read_text(), str(path))


def imports(tree: ast.Module) -> Iterator[str]:
    """The absolute names a module imports, ``from a import b`` as ``a.b``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


class Layers(TestCase):
    """The table of docs/architecture.md, held against the imports."""

    def test_importsPointDown(self) -> None:
        """No module imports a layer that its own may not see."""
        wrong = []
        for module, tree in modules():
            if module == "tapiproxy":
                continue
            layer = layerOf(module)
            for name in imports(tree):
                if not name.startswith("tapiproxy.") or layerOf(name) == layer:
                    continue
                if "packets" in ALLOWED[layer] and name.startswith(PACKETS):
                    continue
                if layerOf(name) not in ALLOWED[layer]:
                    wrong.append(f"{module} ({layer}) imports {name} ({layerOf(name)})")
        self.assertEqual(wrong, [])

    def test_packagesHoldADocstring(self) -> None:
        """An ``__init__`` of ours defines nothing; the plugin packages alone have more to do."""
        for module, tree in modules():
            path = ROOT / module.replace(".", "/") / "__init__.py"
            if path.exists() and not module.startswith("tapiproxy.plugins"):
                rest = [n for n in tree.body if not isinstance(n, ast.Expr)]
                if module != "tapiproxy.trp.requests":
                    self.assertEqual(rest, [], f"{module} does more than explain itself")
                self.assertIsNotNone(ast.get_docstring(tree), module)

    def test_codecAndAssociationNeedNoTwisted(self) -> None:
        """The sans-IO modules import in an interpreter that has no Twisted at all."""
        program = (
            "import sys\n"
            "class No:\n"
            "    def find_spec(self, name, path=None, target=None):\n"
            "        if name.split('.')[0] == 'twisted':\n"
            "            raise ImportError('this module must not need Twisted')\n"
            "sys.meta_path.insert(0, No())\n"
            "import tapiproxy.wire.layout, tapiproxy.tapi.proxyrequest\n"
            "import tapiproxy.dcerpc.pdu, tapiproxy.dcerpc.ndr, tapiproxy.dcerpc.association\n"
            "import tapiproxy.dcerpc.namedpipeauth, tapiproxy.dcerpc.messagemode\n"
            "import tapiproxy.trp.templates, tapiproxy.trp.events, tapiproxy.trp.completions\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60,
            check=False,
        )  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stderr)
