"""A plot of bars, written by hand: nothing needs to be installed for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from .results import CaseResult, TrialResult

WIDTH, LABELS, ROW = 860, 300, 16
#: Longer bars are cut off; their number tells.
_MOST = 2.5
_UNIT = (WIDTH - LABELS - 60) / _MOST
_STYLE = (
    "text{font:11px sans-serif;fill:#444}.head{font-weight:bold}.ours{fill:#2a78b8}.theirs{fill:#aaa}"
    ".peer{stroke:#c33;stroke-dasharray:3 3}rect.paper{fill:#fff}"
)
_OURS = ("uploadkit", "S3Backend", "UploadSet", "local", "memory", "open_stream", "the route", "check of")


def plot(results: Sequence[CaseResult]) -> str:
    """Return an SVG: each contestant's CPU over that of its trial's peer."""
    shapes, y = [], ROW
    for case in results:
        for trial in case.trials:
            bars = list(_bars(trial))
            if not bars:
                continue
            y += ROW
            shapes.append(_text(4, y, f"{case.title}: {trial.name} (1 is {trial.peer})", "head"))
            top = y
            for name, ratio in bars:
                y += ROW
                shapes += _bar(y, name, ratio)
            x = LABELS + _UNIT
            shapes.append(f'<line class="peer" x1="{x:.1f}" x2="{x:.1f}" y1="{top + 4}" y2="{y + 4}"/>')
            y += ROW // 2
    height = y + ROW
    paper = f'<rect class="paper" width="{WIDTH}" height="{height}"/>'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}">'
    return "\n".join([head, f"<style>{_STYLE}</style>", paper, *shapes, "</svg>"]) + "\n"


def _bars(trial: TrialResult) -> Iterator[tuple[str, float]]:
    for line in trial.lines:
        spread = line.spreads.get("cpu")
        if spread and spread.ratio is not None:
            yield line.name, spread.ratio


def _bar(y: int, name: str, ratio: float) -> Iterator[str]:
    length = min(ratio, _MOST) * _UNIT
    kind = "ours" if name.startswith(_OURS) else "theirs"
    yield _text(LABELS - 6, y, name, anchor="end")
    yield f'<rect class="{kind}" x="{LABELS}" y="{y - 9}" width="{length:.1f}" height="11"/>'
    yield _text(LABELS + length + 4, y, f"{ratio:.2f}")


def _text(x: float, y: int, words: str, kind: str = "label", anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y}" text-anchor="{anchor}">{escape(words)}</text>'
