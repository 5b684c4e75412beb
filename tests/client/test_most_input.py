"""The upper bound on a request's tokens."""

from __future__ import annotations

from eval.client.requests import PICTURE_TOKENS, Request


def request(content, **body):
    return Request(key="k", body={"messages": [{"role": "user", "content": content}], **body}, max_tokens=None)


def test_a_text_has_at_most_as_many_tokens_as_bytes():
    assert request("né").most_input == 3
    assert request("a", response_format={"x": 1}).most_input == 1 + len("{'x': 1}")


def test_a_picture_is_no_text_and_a_video_is_its_pictures():
    picture = {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,AAAA"}}
    video = {"type": "video_url", "video_url": {"url": "data:video/jpeg;base64,AAAA,BBBB,CCCC"}}
    assert request([picture, {"type": "text", "text": "ab"}]).most_input == PICTURE_TOKENS + 2
    assert request([video]).most_input == 3 * PICTURE_TOKENS
