"""``compare``: the families of a search compared."""

import argparse

HELP = "families searched: figures with intervals, differences that count, reference lines"


def words(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "search", nargs="?", metavar="RUN",
        help="run of a search (the newest search of each family, on the newest's data)",
    )  # fmt: skip
    parser.add_argument("--metric", help="what they are ranked by (what was searched for)")


def run(words: argparse.Namespace) -> None:
    from project_tools.evaluation.comparison import rank_families, ranking_table
    from project_tools.runs.history import judged_families
    from project_tools.runs.reference_lines import reference_table
    from project_tools.runs.store import connect

    client = connect()
    groups = rank_families(judged_families(client, words.search), words.metric)
    print(ranking_table(groups))
    print(f"\n{reference_table(client, groups)}")
