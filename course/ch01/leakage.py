"""Exposure windows: how long a leaked credential works, as a model and as a table of incidents.

A leaked token works until someone notices and revokes it, or until it expires or is replaced. The
time until detection is a mixture of exponentials: groups of leaks, each with a share and a mean.
Mean windows are taken over a horizon, because most of the slow group outlives any. All times are in
days.
"""

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

SECOND = 1 / 86_400
MINUTE = 60 * SECOND
YEAR = 365.25
HORIZON = 4 * YEAR
"""Days over which exposure is counted: as long as the longest survey in the table of incidents."""
NEVER = math.inf

_CHUNK = 250_000  # draws that fit into a processor's cache


@dataclass(frozen=True)
class Detection:
    """The time until a leak is noticed and the token revoked, as groups of leaks.

    shares: the share of each group; they add up to 1. means: the mean of each, in days, above 0.
    Raises ValueError otherwise.
    """

    shares: tuple[float, ...]
    means: tuple[float, ...]

    def __post_init__(self) -> None:
        if (
            len(self.shares) != len(self.means)
            or not math.isclose(sum(self.shares), 1)
            or min(self.means) <= 0
        ):
            raise ValueError(
                f"expected shares that add up to 1, with positive means, got {self.shares}, "
                f"{self.means}"
            )

    def alive(self, days: ArrayLike) -> NDArray[np.float64]:
        """Return the share of leaked tokens that nobody has revoked after so many days."""
        after = np.asarray(days, dtype=float)[..., np.newaxis]
        return (np.array(self.shares) * np.exp(-after / np.array(self.means))).sum(axis=-1)

    def faster(self, factor: float) -> "Detection":
        """Return the same groups, each `factor` times as fast."""
        return Detection(self.shares, tuple(mean / factor for mean in self.means))

    def draw(self, rng: np.random.Generator, size: int) -> NDArray[np.float64]:
        """Draw the days until detection of `size` leaks, sorted by group."""
        counts = rng.multinomial(size, self.shares)
        return np.concatenate(
            [rng.exponential(mean, n) for mean, n in zip(self.means, counts, strict=True)]
        )


def one_speed(days: float, alive: float) -> Detection:
    """Return the one exponential that leaves the share `alive` after so many days."""
    return Detection((1.0,), (-days / math.log(alive),))


def two_speeds(
    days: float, alive: float, *, late: float, late_alive: float, early: float, early_share: float
) -> Detection:
    """Fit two exponentials to three facts.

    The share `alive` works after `days` days, `late_alive` after `late` days. Of the tokens that
    were revoked within `days`, the share `early_share` was revoked within `early` days. The fast
    group counts as gone by `days`. Raises ValueError for facts that contradict each other.
    """
    slow = (late - days) / math.log(alive / late_alive)
    share = alive * math.exp(days / slow)
    gone_early = early_share * (1 - alive)  # of all leaks
    left = 1 - (gone_early - share * -math.expm1(-early / slow)) / (1 - share)
    if not (0 < share < 1 and 0 < left < 1):
        raise ValueError(
            "expected facts that two speeds can meet, got some that contradict each other"
        )
    return Detection((1 - share, share), (-early / math.log(left), slow))


@dataclass(frozen=True)
class Policy:
    """A team's measures for its tokens. Times are in days, counted from the leak.

    projects: the number of projects that the token can publish. lifetime: the token expires so long
    after it was minted, and leaks at once. rotation: replaced every so many days, it leaks at
    any moment in between. faster: detection is so many times as fast.
    """

    name: str
    projects: int = 1
    lifetime: float = NEVER
    rotation: float = NEVER
    faster: float = 1

    def alive(self, days: ArrayLike, detection: Detection) -> NDArray[np.float64]:
        """Return the share of leaked tokens that still work after so many days."""
        after = np.asarray(days, dtype=float)
        rotated = np.clip(1 - after / self.rotation, 0, 1)
        return detection.faster(self.faster).alive(after) * rotated * (after < self.lifetime)

    def exposure(self, detection: Detection, horizon: float = HORIZON) -> float:
        """Return the mean days for which a leaked token works within the horizon.

        This is the integral of `alive`, in closed form.
        """
        return sum(self.by_group(detection, horizon))

    def by_group(self, detection: Detection, horizon: float = HORIZON) -> list[float]:
        """Return what each group of leaks adds to the mean exposure, in days."""
        end = min(self.lifetime, self.rotation, horizon)
        parts = []
        for share, mean in zip(detection.shares, detection.faster(self.faster).means, strict=True):
            x = end / mean
            dead = -math.expm1(-x)  # 1 - exp(-x), exact for small x too
            parts.append(
                share * (mean * dead - mean**2 * (dead - x * math.exp(-x)) / self.rotation)
            )
        return parts

    def project_days(self, detection: Detection, horizon: float = HORIZON) -> float:
        """Return the mean exposure in project-days: days, times the projects of the token."""
        return self.projects * self.exposure(detection, horizon)


@dataclass(frozen=True)
class Simulated:
    """The mean of many simulated exposures in days, and its standard error."""

    mean: float
    standard_error: float


def simulate(
    policy: Policy, detection: Detection, *, releases: int, seed: int, horizon: float = HORIZON
) -> Simulated:
    """Let the tokens of so many releases leak, and measure how long each works.

    The same seed gives the same result.
    """
    rng = np.random.default_rng(seed)
    speeds, cut = detection.faster(policy.faster), min(policy.lifetime, horizon)
    total = squares = 0.0
    for start in range(0, releases, _CHUNK):
        days = speeds.draw(rng, min(_CHUNK, releases - start))
        if policy.rotation < NEVER:
            np.minimum(days, rng.uniform(0, policy.rotation, days.size), out=days)
        np.minimum(days, cut, out=days)
        total += float(days.sum())
        squares += float(days @ days)
    mean = total / releases
    return Simulated(mean, math.sqrt(max(squares / releases - mean**2, 0) / releases))


@dataclass(frozen=True)
class Incident:
    """A row of the table of incidents. `days` and `share_alive` are None if not known."""

    incident: str
    clock: str
    """The kind of time that is measured: "credential", "release", "survey" or "thief"."""
    start: str
    end: str
    days: float | None
    share_alive: float | None
    known: str
    """The precision of the number, or the reason why there is none."""
    source: str

    @property
    def bound(self) -> str:
        """Either "at most", or "" where the number is not only an upper bound."""
        return "at most" if "bound" in self.known else ""

    @property
    def length(self) -> str:
        """The days as text, such as "at most 10 days"; "?" where they are not known."""
        return f"{self.bound} {duration(self.days)}".strip() if self.days else "?"

    @classmethod
    def read(cls, row: Mapping[str, str]) -> "Incident":
        """Return the incident in a row of the file."""
        days = float(row["seconds"]) * SECOND if row["seconds"] else None
        share = float(row["share_alive"]) if row["share_alive"] else None
        return cls(
            row["incident"],
            row["clock"],
            row["start"],
            row["end"],
            days,
            share,
            row["known"],
            row["source"],
        )


def incidents(path: str | Path) -> list[Incident]:
    """Read the table of incidents from a CSV file. Lines that begin with `#` are comments."""
    lines = [
        line
        for line in Path(path).read_text(encoding="utf-8").splitlines()
        if not line.startswith("#")
    ]
    return [Incident.read(row) for row in csv.DictReader(lines)]


def lengths(table: list[Incident], clock: str) -> list[tuple[str, float, str]]:
    """Return the incidents of one clock whose length is known, as rows of `figures.lifetimes`."""
    return [(row.incident, row.days, row.bound) for row in table if row.clock == clock and row.days]


def duration(days: float) -> str:
    """Return a time in the unit that suits it: "40 s", "2 h 32 min", "483 days", "27 years"."""
    if days < 2 * MINUTE:
        return f"{days / SECOND:.3g} s"
    if days < 120 * MINUTE:
        return f"{days / MINUTE:.3g} min"
    if days < 1:
        hours, minutes = divmod(round(days / MINUTE), 60)
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    if days < 3 * YEAR:
        return f"{days:,.0f} days" if days >= 100 else f"{days:.3g} day{'' if days == 1 else 's'}"
    return f"{days / YEAR:.3g} years"
