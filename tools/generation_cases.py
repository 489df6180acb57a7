"""Random cases for the operators of com.microsoft that search for text, with small decoders of random weights."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from contributed_cases import F32, Case, coin, maker

VOCABULARY, HEADS, SIZE = 11, 2, 3
HIDDEN = HEADS * SIZE


def weights(g, shapes):
    return [numpy_helper.from_array((g.standard_normal(shape) * 0.8).astype(F32), name) for name, shape in shapes.items()]


def integers(name, *values):
    return numpy_helper.from_array(np.array(values, np.int64), name)


def heads(value, result, prefix):
    """[batch, time, hidden] as [batch, heads, time, size]."""
    return [
        helper.make_node("Reshape", [value, "split"], [f"{prefix}_split"]),
        helper.make_node("Transpose", [f"{prefix}_split"], [result], perm=[0, 2, 1, 3]),
    ]


def decoder(g):
    """A layer of attention to what was before, by the standard's operators."""
    shapes = {"words": (VOCABULARY, HIDDEN), "places": (32, HIDDEN), "head": (HIDDEN, VOCABULARY)}
    shapes |= {name: (HIDDEN, HIDDEN) for name in ("wq", "wk", "wv", "wo")}
    constants = weights(g, shapes) + [integers("split", 0, 0, HEADS, SIZE), integers("join", 0, 0, HIDDEN)]
    constants += [integers("first", 0), integers("mask_axes", 1, 2), numpy_helper.from_array(F32(-10000), "far")]
    constants += [numpy_helper.from_array(F32(1), "one")]
    node = helper.make_node
    nodes = [
        node("Gather", ["words", "input_ids"], ["word"]), node("Gather", ["places", "position_ids"], ["place"]),
        node("Add", ["word", "place"], ["x"]),
        *[node("MatMul", ["x", f"w{part}"], [f"{part}_flat"]) for part in "qkv"],
        *heads("q_flat", "q", "q"), *heads("k_flat", "k_new", "k"), *heads("v_flat", "v_new", "v"),
        node("Split", ["past_0"], ["past_k", "past_v"], axis=0, num_outputs=2),
        node("Squeeze", ["past_k", "first"], ["old_k"]), node("Squeeze", ["past_v", "first"], ["old_v"]),
        node("Concat", ["old_k", "k_new"], ["k"], axis=2), node("Concat", ["old_v", "v_new"], ["v"], axis=2),
        node("Unsqueeze", ["k", "first"], ["k_present"]), node("Unsqueeze", ["v", "first"], ["v_present"]),
        node("Concat", ["k_present", "v_present"], ["present_0"], axis=0),
        node("Transpose", ["k"], ["k_turned"], perm=[0, 1, 3, 2]), node("MatMul", ["q", "k_turned"], ["scores"]),
        node("Cast", ["attention_mask"], ["seen"], to=TensorProto.FLOAT), node("Sub", ["one", "seen"], ["hidden"]),
        node("Mul", ["hidden", "far"], ["added"]), node("Unsqueeze", ["added", "mask_axes"], ["bias"]),
        node("Add", ["scores", "bias"], ["masked"]), node("Softmax", ["masked"], ["weights"], axis=-1),
        node("MatMul", ["weights", "v"], ["mixed"]), node("Transpose", ["mixed"], ["turned"], perm=[0, 2, 1, 3]),
        node("Reshape", ["turned", "join"], ["joined"]), node("MatMul", ["joined", "wo"], ["out"]),
        node("Add", ["x", "out"], ["state"]), node("MatMul", ["state", "head"], ["logits"]),
    ]
    cache = [2, "batch", HEADS, "past", SIZE]
    info = helper.make_tensor_value_info
    inputs = [info(name, TensorProto.INT32, ["batch", "time"]) for name in ("input_ids", "position_ids")]
    inputs += [info("attention_mask", TensorProto.INT32, ["batch", "all"]), info("past_0", TensorProto.FLOAT, cache)]
    outputs = [info("logits", TensorProto.FLOAT, ["batch", "time", VOCABULARY])]
    outputs += [info("present_0", TensorProto.FLOAT, [2, "batch", HEADS, "all", SIZE])]
    return helper.make_graph(nodes, "decoder", inputs, outputs, constants)


def one(value, kind=np.int32):
    return np.array([value], kind)


def prompts(g):
    ids = g.integers(1, VOCABULARY - 1, (int(g.integers(1, 4)), int(g.integers(1, 5)))).astype(np.int32)
    if coin(g, 0.3) and ids.shape[1] > 1:
        ids[0, 0] = 0  # padding before a text
    return ids


def masks(g, ids):
    """vocab_mask, prefix_vocab_mask and attention_mask."""
    batch = len(ids)
    allowed = lambda *shape: (g.random(shape) < 0.8).astype(np.int32)
    vocabulary = allowed(VOCABULARY) if coin(g, 0.3) else None
    prefix = allowed(batch, VOCABULARY) if coin(g, 0.3) else None
    if vocabulary is not None:
        vocabulary[3] = 1
    if prefix is not None:
        prefix[:, 3] = 1
    return [("vocab_mask", vocabulary), ("prefix_vocab_mask", prefix), ("attention_mask", None)]


def endless(g, ids):
    """The same, for texts that do not end: behind an end ONNX Runtime leaves what was in its memory."""
    masked = dict(masks(g, ids))
    if masked["vocab_mask"] is None:
        masked["vocab_mask"] = np.ones(VOCABULARY, np.int32)
    masked["vocab_mask"][VOCABULARY - 1] = 0
    return list(masked.items())


def attributes(g):
    chosen = {"eos_token_id": VOCABULARY - 1, "pad_token_id": 0, "decoder": decoder(g), "model_type": 0}
    if coin(g, 0.3):
        chosen["no_repeat_ngram_size"] = int(g.integers(1, 4))
    return chosen


@maker("GreedySearch")
def _(g):
    ids = prompts(g)
    inputs = [("input_ids", ids), ("max_length", one(ids.shape[1] + int(g.integers(1, 7))))]
    inputs += [("min_length", one(int(g.integers(0, 8))) if coin(g) else None)]
    inputs += [("penalty", one(g.uniform(0.7, 1.6), F32) if coin(g) else None), *endless(g, ids)]
    return Case("GreedySearch", inputs, attributes(g), tolerance=(0.0, 0.0))


@maker("Sampling")
def _(g):
    ids = prompts(g)
    inputs = [("input_ids", ids), ("max_length", one(ids.shape[1] + int(g.integers(1, 7))))]
    inputs += [("min_length", one(int(g.integers(0, 8))) if coin(g) else None)]
    inputs += [("penalty", one(g.uniform(0.7, 1.6), F32) if coin(g) else None), *endless(g, ids)]
    inputs += [("presence", None), ("seed", one(int(g.integers(1, 1000))))]
    chosen = attributes(g) | {"temperature": 0.8, "top_p": 0.7, "filter_value": -1e20, "custom": int(coin(g))}
    return Case("Sampling", inputs, chosen, tolerance=(0.0, 0.0))


@maker("BeamSearch")
def _(g):
    ids = prompts(g)
    beams = int(g.integers(1, 5))
    inputs = [("input_ids", ids), ("max_length", one(ids.shape[1] + int(g.integers(1, 7))))]
    inputs += [("min_length", one(int(g.integers(0, 6))) if coin(g) else None), ("num_beams", one(beams))]
    inputs += [("returned", one(int(g.integers(1, beams + 1))))]
    inputs += [("length_penalty", one(g.uniform(0.5, 1.5), F32) if coin(g) else None)]
    inputs += [("penalty", one(g.uniform(0.7, 1.6), F32) if coin(g) else None), *masks(g, ids)]
    chosen = attributes(g) | {"early_stopping": int(coin(g))}
    return Case("BeamSearch", inputs, chosen, (True, coin(g)), tolerance=(1e-4, 1e-4))
