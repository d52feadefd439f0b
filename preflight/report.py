"""The report, for people, for programs, and for GitHub's annotations."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from helpers import display

from .verdicts import NEITHER, JobVerdict, Warned

VERSION = 1


@dataclass
class Report:
    """What preflight found. Displayed, it is the text for people; `jobs` and `warnings` are there to be looked through."""

    repository: str
    jobs: list[JobVerdict] = field(default_factory=list)
    warnings: list[Warned] = field(default_factory=list)
    unread: list[tuple[str, int, str]] = field(default_factory=list)
    unfollowed: list[tuple[str, int, str]] = field(default_factory=list)
    patch: str = ""

    @property
    def status(self) -> int:
        """The exit status: 1 if something will fail, else 2 if something could not be read, else 0."""
        return 1 if any(job.fails for job in self.jobs) else 2 if self.unread else 0

    @property
    def ok(self) -> bool:
        """Whether all was read, and nothing will fail."""
        return self.status == 0

    def __repr__(self) -> str:
        return self.text().rstrip("\n")

    def text(self) -> str:
        """For people."""
        lines = [line for job in self.jobs for line in _job_lines(job)]
        if not self.jobs:
            lines.append("No job publishes a Python package, as far as can be read.\n")
        for title, rows in (
            (
                "Warnings",
                [
                    _line(f"{each.file}:{each.line} [{each.code}] {each.why}")
                    + f"\n    Instead: {_line(each.instead)}"
                    for each in self.warnings
                ],
            ),
            ("Could not be read", [_line(why) for _, _, why in self.unread]),
            (
                "Could not be followed",
                [_line(f"{file}:{line} {why}") for file, line, why in self.unfollowed],
            ),
        ):
            lines += [f"{title}:", *(f"  {row}" for row in rows), ""] if rows else []
        lines.append(self.summary())
        return _printable("\n".join(lines)) + "\n"

    def summary(self) -> str:
        """One sentence."""
        failing, ways = sum(job.fails for job in self.jobs), len(self.jobs)
        said = [f"{ways or 'no'} way{'s' * (ways > 1)} to publish"]
        said += [f"{failing or 'none'} will fail"] if ways else []
        said += [f"{len(self.warnings)} warning{'s' * (len(self.warnings) != 1)}"]
        said += [f"{len(self.unread)} could not be read"] if self.unread else []
        return ", ".join(said) + "."

    def data(self) -> dict[str, Any]:
        """What `--format json` prints, documented in `preflight`."""
        return {
            "version": VERSION,
            "status": self.status,
            "repository": self.repository,
            "jobs": [_job_data(job) for job in self.jobs],
            "warnings": [vars(each) for each in self.warnings],
            "unread": [{"file": file, "line": line, "why": why} for file, line, why in self.unread],
            "unfollowed": [
                {"file": file, "line": line, "why": why} for file, line, why in self.unfollowed
            ],
            "patch": self.patch or None,
        }

    def json(self) -> str:
        """For programs."""
        return json.dumps(self.data(), indent=2) + "\n"

    def github(self) -> str:
        """Workflow commands: one annotation a line. GitHub Docs, "Workflow commands for GitHub Actions"."""
        hint = " See the fix in the text report."
        rows = [("error", job.file, job.line, job.verdict, f"{job.job}: {job.reason}{hint * bool(job.fix)}")
                for job in self.jobs if job.fails]  # fmt: skip
        rows += [("error", file, line, "could not be read", why) for file, line, why in self.unread]
        rows += [
            ("warning", each.file, each.line, each.code, f"{each.why} Instead: {each.instead}")
            for each in self.warnings
        ]
        rows += [
            ("notice", job.file, job.line, job.verdict, f"{job.job}: {job.reason}")
            for job in self.jobs
            if not job.fails
        ]
        rows += [("notice", file, line, "not followed", why) for file, line, why in self.unfollowed]
        return "".join(
            f"::{kind} file={_escape(file, True)},line={line},title={_escape(f'preflight: {title}', True)}::{_escape(why)}\n"
            for kind, file, line, title, why in rows
        )

    def _repr_html_(self) -> str:
        head = (
            "workflow, job",
            "verdict",
            "client",
            "ID token",
            "credential",
            "environment",
            "why",
        )
        rows = [
            display.toned(_row(job), display.VERMILLION if job.fails else None) for job in self.jobs
        ]
        rest = [f"{each.file}:{each.line} [{each.code}] {each.why}" for each in self.warnings]
        rest += [why for _, _, why in self.unread]
        rest += [f"{file}:{line} {why}" for file, line, why in self.unfollowed]
        items = "".join(f"<li>{display.escape(row)}</li>" for row in rest)
        table = display.table(head, rows) if rows else ""
        fixed = "".join(display.block(job.fix) for job in self.jobs if job.fix)
        return f"<p>{display.escape(self.summary())}</p>{table}{fixed}<ul>{items}</ul>"


def _row(job: JobVerdict) -> tuple[str, ...]:
    return (
        f"{job.workflow.rpartition('/')[2]}, {job.job}",
        f"{job.verdict}{': will fail' * job.fails}",
        job.client,
        "may ask" if job.id_token else "no permission",
        job.credential or "none",
        job.environment or "none",
        job.reason,
    )


def _job_lines(job: JobVerdict) -> list[str]:
    where = " → ".join(f"{file}:{line}" for file, line in job.path)
    verdict = (
        job.verdict.upper() if job.verdict == NEITHER else job.verdict + ": WILL FAIL" * job.fails
    )
    rows = [
        ("where", where),
        ("client", job.client + (f", to {job.index}" if job.index != "PyPI" else "")),
        ("permissions", job.permissions),
        ("token", job.credential or "none found"),
        ("environment", job.environment or "none"),
        ("triggers", ", ".join(f"{each.event} ({each.ref})" for each in job.triggers)),
        ("verdict", f"{verdict}. {job.reason}"),
    ]
    lines = [
        _line(f"{job.workflow}, job {job.job}"),
        *(_line(f"  {name:<12} {value}") for name, value in rows),
    ]
    if job.fix:
        lines += ["  fix, for `git apply`:", *job.fix.rstrip("\n").split("\n")]
    if job.form and (job.id_token or job.fails):
        entered = ", ".join(f"{name} {value or '(none)'}" for name, value in job.form.items())
        lines.append(_line(f"  {'on the index':<12} {entered}"))
    for claims in job.claims:
        lines.append(f"  claims, started by {claims['event_name']}:")
        lines += [
            _line(f"    {name:<17} {value}")
            for name, value in claims.items()
            if value and name != "event_name"
        ]
    for check in job.checks:
        lines.append(
            _line(
                f"  publisher, started by {check['event_name']}: {'lets it in' if check['ok'] else check['refusal']}"
            )
        )
    return [*lines, ""]


def _job_data(job: JobVerdict) -> dict[str, Any]:
    plain = (
        "workflow",
        "job",
        "client",
        "index",
        "permissions",
        "id_token",
        "environment",
        "verdict",
        "fails",
        "reason",
    )
    return {name: getattr(job, name) for name in plain} | {
        "path": [{"file": file, "line": line} for file, line in job.path],
        "credential": job.credential or None,
        "triggers": [vars(each) for each in job.triggers],
        "fix": job.fix or None,
        "publisher": job.form or None,
        "claims": list(job.claims),
        "checks": list(job.checks),
    }


def _line(text: str) -> str:
    """On one line, whatever a file has brought."""
    return re.sub(r"\s*[\r\n\u2028\u2029]\s*", " ", text)


def _printable(text: str) -> str:
    """Without the control characters that a file may have brought, but for the line breaks; a diff keeps its carriage
    returns."""
    return re.sub(
        r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", "\ufffd", text
    )


def _escape(text: str, in_property: bool = False) -> str:
    """As GitHub's runner wants it."""
    text = _printable(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return text.replace(":", "%3A").replace(",", "%2C") if in_property else text
