"""What is said of the time that a search takes: beforehand, and corrected as trials end."""

import pytest

from project_tools.models.families import get_family
from project_tools.search.forecast import FamilyForecast, Forecast, forecast_family


def forecast() -> Forecast:
    shares = [FamilyForecast("a", "first", 4, 40.0), FamilyForecast("b", "second", 2, 200.0)]
    return Forecast(shares, jobs=2)


def test_the_line_beforehand_names_every_family_and_the_whole() -> None:
    said = forecast().beforehand()
    assert "about 4 min on 2 threads (first 40 s, second 3 min)" in said
    assert "1 thread " in Forecast(forecast().families, jobs=1).beforehand()


def test_what_is_left_follows_the_trials_that_ended_and_the_table() -> None:
    found = forecast()
    # Two of four trials took 60 s in place of 20; a tenth of the 240 s counts as the table has it.
    here, everything = found.after("a", 2, 60.0)
    assert here == pytest.approx(60)
    assert everything == pytest.approx(60 + 200 * (60 + 24) / (20 + 24))
    here, everything = found.after("a", 4, 80.0)
    assert here == 0
    assert everything == pytest.approx(200 * (80 + 24) / (40 + 24))
    assert found.after("b", 2, 390.0) == (0, 0)


@pytest.mark.parametrize(
    ("changed", "factor"),
    [
        ({"jobs": 2}, 0.5),
        ({"trials": 6}, 2.0),
        ({"trials": 0}, 0.0),  # all are there from a search that is gone on with
        ({"features": 800}, 2.0),
    ],
)
def test_the_expected_time_of_a_family(changed: dict[str, int], factor: float) -> None:
    given = {"trials": 3, "folds": 5, "clients": 8_000, "features": 400, "jobs": 1}

    def seconds(time_limit: float | None = None, **others: int) -> float:
        rows = get_family("svc_rbf")
        return forecast_family(
            rows, profile="full", time_limit=time_limit, **given | others
        ).seconds  # fmt: skip

    assert seconds(**changed) == pytest.approx(factor * seconds())
    assert seconds(time_limit=7.0) == 7.0
