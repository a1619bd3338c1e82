import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from fpgaprune.cli import main
from fpgaprune.cli.app import VERBS, verb_command
from fpgaprune.cli.progress import StoppableProgress

HEAVY = ("tensorflow", "keras", "tf_keras", "qkeras", "hls4ml", "matplotlib", "scipy", "sklearn")


def run(*args: str) -> int:
    """Exit code of the command line, run inside this process."""
    with pytest.raises(SystemExit) as stopped:
        main(list(args))
    return int(stopped.value.code or 0)


def test_help_is_quick_and_loads_no_framework():
    code = (
        "import sys\n"
        "from fpgaprune.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit as stop:\n    assert not stop.code\n"
        f"loaded = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "print(loaded, file=sys.stderr)\n"
        "raise SystemExit(bool(loaded))"
    )
    times = []
    for _ in range(2):
        start = time.monotonic()
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        times.append(time.monotonic() - start)
        assert done.returncode == 0, done.stderr
        assert all(verb in done.stdout for verb in VERBS)
    assert min(times) < 2  # generous: other work may share the machine


def test_help_names_the_tables_of_a_study(capsys):
    """Brackets mean colours where nothing says otherwise."""
    assert run("sweep", "--help") == 0
    shown = capsys.readouterr().out
    assert "[cluster]" in shown
    assert "study's [sweep]" in " ".join(shown.replace("│", " ").split())


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_that_ends_with_an_example(verb, capsys):
    assert run(verb, "--help") == 0
    said = " ".join(capsys.readouterr().out.split())
    assert f"Example: fpgaprune {verb}" in said
    assert verb_command(verb).help


def test_version(capsys):
    assert run("--version") == 0
    assert capsys.readouterr().out.startswith("fpgaprune ")


def test_an_unknown_verb_is_one_sentence_with_the_choices(capsys):
    assert run("docter") == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert "did you mean doctor" in captured.err


def test_an_unknown_option_is_a_usage_error(capsys):
    assert run("doctor", "--no-such-flag") == 2
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (KeyboardInterrupt("interrupted, the best is b"), 130, "interrupted, the best is b"),
        (PermissionError(13, "Permission denied", "/data/x"), 2, "/data/x: permission denied"),
        (OSError(28, "No space left on device"), 2, "no space left on device"),
    ],
)
def test_errors_end_as_one_sentence_and_a_code(error, code, words, capsys, monkeypatch):
    def fail(*_args):
        raise error

    monkeypatch.setattr("fpgaprune.cli.doctor.show", fail)
    assert run("doctor") == code
    captured = capsys.readouterr()
    assert words in captured.err
    assert captured.err.count("\n") == 1


def test_doctor_names_what_it_looked_for(capsys):
    assert run("doctor", "--json") == 0
    found = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert found["numpy"]["found"]
    assert {"vitis_hls", "g++", "hls4ml", "owner of the module qkeras"} <= set(found)
    tools = ("pyosys", "verilator", "ziglang", "vitis_hls", "vitis-run", "vivado_hls", "vivado")
    assert set(tools) <= set(found)
    assert "FPGAPRUNE_VITIS_HLS" in found["vitis-run"]["purpose"]
    assert "FPGAPRUNE_YOSYS" in found["pyosys"]["purpose"]
    assert run("doctor") == 0
    drawn = capsys.readouterr().out
    assert "vitis_hls" in drawn
    assert all(line == line.rstrip() for line in drawn.splitlines())


def test_doctor_warns_of_a_package_that_shadows_qkeras(capsys, monkeypatch):
    monkeypatch.setattr("fpgaprune.cli.doctor.metadata.packages_distributions", lambda: {"qkeras": ["QKeras", "hgq2"]})
    assert run("doctor") == 0
    assert "hgq2 installs its own 'qkeras'" in capsys.readouterr().out


def test_doctor_says_what_a_variable_names(capsys, monkeypatch):
    monkeypatch.setenv("FPGAPRUNE_VIVADO", sys.executable)
    monkeypatch.setenv("FPGAPRUNE_YOSYS", "no-such-yosys")
    assert run("doctor", "--json") == 0
    found = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert found["vivado"]["found"].endswith(sys.executable)
    assert found["pyosys"]["found"] is None
    assert "FPGAPRUNE_YOSYS names 'no-such-yosys'" in found["pyosys"]["problem"]


def test_an_interrupt_that_something_swallows_is_heeded_at_the_next_sign() -> None:
    with StoppableProgress(Path("out.h5")) as progress:
        progress.begin("training")
        with suppress(KeyboardInterrupt):  # as a framework may
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)
        for sign in (lambda: progress.epoch(1, 2, ""), lambda: progress.begin("more")):
            with pytest.raises(KeyboardInterrupt, match=r"out\.h5 was not written"):
                sign()
