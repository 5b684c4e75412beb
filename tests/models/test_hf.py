"""model=hf: outputs are those of transformers' own `generate`, one prompt at a time, whatever the architecture."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image

from eval.core import SECONDS, ClipPrompts, Turn
from eval.errors import ModelError
from eval.models.hf.generation import Continuation, _Prefix
from eval.models.hf.media import Medium, Once
from eval.models.hf.runner import HfModel
from eval.timing import Clock
from tests.models import foreign

pytestmark = pytest.mark.slow

WAYS = [(kind, "images") for kind in foreign.ARCHITECTURES] + [
    pytest.param(kind, "video", marks=pytest.mark.skipif(not foreign.HAS_VIDEO, reason="torchvision is not installed"))
    for kind in foreign.VIDEO
]
SHORT = "What is it?"
LONG = "Say at length what is shown here, with all that you see."
BEGUN = " Answer: ("


def frames(n, seed, size=(80, 60), *, apart=None):
    rng = np.random.default_rng(seed)
    found = [Image.fromarray(rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)) for _ in range(n)]
    for i, frame in enumerate(found):
        if apart:
            frame.info[SECONDS] = 2.0 + i * apart
    return found


def clip(shown, *texts, **more):
    return ClipPrompts(frames=shown, prompts=[f"<video>\n{text}" for text in texts], **more)


def begun(text):
    return f"USER: <video>\n{text} ASSISTANT:{BEGUN}"


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    made = {}

    def folder(kind):
        if kind not in made:
            made[kind] = foreign.checkpoint(kind, tmp_path_factory.mktemp(kind) / kind, repetition_penalty=1.2)
        return made[kind]

    return folder


def model(folder, **settings):
    return HfModel(**{"name": "foreign", "checkpoint": str(folder), "max_new_tokens": 12, "device": "cpu", **settings})


def expected(folder, built, shown, text, media, *, is_begun=False):
    """Return what transformers alone makes of a question: the output, and its number of tokens."""
    from transformers import AutoModelForImageTextToText

    processor = built._processor._processor
    as_video = media == "video" and len(shown) > 1
    parts = (
        [{"type": "video", "video": np.stack(shown)}] if as_video else [{"type": "image", "image": f} for f in shown]
    )
    messages = [{"role": "user", "content": [*parts, {"type": "text", "text": text}]}]
    if is_begun:
        messages.append({"role": "assistant", "content": [{"type": "text", "text": BEGUN}]})
    given = {}
    if as_video:
        apart = [frame.info[SECONDS] for frame in shown]
        rate = (len(shown) - 1) / (apart[-1] - apart[0])
        given = {"do_sample_frames": False, "video_metadata": [
            {"total_num_frames": len(shown), "fps": rate, "frames_indices": list(range(len(shown)))}
        ]}  # fmt: skip
    inputs = processor.apply_chat_template(
        messages, tokenize=True, return_dict=True, return_tensors="pt", add_generation_prompt=not is_begun,
        continue_final_message=is_begun, processor_kwargs=given,
    )  # fmt: skip
    alone = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32)
    sequence = alone.generate(**inputs, do_sample=False, max_new_tokens=12, repetition_penalty=1.2)
    new = sequence[0, inputs["input_ids"].shape[1] :]
    return processor.tokenizer.decode(new, skip_special_tokens=True), len(new)


def said(generations):
    return [[(one.output, one.n_tokens) for one in of_clip] for of_clip in generations]


@pytest.mark.parametrize(("kind", "media"), WAYS)
def test_outputs_are_those_of_transformers_alone(folders, kind, media):
    folder = folders(kind)
    built = model(folder, media=media)
    three, other, short, one = (
        frames(3, 1, apart=0.5), frames(3, 2, apart=0.5), frames(2, 3, (64, 100), apart=1.0), frames(1, 4),
    )  # fmt: skip
    asked = [
        ClipPrompts(frames=three, prompts=[f"<video>\n{SHORT}", begun(SHORT), f"<video>\n{LONG}"]),
        clip(other, LONG),
        ClipPrompts(frames=other, prompts=[begun(SHORT)]),
        clip(short, SHORT),
        clip(one, SHORT, LONG),
    ]
    want = [
        [
            expected(folder, built, three, SHORT, media),
            expected(folder, built, three, SHORT, media, is_begun=True),
            expected(folder, built, three, LONG, media),
        ],
        [expected(folder, built, other, LONG, media)],
        [expected(folder, built, other, SHORT, media, is_begun=True)],
        [expected(folder, built, short, SHORT, media)],
        [expected(folder, built, one, SHORT, media), expected(folder, built, one, LONG, media)],
    ]
    clock = Clock()
    found = built.generate(asked, clock)
    assert said(found) == want
    assert [[built.alone(each) for each in of_clip.one_by_one()] for of_clip in asked] == found
    assert len({output for of_clip in want for output, _ in of_clip}) == 8
    is_shared = kind != "gemma3"
    assert built.describe()["prefix"] == ("shared" if is_shared else "computed for each prompt")
    assert built.describe()["media"] == media
    assert built.batching["prefixes"] == (2 if is_shared else 0)
    is_even = media == "video" and kind in {"llava_onevision", "internvl"}  # their videos are of as many frames
    assert built.describe()["batches"] == ("of as many frames" if is_even else "of any frames")
    assert built.batching["largest_batch"] == (3 if is_shared else 8)
    assert built.batching["batches"] == (4 if is_even else 3 if is_shared else 1)
    assert clock.lap().counts["tokens"] == sum(n for of_clip in want for _, n in of_clip)


def test_a_video_is_shown_where_the_processor_takes_any(folders):
    assert model(folders("idefics3")).describe()["media"] == "images"
    by_default = model(folders("qwen2_5_vl")).describe()["media"]
    assert by_default == ("video" if foreign.HAS_VIDEO else "images")


def test_a_processor_without_videos_is_not_given_any(folders):
    with pytest.raises(ModelError, match=r"^model\.media=video: the processor of .* takes no videos here"):
        model(folders("idefics3"), media="video")


def test_small_batches_give_the_same(folders, monkeypatch):
    built = model(folders("internvl"), media="images")
    asked = [clip(frames(3, seed), SHORT) for seed in range(5)] + [clip(frames(3, 9), SHORT, LONG, "Why?")]
    want = built.generate(asked)
    plain = built._continuation.model.generate

    def short_of_memory(**inputs):
        if len(inputs["input_ids"]) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return plain(**inputs)

    monkeypatch.setattr(built._continuation.model, "generate", short_of_memory)
    assert built.generate(asked) == want
    assert built.batching["halvings"] == 2
    two = model(folders("internvl"), media="images", batch_size=2)
    assert two.generate(asked) == want
    assert two.batching["largest_batch"] == 2
    assert (two.clips_at_once(1), two.clips_at_once(3)) == (2, 1)


def test_a_settled_output_ends_its_row_alone(folders):
    built = model(folders("llava_onevision"), media="images")
    shown = frames(2, 5)
    whole = [each.output for each in built.generate([clip(shown, SHORT, LONG)])[0]]
    ended = built.generate([clip(shown, SHORT, LONG, settled=[lambda text: len(text) >= 3, None])])[0]
    assert ended[0].n_tokens < 12
    assert whole[0].startswith(ended[0].output)
    assert len(ended[0].output) >= 3
    assert ended[1].output == whole[1]


def test_a_prefix_that_gives_other_logits_is_not_shared(folders, monkeypatch):
    right = _Prefix.inputs

    def shifted(self, rows):
        found = right(self, rows)
        found["attention_mask"][:, 0] = 0
        return found

    monkeypatch.setattr(_Prefix, "inputs", shifted)
    built = model(folders("qwen3_vl"), media="images")
    assert built.describe()["prefix"] == "computed for each prompt"
    monkeypatch.undo()
    asked = [clip(frames(2, 1), SHORT, LONG)]
    assert built.generate(asked) == model(folders("qwen3_vl"), media="images").generate(asked)


def test_clips_of_any_sizes_and_numbers_of_frames_go_together(folders):
    built = model(folders("idefics3"), batch_size=4)
    sizes = [(80, 60), (64, 100), (120, 40), (50, 50), (30, 90)]
    asked = [clip(frames(1 + seed % 3, seed, size), LONG[: 20 + 3 * seed]) for seed, size in enumerate(sizes)]
    want = [[built.alone(each)] for each in asked]
    assert built.generate(asked) == want
    assert (built.batching["batches"], built.batching["largest_batch"]) == (2, 4)


@pytest.mark.parametrize(
    ("kept", "batches", "n"),
    [
        ("numbers", "of as many frames", 3),
        ("shape", "of frames of one size", 4),
        ("text", "of one prompt", 5),
    ],
)
def test_what_batches_must_have_in_common(folders, monkeypatch, caplog, kept, batches, n):
    right = Continuation._padded

    def unmasked(self, rows):
        found = right(self, rows)
        if len({getattr(row.prompt, kept) for row in rows}) > 1:
            found["attention_mask"][:] = 1
        return found

    monkeypatch.setattr(Continuation, "_padded", unmasked)
    built = model(folders("gemma3"))
    described = built.describe()
    assert described["batches"] == batches
    assert (described["batch_size"], built.clips_at_once(1)) == ((1, 1) if kept == "text" else (8, 8))
    assert ("one by one, since Gemma3ForConditionalGeneration gives other" in caplog.text) == (kept == "text")
    # Two of one shape, one of another size, one of fewer frames, and one of another size again.
    shown = [frames(3, 1), frames(3, 2), frames(3, 3, (64, 100)), frames(2, 4), frames(1, 5, (64, 100))]
    asked = [clip(each, f"{SHORT}{' Say.' * i}") for i, each in enumerate(shown)]
    want = [[built.alone(each)] for each in asked]
    assert built.generate(asked) == want
    assert built.batching["batches"] == n


def test_prompts_one_at_a_time_are_no_fallback(folders, caplog):
    built = model(folders("gemma3"), batch_size=1)
    assert (built.describe()["batches"], built.describe()["batch_size"]) == ("of one prompt", 1)
    assert "one by one" not in caplog.text


def test_conversations_of_rows(folders):
    built = model(folders("internvl"), media="images", system="Be brief.")
    two = ClipPrompts(
        frames=frames(3, 1),
        counts=(1, 2),
        prompts=["unused", "unused"],
        turns=[
            (Turn(role="user", parts=(("text", "First"), ("image", ""), ("video", ""), ("text", "then?"))),),
            (
                Turn(role="system", parts=(("text", "Be long."),)),
                Turn(role="user", parts=(("image", ""), ("video", ""))),
                Turn(role="assistant", parts=(("text", "It is"),)),
            ),
        ],
    )
    places = "<IMG_CONTEXT>\n" * 3
    first, second = (one.text for one in built._processor.prompts(two))
    asked = f"<|im_start|>user\nFirst{places}then?<|im_end|>\n<|im_start|>assistant\n"
    assert first == f"<|im_start|>system\nBe brief.<|im_end|>\n{asked}"
    asked = f"<|im_start|>user\n{places}<|im_end|>\n<|im_start|>assistant\nIt is"
    assert second == f"<|im_start|>system\nBe long.<|im_end|>\n{asked}"


def test_a_place_for_each_frame(folders):
    built = model(folders("internvl"), media="images")
    three = ClipPrompts(frames=frames(3, 1), prompts=["<image> <image> <image>\nSame?"])
    assert built.generate([three])[0][0].output == built.generate([clip(frames(3, 1), "Same?")])[0][0].output


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("<video>\nIs <IMG_CONTEXT> shown?", "the prompt's text has '<IMG_CONTEXT>', which stands for media"),
        ("Is it?", "the prompt has places for 0 media, and there are 1"),
        ("<image><image><image>", "the prompt has places for 3 media, and there are 1"),
    ],
)
def test_a_prompt_that_does_not_fit_fails_alone(folders, prompt, said):
    built = model(folders("internvl"), media="images")
    with pytest.raises(ModelError, match=said):
        built.generate([ClipPrompts(frames=frames(2, 1), prompts=[f"<video>\n{SHORT}", prompt])])


TRIMS = foreign.CHATML.replace("{{ part['text'] }}", "{{ part['text'] | trim }}")
NO_PARTS = (
    "{% for message in messages %}{% if message['role'] == 'user' %}<|im_start|>"
    "{% for part in message['content'] %}{{ part['text'] if part['type'] == 'text' else 'IMAGE' }}{% endfor %}"
    "{% else %}{{ '>' + message['content'] }}{% endif %}{% endfor %}{% if add_generation_prompt %}>{% endif %}"
)
NO_ANSWERS = foreign.CHATML.replace(
    "{% for message in messages %}",
    "{% for message in messages %}{% if message['role'] == 'assistant' %}{{ raise_exception('no') }}{% endif %}",
)


@pytest.mark.parametrize(
    ("template", "end"),
    [
        (TRIMS, "<|im_end|>\n<|im_start|>assistant\nAnswer: ("),
        (NO_PARTS, f"{SHORT}>{BEGUN}"),
        (NO_ANSWERS, f"<|im_end|>\n<|im_start|>assistant\n{BEGUN}"),
    ],
)
def test_a_begun_answer_is_at_the_end_whatever_the_template(tmp_path, template, end):
    folder = foreign.checkpoint("idefics3", tmp_path / "a")
    (folder / "chat_template.json").write_text(json.dumps({"chat_template": template.replace("IMAGE", "<image>")}))
    (made,) = model(folder).generate([ClipPrompts(frames=frames(1, 1), prompts=[begun(SHORT)])])[0]
    assert made.prompt.endswith(end)


def test_when_frames_are_shown():
    """Three frames at 2, 2.5 and 3 s are as a video of 1.5 s with frames at 0, 0.5 and 1 s."""
    found = Medium(kind="video", frames=frames(3, 1, apart=0.5)).metadata()
    assert [index / found["fps"] for index in found["frames_indices"]] == [0.0, 0.5, 1.0]
    assert (found["total_num_frames"] / found["fps"], found["duration"]) == (1.5, 1.5)
    assert Medium(kind="video", frames=frames(3, 1)).metadata()["fps"] is None
    with pytest.raises(ModelError, match=r"^frames of 64x100 and 80x60 pixels are no video; give model\.media=images$"):
        _ = Medium(kind="video", frames=[*frames(1, 1), *frames(1, 2, (64, 100))]).pixels


@pytest.mark.skipif(not foreign.HAS_VIDEO, reason="torchvision is not installed")
def test_times_reach_the_prompt(folders):
    built = model(folders("qwen3_vl"), media="video")
    (prompt,) = built._processor.prompts(clip(frames(4, 1, apart=3.0), SHORT))
    text = built._processor.tokenizer.decode(built._processor.inputs([prompt])["input_ids"][0])
    assert "<1.5 seconds>" in text  # the mean of 0 and 3 s
    assert "<7.5 seconds>" in text


def test_frames_of_a_clip_are_processed_once():
    calls = []

    def inner(media, **_):
        calls.append(media)
        return {"n": len(calls)}

    once = Once(inner)
    a, b = object(), object()
    assert [once(media)["n"] for media in ([[a, b]], [[a, b]], [[a], [b]], [[a, b]])] == [1, 1, 2, 3]


def test_outputs_that_end_at_the_bound_are_counted(folders):
    built = model(folders("llava_onevision"), media="images")
    shown = frames(2, 5)

    def counted(*settled):
        clock = Clock()
        (made,) = built.generate([clip(shown, SHORT, LONG, settled=settled)], clock)
        return made[1], clock.lap().counts["cut_off"]

    short = built.generate([clip(shown, SHORT, LONG)])[0][0].output[:3]
    at_bound, n = counted(lambda text: text.startswith(short), None)
    assert (at_bound.n_tokens, n) == (12, 1)
    assert counted(lambda text: text.startswith(short), lambda text: text == at_bound.output) == (at_bound, 0)
