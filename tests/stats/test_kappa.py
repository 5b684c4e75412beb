"""Kappa against hand calculation, and against scikit-learn 1.9.1 and statsmodels 0.15.0."""

from __future__ import annotations

import numpy as np
import pytest

from eval.stats import cohens_kappa, kappa_of
from eval.stats.kappa import kappas_of


def test_kappa_by_hand():
    # 6 of 10 agree; by chance 0.5 * 0.7 + 0.5 * 0.3 = 0.5 would: (0.6 - 0.5) / (1 - 0.5).
    assert cohens_kappa(["yes"] * 5 + ["no"] * 5, ["yes"] * 4 + ["no"] + ["yes"] * 3 + ["no"] * 2) == pytest.approx(0.2)
    assert cohens_kappa(["yes", "no"], ["yes", "no"]) == 1
    assert cohens_kappa(["yes", "no"], ["no", "yes"]) == -1
    assert cohens_kappa(["yes", "yes", "no", "no"], ["yes", "no", "yes", "no"]) == 0


def test_kappa_as_scikit_learn_has_it():
    first, second = list("eeeennncccen"), list("eenencncceen")
    assert cohens_kappa(first, second) == pytest.approx(0.6170212765957447)
    # statsmodels.stats.inter_rater.cohens_kappa
    assert kappa_of([[88, 14, 18], [10, 40, 10], [2, 6, 12]]) == pytest.approx(0.49152542372881347)


def test_kappa_is_undefined_where_a_grader_gives_one_label():
    assert cohens_kappa([], []) is None
    assert cohens_kappa(["yes"] * 3, ["yes"] * 3) is None
    # With one label of one grader it would be 0 whatever the other says.
    assert cohens_kappa(["yes"] * 3, ["yes", "no", "no"]) is None
    assert cohens_kappa(["yes", "no", "no"], ["no"] * 3) is None
    assert cohens_kappa(["yes", "no", "no"], ["no", "yes", "no"]) == pytest.approx(-0.5)
    with pytest.raises(ValueError, match="1 labels of one grader, 0 of the other"):
        cohens_kappa(["yes"], [])


def test_many_tables_at_once():
    found = kappas_of([[[88, 14, 18], [10, 40, 10], [2, 6, 12]], [[5, 0, 0], [0, 0, 0], [0, 0, 0]]])
    assert found[0] == pytest.approx(0.49152542372881347)
    assert np.isnan(found[1])
