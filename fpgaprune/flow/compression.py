"""What every compression from file to file does: read, judge before, write, read again, judge after, record."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from fpgaprune.compress import Progress, PruneResult, PruningDivergedError, TrainingData
from fpgaprune.compress.copying import predict
from fpgaprune.compress.data import Arrays, as_tuple
from fpgaprune.compress.distillation import Distillation, distilled, shaped_for
from fpgaprune.compress.kernels import find_kernels
from fpgaprune.compress.masks import quantized_sparsity
from fpgaprune.compress.metrics import Metric
from fpgaprune.compress.scores import Score, fitting_targets, loss_function, resolve_loss
from fpgaprune.errors import ConfigError, FpgapruneError
from fpgaprune.estimate import estimate_design
from fpgaprune.flow.dataset import Dataset, check_targets, likely_loss, read_dataset
from fpgaprune.flow.estimation import choose_rules, default_tool
from fpgaprune.frameworks import quiet
from fpgaprune.generate.inputs import InputSet
from fpgaprune.generate.project import convert_network
from fpgaprune.generate.settings import GenerateSettings
from fpgaprune.read.model import load_model
from fpgaprune.results import Estimate

SUFFIXES = (".h5", ".keras")
VALIDATION = 0.2  # of the samples that are not the test part choose between epochs
_LOOK_S = 5.0  # at most every so often the DSPs are counted while training runs
_LOOK_SHARE = 10  # times as long as a count takes, training goes on before the next


@dataclass(frozen=True)
class Epoch:
    """One epoch of a training run as shown: `dsp` is None between two counts."""

    phase: str
    epoch: int
    epochs: int
    metric_name: str
    metric: float
    sparsity: float
    dsp: int | None


OnEpoch = Callable[[Epoch], None]


@dataclass(frozen=True, eq=False)
class Compressed:
    """What was written and found; scores are on the test part of the data where it has one."""

    output: Path
    record_path: Path
    before: Estimate
    after: Estimate
    record: Mapping[str, Any]


@dataclass(frozen=True)
class Teacher:
    """A model file to learn from, and how."""

    path: Path
    config: Distillation
    weights: Path | None = None


class Compression:
    """A model file and its data, read and judged; `write` puts the compressed model and the record beside it.

    DSPs and LUTs are those of the project `generate` would write with `settings`, types placed by the data.
    Raises ConfigError for files that do not fit, ModelError for a model that cannot be read.
    """

    def __init__(
        self,
        path: Path,
        output: Path,
        data: Path,
        settings: GenerateSettings | None = None,
        *,
        weights: Path | None = None,
        loss: str | None = None,
        score: str | None = None,
    ) -> None:
        check_model_output(output, path)
        self.settings = settings or GenerateSettings()
        _refuse_limits(self.settings)
        loaded = load_model(path, weights)
        self.model, self._notes = loaded.model, loaded.notes
        self.dataset = read_dataset(data, self.model, score)
        self.inputs = InputSet(as_tuple(self.dataset.x), data.name, real=True)
        self.loss = loss or likely_loss(self.model, self.dataset.y)
        loss_function(self.loss)
        check_targets(self.model, self.dataset, self.loss)
        self._path, self._output = path, output
        self._taught: dict[str, Any] = {}
        self._stopped: str | None = None
        check_writable(output)
        self._before = self.estimate(self.model)
        self.score = score_model(self.model, self.dataset, self.loss)
        self._kernels = _kernels_json(self.model)
        self._right = accuracies(self.model, self.dataset, self.loss)

    def training(self, seed: int, teacher: Teacher | None = None) -> TrainingData:
        """What to train on: all but the test part, with a teacher's answers where there is one."""
        data = self.dataset.training(VALIDATION, seed)
        if teacher is None:
            return data
        model = load_model(teacher.path, teacher.weights).model
        data = distilled(data, model, teacher.config)
        x, y = self.dataset.judged_by
        score = score_on(model, shaped_for(model, x), y, self.loss, self.dataset.metric)
        self._taught = {
            "teacher": {"model": teacher.path.name, **score.json()},
            "distillation": teacher.config.record(),
        }
        return data

    def stopped(self, message: str | None) -> None:
        """Training came to an early end: `write` keeps what there is, and says so by an error. None: it did not."""
        self._stopped = message

    def estimate(self, model: Any) -> Estimate:
        """DSPs and LUTs of a model as it would be generated."""
        return estimate_model(model, self.settings, self.inputs)

    def write(self, model: Any, record: Mapping[str, Any], seconds: float) -> Compressed:
        """Save the model and `<name>.pruning.json`; what is told of the model is told of the file read again.

        Raises PruningDivergedError, with all of it written, where training was `stopped`.
        """
        save_model(model, self._output)
        again = load_model(self._output).model
        after = self.estimate(again)
        found = _kernels_json(again)
        told = {
            "stopped": self._stopped,
            **record,
            **self._taught,
            "model": self._path.name,
            "notes": list(self._notes),
            "output": self._output.name,
            "seconds": round(seconds, 3),
            "loss": self.loss,
            "score": {
                "before": self.score.json(),
                "after": score_model(again, self.dataset, self.loss).json(),
                "test": self.dataset.test_x is not None,
                "outputs": {"before": self._right, "after": accuracies(again, self.dataset, self.loss)},
            },
            "estimate": {"before": totals(self._before), "after": totals(after)},
            **{key: {"before": self._kernels[key], "after": found[key]} for key in found},
        }
        path = self._output.with_name(f"{self._output.stem}.pruning.json")
        beside = path.with_name(f".{path.name}")
        beside.write_text(json.dumps(told, indent=2, allow_nan=False) + "\n", encoding="utf-8")
        beside.replace(path)
        if self._stopped is not None:
            message = f"{self._stopped}. They are in {self._output}"
            raise PruningDivergedError(message, PruneResult(again, told))
        return Compressed(self._output, path, self._before, after, told)


def _kernels_json(model: Any) -> dict[str, Any]:
    """Fraction of zeros among the quantized weights of a model, and how many weights there are; biases left out."""
    kernels = find_kernels(model)
    return {"sparsity": quantized_sparsity(kernels), "weights": sum(kernel.size for kernel in kernels)}


class Watch:
    """Passes epochs on, with a count of DSPs now and then: it takes as long as several epochs of a small network."""

    def __init__(self, session: Compression, on_epoch: OnEpoch | None) -> None:
        self._session, self._on_epoch = session, on_epoch
        self._next = 0.0

    def seen(self, progress: Progress) -> None:
        """An epoch is over."""
        if self._on_epoch is None:
            return
        dsp = None
        began = time.monotonic()
        if progress.epoch == progress.epochs or began >= self._next:
            dsp = self._dsp(progress.model)
            now = time.monotonic()
            self._next = now + max(_LOOK_S, _LOOK_SHARE * (now - began))
        told = (progress.phase, progress.epoch, progress.epochs, progress.metric_name, progress.metric)
        self._on_epoch(Epoch(*told, progress.sparsity, dsp))

    def _dsp(self, model: Any) -> int | None:
        try:
            return self._session.estimate(model).dsp.high
        except FpgapruneError:  # a network in training may leave the ranges that can be converted for a moment
            return None


def check_model_output(output: Path, source: Path | None = None) -> None:
    """Raise ConfigError unless `output` can become a model file, and is not the `source` it is made from."""
    if output.suffix not in SUFFIXES:
        message = f"the output {output} must end in .h5 or .keras"
        raise ConfigError(message)
    if output.is_dir():
        message = f"the output {output} is a folder: name a file"
        raise ConfigError(message)
    if source is not None and output.exists() and source.exists() and output.samefile(source):
        message = f"the output {output} is the model itself, which would be lost: name another file"
        raise ConfigError(message)


def check_writable(output: Path) -> None:
    """Make the folder of `output` and write into it, before anything takes long; raises ConfigError."""
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=output.parent):
            return
    except OSError as error:
        message = f"the output {output} cannot be written: {error.strerror or error}"
        raise ConfigError(message) from error


def _refuse_limits(settings: GenerateSettings) -> None:
    """Limits in the settings are for a choice of strategies, which counting costs does not make."""
    limits = settings.limits
    named = {"max_dsp": limits.dsp, "max_lut": limits.lut, "max_latency": limits.latency_cycles, "max_ii": limits.ii}
    asked = [f"{name} ({value})" for name, value in named.items() if value is not None]
    if asked:
        message = (
            f"the recipe has {' and '.join(asked)}, for which generate chooses strategies; this method does not. Leave "
            "limits out of the recipe, and give --max-dsp and --max-lut where the method has them"
        )
        raise ConfigError(message)


def save_model(model: Any, output: Path) -> None:
    """Write an ordinary Keras model file, complete or not at all."""
    output.parent.mkdir(parents=True, exist_ok=True)
    beside = output.with_name(f".{output.stem}.unfinished{output.suffix}")
    try:
        with quiet("save"):
            model.save(beside)
        beside.replace(output)
    finally:
        beside.unlink(missing_ok=True)


def score_model(model: Any, dataset: Dataset, loss: str) -> Score:
    """The model's score on the test part of the data, or on all of it where there is none."""
    return score_on(model, *dataset.judged_by, loss, dataset.metric)


def accuracies(model: Any, dataset: Dataset, loss: str) -> dict[str, float]:
    """The accuracy at each output of a classifier of several, by its name; nothing for other models."""
    x, y = dataset.judged_by
    if len(model.outputs) == 1:
        return {}
    outputs = predict(model, x)
    found = resolve_loss(loss, outputs).accuracies(outputs, fitting_targets(outputs, y))
    return dict(zip(model.output_names, found, strict=True)) if found else {}


def score_on(model: Any, x: Arrays, y: Arrays, loss: str, metric: Metric | None) -> Score:
    """The model's score on samples."""
    outputs = predict(model, x)
    return resolve_loss(loss, outputs, metric).judge(outputs, fitting_targets(outputs, y))


def estimate_model(model: Any, settings: GenerateSettings, inputs: InputSet) -> Estimate:
    """The estimate of a loaded model as it would be generated."""
    design = convert_network(model, settings, inputs, Path("project")).design
    return estimate_design(design, choose_rules(None, None, default_tool(design)))


def totals(estimate: Estimate) -> dict[str, Any]:
    """DSPs, their first-order count, and LUTs."""
    lut = estimate.fabric.lut
    return {
        "dsp": estimate.dsp.json(),
        "first_order_dsp": estimate.first_order_dsp,
        "lut": None if lut is None else lut.json(),
    }
