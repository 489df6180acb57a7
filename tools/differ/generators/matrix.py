"""Matrix products, attention, determinants."""

import numpy as np
from onnx import helper, numpy_helper

from ..values import kind, onnx_type
from . import case
from .movement import integers


def product_shapes(draw):
    """Shapes of two operands of a matrix product, with broadcast batches and vectors."""
    m, k, n = (draw.pick([0 if draw.chance(0.1) else 1, 1, 2, 3, 5, 8, 13, 16, 17, 33, 64]) for _ in range(3))
    batch = draw.shape(high=3, zero=0.03)
    if draw.chance(0.1):
        m, k, n = (draw.pick([1, 6, 96, 127, 129, 200, 300]) for _ in range(3))
        batch = batch[-1:]
    left, right = draw.broadcast(batch) + (m, k), draw.broadcast(batch) + (k, n)
    if draw.chance(0.15):
        left = (k,)
    elif draw.chance(0.15):
        right = (k,)
    return left, right


@case("MatMul")
def matmul(draw):
    left, right = product_shapes(draw)
    draw.tensor("T", left, special=False)
    draw.tensor("T", right, special=False)
    if not left[-1]:
        return


@case("Gemm")
def gemm(draw):
    m, k, n = (draw.pick([0 if draw.chance(0.1) else 1, 1, 2, 3, 4, 7, 16, 17, 65]) for _ in range(3))
    if draw.chance(0.1):
        m, k, n = (draw.pick([1, 6, 96, 127, 129, 200, 300]) for _ in range(3))
    draw.some(transA=draw.integer(0, 1), transB=draw.integer(0, 1), alpha=0.5, beta=draw.pick([0.0, 0.25, 1.0]))
    draw.tensor("T", (k, m) if draw.attributes.get("transA") else (m, k), special=False)
    draw.tensor("T", (n, k) if draw.attributes.get("transB") else (k, n), special=False)
    if kind(draw.bound["T"]) != "float":
        draw.attributes.pop("alpha", None)
        draw.attributes.pop("beta", None)
    if draw.version >= 11 and draw.chance(0.3):
        return
    shapes = [(m, n)] + ([(n,), (1, n), (m, 1), (1, 1), (1,), ()] if draw.version >= 7 else [])
    shape = draw.pick(shapes)
    if draw.version < 7:
        if draw.chance():
            draw.set(broadcast=1)
            shape = draw.pick([(n,), (1, n), (m, 1)])
        draw.modern = lambda: modern_gemm(draw)
    draw.tensor("T", shape, special=False)


def modern_gemm(draw):
    """From opset 7 on operands broadcast without an attribute that says so."""
    node = draw.node()
    kept = [a for a in node.attribute if a.name != "broadcast"]
    del node.attribute[:]
    node.attribute.extend(kept)
    return 7, [node], {}


@case("MatMulInteger")
def matmul_integer(draw):
    left, right = product_shapes(draw)
    for parameter, shape in (("T1", left), ("T2", right)):
        draw.tensor(parameter, shape, low=-128, high=255, special=False)
    draw.exact = True
    if draw.chance(0.7):
        per_row = draw.chance(0.3) and len(left) > 1
        draw.parameter(draw.array(draw.type("T1"), (left[-2],) if per_row and len(left) == 2 else (), special=False))
        if draw.chance(0.7):
            per_column = draw.chance(0.3) and len(right) == 2
            draw.parameter(draw.array(draw.type("T2"), (right[-1],) if per_column else (), special=False))


EQUATIONS = ["ij,jk->ik", "bij,bjk->bik", "...ij,...jk->...ik", "ij->ji", "ii->i", "ii", "i,i->", "i,j->ij", "ij->",
             "bhid,bhjd->bhij", "ij,j", "ij,jk", "abc,cd,de->abe", "...i->...", "i...->...i", "ab,ab->a", "b...a,a->b...",
             "ijk->kj", "ij,kj->ik", " i j , j k -> i k ", "a,b,c->abc", "ij,ij->ij", "iij->j", "ab...,b...->a..."]  # fmt: skip


@case("Einsum")
def einsum(draw):
    equation = draw.pick(EQUATIONS) if draw.chance() else random_equation(draw)
    extents = {letter: draw.integer(1, 5) for letter in "abcdehijk"}
    batch = draw.shape(high=2, zero=0)
    draw.attributes["equation"] = equation
    dtype = draw.type("T")
    bounds = {} if kind(dtype) == "float" else {"low": 0, "high": 5}
    for index, term in enumerate(equation.replace(" ", "").split("->")[0].split(",")):
        before, dots, after = term.partition("...")
        shape = [extents[c] for c in before] + (list(batch) if dots else []) + [extents[c] for c in after]
        draw.add(draw.array(dtype, shape, special=False, **bounds), f"x{index}")


def random_equation(draw):
    """Up to three terms of up to four letters, which may occur twice in a term or be dropped from the result."""
    letters = "abcdehijk"[: draw.integer(1, 6)]
    terms = ["".join(draw.pick(letters) for _ in range(draw.integer(0, 4))) for _ in range(draw.integer(1, 3))]
    used = sorted(set("".join(terms)))
    kept = draw.random.sample(used, draw.integer(0, len(used)))
    return ",".join(terms) + ("->" + "".join(kept) if draw.chance(0.8) else "")


@case("Det")
def det(draw):
    size = draw.integer(1, 5)
    draw.tensor("T", draw.shape(high=2) + (size, size), special=False)


@case("RotaryEmbedding")
def rotary_embedding(draw):
    batch, heads, length, half = draw.integer(1, 2), draw.integer(1, 3), draw.integer(1, 5), draw.integer(1, 4)
    rotated = half * 2
    size = rotated + (draw.integer(0, 2) * 2 if draw.chance(0.3) else 0)
    flat = draw.chance(0.4)
    draw.tensor("T", (batch, length, heads * size) if flat else (batch, heads, length, size), special=False)
    if size > rotated:
        draw.set(rotary_embedding_dim=rotated)
    if flat:
        draw.set(num_heads=heads)
    draw.some(interleaved=draw.integer(0, 1))
    by_position = draw.chance()
    shape = (length + 3, half) if by_position else (batch, length, half)
    draw.tensor("T", shape, low=-1, high=1, special=False)
    draw.tensor("T", shape, low=-1, high=1, special=False)
    if by_position:
        draw.add(draw.numpy.integers(0, length + 3, (batch, length)).astype(np.int64))


@case("Attention")
def attention(draw):
    batch, groups, heads = draw.integer(1, 2), draw.integer(1, 2), draw.integer(1, 2)
    query, keys, past = draw.integer(1, 6), draw.integer(1, 6), draw.integer(1, 4) if draw.chance(0.3) else 0
    size, value_size = draw.integer(1, 8), draw.integer(1, 8)
    flat = draw.chance(0.4)

    def laid_out(count, length, width):
        return (batch, length, count * width) if flat else (batch, count, length, width)

    # NaN and infinity make whole rows NaN; that is not what is compared here.
    draw.special = False
    draw.tensor("T1", laid_out(heads * groups, query, size))
    draw.tensor("T1", laid_out(heads, keys, size))
    draw.tensor("T2", laid_out(heads, keys, value_size))
    if flat:
        draw.set(q_num_heads=heads * groups, kv_num_heads=heads)
    draw.some(is_causal=draw.integer(0, 1), scale=0.3, softcap=draw.pick([0.0, 2.0]))
    if draw.chance(0.2):
        draw.set(softmax_precision=draw.pick([1, 10, 11, 16]))
    total = keys + past
    mask = None
    if draw.chance():
        if draw.version >= 24 and draw.chance(0.2):
            total = draw.integer(1, total)  # keys beyond the mask are hidden
        shape = draw.pick([(query, total), (1, 1, query, total), (batch, 1, query, total),
                           (batch, heads * groups, query, total), (batch, 1, 1, total)])  # fmt: skip
        mask_type = draw.type("U")
        mask = draw.array(mask_type, shape, special=False) if mask_type != bool else np.ones(shape, bool)
        if mask_type == bool:
            mask = draw.numpy.random(shape) < 0.8
            mask[..., 0] = True
    draw.add(mask)
    if past:
        draw.tensor("T1", (batch, heads, past, size))
        draw.tensor("T2", (batch, heads, past, value_size))
        draw.outputs = 3
    elif draw.has("nonpad_kv_seqlen") or (draw.version >= 24 and draw.chance(0.3)):
        draw.add(None)
        draw.add(None)
        draw.add(integers([draw.integer(1, keys) for _ in range(batch)]))
    if draw.chance(0.2):
        draw.outputs = 4 if past else ["y0", "", "", "y3"]
        draw.some(qk_matmul_output_mode=draw.integer(0, 3))
    if draw.has("left_window_size"):
        draw.some(left_window_size=draw.integer(0, 4), right_window_size=draw.integer(0, 4))


@case("LinearAttention")
def linear_attention(draw):
    batch, heads, length, size, width = (draw.integer(1, 3) for _ in range(5))
    groups = draw.integer(1, 2)
    draw.special = False
    draw.tensor("T", (batch, length, heads * groups * size))
    draw.tensor("T", (batch, length, heads * size))
    draw.tensor("T", (batch, length, heads * width))
    rule = draw.pick(["linear", "gated", "delta", "gated_delta"])
    draw.set(q_num_heads=heads * groups, kv_num_heads=heads, update_rule=rule)
    draw.some(scale=0.5)
    draw.add(draw.array(draw.type("S"), (batch, heads, size, width)) if draw.chance() else None)
    gate = draw.pick([(batch, length, heads), (batch, length, heads * size)])
    draw.add(draw.array(draw.bound["T"], gate, -1, 0) if "gated" in rule else None)
    if "delta" in rule:
        draw.tensor("T", (batch, length, heads), low=0, high=1)
    draw.outputs = 2


@case("FlexAttention", domain="ai.onnx.preview")
def flex_attention(draw):
    batch, heads, groups = draw.integer(1, 2), draw.integer(1, 2), draw.integer(1, 2)
    query, keys, size, width = (draw.integer(1, 6) for _ in range(4))
    draw.special = False
    dtype = draw.type("T1")
    draw.tensor("T1", (batch, heads * groups, query, size))
    draw.tensor("T1", (batch, heads, keys, size))
    draw.tensor("T1", (batch, heads, keys, width))
    draw.some(scale=draw.pick([0.3, 1.0]))
    # What the subgraphs see has the precision of the scores.
    precise = np.dtype(np.float64) if dtype == np.float64 else np.dtype(np.float32)
    draw.some(score_mod=modification(draw, precise), prob_mod=modification(draw, precise))


def modification(draw, dtype):
    """A graph from scores to scores: a soft cap, a factor, or a bias for each pair."""
    constant = numpy_helper.from_array(np.array(draw.pick([0.5, 2.0]), dtype), "k")
    operators = draw.pick([["Mul"], ["Add"], ["Div", "Tanh", "Mul"], ["Identity"]])
    nodes, name = [], "s"
    for index, operator in enumerate(operators):
        operands = [name, "k"] if operator in ("Mul", "Add", "Div") else [name]
        nodes.append(helper.make_node(operator, operands, [f"r{index}"]))
        name = f"r{index}"
    scores = lambda name: helper.make_tensor_value_info(name, onnx_type(dtype), [None] * 4)  # noqa: E731
    return helper.make_graph(nodes, "modification", [scores("s")], [scores(name)], [constant])
