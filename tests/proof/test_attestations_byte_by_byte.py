"""Any byte of an attestation changed: it is refused, or it says the same as before in another spelling."""

import base64
import copy
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pypi_attestations import Attestation, GitHubPublisher

sys.path.insert(0, str(Path(__file__).parents[1] / "course"))
from hand_checks import NOTEBOOK, verdicts  # noqa: E402

from course.attestations import attest, statement, verdict  # noqa: E402
from course.ch07.reading import public_trusted_root  # noqa: E402
from helpers.lab import Lab  # noqa: E402
from helpers.provider.jobs import GitHubJob  # noqa: E402
from helpers.signing.trust import ClientCache  # noqa: E402

WHEEL = "octo_rocket-1.0-py3-none-any.whl"
SHA = hashlib.sha256(b"a wheel").hexdigest()
ROCKET = GitHubPublisher(repository="octo-org/rocket", workflow="release.yml")
SHARED = [HealthCheck.function_scoped_fixture]  # nothing in a bench changes
FREE = ("logIndex", "kindVersion")  # what an entry says of itself, outside of promise and proof


def leaves(value: Any, path: tuple = ()) -> list[tuple[tuple, str]]:
    """Every text in a JSON value, with the way to it."""
    if isinstance(value, dict):
        return [found for key, each in value.items() for found in leaves(each, (*path, key))]
    if isinstance(value, list):
        return [found for n, each in enumerate(value) for found in leaves(each, (*path, n))]
    return [(path, value)] if isinstance(value, str) else []


def with_text(value: Any, path: tuple, text: str) -> Any:
    changed = copy.deepcopy(value)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = text
    return changed


class Bench:
    """An attestation that is accepted, and both ways to judge another one."""

    def __init__(self, real: bool) -> None:
        self.lab = Lab()
        self.attestation = attest(self.lab, GitHubJob(), statement(WHEEL, SHA))
        self.publisher, self.name, self.sha256 = ROCKET, WHEEL, SHA
        self.root = self.lab.trusted_root
        if real:
            data = json.loads(
                (NOTEBOOK.parent / "data" / "real_attestation.json").read_text("utf-8")
            )
            [self.attestation] = data["provenance"]["attestation_bundles"][0]["attestations"]
            self.name, self.sha256 = data["file"]["name"], data["file"]["sha256"]
            repository = "trailofbits/pypi-attestations"
            self.publisher = GitHubPublisher(repository=repository, workflow="release.yml")
            self.root = public_trusted_root()
            self.lab.trust = ClientCache()

    def judge(self, attestation: Any) -> tuple[bool, bool]:
        """Whether the library accepts it, and whether the ten checks do."""
        expected = dict(filename=self.name, sha256=self.sha256,
                        repository=self.publisher.repository, workflow=self.publisher.workflow)  # fmt: skip
        library = not verdict(self.lab, attestation, self.publisher, self.name, self.sha256)
        return library, all(verdicts(attestation, self.root, **expected))


def meaning(attestation: Any) -> Any:
    """What an attestation says: base64 as bytes, numbers as numbers, an entry's own remarks left out."""
    model = Attestation.model_validate(attestation).model_dump()
    [entry] = model["verification_material"]["transparency_entries"]
    proof = entry["inclusionProof"]
    note, _, signatures = proof["checkpoint"]["envelope"].partition("\n\n")
    return (
        model["envelope"],
        model["verification_material"]["certificate"],
        int(entry["integratedTime"]),
        *(base64.b64decode(text) for text in (entry["logId"]["keyId"], entry["canonicalizedBody"])),
        base64.b64decode(entry["inclusionPromise"]["signedEntryTimestamp"]),
        [base64.b64decode(each) for each in (proof["rootHash"], *proof["hashes"])],
        (int(proof["logIndex"]), int(proof["treeSize"])),
        note,
    )


@pytest.fixture(params=[False, True], ids=["the lab's", "the real one"])
def bench(request):
    return Bench(request.param)


@settings(max_examples=400, suppress_health_check=SHARED)
@given(st.data())
def test_a_changed_byte_is_refused_unless_it_changes_nothing(bench, data):
    path, text = data.draw(st.sampled_from(leaves(bench.attestation)))
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(
        st.characters(min_codepoint=32, max_codepoint=126).filter(lambda c: c != text[place])
    )
    changed = with_text(bench.attestation, path, text[:place] + other + text[place + 1 :])
    library, by_hand = bench.judge(changed)
    if library and not set(path) & set(FREE):
        assert meaning(changed) == meaning(bench.attestation), path
    if by_hand and not library:
        # The ten checks do not read what the library does not need either.
        assert set(path) & set(FREE) or meaning(changed) == meaning(bench.attestation), path


@settings(max_examples=300, suppress_health_check=SHARED)
@given(st.data())
def test_a_changed_bit_of_what_is_encoded_is_refused(bench, data):
    path, text = data.draw(st.sampled_from(leaves(bench.attestation)))
    try:
        raw = bytearray(base64.b64decode(text, validate=True))
    except ValueError:
        return
    if not raw or set(path) & {*FREE, "treeSize", "integratedTime"}:
        return
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    changed = with_text(bench.attestation, path, base64.b64encode(bytes(raw)).decode())
    assert bench.judge(changed) == (False, False), path


def test_the_untouched_one_is_accepted(bench):
    assert bench.judge(bench.attestation) == (True, True)
