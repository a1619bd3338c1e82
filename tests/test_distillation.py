"""Learning from a teacher: the loss, its combination with other methods, and the command."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contracts.pruning import dense_model, ring_data

from fpgaprune.cli import main
from fpgaprune.compress import Polynomial, prune
from fpgaprune.compress.copying import predict
from fpgaprune.compress.data import Lesson
from fpgaprune.compress.distillation import Distillation, distillation_loss, distilled
from fpgaprune.compress.quantization import PostTraining, fine_tune, quantize
from fpgaprune.errors import ConfigError, ModelError
from fpgaprune.frameworks import load_frameworks

LOSS = "sparse_categorical_crossentropy"


def soft(values: np.ndarray, temperature: float) -> np.ndarray:
    raised = np.exp(values / temperature - (values / temperature).max(axis=-1, keepdims=True))
    return raised / raised.sum(axis=-1, keepdims=True)


@pytest.mark.keras
@pytest.mark.parametrize("temperature", [1.0, 4.0])
@pytest.mark.parametrize(("teacher_logits", "student_logits"), [(True, True), (False, True), (True, False)])
def test_the_loss_is_the_divergence_of_the_softened_answers(
    temperature: float, teacher_logits: bool, student_logits: bool
) -> None:
    rng = np.random.default_rng(0)
    taught, learnt = rng.normal(size=(2, 20, 5)).astype(np.float32)
    p, q = soft(taught, temperature), soft(learnt, temperature)
    divergence = temperature**2 * (p * np.log(p / q)).sum(axis=-1).mean()
    answers = taught if teacher_logits else soft(taught, 1.0)
    outputs = learnt if student_logits else soft(learnt, 1.0)
    mixed = distillation_loss(Lesson((answers,), temperature, 0.3), LOSS, (outputs,))
    found = float(mixed(2.0, [answers], [load_frameworks().tensorflow.constant(outputs)]))
    assert found == pytest.approx(0.7 * 2.0 + 0.3 * divergence, rel=1e-3)


@pytest.mark.keras
def test_one_output_is_two_classes_and_no_classes_are_a_distance() -> None:
    taught, learnt = np.random.default_rng(1).normal(size=(2, 30, 1)).astype(np.float32)
    taught[0], learnt[0] = 2, -2
    both = [np.concatenate([values, np.zeros_like(values)], axis=1) for values in (taught, learnt)]
    p, q = (soft(values, 2.0) for values in both)
    wanted = {"binary_crossentropy": 4 * (p * np.log(p / q)).sum(axis=1).mean(), "mse": ((taught - learnt) ** 2).mean()}
    for label, value in wanted.items():
        mixed = distillation_loss(Lesson((taught,), 2.0, 1.0), label, (learnt,))
        assert float(mixed(9.0, [taught], [learnt])) == pytest.approx(value, rel=1e-4)


@pytest.mark.keras
def test_a_teacher_alone_teaches_what_the_labels_do_not() -> None:
    """All labels are wrong, and do not count: the student comes to answer as the teacher does."""
    data, teacher, student = ring_data(count=600), dense_model(), dense_model("quantized_bits(8,1,alpha=1)")
    fine_tune(teacher, data, loss=LOSS, epochs=30, learning_rate=1e-2)
    answers = np.asarray(teacher(data.validation_x)).argmax(axis=1)
    wrong = type(data)(data.x, 1 - np.asarray(data.y), data.validation_x, answers)
    fine_tune(student, distilled(wrong, teacher, Distillation(mixing=1.0)), loss=LOSS, epochs=30, learning_rate=1e-2)
    agreement = (np.asarray(student(data.validation_x)).argmax(axis=1) == answers).mean()
    assert agreement > 0.8  # by the labels it would be 0.2


@pytest.mark.keras
def test_any_method_that_trains_takes_a_lesson() -> None:
    data = ring_data()
    teacher = dense_model()
    config = Polynomial(target_sparsity=0.5, epochs=4, updates=3)
    alone = prune(dense_model(), config, data)
    taught = prune(dense_model(), config, distilled(data, teacher, Distillation(2.0, 0.7)))
    assert alone.record["distillation"] is None
    assert taught.record["distillation"] == {"temperature": 2.0, "mixing": 0.7}
    assert taught.sparsity >= 0.5
    assert any((a != b).any() for a, b in zip(alone.model.get_weights(), taught.model.get_weights(), strict=True))
    quantized = quantize(dense_model(), PostTraining(6), [data.x]).model
    before = quantized.get_weights()
    fine_tune(quantized, distilled(data, teacher, Distillation()), loss=LOSS, epochs=3)
    assert any((a != b).any() for a, b in zip(before, quantized.get_weights(), strict=True))


@pytest.mark.keras
def test_a_teacher_that_does_not_fit_is_refused() -> None:
    keras, data = load_frameworks().keras, ring_data()
    narrow = keras.Sequential([keras.layers.Input((5,)), keras.layers.Dense(2)])
    with pytest.raises(ConfigError, match=r"takes inputs of shape \(5,\)"):
        distilled(data, narrow, Distillation())
    many = keras.Sequential([keras.layers.Input((8,)), keras.layers.Dense(3)])
    with pytest.raises(ConfigError, match="must be the same"):
        prune(dense_model(), Polynomial(target_sparsity=0.5), distilled(data, many, Distillation()))
    kernel, bias = many.layers[0].get_weights()
    many.layers[0].set_weights([kernel * np.nan, bias])
    with pytest.raises(ModelError, match="NaN"):
        distilled(data, many, Distillation())


@pytest.mark.parametrize("wrong", [{"temperature": 0.0}, {"temperature": float("nan")}, {"mixing": 0}, {"mixing": 1.5}])
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Distillation(**wrong)


@pytest.mark.keras
def test_the_command_line_distills_and_keeps_zeros(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, fw = ring_data(), load_frameworks()
    np.savez(tmp_path / "d.npz", x=data.x, y=data.y, x_test=data.validation_x, y_test=data.validation_y)
    dense_model().save(tmp_path / "teacher.h5")
    student = prune(
        dense_model("quantized_bits(14,1,alpha=1)"), Polynomial(target_sparsity=0.5, epochs=4, updates=3), data
    )
    fw.keras.Model(student.model.inputs, student.model.layers[-2].output).save(tmp_path / "student.h5")

    def run(verb: str, *words: str) -> int:
        files = [str(tmp_path / "student.h5"), "--data", str(tmp_path / "d.npz"), "-o", str(tmp_path / "out.keras")]
        with pytest.raises(SystemExit) as ended:
            main([verb, *files, "--teacher", str(tmp_path / "teacher.h5"), *words])
        return int(ended.value.code or 0)

    assert run("distill", "--epochs", "2", "--temperature", "2") == 0
    assert "teacher" in capsys.readouterr().out
    record = json.loads((tmp_path / "out.pruning.json").read_text())
    assert record["asked"] == {"temperature": 2.0, "mixing": 0.5}
    assert record["sparsity"]["after"] >= record["sparsity"]["before"] >= 0.5
    assert record["teacher"]["model"] == "teacher.h5"
    assert run("distill", "--mixing", "2") == 2
    assert "mixing must be" in capsys.readouterr().err
    words = ["--method", "polynomial", "--target-sparsity", "0.7", "--epochs", "4", "--set", "updates=3"]
    assert run("prune", *words, "--mixing", "0.9") == 0
    record = json.loads((tmp_path / "out.pruning.json").read_text())
    assert record["distillation"] == {"temperature": 4.0, "mixing": 0.9}
    assert record["sparsity"]["after"] >= 0.7
    assert run("prune", "--method", "csd_rounding") == 2
    assert "does not train" in capsys.readouterr().err


@pytest.mark.keras
def test_a_teacher_of_images_teaches_a_student_of_rows() -> None:
    data, la = ring_data(), load_frameworks().keras.layers
    inputs = la.Input((4, 2, 1))
    teacher = load_frameworks().keras.Model(inputs, la.Dense(2, activation="softmax")(la.Flatten()(inputs)))
    lesson = distilled(data, teacher, Distillation()).lesson
    assert lesson is not None
    assert np.array_equal(lesson.answers[0], predict(teacher, np.asarray(data.x).reshape(-1, 4, 2, 1))[0])
