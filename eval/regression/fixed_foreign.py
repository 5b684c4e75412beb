"""Fixed checks of `model=hf`: a small random LLaVA in the form of a hub's folder, asked in batches and alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from eval.core import ClipPrompts, Turn
from eval.models.hf.runner import HfModel
from eval.regression.media_files import picture
from eval.regression.records import Record
from eval.regression.small_models import IMAGE, checkpoint, piece_json, token

SUITE = "fixed foreign"
CHAT = (
    "<s>{% for message in messages %}{{ message['role'] }}: {% for part in message['content'] %}"
    "{% if part['type'] == 'text' %}{{ part['text'] }}{% else %}<image>{% endif %}{% endfor %}</s>{% endfor %}"
    "{% if add_generation_prompt %}assistant:{% endif %}"
)
_TURNS = (Turn(role="user", parts=(("text", "First:"), ("video", ""), ("text", "then:"), ("image", ""))),)
ASKED = (
    ((0, 20, 40), ("<video>\nWhat?", "<video>\nWhat moves there at the end?", "USER: <video>\nWhich? ASSISTANT: So (")),
    ((40, 20, 0), ("<video>\nWhy?",)),
    ((0, 20), ("<video>\nWhat?",)),
    ((20, 0, 40), ("<video>\nWhich of the three?",)),
    ((0,), ("<video>\nWho?", "<video>\nWhere is it now?", "<video>\n(A) here\n(B) there")),
    ((40,), ("Speak. USER: <video>\nWhat? ASSISTANT:", "USER: <image>\nWhat? ASSISTANT:")),
)
"""Numbers of the frames of each clip, and the prompts about it: some share what precedes them, some make a batch."""


def fixed_foreign(scratch: Path) -> Iterator[Record]:
    """Yield each prompt's form and outputs. `scratch` is an empty folder for the checkpoint."""
    from PIL import Image

    model = HfModel(
        name="foreign", checkpoint=str(written(scratch / "llava")), max_new_tokens=8, device="cpu", media="images",
        system="Be brief.",
    )  # fmt: skip
    clips = [
        ClipPrompts(frames=[Image.fromarray(picture(number, 28, 28)) for number in numbers], prompts=list(prompts))
        for numbers, prompts in ASKED
    ]
    more = ClipPrompts(frames=clips[0].frames, prompts=["<video>\n<video>\n"], turns=[_TURNS], counts=(2, 1))
    for place, (clip, of_clip) in enumerate(zip([*clips, more], model.generate([*clips, more]), strict=True)):
        for number, (one, made) in enumerate(zip(clip.one_by_one(), of_clip, strict=True)):
            alone = model.alone(one)
            fields = {"prompt": made.prompt, "output": made.output, "alone_output": [alone.output, alone.n_tokens]}
            yield Record(benchmark=SUITE, id=f"clip {place}, prompt {number}", fields=fields)


def written(folder: Path) -> Path:
    """Write the checkpoint, and return its folder."""
    names = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<unk>"}
    files = {
        "tokenizer.json": {**piece_json(added=[{"id": IMAGE, **token("<image>")}]), "truncation": None},
        "tokenizer_config.json": {"tokenizer_class": "LlamaTokenizerFast", "extra_special_tokens":
                                  {"image_token": "<image>"}, **names},
        "chat_template.json": {"chat_template": CHAT},
        "processor_config.json": {"processor_class": "LlavaProcessor", "patch_size": 14,
                                  "vision_feature_select_strategy": "default", "num_additional_image_tokens": 1},
    }  # fmt: skip
    checkpoint(folder, files, ends=[2])
    config = folder / "config.json"
    settings = json.loads(config.read_text(encoding="utf-8"))
    kept = {name: value for name, value in settings.items() if name not in ("image_newline_idx", "image_new_idx")}
    config.write_text(json.dumps(kept), encoding="utf-8")
    return folder
