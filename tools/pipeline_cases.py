"""Further models for check_pipelines.py: gaps and categories in trees, several targets, kernels, neighbours, text, CatBoost.

Each maker yields (name, function without arguments that gives (ONNX model, {input: array}, [expected outputs])).
"""

import tempfile
from pathlib import Path

import numpy as np
import onnx


def table(seed, rows=150, columns=5, gaps=0.0):
    """(features, some of them NaN; class of three; number; two numbers)"""
    generator = np.random.default_rng(seed)
    x = generator.normal(0, 1, (rows, columns)).astype(np.float32)
    score = x[:, 0] * 2 - x[:, 1] + np.sin(x[:, 2] * 3)
    if gaps:
        x[generator.random(x.shape) < gaps] = np.nan
    number = (score + generator.normal(0, 0.1, rows)).astype(np.float32)
    return x, np.digitize(score, [-1, 1]), number, np.stack([number, number**2], -1)


def classes_of(model, x):
    return [np.asarray(model.predict(x)), np.asarray(model.predict_proba(x), np.float32)]


def numbers_of(model, x):
    predicted = np.asarray(model.predict(x), np.float32)
    return [predicted.reshape(len(x), -1)]


# scikit-learn


def kernels():
    from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, DotProduct, ExpSineSquared, Matern, RationalQuadratic, WhiteKernel

    yield "GP-RBF", GaussianProcessRegressor(ConstantKernel(2.0) * RBF(1.5), alpha=1e-3, optimizer=None)
    yield "GP-Matern", GaussianProcessRegressor(Matern(1.2, nu=1.5), alpha=1e-3, optimizer=None)
    yield "GP-RationalQuadratic", GaussianProcessRegressor(RationalQuadratic(1.0, 0.7), alpha=1e-3, optimizer=None)
    yield "GP-ExpSineSquared", GaussianProcessRegressor(ExpSineSquared(1.0, 3.0), alpha=50.0, optimizer=None)
    yield "GP-DotProduct", GaussianProcessRegressor(DotProduct(1.0) + WhiteKernel(0.1), alpha=1e-2, optimizer=None)
    yield "GP-classifier", GaussianProcessClassifier(RBF(1.0), optimizer=None)


def estimators():
    from sklearn import cluster, ensemble, linear_model, mixture, multiclass, multioutput, neighbors, svm, tree
    from sklearn.calibration import CalibratedClassifierCV

    yield "KNN-distance", neighbors.KNeighborsRegressor(4, weights="distance")
    yield "KNN-manhattan", neighbors.KNeighborsClassifier(3, metric="manhattan")
    yield "KNN-minkowski-3", neighbors.KNeighborsRegressor(3, p=3)
    yield "Radius", neighbors.RadiusNeighborsRegressor(3.0)
    yield "OneVsRest", multiclass.OneVsRestClassifier(linear_model.LogisticRegression())
    yield "OneVsRest-trees", multiclass.OneVsRestClassifier(tree.DecisionTreeClassifier(max_depth=4))
    yield "Calibrated", CalibratedClassifierCV(svm.LinearSVC(), cv=3)
    yield "Stacking", ensemble.StackingClassifier([("t", tree.DecisionTreeClassifier(max_depth=3)), ("s", svm.SVC(probability=True))])
    yield "StackingRegressor", ensemble.StackingRegressor([("t", tree.DecisionTreeRegressor(max_depth=3)), ("r", linear_model.Ridge())])
    yield "VotingRegressor", ensemble.VotingRegressor([("t", tree.DecisionTreeRegressor(max_depth=3)), ("r", linear_model.Ridge())])
    yield "MultiOutput", multioutput.MultiOutputRegressor(ensemble.GradientBoostingRegressor(n_estimators=8))
    yield "ManyTargetsTree", ensemble.RandomForestRegressor(8, max_depth=5)
    yield "PoissonRegressor", linear_model.PoissonRegressor()
    yield "IsolationForest", ensemble.IsolationForest(n_estimators=15, random_state=0)
    yield "KMeans", cluster.KMeans(4, n_init=2, random_state=0)
    yield "GaussianMixture", mixture.GaussianMixture(3, random_state=0)


def sklearn_cases():
    from skl2onnx import to_onnx

    x, three, number, two_numbers = table(11)
    for name, model in [*kernels(), *estimators()]:
        def make(m=model, name=name):
            target = {"MultiOutput": two_numbers, "ManyTargetsTree": two_numbers, "PoissonRegressor": np.abs(number)}.get(name)
            sort = "class" if hasattr(type(m), "predict_proba") or "lassifier" in name or name == "KNN-manhattan" else "number"
            if target is None:
                target = three if sort == "class" else number
            if name == "GP-classifier":
                target = (three > 0).astype(np.int64)
            m.fit(x, target)
            options = {id(m): {"zipmap": False}} if sort == "class" and name not in ("GaussianMixture",) else None
            exported = to_onnx(m, x[:1], options=options, target_opset={"": 18, "ai.onnx.ml": 3})
            if name in ("KMeans", "IsolationForest", "GaussianMixture"):
                return exported, {"X": x}, [np.asarray(m.predict(x)).reshape(-1, 1) if name == "IsolationForest" else m.predict(x)]
            return exported, {"X": x}, classes_of(m, x) if sort == "class" else numbers_of(m, x)

        yield name, make


def gaps_and_categories():
    """Tables with missing numbers and with words, behind encoders of columns."""
    from skl2onnx import to_onnx
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import GradientBoostingClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline, make_union
    from sklearn.preprocessing import OrdinalEncoder, PolynomialFeatures, StandardScaler

    x, three, _, _ = table(12, gaps=0.1)

    def plain(model, target, sort):
        model.fit(x, target)
        options = {id(model): {"zipmap": False}} if sort == "class" else None
        return to_onnx(model, x[:1], options=options), {"X": x}, classes_of(model, x) if sort == "class" else numbers_of(model, x)

    union = make_union(StandardScaler(), PolynomialFeatures(2, interaction_only=True))
    yield "union", lambda: plain(make_pipeline(SimpleImputer(), union, LogisticRegression(max_iter=300)), three, "class")
    columns = ColumnTransformer([("a", StandardScaler(), [0, 2]), ("b", SimpleImputer(strategy="most_frequent"), [1, 3])])
    yield "columns by number", lambda: plain(make_pipeline(columns, SimpleImputer(), GradientBoostingClassifier(n_estimators=8)), three, "class")
    yield "ordinal words", lambda: ordinal_words(OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1))


def ordinal_words(encoder):
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import StringTensorType
    from sklearn.pipeline import make_pipeline
    from sklearn.tree import DecisionTreeClassifier

    generator = np.random.default_rng(13)
    words = generator.choice(["red", "green", "blue", "日本"], (120, 2)).astype(object)
    answers = ((words[:, 0] == "red") ^ (words[:, 1] == "日本")).astype(np.int64)
    model = make_pipeline(encoder, DecisionTreeClassifier()).fit(words, answers)
    exported = to_onnx(model, initial_types=[("X", StringTensorType([None, 2]))], options={id(model): {"zipmap": False}})
    return exported, {"X": words}, classes_of(model, words)


def texts():
    """Words, pairs of words and letters, counted or weighed, before linear models."""
    from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

    yield "text counts", lambda: text_model(CountVectorizer(token_pattern="[a-zA-Z]+", lowercase=True))
    yield "text pairs", lambda: text_model(TfidfVectorizer(ngram_range=(1, 2), token_pattern="[a-z]+", norm="l1"))
    yield "text binary", lambda: text_model(CountVectorizer(binary=True, token_pattern=r"[a-z]{2,}"))
    yield "text stop words", lambda: text_model(TfidfVectorizer(stop_words=["of", "it"], token_pattern="[a-z]+", sublinear_tf=False))


def text_model(vectorizer):
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import StringTensorType
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    generator = np.random.default_rng(14)
    good, bad, neutral = "fine great lovely superb".split(), "awful poor bleak dull".split(), "a film of it, Not".split()
    lines = [" ".join(generator.permutation([*generator.choice(good if i % 2 else bad, 3), *generator.choice(neutral, 3)]))
             for i in range(100)]  # fmt: skip
    model = make_pipeline(vectorizer, LogisticRegression()).fit(lines, [i % 2 for i in range(100)])
    exported = to_onnx(model, initial_types=[("text", StringTensorType([None]))], options={id(model): {"zipmap": False}})
    return exported, {"text": np.array(lines, object)}, classes_of(model, lines)


# Boosted trees


def xgboost_cases():
    import onnxmltools
    import xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType

    x, three, number, two_numbers = table(15, gaps=0.1)
    types = [("X", FloatTensorType([None, x.shape[1]]))]

    def exported(model, outputs):
        return onnxmltools.convert_xgboost(model, initial_types=types), {"X": x}, outputs(model, x)

    few = {"n_estimators": 15, "max_depth": 4}
    yes = (three > 0).astype(np.int64)
    yield "XGBoost-gaps", lambda: exported(xgboost.XGBClassifier(**few).fit(x, three), classes_of)
    yield "XGBoost-two-targets", lambda: exported(xgboost.XGBRegressor(**few).fit(x, two_numbers), numbers_of)
    yield "XGBoost-forest", lambda: exported(xgboost.XGBRFClassifier(n_estimators=10, max_depth=4).fit(x, yes), classes_of)
    for objective in ("reg:squaredlogerror", "count:poisson", "reg:gamma", "reg:tweedie", "reg:logistic"):
        target = np.clip(np.abs(number), 0.05, 0.95)
        yield f"XGBoost-{objective}", lambda o=objective, t=target: exported(
            xgboost.XGBRegressor(objective=o, **few).fit(x, t), numbers_of)  # fmt: skip


def lightgbm_cases():
    import lightgbm
    import onnxmltools
    from onnxmltools.convert.common.data_types import FloatTensorType

    x, three, number, _ = table(16, rows=300, gaps=0.05)
    coded = x.copy()
    coded[:, 3] = np.random.default_rng(17).integers(0, 6, len(x))
    number = number + np.where(np.isin(coded[:, 3], [1, 4]), 3, 0).astype(np.float32)
    types = [("X", FloatTensorType([None, x.shape[1]]))]

    def exported(model, outputs, features):
        made = onnxmltools.convert_lightgbm(model, initial_types=types, **({"zipmap": False} if outputs is classes_of else {}))
        return made, {"X": features}, outputs(model, features)

    few = {"n_estimators": 15, "verbose": -1, "min_child_samples": 5}
    yield "LightGBM-gaps", lambda: exported(lightgbm.LGBMClassifier(**few).fit(x, three), classes_of, x)
    yield "LightGBM-categories", lambda: exported(
        lightgbm.LGBMRegressor(cat_smooth=1, cat_l2=0, min_data_per_group=5, **few).fit(coded, number, categorical_feature=[3]),
        numbers_of, coded)  # fmt: skip
    yield "LightGBM-forest", lambda: exported(
        lightgbm.LGBMRegressor(boosting_type="rf", bagging_freq=1, bagging_fraction=0.7, **few).fit(x, number), numbers_of, x)
    yield "LightGBM-poisson", lambda: exported(lightgbm.LGBMRegressor(objective="poisson", **few).fit(x, np.abs(number)), numbers_of, x)
    yield "LightGBM-one-against-all", lambda: exported(lightgbm.LGBMClassifier(objective="multiclassova", **few).fit(x, three), classes_of, x)


def catboost_cases():
    import catboost

    x, three, number, two_numbers = table(18)

    def exported(model, outputs):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.onnx"
            model.save_model(str(path), format="onnx")
            made = onnx.load(path)
        results = outputs(model, x)
        results[0] = results[0].reshape(-1) if outputs is classes_of else results[0]
        return made, {made.graph.input[0].name: x}, results[:1]  # the second is a sequence of maps

    few = {"iterations": 15, "depth": 4, "verbose": 0, "allow_writing_files": False, "random_seed": 0}
    yield "CatBoost-3", lambda: exported(catboost.CatBoostClassifier(**few).fit(x, three), classes_of)
    yield "CatBoost-2", lambda: exported(catboost.CatBoostClassifier(**few).fit(x, (three > 0).astype(int)), classes_of)
    yield "CatBoost-number", lambda: exported(catboost.CatBoostRegressor(**few).fit(x, number), numbers_of)
    yield "CatBoost-words", lambda: exported(
        catboost.CatBoostClassifier(**few).fit(x, np.array(["low", "mid", "high"], object)[three]), classes_of)
    yield "CatBoost-two-targets", lambda: exported(
        catboost.CatBoostRegressor(loss_function="MultiRMSE", **few).fit(x, two_numbers), numbers_of)


def cases():
    for maker in (sklearn_cases, gaps_and_categories, texts, xgboost_cases, lightgbm_cases, catboost_cases):
        yield from maker()
