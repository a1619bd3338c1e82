"""A tiny study with a grid, for the tests of sweeps."""

from pathlib import Path

PROJECT = """
title = "Signs"
question = "How few bits can a tiny network add with?"

[task]
quantized = {quantized}
{task}

[hardware]
part = "xc7z020clg400-1"

[sweep]
bits = {bits}
sparsity = {sparsity}
"""

TASK = '''
"""Adds four numbers, badly."""
import os
import time

import numpy as np

from fpgaprune.compress import TrainingData
from fpgaprune.flow.study_task import StudyData
from fpgaprune.frameworks import load_frameworks


def load_data(settings):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 8, (240, 4)) / 8
    y = x.sum(axis=1, keepdims=True) / 4
    return StudyData(TrainingData(x[:150], y[:150], x[150:200], y[150:200]), x[200:], y[200:])


def build_model(settings):
    frameworks = load_frameworks()
    frameworks.keras.utils.set_random_seed(settings.get("seed", 0))
    layers, q = frameworks.keras.layers, frameworks.qkeras
    if not settings["quantized"]:
        return frameworks.keras.Sequential([
            layers.Input((4,), name="numbers"),
            layers.Dense(8, activation="relu", name="hidden"),
            layers.Dense(1, name="sum"),
        ])
    weights = "quantized_bits(12,1,alpha=1)"
    return frameworks.keras.Sequential([
        layers.Input((4,), name="numbers"),
        q.QActivation("quantized_relu(12,1)", name="taken"),
        q.QDense(8, kernel_quantizer=weights, bias_quantizer=weights, name="hidden"),
        q.QActivation("quantized_relu(12,2)", name="relu"),
        q.QDense(1, kernel_quantizer=weights, bias_quantizer=weights, name="sum"),
    ])


def train(model, data, settings, on_epoch):
    on_epoch(1, 1, 0.0)


scored = 0


def score(outputs, targets):
    global scored
    scored += 1
    if scored > int(os.environ.get("SWEEP_TEST_AFTER", "0")):
        time.sleep(float(os.environ.get("SWEEP_TEST_SECONDS", "0")))
    return float(np.exp(-np.mean(np.abs(outputs - targets))))
'''


def write_study(
    folder: Path,
    *,
    quantized: bool = True,
    bits: str = "[4, 6, 8]",
    sparsity: str = "[0.0, 0.5]",
    task: str = "",
    more: str = "",
) -> Path:
    """The study's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    text = PROJECT.format(quantized=str(quantized).lower(), bits=bits, sparsity=sparsity, task=task)
    (folder / "project.toml").write_text(text + more, encoding="utf-8")
    (folder / "task.py").write_text(TASK, encoding="utf-8")
    return folder
