"""Sets as their owners publish them: small files of the same form, written by hand."""

from __future__ import annotations

import json

import pytest

from eval.analysis.card.items import NOT_ENTAILED
from eval.analysis.card.originals.original import all_originals
from eval.errors import DataError

NQ_HEAD = "id\tQuestion\tModel answer\tAcceptable?\t"
FILES = {
    "nq301": {
        "data/NQ301_human.tsv": f"{NQ_HEAD}annotator1\tannotator2\tannotator3\n"
        "1\twho?\tAnn\tYes\tYes\tNo\tYes\n1\twho?\tBob\tNo\tNo\tNo\t\n1\twho?\tAnn\tYes\tYes\tNo\tYes\n2\twhen?\tYes\tNo\tNo\tNo\t\n",
        "data/NQ301_gpt-4.tsv": f"{NQ_HEAD}gpt-4\n"
        "1\twho?\tAnn\tYes\tYes, it is.\n1\twho?\tBob\t\tI cannot say.\n2\twhen?\tYes\tNo\tNo\n",
        "data/NQ301_text-davinci-003.tsv": f"{NQ_HEAD}text-davinci-003\n"
        "1\twho?Ann\tNo\tYes\n1\twho?Bob\tNo\tNo, it is not.\n",
        "data/NQ301_BEM.tsv": "id\tQuestion\tGold answers\tModel answer\tAcceptable?\tprobs\n"
        '1\twho?\t"Ann, of course | Anne"\tAnn\tYes\t[]\n2\twho?\t"Ann, of course | Anne"\tBob B\tNo\t[]\n'
        "3\twhen?\tnow\tYes\tNo\t[]\n",
    },
    "evouna": {
        "EVOUNA/NQ.json": json.dumps(
            [
                {"question": "who?", "golden_answer": "Ann/Anne", "improper": False, "answer_fid": "Ann ",
                 "judge_fid": True, "answer_gpt4": "Bob", "judge_gpt4": False, "answer_newbing": " ",
                 "judge_newbing": False, "answer_chatgpt": "Cy", "judge_chatgpt": None},
                {"question": "what?", "golden_answer": "a", "improper": True, "answer_fid": "a", "judge_fid": True},
            ]
        ),
        "EVOUNA/TQ.json": "[]",
    },
    "sick": {
        "data/sts/sick2014/SICK_test_annotated.txt":
        "pair_ID\tsentence_A\tsentence_B\trelatedness_score\tentailment_judgment\r\n"
        "6\tA dog runs\tA cat sits\t3.3\tNEUTRAL\r\n9\tA cat sits\tAn animal sits\t4\tENTAILMENT\r\n"
        "12\tA man sings\tA man is silent\t4\tCONTRADICTION\r\n",
    },
    "chaosnli": {
        "data/chaosNLI_v1.0/chaosNLI_snli.jsonl": json.dumps(
            {"uid": "7.jpg#1r1n", "label_counter": {"n": 70, "e": 30}, "majority_label": "n",
             "example": {"premise": "Two boys.", "hypothesis": "Two kids."}}
        ),
    },
    "eventhallusion": {
        "questions/entire_questions.json": json.dumps(
            [{"id": "entire_1", "event_info": {"caption": "It barks.", "bias": "It plays."}},
             {"id": "entire_2", "event_info": {"caption": "They fight.", "bias": ""}}]
        ),
        "questions/misleading_questions.json": "[]",
    },
    "factvc": {
        "data/activitynet/factuality_annotation.json": json.dumps(
            {"v1": {"COOT": {"paragraph_score": 4, "sentences": ["a girl [jumps] .", "she runs ."]}}, "v2": {}}
        ),
        "data/activitynet/vids.txt": "v1\n",
        "data/activitynet/captions/gt_ae_test_1_para.json": '{"v1": "A girl runs."}',
        "data/activitynet/captions/gt_ae_test_2_para.json": "{}",
        "data/youcook2/factuality_annotation.json": "{}",
        "data/youcook2/vids.txt": "",
        "data/youcook2/captions/gt_val_para.json": "{}",
    },
}  # fmt: skip


def cvrr_files():
    """Every file with one pair, whose texts name its place."""
    pair = [
        [{"pred": "Correct", "score": 5}, {"q": "what?", "a": "this", "pred": " that "}],
        [{"pred": "?"}, {"q": "x"}],
    ]
    return {path: json.dumps(pair) for path in all_originals()["cvrr"].files}


def read(name, folder, files):
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(text.encode())
    return list(all_originals()[name].read(folder))


def test_every_set_is_pinned_and_names_its_licence():
    assert sorted(all_originals()) == ["chaosnli", "cvrr", "eventhallusion", "evouna", "factvc", "nq301", "sick"]
    for original in all_originals().values():
        assert len(original.commit) == 40
        assert original.licence
        assert original.files


def test_nq301(tmp_path):
    first, second, third = read("nq301", tmp_path, FILES["nq301"])
    assert first == {
        "id": "nq301:0", "cluster": "nq301:who?", "kind": "answer", "question": "who?",
        "reference": ["Ann, of course", "Anne"], "prediction": "Ann", "label": True, "humans": [True, False, True],
        "judges": {"gpt-4": True, "text-davinci-003": False, "bem": True},
    }  # fmt: skip
    # No verdict: an empty one, and an answer that differs.
    assert (second["humans"], second["judges"]) == ([False, False], {"text-davinci-003": False})
    assert (third["prediction"], third["label"], third["judges"]) == ("Yes", False, {"gpt-4": False, "bem": False})
    wrong = FILES["nq301"] | {"data/NQ301_gpt-4.tsv": f"{NQ_HEAD}gpt-4\n1\twho?\tAnn\tmaybe\tWell.\n"}
    with pytest.raises(DataError, match=r"NQ301_gpt-4.tsv:2: field 'Acceptable\?' is neither Yes nor No"):
        read("nq301", tmp_path, wrong)


def test_evouna(tmp_path):
    first, second = read("evouna", tmp_path, FILES["evouna"])
    assert (first["id"], first["reference"], first["prediction"]) == ("evouna:NQ:0:fid", ["Ann", "Anne"], "Ann")
    assert (second["system"], second["label"], second["cluster"]) == ("gpt4", False, "evouna:NQ:0")


def test_sick(tmp_path):
    one, two, three = read("sick", tmp_path, FILES["sick"])
    assert (one["reference"], one["prediction"], one["label"]) == ("A dog runs", "A cat sits", "neutral")
    assert one["cluster"] == two["cluster"] != three["cluster"]
    assert [row["label"] for row in (two, three)] == ["entailment", "contradiction"]


def test_chaosnli(tmp_path):
    [row] = read("chaosnli", tmp_path, FILES["chaosnli"])
    assert (row["cluster"], row["label"]) == ("chaosnli:7.jpg", "neutral")
    assert row["counts"] == {"entailment": 30, "neutral": 70, "contradiction": 0}


def test_eventhallusion(tmp_path):
    [row] = read("eventhallusion", tmp_path, FILES["eventhallusion"])
    assert (row["reference"], row["prediction"], row["label"]) == ("It barks.", "It plays.", NOT_ENTAILED)


def test_cvrr(tmp_path):
    rows = read("cvrr", tmp_path, cvrr_files())
    # The second pair of each file has no verdict.
    assert len(rows) == 121
    assert (rows[0]["prediction"], rows[0]["label"], rows[0]["judges"]) == (
        "that",
        None,
        {"gpt-3.5-turbo (CVRR)": True},
    )
    (tmp_path / all_originals()["cvrr"].files[0]).write_text("[[1]]")
    with pytest.raises(DataError, match="item 0 is no pair of a verdict and a question"):
        list(all_originals()["cvrr"].read(tmp_path))


def test_factvc(tmp_path):
    wrong, right = read("factvc", tmp_path, FILES["factvc"])
    assert (wrong["prediction"], wrong["label"], right["label"]) == ("a girl jumps .", "wrong", "right")
    assert wrong["group"] == right["group"] == "factvc:activitynet:v1:COOT"
    assert wrong["reference"] == ["A girl runs."]
