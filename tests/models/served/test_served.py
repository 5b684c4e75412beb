"""A model behind a server, against the stand-in: what is sent, what comes back, and what is never paid for twice."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from eval.client.store import ReplyStore
from eval.core import ClipPrompts, Turn
from eval.errors import ConfigError, ServerError
from eval.models.served.model import ServedModel
from eval.timing import Clock
from tests.client import faults
from tests.client.faults import Reply
from tests.client.server import JudgeServer

pytestmark = pytest.mark.slow

PRICES = "as_of: 2026-11-01\nmodels: {stand-in-2026-01-01: {input: 1, output: 2}}\n"
CHOICE = "USER: <video>\nQuestion: what is it?\n(A) a dog\n(B) a cat\nASSISTANT: Answer: ("
OPEN = "USER: <video> What is seen?\nASSISTANT:\nAnswer: In the video,"
PLAIN = "USER: <video>\nDescribe it. ASSISTANT: "


def frames(n, side=32, shade=0):
    return [Image.new("RGB", (side, side), (shade, 30 * i, 200)) for i in range(n)]


def clip(*prompts, n=2, shade=0, **more):
    return ClipPrompts(frames=frames(n, shade=shade), prompts=list(prompts), **more)


@pytest.fixture
def model_of(tmp_path):
    (tmp_path / "prices.yaml").write_text(PRICES)

    def made(server, **settings):
        given = {"n_frames": 2, "tries": 2, "timeout_s": 5.0, "deadline_s": 5.0}
        return ServedModel(
            url=server.url, replies=tmp_path / "r.sqlite", prices=tmp_path / "prices.yaml", **{**given, **settings}
        )

    return made


def sent(server):
    """Return the bodies of all requests but the probe's."""
    asked = [exchange.request for exchange in server.requests]
    return [one.body for one in asked if "Say in one word" not in one.text and "vermilion" not in one.text]


def says(text):
    return lambda request: text


def opened_file(file) -> Any:
    return Image.open(file)


def opened(url) -> Any:
    return Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))


def test_frames_go_as_pictures_in_the_place_of_the_video(model_of):
    with JudgeServer(says("a dog")) as server:
        [[made]] = model_of(server, picture="png").generate([clip(PLAIN, n=2)])
        [body] = sent(server)
    assert (made.output, made.error, made.n_tokens) == ("a dog", None, 2)
    assert made.prompt == PLAIN
    [message] = body["messages"]
    assert [part["type"] for part in message["content"]] == ["image_url", "image_url", "text"]
    assert message["content"][2]["text"] == "Describe it."
    for part, frame in zip(message["content"], frames(2), strict=False):
        assert part["image_url"]["url"].startswith("data:image/png;base64,")
        assert opened(part["image_url"]["url"]).tobytes() == frame.tobytes()
    assert (body["temperature"], body["max_tokens"], body["model"]) == (0.0, 512, "stand-in")


def test_jpeg_is_of_the_quality_given(model_of):
    with JudgeServer(says("x")) as server:
        for quality in (90, 30):
            model = model_of(server, quality=quality)
            model.generate([clip(PLAIN, n=2)])
            assert model.describe()["picture"] == f"jpeg, quality {quality}"
        first, second = (body["messages"][0]["content"][0]["image_url"]["url"] for body in sent(server))
    tables = [opened(url).quantization for url in (first, second)]
    file = io.BytesIO()
    frames(1)[0].save(file, "JPEG", quality=90)
    assert tables[0] == opened_file(file).quantization != tables[1]


def test_a_video_is_sent_where_the_server_takes_it_and_else_pictures(model_of):
    for takes, media, kind in (
        (True, "auto", "video_url"),
        (True, "images", "image_url"),
        (False, "auto", "image_url"),
    ):
        with JudgeServer(says("x"), video=takes) as server:
            model = model_of(server, media=media, revision=f"{takes}{media}")
            model.generate([clip(PLAIN, n=3)])
            [body] = sent(server)
        content = body["messages"][0]["content"]
        assert content[0]["type"] == kind
        assert model.describe()["media"] == ("video" if kind == "video_url" else "images")
        if kind == "video_url":
            assert len(content) == 2
            start, *pictures = content[0]["video_url"]["url"].split(",")
            assert start == "data:video/jpeg;base64"
            assert [opened(f",{one}").size for one in pictures] == [(32, 32)] * 3


def test_a_video_that_is_dropped_without_a_word_is_not_sent(model_of):
    def drops(request):
        return Reply(text="x", usage={"prompt_tokens": 20 + 16 * len([u for u in request.media if "image" in u]),
                                      "completion_tokens": 1})  # fmt: skip

    with JudgeServer(drops, video=True) as server:
        assert model_of(server).media == "images"
        with pytest.raises(ServerError, match=r"takes no video as its frames; give model\.media=images"):
            model_of(server, media="video")


@pytest.mark.parametrize(
    ("n", "most", "said"),
    [
        (2, 0, "takes no images: HTTP 400: At most 0 image"),
        (8, 5, "takes 5 images in a request, and 8 are to be shown"),
    ],
)
def test_a_server_that_takes_too_few_images_is_refused_before_work(model_of, n, most, said):
    with JudgeServer(says("x"), images=most) as server, pytest.raises(ServerError, match=said):
        model_of(server, n_frames=n)


def test_more_frames_than_were_tried_are_tried(model_of):
    with JudgeServer(says("x"), images=5) as server:
        model_of(server, n_frames=2)
        n_requests = len(server.requests)
        model_of(server, n_frames=2)
        assert len(server.requests) == n_requests  # what it takes is known
        model_of(server, n_frames=5)
        assert len(server.requests) > n_requests
        with pytest.raises(ServerError, match=r"give model\.n_frames=5"):
            model_of(server, n_frames=6)


def test_a_limit_on_images_that_was_lifted_is_found_out(model_of):
    most = [5]

    def limited(request):
        return faults.status(400) if request.n_pictures > most[0] else None

    with JudgeServer(says("x"), faults=limited) as server:
        with pytest.raises(ServerError, match=r"give model\.n_frames=5"):
            model_of(server, n_frames=6)
        model_of(server, n_frames=5)
        n_requests = len(server.requests)
        model_of(server, n_frames=4)
        assert len(server.requests) == n_requests
        most[0] = 6
        assert model_of(server, n_frames=6).media == "images"


def cut_to(most):
    """Return a model that reads the first frames of a video."""

    def reply(request):
        n_pictures = sum(min(most, url.count(",")) for url in request.media)
        return Reply(text="x", usage={"prompt_tokens": 20 + 16 * n_pictures, "completion_tokens": 1})

    return reply


def test_a_video_is_sent_only_of_as_many_frames_as_the_server_reads(model_of):
    with JudgeServer(cut_to(32), video=True) as server:
        for n, media in ((8, "video"), (64, "images"), (33, "images"), (32, "video"), (16, "video"), (48, "images")):
            assert model_of(server, n_frames=n).media == media, n
        n_requests = len(server.requests)
        assert model_of(server, n_frames=100).media == "images"
        assert len(server.requests) > n_requests  # as many images were not tried yet
        n_requests = len(server.requests)
        assert model_of(server, n_frames=100).media == "images"
        assert len(server.requests) == n_requests
        with pytest.raises(ServerError, match=r"takes no video as its frames; give model\.media=images"):
            model_of(server, n_frames=64, media="video")


def test_a_video_of_frames_taken_two_together_is_sent(model_of):
    def reply(request):
        n_pairs = sum((url.count(",") + 1) // 2 for url in request.media)
        return Reply(text="x", usage={"prompt_tokens": 20 + 4 * n_pairs, "completion_tokens": 1})

    with JudgeServer(reply, video=True) as server:
        assert [model_of(server, n_frames=n, revision=str(n)).media for n in (2, 3, 7, 8)] == ["video"] * 4


@pytest.mark.parametrize("order", [("png", "jpeg"), ("jpeg", "png")])
def test_how_frames_are_sent_does_not_depend_on_earlier_runs(model_of, order):
    with JudgeServer(says("x"), video=True) as server:
        found = {picture: model_of(server, picture=picture) for picture in order}
        assert {picture: model.media for picture, model in found.items()} == {"png": "images", "jpeg": "video"}
        assert found["jpeg"].describe()["video_times"] == "the server's own"
        assert "video_times" not in found["png"].describe()
        found["png"].generate([clip(PLAIN)])
        [body] = sent(server)
    assert body["messages"][0]["content"][0]["image_url"]["url"].startswith("data:image/png")


def test_frames_that_wait_are_bounded_in_memory(model_of):
    with JudgeServer(says("x"), continues=True) as server:
        # 512 MB hold 5 clips of 64 frames of 460,800 pixels (88.5 MB), and no clip of 400 such frames.
        for n, clips in ((2, 64), (64, 5), (400, 1)):
            assert model_of(server, n_frames=n, max_pixels=460_800).clips_at_once(1) == clips


@pytest.mark.parametrize("video", [True, False])
def test_prompts_about_a_clip_share_its_pictures(model_of, tmp_path, video):
    with JudgeServer(says("x"), video=video) as server:
        model = model_of(server)
        first, second = model._prompts(clip(PLAIN, CHOICE))
        shared = [one.messages[0]["content"][0] for one in (first, second)]
        assert shared[0] is shared[1]
        model.generate([clip(PLAIN)])
        [body] = sent(server)
        [part, *_] = body["messages"][0]["content"]
        assert set(part) == {"type", "video_url" if video else "image_url"}
        # The hash in the store, and so in the key, is that of the URL as sent.
        known = hashlib.sha256(part[part["type"]]["url"].encode()).hexdigest()
        assert known.encode() in b"".join(path.read_bytes() for path in tmp_path.glob("r.sqlite*"))


def test_a_begun_answer_is_continued_where_the_server_can(model_of):
    with JudgeServer(says("B) a cat"), continues=True) as server:
        model = model_of(server)
        [[choice, _]] = model.generate([clip(CHOICE, PLAIN)])
        bodies = {body["messages"][0]["content"][-1]["text"]: body for body in sent(server)}
    assert model.describe()["answer_prefix"] == "continued"
    assert (choice.prompt, choice.output) == (CHOICE, "B) a cat")
    begun, whole = bodies["Question: what is it?\n(A) a dog\n(B) a cat"], bodies["Describe it."]
    assert begun["messages"][-1] == {"role": "assistant", "content": "Answer: ("}
    assert (begun["continue_final_message"], begun["add_generation_prompt"]) == (True, False)
    assert len(whole["messages"]) == 1
    assert "continue_final_message" not in whole


def test_a_server_that_always_continues_needs_no_parameters(model_of):
    with JudgeServer(lambda r: "ilion" if r.begun == "verm" else "B", rejects={"continue_final_message"}) as server:
        model = model_of(server)
        model.generate([clip(CHOICE)])
        [body] = sent(server)
    assert (model.describe()["answer_prefix"], model.describe()["continues"]) == ("continued", "last_message")
    assert body["messages"][-1]["role"] == "assistant"
    assert "continue_final_message" not in body


def test_else_it_is_asked_for_in_words_and_the_run_says_so(model_of):
    with JudgeServer(says("B")) as server:
        model = model_of(server)
        [[choice, opened_]] = model.generate([clip(CHOICE, OPEN)])
        texts = sorted(body["messages"][0]["content"][-1]["text"] for body in sent(server))
        assert all(len(body["messages"]) == 1 for body in sent(server))
    assert model.describe()["answer_prefix"] == "instructed"
    assert texts == [
        "Question: what is it?\n(A) a dog\n(B) a cat\nAnswer with the letter of the option only.",
        'What is seen?\nBegin your answer with "Answer: In the video,"',
    ]
    assert choice.prompt == (
        "USER: <video>\nQuestion: what is it?\n(A) a dog\n(B) a cat\n"
        "Answer with the letter of the option only. ASSISTANT:"
    )
    assert "Begin your answer with" in opened_.prompt


def test_turns_are_sent_as_they_are(model_of):
    turns = (
        Turn(role="system", parts=(("text", "Be brief."),)),
        Turn(role="user", parts=(("text", "First "), ("image", ""), ("text", " then "), ("video", ""), ("text", "?"))),
        Turn(role="assistant", parts=(("text", "Well"),)),
        Turn(role="user", parts=(("text", "Say more."),)),
    )
    with JudgeServer(says("x")) as server:
        model_of(server).generate([clip("p", n=3, turns=[turns], counts=(1, 2))])
        [body] = sent(server)
    assert [message["role"] for message in body["messages"]] == ["system", "user", "assistant", "user"]
    assert [part["type"] for part in body["messages"][1]["content"]] == [
        "text", "image_url", "text", "image_url", "image_url", "text",
    ]  # fmt: skip
    assert (body["messages"][2]["content"], body["messages"][3]["content"]) == ("Well", "Say more.")


def test_a_server_without_system_messages_gets_the_text_before_the_users(model_of):
    turns = (
        Turn(role="system", parts=(("text", "Be brief."),)),
        Turn(role="user", parts=(("video", ""), ("text", "What?"))),
    )
    with JudgeServer(says("x"), rejects={"system", "temperature"}) as server:
        model = model_of(server)
        model.generate([clip("p", turns=[turns])])
        [body] = sent(server)
    assert body["messages"][0]["content"][0] == {"type": "text", "text": "Be brief."}
    assert [message["role"] for message in body["messages"]] == ["user"]
    assert "temperature" not in body
    assert model.describe()["decoding"] == "the server's own"


def test_a_prompt_without_a_place_for_its_clip_fails_alone(model_of):
    with JudgeServer(says("x")) as server:
        [[bad, good]] = model_of(server).generate([clip("USER: What? ASSISTANT: ", PLAIN)])
    assert bad.error is not None
    assert "places for 0 videos and images" in bad.error
    assert (good.output, good.error) == ("x", None)


def test_nothing_is_paid_for_twice(model_of, tmp_path):
    asked = [clip(PLAIN, CHOICE, shade=shade) for shade in range(5)]
    with JudgeServer(lambda r: hashlib.sha256(str(r.media).encode()).hexdigest()[:8]) as server:
        model = model_of(server)
        first = model.generate(asked)
        n_requests = len(sent(server))
        assert n_requests == 10
        assert model.generate(asked) == first
        assert model_of(server).generate(asked[::-1]) == first[::-1]
        assert len(sent(server)) == n_requests
        account = model.account()
        assert (account["calls"], account["asked"], account["stored"], account["failed"]) == (20, 10, 10, 0)
        # Other pictures are another request.
        model_of(server, quality=50).generate(asked[:1])
        assert len(sent(server)) == n_requests + 2
    assert len({one.output for one in [clip_[0] for clip_ in first]}) == 5
    store = (tmp_path / "r.sqlite").read_bytes()
    assert b"base64" not in store  # pictures are stored as hashes


def test_tokens_and_cost_of_the_account(model_of):
    def reply(request):
        return Reply(text="x", usage={"prompt_tokens": 100 + request.n_pictures, "completion_tokens": 7})

    clock = Clock()
    with JudgeServer(reply) as server:
        model = model_of(server, media="images")
        probed = model.account()
        model.generate([clip(PLAIN), clip(PLAIN, shade=9)], clock)
        bill = model.account()
    # text, two pictures, and two begun answers
    assert probed["probe"] == pytest.approx((4 * 100 + 2 + 4 * 2 * 7) / 1e6)
    assert (bill["input"], bill["output"], bill["asked"]) == (2 * 102, 14, 2)
    assert bill["cost"] == pytest.approx((204 + 2 * 14) / 1e6)
    assert clock.so_far().counts["tokens"] == 14


def test_a_cut_off_output_is_an_output_and_counted(model_of):
    clock = Clock()
    with JudgeServer(lambda r: Reply(text="A long", finish_reason="length")) as server:
        [[made]] = model_of(server).generate([clip(PLAIN)], clock)
    assert (made.output, made.error) == ("A long", None)
    assert clock.so_far().counts["cut_off"] == 1


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(text=None, refusal="I can't."), "the model refused: I can't."),
        (Reply(text="half", finish_reason="content_filter"), "a content filter withheld the reply"),
        (Reply(text=""), "the reply is empty"),
        (Reply(text=None), "the reply is empty"),
        (Reply(text=" \n"), "the reply is empty"),
    ],
)
def test_what_is_no_output_is_a_failure_with_its_reason(model_of, reply, said):
    with JudgeServer(lambda r: reply if "Describe" in r.text else "x") as server:
        [[made]] = model_of(server).generate([clip(PLAIN)])
    assert (made.output, made.error) == ("", said)


def test_thinking_is_no_output(model_of):
    texts = {"one": "<think>A dog? Yes.</think>\n\nA dog", "two": "So a cat.</think>A cat", "three": "<think>Hm"}
    with JudgeServer(lambda r: next((t for n, t in texts.items() if f"Describe {n}" in r.text), "x")) as server:
        asked = [clip(f"USER: <video>\nDescribe {name}. ASSISTANT: ") for name in texts]
        [[one], [two], [three]] = model_of(server).generate(asked)
    assert (one.output, two.output, three.output) == ("A dog", "A cat", "")
    assert "cut off before any answer" in (three.error or "")


@pytest.mark.parametrize(
    ("text", "output"),
    [("a dog<|im_end|>", "a dog"), ("a dog</s>\n", "a dog"), (" <b> a dog", " <b> a dog"), ("a < b", "a < b")],
)
def test_end_tokens_are_no_output(model_of, text, output):
    with JudgeServer(lambda r: text if "Describe" in r.text else "x") as server:
        [[made]] = model_of(server).generate([clip(PLAIN)])
    assert made.output == output


def test_a_server_that_counts_no_tokens_for_images_is_told_of(model_of, caplog):
    with JudgeServer(lambda r: Reply(text="x", usage={"prompt_tokens": 9, "completion_tokens": 1})) as server:
        model = model_of(server)
    assert model.describe()["images_counted"] is False
    assert "counts no tokens for images; it may not read them" in caplog.text


def test_a_model_that_reasons_has_room_for_it(model_of):
    def reply(request):
        if (request.body.get("max_tokens") or 0) < 8192 and "Describe" in request.text:
            return Reply(text="<think>Hm", finish_reason="length")
        return "<think>A dog.</think>A dog" if "Describe" in request.text else "x"

    with JudgeServer(reply) as server:
        [[made]] = model_of(server).generate([clip(PLAIN)])
        assert sent(server)[-1]["max_tokens"] == 512 + 8192
    assert (made.output, made.error) == ("A dog", None)


def test_replies_in_hand_are_kept_when_others_need_room_to_reason(model_of):
    def reply(request):
        if "Describe 3." in request.text and (request.body.get("max_tokens") or 0) < 8192:
            return Reply(text="<think>Hm", finish_reason="length")
        return f"<think>So.</think>{request.text[-2:]}" if "Describe 3." in request.text else request.text[-2:]

    asked = [clip(f"USER: <video>\nDescribe {i}. ASSISTANT: ") for i in range(5)]
    with JudgeServer(reply) as server:
        found = model_of(server, max_concurrency=1).generate(asked)
        n_asked = len(sent(server))
    assert [made.output for [made] in found] == [f"{i}." for i in range(5)]
    assert n_asked == 6


def test_what_is_forbidden_for_one_prompt_fails_alone(model_of):
    def forbid(request):
        return faults.no_access() if "Describe 3." in request.text else None

    asked = [clip(f"USER: <video>\nDescribe {i}. ASSISTANT: ") for i in range(20)]
    with JudgeServer(says("x"), faults=forbid) as server:
        model = model_of(server)
        errors = [made.error for [made] in model.generate(asked)]
        assert model.stopped is None
        assert [i for i, error in enumerate(errors) if error] == [3]
        assert "HTTP 403" in (errors[3] or "")
    with JudgeServer(says("x"), faults=lambda r: faults.no_access() if "Describe" in r.text else None) as server:
        model = model_of(server, revision="no key")
        model.generate(asked)
        assert "5 calls in a row had failed, the last one with: HTTP 403" in (model.stopped or "")


def test_the_cap_on_cost_holds_and_the_next_run_goes_on(model_of):
    def reply(request):
        return Reply(text="x", usage={"prompt_tokens": 1000 + request.n_pictures, "completion_tokens": 10})

    asked = [clip(PLAIN, shade=shade) for shade in range(30)]
    with JudgeServer(reply) as server:
        # A picture may cost 50,000 tokens, so that the last 0.1 dollars are not touched.
        model = model_of(server, max_cost=0.115)
        found = [made for [made] in model.generate(asked)]
        assert model.budget.spent <= 0.115
        done = [made for made in found if made.error is None]
        assert 0 < len(done) < 30
        assert all("max_cost=0.115 leaves no room" in made.error for made in found if made.error)
        again = [made for [made] in model_of(server).generate(asked)]
        assert all(made.error is None for made in again)
        assert len(sent(server)) == 30


def test_a_model_that_changes_behind_its_name_ends_the_asking(model_of):
    with JudgeServer(says("x"), served=lambda index: "old" if index < 10 else "new") as server:
        model = model_of(server, max_concurrency=1)
        found = [made for [made] in model.generate([clip(PLAIN, shade=shade) for shade in range(20)])]
        assert (model.name, model.describe()["served"]) == ("old", "old")
        assert any("answered by 'new', and this run is by 'old'" in (made.error or "") for made in found)
        assert len(sent(server)) < 20
        # The next run is by the model that is served now.
        assert model_of(server).name == "new"


def test_results_keep_their_order_and_calls_run_at_the_same_time(model_of):
    asked = [clip(*(f"USER: <video>\nNumber {i}.{j} ASSISTANT: " for j in range(3)), shade=i) for i in range(10)]
    with JudgeServer(lambda r: r.text.partition("Number ")[2] or "x", latency_s=lambda r: 0.05) as server:
        model = model_of(server)
        found = model.generate(asked)
        assert server.stats()["max_in_flight"] >= 4
    assert [[made.output for made in of_clip] for of_clip in found] == [
        [f"{i}.{j}" for j in range(3)] for i in range(10)
    ]
    assert [model.clips_at_once(n) for n in (1, 10, 1000)] == [64, 20, 1]


def test_a_named_model_and_its_identity(model_of, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-0123456789abcdef")
    with JudgeServer(says("x"), key="sk-0123456789abcdef", served="org/stand-in-2026") as server:
        model = model_of(server, provider="openai", served_model="org/stand-in", extra={"seed": 1})
        said = model.describe()
    assert model.name == "org/stand-in-2026"
    assert (said["provider"], said["requested"], said["served"]) == ("openai", "org/stand-in", "org/stand-in-2026")
    assert said["extra"] == {"seed": 1}
    assert "url" not in json.dumps(said)
    assert "sk-0123" not in json.dumps(said)


def test_wrong_settings_are_refused(model_of):
    with JudgeServer(says("x")) as server:
        with pytest.raises(ConfigError, match=r"model\.media=video sends frames as JPEG"):
            model_of(server, media="video", picture="png")
        with pytest.raises(ConfigError, match=r"model\.extra\.api_key would be written"):
            model_of(server, extra={"api_key": "x"})
        with pytest.raises(ConfigError, match=r"model\.tries=0 is out of range"):
            model_of(server, tries=0)
        with pytest.raises(ConfigError, match=r"max_cost needs a price"):
            model_of(JudgeServerNamed(server), max_cost=1.0, served_model="other", served="other")
    with pytest.raises(ServerError, match=r"The model .*cannot be asked for its models"):
        model_of(server)
    with JudgeServer(says("x"), models=["a/b", "c"]) as server:
        with pytest.raises(ServerError, match=r"has 2 models; choose one with model\.served_model=\.\.\.: a/b, c"):
            model_of(server)
        assert model_of(server, served_model="a/b").describe()["requested"] == "a/b"


PAGE = b"<!DOCTYPE html>\n<html><body>Sign in</body></html>"
LISTED = b'{"data": [{"id": "tiny"}]}'


@contextmanager
def answering(models, chat=b"", silent_s=0.0):
    """Run a server with these bodies for /models and for chats, the first of them after some seconds."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_): ...

        def do_GET(self):
            time.sleep(silent_s)
            self.send_response(200)
            self.send_header("Content-Length", str(len(models)))
            self.end_headers()
            self.wfile.write(models)

        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", str(len(chat)))
            self.end_headers()
            self.wfile.write(chat)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield SimpleNamespace(url=f"http://127.0.0.1:{server.server_port}/v1")
        server.shutdown()


@pytest.mark.parametrize(
    ("models", "said"),
    [
        (PAGE, "it answers with a web page; check the URL, which often ends in /v1, and whether a proxy or a login"),
        (b'{"data": [{"id": null}]}', r"its list of models has one without a name \(id\); update the server, or name "),
        (b'{"data": [{"id": "a"}, {"id": " "}]}', "its list of models has one without a name"),
        (b'{"data": 7}', "it answers with no list of models: '{\"data\": 7}'"),
    ],
)
def test_a_list_of_models_that_is_none(model_of, models, said):
    with (
        answering(models) as server,
        pytest.raises(ServerError, match=rf"^The model at {server.url} cannot be asked for its models: {said}"),
    ):
        model_of(server)


def test_a_web_page_in_place_of_a_chat(model_of):
    with answering(LISTED, PAGE) as server, pytest.raises(ServerError) as caught:
        model_of(server, tries=1)
    assert "'tiny' does not answer: the reply is not JSON but a web page; check the URL, which" in str(caught.value)
    assert "<" not in str(caught.value)


@pytest.mark.parametrize(("after_s", "is_said"), [(0.05, True), (60.0, False)])
def test_a_silent_server_is_named(model_of, monkeypatch, caplog, after_s, is_said):
    monkeypatch.setattr("eval.client.server.SILENT_S", after_s)
    with answering(b'{"data": []}', silent_s=0.5) as server, pytest.raises(ServerError, match="has 0 models"):
        model_of(server)
    said = f"The model at {server.url} has not answered within 0.05 s; each try may take 5 s (model.timeout_s)."
    assert (said in caplog.messages) == is_said


class JudgeServerNamed:
    """A server by its address alone."""

    def __init__(self, server):
        self.url = server.url


def test_a_key_in_a_reply_is_not_stored(model_of, tmp_path, monkeypatch):
    key = "sk-live-0123456789abcdef"
    monkeypatch.setenv("MODEL_KEY", key)
    with JudgeServer(lambda r: f"the key is {key}" if "Describe" in r.text else "x", key=key) as server:
        [[made]] = model_of(server, key_env="MODEL_KEY").generate([clip(PLAIN)])
    assert made.output == "the key is [key]"
    assert ReplyStore(tmp_path / "r.sqlite", "replies").judges()
    assert key.encode() not in (tmp_path / "r.sqlite").read_bytes()


def test_a_fault_of_the_server_before_work_is_one_line(model_of):
    with (
        JudgeServer(says("x"), faults=lambda _: faults.wrong_key()) as server,
        pytest.raises(ServerError, match="The model 'stand-in' does not answer: HTTP 401"),
    ):
        model_of(server)


def test_frames_are_chosen_as_by_other_models_of_other_makers(model_of):
    with JudgeServer(says("x")) as server:
        assert model_of(server).frames.rule == "tarsier2"
        assert model_of(server, frame_rule="tarsier").frames.rule == "tarsier"
