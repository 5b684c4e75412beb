import pytest

from eval.errors import DataError

ENDS = "\nAnswer with the option's letter from the given choices directly."
CAPTIONS = ("He sits, then stands.", "He stands, then sits.")
SEGMENTS = ("The first, before the black frames", "The second, after the black frames")


def asked(idx, video, question, options, answer, end=ENDS):
    lines = "".join(f"\n{letter}. {option}" for letter, option in zip("ABC", options, strict=False))
    return {"idx": idx, "video_name": video, "question": f"{question}{lines}{end}", "GT": answer}


TEXT = [
    asked(f"{n}_{kind}", f"vinoground_videos/{n}_{kind}.mp4", "Which caption?", CAPTIONS, answer)
    for n in (0, 10)
    for kind, answer in (("pos", "A"), ("neg", "B"))
]
VIDEO = [
    asked(f"{n}_{kind}", f"vinoground_videos_concated/{n}.mp4", "Which segment?\nCaption: He sits.", SEGMENTS, "A", "")
    for n in (0, 10)
    for kind in ("pos", "neg")
]
TABLE = [
    ["index", "major", "minor", "pos_vid"],
    ["0", "object", "interaction;cyclical", "x"],
    ["10", "action", "", "y"],
]


def files(top="Vinoground/", text=TEXT, video=VIDEO, table=TABLE):
    return {
        f"{top}vinoground_textscore.json": text,
        f"{top}vinoground_videoscore.json": video,
        f"{top}vinoground.csv": table,
        "Vinoground/vinoground_videos/10_neg.mp4": None,
        "Vinoground/vinoground_videos_concated/10.mp4": None,
    }


@pytest.mark.parametrize("top", ["Vinoground/", "Vinoground/vinoground_videos/"])
def test_official_files_wherever_they_lie(make, tree, top):
    data = tree(files(top))
    samples = list(make("vinoground", data).samples())
    assert [one.id for one in samples] == [
        f"Vinoground_{sort}_{n}_{kind}" for sort in ("text", "video") for n in (0, 10) for kind in ("pos", "neg")
    ]
    first, last = samples[0], samples[-1]
    assert first.prompt == (
        f"USER: <video>\nQuestion: Which caption?\n(A) {CAPTIONS[0]}\n(B) {CAPTIONS[1]}\nASSISTANT: Answer: ("
    )
    assert last.prompt.startswith("USER: <video>\nQuestion: Which segment?\nCaption: He sits.\n(A) The first, before")
    assert [one.targets for one in samples[:4]] == [("A",), ("B",), ("A",), ("B",)]
    # Four questions about three files are one group.
    assert [one.cluster for one in samples] == ["0", "0", "10", "10"] * 2
    assert samples[3].clip.source == data / "Vinoground/vinoground_videos/10_neg.mp4"
    assert last.clip.source == data / "Vinoground/vinoground_videos_concated/10.mp4"
    assert first.metadata["categories"] == ["object", "interaction", "cyclical"]
    assert (last.metadata["asked"], last.metadata["categories"]) == ("video", ["action"])


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"text": [TEXT[0] | {"GT": "C"}]}, "field 'GT' is 'C', expected a letter from A to B"),
        ({"table": [TABLE[0], *TABLE[2:]]}, "field 'idx' is '0_pos', of no pair in .*vinoground.csv"),
        ({"text": [TEXT[0] | {"idx": "7_pos"}]}, "field 'video_name' is '.*0_pos.mp4', and its idx '7_pos'"),
        ({"video": [VIDEO[0] | {"question": "Which?"}]}, "field 'question' lists no options"),
        ({"video": [VIDEO[0] | {"question": "Which?\nB. One\nA. Two"}]}, "has 'B. One' as option 1"),
        ({"video": [VIDEO[0] | {"question": "Which?\nA. One\nA. Two"}]}, "has 'A. Two' as option 2"),
        ({"table": [*TABLE, TABLE[1]]}, "field 'index' is '0', as at"),
        ({"text": []}, "vinoground_textscore.json: has no questions"),
        ({"video": []}, "vinoground_videoscore.json: has no questions"),
        ({"table": TABLE[:1]}, "vinoground.csv: has no questions"),
        ({"table": ""}, "vinoground.csv: has no questions"),
    ],
)
def test_bad_rows(make, tree, changed, said):
    with pytest.raises(DataError, match=said):
        list(make("vinoground", tree(files(**changed))).samples())


@pytest.mark.parametrize("end", ["", ENDS, "\nPlease only output one English character."])
def test_an_option_of_several_lines_keeps_them_all(make, tree, end):
    options = ("He sits,\nthen stands.", "He stands,\nthen sits.")
    text = [asked("0_pos", "vinoground_videos/0_pos.mp4", "Which caption?", options, "A", end)]
    first, *_ = make("vinoground", tree(files(text=text))).samples()
    assert first.options == ("He sits, then stands.", "He stands, then sits.")
