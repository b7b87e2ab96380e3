"""Every route's answer, held against the table that the clients were made from."""

import base64
import json
import math
import unittest
from dataclasses import replace
from typing import Any
from unittest import mock

import lightgbm
import pyarrow.compute as pc

from api.service import keeper_of
from api.tests.running import address_of, application, served
from api.tests.served import CALIBRATION, CARD, CARD_PAGE, THRESHOLD, matrix_of

PNG = b"\x89PNG\r\n\x1a\n"


class Answers(unittest.TestCase):
    def setUp(self) -> None:
        self.client = application().test_client()
        self.known = served().ids("test")[4]

    def get(self, address: str) -> Any:
        response = self.client.get(address, headers={"Accept": "application/json"})
        self.assertEqual(response.status_code, 200, response.text)
        self.assertEqual(response.mimetype, "application/json")
        return response.json

    def first_without(self, feature: str, split: str) -> int:
        """The first client of a split whose value of the feature is missing."""
        rows = served().rows(split)
        found: int = rows.filter(pc.is_null(rows.column(feature))).column("SK_ID_CURR")[0].as_py()
        return found


class Index(Answers):
    def test_every_link_leads_somewhere(self) -> None:
        found = self.get("/")
        self.assertEqual(found.keys(), {"name", "release", "links"})
        for name, link in found["links"].items():
            address = address_of(link.replace("{id}", "{client}"), self.known)
            query = "?feature=EXT_SOURCE_2" if name == "peers" else ""
            with self.subTest(name):
                if name == "metrics":  # they take a key
                    self.assertEqual(self.client.get(address).status_code, 403)
                elif name == "sheet":  # a page
                    self.assertEqual(self.client.get(address).mimetype, "text/html")
                else:
                    self.get(address + query)

    def test_every_route_is_in_the_document_and_among_the_links(self) -> None:
        described = {
            path.replace("{client}", "{id}")
            for path, operations in self.get("/openapi.json")["paths"].items()
            if "get" in operations
        }
        links = {*self.get("/")["links"].values()} - {"/openapi.json"}
        self.assertEqual(described, links | {"/"})


class KnownClients(Answers):
    def setUp(self) -> None:
        super().setUp()
        self.ids = sorted(served().ids("test") + served().ids("new"))

    def test_pages_hold_every_client_but_those_of_the_training(self) -> None:
        first = self.get("/prediction/")
        self.assertEqual(first["ids"], self.ids[:100])
        self.assertEqual((first["total"], first["page"], first["pages"]), (600, 1, 6))
        self.assertEqual(first["size"], 100)
        pages = [self.get(f"/prediction/?page={page}&size=250")["ids"] for page in (1, 2, 3, 4)]
        self.assertEqual([i for page in pages for i in page], self.ids)

    def test_a_query_holds_the_first_digits(self) -> None:
        found = self.get("/prediction/?query=1004&size=1000")
        self.assertEqual(found["ids"], [i for i in self.ids if str(i).startswith("1004")])
        self.assertEqual(self.get("/prediction/?query=77")["ids"], [])
        self.assertEqual(self.get("/prediction/?query=77")["pages"], 1)


class Decisions(Answers):
    def test_probability_class_and_margin_are_those_of_the_library(self) -> None:
        content, table, classes = served().content, served().table, set()
        booster = lightgbm.Booster(model_str=content.model.content.decode())
        for client_id in served().ids("test")[:20] + served().ids("new")[:20]:
            found = self.get(f"/prediction/{client_id}")
            row = table.filter(pc.equal(table.column("SK_ID_CURR"), client_id))
            raw = float(booster.predict(matrix_of(row), raw_score=True, num_threads=1)[0])
            slope, intercept = CALIBRATION
            probability = 1 / (1 + math.exp(-(slope * raw + intercept)))
            self.assertEqual(found["id"], client_id)
            self.assertEqual(found["raw_score"], raw)
            self.assertAlmostEqual(found["proba_risk_class"], probability, places=12)
            self.assertEqual(found["class"], "risk" if probability > THRESHOLD else "no_risk")
            self.assertEqual(found["threshold"], THRESHOLD)
            self.assertAlmostEqual(found["margin"], probability - THRESHOLD, places=12)
            classes.add(found["class"])
        self.assertEqual(classes, {"risk", "no_risk"})

    def test_the_model_is_named_alike_everywhere(self) -> None:
        model = self.get(f"/prediction/{self.known}")["model"]
        self.assertEqual((model["name"], model["version"]), ("credit_scoring", "3"))
        self.assertEqual(self.get("/version")["model"], model)
        ready = {"status": "ready", "model": model["digest"], "halted": False}
        self.assertEqual(self.get("/health/ready"), ready)
        self.assertEqual(self.get("/model_info")["digest"], model["digest"])


class Explanations(Answers):
    def test_contributions_add_up_to_the_score_of_the_decision(self) -> None:
        found = self.get(f"/explanation/{self.known}")
        self.assertEqual(found["scale"], "log-odds")
        parts = [f["contribution"] for g in found["groups"] for f in g["features"]]
        self.assertAlmostEqual(found["base"] + sum(parts), found["raw_score"], places=9)
        self.assertEqual(found["raw_score"], self.get(f"/prediction/{self.known}")["raw_score"])
        feature = found["groups"][0]["features"][0]
        self.assertEqual(
            feature.keys(), {"name", "label", "value", "displayed", "unit", "contribution"}
        )

    def test_reasons_speak_for_the_decision(self) -> None:
        for client_id in served().ids("test")[:20]:
            refused = self.get(f"/prediction/{client_id}")["class"] == "risk"
            found = self.get(f"/explanation/{client_id}")["reasons"]
            self.assertTrue(1 <= len(found) <= 4)
            for reason in found:
                self.assertEqual(reason["contribution"] > 0, refused)
                self.assertEqual(reason["direction"], "raises" if refused else "lowers")
                self.assertTrue(reason["text"].endswith("."))

    def test_points_lead_from_the_reference_to_the_risk(self) -> None:
        for client_id in served().ids("test")[:20]:
            found = self.get(f"/explanation/{client_id}")
            probability = self.get(f"/prediction/{client_id}")["proba_risk_class"]
            self.assertEqual(found["risk"], round(100 * probability, 1))
            total = found["reference"]["risk"] + sum(c["points"] for c in found["concepts"])
            self.assertAlmostEqual(total, found["risk"], places=9)
            gap = sum(c["contribution"] for c in found["concepts"])
            reached = found["reference"]["raw_score"] + gap
            self.assertAlmostEqual(reached, found["raw_score"], places=9)
            refused = probability > served().content.threshold
            side = "just_accepted" if refused else "just_refused"
            self.assertEqual(found["reference"]["compared_with"], side)
            self.assertIsNone(found["reference"]["note"])
            self.assertIsNone(found["blocked"])

    def test_reasons_are_said_in_the_language_that_is_asked_for(self) -> None:
        address, texts = f"/explanation/{self.known}", dict[str, Any]()
        for asked, language in (
            ("", "en"), ("fr", "fr"), ("fr-CA, en;q=0.8", "fr"), ("en-GB", "en"), ("de", "en"),
            ("de, fr;q=0.2", "fr"), ("*", "en"), ("nonsense;;;", "en"),
        ):  # fmt: skip
            with self.subTest(asked):
                got = self.client.get(address, headers={"Accept-Language": asked} if asked else {})
                self.assertEqual(got.status_code, 200)
                self.assertEqual(got.headers["Content-Language"], language)
                self.assertIn("Accept-Language", got.headers["Vary"])
                found = json.loads(got.data)
                self.assertEqual(found["language"], language)
                texts.setdefault(language, found["reasons"])
                self.assertEqual(texts[language], found["reasons"])
        for one, other in zip(texts["en"], texts["fr"], strict=True):
            self.assertEqual((one["code"], one["points"]), (other["code"], other["points"]))
            self.assertNotEqual(one["text"], other["text"])

    def test_pictures_come_as_json_or_as_they_are(self) -> None:
        for address in (f"/local_shap/{self.known}", "/global_shap"):
            with self.subTest(address):
                found = self.get(address)
                head, encoded = found["image"].split(",")
                self.assertEqual(head, "data:image/png;base64")
                content = base64.b64decode(encoded, validate=True)
                self.assertTrue(content.startswith(PNG))
                self.assertIn("External scores", found["alt"])
                self.assertNotIn(str(self.known), found["alt"])
                bare = self.client.get(address, headers={"Accept": "image/png"})
                self.assertEqual((bare.mimetype, bare.data), ("image/png", content))
                for accepted, mimetype in (
                    ("application/json, image/png;q=0.5", "application/json"),
                    ("application/json, */*", "application/json"),
                    ("image/avif,image/*,*/*;q=0.8", "image/png"),
                    ("text/html,*/*;q=0.8", "text/plain"),
                    ("*/*", "text/plain"),
                    ("", "text/plain"),
                ):
                    response = self.client.get(address, headers={"Accept": accepted})
                    self.assertEqual(response.mimetype, mimetype, accepted)
                    self.assertIn("Accept", response.headers["Vary"])
                    if mimetype == "text/plain":
                        self.assertEqual(response.text, found["image"])

    def test_each_client_has_a_picture_of_their_own(self) -> None:
        images = {self.get(f"/local_shap/{i}")["image"] for i in served().ids("test")[:3]}
        self.assertEqual(len(images), 3)


class Features(Answers):
    def test_a_clients_values_are_those_of_the_feature_file(self) -> None:
        row = served().client(self.known)
        found = self.get(f"/clients/{self.known}?protected=1")
        self.assertEqual(found["id"], self.known)
        values = {f["name"]: f["value"] for f in found["features"]}
        self.assertEqual(values.keys(), row.keys() - {"SK_ID_CURR", "TARGET", "SPLIT"})
        for name, value in values.items():
            if row[name] is None:
                self.assertIsNone(value, name)
            elif isinstance(value, str):
                self.assertEqual(value, row[name])
            else:
                self.assertAlmostEqual(
                    value / float(row[name] or 1), 1 if row[name] else 0, places=6
                )

    def test_nulls_are_null(self) -> None:
        missing = self.first_without("EXT_SOURCE_3", "test")
        found = self.get(f"/clients/{missing}")["features"]
        self.assertIn(None, [f["value"] for f in found if f["name"] == "EXT_SOURCE_3"])

    def test_a_value_is_displayed_beside_the_raw_one(self) -> None:
        """The served catalogue is of before displays: the value with its unit."""
        found = {f["name"]: f for f in self.get(f"/clients/{self.known}")["features"]}
        age = found["DAYS_BIRTH"]
        self.assertEqual(age["displayed"], f"{age['value']:,.0f} days")

    def test_the_weightiest_come_first_and_the_shares_add_up(self) -> None:
        shares = [f["importance"] for f in self.get(f"/clients/{self.known}")["features"]]
        self.assertEqual(shares, sorted(shares, reverse=True))
        self.assertAlmostEqual(sum(shares), 1)
        (gender,) = self.get(f"/clients/{self.known}?names=CODE_GENDER&protected=1")["features"]
        self.assertEqual(gender["importance"], 0)  # shown, but not known to the model

    def test_names_and_fields_choose_among_the_features(self) -> None:
        whole = self.get(f"/clients/{self.known}")["features"]
        default = {"name", "label", "unit", "concept", "value", "displayed", "importance"}
        self.assertEqual({frozenset(f) for f in whole}, {frozenset(default)})
        self.assertNotIn("CODE_GENDER", [f["name"] for f in whole])
        for query, fields, names in (
            ("fields=sentence", {"name", "sentence"}, None),
            ("fields=value&fields=label&fields=value", {"name", "value", "label"}, None),
            ("names=AMT_CREDIT&names=EXT_SOURCE_2", default, {"AMT_CREDIT", "EXT_SOURCE_2"}),
            ("names=AMT_CREDIT&names=AMT_CREDIT&fields=value", {"name", "value"}, {"AMT_CREDIT"}),
        ):
            with self.subTest(query):
                found = self.get(f"/clients/{self.known}?{query}")["features"]
                expected = [f["name"] for f in whole if names is None or f["name"] in names]
                self.assertEqual([f["name"] for f in found], expected)
                self.assertEqual({frozenset(f) for f in found}, {frozenset(fields)})
                values = {f["name"]: f.get("value") for f in whole}
                for one in found:
                    self.assertEqual(one.get("value", values[one["name"]]), values[one["name"]])

    def test_what_may_not_be_chosen_is_refused(self) -> None:
        for query, words in (
            ("fields=target", "Input should be 'label'"),
            ("names=EXT_SORCE_2", "did you mean 'EXT_SOURCE_2'"),
            ("names=TARGET", "nknown feature 'TARGET'"),
            ("names=CODE_GENDER", "it takes protected=1"),
            ("names=CODE_GENDER&protected=0", "it takes protected=1"),
            ("names=A&" * 101, "at most 100 items"),
            ("protected=yes", "0 or 1"),
            ("sentence=1", "takes no such name"),
        ):
            with self.subTest(words):
                response = self.client.get(f"/clients/{self.known}?{query.rstrip(chr(38))}")
                self.assertEqual(response.status_code, 422)
                self.assertIn(words, response.text)

    def test_features_are_described_in_french(self) -> None:
        for address in ("/features", "/features?used=1", f"/clients/{self.known}?fields=label"):
            response = self.client.get(address, headers={"Accept-Language": "fr-CA, en;q=0.5"})
            self.assertEqual(response.headers["Content-Language"], "fr")
            self.assertIn("Accept-Language", response.vary)
            features: Any = response.json
            features = features["features"] if isinstance(features, dict) else features
            labels = {f["name"]: f["label"] for f in features}
            self.assertEqual(
                (labels["DAYS_BIRTH"], labels["OCCUPATION_TYPE"]), ("âge", "profession")
            )

    def test_the_catalogue_says_what_each_feature_means(self) -> None:
        found = {f["name"]: f for f in self.get("/features")}
        self.assertEqual(
            found["DAYS_BIRTH"],
            {
                "name": "DAYS_BIRTH",
                "label": "age at application",
                "sentence": "The age at application of the client.",
                "unit": "days",
                "concept": "Age",
                "kind": "number",
            },
        )
        self.assertNotIn("TARGET", found)

    def test_a_feature_is_of_one_kind_everywhere(self) -> None:
        kinds = {f["name"]: f["kind"] for f in self.get("/features")}
        for name, kind in kinds.items():
            if name == "CODE_GENDER":  # protected: it is not compared
                continue
            with self.subTest(name):
                (compared,) = self.get(f"/peers/{self.known}?feature={name}")["features"]
                self.assertEqual(compared["kind"], kind)
        self.assertEqual(kinds["CODE_GENDER"], "category")

    def test_the_model_is_described(self) -> None:
        found = self.get("/model_info")
        content = served().content
        self.assertEqual(found["metrics"], {"AUC": {"value": 0.71, "se": 0.03, "on": "test"}})
        expected = {
            "alias": "champion",
            "stage": "champion",
            "version": "3",
            "type": "lightgbm",
            "fn_cost": 5.0,
        }
        expected |= {"decision_threshold": THRESHOLD, "data_digest": content.data_digest}
        self.assertEqual({name: found[name] for name in expected}, expected)
        self.assertEqual(found["trained"], content.created.isoformat(timespec="seconds"))
        ranked = found["importance"]
        self.assertEqual(found["sorted_features_by_importance"], [f["name"] for f in ranked])
        self.assertEqual({f["name"] for f in ranked}, {f.name for f in content.features})
        shares = [f["importance"] for f in ranked]
        self.assertEqual(shares, sorted(shares, reverse=True))
        self.assertEqual(ranked[0].keys(), {"name", "label", "importance"})


class Peers(Answers):
    def test_one_feature_gives_a_distribution(self) -> None:
        found = self.get(f"/peers/{self.known}?feature=EXT_SOURCE_2")
        labelled = served().rows("train")  # the reference holds training clients
        self.assertEqual((found["group"], found["n"]), ("everyone", len(labelled)))
        (distribution,) = found["distributions"]
        defaulted = pc.sum(labelled.column("TARGET")).as_py()
        self.assertEqual(sum(distribution["defaulted"]), defaulted)
        self.assertEqual(found["n_by_class"]["defaulted"], defaulted)
        self.assertNotIn("joint", found)

    def test_two_features_give_both_and_their_cells(self) -> None:
        found = self.get(f"/peers/{self.known}?feature=EXT_SOURCE_2&feature=OCCUPATION_TYPE")
        self.assertEqual(
            [f["name"] for f in found["features"]], ["EXT_SOURCE_2", "OCCUPATION_TYPE"]
        )
        self.assertEqual([d["kind"] for d in found["distributions"]], ["number", "category"])
        cells = found["joint"]["counts_repaid"]
        self.assertEqual(len(cells), len(found["joint"]["x_edges"]) - 1)
        self.assertEqual(len(cells[0]), len(found["joint"]["y_levels"]))

    def test_a_missing_grouping_value_is_a_sentence_and_no_crash(self) -> None:
        client_id = self.first_without("NAME_EDUCATION_TYPE", "new")
        found = self.get(f"/peers/{client_id}?group=similar_person&feature=EXT_SOURCE_2")
        self.assertIs(found["too_small"], True)
        self.assertIn("education", found["sentence"])

    def test_without_an_occupation_the_group_leaves_it_out_and_says_so(self) -> None:
        client_id = self.first_without("OCCUPATION_TYPE", "new")
        found = self.get(f"/peers/{client_id}?group=similar_person&feature=EXT_SOURCE_2")
        self.assertIs(found["too_small"], False)
        self.assertIn("“occupation” is left out", found["left_out"])
        self.assertNotIn("occupation", {c["label"] for c in found["criteria"]})


class Health(Answers):
    def test_it_is_alive(self) -> None:
        self.assertEqual(self.get("/health/live"), {"status": "live"})
        self.assertEqual(self.get("/version").keys(), {"release", "open", "model"})


class Card(Answers):
    def test_it_comes_as_json_page_or_markdown(self) -> None:
        self.assertEqual(self.get("/model_card"), {"markdown": CARD, "html": CARD_PAGE})
        browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
        for accept, mimetype, text in (
            (browser, "text/html", CARD_PAGE),
            ("text/markdown", "text/markdown", CARD),
        ):
            found = self.client.get("/model_card", headers={"Accept": accept})
            self.assertEqual((found.status_code, found.mimetype), (200, mimetype))
            self.assertEqual(found.content_type, f"{mimetype}; charset=utf-8")
            self.assertEqual(found.text, text)
            policy = found.headers["Content-Security-Policy"]
            self.assertIn("default-src 'none'", policy)
            self.assertNotIn("script", policy)

    def test_the_model_is_sent_once_and_then_only_named(self) -> None:
        first = self.client.get("/model_info")
        self.assertEqual(first.headers["Cache-Control"], "no-cache")
        known = {"If-None-Match": first.headers["ETag"]}
        again = self.client.get("/model_info", headers=known)
        self.assertEqual((again.status_code, again.data), (304, b""))
        fewer = self.client.get("/model_info?features=3", headers=known)
        self.assertEqual(fewer.status_code, 200)
        self.assertEqual(
            self.get("/model_info?features=3")["importance"],
            self.get("/model_info")["importance"][:3],
        )
        self.assertEqual(self.get("/model_info?features=0")["importance"], [])
        for wrong in ("-1", "x", "1.5"):
            self.assertEqual(self.client.get(f"/model_info?features={wrong}").status_code, 422)

    def test_answers_that_a_caller_chooses_are_not_kept(self) -> None:
        self.get("/model_info")
        service = keeper_of(self.client.application).service
        assert service is not None
        kept = dict(service._texts)  # noqa: SLF001  (what fills the memory is not to be seen from outside)
        for most in range(20):
            self.get(f"/model_info?features={most}")
        self.assertEqual(service._texts, kept)  # noqa: SLF001

    def test_a_model_without_a_card_is_not_found_in_one_sentence(self) -> None:
        keeper = keeper_of(self.client.application)
        assert keeper.service is not None
        artefact = replace(keeper.service.artefact, card={})
        with mock.patch.object(keeper, "service", replace(keeper.service, artefact=artefact)):
            found = self.client.get("/model_card")
        self.assertEqual(found.status_code, 404)
        self.assertEqual(found.mimetype, "application/problem+json")
        self.assertIn("This model has no card", found.text)


if __name__ == "__main__":
    unittest.main()
