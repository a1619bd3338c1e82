"""The accuracy benchmark on folders that are not as they should be."""

import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def benchmark_main(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks.dsp_accuracy import main  # noqa: PLC0415 - only importable from here on

    return main


def test_broken_projects_are_rows_with_their_reason(
    benchmark_main: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    facts = json.dumps({"tool": "vitis_hls", "tool_version": "2023.2", "part": "xcu250-figd2104-2L-e"})
    contents = {
        "empty": facts,
        "no_json": "{",
        "no_tool": "{}",
        "a_list": "[]",
    }
    for name, meta in contents.items():
        (tmp_path / name / "firmware").mkdir(parents=True)
        (tmp_path / name / "meta.json").write_text(meta, encoding="utf-8")
    (tmp_path / "no_meta" / "firmware").mkdir(parents=True)
    (tmp_path / "not_a_project").mkdir()
    (tmp_path / "STATUS.json").write_text(json.dumps({"no_tool": "stale"}), encoding="utf-8")
    assert benchmark_main([str(tmp_path)]) == 0
    summary = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert set(summary["not_read"]) == {*contents, "no_meta"}
    assert summary["not_read"]["no_tool"].startswith("STATUS.json: stale")
    assert "meta.json" in summary["not_read"]["no_meta"]
    assert summary["sets"] == {}
    assert summary["projects"]["recurrent"]["projects"] == 0


def test_a_folder_without_projects_is_refused(
    benchmark_main: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert benchmark_main([str(tmp_path)]) == 2
    assert benchmark_main([str(tmp_path / "nowhere")]) == 2
    assert "holds no project folders" in capsys.readouterr().err
