# ruff: noqa: E501 - a passage of source is not to be broken
"""Faults as edits of what makes conversations and media into a model's inputs, and of models behind servers; see `gate_edits`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_Lines = Sequence[tuple[str, ...]]

CONVERSATIONS: Mapping[str, _Lines] = {
    "eval/models/tarsier2/positions.py": (
        ("text behind a video's height or width", "after += n_text + max(grid)", "after += n_text + max(grid[1:])"),
        ("a video's columns before its rows", "shape = torch.cartesian_prod(*map(torch.arange, grid)).T", "shape = torch.cartesian_prod(*map(torch.arange, grid)).T[[0, 2, 1]]"),
    ),
    "eval/models/tarsier2/processing.py": (
        ("channels exchanged", "pixels.transpose(0, 3, 1, 2)", "pixels[..., ::-1].transpose(0, 3, 1, 2)"),
        ("special tokens around a prompt", "add_special_tokens=False)", "add_special_tokens=True)", "Qwen's tokenizer adds none"),
    ),
    "eval/models/tarsier2/runner.py": (
        ("every medium shows the first frames", "            done += count\n        return media", "        return media"),
    ),
    "eval/models/tarsier2/prompts.py": (
        ("a begun answer in a turn of its own", "add_generation_prompt=not is_begun", "add_generation_prompt=True"),
        ("a begun answer ended", "strip_final_eos=is_begun", "strip_final_eos=False"),
    ),
    "eval/models/hf/media.py": (
        ("frames nearer to each other", "apart = (times[-1] - times[0]) / (n - 1)", "apart = (times[-1] - times[0]) / n"),
        ("times from the file's beginning", "round((time - times[0]) * _UNITS)", "round(time * _UNITS)"),
    ),
    "eval/models/hf/processor.py": (
        ("a begin token twice", "settings[\"add_special_tokens\"] = False", "pass"),
        ("every place shows the first frames", "            done += count\n            if kind", "            if kind"),
        ("a system's text although there is one", "if self._system is not None and turns[0].role != \"system\":", "if self._system is not None:"),
    ),
    "eval/models/hf/generation.py": (
        ("padding behind a prefix seen", "[0] * gap", "[1] * gap", "the trial at loading finds it, and each prompt is computed by itself"),
        ("the bound of a trial for all", "settings = deepcopy(self.settings)\n        settings.max_new_tokens, settings.eos_token_id = _STEPS, None", "settings = self.settings\n        settings.max_new_tokens = _STEPS"),
        ("answers of other rows", "iter(found[place] for place in range(number))", "iter(found.values())"),
    ),
    "eval/video/sampling_tarsier2.py": (
        ("rate rounded down", "step = round(own / wanted)", "step = int(own / wanted)"),
        ("the number behind the last frame is none", "    last -= last == total\n", ""),
        ("rates share the frames of the prompt", "most if said.fps is not None else 0", "n_frames if said.fps is not None else 0"),
        ("a span with one end counts", "if clip.start is not None and clip.end is not None:", "if clip.start is not None or clip.end is not None:"),
        ("short videos repeated", "return list(range(total)) if total <= n_frames else", "return"),
    ),
    "eval/readers/messages.py": (
        ("a prediction taken for a begun answer", "\"\" if scored and message is messages[-1] else said", "said"),
        ("system messages named", "{\"system\": \"\",", "{\"system\": \"SYSTEM: \","),
        ("the first reference alone", "references.append(scored)", "references[:] = references or [scored]"),
        ("images taken for videos", "\"image\" if item.text(\"type\") == \"image\" else \"video\"", "\"video\""),
    ),
}  # fmt: skip
"""Of rows of messages, Tarsier2 and transformers' own classes: file, and its edits."""

SERVERS: Mapping[str, _Lines] = {
    "eval/models/served/outputs.py": (
        ("thinking kept", "output = spoken(reply.text or \"\")", "output = reply.text or \"\""),
        ("refusals are outputs", "if reply.outcome == \"refused\":", "if False:"),
    ),
    "eval/models/served/prompts.py": (
        ("no letter asked for", "if begun.rstrip().endswith(\"(\") else", "if False else"),
        ("a place shows all frames before it too", "slice(end - n, end)", "slice(0, end)"),
        ("system messages left out", "if system and first is not None:", "if False:"),
    ),
    "eval/models/served/requests.py": (
        ("another temperature", "{\"temperature\": 0.0}", "{\"temperature\": 1.0}"),
        ("no room for reasoning", "max_tokens + takes.reasoning_tokens", "max_tokens"),
        ("begun answers not continued", "if sent[-1][\"role\"] == \"assistant\" and continues == \"by_parameters\":", "if False:"),
        ("pictures not in the address", "{\"type\": part[\"type\"], \"sha256\": part[\"sha256\"]}", "{\"type\": part[\"type\"]}"),
    ),
    "eval/models/served/pictures.py": (
        ("JPEG's own quality", "\"JPEG\", quality=quality)", "\"JPEG\")"),
        ("every picture the first", "pictures[i : i + 1]", "pictures[:1]"),
    ),
    "eval/client/outcomes.py": (
        ("a filter's reply is an answer", "elif finish == \"content_filter\":", "elif False:"),
        ("the choice that stands first", "return by_index.get(0) or next(iter(listed), None)", "return next(iter(listed), None)"),
        ("cached tokens above the input's", "min(cached or 0, sent)", "cached or 0"),
        ("a reply's parts apart", "\"\".join(part for part in parts if isinstance(part, str))", "\" \".join(part for part in parts if isinstance(part, str))"),
    ),
    "eval/client/remnants.py": (
        ("end tokens kept", "return text[: _tail(text)]", "return text"),
        ("text after the first thinking", "_, closed, after = text.rpartition(\"</think>\")", "_, closed, after = text.partition(\"</think>\")"),
    ),
    "eval/running/part.py": (
        ("samples drawn in annotation order", "key=keys.__getitem__", "key=int"),
        ("videos not spread", "turns.append((of_video[video], i))", "turns.append((0, i))"),
        ("a drawn part in drawing order", "return [sample for i, sample in enumerate(samples) if i in drawn]", "return [samples[i] for i in drawing_order(samples, seed)[:limit]]"),
    ),
}  # fmt: skip
"""Of models behind servers, and of the samples drawn: file, and its edits."""
