"""The figures of chapter 07 draw what they are given, and say it."""

import hashlib
import json

import pytest
from hand_checks import NOTEBOOK

from course.attestations import attest, statement
from course.ch07 import figures
from helpers.lab import Lab
from helpers.provider.jobs import GitHubJob
from helpers.signing.signature_log import inclusion_path, leaf_hash, tree_root

LEAVES = [leaf_hash(bytes([n])) for n in range(16)]


def words(figure):
    return [text.get_text() for axes in figure.drawing.axes for text in axes.texts]


def test_the_parts_of_an_attestation_are_named_with_what_it_says():
    with Lab() as lab:
        sha256 = hashlib.sha256(b"a wheel").hexdigest()
        made = attest(lab, GitHubJob(), statement("octo_rocket-1.0-py3-none-any.whl", sha256))
    figure = figures.anatomy(made)
    assert figure.sentence.startswith("Signed in the name of release.yml of octo-org/rocket.")
    said = " ".join(words(figure))
    assert sha256[:16] in said and "from 09:00:00 to 09:10:00" in said and "7 entries" in said
    assert [
        n for n in range(1, 11) if any(word.startswith(f"{n}  ") for word in words(figure))
    ] == list(range(1, 11))


def test_the_real_attestation_can_be_drawn():
    data = json.loads((NOTEBOOK.parent / "data" / "real_attestation.json").read_text("utf-8"))
    [real] = data["provenance"]["attestation_bundles"][0]["attestations"]
    assert "31,550,402" in figures.anatomy(real).sentence


@pytest.mark.parametrize(("size", "index"), [(2, 0), (7, 6), (7, 0), (8, 3), (16, 15)])
def test_a_tree_shows_every_leaf_the_root_and_as_many_hashes_as_the_proof_has(size, index):
    figure = figures.tree(LEAVES[:size], index)
    proof = inclusion_path(index, LEAVES[:size])
    assert figure.sentence.startswith(f"{len(proof)} hash")
    assert figure.sentence.endswith(f"begins with {tree_root(LEAVES[:size]).hex()[:4]}.")
    shown = words(figure)
    assert all(leaf.hex()[:4] in shown for leaf in LEAVES[:size])
    boxes = [text.get_bbox_patch() for axes in figure.drawing.axes for text in axes.texts]
    warm = [
        box
        for box in boxes
        if box is not None and box.get_facecolor()[:3] == (243 / 255, 185 / 255, 148 / 255)
    ]
    assert (
        len(warm) == len(proof) and len([box for box in boxes if box is not None]) == 2 * size - 1
    )


@pytest.mark.parametrize(("size", "index"), [(1, 0), (17, 0), (4, 4), (4, -1)])
def test_a_tree_that_cannot_be_drawn_is_said(size, index):
    with pytest.raises(ValueError, match="2 to 16 leaves"):
        figures.tree((LEAVES * 2)[:size], index)


def test_forgeries_are_sorted_by_the_check_that_stops_them():
    rows = {"late": [True, True, False], "early": [False, True, False], "good": [True, True, True]}
    figure = figures.stopped(rows)
    assert figure.sentence == (
        "2 of 3 forgeries are stopped, each by a different check; accepted: good. "
        "First to fail: early: check 1; late: check 3; good: accepted."
    )
    shown = [word for word in words(figure) if word in rows]
    assert shown == ["early", "late", "good"]
    assert words(figure).count("✗") == 3 and words(figure).count("✓") == 6


@pytest.mark.parametrize("rows", [{}, {"a": [True], "b": [True, False]}])
def test_forgeries_of_different_lengths_are_refused(rows):
    with pytest.raises(ValueError, match="the same checks for each"):
        figures.stopped(rows)
