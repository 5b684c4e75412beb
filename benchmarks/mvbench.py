"""MVBench: 20 subtasks of temporal understanding, 200 multiple-choice questions each (arXiv 2311.17005).

Data: huggingface.co/datasets/OpenGVLab/MVBench, `json/<subtask>.json` beside `video/`; or upstream's MVBench.jsonl.
One row: {"video": "K3Q.mp4", "question": "What did the person do next?", "candidates": ["Sat down.", "Left."],
"answer": "Left.", "start": 4.0, "end": 9.5}

Quirks:
- Five subtasks ask about a span. Episodic Reasoning shows folders of frames at 3 a second; upstream lists the files.
- Questions and videos were replaced in 2024-06 and some came nested in `data0613/`: pin the revision.
- Fine-grained Pose (NTU RGB+D) must be requested from its owners and is often missing: mind the coverage.
- CLEVRER and Perception Test both number their videos, so a name is looked up under its own subtask only.
- Upstream's branch tarsier averages over subtasks, tarsier2 over samples.
"""

from __future__ import annotations

from eval.readers.subtasks import SubtaskBenchmark


class MVBench(SubtaskBenchmark):
    """All that is particular to it is in its yaml: subtasks, folders, spans."""
