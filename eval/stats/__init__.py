"""Statistics: clustered errors and intervals, the cluster bootstrap, paired tests, agreement of graders.

Questions about one video are not independent, so a sample of questions tells less than its size suggests: the sampled
units are videos, and intervals come from the differences between videos. All intervals are of 95%.
"""

from eval.stats.clusters import Estimate, clustered_mean, estimate
from eval.stats.kappa import cohens_kappa, kappa_of
from eval.stats.ranks import rank_correlation
from eval.stats.resampling import Bootstrap, cluster_bootstrap

__all__ = [
    "Bootstrap",
    "Estimate",
    "cluster_bootstrap",
    "clustered_mean",
    "cohens_kappa",
    "estimate",
    "kappa_of",
    "rank_correlation",
]
