"""Variants of a family side by side, logged: one parent run, a nested run for each."""

import tempfile
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy.typing as npt
import pandas as pd

from project_tools.errors import SettingError
from project_tools.features.columns import ID, TARGET
from project_tools.models.dataset import Dataset, stratified_sample
from project_tools.models.families import Family
from project_tools.models.variants import (
    BALANCE_PARAMETERS,
    LARGEST_RESAMPLED,
    Variant,
    VariantComparison,
    VariantResult,
    comparison_table,
    unbalanced,
)
from project_tools.runs.history import OOF_FILE
from project_tools.runs.provenance import environment, origin, preparation_tags
from project_tools.runs.search import log_scores
from project_tools.runs.setting import setting_for
from project_tools.runs.store import RunLog, nested_run
from project_tools.runs.tuning import load
from project_tools.system.progress import say, working


def compare_variants(
    project: RunLog, given: Namespace, family: Family, variants: Sequence[Variant], what: str
) -> str:
    """Judge variants of a setting side by side: one parent run, a nested run a variant; the table."""
    data = _compared_clients(given, family, variants)
    tags = {"level": "comparison", "family": family.name, "profile": given.profile} | origin(data)
    with nested_run(project, f"{family.label}: {what}", tags | preparation_tags(family)) as parent:
        setting = _shared(setting_for(parent, given, family, data), given, variants)
        parent.params(setting)
        comparison = VariantComparison(
            family, setting, data,
            folds=given.folds, seed=given.seed, jobs=given.jobs,
            fn_cost=given.fn_cost, metric=given.metric,
        )  # fmt: skip
        comparison.check(variants)
        found: list[VariantResult] = []
        for number, variant in enumerate(variants, start=1):
            found.append(_judged(parent, comparison, variant, found, f"{number}/{len(variants)}"))
        table = comparison_table(found, len(data))
        parent.text(table, "variants.txt")
        parent.json(environment(), "environment.json")
        _log_probabilities(parent, data, {row.variant.name: row.raw for row in found})
    return table


def _shared(
    setting: dict[str, Any], given: Namespace, variants: Sequence[Variant]
) -> dict[str, Any]:
    """What all variants have in common: no balancing, where that is what they differ in."""
    if not any(variant.balances for variant in variants):
        return setting
    asked = [name for name in BALANCE_PARAMETERS if name in (given.parameters or {})]
    if asked:
        raise SettingError(
            f"{asked[0]} has no effect here: the variants differ in how they balance the classes; "
            "leave it out"
        )
    if setting.get("balance", "none") != "none":
        say(f"  the setting's balance {setting['balance']} is left out: each variant has its own")
    return unbalanced(setting)


def _judged(
    parent: RunLog,
    comparison: VariantComparison,
    variant: Variant,
    before: Sequence[VariantResult],
    part: str,
) -> VariantResult:
    tags = {"level": "variant", "family": comparison.family.name, "variant": variant.name}
    tags |= preparation_tags(comparison.family.with_choices(**variant.choices))
    plain = {
        "resampling": ", ".join(variant.resampling) or "none",
        "class_weight": variant.class_weight or "none",
    }
    with (
        nested_run(parent, variant.name, tags) as run,
        working(f"{comparison.family.label} {part}: {variant.name}"),
    ):
        run.params(plain)
        row = comparison.result(variant, next(iter(before), None))
        log_scores(run, row.judgement.scores, "out_of_fold")
        if before:
            log_scores(run, row.differences, "difference")
        run.tags({"calibration": row.calibration_choice.method})
        run.metrics({"threshold": row.judgement.threshold.value, "seconds": row.seconds})
    return row


def _compared_clients(given: Namespace, family: Family, variants: Sequence[Variant]) -> Dataset:
    data = load(given, family)
    synthesised = any(variant.synthesises for variant in variants)
    if not synthesised or given.sample is not None or len(data) <= LARGEST_RESAMPLED:
        return data
    say(f"  a sample of {LARGEST_RESAMPLED:,} of {len(data):,} clients: SMOTENC needs the memory")
    return stratified_sample(data, LARGEST_RESAMPLED, seed=given.seed, folds=given.folds)


def _log_probabilities(run: RunLog, data: Dataset, columns: Mapping[str, npt.NDArray[Any]]) -> None:
    """Out-of-fold probabilities, before calibration, beside the clients' ids and outcomes."""
    rows = pd.DataFrame({ID: data.ids, TARGET: data.y, **columns})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / OOF_FILE
        rows.to_parquet(path)
        run.file(path)
