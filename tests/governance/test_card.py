"""The model card says what the run found, in Markdown and on one page that asks nobody else."""

import json
import re
from dataclasses import asdict, replace
from html.parser import HTMLParser

import pytest

from project_tools.errors import ArtefactError
from project_tools.evaluation.metrics import interval_text
from project_tools.governance.card import Card, markdown
from project_tools.governance.card_page import page
from project_tools.governance.segments import Figure
from project_tools.models.final_evaluation import ThresholdCost
from project_tools.settings import ROOT
from tests.helpers.invented_card import invented_card


@pytest.fixture(scope="module")
def card() -> Card:
    return invented_card()


class Reader(HTMLParser):
    """Tags in pairs, attributes, and the text that a person reads."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "img", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def read(document: str) -> Reader:
    reader = Reader()
    reader.feed(document)
    assert reader.open == []
    return reader


def test_it_says_the_figures_of_the_run(card: Card) -> None:
    text = markdown(card)
    for row in card.results:
        assert f"| {row.test:.4f} | {interval_text(row.interval)} |" in text, row.name
    for digest in (card.data.digest, card.data.raw_digest, card.data.split_digest, card.commit):
        assert digest in text
    assert "above 0.1667 is a risk" in text
    assert "weighed as 5 refused good clients" in text
    approve_all = 5 * card.data.test.defaulted / card.data.test.clients
    assert f"granting everybody costs {approve_all:.3f}" in text
    assert card.exclusion is not None
    assert card.exclusion.cost.sentence() in text
    assert "lightgbm 4.7.0" in text
    assert f"the slope is {card.calibration.slope:.2f} (" in text


def test_every_group_has_its_row(card: Card) -> None:
    rows = re.findall(r"^\| ([^|*]+) \| ([\d,]+) \|", markdown(card), re.MULTILINE)
    found = {(name, clients) for name, clients in rows}
    for one in card.segments.segments:
        assert (one.group, f"{one.clients:,}") in found


def test_limits_name_the_groups_that_are_accepted_least(card: Card) -> None:
    assert "No group is accepted less than four fifths as often" in markdown(card)
    assert "Too small for any figure: Academic degree (education)." in markdown(card)
    women = card.segments.segments[0]
    low = replace(women, acceptance_ratio=Figure(0.7, 0.6, 0.79))
    segments = replace(card.segments, segments=(low, *card.segments.segments[1:]))
    text = markdown(replace(card, segments=segments))
    assert "less than four fifths as often as the best group of their kind: women (gender)." in text
    assert "0.70 (0.60 to 0.79) *" in text


@pytest.mark.parametrize(
    ("withheld", "excluded", "says"),
    [
        (True, ("CODE_GENDER", "CNT_CHILDREN"), r"are withheld from the model \(2 features\)"),
        (False, (), "The model sees gender, family status"),
        (None, (), "was not measured: the data has none of them"),
    ],
)
def test_it_says_whether_protected_columns_are_withheld(
    card: Card, withheld: bool | None, excluded: tuple[str, ...], says: str
) -> None:
    assert card.exclusion is not None
    exclusion = None if withheld is None else replace(card.exclusion, withheld=withheld)
    other = replace(card, exclusion=exclusion, data=replace(card.data, excluded=excluded))
    assert re.search(says, markdown(other))


def test_a_registered_version_gets_its_number(card: Card) -> None:
    assert markdown(card).startswith("# Model card: credit_scoring, not yet registered")
    stamped = card.of_version("credit_scoring", "7", "champion")
    for document in (markdown(stamped), page(stamped)):
        assert "credit_scoring, version 7 (champion)" in document
        assert card.run_id in document


def test_the_facts_survive_their_file(card: Card) -> None:
    again = Card.from_json(card.to_json())
    assert again == card
    assert page(again) == page(card)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda plain: plain.pop("threshold"), "threshold"),
        (lambda plain: plain.update(card=99), "another release wrote it"),
        (lambda plain: plain.pop("card"), "card"),
        (lambda plain: plain["data"].update(digest=[1]), "data.digest"),
    ],
)
def test_a_damaged_file_is_one_line(card: Card, change, says: str) -> None:
    plain = json.loads(card.to_json())
    change(plain)
    with pytest.raises(ArtefactError, match=says) as refused:
        Card.from_json(json.dumps(plain))
    assert "\n" not in str(refused.value)


def test_the_page_asks_no_other_host_and_runs_nothing(card: Card) -> None:
    reader = read(page(card))
    names = {tag for tag, _ in reader.tags}
    assert not names & {"script", "link", "iframe", "object", "a", "form"}
    for tag, attributes in reader.tags:
        assert not any(name.startswith("on") for name in attributes), tag
        if tag == "img":
            assert str(attributes["src"]).startswith("data:image/svg+xml;base64,")
            assert attributes["alt"]
    assert "url(" not in page(card)
    assert "@import" not in page(card)


def test_names_from_data_stay_text(card: Card) -> None:
    hostile = "<script>alert(1)</script>[x](http://y.example)|"
    first = replace(card.segments.segments[0], group=hostile)
    segments = replace(card.segments, segments=(first, *card.segments.segments[1:]))
    other = replace(card, name=hostile, segments=segments)
    reader = read(page(other))
    assert not {"script", "a"} & {tag for tag, _ in reader.tags}
    assert reader.text.count(hostile.rstrip("|")) >= 3  # title, heading and table


@pytest.mark.parametrize(
    "hostile",
    [
        "1<script>alert(1)</script> (0 to 1)",  # begins like a figure with its interval
        "0.1 (0.0 to 0.2<img/src=x>)",
        "-1.5<b>x</b> (1 to 2) *",
    ],
)
def test_a_group_that_looks_like_a_figure_stays_text(card: Card, hostile: str) -> None:
    first = replace(card.segments.segments[0], group=hostile)
    segments = replace(card.segments, segments=(first, *card.segments.segments[1:]))
    reader = read(page(replace(card, segments=segments)))
    assert not {"script", "b"} & {tag for tag, _ in reader.tags}
    assert len([tag for tag, _ in reader.tags if tag == "img"]) == 2  # the charts
    assert hostile in reader.text


def test_a_card_of_before_is_read_and_written_alike() -> None:
    text = (ROOT / "api" / "model" / "card.json").read_text()
    card = Card.from_json(text)
    assert json.loads(card.to_json()) == json.loads(text)
    assert card.title in read(page(card)).text


def test_the_thresholds_of_an_evaluation_stay_out_of_the_card(card: Card) -> None:
    costs = tuple(ThresholdCost(**asdict(row), threshold=0.3) for row in card.costs)
    assert json.loads(replace(card, costs=costs).to_json()) == json.loads(card.to_json())


def test_the_page_holds_what_the_markdown_says(card: Card) -> None:
    text = " ".join(read(page(card)).text.split())
    for row in card.results:
        assert interval_text(row.interval) in text
    for heading in re.findall(r"^## (.+)$", markdown(card), re.MULTILINE):
        assert heading in text
    for one in card.segments.segments:
        assert one.group in text
