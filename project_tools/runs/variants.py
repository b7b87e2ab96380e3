"""Variants of a family compared: one parent run, a nested run for each variant."""

from collections.abc import Mapping, Sequence
from typing import Any

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
from project_tools.runs.parameters import VariantSettings
from project_tools.runs.provenance import (
    ENVIRONMENT,
    OOF_FILE,
    environment,
    origin,
    preparation_tags,
)
from project_tools.runs.search import score_metrics
from project_tools.runs.setting import setting_for
from project_tools.runs.store import LEVEL, RunLog, nested_run
from project_tools.runs.tuning import load_all, sample_for
from project_tools.system.progress import say, working


def compare_variants(
    project: RunLog,
    settings: VariantSettings,
    family: Family,
    variants: Sequence[Variant],
    what: str,
) -> str:
    """Judge variants of one setting on the same clients and folds; the table of them.

    ``what`` says in the parent run's name in what they differ.
    """
    data = _compared_clients(settings, family, variants)
    tags: dict[str, object] = {
        LEVEL: "comparison", "family": family.name, "profile": settings.profile,
    }  # fmt: skip
    tags |= origin(data) | preparation_tags(family)
    with nested_run(project, f"{family.label}: {what}", tags) as parent:
        setting = setting_for(parent, settings, family, data)
        if any(variant.balances for variant in variants):
            setting = _without_balance(setting, settings.parameters or {})
        parent.params(setting)
        comparison = VariantComparison(
            family, setting, data,
            folds=settings.folds, seed=settings.seed, jobs=settings.jobs,
            fn_cost=settings.fn_cost, metric=settings.metric,
        )  # fmt: skip
        comparison.check(variants)
        compared: list[VariantResult] = []
        for number, variant in enumerate(variants, start=1):
            part = f"{number}/{len(variants)}"
            compared.append(_judged(parent, comparison, variant, compared, part))
        table = comparison_table(compared, len(data))
        parent.text(table, "variants.txt")
        parent.json(environment(), ENVIRONMENT)
        raw = {row.variant.name: row.raw for row in compared}
        parent.table(pd.DataFrame({ID: data.ids, TARGET: data.y, **raw}), OOF_FILE)
    return table


def _without_balance(setting: dict[str, Any], asked: Mapping[str, Any]) -> dict[str, Any]:
    """The setting without balancing, in which the variants differ; refused where it was asked for."""
    refused = [name for name in BALANCE_PARAMETERS if name in asked]
    if refused:
        raise SettingError(
            f"{refused[0]} has no effect here: the variants differ in how they balance the classes; "
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
    tags = {LEVEL: "variant", "family": comparison.family.name, "variant": variant.name}
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
        run.metrics(score_metrics(row.judgement.scores, "out_of_fold"))
        if before:
            run.metrics(score_metrics(row.differences, "difference"))
        run.tags({"calibration": row.calibration_choice.method})
        run.metrics({"threshold": row.judgement.threshold.value, "seconds": row.seconds})
    return row


def _compared_clients(
    settings: VariantSettings, family: Family, variants: Sequence[Variant]
) -> Dataset:
    data = sample_for(settings, family, load_all(settings))
    synthesised = any(variant.synthesises for variant in variants)
    if not synthesised or settings.sample is not None or len(data) <= LARGEST_RESAMPLED:
        return data
    say(f"  a sample of {LARGEST_RESAMPLED:,} of {len(data):,} clients: SMOTENC needs the memory")
    return stratified_sample(data, LARGEST_RESAMPLED, seed=settings.seed, folds=settings.folds)
