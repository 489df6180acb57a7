"""What the checks share: the fixtures' folder, the built zoo-tool, how outputs are compared."""

import os
import subprocess
from datetime import datetime
from pathlib import Path

import numpy as np

REPOSITORY = Path(__file__).resolve().parent.parent

# Relative tolerance, and absolute tolerance as a share of the largest expected value.
TOLERANCES = {"f32": 1e-4, "f16": 2e-3, "int8": 2e-2}


def fixtures():
    return Path(os.environ.get("ZOO_FIXTURES") or REPOSITORY / ".build-fixtures")


def zoo_tool():
    """The release build unless $ZOO_TOOL names another."""
    path = os.environ.get("ZOO_TOOL") or REPOSITORY / ".build/release/zoo-tool"
    if not Path(path).exists():
        raise SystemExit(f"{path}: no such program; build it with: swift build -c release")
    return str(path)


def announce():
    """Says which program is checked, and of when: an old build's outcome is no outcome."""
    path = zoo_tool()
    print(f"checking {path}, built {datetime.fromtimestamp(os.path.getmtime(path)):%Y-%m-%d %H:%M:%S}", flush=True)


def run_tool(*arguments, isa=None, timeout=600):
    """Runs zoo-tool; a CompletedProcess with text output."""
    environment = dict(os.environ)
    if isa:
        environment["ZOO_ISA"] = isa
    command = [zoo_tool(), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=timeout)


def instruction_sets():
    """Those that this CPU can run, the weakest first."""
    flags = Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").exists() else ""
    sets = ["portable"]
    if "avx2" in flags and "fma" in flags:
        sets.append("avx2")
    if "avx512vl" in flags and "avx512_vnni" in flags:
        sets.append("avx512")
    return sets


def difference(got, want, kind="f32"):
    """(how far off as a multiple of what is tolerated, a sentence if more than 1)."""
    if got.shape != want.shape:
        return np.inf, f"shape {got.shape}, expected {want.shape}"
    if got.dtype != want.dtype:
        return np.inf, f"type {got.dtype}, expected {want.dtype}"
    if got.size == 0:
        return 0.0, ""
    if want.dtype.kind not in "fc":
        wrong = np.flatnonzero((got != want).ravel())
        return (np.inf, f"{wrong.size} of {got.size} elements differ") if wrong.size else (0.0, "")
    a, b = got.astype(np.float64), want.astype(np.float64)
    odd = ~np.isfinite(b)
    if not np.array_equal(a[odd], b[odd], equal_nan=True) or not np.isfinite(a[~odd]).all():
        return np.inf, "NaN or infinity in different places"
    a, b = np.where(odd, 0, a), np.where(odd, 0, b)
    tolerance = TOLERANCES[kind]
    allowed = tolerance * np.abs(b) + tolerance * max(np.abs(b).max(), 1e-30)
    ratio = np.abs(a - b) / allowed
    worst = int(ratio.argmax())
    place = np.unravel_index(worst, ratio.shape)
    sentence = f"at {[int(i) for i in place]}: got {a.ravel()[worst]:.7g}, expected {b.ravel()[worst]:.7g}"
    return float(ratio.ravel()[worst]), sentence if ratio.ravel()[worst] > 1 else ""
