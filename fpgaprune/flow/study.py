"""Run a study: train, prune, generate, verify, audit, estimate, compare and synthesize each of its variants.

Everything finished is kept in the output folder under a digest of what it was made from, so that an interrupted study
goes on where it stopped, and one whose settings changed starts over with what the change touches.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import rmtree
from typing import Any, Protocol

import numpy as np

from fpgaprune.compress import Progress, prune
from fpgaprune.config.recipe import parse_strategy
from fpgaprune.config.study import Hardware, Study, Variant, load_study
from fpgaprune.csim import build_simulation_with
from fpgaprune.device import find_device
from fpgaprune.errors import ConfigError, FpgapruneError, unknown_choice
from fpgaprune.flow.audit import audit
from fpgaprune.flow.estimation import compare_project, estimate_for
from fpgaprune.flow.generate import generate_loaded
from fpgaprune.flow.study_model import called, digest_of, digest_of_task, save_model, trained_model
from fpgaprune.flow.study_synthesis import synthesized_layers
from fpgaprune.flow.study_task import StudyData, Task, load_task
from fpgaprune.flow.verify import verify
from fpgaprune.frameworks import quiet
from fpgaprune.generate.settings import GenerateSettings
from fpgaprune.read.model import load_model
from fpgaprune.read.project import read_project
from fpgaprune.results import StudyResult, VariantResult

GENERATE_SAMPLES = 1000  # training samples that place the types
ROW = "result.json"
PROJECT = "project"


class Watcher(Protocol):
    """Whoever shows how a study goes on."""

    def stage(self, variant: str, stage: str) -> None:
        """A new stage of a variant begins."""

    def epoch(self, done: int, total: int, state: str) -> None:
        """An epoch of the stage is over."""

    def finished(self, row: VariantResult) -> None:
        """A variant is through."""


def run_study(place: Path, output: Path, watcher: Watcher, *, only: str | None = None) -> StudyResult:
    """Run all variants of the study `place`, a folder or a TOML file in one, or the one called `only`.

    Everything is kept in `output`. A variant that fails is recorded with its error, and the others still run. Raises
    ConfigError for a study that cannot be read or whose task fails before the first variant.
    """
    study = load_study(place)
    if not study.variants:
        message = f"{place} has no [[variant]] to run; its [sweep] is for fpgaprune sweep"
        raise ConfigError(message)
    variants = [variant for variant in study.variants if only is None or only in (variant.name, variant.slug)]
    if not variants:
        raise ConfigError(unknown_choice("variant", str(only), [variant.name for variant in study.variants]))
    for variant in variants:
        find_device(variant.hardware.part)
    run = _Run(study, load_task(study.folder), output, watcher)
    output.mkdir(parents=True, exist_ok=True)
    rows = tuple(run.variant(variant) for variant in variants)
    return StudyResult(study.title, study.question, variants[0].hardware.part, rows)


@dataclass(frozen=True, eq=False)
class _Run:
    study: Study
    task: Task
    output: Path
    watcher: Watcher

    def variant(self, variant: Variant) -> VariantResult:
        """The row of a variant: the one kept from an earlier run of the same settings, or a new one."""
        folder = self.output / variant.slug
        digest = digest_of(
            digest_of_task(self.study.folder, variant.task),
            variant.pruning and variant.pruning.record(),
            variant.hardware,
        )
        row = _kept(folder / ROW, digest)
        if row is None:
            folder.mkdir(parents=True, exist_ok=True)
            started = time.perf_counter()
            try:
                row = self._made(variant, folder)
            except FpgapruneError as error:
                row = VariantResult(variant.name, variant.slug, variant.pruning is not None, error=str(error))
            row = replace(row, seconds=round(time.perf_counter() - started, 1))
            if row.error is None:
                _keep(folder / ROW, digest, row.json())
        self.watcher.finished(row)
        return row

    def _made(self, variant: Variant, folder: Path) -> VariantResult:
        data: StudyData = called(self.task.load_data, variant.task)
        model = self._trained(variant, data)
        if variant.pruning is not None:
            model = self._pruned(variant, model, data, folder)
        return self._in_hardware(variant, model, data, folder)

    def _trained(self, variant: Variant, data: StudyData) -> Path:
        """The trained model's file; variants with the same task settings share it."""
        return trained_model(
            self.study.folder,
            self.task,
            variant.task,
            self.output,
            data=lambda: data,
            begin=lambda: self.watcher.stage(variant.name, "train"),
            on_epoch=lambda done, total, metric: self.watcher.epoch(done, total, f"validation {metric:.3f}"),
        )

    def _pruned(self, variant: Variant, trained: Path, data: StudyData, folder: Path) -> Path:
        path, record = folder / "model.h5", folder / "pruning.json"
        if variant.pruning is None:
            return trained
        digest = digest_of(digest_of_task(self.study.folder, variant.task), variant.pruning.record())
        if path.is_file() and _stored(record).get("digest") == digest:
            return path
        self.watcher.stage(variant.name, "prune")

        def on_progress(now: Progress) -> None:
            state = f"{100 * now.sparsity:.0f} % zeros, {now.metric_name} {now.metric:.3f}"
            self.watcher.epoch(now.epoch, now.epochs, state)

        with quiet("pruning"):
            result = prune(load_model(trained).model, variant.pruning, data.training, on_progress=on_progress)
        record.unlink(missing_ok=True)
        save_model(result.model, path)
        _write(record, {"digest": digest, **result.record})
        return path

    def _in_hardware(self, variant: Variant, path: Path, data: StudyData, folder: Path) -> VariantResult:
        project, loaded = folder / PROJECT, load_model(path)
        self.watcher.stage(variant.name, "generate")
        if project.exists():
            rmtree(project)
        settings = settings_of(variant.hardware)
        generate_loaded(loaded, project, settings, inputs=[data.some_inputs()[:GENERATE_SAMPLES]], run_verify=False)
        self.watcher.stage(variant.name, "verify by C simulation")
        tests = folder / "test_inputs.npz"
        np.savez_compressed(tests, x=data.test_x)
        verification = verify(project, model=loaded.model, data=tests)
        simulated = build_simulation_with(project).run(np.asarray(data.test_x, dtype=np.float64))[0]
        with quiet("prediction"):
            outputs = loaded.model.predict(data.test_x, verbose=0)
        self.watcher.stage(variant.name, "audit, estimate, compare")
        found = self._judged(variant, project)
        self.watcher.stage(variant.name, "synthesize openly")
        layers, reason = synthesized_layers(project, variant.hardware.tool)
        return replace(
            found,
            synthesized=layers,
            synthesis_reason=reason,
            accuracy=called(self.task.score, outputs, data.test_y),
            simulated_accuracy=called(self.task.score, simulated.reshape(outputs.shape), data.test_y),
            verified=verification.agrees,
            verification=verification.reason,
        )

    def _judged(self, variant: Variant, project: Path) -> VariantResult:
        design = read_project(project)
        estimate = estimate_for(design, tool=variant.hardware.tool)
        comparison = compare_project(project, tool=variant.hardware.tool)
        weights = [layer.weight.precision for layer in design if layer.weight is not None]
        return VariantResult(
            name=variant.name,
            slug=variant.slug,
            pruned=variant.pruning is not None,
            bits=str(max(weights, key=lambda precision: precision.width)) if weights else None,
            weights=sum(layer.weights for layer in estimate.layers),
            zeros=sum(layer.zeros for layer in estimate.layers),
            products=sum(layer.products or 0 for layer in estimate.layers),
            dsp_low=estimate.dsp.low,
            dsp_high=estimate.dsp.high,
            first_order_dsp=estimate.first_order_dsp,
            available_dsp=estimate.available_dsp,
            audited=audit(project).agrees,
            comparison=comparison.verdict.value,
            comparison_reason="; ".join(comparison.reasons) or None,
        )


def settings_of(hardware: Hardware) -> GenerateSettings:
    """What a study's [hardware] asks of a generated project."""
    return GenerateSettings(
        backend=hardware.backend,
        part=hardware.part,
        clock_ns=hardware.clock_ns,
        io_type=hardware.io_type,
        strategy=parse_strategy(hardware.strategy) or GenerateSettings().strategy,
        reuse_factor=hardware.reuse_factor,
    )


def _kept(path: Path, digest: str) -> VariantResult | None:
    stored = _stored(path)
    if stored.get("digest") != digest or not (path.parent / PROJECT).is_dir():
        return None
    try:
        return VariantResult.from_json(stored["result"])
    except (TypeError, KeyError, AttributeError):  # written by another version: made again
        return None


def _keep(path: Path, digest: str, row: Mapping[str, Any]) -> None:
    _write(path, {"digest": digest, "result": dict(row)})


def _stored(path: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(path: Path, content: Mapping[str, Any]) -> None:
    beside = path.with_suffix(".partial")
    beside.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    beside.replace(path)


def write_results(output: Path, texts: Mapping[str, str]) -> Sequence[Path]:
    """Write each text under its file name into `output`; the paths written."""
    paths = [output / name for name in texts]
    for path in paths:
        path.write_text(texts[path.name], encoding="utf-8")
    return paths
