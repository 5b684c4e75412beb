"""Hand-made observations for the tests of the gate."""

from __future__ import annotations

from eval.regression.records import Observation, Record


def sample(key="q1", benchmark="mvbench", **fields):
    """Return the record of a sample, with some of what a real one has."""
    whole = {
        "decoded": ["RGB 64x48 aa", "RGB 64x48 bb"],
        "frames": ["RGB 56x56 aa", "RGB 56x56 bb"],
        "prompt": "USER: <video> which? ASSISTANT: (",
        "ids": "1 4*168 7",
        "pixels": {"mean": [0.1, 0.2, 0.3], "sha256": "cc"},
        "logprobs": [[5, "A", -0.1], [6, "B", -2.5], [7, "C", -4.0]],
        "output": "A",
        "answer": "A",
        "values": {"accuracy": 1.0},
    }
    return Record(benchmark=benchmark, id=key, fields={**whole, **fields})


def metric(value=1.0, benchmark="mvbench"):
    """Return the record of a metric."""
    fields = {"aggregate": {"name": "accuracy", "value": value}}
    return Record(benchmark=benchmark, id="metric accuracy, strict, overall", fields=fields)


def observation(*records, checkpoint="c1", world="w1", **libraries):
    """Return an observation; two records and two libraries where none are given."""
    return Observation(
        checkpoint=checkpoint,
        world=world,
        libraries=libraries or {"av": "18.1.0", "torch": "2.13.0"},
        records=records or (sample(), metric()),
    )
