"""Every family is served as it was trained, explained exactly, or refused in one line."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xgboost
from hypothesis import given, settings
from hypothesis import strategies as st
from imblearn.pipeline import Pipeline as ResamplingPipeline
from imblearn.under_sampling import RandomUnderSampler
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier
from sklearn.preprocessing import MinMaxScaler
from sklearn.svm import SVC, LinearSVC

from project_tools.errors import ArtefactError, TrainingError
from project_tools.features.catalogue import all_features
from project_tools.features.columns import PROTECTED_COLUMNS
from project_tools.models.dataset import excluded_features
from project_tools.models.families import FAMILIES, get_family
from project_tools.models.preparation import make_preparation, numeric_matrix
from project_tools.models.training import train
from project_tools.runs.served_form import artefact_content, served_form
from project_tools.serving import formats
from project_tools.serving.artefact import Artefact, load_artefact, write_artefact
from project_tools.serving.canvas import png
from project_tools.serving.explanation import decision_reasons, explain, scored_parts
from project_tools.serving.formats import sklearn_skops
from project_tools.serving.formats.table import FORMATS, model_format
from project_tools.serving.model import ServedModel
from project_tools.serving.pictures import beeswarm, waterfall
from project_tools.serving.scoring import Scorer
from tests.helpers.every_family import NAMES, clients, content_of, row_of, trained

SCALES = dict.fromkeys(("random_forest", "forest of codes"), "probability")


@pytest.fixture(scope="module")
def artefacts(tmp_path_factory) -> dict[str, Artefact]:
    folder, found = tmp_path_factory.mktemp("families"), {}
    for name in NAMES:
        write_artefact(folder / name, content_of(name, folder / f"{name}.state"))
        found[name] = load_artefact(folder / name, child=name in ("xgboost", "random_forest"))
    return found


@pytest.fixture(scope="module")
def held_out():
    return clients("test").X


def rows_of(frame):
    plain = frame.astype(object)
    return plain.where(plain.notna(), None).to_dict("records")


@pytest.mark.parametrize("name", NAMES)
def test_a_family_is_served_with_the_probabilities_of_its_training(artefacts, held_out, name):
    model = artefacts[name].model
    raw = model.raw_scores(model.encoder.encode_frame(held_out))
    expected = trained(name).probabilities(held_out)
    np.testing.assert_allclose(model.probabilities(raw), expected, rtol=2e-6, atol=1e-7)
    assert artefacts[name].manifest.model_format == row_of(name).format
    assert artefacts[name].manifest.explains == SCALES.get(name, "log-odds") == model.scale


@pytest.mark.parametrize("name", NAMES)
def test_contributions_add_up_to_the_models_own_score(artefacts, held_out, name):
    artefact, scorer = artefacts[name], Scorer(artefacts[name])
    for row in rows_of(held_out.head(40)):
        found = explain(artefact, row)
        assert found.scale == artefact.manifest.explains
        assert found.raw_score == scorer.score(row).raw_score
        parts = [f.contribution for group in found.groups for f in group.features]
        assert len(parts) == held_out.shape[1]
        assert found.base + sum(parts) == pytest.approx(found.raw_score, abs=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_a_row_alone_and_among_others_has_the_same_bits(artefacts, held_out, name):
    model = artefacts[name].model
    encoded = model.encoder.encode_frame(held_out.head(30))
    for one in (model.raw_scores, model.contributions):
        singles = np.concatenate([one(encoded[[i]]) for i in range(len(encoded))])
        np.testing.assert_array_equal(singles, one(encoded))


@pytest.mark.parametrize("name", ["logistic_l2", "logistic_l1"])
def test_a_linear_models_contribution_is_weight_times_distance_from_the_mean(
    artefacts, held_out, name
):
    preparation, model = (step for _, step in trained(name).estimator.steps)
    mean = preparation.transform(clients("train").X).mean(axis=0, dtype="float64")
    parts = model.coef_[0].astype("float64") * (preparation.transform(held_out) - mean)
    sources = [str(c).split("=")[0] for c in preparation.get_feature_names_out()]
    model = artefacts[name].model
    found = model.contributions(model.encoder.encode_frame(held_out))
    for position, feature in enumerate(model.features):
        columns = [i for i, source in enumerate(sources) if source == feature.name]
        assert len(columns) == (len(feature.levels) or 1)
        np.testing.assert_allclose(found[:, position], parts[:, columns].sum(axis=1), atol=1e-6)


def test_xgboosts_contributions_are_its_own_but_for_their_rounding(artefacts, held_out):
    model = trained("xgboost").estimator
    matrix = xgboost.DMatrix(  # with names, types and categories, as it was trained
        numeric_matrix(held_out, model.levels_),
        feature_names=list(model.feature_names_in_),
        feature_types=model.booster_.feature_types,
        enable_categorical=True,
    )
    own = model.booster_.predict(matrix, pred_contribs=True, iteration_range=(0, model.rounds_))
    served = artefacts["xgboost"].model
    found = served.contributions(served.encoder.encode_frame(held_out))
    np.testing.assert_allclose(found, own, atol=1e-5)
    categories = [i for i, f in enumerate(served.features) if f.kind == "category"]
    assert np.abs(own[:, categories]).max() > 0.01  # categories are split on


def test_xgboosts_contributions_that_miss_by_more_than_rounding_stay_so(artefacts, held_out):
    artefact = artefacts["xgboost"]
    booster = artefact.model.raw.booster

    class Liar:
        inplace_predict = staticmethod(booster.inplace_predict)

        def predict(self, *given, **how):
            return booster.predict(*given, **how) + 0.1

    model = replace(artefact.model, raw=replace(artefact.model.raw, booster=Liar()))
    with pytest.raises(ArtefactError, match="do not add up"):
        explain(replace(artefact, model=model), rows_of(held_out.head(1))[0])


def test_a_forest_is_the_librarys_own_bit_for_bit(artefacts, held_out):
    model = artefacts["random_forest"].model
    expected = trained("random_forest").estimator.predict_proba(held_out)[:, 1]
    found = model.raw_scores(model.encoder.encode_frame(held_out))
    np.testing.assert_array_equal(found, expected)


def test_threads_explain_a_forest_as_one_does(artefacts, held_out):
    folder_model = artefacts["random_forest"].model
    fresh = replace(folder_model, raw=replace(folder_model.raw, _explainer=None))
    encoded = fresh.encoder.encode_frame(held_out.head(32))
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda i: fresh.contributions(encoded[[i]]), range(32)))
    np.testing.assert_array_equal(np.concatenate(together), folder_model.contributions(encoded))


@pytest.mark.parametrize("name", ["random_forest", "logistic_l2", "xgboost"])
def test_pictures_are_drawn_on_the_models_own_scale(artefacts, held_out, name):
    artefact = artefacts[name]
    found = explain(artefact, rows_of(held_out.head(1))[0])
    unit, factor = ("percentage points", 100) if name == "random_forest" else ("log-odds", 1)
    local, general = waterfall(found), beeswarm(artefact)
    assert local.chart.score == factor * found.raw_score
    assert png(local.chart).startswith(b"\x89PNG")
    assert png(general.chart).startswith(b"\x89PNG")
    assert f"Waterfall in {unit} from the average {factor * found.base:.2f}" in local.alt
    assert f"in {unit}: " in general.alt


@pytest.mark.parametrize("name", NAMES)
def test_the_overview_is_the_mean_contribution_over_the_training_clients(artefacts, name):
    model, known = artefacts[name].model, artefacts[name].overview
    rows = clients("train").X
    parts = model.contributions(model.encoder.encode_frame(rows))[:, :-1]
    assert known.clients == len(rows) == 300
    means = dict(zip((f.name for f in model.features), np.abs(parts).mean(axis=0), strict=True))
    assert known.importance == pytest.approx(means, rel=1e-5)
    assert sum(known.shares().values()) == pytest.approx(1)
    swarm = next(s for s in known.swarms if s.concept == "External scores")
    both = [i for i, f in enumerate(model.features) if f.name.startswith("EXT_SOURCE")]
    np.testing.assert_allclose(
        swarm.contributions, np.sort(parts[:, both].sum(axis=1)), rtol=1e-5, atol=1e-9
    )


def test_an_overview_puts_no_client_together_again(artefacts):
    # Each concept is ordered by itself, so that one place in all of them is not one client.
    for swarm in artefacts["lightgbm"].overview.swarms:
        assert list(swarm.contributions) == sorted(swarm.contributions)


@pytest.mark.parametrize(
    ("name", "needless"),
    [
        ("lightgbm", ("xgboost", "skops", "shap")),
        pytest.param("xgboost", ("lightgbm", "skops", "shap"), marks=pytest.mark.slow),
        pytest.param("random_forest", ("lightgbm", "xgboost", "shap"), marks=pytest.mark.slow),
        pytest.param("logistic_l2", ("lightgbm", "xgboost", "shap"), marks=pytest.mark.slow),
    ],
)
def test_a_model_is_served_without_the_libraries_of_the_others(tmp_path, name, needless):
    write_artefact(tmp_path / "artefact", content_of(name, tmp_path / "state"))
    code = (
        "import sys, api.service; from pathlib import Path; from project_tools.serving.artefact import load_artefact;"
        "a = load_artefact(Path(sys.argv[1]), child=False);"
        "a.model.raw_scores(a.model.encoder.encode_rows([dict.fromkeys(f.name for f in a.features)]));"
        f"print(sorted({set(needless)!r} & {{*sys.modules}}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "artefact")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "[]"


def test_every_family_names_a_format_of_the_table_and_is_tested_in_it():
    named = {family.name: family.format for family in FAMILIES.values() if family.format}
    assert set(named.values()) == set(FORMATS)
    assert set(named) == {row_of(name).name for name in NAMES}
    files = [row.file for row in FORMATS.values()]
    assert len(set(files)) == len(files)


@pytest.mark.parametrize("name", [f.name for f in FAMILIES.values() if f.format is None])
def test_a_family_without_a_format_is_refused_in_one_line(name):
    family = FAMILIES[name]
    with pytest.raises(TrainingError, match=rf"^{family.label} has no exact explanation, [^\n]*$"):
        served_form(replace(trained("logistic_l2"), family=family), clients("train").X)


@pytest.mark.parametrize("name", NAMES)
def test_a_format_that_repeats_its_bytes_says_so_truly(name):
    model, training = trained(name), clients("train").X
    row = FORMATS[row_of(name).format]
    first, second = (row.load().write(model.estimator, training) for _ in range(2))
    assert (first == second) or not row.repeats


def test_a_model_in_a_format_of_other_models_is_refused_in_one_line():
    family = replace(get_family("logistic_l2"), format="skops")
    steps = trained("logistic_l2").estimator.steps
    machine = LinearSVC().fit(np.zeros((2, 1)), [0, 1])
    odd = ResamplingPipeline([steps[0], ("model", machine)])
    with pytest.raises(ArtefactError, match=r"wants to make a sklearn\.svm[^\n]*$"):
        served_form(
            replace(trained("logistic_l2"), family=family, estimator=odd), clients("train").X
        )


def test_a_support_vector_machine_is_scored_but_never_served():
    plan = get_family("logistic_l2").plan

    def build(_parameters, _seed, _jobs):
        return CalibratedClassifierCV(SVC(), ensemble=False, cv=2)

    row = replace(get_family("svc_rbf"), label="RBF machine", build=build)
    model = train(replace(row, plan=plan, space={}, fixed={}), {}, clients("train"), folds=2)
    assert model.scores["AUC"].value > 0.5
    with pytest.raises(TrainingError, match=r"^RBF machine has no exact explanation, .* never"):
        served_form(model, clients("train").X)


def test_resampling_is_left_behind_by_what_is_served():
    data, model = clients("train"), trained("random_forest")
    preparation = make_preparation(get_family("random_forest").plan, data.X)
    steps = [
        ("preparation", preparation),
        ("fewer", RandomUnderSampler(random_state=0)),
        ("model", RandomForestClassifier(5, max_depth=4, random_state=0)),
    ]
    fitted = ResamplingPipeline(steps).fit(data.X, data.y)
    file, features = served_form(replace(model, estimator=fitted), data.X)
    served = ServedModel.read(file, features, model.calibration)
    found = served.raw_scores(served.encoder.encode_frame(data.X))
    np.testing.assert_array_equal(found, fitted.predict_proba(data.X)[:, 1])


def test_a_step_that_is_not_known_is_refused_by_its_name():
    data, model = clients("train"), trained("random_forest")
    preparation, forest = (step for _, step in model.estimator.steps)
    steps = [("preparation", preparation), ("scale", MinMaxScaler()), ("model", forest)]
    odd = ResamplingPipeline(steps)
    with pytest.raises(TrainingError, match="its steps are ColumnTransformer, MinMaxScaler, Rand"):
        served_form(replace(model, estimator=odd), data.X)


def test_a_form_that_scores_otherwise_than_the_trained_model_is_refused(tmp_path):
    data = clients("train")
    model = train(row_of("xgboost"), {}, data, folds=2)
    model.estimator.predict_proba = trained("lightgbm").estimator.predict_proba
    with pytest.raises(TrainingError, match="XGBoost as it would be served gives held-out"):
        artefact_content(
            model, name="n", run_id="r", commit="", metrics={}, training=data.X,
            held_out=clients("test").X, state=tmp_path,
        )  # fmt: skip


def test_a_forest_whose_explanation_is_not_exact_is_not_exported(tmp_path, monkeypatch):
    content = content_of("random_forest", tmp_path / "state")
    exact = sklearn_skops.ForestModel.contributions
    monkeypatch.setattr(
        sklearn_skops.ForestModel, "contributions", lambda self, rows: exact(self, rows) + 1e-6
    )
    with pytest.raises(ArtefactError, match=r"model.skops miss its score by up to 1.\de-05"):
        write_artefact(tmp_path / "artefact", content)
    assert not (tmp_path / "artefact").exists()


@pytest.mark.parametrize("bound", ["MOST_DEPTH", "MOST_LEAVES"])
def test_a_forest_too_deep_to_explain_is_not_exported(tmp_path, monkeypatch, bound):
    monkeypatch.setattr(sklearn_skops, bound, 2)
    with pytest.raises(ArtefactError, match=r"at most \d+ and .* train with max_depth"):
        content_of("random_forest", tmp_path / "state")


def test_the_time_of_an_explanation_is_bounded_by_what_the_search_may_choose():
    row = get_family("random_forest")
    assert row.fixed["max_depth"] <= sklearn_skops.MOST_DEPTH
    assert row.space["max_leaf_nodes"].high <= sklearn_skops.MOST_LEAVES


@pytest.fixture(scope="module")
def additive(tmp_path_factory) -> dict[str, Artefact]:
    """Models without interactions, in which what a concept does can be found by exchanging it."""
    folder = tmp_path_factory.mktemp("additive")
    stumps = {"num_leaves": 2, "n_estimators": 60, "early_stopping_rounds": 0, "subsample": 1.0}
    model = train(row_of("lightgbm"), stumps, clients("train"), folds=2)
    found = {}
    for name, which in (("stumps", model), ("logistic_l2", trained("logistic_l2"))):
        content = artefact_content(
            which, name="n", run_id="r", commit="", metrics={}, training=clients("train").X,
            held_out=clients("test").X, state=_state(folder),
        )  # fmt: skip
        write_artefact(folder / name, content)
        found[name] = load_artefact(folder / name, child=False)
    return found


def _state(folder: Path) -> Path:
    (folder / "state").mkdir(exist_ok=True)
    return folder / "state"


@settings(max_examples=30, deadline=None)
@given(which=st.sampled_from(["stumps", "logistic_l2"]), client=st.integers(0, 299))
def test_exchanging_a_reasons_concept_moves_the_score_as_the_reason_says(additive, which, client):
    artefact = additive[which]
    row = rows_of(clients("test").X.iloc[[client]])[0]
    raw_scores, parts = scored_parts(artefact, row)
    found = decision_reasons(artefact, row, raw_scores, parts)
    sizes = [abs(reason.contribution) for reason in found.reasons]
    assert sizes == sorted(sizes, reverse=True)
    assert len(sizes) <= 4
    others = rows_of(clients("train").X)
    for reason in (*found.reasons, *found.other_side):
        names = [artefact.features[at].name for at in artefact.index.members(reason.code)]
        exchanged = [{**row, **{name: other[name] for name in names}} for other in others]
        model = artefact.model
        average = model.raw_scores(model.encoder.encode_rows(exchanged)).mean()
        # Without a reference the client is compared with the average client: the concept raised
        # the score by what it loses with the values of all other clients.
        assert raw_scores[0] - average == pytest.approx(reason.contribution, abs=1e-5)
        assert (reason.contribution > 0) == (reason.direction == "raises")
    assert all((reason.contribution > 0) is not found.granted for reason in found.reasons)


@pytest.mark.parametrize(
    ("left_out", "goes_too", "stays"),
    [
        ("EXT_SOURCES_MEAN", "GROUP1_EXT_SOURCES_MEDIAN", "EXT_SOURCE_1"),
        ("CREDIT_TO_ANNUITY_RATIO", "CTAR_DAYS_EMPLOYED_MEAN", "AMT_CREDIT"),
        # Through another feature: a group is made of the ratio, statistics of the group.
        ("CREDIT_TO_ANNUITY_RATIO", "GROUP2_CREDIT_STD", "AMT_ANNUITY"),
        ("BUREAU_AMT_CREDIT_SUM_SUM", "BUREAU_DEBT_OVER_CREDIT", "BUREAU_AMT_CREDIT_SUM_DEBT_SUM"),
        ("EXT_SOURCE_1", "CTAR_EXT_SOURCES_MEAN_MEAN", "EXT_SOURCE_2"),
    ],
)
def test_a_feature_is_excluded_with_what_is_computed_from_it(left_out, goes_too, stays):
    out = excluded_features(left_out, list(all_features().values()), source="f")
    assert {left_out, goes_too} <= out
    assert stays not in out


@pytest.mark.parametrize("left_out", ["protected", "DAYS_BIRTH", "AMT_CREDIT"])
def test_what_is_excluded_is_in_no_explanation_nor_anything_computed_from_it(tmp_path, left_out):
    infos = list(all_features().values())
    out = excluded_features(left_out, infos, source="f")
    raw = set(PROTECTED_COLUMNS) if left_out == "protected" else {left_out}
    assert out >= {i.name for i in infos if raw & set(i.columns)}
    data = clients("train")
    kept = replace(data, X=data.X.drop(columns=[c for c in data.X if c in out]))
    model = train(row_of("logistic_l2"), {}, kept, folds=2)
    content = artefact_content(
        model, name="n", run_id="r", commit="", metrics={}, training=kept.X,
        held_out=clients("test").X, state=_state(tmp_path),
    )  # fmt: skip
    write_artefact(tmp_path / "a", content)
    artefact = load_artefact(tmp_path / "a", child=False)
    found = explain(artefact, rows_of(clients("test").X.head(1))[0])
    explained = [f.name for group in found.groups for f in group.features]
    lineage = {c for name in explained for c in artefact.describe(name)["columns"]}
    assert not lineage & raw
    if left_out == "AMT_CREDIT":
        assert "CREDIT_TO_INCOME_RATIO" not in explained
        assert "AMT_INCOME_TOTAL" in explained


@pytest.mark.parametrize(
    ("name", "missing", "file"),
    [
        ("lightgbm-text", "lightgbm", "requirements.txt"),
        ("xgboost-ubj", "xgboost", "requirements.txt"),
        ("skops", "sklearn.compose", "requirements-sklearn.txt"),
        ("skops", "skops", "requirements-sklearn.txt"),
    ],
)
def test_a_package_that_is_missing_is_named_beside_the_file_that_installs_it(
    monkeypatch, name, missing, file
):
    package = missing.partition(".")[0]
    for module in ("lightgbm_text", "xgboost_ubj", "sklearn_skops", "skops_file"):
        monkeypatch.delitem(sys.modules, f"project_tools.serving.formats.{module}", raising=False)
        monkeypatch.delattr(formats, module, raising=False)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ArtefactError, match=rf"package {package}, .*; install api/{file}$"):
        model_format(name).load()


def test_a_forest_without_shap_is_refused_when_it_is_read(monkeypatch):
    file, features = served_form(trained("random_forest"), clients("train").X)
    monkeypatch.setitem(sys.modules, "shap", None)
    with pytest.raises(ArtefactError, match=r"shap, .*; install api/requirements-sklearn.txt$"):
        model_format("skops").load().read(file.content, features)
