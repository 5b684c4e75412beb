"""From a conversation to text, by the checkpoint's own chat template."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Thread
from typing import Any

from eval.core import Turn
from eval.errors import ModelError
from eval.models.checkpoints.headers import MAX_CONFIG, read_object, read_small
from eval.readers.malformed import printable

TEMPLATE_FILES = ("chat_template.json", "chat_template.jinja", "processor_config.json", "tokenizer_config.json")
"""Files in which a chat template may be, in the order in which they are tried."""


def chat_template(folder: Path) -> str:
    """Return the chat template of a checkpoint. Raises ModelError where no file has one."""
    for name in TEMPLATE_FILES:
        path = folder / name
        if not path.exists():
            continue
        if path.suffix == ".jinja":
            try:
                return read_small(path, MAX_CONFIG).decode()
            except UnicodeDecodeError as error:
                raise ModelError(f"{path} is not UTF-8; take the checkpoint's own.") from error
        found = read_object(path).get("chat_template")
        if isinstance(found, list):  # several by name
            named = {one.get("name"): one.get("template") for one in found if isinstance(one, dict)}
            found = named.get("default")
        if isinstance(found, str) and found:
            return found
    raise ModelError(
        f"{folder} has no chat template (in {', '.join(TEMPLATE_FILES)}), so prompts cannot be put into the form that "
        "the model was trained on; take the checkpoint's own files."
    )


def rendered(tokenizer: Any, template: str, turns: Sequence[Turn], positions: Sequence[int]) -> str:
    """Return a conversation as text, with as many image tokens as its media take.

    Args:
        tokenizer: transformers' tokenizer of the checkpoint, whose special tokens a template may name.
        template: the chat template. It is given what upstream gives: `num_vision_tokens` of each medium,
            `add_generation_prompt` where the last turn is not the assistant's, `strip_final_eos` where it is.
        turns: the conversation.
        positions: number of positions of each medium, in order.

    Raises:
        ModelError: the template fails.
    """
    left = iter(positions)
    messages = [
        {"role": turn.role, "content": [_part(kind, text, left) for kind, text in turn.parts]} for turn in turns
    ]
    is_begun = turns[-1].role == "assistant"
    try:
        text: str = tokenizer.apply_chat_template(
            messages,
            chat_template=template,
            tokenize=False,
            add_generation_prompt=not is_begun,
            strip_final_eos=is_begun,
        )
    except Exception as error:  # a template is a program, and may raise anything
        said = printable(" ".join(f"{type(error).__name__}: {error}".split()))[:200]
        raise ModelError(f"the checkpoint's chat template fails: {said}") from error
    return text


def within(seconds: float, work: Callable[[], object]) -> None:
    """Do some work on a thread. Raises ModelError where it fails as such, or has not ended after so many seconds."""
    errors: list[ModelError] = []

    def run() -> None:
        try:
            work()
        except ModelError as error:
            errors.append(error)

    thread = Thread(target=run, daemon=True)  # one that never ends must not keep the program from ending
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise ModelError(f"the checkpoint's chat template has not ended after {seconds:g} s")
    if errors:
        raise errors[0]


def _part(kind: str, text: str, left: Any) -> Mapping[str, Any]:
    if kind == "text":
        return {"type": "text", "text": text}
    return {"type": kind, "num_vision_tokens": next(left)}
