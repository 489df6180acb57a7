#!/usr/bin/env python3
"""Write texts with the ids that the `tokenizers` package gives them, for comparison with the tokenizer in Swift.

Usage: make_tokenizer_cases.py TOKENIZER_JSON OUTPUT [--count N]     N varied texts, ids of that tokenizer
       make_tokenizer_cases.py --small OUTPUT                         a small tokenizer and a few hundred texts

Texts are the same on every run. OUTPUT is JSON: {"tokenizer": {…} or null, "cases": [[text, [id, …]], …]}; ids are
without padding.
"""

import argparse
import json
import random

from tokenizers import AddedToken, BertWordPieceTokenizer, Tokenizer

WORDS = (
    "the quick brown fox jumps over lazy dogs unbelievable tokenization antidisestablishmentarianism naïve café "
    "Ångström Zürich façade coöperate Straße İstanbul ﬁnance Ωmega ǅungla Жизнь москва ελληνικά שלום عربى नमस्ते "
    "ภาษาไทย 한국어 조선말 日本語 東京 中文字符 ありがとう カタカナ 你好 don't e-mail 3.14 $100 #tag @user C++ a_b 1,000"
).split()
RANGES = [
    (0x00, 0x7F), (0x80, 0xFF), (0x100, 0x24F), (0x250, 0x36F), (0x300, 0x36F), (0x370, 0x5FF), (0x600, 0x8FF),
    (0x900, 0xDFF), (0xE00, 0x10FF), (0x1100, 0x11FF), (0x1200, 0x1CFF), (0x1D00, 0x1FFF), (0x2000, 0x206F),
    (0x2070, 0x2BFF), (0x2C00, 0x2FFF), (0x3000, 0x33FF), (0x3400, 0x9FFF), (0xA000, 0xABFF), (0xAC00, 0xD7FF),
    (0xE000, 0xF8FF), (0xF900, 0xFAFF), (0xFB00, 0xFFFF), (0x10000, 0x11FFF), (0x12000, 0x1CFFF),
    (0x1D000, 0x1DFFF), (0x1E000, 0x1EFFF), (0x1F000, 0x1FAFF), (0x20000, 0x2FA1F), (0x30000, 0x3FFFF),
    (0xE0000, 0xE01EF), (0xF0000, 0x10FFFF),
]
EMOJI = ["👩‍👩‍👧‍👦", "🏳️‍🌈", "👍🏽", "🇩🇪", "❤️", "☎️", "1️⃣", "🤷🏻‍♀️", "🧑‍🚀", "🫠"]
ODD = [
    "\0", "\u00ad", "\u200b", "\u200d", "\ufeff", "\ufffd", "\u2028", "\u2029", "\u00a0", "\u3000", "\u1680", "\u180e",
    "\u0085", "\x0b", "\x0c", "\x1f", "\x7f", "\t", "\r\n", "\u202e", "\u2066", "\ue000", "\U0010ffff", "\u0378",
    "[CLS]", "[SEP]", "[MASK]", "[UNK]", "[PAD]", "[cls]", "##ing", "\u0130", "\u1e9e", "\u212b", "\u0344", "\u1fb7",
    "\ufb01", "\u0f73", "\u0958", "\U0001d15e", "\U0001e000\u1b44", "\u302e\u1b44", "\u034f", "\u3002", "\uff01",
    "\u2e2e", "\u00b7", "\u055a", "\U00010100", "\U0001f3fb", "\u20e3", "\u0e33", "\u1175", "\u11a8", "\uac01",
]


def scalar(rng):
    low, high = rng.choice(RANGES)
    while True:
        value = rng.randint(low, high)
        if not 0xD800 <= value <= 0xDFFF:
            return chr(value)


def piece(rng):
    kind = rng.randrange(12)
    if kind < 4:
        word = rng.choice(WORDS)
        return rng.choice([word, word.upper(), word.title(), word + rng.choice(WORDS)])
    if kind == 4:
        return "".join(scalar(rng) for _ in range(rng.randint(1, 8)))
    if kind == 5:
        return rng.choice(EMOJI)
    if kind == 6:
        return rng.choice(ODD)
    if kind == 7:
        return "".join(c + "".join(chr(rng.randint(0x300, 0x36F)) for _ in range(rng.randint(1, 3))) for c in rng.choice(WORDS))
    if kind == 8:
        return rng.choice("abcxyzé漢\u0301") * rng.choice([1, 2, 50, 99, 100, 101, 300])
    if kind == 9:
        low, high = rng.choice(RANGES)
        return "".join(chr(v) for v in (rng.randint(low, high) for _ in range(rng.randint(1, 12))) if not 0xD800 <= v <= 0xDFFF)
    if kind == 10:
        return "".join(rng.choice("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~«»—…“”¿¡") for _ in range(rng.randint(1, 4)))
    return str(rng.randint(0, 10 ** rng.randint(1, 20)))


def texts(count, seed):
    rng = random.Random(seed)
    result = ["", " ", "\0", "\u0301", "[CLS]", "[CLS][SEP]", " [MASK] ", "a" * 5000, "a " * 5000]
    result += ODD + EMOJI + WORDS
    while len(result) < count:
        separator = rng.choice(["", " ", " ", "  ", "\t", "\n", "\u00a0", "\u200b"])
        result.append(separator.join(piece(rng) for _ in range(rng.randint(1, 24))))
    return result[:count]


def ids(tokenizer, text):
    return tokenizer.encode(text).ids


def small():
    """A vocabulary of what occurs in the texts, so that few words are unknown."""
    cases = texts(400, seed=2)
    plain = BertWordPieceTokenizer(lowercase=True)
    rng = random.Random(3)
    vocab = {token: i for i, token in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])}
    normal = [plain.normalize(text) for text in cases]
    for word in sorted({word for text in normal for word in text.split()}):
        for token in [word[:4], word[0]] + ["##" + c for c in word[1:]] + ["##" + word[4:9]]:
            if token not in vocab and len(token) < 12 and rng.random() < 0.8:
                vocab[token] = len(vocab)
    return cases, vocab


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+")
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--count", type=int, default=10_000)
    options = parser.parse_args()
    if options.small:
        cases, vocab = small()
        tokenizer = BertWordPieceTokenizer(vocab, lowercase=True)._tokenizer
        tokenizer.add_tokens(
            [
                AddedToken("Quick", single_word=True, normalized=True),
                AddedToken("<x>", lstrip=True, rstrip=True, normalized=False),
            ]
        )
        tokenizer.enable_truncation(64)
        cases += ["a quick quickly fox", "quick", "the  <x>  fox<x>", "<x> <x>", "é<x>quick\u0301"]
        description = json.loads(tokenizer.to_str())
    else:
        tokenizer, description = Tokenizer.from_file(options.files[0]), None
        cases = texts(options.count, seed=1)
    tokenizer.no_padding()
    result = {"tokenizer": description, "cases": [[text, ids(tokenizer, text)] for text in cases]}
    with open(options.files[-1], "w") as file:
        json.dump(result, file, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main()
