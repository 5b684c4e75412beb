"""A run that is killed, or stopped by Ctrl-C, goes on and pays again at most for what was under way."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

from eval.__main__ import main
from eval.config import PROJECT
from tests.client.server import JudgeServer
from tests.models.served.test_runs import PRICES, predictions, result

pytestmark = pytest.mark.slow

CONCURRENCY = 4
N = 40
# What was started in the background, as CI may be, has its interrupts ignored.
RUN = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from eval.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_stopped_run_goes_on(tmp_path, how):
    (tmp_path / "prices.yaml").write_text(PRICES)
    with JudgeServer(lambda _: "A", latency_s=0.05, continues=True) as server:
        command = [
            "eval", "--bench", "mvbench", "--model", server.url, "--out", str(tmp_path / "run"), f"limit={N}",
            f"replies={tmp_path / 'r.sqlite'}", f"prices={tmp_path / 'prices.yaml'}",
            f"model.max_concurrency={CONCURRENCY}",
        ]  # fmt: skip
        with subprocess.Popen(
            [sys.executable, "-c", RUN, *command],
            cwd=PROJECT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            until = time.monotonic() + 120
            while server.answered < 20 and process.poll() is None and time.monotonic() < until:
                time.sleep(0.005)
            process.send_signal(how)
            said, _ = process.communicate(timeout=60)
        assert process.returncode == (-how if how == signal.SIGKILL else 130), said
        assert server.answered < N
        assert not (tmp_path / "run" / "result.json").exists()
        assert main(command) == 0
        # Two of the probe's requests have the same messages, with other parameters.
        assert server.stats()["paid_twice"] - 1 <= (CONCURRENCY if how == signal.SIGKILL else 0)
        n_requests = len(server.requests)
        assert main(command) == 0
        assert len(server.requests) == n_requests
    assert len(predictions(tmp_path)) == N
    assert result(tmp_path)["counts"]["model_failed"] == 0
