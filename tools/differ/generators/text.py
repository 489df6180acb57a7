"""Strings."""

import numpy as np

from .. import values
from . import case



@case("StringConcat")
def string_concat(draw):
    shape = draw.shape(high=3)
    for _ in range(2):
        draw.tensor("T", draw.broadcast(shape))


@case("StringNormalizer")
def string_normalizer(draw):
    count = draw.integer(1, 6)
    draw.add(draw.array(values.STRING, (count,) if draw.chance() else (1, count)))
    draw.some(case_change_action=draw.pick(["LOWER", "UPPER", "NONE"]), is_case_sensitive=draw.integer(0, 1))
    if draw.chance():
        draw.set(stopwords=draw.random.sample([w for w in values.WORDS if w], draw.integer(1, 4)))


@case("StringSplit")
def string_split(draw):
    draw.tensor("T1", draw.shape(high=3))
    draw.some(delimiter=draw.pick(["", " ", ",", "a", "  "]), maxsplit=draw.integer(1, 3))


@case("RegexFullMatch")
def regex_full_match(draw):
    draw.tensor("T1", draw.shape(high=3))
    draw.set(pattern=draw.pick([r"[a-z]+", r"\d+", r".*", r"(a|b)c?", r"[^a-z]*", r"\w{1,3}", r"", r"-?\d+(\.\d+)?",
                            r"(?i)zoo", r"[[:alpha:]]+", r"\p{L}+", r"(?:ab?|b+) ?c?", r"a{2,}|.{3}", r"^x.*z$", r"\S+\s*\S*",
                            r"(?P<sign>-)?1"]))  # fmt: skip


@case("TfIdfVectorizer")
def tfidf_vectorizer(draw):
    texts = draw.chance(0.4)
    dtype = values.STRING if texts else draw.pick([np.dtype(np.int32), np.dtype(np.int64)])
    words = ["a", "b", "ab c", "Zoo"]
    longest = draw.integer(1, 3)
    pool, starts, seen = [], [], 0
    for length in range(1, longest + 1):
        starts.append(len(pool))
        grams = {tuple(draw.integer(0, 3) for _ in range(length)) for _ in range(draw.integer(1, 3))}
        for gram in sorted(grams):
            pool += gram
            seen += 1
    shape = draw.pick([(draw.integer(1, 8),), (draw.integer(1, 3), draw.integer(1, 6))])
    tokens = draw.numpy.integers(0, 4, shape)
    draw.add(np.array([words[i] for i in tokens.reshape(-1)], object).reshape(shape) if texts else tokens.astype(dtype))
    if texts:
        draw.set(pool_strings=[words[i] for i in pool])
    else:
        draw.set(pool_int64s=pool)
    order = list(range(seen))
    draw.random.shuffle(order)
    draw.set(ngram_counts=starts, ngram_indexes=order, mode=draw.pick(["TF", "IDF", "TFIDF"]))
    draw.set(min_gram_length=draw.integer(1, longest), max_gram_length=longest, max_skip_count=draw.integer(0, 2))
    if draw.chance():
        draw.set(weights=[round(draw.random.uniform(0.1, 2), 2) for _ in range(seen)])
