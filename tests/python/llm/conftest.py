"""The application is tested without the C++ engine: where `rosso` cannot be imported as a whole,
its folder stands in for it."""

import importlib
import sys
import types
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(Path(__file__).resolve().parent))

try:
    importlib.import_module("rosso")
except ImportError:
    sys.path.insert(0, str(ROOT / "python"))
    for name in [name for name in sys.modules if name == "rosso" or name.startswith("rosso.")]:
        del sys.modules[name]
    stand_in = types.ModuleType("rosso")
    stand_in.__path__ = [str(ROOT / "python" / "rosso")]
    sys.modules["rosso"] = stand_in
