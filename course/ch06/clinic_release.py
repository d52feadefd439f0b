"""A release of the clinic: the pipelines that the pushed tag starts, and what is said of a fix."""

import re
from dataclasses import dataclass, replace

from course.ch06.clinic_cases import DATA, Situation
from course.ch06.hardened import publish_backend
from course.ch06.pipeline import Pipeline, refusal
from course.ch06.workflows import REF, TAG
from course.desk import exchange
from helpers.lab import PUBLISHER, Lab, set_aside


@dataclass(frozen=True)
class Outcome:
    """The result of a release: the CI log, whether PyPI has the files, and what is not advised."""

    log: str
    ok: bool
    advice: tuple[str, ...] = ()


def release(situation: Situation) -> Outcome:
    """Push the tag: run the jobs that it starts, in a lab of its own."""
    with set_aside(), prepared(situation) as lab, lab.serve() as live:
        publish_backend(lab)
        approved_by = "".join(situation.environment.reviewers[:1])
        more = situation.package, situation.build, approved_by
        runs = [Pipeline(lab, live, jobs, *more) for jobs in situation.runs]
        log = [run.run() for run in runs]
        green = [run.ok for run in runs]
        project = lab.index.projects.get(situation.package)
        ok = bool(green) and all(green) and project is not None and bool(project.files)
        if not green:
            log.append(f"The tag {TAG} was pushed. No workflow started.")
        elif all(green) and not ok:
            log.append(f"CI is green, but PyPI has no files of {situation.package} {TAG[1:]}.")
        return Outcome("\n".join(log), ok, tuple(_advice(lab, situation)) if ok else ())


def prepared(situation: Situation) -> Lab:
    """Return a lab with the publisher and the environment of the situation."""
    lab = Lab()
    lab.index.remove_publisher("octo-rocket", PUBLISHER)
    lab.test_index.add_project("octo-rocket", owner="alice")
    lab.github.repository("octo-org/rocket").environments["pypi"] = situation.environment
    index = lab.index if situation.form["index"] == "PyPI" else lab.test_index
    if situation.form["project"] in index.projects:
        index.add_publisher(situation.form["project"], situation.publisher)
    else:
        index.add_pending_publisher(situation.form["project"], situation.publisher, owner="alice")
    return lab


def _advice(lab: Lab, situation: Situation) -> list[str]:
    """Return what a maintainer should not leave so, although the release went out."""
    planned = situation.publishing
    assert planned is not None
    found = [DATA["advice"]["called"]] if planned.job.called_workflow else []
    if any(
        re.search(r"^\s*permissions:\s*write-all", t, re.M) for t in situation.workflows.values()
    ):
        found.append(DATA["advice"]["write-all"])
    elif "permissions" not in planned.said:
        found.append(DATA["advice"]["inherited"])
    let_in = []
    for who, differs in DATA["intruders"].items():
        called = planned.job.called_workflow.replace(REF, differs.get("ref", REF))
        job = replace(planned.job, **{"called_workflow": called, **differs})
        if not refusal(lab, job) and not exchange(lab, lab.github.id_token(job))[1]:
            let_in.append(who)
    return found + [f"now others get a token, too: {'; '.join(let_in)}."] * bool(let_in)
