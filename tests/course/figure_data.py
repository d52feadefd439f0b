"""Every figure, drawn from the chapters' own data and from other data: for the tests of figures.

Own data are made as the chapters make them, by the lab and by the chapters' tools. Other data are
shaped differently: fewer or more rows, longer words, the opposite finding.
"""

import csv
import itertools
import json
import math
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt

from course import desk
from course.ch00 import figures as ch00
from course.ch01 import figures as ch01
from course.ch01 import leakage
from course.ch02 import figures as ch02
from course.ch03 import figures as ch03
from course.ch03 import key_caches
from course.ch04 import figures as ch04
from course.ch05 import figures as ch05
from course.ch06 import figures as ch06
from course.ch07 import figures as ch07
from course.ch08 import figures as ch08
from course.ch08.attacks import GROUPS
from course.ch08.grid import COLUMNS, SPANS, Outcome
from course.figure import Figure
from helpers.events import Event
from helpers.index.claim_checks import ClaimCheck, ClaimChecks
from helpers.index.publishers import GitHubPublisher, GitLabPublisher
from helpers.lab import Lab
from helpers.oidc.jws import IdToken
from helpers.provider.jobs import GitHubJob, GitLabJob
from helpers.signing.signature_log import leaf_hash

DATA = Path(__file__).parents[2] / "notebooks" / "data"
NINE = datetime(2026, 11, 23, 9, tzinfo=UTC)
INFO = bytes.fromhex("3031300d060960864801650304020105000420")


def table(name: str) -> list[dict[str, str]]:
    lines = (DATA / name).read_text(encoding="utf-8").splitlines()
    return list(csv.DictReader(lines[1:]))


# ---------------------------------------------------------------- 00


def other_hours() -> list[dict[str, str]]:
    rows = [
        ("2027-01-01 02:00:00", "upload", "2.0", "uploaded"),
        ("2027-01-01 09:03:00", "main", "", "one line too few"),
        ("2027-01-01 09:20:30", "main", "2.1", "release commit"),
        ("2027-01-01 09:40:10", "main", "", "the line is added"),
        ("2027-01-01 09:52:00", "upload", "2.2", "uploaded"),
    ]
    return [dict(zip(("time", "kind", "version", "what"), row, strict=True)) for row in rows]


def messages() -> list[tuple[str, ...]]:
    return [tuple(row.values()) for row in table("messages.csv")]


OTHER_MESSAGES = [
    ("maintainer", "CI job", "a long-lived password for everything", "11", "disappears"),
    ("CI job", "identity provider", "hello", "12", "new"),
    ("index", "identity provider", "which keys?", "13", "stays"),
    ("installer", "index", "files, please", "14", "stays"),
]

# ---------------------------------------------------------------- 01


def incidents() -> dict[str, list[ch01.Row]]:
    rows = [leakage.Incident.read(row) for row in table("incidents.csv")]
    design = [
        ("a user's API token", leakage.NEVER, "no expiry"),
        ("minted API token", 900 * leakage.SECOND, ""),
        ("GitHub's ID token", 300 * leakage.SECOND, ""),
    ]
    return {
        "a leaked credential": leakage.lengths(rows, "credential"),
        "a malicious release": leakage.lengths(rows, "release"),
        "lifetime by design": design,
        "thief, until first use": leakage.lengths(rows, "thief"),
    }


OTHER_GROUPS = {
    "by design": [("a user's token", math.inf, "no expiry"), ("another", 9 * leakage.SECOND, "")],
}


def speeds() -> tuple[leakage.Detection, leakage.Detection]:
    one = leakage.one_speed(31, 0.74)
    times = {"late": 4 * leakage.YEAR, "late_alive": 0.64}
    return one, leakage.two_speeds(31, 0.74, early=3, early_share=0.9, **times)


POINTS = [
    (3, 0.766, "day 3: 77%", True),
    (31, 0.74, "day 31: 74%", False),
    (4 * leakage.YEAR, 0.64, "year 4: 64%", False),
]


def survival() -> Figure:
    one, two = speeds()
    return ch01.survival(POINTS, {"one speed": one, "two speeds": two})


def other_survival() -> Figure:
    quick, slow = leakage.one_speed(10, 0.5), leakage.one_speed(200, 0.5)
    points = [(10, 0.5, "day 10: half", False), (400, 0.05, "day 400: few", True)]
    return ch01.survival(points, {"quick": quick, "slow": slow})


def policies() -> list[tuple[str, float]]:
    rows = [
        leakage.Policy("nothing changes", projects=12),
        leakage.Policy("detect twice as fast", projects=12, faster=2),
        leakage.Policy("one project, not twelve"),
        leakage.Policy("rotate every 90 days", projects=12, rotation=90),
        leakage.Policy("rotate every 30 days", projects=12, rotation=30),
        leakage.Policy("minted: 15 minutes", lifetime=15 * leakage.MINUTE),
        leakage.Policy("minted, burned after use", lifetime=20 * leakage.SECOND),
    ]
    return [(row.name, row.project_days(speeds()[1])) for row in rows]


OTHER_POLICIES = [("nothing", 900.0), ("less", 25.0), ("a bit less than nothing", 600.0)]

# ---------------------------------------------------------------- 02

TIMES = {"iat": 0, "nbf": 60, "exp": 360}


def life(leeway: int, seconds: int = 421) -> list[str]:
    return [
        "not yet" if s < 60 - leeway else "valid" if s < 360 + leeway else "expired"
        for s in range(seconds)
    ]


# ---------------------------------------------------------------- 03


def block(size: int, digest: bytes) -> bytes:
    return b"\0\1" + b"\xff" * (size - 54) + b"\0" + INFO + digest


class AskOnMiss:
    """The chapter's first cache: it fetches when a `kid` is not among its keys."""

    def __init__(self, lab: Lab) -> None:
        self.lab, self.keys = lab, {}

    def key(self, issuer: str, kid: str) -> jwt.PyJWK:
        if kid not in self.keys:
            self.keys = key_caches.fetch_keys(self.lab, issuer)
        return jwt.PyJWK(self.keys[kid])


def key_hour() -> Figure:
    with Lab() as lab:
        stores = {"ask on miss": AskOnMiss(lab), **key_caches.other_stores(lab)}
        logs = {
            name: key_caches.forty_minutes(lab, stores[name])
            for name in ("ask on miss", "PyJWKClient", "KeyStore")
        }
    return ch03.key_hour({"old key": (0, 15), "new key": (5, 40)}, logs)


def other_key_hour() -> Figure:
    log = [(m, who, who == "honest") for m in range(20) for who in ("honest", "Mallory")]
    rows = [(m, who, ok and m != 7, m in (0, 12)) for m, who, ok in log]
    rows.insert(20, (10, "somebody", False, True))
    return ch03.key_hour({"first": (0, 12), "second": (6, 20)}, {"one store": rows})


# ---------------------------------------------------------------- 04


def event(
    service, action, detail="done", *, actor="octo-org/rocket", client="learner", ok=True, later=0
):
    time = NINE + timedelta(seconds=later)
    return Event(time, service, action, actor, None, detail, ok, client)


def exchange_events() -> list[Event]:
    with Lab() as lab:
        before = len(lab.events)
        lab.http.get("https://pypi.test/_/oidc/audience")
        variables = lab.github.job_environment(GitHubJob())
        url = f"{variables['ACTIONS_ID_TOKEN_REQUEST_URL']}&audience=pypi"
        bearer = f"bearer {variables['ACTIONS_ID_TOKEN_REQUEST_TOKEN']}"
        answer = lab.http.get(url, headers={"Authorization": bearer})
        api_token, _ = desk.exchange(lab, answer.json()["value"])
        desk.upload(lab, api_token, "octo_rocket-0.1-py3-none-any.whl")
        return list(lab.events[before:])


def refused_events() -> list[Event]:
    return [
        event("gitlab", "id-token", "audience pypi", client="uv"),
        event("index", "mint-token", "invalid-publisher: no match", ok=False, client="uv"),
        event("index", "warn", "uploaded by hand", actor="index", client=""),
        event("index", "mint-token", "token 1 for octo-rocket", client="uv", later=1200),
    ]


def minted(order: str) -> int:
    """How many tokens are minted when each request first looks and then adds."""
    seen, looked, count = False, {}, 0
    for who in order:
        if who not in looked:
            looked[who] = seen
        elif not looked[who]:
            seen, count = True, count + 1
    return count


ORDERS = sorted({"".join(order) for order in itertools.permutations("AABB")})

# ---------------------------------------------------------------- 05

FIELDS = {
    "owner": "octo-org",
    "owner_id": "65",
    "repository": "rocket",
    "workflow": "release.yml",
    "environment": "pypi",
}
FORMS = {
    "as it should be": {},
    "no environment": {"environment": ""},
    "another filename": {"workflow": "publish.yml"},
    "a capital letter": {"repository": "Rocket"},
    "another owner's id": {"owner_id": "9001"},
}


def claims_of(lab: Lab, job: object) -> dict[str, object]:
    return IdToken.decode(lab.issuer_of(job).id_token(job)).claims


def forms() -> dict[str, ClaimChecks]:
    with Lab() as lab:
        claims = claims_of(lab, GitHubJob())
    return {
        name: GitHubPublisher(**FIELDS | changes).check(claims) for name, changes in FORMS.items()
    }


def gitlab_jobs() -> dict[str, ClaimChecks]:
    publisher = GitLabPublisher(namespace="octo-org", project="rocket", environment="pypi")
    release = GitLabJob(environment="pypi")
    jobs = {
        "the release": release,
        "namespace taken over": replace(release, namespace_id="9001", project_id="9002"),
        "environment PyPI": replace(release, environment="PyPI"),
        "in Octo-Org": replace(release, namespace="Octo-Org"),
    }
    with Lab() as lab:
        return {name: publisher.check(claims_of(lab, job)) for name, job in jobs.items()}


def rule(claim, ok, expected="a", got="a"):
    return ClaimCheck(claim, expected, got, ok, "" if ok else "no")


FITS = [rule("repository", True), rule("environment", True)]
LONG = "octo-org/" + "rocket-" * 12 + "x"
DIFFERS = [rule("repository", False, LONG, "octo-org/b"), rule("environment", False, "pypi", "a")]
GAUNTLET = {
    "the release": (True, True, False),
    "its nightly job": (False, True, False),
    "tests in ci.yml": (False, False, True),
    "octo-org, registered anew": (False, False, False),
    "octo-org/rocket, made anew by a member": (True, True, False),
}


def gauntlet() -> Figure:
    names = ("release.yml, pypi", "release.yml", "ci.yml")
    rows = {job: dict(zip(names, row, strict=True)) for job, row in GAUNTLET.items()}
    return ch05.gauntlet(rows, honest=["the release"])


# ---------------------------------------------------------------- 06

NOTHING, DEAD, STRANGE = "has nothing to show", "sends a dead token", "is not known to the index"
GAPS = {
    (0, ""): 16,
    (1, NOTHING): 240,
    (1, DEAD): 120,
    (2, NOTHING): 96,
    (2, DEAD): 72,
    (2, STRANGE): 48,
    (3, NOTHING): 24,
    (3, DEAD): 36,
    (3, STRANGE): 24,
    (4, NOTHING): 8,
    (4, DEAD): 20,
    (5, DEAD): 16,
}

# ---------------------------------------------------------------- 07


def anatomy() -> Figure:
    data = json.loads((DATA / "real_attestation.json").read_text(encoding="utf-8"))
    [real] = data["provenance"]["attestation_bundles"][0]["attestations"]
    return ch07.anatomy(real)


def leaves(count: int) -> list[bytes]:
    return [leaf_hash(bytes([n])) for n in range(count)]


FORGERIES = {
    "a file of her own": (False, True, True),
    "Alice's attestation with another digest written into it": (True, False, False),
    "nothing at all": (True, True, True),
}

# ---------------------------------------------------------------- 08

ATTACKS = {heading: [str(each.__doc__) for each in group] for heading, group in GROUPS.items()}


def measured() -> ch08.Grid:
    """The grid as it was measured; `tests/proof/test_whole_grid.py` compares it with the lab."""
    with Path(__file__).with_name("grid.csv").open(encoding="utf-8", newline="") as file:
        rows = {row.pop("attack"): row for row in csv.DictReader(file)}
    return {
        name: {
            column: Outcome(SPANS.index(cell.removesuffix(" ×2")), 1 + cell.endswith("×2"))
            for column, cell in row.items()
        }
        for name, row in rows.items()
    }


OTHER_GRID = {
    "an attack that all of them stop": dict.fromkeys(COLUMNS, Outcome(0)) | {"none": Outcome(5)},
    "an attack with days": dict.fromkeys(COLUMNS, Outcome(4)) | {"all": Outcome(0)},
}


# ---------------------------------------------------------------- all of them

DRAWINGS: dict[str, Callable[[], Figure]] = {
    "00_release_hours": lambda: ch00.release_hours(table("release_0105.csv")),
    "00_release_hours_other": lambda: ch00.release_hours(other_hours()),
    "00_series_map": lambda: ch00.series_map(messages()),
    "00_series_map_other": lambda: ch00.series_map(OTHER_MESSAGES),
    "01_lifetimes": lambda: ch01.lifetimes(incidents()),
    "01_lifetimes_other": lambda: ch01.lifetimes(OTHER_GROUPS),
    "01_survival": survival,
    "01_survival_other": other_survival,
    "01_ranking": lambda: ch01.ranking(policies()),
    "01_ranking_other": lambda: ch01.ranking(OTHER_POLICIES),
    "02_token_life": lambda: ch02.token_life(TIMES, {0: life(0), 30: life(30)}),
    "02_token_life_other": lambda: ch02.token_life({"exp": 360}, {5: life(5, 370)}),
    "03_signature_block": lambda: ch03.signature_block(block(256, bytes(range(100, 132)))),
    "03_signature_block_other": lambda: ch03.signature_block(block(128, bytes(32))),
    "03_key_hour": key_hour,
    "03_key_hour_other": other_key_hour,
    "04_sequence": lambda: ch04.sequence(exchange_events()),
    "04_sequence_other": lambda: ch04.sequence(refused_events()),
    "04_interleavings": lambda: ch04.interleavings([(each, minted(each)) for each in ORDERS]),
    "04_interleavings_other": lambda: ch04.interleavings([("AB", 1), ("BA", 1)], ("claim",)),
    "05_matching": lambda: ch05.matching(forms()),
    "05_matching_jobs": lambda: ch05.matching(gitlab_jobs(), across="job"),
    "05_matching_other": lambda: ch05.matching({"first": DIFFERS, "a second one": DIFFERS}),
    "05_gauntlet": gauntlet,
    "05_gauntlet_other": lambda: ch05.gauntlet({"a": {"x": False}, "b": {"x": True}}, ["a"]),
    "06_first_gaps": lambda: ch06.first_gaps(GAPS, steps=6),
    "06_first_gaps_other": lambda: ch06.first_gaps({(0, ""): 1, (2, DEAD): 1}, steps=2),
    "07_anatomy": anatomy,
    "07_tree": lambda: ch07.tree(leaves(6), 2),
    "07_tree_other": lambda: ch07.tree(leaves(4), 1),
    "07_stopped": lambda: ch07.stopped(FORGERIES),
    "07_stopped_other": lambda: ch07.stopped({"a": (True, False), "b": (False, False)}),
    "08_matrix": lambda: ch08.matrix(measured(), ATTACKS),
    "08_matrix_other": lambda: ch08.matrix(OTHER_GRID, {"Only these": list(OTHER_GRID)}),
}
