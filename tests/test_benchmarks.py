"""The command that measures: that it runs, and that it tells what it found. How fast anything is, is not tested."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from flask import request

from benchmarks.harness import bodies, measure, posting
from benchmarks.harness.contest import ROOT, Entry
from benchmarks.harness.model import MIB, SCALES, Case, Contestant, Costs, Goal, Job, Trial
from benchmarks.harness.page import BEGIN, END, write_page
from benchmarks.harness.plot import plot
from benchmarks.harness.program import CASES, arguments
from benchmarks.harness.results import case_result, read, trial_result, write
from benchmarks.harness.tables import GOALS_HEAD, goal_rows, markdown, plain
from benchmarks.harness.worker import find_case

COMMAND = ROOT / "benchmarks" / "run.py"
SVG = "{http://www.w3.org/2000/svg}"
OURS, PEER = "uploadkit", "peer"
MACHINE = {"CPUs:": "2"}

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads what processes cost from /proc")


@contextmanager
def nothing():
    yield Job(lambda: None)


def a_trial(*goals: Goal) -> Trial:
    return Trial("10 KiB", (Contestant(OURS, nothing), Contestant(PEER, nothing)), PEER, size=10_240, goals=goals)


def entries(ours: list[Costs], theirs: list[Costs]) -> list[Entry]:
    return [Entry(OURS, ours), Entry(PEER, theirs)]


def results(*goals: Goal, failed: str = ""):
    trial = a_trial(*goals)
    case = Case("a_case", "A case", "What is <measured>.", lambda _: [trial])
    turns = [Costs(0.002, 0.004, MIB, 10.0, 20.0)]
    told = [*entries(turns, [Costs(0.001, 0.002, 0, 0.0, 0.0)]), Entry("absent", skipped="not installed: absent")]
    if failed:
        told.append(Entry("broken", failed=failed))
    return [case_result(case, SCALES["quick"], MACHINE, [(trial, told)])]


@pytest.mark.slow
def test_the_command_measures_and_tells(tmp_path):
    command = [sys.executable, str(COMMAND), "--quick", "--here", "--only", "same_name", "--out", str(tmp_path)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    (case,) = json.loads((tmp_path / "results.json").read_text())
    assert case["name"] == "same_name"
    local = case["trials"][0]
    assert [line["failed"] for line in local["lines"]] == ["", ""]
    assert all(len(line["turns"]) == SCALES["quick"].rounds for line in local["lines"])
    assert [verdict["value"] is not None for verdict in local["verdicts"]] == [True, True]
    for told in (done.stdout, (tmp_path / "performance.md").read_text()):
        assert "local, n = 1,000" in told
        assert "CPU ≤ 2 of local, n = 1" in told
    assert ET.parse(tmp_path / "performance.svg").getroot().tag == f"{SVG}svg"


NOT_FOUND = (
    "import importlib.util as u; found = u.find_spec\nu.find_spec = lambda n: None if n == 'flask' else found(n)\n"
)
BROKEN = "import sys\nsys.modules['uploadkit'] = None\n"
HOLD = """
from benchmarks.harness import contest, model, worker
case, scale = worker.find_case("same_name"), model.SCALES["quick"]
for entry in contest.hold(case, case.trials(scale)[1], scale):
    print(len(entry.turns), entry.skipped, entry.failed.partition(":")[0], sep=",")
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("trouble", "told"),
    [("", "2,,"), (NOT_FOUND, "0,not installed: flask,"), (BROKEN, "0,,ModuleNotFoundError")],
    ids=["none", "missing", "broken"],
)
def test_a_contestant_that_is_missing_or_breaks_says_so(tmp_path, trouble, told):
    (tmp_path / "sitecustomize.py").write_text(trouble)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    done = subprocess.run(
        [sys.executable, "-c", HOLD],
        check=False,
        capture_output=True,
        text=True,
        env=environment,
        cwd=ROOT,
        timeout=300,
    )
    assert done.stdout.split("\n") == [told, told, ""], done.stderr


def test_what_quick_finds_is_not_published(capsys):
    with pytest.raises(SystemExit):
        arguments(["--quick", "--publish"])
    assert "not worth publishing" in capsys.readouterr().err


def test_no_case_may_be_named_to_tell_again_what_was_measured():
    assert arguments(["--only"]).only == []
    assert arguments([]).only == CASES


def test_every_case_describes_itself_and_names_its_contestants_once():
    for name in CASES:
        case = find_case(name)
        assert case.name == name
        for scale in SCALES.values():
            trials = case.trials(scale)
            assert len({trial.name for trial in trials}) == len(trials) > 0
            for trial in trials:
                names = [each.name for each in trial.contestants]
                assert len(set(names)) == len(names)
                assert {trial.peer, *(goal.contestant for goal in trial.goals)} <= set(names)
                assert {goal.peer for goal in trial.goals if goal.kind != "plain"} <= set(names)


def test_a_ratio_is_of_turns_of_the_same_round():
    ours = [Costs(cpu, cpu) for cpu in (2.0, 20.0, 200.0)]
    theirs = [Costs(cpu, cpu) for cpu in (1.0, 10.0, 400.0)]
    line = trial_result(a_trial(), entries(ours, theirs)).lines[0]
    assert line.spreads["cpu"].ratio == 2.0
    assert (line.spreads["cpu"].least, line.spreads["cpu"].median, line.spreads["cpu"].most) == (2.0, 20.0, 200.0)


@pytest.mark.parametrize(
    ("goal", "value", "met"),
    [
        (Goal(OURS, "cpu", 2.0, PEER), 2.0, True),
        (Goal(OURS, "cpu", 1.9, PEER), 2.0, False),
        (Goal(OURS, "wall", 0.5, PEER, "over"), 1.0, False),
        (Goal(OURS, "wall", 1.0, PEER, "over"), 1.0, True),
        (Goal(OURS, "peak", 6, kind="plain"), 7, False),
        (Goal(OURS, "peak", 7, kind="plain"), 7, True),
        (Goal(OURS, "written", 7, kind="plain"), None, None),
        (Goal(OURS, "cpu", 1.0, "absent"), None, None),
        (Goal("absent", "cpu", 1.0, PEER, "over"), None, None),
    ],
    ids=str,
)
def test_a_goal_is_met_or_not_or_was_not_measured(goal, value, met):
    ours = [Costs(2.0, 3.0, 1), Costs(4.0, 5.0, 7)]
    theirs = [Costs(1.0, 2.0), Costs(2.0, 4.0)]
    (verdict,) = trial_result(a_trial(goal), entries(ours, theirs)).verdicts
    assert (verdict.value, verdict.met) == (value, met)


def test_a_peer_that_cost_nothing_gives_no_ratio():
    line = trial_result(a_trial(), entries([Costs(1.0, 1.0)], [Costs(0.0, 0.0)])).lines[0]
    assert line.spreads["cpu"].ratio is None


def test_results_come_back_from_json_as_they_were(tmp_path):
    told = results(Goal(OURS, "cpu", 1.0, PEER), failed="OSError: no")
    write(tmp_path / "results.json", told)
    (back,) = read(tmp_path / "results.json")
    assert back == replace(told[0], trials=back.trials)
    assert goal_rows([back]) == goal_rows(told)
    assert back.failures == told[0].failures == ["a_case, 10 KiB, broken: OSError: no"]


def test_without_an_earlier_run_there_are_no_results(tmp_path):
    assert read(tmp_path / "results.json") == []


def test_only_what_is_between_the_markers_of_the_page_is_written_anew(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"# Mine\n\nBefore.\n\n{BEGIN}\nold\n{END}\n\nAfter.\n")
    write_page(page, results(Goal(OURS, "cpu", 1.0, PEER)))
    once = page.read_text()
    write_page(page, results(Goal(OURS, "cpu", 1.0, PEER)))
    assert page.read_text() == once
    assert once.startswith(f"# Mine\n\nBefore.\n\n{BEGIN}\n")
    assert once.endswith(f"{END}\n\nAfter.\n")
    assert "\nold\n" not in once
    assert "| a_case: 10 KiB | uploadkit | CPU ≤ 1 of peer | 2 | **no** |" in once
    assert "not installed: absent" in once


def test_a_page_without_markers_is_left_alone(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# Mine\n")
    with pytest.raises(ValueError, match="markers"):
        write_page(page, results())
    assert page.read_text() == "# Mine\n"


def test_the_documentation_has_a_page_with_markers():
    page = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    assert page.index(BEGIN) < page.index(END)


def test_the_plot_has_a_bar_for_each_that_was_measured():
    root = ET.fromstring(plot(results()))
    bars = [each for each in root.iter(f"{SVG}rect") if each.get("class") != "paper"]
    widths = [float(each.get("width", "0")) for each in bars]
    words = [each.text for each in root.iter(f"{SVG}text")]
    assert len(bars) == 2
    assert widths[0] == pytest.approx(2 * widths[1], abs=0.2)
    assert {OURS, PEER, "2.00", "1.00"} <= set(words)


def test_a_table_of_words_and_one_of_markdown_have_the_same_cells():
    rows = goal_rows(results(Goal(OURS, "cpu", 1.0, PEER)))
    assert len(plain(GOALS_HEAD, rows).splitlines()) == 2
    assert markdown(GOALS_HEAD, rows).splitlines()[2].count("|") == len(GOALS_HEAD) + 1


@pytest.mark.parametrize("size", [1, 100, MIB, 3 * MIB + 7])
def test_a_form_that_is_made_while_it_is_read_is_as_long_as_it_says_and_parses(size, app):
    form = bodies.Form("a.jpg", size)
    whole = bodies.Pieces(iter(form)).read()
    assert len(whole) == form.length
    assert form.content_type != bodies.Form("a.jpg", size).content_type
    seen = []

    @app.post("/")
    def view():
        seen.extend([request.form["caption"], request.files["photo"].read()])
        return ""

    posting.post_in_process(app, "a.jpg", size)
    assert seen == ["A photo", b"".join(map(bytes, bodies.photo(size)))]


def test_an_app_that_fails_is_no_measurement(app):
    with pytest.raises(RuntimeError, match="404"):
        posting.post_in_process(app, "a.jpg", 10)


@linux
def test_the_costs_are_of_one_call(tmp_path):
    with (tmp_path / "file").open("wb", buffering=0) as file:
        costs = measure.measured(lambda: file.write(bytes(MIB)), 50)
    assert (tmp_path / "file").stat().st_size == 50 * MIB
    assert costs.wchar is not None
    assert MIB <= costs.wchar < 2 * MIB  # whatever else this process may write meanwhile


@linux
def test_memory_and_bytes_that_a_call_takes_are_seen(tmp_path):
    def take():
        content = b"x" * (64 * MIB)
        (tmp_path / "file").write_bytes(content)

    costs = measure.measured(take, 1)
    assert costs.peak is not None
    assert costs.wchar is not None
    assert costs.peak > 60 * MIB
    assert costs.wchar >= 64 * MIB


@linux
def test_what_another_process_costs_is_seen():
    code = (
        "import sys, time\n"
        "for _ in sys.stdin:\n"
        "    end = time.process_time() + 0.1\n"
        "    while time.process_time() < end: pass\n"
        "    print(flush=True)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        wire, answers = process.stdin, process.stdout
        assert wire is not None
        assert answers is not None

        def work():
            wire.write(b"\n")
            wire.flush()
            answers.readline()

        work()  # it is there
        costs = measure.measured(work, 2, measure.family(process.pid))
        wire.close()
    assert costs.cpu >= 0.1  # its own clock said so


def test_costs_that_an_action_tells_itself_are_taken():
    assert measure.measured(lambda: Costs(1.0, 2.0), 1) == Costs(1.0, 2.0)


def test_a_page_of_results_names_no_host_and_no_path(tmp_path):
    import platform

    from benchmarks.harness.environment import machine

    told = " ".join(machine().values())
    assert platform.node() not in told or not platform.node()
    assert str(Path.home()) not in told
    assert "/" not in told
