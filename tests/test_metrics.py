"""Scores by name: against their definitions sample by sample, and what they refuse."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fpgaprune.compress.metrics import parse_metric
from fpgaprune.errors import ConfigError


def two_classes(seed: int, ties: bool) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = np.array([0, 1, *rng.integers(0, 2, 60)])
    logits = rng.normal(size=62) + y
    return (np.round(logits) if ties else logits)[:, np.newaxis], y


@given(st.integers(0, 99), st.booleans())
def test_the_area_is_the_chance_that_signal_is_rated_above_background(seed: int, ties: bool) -> None:
    logits, y = two_classes(seed, ties)
    pairs = logits[y == 1, 0][:, np.newaxis] - logits[y == 0, 0]
    wanted = float(np.mean((pairs > 0) + (pairs == 0) / 2))
    assert parse_metric("auc")([logits], [y]) == pytest.approx(wanted)
    columns = np.hstack([-logits, logits])
    assert parse_metric("auc")([columns], [np.eye(2)[y]]) == pytest.approx(wanted)


@given(st.integers(0, 99), st.booleans(), st.floats(0.01, 0.9))
def test_efficiency_keeps_to_the_background_rate(seed: int, ties: bool, rate: float) -> None:
    logits, y = two_classes(seed, ties)
    found = parse_metric(f"efficiency@{rate}")([logits], [y])
    signal, background = logits[y == 1, 0], logits[y == 0, 0]
    possible = [
        float(np.mean(signal > cut)) for cut in (*background, -99.0) if np.mean(background > cut) <= rate
    ]  # every threshold that lets few enough of the background pass
    assert found == max(possible)


def test_classes_are_taken_one_against_the_others() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 90)
    outputs = np.eye(3)[y] + rng.normal(size=(90, 3))
    raised = np.exp(outputs)
    chances = raised / raised.sum(axis=1, keepdims=True)
    for name in ("auc", "accuracy", "efficiency@0.1:1"):
        assert parse_metric(name)([outputs], [y]) == parse_metric(name)([chances], [np.eye(3)[y]])
    alone = np.stack([1 - chances[:, 1], chances[:, 1]], axis=1)
    assert parse_metric("efficiency@0.1:1")([chances], [y]) == parse_metric("efficiency@0.1")([alone], [y == 1])
    assert parse_metric("efficiency@0.1:1").name == "efficiency@0.1:1"


def test_a_probability_is_split_in_the_middle_and_a_logit_at_zero() -> None:
    y = np.array([0, 1, 1, 0])
    probabilities = np.array([[0.1], [0.6], [0.4], [0.2]])
    assert parse_metric("accuracy")([probabilities], [y]) == 0.75
    assert parse_metric("accuracy")([10 * (probabilities - 0.5)], [y]) == 0.75


def test_regression() -> None:
    y = np.arange(10.0)
    assert parse_metric("r2")([y[:, np.newaxis]], [y]) == 1
    assert parse_metric("r2")([np.full((10, 1), 4.5)], [y]) == 0


@pytest.mark.parametrize(
    ("name", "outputs", "targets", "words"),
    [
        ("roc", np.ones((2, 2)), np.ones(2), "unknown score 'roc'; there are accuracy, auc, efficiency"),
        ("efficiency@2", np.ones((2, 2)), np.ones(2), "between 0 and 1"),
        ("efficiency@1e", np.ones((2, 2)), np.ones(2), "between 0 and 1"),
        ("efficiency@0.1:7", np.ones((2, 3)), np.ones(2), "no class 7"),
        ("efficiency@0.1", np.ones((2, 2)), np.ones(2), "only one"),
        ("auc", np.ones((2, 2)), np.ones(2), "only one"),
        ("auc", np.ones((2, 2)), np.array([0, 4]), "classes from 0 to 1"),
        ("auc", np.ones((2, 2)), np.array([0, 0.5]), "classes from 0 to 1"),
        ("accuracy", np.ones((2, 3, 2)), np.ones((2, 3)), "one answer per sample"),
        ("r2", np.ones((2, 1)), np.ones(2), "targets that differ"),
        ("r2", np.full((2, 1), np.nan), np.arange(2), "no number to compare"),
    ],
)
def test_what_makes_no_score_is_refused(name: str, outputs: np.ndarray, targets: np.ndarray, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        parse_metric(name)([outputs], [targets])


def test_several_outputs_have_no_one_score() -> None:
    with pytest.raises(ConfigError, match="the model has 2"):
        parse_metric("auc")([np.ones((2, 2))] * 2, [np.ones(2)] * 2)
