"""Open synthesis of a project: the generated C++ to netlists, Verilog and Yosys, layer by layer, held to the estimate.

Everything is kept below `fpgaprune/synth/open` in the project: the netlists once, and for each rule set, device and
depth a folder with one folder per layer (Verilog, script, log, counts) and the report.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Final

from fpgaprune.design import LayerSpec
from fpgaprune.errors import ToolError
from fpgaprune.flow.open_checks import SAMPLES, check_simulation, check_verilog
from fpgaprune.flow.open_job import NO_CODE, OpenJob, OpenSettings, open_job
from fpgaprune.flow.open_modules import build_modules
from fpgaprune.read.report import save_report
from fpgaprune.results import ModuleReport, MultiplyOperator, Resources, Stage, SynthesisReport
from fpgaprune.results.open_synthesis import LayerSynthesis, OpenSynthesis
from fpgaprune.synth import Outcome, Plan, Step, execute, failures
from fpgaprune.synth.execute import Watcher, read_record
from fpgaprune.synth.open.front_ends import FrontEnd
from fpgaprune.synth.open.layers import LayerModule, texts_of, yosys_step
from fpgaprune.synth.open.netlist import multipliers
from fpgaprune.synth.open.storage import Network, load_network, save_network
from fpgaprune.synth.open.yosys import Depth, Yosys, find_yosys, read_resources, target_of
from fpgaprune.synth.sources import firmware_digest

REPORT: Final = "report.json"
NETLISTS: Final = "netlists.json.gz"
CHECKED: Final = "checked.txt"
_YOSYS_SECONDS: Final = {Depth.DSP: 900.0, Depth.FULL: 3600.0}
_FRONT_SECONDS: Final = 900.0
_CHECK_SECONDS: Final = 3600.0
_COUNTS: Final = ("dsp", "lut", "ff", "bram_18k", "uram")
_NO_TIMING: Final = (
    "open synthesis does not place, route or time: clock, latency and interval are not known; "
    "flip-flops are those of the layers' outputs"
)


def plan_open(project: Path, settings: OpenSettings, front_end: FrontEnd) -> Plan:
    """What would be run, as far as it is known before the C++ is compiled."""
    job = open_job(project, settings)
    yosys = find_yosys()
    first = _front_step(job, front_end)
    steps = [_layer_step(job, layer, yosys, {}) for layer in job.design if layer.kind not in NO_CODE]
    steps += _check_steps(job, {})
    return Plan(job.folder, (first, *(replace(step, after=(first.name,)) for step in steps)))


def synthesize_open(
    project: Path, settings: OpenSettings, front_end: FrontEnd, *, watch: Watcher | None = None
) -> OpenSynthesis:
    """Synthesize `project` and hold every layer to the estimate under the same rules.

    Raises ProjectError for what is no project, ToolError when a tool is missing, the front end fails, a check finds a
    layer that computes something else, or Yosys fails on a layer: then all other layers are done and kept, and a
    second run goes on from there.
    """
    started = time.monotonic()
    job = open_job(project, settings)
    yosys = find_yosys()
    network = _network(job, front_end, watch)
    modules, reasons = build_modules(job, network)
    target, pricing = target_of(job.device), job.context.pricing
    # The longest first, so that it is not the last one running.
    ordered = sorted(modules.values(), key=lambda module: -len(module.text))
    steps = tuple(
        _layer_step(job, job.design[module.name], yosys, texts_of(module, pricing, target, settings.depth))
        for module in ordered
        if module.module.outputs
    )
    checking = _check_steps(job, modules) if modules else ()
    # The checks first: the C simulation is built while Yosys runs.
    outcomes = execute(Plan(job.folder, (*checking, *steps)), jobs=settings.jobs, watch=watch)
    _refuse_failures(outcomes)
    checks = [(job.folder / step.folder / CHECKED).read_text(encoding="utf-8").strip() for step in checking]
    layers = tuple(_row(job, layer, modules, reasons) for layer in job.design)
    report = _report(job, modules, layers)
    save_report(report, job.folder / job.place / REPORT)
    return OpenSynthesis(
        project=job.design.name,
        rules=job.rules.label,
        depth=settings.depth.value,
        part=job.device.part,
        report=report,
        layers=layers,
        checks=tuple(checks),
        notes=report.notes,
        seconds=time.monotonic() - started,
        folder=str(job.folder / job.place),
    )


def _refuse_failures(outcomes: Sequence[Outcome]) -> None:
    failed = failures(outcomes)
    if failed:
        more = len(failed) - 1
        others = f" (and {more} more step{'s' if more > 1 else ''} failed)" if more else ""
        message = f"{failed[0].error}{others}; what is finished is kept, and running again goes on from there"
        raise ToolError(message)


def _front_step(job: OpenJob, front_end: FrontEnd) -> Step:
    def compile_project(folder: Path) -> None:
        save_network(front_end(job.project, job.design, folder), folder / NETLISTS)

    return Step(
        name="netlists",
        what=f"compiling {job.design.name} to netlists",
        folder=Path("netlists"),
        action=compile_project,
        facts=f"{firmware_digest(job.project)} {getattr(front_end, 'version', '')}",
        outputs=(NETLISTS,),
        timeout_seconds=_FRONT_SECONDS,
    )


def _network(job: OpenJob, front_end: FrontEnd, watch: Watcher | None) -> Network:
    (outcome,) = execute(Plan(job.folder, (_front_step(job, front_end),)), jobs=1, watch=watch)
    if outcome.error is not None:
        raise ToolError(outcome.error)
    return load_network(job.folder / "netlists" / NETLISTS)


def _layer_step(job: OpenJob, layer: LayerSpec, yosys: Yosys, texts: Mapping[str, str]) -> Step:
    depth = job.settings.depth
    seconds = _YOSYS_SECONDS[depth]
    return yosys_step(layer.name, job.layer_place(layer), dict(texts), yosys, depth, timeout_seconds=seconds)


def _check_steps(job: OpenJob, modules: Mapping[str, LayerModule]) -> tuple[Step, ...]:
    """What is checked as steps, so that an unchanged layer is not checked again."""
    made = sha256("".join(module.text for module in modules.values()).encode()).hexdigest() if modules else ""
    facts = f"{firmware_digest(job.project)} {made} {SAMPLES}"

    def step(name: str, what: str, check: Callable[[], str]) -> Step:
        def write(folder: Path) -> None:
            (folder / CHECKED).write_text(f"{check()}\n", encoding="utf-8")

        where = job.place / f"check-{name}"
        return Step(name, what, where, (CHECKED,), action=write, facts=facts, timeout_seconds=_CHECK_SECONDS)

    checks = [step("simulation", "comparing all layers with the C simulation", partial(check_simulation, job, modules))]
    if job.settings.verilator:
        checks.append(step("verilog", "running the Verilog", partial(check_verilog, list(modules.values()))))
    return tuple(checks)


def _row(
    job: OpenJob, layer: LayerSpec, modules: Mapping[str, LayerModule], reasons: Mapping[str, str]
) -> LayerSynthesis:
    expected, module = job.expected[layer.name], modules.get(layer.name)
    folder = job.folder / job.layer_place(layer)
    reason = reasons.get(layer.name)
    used: Resources | None = None
    seconds: float | None = None
    notes = expected.notes
    if module is not None and not module.module.outputs:
        used, notes = _nothing(job), ("synthesis removes all of it: nobody reads its outputs", *notes)
    elif module is not None:
        used, _ = _used(job, layer, module)
        seconds = read_record(folder).get("seconds")
        notes = notes if module.note is None else (module.note, *notes)
    elif reason is None:  # wires
        used = _nothing(job)
    return LayerSynthesis(
        name=layer.name,
        kind=layer.kind.value,
        weights=layer.weight_count,
        zeros=layer.zero_count,
        multipliers=module.multipliers if module is not None else None if reason else 0,
        allowed=None if module is not None and module.multiplexed is not None else job.needed.get(layer.name),
        expected=expected.multipliers,
        used=used,
        dsp=expected.dsp,
        reason=reason,
        notes=notes,
        seconds=seconds,
    )


def _used(job: OpenJob, layer: LayerSpec, module: LayerModule) -> tuple[Resources, str | None]:
    """What Yosys mapped all copies of a layer's module to, and its version."""
    one, version = read_resources(job.folder / job.layer_place(layer), job.settings.depth)
    return _sum([one] * module.copies), version


def _nothing(job: OpenJob) -> Resources:
    return Resources(dsp=0) if job.settings.depth is Depth.DSP else Resources(0, 0, 0, 0, 0)


def _report(job: OpenJob, modules: Mapping[str, LayerModule], layers: Sequence[LayerSynthesis]) -> SynthesisReport:
    """The report that `compare` reads; a total is None where a layer was not synthesized, and the notes say which."""
    missing = [layer for layer in layers if layer.reason is not None]
    version: str | None = None
    parts = []
    for layer in layers:
        module = modules.get(layer.name)
        if module is None or layer.used is None or not module.module.outputs:
            continue
        _, version = _used(job, job.design[layer.name], module)
        found = () if module.netlist is None else multipliers(module.netlist, min_digits=job.rules.free_digits + 1)
        parts.append(
            ModuleReport(
                name=module.top,
                used=layer.used,
                multipliers=tuple(MultiplyOperator(f"n{m.node}", m.a_bits, m.b_bits, None, None, m.code) for m in found)
                * module.copies,
                input_bits=sum(port.bits for port in module.module.inputs),
                output_bits=sum(port.bits for port in module.module.outputs),
                output_ports=len(module.module.outputs),
            )
        )
    total = Resources() if missing else _sum([part.used for part in parts])
    notes = [f"rules imposed on Yosys: {job.rules.label} ({job.rules.source})", _NO_TIMING]
    notes += [f"not synthesized: {layer.name}: {layer.reason}" for layer in missing]
    return SynthesisReport(
        stage=Stage.OPEN,
        tool="yosys",
        tool_version=version,
        top=job.design.name,
        part=job.device.part,
        clock_ns=None,
        used=total,
        available=job.device.available,
        modules=tuple(parts),
        written=datetime.now().replace(microsecond=0),
        notes=tuple(notes),
        rules=job.rules.tool,
    )


def _sum(parts: Sequence[Resources]) -> Resources:
    """Totals; None where any part is."""
    return Resources(*(_added([getattr(part, name) for part in parts]) for name in _COUNTS))


def _added(values: Sequence[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None
