"""Writes down, from a run of the contract's tests, which promise was shown on which server, and why where not.

``pytest --matrix=write tests/backends`` writes docs/backends/matrix.md; ``--matrix=check`` fails if that is not what
this run shows. A test class takes part by naming its ``column``.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from uploadkit.testing import CHECKS

PAGE = Path(__file__).parent.parent / "docs" / "backends" / "matrix.md"
_HEAD = "<!-- Written by `pytest --matrix=write tests/backends`; do not edit. -->"
_SHOWN = "yes"
_PROPERTY = "uploadkit-matrix"
#: From left to right; the servers of each backend with the most faithful one last.
_ORDER = ("memory", "local", "S3", "GCS")


class Matrix:
    """What the tests of the contract came to: for each column, each check's outcome or the reason why it has none."""

    def __init__(self) -> None:
        self.columns: dict[str, dict[str, str]] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Write into the report which column a check belongs to; it may travel here from a worker process."""
        report = yield
        column = getattr(getattr(item, "cls", None), "column", None)
        if column is not None:
            report.user_properties.append((_PROPERTY, f"{column}|{item.name.removeprefix('test_')}"))
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note the outcome of a check."""
        for name, value in report.user_properties:
            if name == _PROPERTY and (report.when == "call" or not report.passed):
                column, _, check = str(value).partition("|")
                self.columns.setdefault(column, {})[check] = _outcome(report)

    def page(self) -> str:
        """Return the table and its footnotes."""
        order = sorted(self.columns, key=lambda column: (_ORDER.index(column.partition(":")[0]), column))
        notes: dict[str, int] = {}
        rows = [f"| promise | {' | '.join(order)} |", "|---" * (len(order) + 1) + "|"]
        for check in CHECKS:
            cells = [_cell(self.columns[column].get(check.name, "not run"), notes) for column in order]
            rows.append(f"| {check.promise.rstrip('.')} | {' | '.join(cells)} |")
        footnotes = [f"{number}. {reason}" for reason, number in notes.items()]
        return "\n".join([_HEAD, "", *rows, "", "Not shown, because:", "", *footnotes, ""])


def _outcome(report: pytest.TestReport) -> str:
    if report.skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        return str(reason).removeprefix("Skipped: ").removeprefix("not shown: ")
    return _SHOWN if report.passed else "broken"


def _cell(outcome: str, notes: dict[str, int]) -> str:
    return outcome if outcome == _SHOWN else f"({notes.setdefault(outcome, len(notes) + 1)})"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--matrix``."""
    parser.addoption("--matrix", choices=("write", "check"), help="write or check the table of shown promises")


def pytest_configure(config: pytest.Config) -> None:
    """Collect outcomes if they are asked for."""
    if config.getoption("--matrix"):
        config.pluginmanager.register(Matrix(), "uploadkit-matrix")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the page, or compare with the one that is there."""
    matrix = session.config.pluginmanager.get_plugin("uploadkit-matrix")
    is_worker = hasattr(session.config, "workerinput")  # of pytest-xdist; the reports go to its controller
    if is_worker or not isinstance(matrix, Matrix) or session.exitstatus != pytest.ExitCode.OK:
        return
    if session.config.getoption("--matrix") == "write":
        PAGE.write_text(matrix.page(), "utf-8")
    elif PAGE.read_text("utf-8") != matrix.page():
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        told = f"{PAGE.name} is not what this run shows; run: pytest --matrix=write tests/backends"
        session.config.get_terminal_writer().line(f"\n{told}", red=True)
