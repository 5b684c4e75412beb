# ruff: noqa: E501 - a passage of source is not to be broken
"""Faults as edits of the source, for `gate_power.py`: one passage of one file put otherwise.

Unlike the faults of `gate_faults.py`, which are planted where values are passed on, these are what a change of the code
would bring. A line of a group is: name, passage as it is, passage with the fault. An edit whose passage is no longer there
is reported and not counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from scripts.gate_edits_conversations import CONVERSATIONS, SERVERS
from scripts.gate_edits_texts import JUDGING, RUNNING, SCORING


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """A passage put otherwise."""

    area: str
    name: str
    file: str
    """Its path in the checkout."""
    old: str
    new: str
    same: str = ""
    """Why no result changes, where none does."""


_Lines = Sequence[tuple[str, ...]]

_MODELS: Mapping[str, _Lines] = {
    "eval/models/decoding/attention.py": (
        ("parts merged with each other's weight", "sigmoid(first_lse - second_lse)", "sigmoid(second_lse - first_lse)"),
        ("parts merged half and half", "share = torch.sigmoid(first_lse - second_lse).unsqueeze(-1)", "share = 0.5"),
        ("own keys repeated in another order", "states.repeat_interleave(heads // own, dim=1)",
         "states.repeat(1, heads // own, 1, 1)"),
        ("next token's heads in another order", "grouped = query.view(rows, own, heads // own, width)",
         "grouped = query.view(rows, heads // own, own, width).transpose(1, 2)"),
        ("shared heads in another order", "grouped = query.view(clips, each, shared, group, n, width).permute(0, 2, 3, 1, 4, 5)",
         "grouped = query.view(clips, each, group, shared, n, width).permute(0, 3, 2, 1, 4, 5)"),
        ("plain kernel sees one ahead", "device=query.device).tril()", "device=query.device).tril(1)"),
        ("plain kernel ignores the mask", "scores.masked_fill_(mask.logical_not(), float(\"-inf\"))", "pass"),
        ("plain kernel masks what may be seen", "mask.logical_not()", "mask"),
        ("query not scaled in fp32", "torch.matmul(query * scaling, key", "torch.matmul(query, key"),
        ("scores not scaled in halves", ".mul_(scaling)", ""),
        ("sum of weights without the largest", "(largest + total.log())", "total.log()"),
        ("largest score for the sum", "lse = scores.logsumexp(-1)", "lse = scores.amax(-1)"),
        ("blocks of queries reversed", "_joined(blocks, dim=2)", "_joined(blocks[::-1], dim=2)"),
        ("blocks of heads reversed", "_joined(parts, dim=1)", "_joined(parts[::-1], dim=1)"),
        ("each block with the first rows of the mask", "mask.narrow(-2, start, n)", "mask.narrow(-2, 0, n)"),
        ("suffix not causal", "scaling=scaling, causal=True)", "scaling=scaling, causal=False)"),
        ("results left in slots' order", "    if slots is not None:\n        output, lse = output", "    if False:\n        output, lse = output"),
        ("halves multiplied without fp32", "torch.matmul(one.float(), other.float())", "torch.matmul(one, other).float()"),
        ("weights divided before the product", "output = _product(weights.to(value.dtype), value).div_(total)",
         "output = _product((weights / total / 2).to(value.dtype), value)"),
        ("kernel's scale left to its default", "key, value, 0.0, causal, scale=scaling\n        )\n        return output, lse\n    if",
         "key, value, 0.0, causal\n        )\n        return output, lse\n    if"),
    ),
    "eval/models/decoding/rows.py": (
        ("first generated token masked", "(column >= self._suffix)", "(column > self._suffix)"),
        ("one padded position seen", "column[None, :] < self._lengths[:, None]", "column[None, :] <= self._lengths[:, None]"),
        ("last position lost when a buffer grows", "grown[:, :, :filled] = kept[:, :, :filled]",
         "grown[:, :, : filled - 1] = kept[:, :, : filled - 1]"),
        ("lengths of rows that left are kept", "self._lengths = self._lengths[torch.tensor(rows)]", "self._lengths = self._lengths[: len(rows)]"),
        ("padding never masked", "self._ragged = min(lengths) != self._suffix", "self._ragged = False"),
        ("slots by place instead of clip", "slots = [clip * each + place for", "slots = [place * n_clips + clip for"),
        ("clips of rows that left are kept", "self._clips = [self._clips[row] for row in rows]", "self._clips = self._clips[: len(rows)]"),
        ("buffers grow one position later", "if filled + n <= kept.shape[2]:", "if filled + n < kept.shape[2]:", "a buffer only grows earlier"),
    ),
    "eval/models/decoding/language.py": (
        ("positions from 1", "around = language.rotary_emb(hidden, position_ids=_padded(positions[kept.now], hidden.device))",
         "around = language.rotary_emb(hidden, position_ids=_padded(positions[kept.now], hidden.device) + 1)"),
        ("generated tokens one position late", "starts[row].positions[..., -1:] + count for",
         "starts[row].positions[..., -1:] + count + 1 for"),
        ("suffix one position late", "_padded([start.positions for start in starts], padded.device)",
         "_padded([start.positions + 1 for start in starts], padded.device)"),
        ("eager sees one ahead", ".triu(1)", ".triu(2)"),
        ("eager does not see itself", ".triu(1)", ".triu(0)"),
        ("eager without a mask", "mask = _look_back(hidden) if language", "mask = None if language"),
        ("settled rows go on", "if token not in ends and not (settled is not None and settled(generated[row])):", "if token not in ends:"),
        ("last padded position read", "last = (rows.lengths - 1).to(hidden.device)", "last = (rows.lengths * 0 + padded.shape[1] - 1).to(hidden.device)"),
        ("last layer's input not normed", "normed = layer.input_layernorm(hidden)", "normed = hidden"),
        ("last layer's keys not turned", "_, key = apply_rotary_pos_emb(key, key, *around)", "key = key + 0"),
        ("last layer's values are its keys", "value = attention.v_proj(normed)", "value = attention.k_proj(normed)"),
        ("one token too few", "if not going or count == max_new_tokens:", "if not going or count == max(1, max_new_tokens - 1):"),
        ("last norm left out", "model.lm_head(model.model.language_model.norm(hidden))", "model.lm_head(hidden)"),
    ),
    "eval/models/decoding/generator.py": (
        ("first end token only", "frozenset(ends if isinstance(ends, list)", "frozenset(ends[:1] if isinstance(ends, list)"),
        ("ended outputs count as cut off", "return len(ids) == self._max_new_tokens and not is_ended", "return len(ids) == self._max_new_tokens"),
        ("features of the clip before", "clips[member.clip].media, features[member.clip]",
         "clips[member.clip].media, features[members[0].clip]"),
        ("text over the images", "embedded[tokens == self._model.config.image_token_id] = features.to(embedded)", "pass"),
        ("every output once more", "max_new_tokens=self._max_new_tokens,\n            ends=",
         "max_new_tokens=self._max_new_tokens + 1,\n            ends="),
        ("batches in one row", "done += self._halving(prefix, starts[len(done) : len(done) + size], stages)",
         "done += self._halving(prefix, starts[:size], stages)"),
    ),
    "eval/models/checkpoints/runner.py": (
        ("bound on new tokens one higher", "\"max_new_tokens\": max_new_tokens,\n            \"kv_budget\"",
         "\"max_new_tokens\": max_new_tokens + 1,\n            \"kv_budget\""),
        ("bound of the reference one higher", "max_new_tokens or self._max_new_tokens, rep",
         "(max_new_tokens or self._max_new_tokens) + 1, rep"),
        ("settled checks dropped", "settled=[enough[id(settled)] for settled in clip.settled] if clip.settled else", "settled=[None for settled in clip.settled] if clip.settled else"),
        ("settled checks of the first prompt", "settled=[enough[id(settled)] for settled in clip.settled]", "settled=[enough[id(clip.settled[0])] for settled in clip.settled]"),
        ("deterministic runs in batches", "self._clips_at_once = 1 if deterministic else clips_at_once", "self._clips_at_once = clips_at_once"),
    ),
    "eval/models/tarsier/runner.py": (
        ("frames counted from the run's number", "n_frames = len(media[0].pixels)", "n_frames = self._n_frames"),
    ),
    "eval/models/checkpoints/ending.py": (
        ("text config before config", "        (CONFIG, getattr(config, \"eos_token_id\", None)),\n", ""),
        ("generation_config passed over", "read_object(path).get(\"eos_token_id\") if path.exists() else None", "None"),
        ("one end token of several", "return EndTokens(ids=tuple(sorted(set(ids))), source=source)", "return EndTokens(ids=tuple(ids[:1]), source=source)"),
    ),
    "eval/models/tarsier/tokenizer.py": (
        ("BOS only where it is asked for", "default=name == \"bos_token\")", "default=False)"),
        ("EOS wherever it is not declined", "default=name == \"bos_token\")", "default=True)"),
        ("not legacy where nothing is said", "legacy = settings.get(\"legacy\") is None or _flag", "legacy = settings.get(\"legacy\") is not None and _flag"),
        ("no prefix where nothing is said", "\"prefix\": _flag(files, given, \"add_prefix_space\", default=True)", "\"prefix\": _flag(files, given, \"add_prefix_space\", default=False)"),
        ("texts truncated", "    core.no_truncation()\n", ""),
        ("added tokens in order of text", "key=lambda item: item[0])]", "key=lambda item: str(item[1]))]"),
        ("special tokens in texts", "if token is not None and not self._is_special(token)]", "if token is not None]"),
        ("always cleaned up", "default=not files.is_llama)", "default=True)"),
        ("never cleaned up", "        if self._clean_up:", "        if False:"),
        ("contractions not cleaned up", "\" n't\": \"n't\", ", ""),
        ("special tokens split or not, the other way", "core.encode_special_tokens = _flag(files, settings, \"split_special_tokens\", default=False)",
         "core.encode_special_tokens = False"),
        ("end token behind each text", "before, behind = ([f\"{text}:0\"", "behind, before = ([f\"{text}:0\""),
        ("tokenizer.json although it is set aside", "if files.vocabulary is None or (files.is_llama and _wants_model(settings)):", "if files.vocabulary is None:"),
        ("another default end token", "\"eos_token\": \"</s>\"", "\"eos_token\": \"<unk>\""),
        ("unknown ids shown", "self._model.id_to_token(token_id)\n        return found", "self._model.id_to_token(token_id)\n        return found or \"?\""),
    ),
    "eval/models/tarsier/conversion.py": (
        ("ties by the order of pieces", "key=lambda merge: merge[:3], reverse=True)", "key=lambda merge: merge[:1], reverse=True)", "two ways to one piece don't overlap in a text"),
        ("shorter left parts first", "key=lambda merge: merge[:3], reverse=True)", "key=lambda merge: (-merge[0], merge[1]))", "two ways to one piece don't overlap in a text"),
        ("worst merges first", "key=lambda merge: merge[:3], reverse=True)", "key=lambda merge: merge[:3])"),
        ("unknown pieces not fused", "fuse_unk=True", "fuse_unk=False", "every byte is a piece, so that nothing is unknown"),
        ("no bytes for what is unknown", "unk_token=model.unknown, fuse_unk=True, byte_fallback=True", "unk_token=model.unknown, fuse_unk=True, byte_fallback=False"),
        ("no bytes for what is unknown, unigrams", "unk_id=0, byte_fallback=True", "unk_id=0, byte_fallback=False"),
        ("no space stripped", "decoders.Strip(content=\" \", left=1)", "decoders.Strip(content=\" \", left=0)"),
        ("two spaces stripped", "decoders.Strip(content=\" \", left=1)", "decoders.Strip(content=\" \", left=2)"),
        ("the user's pieces split", "if piece.kind in (CONTROL, USER_DEFINED)", "if piece.kind in (CONTROL,)"),
        ("control pieces not special", "special=piece.kind == CONTROL", "special=False"),
        ("a prefix before every stretch", "scheme = \"first\" if prefix", "scheme = \"always\" if prefix"),
        ("bytes not joined", "decoders.ByteFallback(), ", ""),
        ("unigrams taken for merges", "if model.kind == UNIGRAM:", "if False:"),
    ),
    "eval/models/tarsier/added_tokens.py": (
        ("lstrip lost", "lstrip=token.lstrip", "lstrip=False"),
        ("rstrip lost", "rstrip=token.rstrip", "rstrip=False"),
        ("single_word lost", "single_word=token.single_word", "single_word=False"),
        ("all normalized", "normalized=self._normalized[text] == {True}", "normalized=True"),
        ("none normalized", "normalized=self._normalized[text] == {True}", "normalized=False"),
        ("none special", "special=text in self._special,", "special=False,"),
    ),
    "eval/models/tarsier/tokenizer_files.py": (
        ("generic class where none is named", "named[0] if named else LLAMA[0]", "named[0] if named else GENERIC[0]"),
        ("tokens of added_tokens.json never special", "is_special = text in names", "is_special = False"),
        ("special_tokens_map.json passed over", "for key, value in (files.special or {}).items():", "for key, value in {}.items():"),
        ("added_tokens_decoder passed over", "if \"added_tokens_decoder\" in settings:", "if False:"),
    ),
    "eval/models/tarsier/resaved.py": (
        ("cleaned up after transformers 5", "{\"clean_up_tokenization_spaces\": False, **settings", "{\"clean_up_tokenization_spaces\": True, **settings"),
    ),
    "eval/models/tarsier/processing.py": (
        ("channels' values exchanged in the fast way", "self._of_byte[channel], pixels", "self._of_byte[2 - channel], pixels"),
        ("channels exchanged in the library's way", "return torch.from_numpy(self._by_library(squares))", "return torch.from_numpy(self._by_library(squares)[:, ::-1].copy())"),
        ("square of the shorter side", "side = max(image.size)\n    return", "side = min(image.size)\n    return"),
        ("any filter taken for bicubic", " and images.resample == 3\n", "\n"),
        ("images not cropped taken for plain", "images.do_resize and images.do_center_crop and", "images.do_resize and",
         "a square of the right side is never cropped"),
        ("one position a frame too few", "[token] * (self._positions_per_frame if", "[token] * (self._positions_per_frame - 1 if"),
    ),
    "eval/models/tarsier/model.py": (
        ("one vision layer too few", "len(layers) + 1 + layer :]", "len(layers) + layer :]"),
        ("newline after each column", "newline.expand(n_frames, side, 1, width)], dim=2", "newline.expand(n_frames, 1, side, width)], dim=1"),
        ("newline and end exchanged", "newline, frame_end = embed(ids)", "frame_end, newline = embed(ids)"),
    ),
    "eval/models/decoding/vision.py": (
        ("a clip's frames reversed", "of_clip[clip].append(features)", "of_clip[clip].insert(0, features)"),
    ),
    "eval/models/checkpoints/loading.py": (
        ("tied head left random", "model.lm_head.weight = model.get_input_embeddings().weight", "pass"),
        ("fp16 on CPUs by default", "\"float32\" if device == \"cpu\"", "\"bfloat16\" if device == \"cpu\""),
    ),
    "eval/models/decoding/questions.py": (
        ("duplicates asked twice, longest first", "key=lambda row: (len(row[0]), row[0]))", "key=lambda row: (-len(row[0]), row[0]))", "rows of a batch don't affect each other"),
    ),
    "eval/models/decoding/finite.py": (
        ("second likeliest token", "best = rows.argmax(-1)", "best = rows.topk(2, -1).indices[:, 1]"),
    ),
    "eval/models/decoding/reference.py": (
        ("reference without its last id", "[0, len(ids) :].tolist()", "[0, len(ids) : -1].tolist()"),
    ),
    "conf/model/tarsier-7b.yaml": (
        ("fewer new tokens by default", "max_new_tokens: 512", "max_new_tokens: 256"), ("more frames by default", "n_frames: 8", "n_frames: 16"),
        ("another attention by default", "attention: sdpa", "attention: eager"), ("another commit", "b672c01e", "b672c01f"),
        ("half precision by default", "dtype: auto ", "dtype: bfloat16 "), ("a clip at a time by default", "deterministic: false", "deterministic: true"),
    ),
    "conf/model/tarsier-34b.yaml": (("7b's checkpoint", "omni-research/Tarsier-34b", "omni-research/Tarsier-7b"), ("one device", "device_map: auto", "device_map: null")),
    "conf/model/tarsier-tiny.yaml": (("bound as of 7b", "max_new_tokens: 64\n", ""),),
    "eval/running/request.py": (("7b's commit for any hub model", "\"model.revision=main\",", ""),),
}  # fmt: skip

_MEDIA: Mapping[str, _Lines] = {
    "eval/video/sampling.py": (
        ("rounded down", "[round(i * (total - 1)", "[int(i * (total - 1)"),
        ("never the last frame", "i * (total - 1) / (n_frames - 1)", "i * total / n_frames"),
        ("a single frame from the span", "        return [0]", "        return [start]"),
        ("a single frame from the middle", "        return [0]", "        return [total // 2]"),
        ("start rounded", "first = int(min(last, fps * start))", "first = round(min(last, fps * start))"),
        ("end rounded", "last = int(min(last, max(first, fps * end)))", "last = round(min(last, max(first, fps * end)))"),
        ("start rounded up", "first = int(min(last, fps * start))", "first = -int(-min(last, fps * start) // 1)"),
        ("end excluded", "last = int(min(last, max(first, fps * end)))", "last = int(min(last, max(first, fps * end - 1)))"),
        ("end of zero taken at its word", "if end is not None and end > 0:", "if end is not None:"),
        ("frames a second rounded", "last = total - 1\n", "last = total - 1\n    fps = round(fps)\n"),
        ("end before start swapped", "max(first, fps * end)", "max(0, fps * end)"),
        ("indices from the span's beginning", "sample_indices(last - first + 1, n_frames, first)", "sample_indices(last - first + 1, n_frames)"),
        ("span one frame too short", "sample_indices(last - first + 1,", "sample_indices(max(1, last - first),"),
        ("frames of short gifs repeated", "return sorted(set(sample_indices(total, n_frames)))", "return sample_indices(total, n_frames)"),
        ("short gifs in full only", "return sorted(set(sample_indices(total, n_frames)))", "return list(range(min(total, n_frames)))"),
    ),
    "eval/video/images.py": (
        ("all of the listed files", "chosen = choose(len(files), fps)", "chosen = range(len(files))"),
        ("the first of the listed files", "chosen = choose(len(files), fps)", "chosen = range(len(choose(len(files), fps)))"),
        ("frames by name", "parts = re.split(r\"(\\d+)\", file.stem)", "parts = [file.stem]"),
        ("frames by the first number", "for part in parts if part], file.name", "for part in parts[:2] if part], file.name"),
        ("span from 0", "first = max(1, round(", "first = max(0, round("),
        ("start of a span rounded down", "first = max(1, round(max(0, min((start or 0) * fps, len(files)))))", "first = max(1, int(max(0, min((start or 0) * fps, len(files)))))"),
        ("end of a span rounded down", "else round(min(end * fps, len(files)))", "else int(min(end * fps, len(files)))"),
        ("start of a span skipped", "return files[first - 1 :", "return files[first :"),
        ("end of a span excluded", "max(first, last)]", "max(first, last - 1)]"),
        ("end of zero taken at its word", "if end is None or end <= 0 else", "if end is None else"),
        ("span without a rate taken at 1", "if not fps or (start is None", "fps = fps or 1.0\n    if (start is None"),
        ("pictures turned as EXIF asks", "return image.convert(\"RGB\")", "from PIL import ImageOps\n        return ImageOps.exif_transpose(image).convert(\"RGB\")"),
        ("see-through over white", "return image.convert(\"RGB\")",
         "white = Image.new(\"RGBA\", image.size, \"white\")\n        return Image.alpha_composite(white, image.convert(\"RGBA\")).convert(\"RGB\")"),
        ("see-through over black", "return image.convert(\"RGB\")",
         "black = Image.new(\"RGBA\", image.size, \"black\")\n        return Image.alpha_composite(black, image.convert(\"RGBA\")).convert(\"RGB\")"),
        ("all pictures grey", "return image.convert(\"RGB\")", "return image.convert(\"L\").convert(\"RGB\")"),
        ("large pictures drafted", "return image.convert(\"RGB\")", "image.draft(\"RGB\", (image.width // 2, image.height // 2))\n        return image.convert(\"RGB\")"),
        ("large pictures made smaller", "return image.convert(\"RGB\")", "image.thumbnail((1024, 1024))\n        return image.convert(\"RGB\")"),
        ("gif one frame late", "image.seek(numbers[place])", "image.seek(numbers[min(place + 1, len(numbers) - 1)])"),
        ("a picture as many times as frames are wanted", "in sorted(set(choose(len(numbers), 1 / (shown_ms / 1000) if shown_ms else None))):",
         "in choose(len(numbers), 1 / (shown_ms / 1000) if shown_ms else None):"),
        ("gif at the first frame", "image.seek(numbers[place])", "image.seek(numbers[0])"),
        ("gif's frames over white", "frames.append(_as_rgb(image, path, rules))",
         "white = Image.new(\"RGBA\", image.size, \"white\")\n                frames.append(Image.alpha_composite(white, image.convert(\"RGBA\")).convert(\"RGB\"))"),
        ("other files in folders taken too", "if file.suffix.lower()[1:] in IMAGE_EXTENSIONS", "if file.suffix.lower()[1:] in (*IMAGE_EXTENSIONS, \"gif\")"),
        ("capital suffixes passed over", "if file.suffix.lower()[1:] in IMAGE_EXTENSIONS", "if file.suffix[1:] in IMAGE_EXTENSIONS"),
    ),
    "eval/core/media.py": (
        ("webp unknown", "\"tif\", \"tiff\", \"bmp\", \"webp\")", "\"tif\", \"tiff\", \"bmp\")"), ("tiff unknown", "\"png\", \"tif\", \"tiff\",", "\"png\", \"tif\","),
    ),
    "eval/video/pyav.py": (
        ("never turned", "if data is not None:", "if False:"),
        ("turned the other way", "across, down = int(matrix[3]), int(matrix[1])", "across, down = -int(matrix[3]), -int(matrix[1])"),
        ("matrix read by lines", "across, down = int(matrix[3]), int(matrix[1])", "across, down = int(matrix[1]), int(matrix[3])"),
        ("turned and not mirrored", ":: -1 if across < 0 else 1]", ":: 1]"),
        ("half turns not upright", "pixels = pixels[:: -1 if down < 0 else 1,", "pixels = pixels[:: 1,"),
        ("blue for red", "format=\"rgb24\", threads=1", "format=\"bgr24\", threads=1"),
        ("grey", "format=\"rgb24\", threads=1).to_ndarray()", "format=\"gray\", threads=1).reformat(format=\"rgb24\").to_ndarray()"),
        ("limited range taken for full", "reformatter.reformat(frame, format=\"rgb24\", threads=1)", "reformatter.reformat(frame, format=\"rgb24\", src_color_range=2, threads=1)"),
        ("full range taken for limited", "reformatter.reformat(frame, format=\"rgb24\", threads=1)", "reformatter.reformat(frame, format=\"rgb24\", src_color_range=1, threads=1)"),
        ("BT.709 for all", "reformatter.reformat(frame, format=\"rgb24\", threads=1)", "reformatter.reformat(frame, format=\"rgb24\", src_colorspace=1, threads=1)"),
        ("order of packets for that of pictures", "self.order = self.count() if order is None else order", "self.order = list(range(len(self.listing.packets)))"),
        ("times trusted in every container", "self.order = self.count() if order is None else order", "self.order = order or list(range(len(self.listing.packets)))"),
        ("spans in whole frames a second", "choose(len(self.order), self.demuxer.fps or None)", "choose(len(self.order), round(self.demuxer.fps) or None)"),
        ("first frame for each", "return [pictures[number] for number in wanted]", "return [pictures[wanted[0]] for number in wanted]"),
        ("repeated frames once", "return [pictures[number] for number in wanted]", "return [pictures[number] for number in dict.fromkeys(wanted)]"),
    ),
    "eval/video/demux.py": (
        ("rate of the container", "self.stream.average_rate or self.stream.guessed_rate", "self.stream.base_rate or self.stream.average_rate"),
        ("rate in whole numbers", "float(self.stream.average_rate or", "round(self.stream.average_rate or"),
    ),
    "eval/video/frames.py": (
        ("a gif by its name alone", "if head.startswith(_GIF_MAGIC):", "if source.suffix.lower() == \".gif\":"),
        ("gif87 unknown", "(b\"GIF87a\", b\"GIF89a\")", "(b\"GIF89a\",)"),
        ("webp read as a video", " or (head.startswith(b\"RIFF\") and head[8:12] == b\"WEBP\")", "", "FFmpeg reads the same pictures"),
    ),
    "eval/video/choosing.py": (
        ("folders' spans forgotten", "{\"fps\": clip.fps, \"start\": clip.start, \"end\": clip.end}", "{\"fps\": None, \"start\": None, \"end\": None}"),
        ("videos' spans forgotten", "policy.n_frames, clip.start, clip.end)", "policy.n_frames, None, None)"),
        ("end of the span forgotten", "policy.n_frames, clip.start, clip.end)", "policy.n_frames, clip.start, None)"),
        ("start taken for the end", "policy.n_frames, clip.start, clip.end)", "policy.n_frames, clip.end, clip.start)"),
    ),
    "eval/video/preparing.py": (
        ("square of the shorter side", "longer, side = max(rgb.size), size.side", "longer, side = min(rgb.size), size.side"),
        ("Lanczos in the first step", "rgb.resize((longer, longer), Resampling.BICUBIC)", "rgb.resize((longer, longer), Resampling.LANCZOS)"),
        ("box filter in the second step", ".resize((side, side), Resampling.BICUBIC)", ".resize((side, side), Resampling.BOX)"),
        ("reduced before it is resized", ".resize((side, side), Resampling.BICUBIC)", ".resize((side, side), Resampling.BICUBIC, reducing_gap=2.0)"),
        ("in one step", "rgb.resize((longer, longer), Resampling.BICUBIC).resize(", "rgb.resize("),
        ("the first frame for each", "return [prepared[id(frame)] for frame in frames]", "return [prepared[id(frames[0])] for frame in frames]"),
    ),
    "eval/video/frame_store.py": (
        ("start not in the key", "contents, medium.start, medium.end, medium.fps, said]", "contents, medium.end, medium.fps, said]"),
        ("end not in the key", "contents, medium.start, medium.end, medium.fps, said]", "contents, medium.start, medium.fps, said]"),
        ("span not in the key", "contents, medium.start, medium.end, medium.fps, said]", "contents, medium.fps, said]"),
        ("number of frames not in the key", "asdict(policy)]\n", "asdict(policy.size)]\n"),
        ("side not in the key", "asdict(policy)]\n", "policy.n_frames]\n"),
        ("width and height exchanged", "pil.frombytes(\"RGB\", (width, height)", "pil.frombytes(\"RGB\", (height, width)"),
        ("different frames only", "\"order\": [[places[id(frame)] for frame in frames] for frames in media]", "\"order\": [list(places.values())]"),
        ("stored frames reversed", "[different[place] for place in order]", "[different[place] for place in order[::-1]]"),
        ("one file's content for all", "contents = [(file.suffix.lower(), _hash_file(file)) for file in own]", "contents = [(file.suffix.lower(), _hash_file(own[0])) for file in own[:1]]"),
        ("content not in the key", "_hash_file(file)) for file in own]", "file.stat().st_size) for file in own]"),
    ),
    "eval/video/loading.py": (
        ("stored frames not prepared", "prepare(frames, size, medium.name) if size else frames", "prepare(frames, size, medium.name) if size and not store else frames"),
        ("missing files are empty clips", "clip=clip, frames=None, error=error,", "clip=clip, frames=[], error=error,"),
    ),
    "eval/video/identity.py": (
        ("end of files not looked at", "for start in dict.fromkeys((0, max(0, size - _PART))):", "for start in (0,):"),
        ("names of frames not counted", "digest.update(f\"{size} {path.name}\\0\"", "digest.update(f\"{size}\\0\""),
        ("size not counted", "digest.update(f\"{size}\\0\".encode())", "pass"),
    ),
}  # fmt: skip


def edits() -> Iterator[Edit]:
    """Yield every edit."""
    areas = {
        "models": _MODELS, "conversations": CONVERSATIONS, "servers": SERVERS, "media": _MEDIA, "scoring": SCORING,
        "judging": JUDGING, "runs and settings": RUNNING,
    }  # fmt: skip
    for area, files in areas.items():
        for file, lines in files.items():
            for name, old, new, *same in lines:
                yield Edit(area=area, name=name, file=file, old=old, new=new, same="".join(same))


EDITS = tuple(edits())
