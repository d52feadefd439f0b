"""The figures of chapter 07: the parts of an attestation, a log's tree, and what stops what."""

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from matplotlib.axes import Axes

from course import figure as fig
from course.attestations import leaf_of
from course.ch07.reading import extension
from helpers.signing.signature_log import inclusion_path, tree_root

_PAPER, _COOL = "#F2F2F2", "#CFE6F5"
_QUESTIONS = {
    "Statement": ("1  Is it about this file?",),
    "Certificate": (
        "2  Does it name the publisher?",
        "3  Does its key fit the signature?",
        "4  Did the authority issue it?",
        "10  Has a certificate log seen it?",
    ),
    "Log entry": (
        "5  Is the time in these ten minutes?",
        "6  Did the log sign the time?",
        "7  Is it about the other two parts?",
        "8  Is it in the log's tree?",
        "9  Did the log sign the tree?",
    ),
}


@fig.styled
def anatomy(attestation: Mapping[str, Any]) -> fig.Figure:
    """The three parts of an attestation, what each of them says, and the checks of each.

    attestation: one by a GitHub job, as in PEP 740.
    """
    statement = json.loads(base64.b64decode(attestation["envelope"]["statement"]))
    [subject], leaf = statement["subject"], leaf_of(attestation)
    [entry] = attestation["verification_material"]["transparency_entries"]
    logged = datetime.fromtimestamp(int(entry["integratedTime"]), UTC)
    valid = f"{leaf.not_valid_before_utc:%H:%M:%S} to {leaf.not_valid_after_utc:%H:%M:%S}"
    repository = extension(leaf, 12).removeprefix("https://github.com/")
    workflow = extension(leaf, 18).partition("@")[0].rpartition("/")[2]
    proof = entry["inclusionProof"]
    size, digest = f"{int(proof['treeSize']):,}", subject["digest"]["sha256"]
    finding = f"Signed in the name of {workflow} of {repository}"
    axes = fig.sheet(finding)
    columns = {
        "Statement": ("The file", subject["name"], "has the SHA-256", f"{digest[:16]}…"),
        "Certificate": ("This key belongs to", f"{workflow} of", repository, f"from {valid}"),
        "Log entry": (
            "The log got the signature",
            f"on {logged:%Y-%m-%d at %H:%M:%S},",
            f"as one of {size} entries",
        ),
    }
    for n, (name, lines) in enumerate(columns.items()):
        _box(axes, 0.15 + n * 3.45, name, lines)
    told = f"The statement names {subject['name']}, the certificate is valid from {valid}"
    logging = f"and the log entry of {logged:%Y-%m-%d %H:%M:%S} is one of {size}"
    return fig.Figure(f"{finding}. {told}, {logging}.", fig.finish(axes, 4.85))


def _box(axes: Axes, x: float, name: str, lines: Sequence[str]) -> None:
    fig.tile(axes, x, 0.85, 3.2, 1.95, _PAPER, edgecolor=fig.GREY, linewidth=1.5)
    fig.write(axes, x + 0.12, 1.1, name, weight="bold", size=fig.SIZE + 1)
    for n, line in enumerate(lines):
        words = fig.wrap(line, 3.3, 1, fig.SMALL)
        fig.write(axes, x + 0.12, 1.52 + n * 0.34, words, size=fig.SMALL)
    for n, question in enumerate(_QUESTIONS[name]):
        fig.write(axes, x + 0.12, 3.15 + n * 0.33, question, size=fig.SMALL)


@fig.styled
def tree(leaves: Sequence[bytes], index: int) -> fig.Figure:
    """A log's Merkle tree, and the hashes that prove that one entry is in it.

    leaves: the hashes of 2 to 16 entries. index: the entry, from 0. Raises ValueError for others.
    """
    if not 2 <= len(leaves) <= 16 or not 0 <= index < len(leaves):
        raise ValueError(f"expected 2 to 16 leaves and one of them, got {len(leaves)} and {index}")
    proof = inclusion_path(index, leaves)
    word = "hash proves" if len(proof) == 1 else "hashes prove"
    finding = f"{len(proof)} {word} that entry {index} is in a tree of {len(leaves)}"
    axes = fig.sheet(finding)
    bottom = 0.95 + (len(leaves) - 1).bit_length() * 0.85
    step = (fig.WIDTH - 1.0) / len(leaves)
    for n in range(len(leaves)):
        label, weight = f"entry {n}" if len(leaves) < 11 else f"{n}", "bold" if n == index else None
        look = {"size": fig.SMALL, "weight": weight}
        fig.write(axes, 0.5 + (n + 0.5) * step, bottom + 0.45, label, "center", **look)
    x, y, _ = _branch(axes, leaves, 0, index, (bottom, step, set(proof)))
    fig.write(axes, x + 0.45, y, "the root, signed by the log", size=fig.SMALL)
    key = "Orange: the proof. Blue: what a reader computes, from the entry up to the root."
    fig.write(axes, 0.15, bottom + 0.95, key, size=fig.SMALL)
    root = tree_root(leaves).hex()[:4]
    return fig.Figure(f"{finding}; the root begins with {root}.", fig.finish(axes, bottom + 1.2))


def _branch(
    axes: Axes, leaves: Sequence[bytes], start: int, index: int, layout: tuple[float, float, set]
) -> tuple[float, float, bool]:
    """Draw the tree over some leaves; return where its top is, and if it is on the path."""
    bottom, step, proof = layout
    x, y, on_path = 0.5 + (start + 0.5) * step, bottom, start == index
    if len(leaves) > 1:
        half = 1 << (len(leaves) - 1).bit_length() - 1
        left = _branch(axes, leaves[:half], start, index, layout)
        right = _branch(axes, leaves[half:], start + half, index, layout)
        x, y, on_path = (left[0] + right[0]) / 2, min(left[1], right[1]) - 0.85, left[2] or right[2]
        for below in (left, right):
            color, thick = (fig.BLUE, 3) if below[2] else (fig.GREY, 1)
            axes.plot([x, below[0]], [y, below[1]], zorder=1, color=color, linewidth=thick)
    value = tree_root(leaves)
    ground = _COOL if on_path else fig.PALE[fig.VERMILLION] if value in proof else "white"
    edge = fig.BLUE if on_path else fig.GREY
    box = {"boxstyle": "round,pad=0.3", "facecolor": ground, "edgecolor": edge}
    fig.write(axes, x, y, value.hex()[:4], "center", size=fig.SMALL, bbox=box, zorder=2)
    return x, y, on_path


@fig.styled
def stopped(rows: Mapping[str, Sequence[bool]]) -> fig.Figure:
    """Forgeries down, checks across: which checks hold, and which is the first to fail.

    rows: for each forgery, whether each check holds, in the order of the checks. Raises ValueError
    for no forgeries, and for rows of different lengths.
    """
    widths = {len(row) for row in rows.values()}
    if len(widths) != 1:
        raise ValueError("expected at least one forgery, and the same checks for each")
    [count] = widths
    first = {name: [*row, False].index(False) for name, row in rows.items()}
    ordered = sorted(rows, key=lambda name: first[name])
    passed = [name for name in ordered if first[name] == count]
    finding = f"{len(rows) - len(passed)} of {len(rows)} forgeries are stopped"
    if len(set(first.values())) == len(first) > 1:
        finding += ", each by a different check"
    if passed:
        finding += f"; accepted: {fig.listed(passed)}"
    axes = fig.sheet(finding)
    left, top, height = 4.9, 1.2, 0.52
    width = (fig.WIDTH - left - 0.15) / count
    for n in range(count):
        axes.text(left + (n + 0.5) * width, top - 0.14, f"{n + 1}", ha="center", weight="bold")
    axes.text(left - 0.1, top - 0.14, "check", ha="right", size=fig.SMALL)
    for k, name in enumerate(ordered):
        y, words = top + (k + 0.5) * height, fig.wrap(name, left + 0.1, 2, fig.SMALL)
        fig.write(axes, 0.15, y, words, size=fig.SMALL, linespacing=1.0)
        for n, ok in enumerate(rows[name]):
            _field(axes, left + n * width, top + k * height, width, height, ok, n > first[name])
    ends = {name: f"check {n + 1}" if n < count else "accepted" for name, n in first.items()}
    told = "; ".join(f"{name}: {ends[name]}" for name in ordered)
    drawing = fig.finish(axes, top + len(rows) * height + 0.15)
    return fig.Figure(f"{finding}. First to fail: {told}.", drawing)


def _field(
    axes: Axes, x: float, y: float, width: float, height: float, ok: bool, later: bool
) -> None:
    """Draw one check's answer: pale if it holds, dark if it is the first to fail."""
    held, failed = (fig.PALE[fig.GREEN], fig.INK[fig.GREEN]), (fig.INK[fig.VERMILLION], "white")
    ground, ink = held if ok else (fig.PALE[fig.VERMILLION], fig.BLACK) if later else failed
    fig.tile(axes, x, y, width, height, ground, linewidth=3)
    look = {"weight": "bold", "size": fig.SIZE + 1, "color": ink}
    fig.write(axes, x + width / 2, y + height / 2, "✓" if ok else "✗", "center", **look)
