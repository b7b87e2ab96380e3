"""Write the demonstration's calibration constants from figures of the real tables.

    python scripts/calibrate_demo.py REAL

REAL is a folder with ``statistics.json`` (null shares, levels, quantiles of the full tables of
Kaggle's Home Credit Default Risk), ``target_relation.json`` (default rate by level and decile, AUC
of each column alone), ``spearman_application.csv`` (rank correlations) and two files of
applications. The constants hold quantiles, shares and correlations of these files, and no client's
row. The latent correlations are adjusted in rounds until generated applications show the real ones.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl

from project_tools.demo import application
from project_tools.demo.figures import PROBABILITIES, applications_from
from project_tools.demo.frames import frame
from project_tools.demo.people import DEFAULT_RATE, drawn, mixing
from project_tools.demo.realism import auc
from project_tools.tables.declared import TABLES

FIGURES = Path(__file__).parents[1] / "project_tools" / "demo" / "figures"
TABLE = TABLES["application_train"]
SIDES = ("train", "test")
#: A numeric column with at most this many distinct values is kept as levels.
FEW = 100
ROUNDS, CLIENTS = 18, 60_000
#: Allowed distance of strong rank correlations, and of the AUC of the strongest columns.
RANKS_WITHIN, AUC_WITHIN, STRONGEST = 0.08, 0.02, 30
#: Number of draws of default on the same applications: their mean AUC varies less.
TURNS = 16
#: Rank correlations below this count as 0.
NEGLIGIBLE = 0.01
#: Rank correlations above this are kept, to measure the realism of the tables.
STRONG = 0.3
#: Average clients added to each level, so that rare levels do not get extreme default rates.
PRIOR = 150
IDLE = ("Pensioner", "Unemployed")
BASIS = (
    "NAME_CONTRACT_TYPE", "CODE_GENDER", "FLAG_OWN_CAR", "FLAG_OWN_REALTY", "NAME_TYPE_SUITE",
    "NAME_EDUCATION_TYPE", "NAME_FAMILY_STATUS", "NAME_HOUSING_TYPE", "WEEKDAY_APPR_PROCESS_START",
    "FLAG_EMP_PHONE", "NAME_INCOME_TYPE", "ORGANIZATION_TYPE", "OCCUPATION_TYPE",
    "CNT_CHILDREN", "AMT_INCOME_TOTAL", "AMT_GOODS_PRICE", "TARIFF_FACTOR", "TARIFF_RATIO",
    "REGION_POPULATION_RELATIVE", "DAYS_BIRTH", "DAYS_EMPLOYED", "DAYS_REGISTRATION",
    "DAYS_ID_PUBLISH", "OWN_CAR_AGE", "FLAG_WORK_PHONE", "FLAG_CONT_MOBILE", "FLAG_PHONE",
    "FLAG_EMAIL", "REGION_RATING_CLIENT", "REGION_RATING_CLIENT_W_CITY",
    "HOUR_APPR_PROCESS_START", "REG_REGION_NOT_LIVE_REGION",
    "LIVE_REGION_NOT_WORK_REGION", "REG_CITY_NOT_LIVE_CITY", "LIVE_CITY_NOT_WORK_CITY", "EXT_SOURCE_1", "EXT_SOURCE_2", "EXT_SOURCE_3",
    *(f"{name}_AVG" for name in application.BUILDINGS), "TOTALAREA_MODE",
    "FONDKAPREMONT_MODE", "HOUSETYPE_MODE", "WALLSMATERIAL_MODE", "EMERGENCYSTATE_MODE",
    "OBS_30_CNT_SOCIAL_CIRCLE", "DEF_30_CNT_SOCIAL_CIRCLE", "DAYS_LAST_PHONE_CHANGE",
    "FLAG_DOCUMENT_3", *application.REQUESTS, "GAP_BUILDING", "GAP_BUREAU", "GAP_SOURCE",
)  # fmt: skip
#: Ending of each of a building's further figures, and of the figure that it is close to.
TWINS = {"_MEDI": "_AVG", "_MODE": "_MEDI"}
#: The column whose nulls each latent character of a gap decides.
GAPS = {
    "GAP_BUILDING": "APARTMENTS_AVG",
    "GAP_BUREAU": "EXT_SOURCE_3",
    "GAP_SOURCE": "EXT_SOURCE_1",
}


class Real:
    """The real tables' figures, and the two files of applications, from which others are counted."""

    def __init__(self, folder: Path) -> None:
        self.statistics = json.loads((folder / "statistics.json").read_text())
        self.relation = json.loads((folder / "target_relation.json").read_text())
        self.spearman = pd.read_csv(folder / "spearman_application.csv", index_col=0)
        self.tables = {
            s: pl.read_parquet(folder / f"application_{s}.parquet", glob=False) for s in SIDES
        }

    def column(self, name: str, side: str) -> dict[str, Any]:
        """The statistics of a column of the training or test applications."""
        return self.statistics[f"application_{side}"]["columns"][name]

    def ordered(self, name: str, levels: list[str]) -> list[str]:
        """The levels by default rate, lowest first, with rare levels near the mean."""
        counts = self.relation[name]["categories"]

        def rate(level: str) -> float:
            n, rate = counts.get(level, (0, 0.0))
            return (n * rate + PRIOR * DEFAULT_RATE) / (n + PRIOR)

        return sorted(levels, key=rate)


def _rounded(values: Any) -> list[float]:
    return [float(f"{value:.6g}") for value in values]


def _knots(real: Real, name: str, side: str, values: pl.Series) -> list[float]:
    knots = np.quantile(values.drop_nulls().to_numpy().astype(float), PROBABILITIES)
    if name in real.statistics[f"application_{side}"]["columns"]:
        column = real.column(name, side)
        low, high = column["min"], column["max"]
        if name == "DAYS_EMPLOYED":
            high = 0.0
        knots = np.clip(knots, low, high)
        knots[0], knots[-1] = low, high
    return _rounded(np.maximum.accumulate(knots))


def _levels(values: pl.Series) -> list[list[float]]:
    counts = values.drop_nulls().value_counts().sort(values.name)
    total = counts["count"].sum()
    return [[float(value), float(f"{n / total:.5g}")] for value, n in counts.rows()]


def _tariff(values: pl.Series, digits: int, least: int) -> list[list[float]]:
    """Frequent values of a tariff with their shares; other values count as the nearest of them."""
    rounded = values.drop_nulls().round(digits)
    counts = rounded.value_counts().filter(pl.col("count") >= least).sort(rounded.name)
    frequent = counts[rounded.name].to_numpy()
    right = np.clip(np.searchsorted(frequent, rounded.to_numpy()), 1, len(frequent) - 1)
    lower = rounded.to_numpy() - frequent[right - 1] < frequent[right] - rounded.to_numpy()
    shares = np.bincount(right - lower, minlength=len(frequent)) / len(rounded)
    return [[float(v), float(f"{s:.5g}")] for v, s in zip(frequent, shares, strict=True) if s > 0]


def marginals(real: Real) -> dict[str, Any]:
    """The distribution of each column in both tables of applications."""
    columns: dict[str, Any] = {}
    dependent = ("ORGANIZATION_TYPE", "OCCUPATION_TYPE", "CNT_FAM_MEMBERS", "AMT_CREDIT")
    for column in TABLE.columns:
        name = column.name
        if column.kind == "key" or name in ("TARGET", "FLAG_MOBIL", *dependent):
            continue
        columns[name] = {side: _marginal(real, name, side, column.kind) for side in SIDES}
    for side in SIDES:
        cash = cash_loans(real.tables[side])
        for name, values in (
            ("TARIFF_FACTOR", _tariff(cash["TARIFF_FACTOR"].rename("v"), 4, 8)),
            ("TARIFF_RATIO", _tariff(cash["TARIFF_RATIO"].rename("v"), 2, 3)),
        ):
            columns.setdefault(name, {})[side] = {"levels": values}
        limit = real.tables[side].filter(NAME_CONTRACT_TYPE="Revolving loans")["AMT_CREDIT"]
        columns.setdefault("CARD_LIMIT", {})[side] = {
            "knots": _knots(real, "CARD_LIMIT", side, limit)
        }
        price = cash["AMT_GOODS_PRICE"]
        columns["AMT_GOODS_PRICE"][side]["knots"] = _knots(real, "AMT_GOODS_PRICE", side, price)
    return columns


def _marginal(real: Real, name: str, side: str, kind: str) -> dict[str, Any]:
    """The distribution of one column in one table."""
    column, values = real.column(name, side), real.tables[side][name]
    null = float(f"{column['null_share']:.6g}")
    if name in application.RARE_DOCUMENTS:
        return {"null": column["mean"]}
    if kind == "text":
        shares = dict(column["categories"])
        if name == "NAME_INCOME_TYPE":
            shares = {level: s for level, s in shares.items() if level not in IDLE}
        order = real.ordered(name, list(shares))
        return {"null": null, "levels": [[level, shares[level]] for level in order]}
    if name == "DAYS_EMPLOYED":
        values = values.filter(values < 0)
    few = values.drop_nulls().n_unique() <= FEW
    if kind == "flag":
        mean = column["mean"]
        return {"null": null, "levels": [[0.0, 1 - mean], [1.0, mean]]}
    if few and not name.endswith(("_AVG", "_MODE", "_MEDI")):
        return {"null": null, "levels": _levels(values)}
    return {"null": null, "knots": _knots(real, name, side, values)}


def cash_loans(table: pl.DataFrame) -> pl.DataFrame:
    """The cash loans with the tariff's factor (credit over price) and ratio (credit over annuity)."""
    return table.filter(NAME_CONTRACT_TYPE="Cash loans").with_columns(
        TARIFF_FACTOR=pl.col("AMT_CREDIT") / pl.col("AMT_GOODS_PRICE"),
        TARIFF_RATIO=pl.col("AMT_CREDIT") / pl.col("AMT_ANNUITY"),
    )


def conditionals(real: Real) -> dict[str, Any]:
    """Shares that depend on another column, and the correlation of a building's figures."""
    both = pl.concat(
        [t.select(TABLES["application_test"].column_names) for t in real.tables.values()]
    )
    shares_by_column: dict[str, Any] = {}
    for name, parent, prior in (
        ("ORGANIZATION_TYPE", "NAME_INCOME_TYPE", 2.0),
        ("OCCUPATION_TYPE", "ORGANIZATION_TYPE", 20.0),
    ):
        levels = [*TABLE.column(name).levels, *([""] if name == "OCCUPATION_TYPE" else [])]
        order = real.ordered(name, [level for level in levels if level])
        if "" in levels:
            order.insert(len(order) // 3, "")
        shares = _shares(real, both, name, parent, order, prior)
        shares_by_column[name] = {"parent": parent, "levels": order, "shares": shares}
    shares_by_column["BUILDING_TWINS"] = {
        f"{name}{suffix}": _twin(real, name, suffix)
        for name in application.BUILDINGS
        for suffix in TWINS
    }
    shares_by_column["ELSEWHERE"] = {area: _elsewhere(both, area) for area in ("REGION", "CITY")}
    shares_by_column["DOCUMENTS"] = _documents(real.tables["train"])
    return shares_by_column


def _shares(  # noqa: PLR0917  (one call)
    real: Real, both: pl.DataFrame, name: str, parent: str, order: list[str], prior: float
) -> dict[str, list[float]]:
    """Shares of the levels for each level of the parent; rare parents get nearly the overall shares."""
    statistics = real.column(name, "train")
    overall = np.array([statistics["categories"].get(level, 0.0) for level in order])
    if "" in order:
        overall *= 1 - statistics["null_share"]
        overall[order.index("")] = statistics["null_share"]
    overall[[i for i, level in enumerate(order) if level == "XNA"]] = 0
    overall /= overall.sum()
    shares = {}
    for level in TABLE.column(parent).levels:
        if level in (*IDLE, "XNA"):
            shares[level] = [float(value == ("XNA" if level != "XNA" else "")) for value in order]
            continue
        rows = both.filter(pl.col(parent) == level)[name].fill_null("")
        counts = np.array([(rows == value).sum() for value in order], dtype=float)
        mixed = counts + prior * overall
        shares[level] = [float(f"{v:.4g}") for v in mixed / mixed.sum()]
    return shares


def _twin(real: Real, name: str, suffix: str) -> float:
    """Latent correlation of a building's figure with the figure that it is close to."""
    rank = float(real.spearman.loc[f"{name}{TWINS[suffix]}", f"{name}{suffix}"])
    return float(f"{2 * np.sin(np.pi * rank / 6):.5g}")


def _elsewhere(both: pl.DataFrame, area: str) -> list[float]:
    """Shares of clients who work elsewhere than they are registered, if they live elsewhere too.

    The first is that of clients who work where they live, the second that of the others.
    """
    apart = both.filter(pl.col(f"REG_{area}_NOT_LIVE_{area}") == 1)
    return [
        round(
            apart.filter(pl.col(f"LIVE_{area}_NOT_WORK_{area}") == works)[
                f"REG_{area}_NOT_WORK_{area}"
            ].mean(),
            4,
        )
        for works in (0, 1)
    ]


def _documents(train: pl.DataFrame) -> dict[str, Any]:
    """Shares of the frequent documents, by contract (cash, card) and work phone (no, yes)."""
    shares: dict[str, Any] = {"third": [], "sixth": [], "eighth": []}
    for contract in ("Cash loans", "Revolving loans"):
        for phone in (0, 1):
            rows = train.filter(NAME_CONTRACT_TYPE=contract, FLAG_EMP_PHONE=phone)
            without = rows.filter(FLAG_DOCUMENT_3=0)
            shares["third"].append(round(rows["FLAG_DOCUMENT_3"].mean(), 4))
            shares["sixth"].append(round(without["FLAG_DOCUMENT_6"].mean(), 4))
            shares["eighth"].append(round(without["FLAG_DOCUMENT_8"].mean(), 4))
    third = train.filter(FLAG_DOCUMENT_3=1)
    shares["also"] = round(third["FLAG_DOCUMENT_8"].mean(), 5)
    return shares


def measured(table: pl.DataFrame, levels: dict[str, list[Any]]) -> pd.DataFrame:
    """The columns of the basis as numbers: texts as positions, gaps as flags, tariffs as ratios."""
    card = pl.col("NAME_CONTRACT_TYPE") == "Revolving loans"
    columns = {
        name: pl.col(name).cast(pl.Float64)
        for name in BASIS
        if name in table.columns and TABLE.column(name).kind != "text"
    }
    for name, order in levels.items():
        places = {level: float(i) for i, level in enumerate(order)}
        columns[name] = (
            pl.col(name).cast(pl.String).fill_null("").replace_strict(places, default=None)
        )
    columns["DAYS_EMPLOYED"] = pl.when(pl.col("DAYS_EMPLOYED") < 1).then(pl.col("DAYS_EMPLOYED"))
    ratios = {"TARIFF_FACTOR": "AMT_GOODS_PRICE", "TARIFF_RATIO": "AMT_ANNUITY"}
    for name, below in ratios.items():
        columns[name] = pl.when(~card).then(pl.col("AMT_CREDIT") / pl.col(below))
    for name, shown in GAPS.items():
        columns[name] = pl.col(shown).is_not_null().cast(pl.Float64)
    return table.select(**{name: columns[name] for name in BASIS}).to_pandas()


def ranks(values: pd.DataFrame) -> np.ndarray:
    """Spearman's rank correlation of all columns, over the rows in which both have a value."""
    ranked = values.rank().to_numpy()
    finite = np.isfinite(ranked)
    filled, mask = np.where(finite, ranked, 0.0), finite.astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        n = mask.T @ mask
        sum_x, sum_xx, sum_xy = filled.T @ mask, (filled**2).T @ mask, filled.T @ filled
        covariance = sum_xy / n - sum_x / n * (sum_x.T / n)
        variance = sum_xx / n - (sum_x / n) ** 2
        correlation = covariance / np.sqrt(variance * variance.T)
    return np.where(n > FEW, correlation, np.nan)


def auc_of_rates(counts: list[tuple[float, float]]) -> float:
    """AUC of groups in their order, each with its number of clients and its default rate."""
    n, rate = (np.array(x, dtype=float) for x in zip(*counts, strict=True))
    bad, good = n * rate, n * (1 - rate)
    before = np.cumsum(good) - good
    return float((bad * (before + good / 2)).sum() / (bad.sum() * good.sum()))


def target_aucs(real: Real, levels: dict[str, list[Any]]) -> np.ndarray:
    """The real AUC of each column of the basis alone."""
    train = real.tables["train"]
    shown = measured(train, levels)
    target = train["TARGET"].to_numpy()
    aucs = []
    for name in BASIS:
        relation = real.relation.get(name, {})
        if name in GAPS:
            column = real.relation[GAPS[name]]
            n, rows = column["n_null"], 19_985
            rate = column["default_rate_if_null"]
            rate_if_present = (rows * DEFAULT_RATE - n * rate) / (rows - n)
            aucs.append(auc_of_rates([(n, rate), (rows - n, rate_if_present)]))
        elif name in levels:
            aucs.append(auc_of_rates(list(_rates(relation, levels[name]))))
        elif name == "DAYS_EMPLOYED" or "auc" not in relation:
            aucs.append(auc(shown[name].to_numpy(), target))
        else:
            aucs.append(relation["auc"])
    return np.array(aucs)


def _rates(relation: dict[str, Any], order: list[str]) -> Any:
    null = (relation["n_null"], relation["default_rate_if_null"])
    for level in order:
        n, rate = relation["categories"].get(level, (0, 0.0)) if level else null
        if n:
            yield n, (n * rate + PRIOR * DEFAULT_RATE) / (n + PRIOR)


def target_ranks(real: Real, levels: dict[str, list[Any]]) -> np.ndarray:
    """The real rank correlation of each pair: published, or else counted on the applications.

    NaN if no client has both values, as for a gap and the column whose nulls it decides.
    """
    rows = [t.select(TABLES["application_test"].column_names) for t in real.tables.values()]
    correlation = ranks(measured(pl.concat(rows), levels))
    never = ~np.isfinite(correlation)
    for i, a in enumerate(BASIS):
        for j, b in enumerate(BASIS):
            if {a, b} <= set(real.spearman.columns) and "DAYS_EMPLOYED" not in (a, b):
                published = real.spearman.loc[a, b]
                correlation[i, j] = published if np.isfinite(published) else 0.0
    correlation[np.abs(correlation) < NEGLIGIBLE] = 0
    correlation[never] = np.nan
    np.fill_diagonal(correlation, 1)
    return correlation


def nearest(correlation: np.ndarray, least: float = 0.0015) -> np.ndarray:
    """A correlation matrix near ``correlation`` that is positive definite."""
    values, vectors = np.linalg.eigh((correlation + correlation.T) / 2)
    repaired = vectors * np.maximum(values, least) @ vectors.T
    scale = np.sqrt(np.diag(repaired))
    return repaired / np.outer(scale, scale)


def smooth(correlation: np.ndarray, target: np.ndarray, ridge: float = 0.15) -> np.ndarray:
    """The correlations with default, without effects of tiny differences between similar columns."""
    return correlation @ np.linalg.solve(correlation + ridge * np.eye(len(target)), target)


def simulated(figures: dict[str, Any], seed: int) -> tuple[pl.DataFrame, np.ndarray]:
    """Generated labelled applications, and the positions of the defaulters in each of ``TURNS`` draws."""
    random = np.random.default_rng(seed)
    parsed = applications_from(figures)
    everybody = np.ones(CLIENTS, dtype=bool)
    quota = round(CLIENTS * DEFAULT_RATE)
    mix = mixing(parsed)
    people = drawn(random, np.arange(CLIENTS), everybody, quota, parsed, mix)
    chance = np.sqrt(1 - mix.spread**2) * random.standard_normal((TURNS, CLIENTS))
    scores = mix.spread * people.risk + chance
    defaults = np.argpartition(-scores, quota, axis=1)[:, :quota]
    return frame(TABLE, application.application(random, people, parsed)), defaults


def mean_auc(values: np.ndarray, defaults: np.ndarray) -> float:
    """The mean AUC over the draws; ``defaults`` are the positions of the defaulters, a row per draw."""
    ranks = pd.Series(values).rank().to_numpy()
    n = np.isfinite(values).sum()
    of_bad = ranks[defaults]
    bad = np.isfinite(of_bad).sum(axis=1)
    above = np.nansum(of_bad, axis=1) - bad * (bad + 1) / 2
    return float((above / (bad * (n - bad))).mean())


def fitted(figures: dict[str, Any], real: Real, levels: dict[str, list[Any]]) -> dict[str, Any]:
    """The figures with latent correlations under which generated applications show the real ones."""
    goal, goal_auc = target_ranks(real, levels), target_aucs(real, levels)
    full = np.eye(len(BASIS) + 1)
    full[:-1, :-1] = np.nan_to_num(2 * np.sin(np.pi * goal / 6))
    full[-1, :-1] = full[:-1, -1] = 1.75 * (goal_auc - 0.5)
    target, best = full.copy(), (np.inf, "")
    strong = np.abs(np.nan_to_num(goal)) > STRONG
    strongest = np.argsort(-np.abs(goal_auc - 0.5))[:STRONGEST]
    for turn in range(ROUNDS):
        full = nearest(target)
        full[-1, :-1] = full[:-1, -1] = smooth(full[:-1, :-1], target[-1, :-1])
        lower = [_rounded(full[i, :i]) for i in range(1, len(BASIS))]
        figures |= {"correlation": lower, "target": _rounded(full[-1, :-1])}
        table, defaults = simulated(figures, turn)
        shown = measured(table, levels)
        gap = np.nan_to_num(goal - ranks(shown))
        aucs = np.array([mean_auc(shown[name].to_numpy(), defaults) for name in BASIS])
        missing = goal_auc - aucs
        print(
            f"round {turn}: correlations off by {np.abs(gap).max():.3f} at most "
            f"({np.sqrt((gap**2).mean()):.4f} rms), AUC by {np.abs(missing).max():.3f} "
            f"({BASIS[int(np.abs(missing).argmax())]})",
            flush=True,
        )
        worst = max(
            np.abs(gap[strong]).max() / RANKS_WITHIN, np.abs(missing[strongest]).max() / AUC_WITHIN
        )
        best = min(best, (worst, json.dumps(figures)))
        step = 0.7 if turn < ROUNDS // 2 else 0.4
        latent, seen = np.abs(full[:-1, :-1]), np.abs(np.nan_to_num(goal) - gap)
        slope = np.clip(latent / np.maximum(seen, 0.02), 1, 2.5)
        target[:-1, :-1] = np.clip(full[:-1, :-1] + step * slope * gap, -0.999, 0.999)
        target[:-1, :-1][~np.isfinite(goal)] = 0
        np.fill_diagonal(target, 1)
        target[-1, :-1] += step * 1.75 * missing
        target[:-1, -1] = target[-1, :-1]
        _move_twins(figures["given"]["BUILDING_TWINS"], table, real)
    print(f"kept: worst distance {best[0]:.2f} of what is allowed")
    kept: dict[str, Any] = json.loads(best[1])
    return kept


def _move_twins(twins: dict[str, float], table: pl.DataFrame, real: Real) -> None:
    """Adjust the latent correlations of a building's figures by the gap in their rank correlation."""
    for name in application.BUILDINGS:
        for suffix, parent in TWINS.items():
            pair = [f"{name}{parent}", f"{name}{suffix}"]
            shown = ranks(table.select(pair).to_pandas())[0, 1]
            gap = float(real.spearman.loc[pair[0], pair[1]]) - shown
            twins[pair[1]] = float(f"{min(twins[pair[1]] + 0.7 * gap, 0.99999):.5g}")


def text_levels(figures: dict[str, Any]) -> dict[str, list[Any]]:
    """The levels of each text of the basis, in the order of their positions."""
    order = {}
    for name in BASIS:
        if name in ("ORGANIZATION_TYPE", "OCCUPATION_TYPE"):
            order[name] = figures["given"][name]["levels"]
        elif name in TABLE.column_names and TABLE.column(name).kind == "text":
            order[name] = [level for level, _ in figures["columns"][name]["train"]["levels"]]
    return order


def history(real: Real) -> dict[str, Any]:
    """Rows, null shares, level shares and quantiles of the other six tables."""
    return {
        name: {
            "rows": real.statistics[name]["rows"],
            "columns": {
                column: _whole(_history(figures), TABLES[name].column(column).levels)
                for column, figures in real.statistics[name]["columns"].items()
                if not column.startswith("SK_ID_")
            },
        }
        for name in TABLES
        if not name.startswith("application")
    }


def _whole(figures: dict[str, Any], levels: tuple[str, ...]) -> dict[str, Any]:
    """Share "(Other)" among the levels that the statistics do not name, half as much for each next."""
    rest = figures.get("levels", {}).pop("(Other)", None)
    if rest is not None:
        missing = [level for level in levels if level not in figures["levels"]]
        shares = 0.5 ** np.arange(1, len(missing) + 1)
        parts = _rounded(rest * shares / shares.sum())
        figures["levels"] |= dict(zip(missing, parts, strict=True))
    return figures


def _history(figures: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {"null": float(f"{figures['null_share']:.6g}")}
    if "categories" in figures:
        kept["levels"] = figures["categories"]
    if "quantiles" in figures:
        quantiles = figures.get("sample_pool", {}).get("quantiles", {}) | figures["quantiles"]
        knots = {float(p): value for p, value in quantiles.items()}
        knots |= {0.0: figures["min"], 1.0: figures["max"]}
        at = sorted(knots)
        values = np.maximum.accumulate([knots[p] for p in at])
        kept["knots"] = [at, _rounded(values)]
    if figures.get("zero_count") is not None:
        kept["mean"] = float(f"{figures['mean']:.6g}")
    return kept


def realism(real: Real) -> dict[str, Any]:
    """The real figures that the demonstration's realism is measured by."""
    aucs = {c: r["auc"] for c, r in real.relation.items() if "auc" in r}
    names, rank = list(real.spearman.columns), real.spearman
    pairs = [
        [a, b, float(rank.loc[a, b])]
        for i, a in enumerate(names)
        for b in names[:i]
        if abs(rank.loc[a, b]) > STRONG and "TARGET" not in (a, b)
    ]
    applications = {}
    for side in SIDES:
        columns = real.statistics[f"application_{side}"]["columns"]
        applications[f"application_{side}"] = {
            "rows": real.statistics[f"application_{side}"]["rows"],
            "columns": {
                name: _history(figures)
                for name, figures in columns.items()
                if not name.startswith("SK_ID_")
            },
        }
    clients = real.statistics["_meta"]["clients_per_table"]
    return {"auc": aucs, "pairs": pairs, "clients": clients, "tables": applications}


def _write(name: str, figures: dict[str, Any]) -> None:
    lines = [f" {json.dumps(key)}: {_compact(value)}" for key, value in figures.items()]
    (FIGURES / f"{name}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def main() -> None:
    real = Real(Path(sys.argv[1]))
    _write("history", history(real))
    _write("realism", realism(real))
    if "--history" in sys.argv:
        return
    figures = {
        "source": "Kaggle, Home Credit Default Risk: figures of its application tables, no rows",
        "basis": list(BASIS),
        "columns": marginals(real),
        "given": conditionals(real),
    }
    figures = fitted(figures, real, text_levels(figures))
    _write("application", figures)


def _compact(value: Any) -> str:
    """JSON with one line for each member of the first level."""
    if isinstance(value, dict):
        members = [f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in value.items()]
        return "{\n" + ",\n".join(members) + "\n }"
    if isinstance(value, list) and value and isinstance(value[0], list):
        return "[\n" + ",\n".join(f"  {json.dumps(row)}" for row in value) + "\n ]"
    return json.dumps(value)


if __name__ == "__main__":
    main()
