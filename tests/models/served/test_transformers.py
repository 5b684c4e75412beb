"""A real server, `transformers serve`, gives the outputs that the same model gives in this process.

Skipped where its packages (`pip install "transformers[serving]"`) are absent.
"""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from PIL import Image

from eval.__main__ import main
from eval.core import ClipPrompts
from eval.models.served.model import ServedModel
from tests.models.served import tiny
from tests.models.served.test_runs import predictions, result

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        any(importlib.util.find_spec(name) is None for name in ("fastapi", "uvicorn")),
        reason="the packages of transformers serve are not installed",
    ),
]
N_TOKENS = 16


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served") / "tiny-vl"
    tiny.save(folder)
    return folder


@pytest.fixture(scope="module")
def url(folder):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = Path(sys.executable).with_name("transformers")
    command = [program, "serve", folder.name, "--host", "127.0.0.1", "--port", str(port)]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        [*command, "--device", "cpu", "--dtype", "float32"],
        cwd=folder.parent, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as server:  # fmt: skip
        try:
            until = time.monotonic() + 120
            while True:
                assert server.poll() is None, "the server ended"
                assert time.monotonic() < until, "the server did not answer"
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).close()
                    break
                except (urllib.error.URLError, OSError):
                    time.sleep(0.2)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            server.terminate()


def test_outputs_are_those_of_the_same_model_in_this_process(url, folder, tmp_path):
    import torch
    from transformers import AutoProcessor, LlavaForConditionalGeneration

    (tmp_path / "prices.yaml").write_text("as_of: 2026-11-01\nmodels: {}\n")
    served = ServedModel(
        url=url, served_model=folder.name, n_frames=4, max_new_tokens=N_TOKENS, picture="png",
        replies=tmp_path / "r.sqlite", prices=tmp_path / "prices.yaml",
    )  # fmt: skip
    assert served.describe()["images_counted"] is True
    asked = [
        ClipPrompts(
            frames=[Image.new("RGB", (40, 30), (20 * shade, 60 * i, 255 - 40 * i)) for i in range(4)],
            prompts=[f"USER: <video>\nDescribe {shade}. ASSISTANT: ", f"USER: <video>\nName {shade}. ASSISTANT: "],
        )
        for shade in range(5)
    ]
    found = served.generate(asked)

    processor = AutoProcessor.from_pretrained(folder)
    model = LlavaForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()
    for clip, made in zip(asked, found, strict=True):
        for prompt, one in zip(clip.prompts, made, strict=True):
            text = prompt.removeprefix("USER: <video>\n").removesuffix(" ASSISTANT: ")
            content = [{"type": "image"}] * 4 + [{"type": "text", "text": text}]
            written = processor.apply_chat_template(
                [{"role": "user", "content": content}], add_generation_prompt=True, tokenize=False
            )
            inputs = processor(images=list(clip.frames), text=written, return_tensors="pt")
            with torch.inference_mode():
                ids = model.generate(**inputs, max_new_tokens=N_TOKENS, do_sample=False)[0]
            expected = processor.tokenizer.decode(ids[inputs["input_ids"].shape[1] :], skip_special_tokens=True)
            assert one.output == expected
    assert len({one.output for made in found for one in made}) == 10


def test_a_run_on_the_built_in_world(url, folder, tmp_path):
    code = main(
        ["eval", "--bench", "mvbench", "--model", url, "--out", str(tmp_path / "run"), "limit=3",
         f"model.served_model={folder.name}", f"model.max_new_tokens={N_TOKENS}", f"replies={tmp_path / 'r.sqlite'}"]
    )  # fmt: skip
    assert code == 0
    assert all(line["error"] is None for line in predictions(tmp_path))
    described = result(tmp_path)["provenance"]["model"]
    assert (described["media"], described["answer_prefix"]) == ("images", "instructed")
