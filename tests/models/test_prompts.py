"""The chat form of prompts: what counts as wrapped already, and that no text takes long to tell."""

from __future__ import annotations

import random
import re
import time

import pytest

from eval.models.tarsier.processing import wrap_prompt


@pytest.mark.parametrize(
    "prompt",
    ["USER: a ASSISTANT:", "USER:ASSISTANT:", "USER: a\n\nb\nASSISTANT: c", "xUSER: USER: ASSISTANT: ASSISTANT:"],
)
def test_a_prompt_in_the_chat_form_stays(prompt):
    assert wrap_prompt(prompt) == prompt


@pytest.mark.parametrize(
    "prompt", ["", "a", "ASSISTANT: USER:", "USER: a", "ASSISTANT:", "USER ASSISTANT:", "USER:ASSISTANT"]
)
def test_any_other_is_wrapped(prompt):
    assert wrap_prompt(prompt) == f"USER: {prompt} ASSISTANT: "


def test_it_means_what_upstreams_pattern_means():
    rng = random.Random(0)
    for _ in range(2000):
        prompt = "".join(rng.choice(("USER", ":", "ASSISTANT", " ", "\n", "USER:", "ASSISTANT:")) for _ in range(6))
        wrapped = re.search(r"USER:.*ASSISTANT:", prompt, re.DOTALL)
        assert (wrap_prompt(prompt) == prompt) is (wrapped is not None)


def test_a_prompt_of_openings_takes_no_time():
    began = time.process_time()
    wrap_prompt("USER:" * 200_000)
    assert time.process_time() - began < 1
