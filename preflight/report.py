"""The report, for people, for programs, and for GitHub's annotations; and the one exit that all of
it passes through."""

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, fields, is_dataclass, replace
from itertools import groupby
from typing import Any

from .advice import Warned
from .migration import Step
from .publishing import Publication
from .verdicts import NEITHER, TRUSTED, JobVerdict
from .workflows import Note

VERSION = 1
_SECRETS = (
    r"pypi-(?:A[gw]E[\w-]*|(?=[\w-]{0,200}[A-Z0-9_])[\w-]{30,})|gh[pousr]_\w{16,}|"
    r"github_pat_\w{16,}|glpat-[\w-]{16,}|eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*"
)
_IN_ADDRESS = re.compile(r"(?<=://)[^\s/@'\"<>]{1,300}(?=@)")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_COMMAND = re.compile(r"^[\s\ufeff]*::", re.MULTILINE)
"""What GitHub's runner takes for a workflow command when a step prints it."""
_PLAIN = "workflow job client index permissions id_token environment verdict fails reason".split()


def cut(text: str, literals: Collection[str] = ()) -> str:
    """Return a text without tokens, credentials in addresses, the `literals`, control characters
    other than line breaks and tabs, and `##[`, which GitHub takes anywhere for a command."""
    for literal in literals:
        text = text.replace(literal, "***")
    if re.search(r"pypi-|gh\w_|_pat_|glpat|eyJ", text):
        text = re.sub(_SECRETS, "***", text)
    text = _IN_ADDRESS.sub("***", text) if "://" in text and "@" in text else text
    return _CONTROL.sub("\ufffd", text).replace("##[", "## [")


def _clean(value: Any, literals: Collection[str]) -> Any:
    """A value with all its texts cut. A diff with a secret or a workflow command is left out."""
    if isinstance(value, str):
        text = cut(value, literals)
        hidden = text != value or _COMMAND.search(value.replace("\n ", "\n"))
        return "" if value.startswith("--- a/") and hidden else text
    if isinstance(value, (list, tuple)):
        return type(value)(_clean(each, literals) for each in value)
    if isinstance(value, dict):
        return {_clean(k, literals): _clean(v, literals) for k, v in value.items()}
    if is_dataclass(value) and not isinstance(value, (type, Publication)):
        new = {each.name: _clean(getattr(value, each.name), literals) for each in fields(value)}
        return replace(value, **new)
    return value


@dataclass
class Report:
    """All that preflight found. Displayed, it is the text for people; `jobs`, `steps` and
    `warnings` are there to be looked through. `steps` lead from stored tokens to none; `patch` is
    all fixes in one diff; `checked` says whether a publisher was given."""

    repository: str
    jobs: list[JobVerdict] = field(default_factory=list)
    warnings: list[Warned] = field(default_factory=list)
    unread: list[Note] = field(default_factory=list)
    unfollowed: list[Note] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    patch: str = ""
    checked: bool = False

    @property
    def status(self) -> int:
        """The exit status: 1 if something will fail, else 2 if something could not be read."""
        return 1 if any(job.fails for job in self.jobs) else 2 if self.unread else 0

    @property
    def ok(self) -> bool:
        """Whether all was read, and nothing will fail."""
        return self.status == 0

    def cleaned(self, literals: Collection[str] = ()) -> "Report":
        """Return the report as it may be shown, in any format. `literals` are known secrets."""
        found = {job.found.credential.literal for job in self.jobs if job.found.credential}
        words = {"__token__", "password"}  # not secret, and part of what is said
        long = [each for each in {*found, *literals} - words if len(each) >= 8]
        return _clean(self, sorted(long, key=len, reverse=True))  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return self.text().rstrip("\n")

    def text(self) -> str:
        lines: list[str] = []
        for _, ways in groupby(self.jobs, key=_place):
            lines += _job_lines(list(ways))
        if not self.jobs:
            lines.append("No job publishes a Python package, as far as can be read.\n")
        plan = [f"{n}. ({each.where}) {each.what}" for n, each in enumerate(self.steps, 1)]
        for title, rows in (
            ("To publish without a stored token (the diffs are in the JSON report)", plan),
            ("Warnings", map(_warning, self.warnings)),
            ("Could not be read", [_line(why) for _, _, why in self.unread]),
            ("Could not be followed", [_line(f"{f}:{n} {why}") for f, n, why in self.unfollowed]),
        ):
            shown = [f"  {row}" for row in rows]
            lines += [f"{title}:", *shown, ""] if shown else []
        return "\n".join([*lines, self.summary(), ""])

    def summary(self) -> str:
        failing, ways = sum(job.fails for job in self.jobs), len(self.jobs)
        said = [f"{ways or 'no'} way{'s' * (ways > 1)} to publish"]
        open_ = not self.checked and any(job.verdict == TRUSTED for job in self.jobs)
        none = f"no fault found{' if the publishers are registered' * open_}"
        said += [f"{failing} will fail" if failing else none] if ways else []
        said += [f"{len(self.warnings)} warning{'s' * (len(self.warnings) != 1)}"]
        said += [f"{len(self.unread)} could not be read"] if self.unread else []
        said += [f"{len(self.unfollowed)} could not be followed"] if self.unfollowed else []
        return ", ".join(said) + "."

    def data(self) -> dict[str, Any]:
        """Return what `--format json` prints, documented in `preflight`."""
        return {
            "version": VERSION,
            "status": self.status,
            "repository": self.repository,
            "jobs": [_job_data(job) for job in self.jobs],
            "warnings": [{**vars(each), "fix": each.fix or None} for each in self.warnings],
            "unread": [_named("file line why", each) for each in self.unread],
            "unfollowed": [_named("file line why", each) for each in self.unfollowed],
            "steps": [{**vars(each), "diff": each.diff or None} for each in self.steps],
            "patch": self.patch or None,
        }

    def json(self) -> str:
        return json.dumps(self.data(), indent=2) + "\n"

    def github(self) -> str:
        """Return workflow commands: one annotation a line."""
        hint = " See the fix in the text report."
        jobs = [(job.fails, job.file, job.line, job.verdict,
                 f"{job.job}: {job.reason}{hint * bool(job.fix and job.fails)}")
                for job in self.jobs]  # fmt: skip
        told = [(w, f"{w.why} Instead: {w.instead}") for w in self.warnings]
        rows = [
            *(("error", *row) for fails, *row in jobs if fails),
            *(("error", file, line, "could not be read", why) for file, line, why in self.unread),
            *(("warning", w.file, w.line, w.code, words) for w, words in told),
            *(("notice", *row) for fails, *row in jobs if not fails),
            *(("notice", file, line, "not followed", why) for file, line, why in self.unfollowed),
        ]
        return "".join(map(_annotation, rows))


def _place(job: JobVerdict) -> tuple[object, ...]:
    return job.workflow, job.found.context.callers, job.file, job.job


def _row(name: str, value: object) -> str:
    return _line(f"  {name:<12} {value}")


def _job_lines(ways: list[JobVerdict]) -> Iterator[str]:
    """One heading for each job, and below it every way in which it publishes."""
    first = ways[0]
    yield _line(f"{first.workflow}, job {first.job}")
    yield _row("permissions", first.permissions)
    yield _row("environment", first.environment or "none")
    for job in ways:
        yield from _way_lines(job)
    form = ", ".join(f"{name} {value or '(none)'}" for name, value in first.form.items())
    yield _row("on the index", form)
    before: dict[str, str] = {}
    for claims in first.claims:
        yield f"  claims, started by {claims['event_name']}:"
        for name, value in claims.items():  # what the trigger before has said is not said again
            if value and name != "event_name" and before.get(name) != value:
                yield _line(f"    {name:<17} {value}")
        before = claims
    yield ""


def _way_lines(job: JobVerdict) -> Iterator[str]:
    verdict = job.verdict + ": WILL FAIL" * job.fails
    verdict = job.verdict.upper() if job.verdict == NEITHER else verdict
    perhaps = {True: "", False: ", perhaps"}
    yield _row("client", job.client + (f", to {job.index}" if job.index != "PyPI" else ""))
    yield _row("where", " → ".join(f"{file}:{line}" for file, line in job.path))
    yield _row("token", job.credential or "none found")
    started = ", ".join(f"{t.event} ({t.ref}{perhaps[t.certain]})" for t in job.triggers)
    yield _row("triggers", started)
    yield _row("verdict", f"{verdict}. {job.reason}")
    if job.fix:
        yield from ["  fix, for `git apply`:", *job.fix.rstrip("\n").split("\n")]
    for check in job.checks:
        said = "lets it in" if check["ok"] else check["refusal"]
        yield _line(f"  publisher, started by {check['event_name']}: {said}")


def _warning(each: Warned) -> str:
    why = _line(f"{each.file}:{each.line} [{each.code}] {each.why}")
    return f"{why}\n    Instead: {_line(each.instead)}\n{each.fix}".rstrip("\n")


def _job_data(job: JobVerdict) -> dict[str, Any]:
    return {
        **{name: getattr(job, name) for name in _PLAIN},
        "path": [_named("file line", each) for each in job.path],
        "credential": job.credential or None,
        "triggers": [
            _named("event ref certain", (t.event, t.ref, t.certain)) for t in job.triggers
        ],
        "fix": job.fix or None,
        "publisher": job.form,
        "claims": list(job.claims),
        "checks": list(job.checks),
    }


def _named(names: str, values: tuple[object, ...]) -> dict[str, Any]:
    return dict(zip(names.split(), values, strict=True))


def _annotation(row: tuple[Any, ...]) -> str:
    kind, file, line, title, why = row
    where = f"file={_escape(file, True)},line={line},title={_escape(f'preflight: {title}', True)}"
    return f"::{kind} {where}::{_escape(why)}\n"


def _line(text: str) -> str:
    return re.sub(r"\s*[\r\n\u2028\u2029]\s*", " ", text)


def _escape(text: str, in_property: bool = False) -> str:
    text = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return text.replace(":", "%3A").replace(",", "%2C") if in_property else text
