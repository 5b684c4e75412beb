"""TVBench: 10 tasks that one frame or the text alone cannot solve, 2,525 multiple-choice questions (arXiv 2410.07752).

Data: huggingface.co/datasets/FunAILab/TVBench, `json/<task>.json` beside `video/<task>/`; or upstream's TVBench.jsonl
(branch tarsier2, messages form).
One row: {"video": "K3Q.mp4", "question": "What did the person do first?", "candidates": ["Sat.", "Left."],
"answer": "Left.", "start": 4.0, "end": 9.5}

Quirks:
- Action Sequence and Action Localization ask about a span; upstream's rows hold none and show the whole video.
- Upstream counts the questions through all tasks, in an order of its own, which the yaml keeps.
- Action Antonym shows videos of NTU RGB+D, which must be requested from its owners: mind the coverage.
- Micro average over samples.
"""

from __future__ import annotations

from eval.readers.subtasks import SubtaskBenchmark


class TVBench(SubtaskBenchmark):
    """All that is particular to it is in its yaml: tasks, folders, spans."""
