"""What is shipped: a wheel with everything it needs and nothing else, and a core that works without TensorFlow."""

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from fpgaprune.cli.app import VERBS, verb_command
from fpgaprune.frameworks import load_frameworks

ROOT = Path(__file__).parents[1]
SOURCES = ("fpgaprune", "hls_templates", "pyproject.toml", "README.md", "LICENSE")
# A finder in front of all others that has no heavy package, whatever is installed.
WITHOUT = """
import sys
HEAVY = {"tensorflow", "keras", "tf_keras", "qkeras", "hls4ml", "sklearn", "ziglang", "matplotlib"}
class Without:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in HEAVY:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Without())
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the sources by the project's own build backend."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    code = "from hatchling.build import build_wheel; print(build_wheel('dist'))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return folder / "dist" / done.stdout.split()[-1]


@pytest.fixture(scope="module")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def run(unpacked: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """The command line of the unpacked wheel, from another folder and without the heavy packages."""
    code = f"{WITHOUT}\nsys.path.insert(0, {str(unpacked)!r})\nfrom fpgaprune.cli import main\nmain({list(args)!r})"
    return subprocess.run(
        [sys.executable, "-c", code], cwd=unpacked, capture_output=True, text=True, check=False, timeout=120
    )


def test_the_wheel_has_what_it_needs_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"fpgaprune"}
    for needed in ("fpgaprune/py.typed", "fpgaprune/device/parts.toml"):
        assert needed in names
    for template in (ROOT / "hls_templates").rglob("*"):
        if template.is_file():
            assert f"fpgaprune/_hls_templates/{template.relative_to(ROOT / 'hls_templates').as_posix()}" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_core_works_without_the_frameworks(unpacked: Path) -> None:
    helped = run(unpacked, "--help")
    assert helped.returncode == 0, helped.stderr
    assert all(verb in helped.stdout for verb in VERBS)
    checked = run(unpacked, "doctor")
    assert checked.returncode == 0, checked.stderr
    assert "not found" in checked.stdout


@pytest.mark.keras
def test_a_verb_that_needs_a_framework_says_what_to_install(unpacked: Path, tmp_path: Path) -> None:
    layers = load_frameworks().keras.layers
    model = load_frameworks().keras.Sequential([layers.Input((2,)), layers.Dense(1)])
    model.save(tmp_path / "m.h5")
    done = run(unpacked, "generate", str(tmp_path / "m.h5"), "-o", str(tmp_path / "out"))
    assert done.returncode == 2
    assert "fpgaprune[keras]" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_saved_design_is_estimated_without_the_frameworks(unpacked: Path, tmp_path: Path) -> None:
    code = (
        f"{WITHOUT}\nsys.path.insert(0, {str(unpacked)!r})\nsys.path.insert(1, {str(ROOT)!r})\n"
        "from pathlib import Path\nimport numpy as np\nfrom fpgaprune.design import save_design\n"
        "from tests.estimate_designs import dense, design, source\n"
        "layers = (source(4), dense('fc', 'in', np.full((4, 3), 85)))\n"
        f"save_design(design(*layers), Path({str(tmp_path / 'd.npz')!r}))"
    )
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert made.returncode == 0, made.stderr
    done = run(unpacked, "estimate", str(tmp_path / "d.npz"), "--part", "xc7z020clg400-1", "--format", "json")
    assert done.returncode == 0, done.stderr
    assert '"total"' in done.stdout


def commands(text: str) -> list[list[str]]:
    """Every `fpgaprune VERB …` line in the code blocks of a document."""
    blocks = re.findall(r"```(?:sh|console|bash)\n(.*?)```", text, re.DOTALL)
    lines = [line.removeprefix("$ ").split("#")[0].strip() for block in blocks for line in block.splitlines()]
    return [line.split() for line in lines if line.startswith("fpgaprune ")]


DOCUMENTS = ["README.md", *sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("projects/*/README.md"))]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_command_in_the_documents_exists(document: str) -> None:
    found = commands((ROOT / document).read_text(encoding="utf-8"))
    assert found
    for words in found:
        verb = words[1]
        assert verb in VERBS, words
        flags = {option for parameter in verb_command(verb).params for option in parameter.opts}
        for word in words[2:]:
            if word.startswith("-"):
                assert word.partition("=")[0] in flags, words


def test_nothing_of_the_machine_is_in_the_repository() -> None:
    """Locks and sources name versions and hashes, no address of a registry and no path of a home or work folder."""
    git = shutil.which("git")
    if git is None:
        pytest.skip("git is not installed")
    listed = subprocess.run([git, "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    forbidden = re.compile(r"file:///|/(?:root|home)/\w|pypi\.org|files\.pythonhosted")
    for name in listed.stdout.splitlines():
        path = ROOT / name
        if path.suffix in {".npz", ".h5", ".keras"} or path == Path(__file__) or not path.is_file():
            continue
        for line in path.read_text(encoding="utf-8", errors="ignore").splitlines():
            assert not forbidden.search(line), (name, line[:120])
    for name in ("requirements.txt", "requirements-oldest.txt"):
        assert "://" not in (ROOT / name).read_text()
