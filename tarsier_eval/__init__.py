"""tarsier-eval from Python: `evaluate`, `score`, `compare` and `load`, which the command line calls too."""

from eval.api import compare, evaluate, load, score
from eval.core import Metric, Result
from eval.errors import TarsierEvalError
from eval.runs.scored import ScoredRun

__all__ = ["Metric", "Result", "ScoredRun", "TarsierEvalError", "compare", "evaluate", "load", "score"]
