"""The operators of `ai.onnx.ml`."""

import numpy as np

from .. import values
from ..draw import Skip
from ..values import Map, kind
from . import case

ML = "ai.onnx.ml"
POST = ["NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"]


def floats(draw, count, low=-1, high=1):
    return [float(x) for x in draw.numpy.uniform(low, high, count).astype(np.float32)]


def rows(draw, columns, parameter=None):
    parameter = parameter or draw.schema.inputs[0].type_str
    dtype = draw.type(parameter, lambda t: kind(t) in ("float", "int", "uint"))
    bounds = {} if kind(dtype) == "float" else {"low": -3, "high": 3}
    return draw.add(draw.array(dtype, (draw.pick([1, 2, 3, 7, 16, 33]), columns), special=False, **bounds))


def labels(draw, count, integers="classlabels_ints"):
    if draw.chance():
        draw.set(**{integers: [int(x) for x in draw.numpy.permutation(count + 3)[:count]]})
    else:
        draw.set(classlabels_strings=[f"class {i}" for i in range(count)])


@case("Binarizer", domain=ML)
def binarizer(draw):
    draw.tensor("T", draw.shape(low=1, high=3))
    draw.some(threshold=0.25)
    draw.exact = True


@case("Normalizer", domain=ML)
def normalizer(draw):
    rows(draw, draw.integer(1, 5))
    draw.some(norm=draw.pick(["MAX", "L1", "L2"]))


@case("Scaler", domain=ML)
def scaler(draw):
    columns = draw.integer(1, 5)
    rows(draw, columns)
    count = columns if draw.chance(0.8) else 1
    draw.set(offset=floats(draw, count), scale=floats(draw, count))


@case("Imputer", domain=ML)
def imputer(draw):
    columns = draw.integer(1, 4)
    array = rows(draw, columns)
    count = columns if draw.chance(0.7) else 1
    if kind(array.dtype) == "float":
        array[draw.numpy.random(array.shape) < 0.4] = draw.pick([np.nan, 7])
        draw.set(imputed_value_floats=floats(draw, count), replaced_value_float=draw.pick([float("nan"), 7.0]))
    else:
        draw.set(imputed_value_int64s=[9] * count, replaced_value_int64=1)


@case("FeatureVectorizer", domain=ML)
def feature_vectorizer(draw):
    batch = draw.integer(1, 3)
    widths = [draw.integer(1, 4) for _ in range(draw.integer(1, 3))]
    for index, width in enumerate(widths):
        draw.add(draw.array(draw.type("T1"), (batch, width), special=False), f"x{index}")
    draw.set(inputdimensions=widths)


@case("OneHotEncoder", domain=ML)
def one_hot_encoder(draw):
    dtype = draw.type("T")
    shape = draw.shape(low=1, high=3)
    draw.set(zeros=1) if draw.chance(0.7) else None
    if dtype == values.STRING:
        draw.set(cats_strings=draw.random.sample(values.WORDS, draw.integer(1, len(values.WORDS))))
        draw.attributes["zeros"] = 1
        return draw.add(draw.array(dtype, shape))
    draw.set(cats_int64s=draw.random.sample(range(6), 6 if "zeros" not in draw.attributes else 4))
    array = draw.array(dtype, shape, 0, 5, special=False)
    draw.add(np.floor(array.astype(np.float64)).astype(dtype))


@case("LabelEncoder", domain=ML)
def label_encoder(draw):
    if draw.version == 1:
        return category_mapper(draw, "classes_strings")
    sorts = {"strings": values.STRING, "int64s": np.dtype(np.int64), "floats": np.dtype(np.float32)}
    key, value = draw.pick(sorts), draw.pick(sorts)
    if draw.version >= 4 and draw.chance(0.3):
        return tensor_encoder(draw)
    keys = {"strings": values.WORDS, "int64s": list(range(-3, 9)), "floats": [0.5, 1.0, -2.0, float("nan"), 3.25]}
    chosen = draw.random.sample(keys[key], 4)
    results = {"strings": ["p", "q", "", "r"], "int64s": [5, -1, 0, 2**40], "floats": [1.5, -1.0, 0.0, 2.0]}
    draw.attributes[f"keys_{key}"] = chosen
    draw.attributes[f"values_{value}"] = results[value]
    draw.some(default_string="other", default_int64=-7, default_float=9.0)
    shape = draw.shape(low=1, high=2)
    size = int(np.prod(shape))
    draw.add(np.array([draw.pick(keys[key]) for _ in range(size)], sorts[key]).reshape(shape))
    draw.exact = True


def tensor_encoder(draw):
    dtype = draw.pick([np.dtype(t) for t in (np.float64, np.int64, np.int32, np.int16, np.float32)])
    dtype = dtype if dtype in draw.types("T1") else np.dtype(np.int64)
    result = draw.pick([t for t in draw.types("T2") if t != values.STRING])
    draw.attributes["keys_tensor"] = np.arange(4).astype(dtype)
    draw.attributes["values_tensor"] = draw.array(result, (4,), special=False)
    draw.attributes["default_tensor"] = np.array([1]).astype(result)
    draw.add(draw.numpy.integers(0, 6, draw.shape(low=1, high=2)).astype(dtype))
    draw.exact = True


@case("CategoryMapper", domain=ML)
def category_mapper(draw, strings="cats_strings"):
    words = draw.random.sample(values.WORDS, 5)
    draw.attributes[strings] = words
    if strings == "cats_strings":
        draw.attributes["cats_int64s"] = [4, 2, 9, -1, 0]
    draw.some(default_int64=-3, default_string="other")
    shape = draw.shape(low=1, high=2)
    dtype = draw.type("T1")
    draw.add(draw.array(dtype, shape, *(() if dtype == values.STRING else (-1, 6))))
    draw.exact = True


@case("DictVectorizer", domain=ML)
def dict_vectorizer(draw):
    texts = draw.chance()
    vocabulary = ["a", "b", "c", "d"] if texts else [3, 1, 7, 5]
    draw.set(**{"string_vocabulary" if texts else "int64_vocabulary": vocabulary})
    dtype = draw.pick([np.dtype(np.float32), np.dtype(np.float64)] + ([np.dtype(np.int64)] if texts else []))
    items = {k: dtype.type(draw.integer(-4, 4)) for k in vocabulary if draw.chance(0.7)}
    if not items:
        raise Skip("empty map")
    draw.add(Map(items, values.STRING if texts else np.dtype(np.int64), dtype))


@case("CastMap", domain=ML)
def cast_map(draw):
    texts = draw.chance(0.4)
    keys = sorted(draw.random.sample(range(8), draw.integer(1, 4)))
    items = {k: str(draw.integer(0, 9)) if texts else float(draw.integer(-5, 5)) for k in keys}
    draw.add(Map(items, np.dtype(np.int64), values.STRING if texts else np.dtype(np.float32)))
    draw.some(cast_to=draw.pick(["TO_FLOAT", "TO_INT64", "TO_STRING"]))
    if draw.chance():
        draw.set(map_form="SPARSE", max_map=9)


@case("ZipMap", domain=ML)
def zip_map(draw):
    classes = draw.integer(1, 4)
    draw.add(draw.array(np.float32, (draw.integer(1, 3), classes), special=False))
    labels(draw, classes, "classlabels_int64s")


@case("LinearRegressor", domain=ML)
def linear_regressor(draw):
    columns, targets = draw.integer(1, 6), draw.integer(1, 3)
    rows(draw, columns)
    draw.set(coefficients=floats(draw, columns * targets), targets=targets)
    draw.some(intercepts=floats(draw, targets), post_transform="NONE")


@case("LinearClassifier", domain=ML)
def linear_classifier(draw):
    columns, classes = draw.integer(1, 6), draw.integer(2, 4)
    rows(draw, columns)
    scored = 1 if classes == 2 and draw.chance(0.3) else classes
    draw.set(coefficients=floats(draw, columns * scored), intercepts=floats(draw, scored))
    draw.some(post_transform=draw.pick(POST[:4]), multi_class=draw.integer(0, 1))
    labels(draw, classes)


def kernel(draw):
    sort = draw.pick(["LINEAR", "POLY", "RBF", "SIGMOID"])
    draw.set(kernel_type=sort, kernel_params=[0.5, 0.25, float(draw.pick([2, 3]))])


@case("SVMRegressor", domain=ML)
def svm_regressor(draw):
    columns, supports = draw.integer(1, 5), draw.integer(1, 6)
    rows(draw, columns)
    kernel(draw)
    linear = draw.chance(0.2)
    if linear:
        draw.set(coefficients=floats(draw, columns), rho=floats(draw, 1), n_supports=0)
    else:
        draw.set(coefficients=floats(draw, supports), support_vectors=floats(draw, supports * columns),
                 n_supports=supports, rho=floats(draw, 1))  # fmt: skip
    draw.some(one_class=draw.integer(0, 1), post_transform="NONE")


@case("SVMClassifier", domain=ML)
def svm_classifier(draw):
    columns, classes = draw.integer(1, 5), draw.integer(2, 4)
    rows(draw, columns)
    kernel(draw)
    labels(draw, classes)
    pairs = classes * (classes - 1) // 2
    if draw.chance(0.2):
        draw.set(coefficients=floats(draw, columns * classes), rho=floats(draw, 1))
    else:
        per_class = [draw.integer(1, 3) for _ in range(classes)]
        supports = sum(per_class)
        draw.set(vectors_per_class=per_class, support_vectors=floats(draw, supports * columns),
                 coefficients=floats(draw, supports * (classes - 1)), rho=floats(draw, pairs))  # fmt: skip
        if draw.chance(0.4):
            draw.set(prob_a=floats(draw, pairs, -2, -1), prob_b=floats(draw, pairs))
    draw.some(post_transform=draw.pick(POST[:4]))


MODES = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"]


def grow(draw, columns, depth, modes, trees):
    """Rows of a random forest: (tree, node, mode, feature, threshold, true, false, missing goes true)."""
    nodes, leaves = [], []
    for tree in range(trees):
        pending, following = [(0, depth)], 1
        while pending:
            node, left = pending.pop(0)
            if left and (node == 0 or draw.chance(0.85)):
                true, false = following, following + 1
                following += 2
                pending += [(true, left - 1), (false, left - 1)]
                threshold = float(np.float32(draw.random.uniform(-1.5, 1.5)))
                if draw.chance(0.2):
                    threshold = float(draw.integer(-1, 1))
                nodes.append((tree, node, draw.pick(modes), draw.integer(0, columns - 1), threshold, true, false,
                              draw.integer(0, 1)))  # fmt: skip
            else:
                nodes.append((tree, node, "LEAF", 0, 0.0, 0, 0, 0))
                leaves.append((tree, node))
    return nodes, leaves


def table(nodes):
    trees, ids, modes, features, thresholds, true, false, missing = map(list, zip(*nodes))
    return {"nodes_treeids": trees, "nodes_nodeids": ids, "nodes_modes": modes, "nodes_featureids": features,
            "nodes_values": thresholds, "nodes_truenodeids": true, "nodes_falsenodeids": false,
            "nodes_missing_value_tracks_true": missing}  # fmt: skip


@case("TreeEnsembleRegressor", "TreeEnsembleClassifier", domain=ML)
def tree_ensemble(draw):
    columns, outputs = draw.integer(1, 5), draw.integer(1, 4)
    array = rows(draw, columns)
    if kind(array.dtype) == "float" and draw.chance(0.3):
        array[draw.numpy.random(array.shape) < 0.2] = np.nan
    modes = MODES if draw.chance(0.3) else [draw.pick(MODES[:4])]
    nodes, leaves = grow(draw, columns, draw.integer(0, 4), modes, draw.pick([1, 2, 3, 17]))
    attributes = table(nodes)
    if draw.chance():
        attributes.pop("nodes_missing_value_tracks_true")
    classifier = draw.schema.name.endswith("Classifier")
    prefix = "class" if classifier else "target"
    if classifier:
        outputs = max(outputs, 2)
        labels(draw, outputs, "classlabels_int64s")
    weights = [(t, n, o) for t, n in leaves for o in sorted(draw.random.sample(range(outputs), draw.integer(1, outputs)))]
    if classifier and outputs == 2 and draw.chance(0.4):
        weights = [(t, n, 0) for t, n in leaves]
    attributes |= {f"{prefix}_treeids": [w[0] for w in weights], f"{prefix}_nodeids": [w[1] for w in weights],
                   f"{prefix}_ids": [w[2] for w in weights]}  # fmt: skip
    amounts = floats(draw, len(weights), 0 if classifier and draw.chance() else -1, 1)
    double = draw.version >= 3 and array.dtype == np.float64
    if double:
        attributes["nodes_values_as_tensor"] = np.array(attributes.pop("nodes_values"), np.float64)
        attributes[f"{prefix}_weights_as_tensor"] = np.array(amounts, np.float64)
    else:
        attributes[f"{prefix}_weights"] = amounts
    draw.attributes |= attributes
    if not classifier:
        draw.set(n_targets=outputs)
        draw.some(aggregate_function=draw.pick(["SUM", "AVERAGE", "MIN", "MAX"]))
    if draw.chance(0.4):
        base = floats(draw, outputs)
        draw.set(**({"base_values_as_tensor": np.array(base)} if double else {"base_values": base}))
    draw.some(post_transform=draw.pick(POST[: 4 if classifier else 1]))


@case("TreeEnsemble", domain=ML)
def tree_ensemble_tensor(draw):
    """The form of version 5: interior nodes and leaves in arrays of their own."""
    columns, targets = draw.integer(1, 5), draw.integer(1, 3)
    dtype = draw.type("T")
    array = rows(draw, columns, "T")
    if draw.chance(0.3):
        array[draw.numpy.random(array.shape) < 0.2] = np.nan
    codes = {"BRANCH_LEQ": 0, "BRANCH_LT": 1, "BRANCH_GTE": 2, "BRANCH_GT": 3, "BRANCH_EQ": 4, "BRANCH_NEQ": 5}
    nodes, _ = grow(draw, columns, draw.integer(1, 4), MODES if draw.chance(0.3) else ["BRANCH_LEQ"], draw.integer(1, 5))
    interior = [n for n in nodes if n[2] != "LEAF"]
    leaf = [n for n in nodes if n[2] == "LEAF"]
    place = {(n[0], n[1]): i for i, n in enumerate(interior)} | {(n[0], n[1]): i for i, n in enumerate(leaf)}
    is_leaf = {(n[0], n[1]): int(n[2] == "LEAF") for n in nodes}
    draw.attributes |= {
        "nodes_featureids": [n[3] for n in interior],
        "nodes_modes": np.array([codes[n[2]] for n in interior], np.uint8),
        "nodes_splits": np.array([n[4] for n in interior]).astype(dtype),
        "nodes_truenodeids": [place[n[0], n[5]] for n in interior],
        "nodes_trueleafs": [is_leaf[n[0], n[5]] for n in interior],
        "nodes_falsenodeids": [place[n[0], n[6]] for n in interior],
        "nodes_falseleafs": [is_leaf[n[0], n[6]] for n in interior],
        "tree_roots": [place[n[0], 0] for n in interior if n[1] == 0],
        "leaf_targetids": [draw.integer(0, targets - 1) for _ in leaf],
        "leaf_weights": draw.array(dtype, (len(leaf),), special=False),
        "n_targets": targets,
    }
    if draw.chance():
        draw.set(nodes_missing_value_tracks_true=[n[7] for n in interior])
    if draw.chance(0.25):
        with_members(draw, array)
    draw.some(aggregate_function=draw.integer(0, 3), post_transform=draw.integer(0, 4))


def with_members(draw, array):
    """Some nodes ask whether a feature is one of several whole numbers; lists end with NaN."""
    np.round(array, out=array)
    members = []
    modes = draw.attributes["nodes_modes"]
    for index in range(len(modes)):
        if draw.chance():
            modes[index] = 6
            members += [*draw.random.sample(range(-4, 5), draw.integer(1, 5)), np.nan]
    if members:
        draw.set(membership_values=np.array(members).astype(array.dtype))


