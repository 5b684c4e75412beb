"""A clone of our own invention, in the shape of upstream's: its rows and wording become a pack, and nothing is run."""

import json

import pytest

from eval.errors import DataError
from eval.readers.pack import open_pack
from eval.readers.upstream_import import head_commit, import_upstream

COMMIT, OTHER = "a" * 40, "b" * 40
OPEN_QA = """
raise SystemExit("this file must never be run")

def call(question, answer, prediction, model):
    return client.chat.completions.create(model=model, messages=[
        {"role": "system", "content": "Grade " "answers."},
        {"role": "user", "content":
            f"Q: {question}\\n" f"A: {answer}\\n" + f"P: {prediction}\\n" "Say {'pred': 'yes'}"},
    ])
"""
DREAM = """
def label(events, reference, prediction, model):
    if len(events) == 0:
        events = [reference]
    return client.create(messages=[
        {"role": "user", "content": f"Text: {prediction}\\nEvents: {events}\\n{{\\"x\\": []}}"}
    ])

def events_of(caption, model):
    return client.create(messages=[{"role": "user", "content": f"List: {caption}"}])
"""


def choice(dataset, idx, question, response="A"):
    prompt = (
        f"USER: <video> Hint {{c}}.\nQuestion: {question}\nOptions: \n(A) x{idx}\n(B) y\nNow.\nASSISTANT: Answer: ("
    )
    return {"idx": idx, "dataset": dataset, "text": {"prompt": prompt, "response": response}, "vid": f"v{idx}"}


def open_qa(idx, question):
    text = {"prompt": f"USER: <video> Say. Question: {question}\nASSISTANT:", "response": "a", "question": question}
    return {"idx": idx, "dataset": "MSVD-QA-val", "text": text, "video_file": "<placeholder>", "vid": f"c_{idx}_2"}


@pytest.fixture
def clone(tmp_path):
    def make(name="clone", rows=None, **changes):
        root = tmp_path / name
        asked = [open_qa(n, question) for n, question in enumerate(["who?", "what?", "where?"])]
        chosen = [choice("EgoSchema", n, question) for n, question in enumerate(["What is {it}?", "Who?"])]
        rows = rows or {"EgoSchema_subset.jsonl": chosen, "MSVD-QA-val.jsonl": asked}
        files = {
            "evaluation/metrics/evaluate_qa_oe_gpt.py": OPEN_QA,
            "evaluation/metrics/evaluate_dream_gpt.py": DREAM,
            ".git/HEAD": f"{COMMIT}\n",
            **{f"data/annotations/{file}": "\n".join(map(json.dumps, lines)) for file, lines in rows.items()},
            **changes,
        }
        for file, text in files.items():
            path = root / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return root

    return make


def test_rows_wording_and_index(clone, tmp_path):
    root, to = clone(), tmp_path / ".protocol" / "upstream"
    pack = import_upstream(root, to)
    assert pack == open_pack(to)
    assert {name: dict(entry.rows) for name, entry in pack.files.items() if entry.rows} == {
        "annotations/EgoSchema_subset.jsonl": {"EgoSchema": 2},
        "annotations/MSVD-QA-val.jsonl": {"MSVD-QA-val": 3},
    }
    assert {entry.commit for entry in pack.files.values()} == {COMMIT}
    copy = pack.rows("MSVD-QA-val.jsonl")
    assert copy is not None
    assert copy.read_bytes() == (root / "data/annotations/MSVD-QA-val.jsonl").read_bytes()
    assert pack.rows("MVBench.jsonl") is None
    assert json.loads(pack.judge_wording().read_text()) == {
        "name": "upstream",
        "open_qa": {
            "system": "Grade answers.",
            "user": "Q: {{question}}\nA: {{answer}}\nP: {{prediction}}\nSay {'pred': 'yes'}",
        },
        "extract": {"system": "", "user": "List: {{description}}"},
        "entail": {"system": "", "user": 'Text: {{description}}\nEvents: {{events|python}}\n{"x": []}'},
    }
    ego = pack.prompt("EgoSchema_subset.jsonl")
    assert ego.ask("{Why}?", ["p", "q"]) == (
        "USER: <video> Hint {c}.\nQuestion: {Why}?\nOptions: \n(A) p\n(B) q\nNow.\nASSISTANT: Answer: ("
    )
    assert pack.prompt("MSVD-QA-val.jsonl").ask("when?", ()) == "USER: <video> Say. Question: when?\nASSISTANT:"
    assert not [path for path in to.parent.iterdir() if path != to]


def test_the_judges_read_it(clone, tmp_path):
    wording = pytest.importorskip("eval.judges.wording")
    read = wording.load_wording(import_upstream(clone(), tmp_path / "pack").judge_wording())
    assert (
        read.fill("entail", {"description": "d", "events": ["a", "b"]})[1] == "Text: d\nEvents: ['a', 'b']\n{\"x\": []}"
    )


def test_the_other_branch_adds_to_the_pack(clone, tmp_path):
    import_upstream(clone(), tmp_path / "pack")
    rows = {"MSVD-QA-val.jsonl": [open_qa(0, "why?")], "X.jsonl": [choice("X", 0, "Q?"), open_qa(1, "q")]}
    pack = import_upstream(clone("other", rows, **{".git/HEAD": OTHER}), tmp_path / "pack")
    assert pack == open_pack(tmp_path / "pack")
    assert {name: entry.commit[0] for name, entry in pack.files.items() if name.startswith("annotations")} == {
        "annotations/EgoSchema_subset.jsonl": "a",
        "annotations/MSVD-QA-val.jsonl": "b",
        "annotations/X.jsonl": "b",
    }
    assert pack.files["annotations/MSVD-QA-val.jsonl"].rows == {"MSVD-QA-val": 1}
    with pytest.raises(DataError, match=r"no wording of X\.jsonl"):
        pack.prompt("X.jsonl")


def test_benchmarks_read_the_pack(clone, tmp_path, make):
    import_upstream(clone(), tmp_path / "pack")
    data = tmp_path / "data"
    (data / "MSVD" / "YouTubeClips").mkdir(parents=True)
    (data / "MSVD" / "YouTubeClips" / "c_0_2.avi").touch()
    benchmark = make("msvd-qa", data, pack=str(tmp_path / "pack"))
    samples = list(benchmark.samples())
    assert [sample.targets for sample in samples] == [("a",)] * 3
    assert samples[0].clip.source == data / "MSVD/YouTubeClips/c_0_2.avi"
    assert benchmark.asked_with().name == "rows of MSVD-QA-val.jsonl"
    with pytest.raises(DataError, match="No annotations"):
        list(make("msvd-qa", data).samples())


def test_official_files_in_upstreams_words(clone, tmp_path, make):
    import_upstream(clone(), tmp_path / "pack")
    asked = [{"id": 1, "video_id": 1451, "question": "who {runs}?", "answer": "dog"}]
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "test_qa.json").write_text(json.dumps(asked))
    own = make("msvd-qa", tmp_path / "data", split="test")
    theirs = make("msvd-qa", tmp_path / "data", split="test", wording="upstream", pack=str(tmp_path / "pack"))
    (sample,) = theirs.samples()
    assert sample.prompt == "USER: <video> Say. Question: who {runs}?\nASSISTANT:"
    assert (own.asked_with().name, theirs.asked_with().name) == ("own", "upstream")
    assert own.asked_with().sha256 != theirs.asked_with().sha256
    with pytest.raises(DataError, match="wording=upstream needs a protocol pack; import it again: make import"):
        list(make("msvd-qa", tmp_path / "data", split="test", wording="upstream").samples())


def test_a_changed_pack_is_refused(clone, tmp_path):
    pack = import_upstream(clone(), tmp_path / "pack")
    for file in ("annotations/MSVD-QA-val.jsonl", "wording.json", "prompts.json"):
        (pack.folder / file).write_text("{}")
    for read in (lambda: pack.rows("MSVD-QA-val.jsonl"), pack.judge_wording, lambda: pack.prompt("MSVD-QA-val.jsonl")):
        with pytest.raises(DataError, match="is missing or was changed since it was imported"):
            read()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"evaluation/metrics/evaluate_qa_oe_gpt.py": "def broken("},
            r"evaluate_qa_oe_gpt\.py: cannot be read as Python",
        ),
        (
            {"evaluation/metrics/evaluate_qa_oe_gpt.py": "x = 1"},
            r"no messages to a judge with the variables of open_qa",
        ),
        (
            {"evaluation/metrics/evaluate_dream_gpt.py": DREAM.replace("{caption}", "{run()}")},
            r"'run\(\)' is neither text",
        ),
        (
            {"evaluation/metrics/evaluate_dream_gpt.py": DREAM.replace("List:", "List {{{{x}}}}:")},
            "would be read as a slot",
        ),
        (
            {"data/annotations/MSVD-QA-val.jsonl": "version https://git-lfs.github.com/spec/v1"},
            "MSVD-QA-val.jsonl:1: not",
        ),
    ],
)
def test_a_clone_that_cannot_be_read_leaves_the_pack_as_it_was(clone, tmp_path, changes, said):
    before = import_upstream(clone(), tmp_path / "pack")
    with pytest.raises(DataError, match=said):
        import_upstream(clone("bad", **changes), tmp_path / "pack")
    assert open_pack(tmp_path / "pack") == before
    assert before.rows("MSVD-QA-val.jsonl") is not None


def test_other_folders_are_refused(clone, tmp_path):
    with pytest.raises(DataError, match=r"no data/annotations/\*\.jsonl; give a checked-out clone"):
        import_upstream(tmp_path, tmp_path / "pack")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").touch()
    with pytest.raises(DataError, match="is there and no protocol pack"):
        import_upstream(clone(), tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.tex").exists()


def test_the_commit_of_clones_and_work_trees(tmp_path):
    git = tmp_path / "clone" / ".git"
    (git / "refs" / "heads").mkdir(parents=True)
    (git / "HEAD").write_text("ref: refs/heads/tarsier\n")
    assert head_commit(tmp_path / "clone") == "unknown"
    (git / "packed-refs").write_text(f"# pack-refs\n{OTHER} refs/heads/tarsier2\n{COMMIT} refs/heads/tarsier\n")
    assert head_commit(tmp_path / "clone") == COMMIT
    (git / "refs" / "heads" / "tarsier").write_text(OTHER)
    assert head_commit(tmp_path / "clone") == OTHER
    worktree = git / "worktrees" / "two"
    worktree.mkdir(parents=True)
    (worktree / "HEAD").write_text("ref: refs/heads/tarsier2")
    (worktree / "commondir").write_text("../..\n")
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / ".git").write_text(f"gitdir: {worktree}\n")
    assert head_commit(tmp_path / "two") == OTHER
    assert head_commit(tmp_path) == "unknown"
