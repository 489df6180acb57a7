#!/usr/bin/env python3
"""Classical models as their exporters write them: the same predictions as the libraries that trained them.

Usage: check_pipelines.py [--small] [--only TEXT]     (environment: requirements-pipelines.txt)

Trains estimators and pipelines of scikit-learn, XGBoost, LightGBM and CatBoost on made-up data, exports each with
skl2onnx, onnxmltools or CatBoost itself, and compares `zoo-tool verify` with what the library itself predicts. Where an
exporter writes something else, ONNX Runtime must answer as this does. --small takes a handful of them.
"""

import argparse
import json
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import onnx
import oracle
import pipeline_cases
from onnx import numpy_helper

# Models that are exported to something else than what the library computes.
EXCEPTIONS = {
    "LinearDiscriminantAnalysis-2": "exported with softmax over (-margin, margin), which doubles the margin",
    "QuadraticDiscriminantAnalysis-2": "exported with labels in a row of their own",
    "QuadraticDiscriminantAnalysis-3": "exported with labels in a row of their own",
    "GP-classifier": "exported with an operator that no runtime has",
    "KNN-distance": "exported with other weights",
    "GaussianMixture": "exported with labels in a column",
    "XGBoost-two-targets": "exported with other sums of trees",
    "XGBoost-reg:logistic": "exported with numbers before the logistic function",
    "LightGBM-forest": "exported with another division",
    "LightGBM-one-against-all": "exported with other probabilities",
    "CatBoost-number": "exported with numbers in a column",
    "CatBoost-two-targets": "exported as a classifier without labels",
}
TOLERANCE = {"rtol": 1e-3, "atol": 1e-4}
ROWS = 200


def data(seed=0):
    """(features, class of three, yes or no, number)"""
    generator = np.random.default_rng(seed)
    x = generator.normal(0, 1, (ROWS, 6)).astype(np.float32)
    score = x[:, 0] * 2 - x[:, 1] + np.sin(x[:, 2] * 3)
    return x, np.digitize(score, [-1, 1]), (score > 0).astype(np.int64), (score + x[:, 3] ** 2).astype(np.float32)


def classifiers(small):
    from sklearn import discriminant_analysis, ensemble, linear_model, naive_bayes, neighbors, neural_network, svm, tree

    few = [
        linear_model.LogisticRegression(),
        ensemble.RandomForestClassifier(20, max_depth=5),
        ensemble.GradientBoostingClassifier(n_estimators=20),
        svm.SVC(probability=True),
    ]
    if small:
        return few
    return few + [
        linear_model.SGDClassifier(loss="log_loss"),
        linear_model.Perceptron(),
        linear_model.RidgeClassifier(),
        tree.DecisionTreeClassifier(max_depth=6),
        ensemble.ExtraTreesClassifier(20, max_depth=6),
        ensemble.AdaBoostClassifier(n_estimators=10),
        ensemble.BaggingClassifier(n_estimators=5),
        ensemble.HistGradientBoostingClassifier(max_iter=20),
        ensemble.VotingClassifier([("a", linear_model.LogisticRegression()), ("b", tree.DecisionTreeClassifier(max_depth=3))],
                                  voting="soft"),  # fmt: skip
        svm.SVC(kernel="poly"),
        svm.LinearSVC(),
        svm.NuSVC(probability=True),
        naive_bayes.GaussianNB(),
        naive_bayes.BernoulliNB(),
        neighbors.KNeighborsClassifier(5),
        neural_network.MLPClassifier((16,), max_iter=50),
        discriminant_analysis.LinearDiscriminantAnalysis(),
        discriminant_analysis.QuadraticDiscriminantAnalysis(),
    ]


def regressors(small):
    from sklearn import ensemble, gaussian_process, linear_model, neighbors, neural_network, svm, tree

    few = [linear_model.LinearRegression(), ensemble.RandomForestRegressor(20, max_depth=6), svm.SVR()]
    if small:
        return few
    return few + [
        linear_model.Ridge(),
        linear_model.Lasso(0.01),
        linear_model.ElasticNet(0.01),
        linear_model.HuberRegressor(),
        linear_model.BayesianRidge(),
        tree.DecisionTreeRegressor(max_depth=6),
        ensemble.ExtraTreesRegressor(20, max_depth=6),
        ensemble.GradientBoostingRegressor(n_estimators=20),
        ensemble.HistGradientBoostingRegressor(max_iter=20),
        ensemble.AdaBoostRegressor(n_estimators=5),
        ensemble.BaggingRegressor(n_estimators=5),
        svm.LinearSVR(),
        svm.NuSVR(kernel="sigmoid"),
        neighbors.KNeighborsRegressor(5),
        neural_network.MLPRegressor(hidden_layer_sizes=(16,), max_iter=50),
        gaussian_process.GaussianProcessRegressor(),
    ]


def transformers(small):
    from sklearn import decomposition, feature_selection, preprocessing

    few = [preprocessing.StandardScaler(), preprocessing.PolynomialFeatures(2)]
    if small:
        return few
    return few + [
        preprocessing.MinMaxScaler(),
        preprocessing.RobustScaler(),
        preprocessing.MaxAbsScaler(),
        preprocessing.Normalizer(),
        preprocessing.Binarizer(),
        preprocessing.KBinsDiscretizer(4),
        preprocessing.PowerTransformer(),
        preprocessing.QuantileTransformer(n_quantiles=20),
        decomposition.PCA(3),
        decomposition.TruncatedSVD(3),
        feature_selection.SelectKBest(k=3),
        feature_selection.VarianceThreshold(0.1),
    ]


def probabilities(model, x):
    return model.predict_proba(x) if hasattr(model, "predict_proba") else None


def expected(model, x, sort):
    """{what an output must equal}: labels or numbers first, probabilities or margins after them."""
    if sort == "transform":
        result = model.transform(x)
        return [np.asarray(result.todense() if hasattr(result, "todense") else result, np.float32)]
    predicted = np.asarray(model.predict(x))
    if sort == "number":
        return [predicted.astype(np.float32).reshape(-1, 1)]
    scores = probabilities(model, x)
    return [predicted] + ([np.asarray(scores, np.float32)] if scores is not None else [])


def sklearn_cases(small):
    from skl2onnx import to_onnx

    x, three, two, number = data()
    kinds = [(classifiers, three, "class"), (classifiers, two, "class"), (regressors, number, "number"),
             (transformers, three, "transform")]  # fmt: skip
    for make, target, sort in kinds:
        for model in make(small):
            classes = f"-{len(set(target))}" if sort == "class" else ""
            yield (f"{type(model).__name__}{classes}", lambda m=model, t=target, s=sort: (
                m.fit(x, t),
                to_onnx(m, x[:1], options={id(m): {"zipmap": False}} if s == "class" else None),
                {"X": x},
                expected(m, x, s),
            )[1:])  # fmt: skip


def mixed_columns():
    """A table of numbers with gaps and categories through one pipeline, each column an input of its own."""
    import pandas
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import GradientBoostingClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    x, _, two, _ = data(3)
    generator = np.random.default_rng(4)
    table = pandas.DataFrame({"age": x[:, 0], "income": x[:, 1]})
    table.loc[generator.random(ROWS) < 0.1, "income"] = np.nan
    table["city"] = generator.choice(["Bern", "Zürich", "Genève"], ROWS)
    table["job"] = generator.choice(["baker", "smith"], ROWS)
    numbers = Pipeline([("impute", SimpleImputer(strategy="median")), ("scale", StandardScaler())])
    model = Pipeline([
        ("columns", ColumnTransformer([("numbers", numbers, ["age", "income"]),
                                       ("words", OneHotEncoder(handle_unknown="ignore"), ["city", "job"])])),
        ("trees", GradientBoostingClassifier(n_estimators=15)),
    ]).fit(table, two)  # fmt: skip
    types = [(n, StringTensorType([None, 1]) if n in ("city", "job") else FloatTensorType([None, 1])) for n in table]
    exported = to_onnx(model, initial_types=types, options={id(model): {"zipmap": False}})
    inputs = {n: table[[n]].to_numpy(object if n in ("city", "job") else np.float32) for n in table}
    return exported, inputs, expected(model, table, "class")


def text_pipeline():
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import StringTensorType
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    generator = np.random.default_rng(5)
    good, bad = "fine great lovely superb".split(), "awful poor bleak dull".split()
    texts, answers = [], []
    for index in range(120):
        words = list(generator.choice(good if index % 2 else bad, 3)) + list(generator.choice("a film of it".split(), 3))
        texts.append(" ".join(generator.permutation(words)))
        answers.append(index % 2)
    model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), token_pattern="[a-z]+"), LogisticRegression())
    model.fit(texts, answers)
    exported = to_onnx(model, initial_types=[("text", StringTensorType([None]))],
                       options={id(model): {"zipmap": False}})  # fmt: skip
    return exported, {"text": np.array(texts, object)}, expected(model, texts, "class")


def boosted_cases(small):
    import lightgbm
    import onnxmltools
    import xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType

    x, three, two, number = data(7)
    types = [("X", FloatTensorType([None, x.shape[1]]))]
    rounds = {"n_estimators": 10 if small else 40}
    for target, name in ((two, "2"), (three, "3"), (number, "number")):
        sort = "number" if name == "number" else "class"
        xgb = xgboost.XGBRegressor if sort == "number" else xgboost.XGBClassifier
        lgb = lightgbm.LGBMRegressor if sort == "number" else lightgbm.LGBMClassifier
        yield f"XGBoost-{name}", lambda t=target, s=sort, c=xgb: (lambda m: (
            onnxmltools.convert_xgboost(m, initial_types=types), {"X": x}, expected(m, x, s)))(
                c(max_depth=5, **rounds).fit(x, t))  # fmt: skip
        yield f"LightGBM-{name}", lambda t=target, s=sort, c=lgb: (lambda m: (
            onnxmltools.convert_lightgbm(m, initial_types=types, zipmap=False), {"X": x}, expected(m, x, s)))(
                c(verbose=-1, **rounds).fit(x, t))  # fmt: skip


def write(folder, model, inputs, outputs):
    place = folder / "test_data_set_0"
    place.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    (folder / "data.json").write_text(json.dumps(TOLERANCE))
    for index, declared in enumerate(model.graph.input):
        (place / f"input_{index}.pb").write_bytes(tensor(inputs[declared.name]))
    for index, (value, declared) in enumerate(zip(outputs, model.graph.output)):
        kind = declared.type.tensor_type
        dtype = onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type)
        value = value.astype(object) if kind.elem_type == onnx.TensorProto.STRING else value.astype(dtype)
        if len(kind.shape.dim) == 1:
            value = value.reshape(-1)
        (place / f"output_{index}.pb").write_bytes(tensor(value))


def tensor(array):
    if array.dtype == object:
        texts = [s.encode() for s in array.reshape(-1)]
        return onnx.helper.make_tensor("", onnx.TensorProto.STRING, array.shape, texts).SerializeToString()
    return numpy_helper.from_array(np.ascontiguousarray(array)).SerializeToString()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="a handful of models")
    parser.add_argument("--only", default="", metavar="TEXT", help="models whose name contains TEXT")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    oracle.announce()
    cases = [*sklearn_cases(options.small), ("mixed columns", mixed_columns), ("text", text_pipeline),
             *boosted_cases(options.small), *([] if options.small else pipeline_cases.cases())]  # fmt: skip
    np.random.seed(0)
    left_out = []
    with tempfile.TemporaryDirectory() as root:
        folders = {}
        for name, make in cases:
            if options.only not in name:
                continue
            try:
                made = make()
            except Exception as error:
                left_out.append(f"{name}: {type(error).__name__}: {str(error).splitlines()[0][:120]}")
                continue
            if name in folders:
                name += ", another"
            folders[name] = Path(root) / name
            write(folders[name], *made)
        result = oracle.run_tool("verify", *folders.values(), "--json")
        reports = {Path(r["path"]): r for r in json.loads(result.stdout)}
        wrong = [n for n, f in folders.items() if not report(n, reports[f])]
        failed = [n for n in wrong if n not in EXCEPTIONS or not answers_like_onnxruntime(n, folders[n])]
    passing = [n for n in EXCEPTIONS if n in folders and n not in wrong]
    for reason in left_out:
        print(f"not exported: {reason}")
    for name in passing:
        print(f"PASSES UNEXPECTEDLY {name}: take it off the exceptions")
    print(f"pipelines: {len(folders) - len(wrong)} of {len(folders)} models predict what their library does")
    sys.exit(1 if failed or passing else 0)


def answers_like_onnxruntime(name, folder):
    """Whether both compute the same of a model, or both refuse it."""
    import onnxruntime

    onnxruntime.set_default_logger_severity(4)
    place = folder / "test_data_set_0"
    model = onnx.load(folder / "model.onnx")
    given = [onnx.load_tensor(place / f"input_{i}.pb") for i in range(len(model.graph.input))]
    try:
        session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
        answers = session.run(None, {p.name: numpy_helper.to_array(t) for p, t in zip(model.graph.input, given)})
    except Exception:
        answers = None
    for index, answer in enumerate(answers or []):
        (place / f"output_{index}.pb").write_bytes(tensor(answer))
    found = json.loads(oracle.run_tool("verify", folder, "--json").stdout)[0]
    if answers is None:
        return bool(found.get("error"))
    return report(f"{name}, as ONNX Runtime has it", found)


def verdict(name):
    return f"known ({EXCEPTIONS[name]})" if name in EXCEPTIONS else "FAIL"


def report(name, found):
    """Whether the model passes; a few labels may differ where two classes are equally likely in f32."""
    if found.get("error"):
        print(f"{verdict(name)} {name}: {found['error'].splitlines()[0][:300]}")
        return False
    wrong = [o for case in found["cases"] for o in case["outputs"] if not o["comparison"]["matches"]]
    for output in wrong:
        print(f"{verdict(name)} {name}: {output['name']}: {output['comparison'].get('mismatch') or output['comparison']['worst']}")
    return not wrong


if __name__ == "__main__":
    main()
