#!/usr/bin/env python3
"""Write Sources/Zoo/Text/BertUnicodeTables.swift: what the `tokenizers` package does with each Unicode scalar.

Usage: make_bert_tables.py [OUTPUT]

The package's BERT normalizer mixes Unicode versions: general categories of Unicode 8, decompositions of Unicode 9,
case mappings and white space of the Rust that it was built with. So the tables are not taken from any one version,
but asked of the package itself, scalar by scalar, and then checked against it on strings of up to three scalars.
"""

import random
import sys
from pathlib import Path

import tokenizers
from tokenizers import normalizers, pre_tokenizers

OUTPUT = Path(__file__).resolve().parent.parent / "Sources/Zoo/Text/BertUnicodeTables.swift"
SCALARS = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
HANGUL = range(0xAC00, 0xD7A4)

SPACE, DROP, PUNCTUATION, MARK = 1, 2, 4, 8
# Combining classes of scalars that survive the stripping of marks, by their code in bits 4-6. The last code
# stands for any class that is not 0: enough for marks, which vanish.
CLASSES = [0, 7, 9, 216, 224, 226, 230, -1]


def bert(**on):
    names = ["clean_text", "handle_chinese_chars", "strip_accents", "lowercase"]
    return normalizers.BertNormalizer(**{name: name in on for name in names}).normalize_str


CLEAN, STRIP, LOWER = bert(clean_text=1), bert(strip_accents=1), bert(lowercase=1)
NFD = normalizers.NFD().normalize_str
SPLIT = pre_tokenizers.BertPreTokenizer().pre_tokenize_str


def flags_of(c):
    s, flags = chr(c), 0
    words = [word for word, _ in SPLIT(f"a{s}b")]
    if words == ["a", "b"]:
        flags |= SPACE
    elif words == ["a", s, "b"]:
        flags |= PUNCTUATION
    else:
        assert words == [f"a{s}b"], hex(c)
    cleaned = CLEAN(s)
    if cleaned == "":
        flags |= DROP
    else:
        assert cleaned == (" " if flags & SPACE else s), hex(c)
    if STRIP(s) == "":
        flags |= MARK
    return flags


def class_codes():
    """Scalars with a combining class, by bubbling them past scalars whose class is known."""
    low, high = "\u0334", "\u0345"  # classes 1 and 240
    combining = [
        c for c in SCALARS
        if c not in HANGUL and NFD(chr(c)) == chr(c)
        and (NFD(chr(c) + low) != chr(c) + low or NFD(high + chr(c)) != high + chr(c))
    ]
    references = {7: "\u093C", 9: "\u094D", 216: "\u031B", 224: "\u302E", 226: "\U0001D16D", 230: "\u0301"}

    def order(c):  # the number of reference classes that are below, and at most, the class of c
        below = sum(NFD(chr(c) + r) == r + chr(c) != chr(c) + r for r in references.values())
        above = sum(NFD(r + chr(c)) == chr(c) + r != r + chr(c) for r in references.values())
        return below, above

    known = {order(ord(r)): CLASSES.index(k) for k, r in references.items()}
    codes = {}
    for c in combining:
        code = known.get(order(c))
        stripped = STRIP(chr(c)) == ""
        assert stripped or code is not None, hex(c)
        codes[c] = code if code is not None and not stripped else len(CLASSES) - 1
    return codes


def blocks(c):
    """Whether the order of two combining scalars around c is kept: so c, even if it vanishes, ends a run."""
    return STRIP("\U0001E000" + chr(c) + "\u1B44") != "\u1B44\U0001E000"


def ranges(values):
    table = []
    for c in range(0x110000):
        value = values.get(c, 0)
        if not table or table[-1][1] != value:
            table.append((c, value))
    return table


def lower_ranges(mapping):
    """Runs (first, last, stride, offset) of single-scalar mappings."""
    runs = []
    for c in sorted(mapping):
        offset = ord(mapping[c]) - c
        if runs and runs[-1][3] == offset:
            first, last, stride, _ = runs[-1]
            if c - last == stride or (first == last and c - last <= 2):
                runs[-1] = (first, c, c - last, offset)
                continue
        runs.append((c, c, 1, offset))
    return runs


def simulate(text, flags, strip):
    """What Swift does with these tables; compared with the package."""
    out, run = [], []

    def flush():
        out.extend(sorted(run, key=lambda c: flags.get(c, 0) >> 4))
        run.clear()

    for scalar in text:
        for c in map(ord, strip.get(ord(scalar), scalar)):
            if not flags.get(c, 0) >> 4:
                flush()
            if flags.get(c, 0) & MARK:
                continue
            (run if flags.get(c, 0) >> 4 else out).append(c)
    flush()
    return "".join(map(chr, out))


def check(flags, strip):
    special = [c for c in flags if flags[c] >> 4] + list(strip) + [0x1B44, 0x302E, 0x1E000]
    marks = [c for c in flags if flags[c] & MARK]
    random.seed(1)
    pool = special + marks + list(HANGUL[::97])
    texts = [chr(c) for c in SCALARS[::7]] + [chr(c) for c in pool]
    texts += ["".join(chr(random.choice(pool)) for _ in range(random.randint(2, 6))) for _ in range(200_000)]
    surviving = [c for c in flags if flags[c] >> 4 and not flags[c] & MARK]
    texts += ["".join(chr(random.choice(surviving + marks)) for _ in range(4)) for _ in range(100_000)]
    for text in texts:
        want, got = STRIP(text), simulate(text, flags, strip)
        assert want == got, (ascii(text), ascii(want), ascii(got))


def literal(name, comment, kind, numbers, width):
    lines, line = [], "   "
    for number in numbers:
        item = f" 0x{number:0{width}X},"
        if len(line) + len(item) > 100:
            lines.append(line)
            line = "   "
        line += item
    lines.append(line)
    doc = "\n".join(f"  /// {text}" for text in comment)
    return f"{doc}\n  static let {name}: [{kind}] = [\n" + "\n".join(lines) + "\n  ]\n"


def main():
    flags = {c: f for c in SCALARS if (f := flags_of(c))}
    for c, code in class_codes().items():
        flags[c] = flags.get(c, 0) | code << 4
    strip = {c: s for c in SCALARS if c not in HANGUL and (s := STRIP(chr(c))) not in (chr(c), "")}
    for c, f in flags.items():  # marks that decompose into combining marks
        if f & MARK and not blocks(c):
            flags[c] |= (len(CLASSES) - 1) << 4 if not f >> 4 else 0
    for c in HANGUL:
        index = c - 0xAC00
        parts = [0x1100 + index // 588, 0x1161 + index % 588 // 28] + ([0x11A7 + index % 28] if index % 28 else [])
        assert STRIP(chr(c)) == "".join(map(chr, parts))
        strip[c] = STRIP(chr(c))
    check(flags, strip)
    strip = {c: s for c, s in strip.items() if c not in HANGUL}
    lower = {c: s for c in SCALARS if (s := LOWER(chr(c))) != chr(c)}
    assert {c for c, s in lower.items() if len(s) > 1} == {0x130} and lower.pop(0x130) == "i\u0307"
    single = [c << 32 | ord(s) for c, s in strip.items() if len(s) == 1]
    longer = [n for c, s in strip.items() if len(s) > 1 for n in [c] + [ord(x) for x in s.ljust(3, "\0")]]
    runs = [n for first, last, stride, offset in lower_ranges(lower) for n in (first, last, stride, offset & 0xFFFFFFFF)]
    with open(sys.argv[1] if len(sys.argv) > 1 else OUTPUT, "w") as file:
        file.write(
            f"// Generated by tools/make_bert_tables.py from tokenizers {tokenizers.__version__}; do not edit.\n"
            "// swift-format-ignore-file\n\n"
            "/// What the BERT normalizer and pre-tokenizer of the `tokenizers` package do with each Unicode scalar.\n"
            "enum BertUnicodeTables {\n"
            + literal("flags", ["Ranges of scalars in ascending order: first scalar << 8 | flags. Bit 0: white space,",
                                "1: dropped by cleaning, 2: punctuation, 3: mark, 4-6: code of the combining class."],
                      "UInt32", [c << 8 | f for c, f in ranges(flags)], 4)
            + "\n" + literal("stripped", ["Scalars that stripping turns into one other: scalar << 32 | other, ascending."],
                             "UInt64", single, 12)
            + "\n" + literal("strippedLonger", ["Scalars that stripping turns into two or three: scalar, and three or a 0."],
                             "UInt32", longer, 4)
            + "\n" + literal("lowercase", ["Runs of scalars with a lower case: first, last, stride, what to add (mod 2^32)."],
                             "UInt32", runs, 4)
            + "}\n")


if __name__ == "__main__":
    main()
