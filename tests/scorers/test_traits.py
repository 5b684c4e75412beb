"""The traits of scorers: found by name, and one maximum and unit a metric."""

from __future__ import annotations

import importlib

import pytest
from omegaconf import OmegaConf

from eval.config import PROJECT
from eval.core import MetricTraits
from eval.scorers.traits import all_traits, metric_named, traits_of


def test_every_scorer_that_conf_names_is_found_by_its_name_in_results():
    paths = (PROJECT / "conf" / "benchmark").glob("*.yaml")
    targets = {str(OmegaConf.load(path).scorer["_target_"]).rpartition(".") for path in paths}
    found = [getattr(importlib.import_module(module), name).traits for module, _, name in targets]
    assert sorted(all_traits()) == sorted(traits.name for traits in found)
    assert all(traits_of({"name": traits.name}) is traits for traits in found)


def test_metrics_of_one_name_have_one_maximum_and_one_unit():
    seen: dict[str, MetricTraits] = {}
    for traits in all_traits().values():
        for metric in traits.metrics:
            other = seen.setdefault(metric.name, metric)
            assert (other.best, other.unit) == (metric.best, metric.unit)


@pytest.mark.parametrize(
    ("name", "best", "scale"),
    [
        ("accuracy", 1.0, 100.0),
        ("accuracy_macro", 1.0, 100.0),
        ("score", 5.0, 1.0),
        ("score_micro", 5.0, 1.0),
        ("cider", 10.0, 100.0),
        ("cider_corpus", 10.0, 100.0),
        ("f1", 1.0, 100.0),
        ("of somebody else", 1.0, 1.0),
    ],
)
def test_a_metric_is_known_by_its_name_or_that_of_an_average(name, best, scale):
    metric = metric_named(name)
    assert (metric.best, metric.scale) == (best, scale)


def test_scores_differ_where_the_parts_of_a_metric_do():
    traits = all_traits()["autodq"]
    assert traits.headline.name == "f1"
    assert traits.headline.values == ("recall", "precision")
    assert all_traits()["open_qa"].headline.values == ("accuracy",)
