"""Preflight against the lab: what it predicts is what the identity provider says, and what it foretells is what happens."""

import io
import random
from dataclasses import dataclass

import corpus
import field_cases
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_preflight_corpus import lay_out

import preflight
from helpers.index.publishers import GitHubPublisher
from helpers.lab import Lab
from helpers.oidc.jws import IdToken
from helpers.provider.jobs import GitHubJob
from preflight.files import Repository

PREDICTED = ("event_name", "ref", "environment", "job_workflow_ref")

NAMES = st.from_regex(r"[a-z][a-z0-9_-]{0,8}", fullmatch=True)
STARTS = {
    "push: {branches: [BRANCH]}": ("push", "refs/heads/{}"),
    "push: {tags: [BRANCH]}": ("push", "refs/tags/{}"),
    "release: {types: [published]}": ("release", "refs/tags/TAG"),
    "workflow_dispatch:": ("workflow_dispatch", "refs/heads/BRANCH"),
    "schedule: [{cron: '0 5 * * *'}]": ("schedule", "refs/heads/DEFAULT_BRANCH"),
    "pull_request:": ("pull_request", "refs/pull/NUMBER/merge"),
}
"""Ways to start a workflow, and what the provider says of each."""


@dataclass(frozen=True)
class Scene:
    """A repository written by the grammar, and the truth about its job, which does not come from preflight."""

    files: dict[str, str]
    job: GitHubJob
    client: str
    token: bool
    started: bool = True
    """GitHub does not start a called workflow whose job states more than its caller has."""
    empty: bool = False
    """Whether the variable for the token is there, and has nothing in it."""


def starts(granted, asked):
    """GitHub refuses a called job that states more than its caller has. Where the caller states nothing, that depends on
    the repository's settings (actions/runner, `PermissionsHelper.cs`)."""
    levels = {
        "{}": (0, 0), "{id-token: write}": (2, 0), "{contents: read}": (0, 1), "write-all": (2, 2), "read-all": (0, 1),
        "{id-token: none, contents: write}": (0, 2),
    }  # fmt: skip
    wanted, has = levels.get(asked, (0, 0)), levels.get(granted, (2, 2))
    return wanted[0] <= has[0] and wanted[1] <= has[1]


@st.composite
def scenes(draw):
    """A release workflow with everything that the verdict depends on."""
    client = draw(st.sampled_from([*corpus.COMMANDS, "action"]))
    token, by_call = draw(st.booleans()), draw(st.booleans())
    levels = st.sampled_from(
        [
            None,
            "{}",
            "{id-token: write}",
            "{contents: read}",
            "write-all",
            "read-all",
            "{id-token: none, contents: write}",
        ]
    )
    may = {None: None, "{id-token: write}": True, "write-all": True}
    top, own = draw(levels), draw(levels)
    environment, branch, start = (
        draw(st.one_of(st.just(""), NAMES)),
        draw(NAMES),
        draw(st.sampled_from(list(STARTS))),
    )
    owner, name = draw(NAMES.filter(lambda text: "_" not in text)), draw(NAMES)
    file, called = (
        draw(NAMES) + draw(st.sampled_from([".yml", ".yaml"])),
        "called-" + draw(NAMES) + ".yml",
    )
    secrets = draw(st.booleans()) if by_call else True
    event, ref = STARTS[start][0], STARTS[start][1].format(branch)

    def write(start, top, own):
        text = corpus.workflow(
            corpus.step(client, token),
            on=start.replace("BRANCH", branch),
            environment=environment,
            extra=f"    permissions: {own}\n" * bool(own),
        )
        return f"permissions: {top}\n" * bool(top) + text

    def effective(top, own, default):
        stated = own if own is not None else top
        return default if stated is None else bool(may.get(stated))

    if by_call:
        granted_top, granted_own = draw(levels), draw(levels)
        granted = effective(granted_top, granted_own, False)
        files = {called: write("workflow_call:", top, own)}
        files[file] = (
            f"on:\n  {start.replace('BRANCH', branch)}\n"
            + f"permissions: {granted_top}\n" * bool(granted_top)
            + (
                f"jobs:\n  go:\n    uses: ./.github/workflows/{called}\n"
                + f"    permissions: {granted_own}\n" * bool(granted_own)
                + "    secrets: inherit\n" * secrets
            )
        )
        nothing = granted_top is None and granted_own is None
        id_token = (granted or nothing) and effective(top, own, granted)
        started = starts(
            granted_own if granted_own is not None else granted_top, own if own is not None else top
        )
    else:
        started = True
        files, id_token = {file: write(start, top, own)}, effective(top, own, False)
    job = GitHubJob(
        repository=f"{owner}/{name}",
        workflow=file,
        environment=environment,
        ref=ref,
        event_name=event,
        id_token=id_token,
        workflow_name="Release",
        called_workflow=f"{owner}/{name}/.github/workflows/{called}@{ref}" if by_call else "",
    )
    # A secret that is not passed on is empty in the called workflow, unless an environment may hold it.
    return Scene(
        {f".github/workflows/{path}": text for path, text in files.items()},
        job,
        client,
        token and (secrets or bool(environment)),
        started,
        token and not (secrets or bool(environment)),
    )


class Memory(Repository):
    """A repository that is not on any disk."""

    def workflows(self):
        return sorted(self.overlay)


def look(scene, monkeypatch, **more):
    monkeypatch.setattr(
        preflight, "Repository", lambda path, **_: Memory(path, overlay=scene.files)
    )
    return preflight.check(
        ".",
        scene.job.repository,
        owner_id=scene.job.owner_id,
        repository_id=scene.job.repository_id,
        **more,
    )


@settings(max_examples=200)
@given(scene=scenes())
def _predicted(monkeypatch, lab, scene):
    [job] = look(scene, monkeypatch).jobs
    assert job.id_token == scene.job.may_ask
    if not scene.job.may_ask:
        assert job.claims == ()
        return
    [mine] = job.claims
    said = IdToken.decode(lab.github.id_token(scene.job)).claims
    assert {name: mine[name] for name in PREDICTED} == {
        name: said.get(name, "") for name in PREDICTED
    }
    immutable = GitHubJob(**{**vars(scene.job), "immutable_subject": True})
    assert (mine["sub"], mine["sub_immutable"]) == (
        said["sub"],
        IdToken.decode(lab.github.id_token(immutable)).claims["sub"],
    )


@pytest.mark.proof
def test_predicted_claims_are_those_of_the_id_token(monkeypatch):
    with Lab() as lab:
        _predicted(monkeypatch, lab)


def authenticates(lab, scene, project, *, token):
    """A small model of a client in the lab: its own token if it has one, else the whole exchange if it can do that. Returns
    what the index said of the token it ended up with, None if it had none."""
    variables = lab.github.job_environment(scene.job)
    if token:
        credential = lab.index.create_api_token("alice")
    elif (
        scene.client in ("hatch", "flit", "poetry")
        or (scene.empty and scene.client in ("uv", "twine"))
        or "ACTIONS_ID_TOKEN_REQUEST_URL" not in variables
    ):
        return None
    else:
        asked = lab.http.get(
            f"{variables['ACTIONS_ID_TOKEN_REQUEST_URL']}&audience=pypi",
            headers={"Authorization": f"bearer {variables['ACTIONS_ID_TOKEN_REQUEST_TOKEN']}"},
        )
        answer = lab.http.post(
            "https://pypi.test/_/oidc/mint-token", json={"token": asked.json()["value"]}
        )
        if answer.status_code != 200:
            return None
        credential = answer.json()["token"]
    return (
        lab.http.post(
            "https://pypi.test/legacy/", headers={"Authorization": f"Bearer {credential}"}
        ).status_code
        != 403
    )


@settings(max_examples=200)
@given(scene=scenes())
def _foretold(monkeypatch, lab, scene):
    owner, _, name = scene.job.repository.partition("/")
    [job] = look(scene, monkeypatch).jobs
    publisher = GitHubPublisher(
        owner=owner,
        owner_id=scene.job.owner_id,
        repository=name,
        workflow=job.form.get("workflow", "x.yml"),
        environment=scene.job.environment,
    )
    lab.index.add_publisher("octo-rocket", publisher)
    with_token, without = (
        bool(scene.started and may and authenticates(lab, scene, "octo-rocket", token=token))
        for token, may in ((True, scene.token), (False, True))
    )
    happens = {
        (True, True): corpus.E,
        (True, False): corpus.T,
        (False, True): corpus.P,
        (False, False): corpus.N,
    }[with_token, without]
    assert job.verdict == happens
    if job.verdict == corpus.P:
        said = look(scene, monkeypatch, publisher=publisher)
        signed = scene.client == "action" and scene.job.called_workflow
        assert (
            said.ok is not bool(signed)
            and not look(scene, monkeypatch, publisher="workflow=nobodys.yml").ok
        )
    lab.index.remove_publisher("octo-rocket", publisher)


@pytest.mark.proof
def test_the_verdict_is_what_happens(monkeypatch):
    with Lab() as lab:
        _foretold(monkeypatch, lab)


# -- mutated files ----------------------------------------------------------------------------------------------------

SPICE = [
    "${{",
    "}}",
    "&a ",
    "*a ",
    "<<: *a",
    "\t",
    "\r",
    "\0",
    "\ufeff",
    "{",
    "[",
    "]",
    "'",
    '"',
    "|",
    ">",
    ": ",
    "- ",
    "? ",
    "!!python/none ",
    "%",
    "\n\n",
    "#",
    "$(",
    "`",
    "\\",
    "<<EOF",
    "if ",
    "fi",
    "permissions:",
    "uses: ./",
    "\u2028",
    "\ud7ff",
    "null",
    "~",
    "\x1b[31m",
    "()",
    "&&",
    "||",
]


def mutate(text: str, chance: random.Random) -> bytes:
    """A text with a few things broken: characters, lines, bytes."""
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(text) + 1)
        rows = text.split("\n")
        row = chance.randrange(len(rows))
        kind = chance.randrange(11) // 2
        if kind == 0:
            text = text[:at] + chance.choice(SPICE) + text[at:]
        elif kind == 1:
            text = text[:at] + text[at + chance.randint(1, 9) :]
        elif kind == 2:
            text = "\n".join(rows[:row] + rows[row + 1 :])
        elif kind == 3:
            text = "\n".join([*rows[: row + 1], *rows[row:]])
        elif kind == 4:
            text = "\n".join(
                [*rows[:row], " " * chance.randint(0, 5) + rows[row].lstrip(), *rows[row + 1 :]]
            )
        else:
            text = text[:at] + chance.choice(SPICE) * chance.choice([1, 50, 2000]) + text[at:]
    data = text.encode("utf-8", "surrogatepass")
    return (
        data
        if chance.random() > 0.1
        else data[: chance.randrange(len(data) + 1)] + bytes([chance.randrange(256)])
    )


def fuzz(folder, count: int, seed: int = 1) -> int:
    """Check that many broken repositories, and count those that could not be read in full."""
    chance, unread = random.Random(seed), 0
    for number in range(count):
        case = chance.choice([*corpus.ALL, *field_cases.CASES])
        place = lay_out(folder / f"{number}", case.files)
        victim = chance.choice(list(case.files))
        (place / victim).write_bytes(mutate(case.files[victim], chance))
        report = preflight.check(place, "octo-org/rocket", "workflow=release.yml")
        told = [report.text(), report.json(), report.github()]
        unread += bool(report.unread)
        assert all(told) or not (report.jobs or report.unread), (number, seed)
        assert all(io.StringIO(why).readline() == why for _, _, why in report.unread)
    return unread


def test_broken_files_get_a_report_and_nothing_hangs(tmp_path, at_most):
    with at_most(5):  # 400 files; all of them take 1.5 seconds
        assert 40 < fuzz(tmp_path, 400) < 360


# -- large and hostile inputs -----------------------------------------------------------------------------------------


GROWS = "inputs: {x: {}}\nruns:\n  using: composite\n  steps:\n    - {uses: ./a, with: {x: '%s'}}\n"
STEPS = "on: release\njobs:\n  p:\n    permissions: {id-token: write}\n    steps:\n%s"
RUN = STEPS % "      - run: %s\n"
WAITING = {
    corpus.RELEASE: RUN.replace("on: release", "on: {release: {}, push: {tags: [v1]}}")
    % "uv publish"
}
MAKING = "on: push\nenv: {GH_TOKEN: '${{ github.token }}'}\njobs:\n  a:\n    steps:\n"
CHECKOUT = "      - uses: actions/checkout@v6\n"


def making(*steps):
    return WAITING | {".github/workflows/make.yml": MAKING + "".join(steps)}


def script(text):
    return {corpus.RELEASE: RUN % "bash big.sh", "big.sh": text}


HOSTILE = {
    "an action that calls itself and doubles": {
        corpus.RELEASE: STEPS % "      - {uses: ./a, with: {x: yyyyyyyyyy}}\n",
        "a/action.yml": GROWS % ("${{ inputs.x }}" * 8),
    },
    "open braces in tox": {
        corpus.RELEASE: RUN % "tox -e go",
        "tox.ini": "[testenv:go]\ncommands = " + "{posargs" * 8000 + "\n uv publish\n",
    },
    "commands in tox": {
        corpus.RELEASE: RUN % "tox -e go",
        "tox.ini": "[testenv:go]\ncommands =\n" + "".join(f"  echo {n}\n" for n in range(9000)),
    },
    "expressions that never end": {corpus.RELEASE: RUN % f"'{'${{ a ' * 60_000}'"},
    "very many expressions": {corpus.RELEASE: RUN % f"'{'${{ github.ref }}' * 20_000}'"},
    "a deep expression": {corpus.RELEASE: RUN.replace("run:", f"if: {'(' * 900}1{')' * 900}\n        run:") % "uv publish"},
    "a long expression": {corpus.RELEASE: RUN.replace("run:", f"if: {'a && ' * 20_000}b\n        run:") % "uv publish"},
    "here-documents": script("".join(f"cat <<E{n} <<F{n}\n" for n in range(9000))),
    "variables that double": script("A=xxxxxxxxxx\n" + "A=$A$A$A$A\nB=$A uv publish\n" * 4000),
    "variables and commands": script("".join(f"V{n}=1\nrun\n" for n in range(9000))),
    "quotes": script("\"'" * 60_000),
    "open branches": script("if a; then\n" * 9000 + "uv publish\n"),
    "a wide Makefile": {
        corpus.RELEASE: RUN % "make all",
        "Makefile": "all: " + " ".join(f"t{n}" for n in range(900)) + "\n" + "".join(f"t{n}: " + "x " * 40 + "\n\t$(A)$(B)\n" for n in range(900)),
    },
    "a Makefile of white space": {corpus.RELEASE: RUN % "make", "Makefile": "a:" + " " * 100_000 + "\n" * 20_000},
    "a deep noxfile": {corpus.RELEASE: RUN % "nox", "noxfile.py": "x = " + "[" * 90 + "]" * 90 + "\n" + "-" * 50_000 + "1\n"},
    "a deep uv.toml": {corpus.RELEASE: RUN % "uv publish", "uv.toml": "publish-url = " + "[" * 30_000},
    "jobs that need one another": {
        corpus.RELEASE: "on: push\njobs:\n"
        + "".join(f"  j{n}:\n    needs: [{', '.join(f'j{k}' for k in range(max(0, n - 30), n))}]\n    steps: [{{run: uv publish}}]\n" for n in range(150))
    },
    "a circle of needs": {corpus.RELEASE: "on: push\njobs:\n  a: {needs: b, steps: [{run: uv publish}]}\n  b: {needs: a, steps: []}\n"},
    "many triggers": {corpus.RELEASE: "on: [" + ", ".join(f"e{n}" for n in range(3000)) + "]\njobs: {p: {steps: [{run: uv publish}]}}\n"},
    "many workflows": {f".github/workflows/w{n}.yml": RUN % "uv publish" + "#" * 60_000 for n in range(300)},
    "a large workflow": {corpus.RELEASE: "on: push\njobs:\n" + "".join(f"  j{k}: {{steps: [{{run: x}}]}}\n" for k in range(1300))},
    "workflows that call one another": {
        f".github/workflows/w{n}.yml": "on: [push, workflow_call]\njobs:\n"
        + "".join(f"  j{k}: {{uses: ./.github/workflows/w{k}.yml}}\n" for k in range(12))
        for n in range(12)
    },
    "steps that choose": {
        corpus.RELEASE: STEPS % "".join(f"      - if: vars.X\n        run: echo V{n}={n} >> $GITHUB_ENV\n" for n in range(900)) + "      - run: uv publish\n"
    },
    "conditions on refs": {
        corpus.RELEASE: "on: push\njobs:\n  a:\n    steps:\n" + "".join(f"      - if: github.ref == 'refs/heads/b{n}'\n        run: uv publish\n" for n in range(900))
    },
    "pushes on one line": making(CHECKOUT, *["      - run: " + "git push " * 2200 + "\n"] * 10),
    "pushes and releases": making(CHECKOUT * 1000, "      - run: git push $A\n" * 1000, "      - run: gh release create x\n" * 1000),
    "releases": making("      - run: gh release create x\n" * 3000),
    "a line of text without an end": {corpus.RELEASE: RUN % ("x" * 400_000)},
    "an address without an end": {corpus.RELEASE: RUN % ("twine upload --repository-url https://" + "a" * 100_000 + " x")},
    "a token without an end": {corpus.RELEASE: RUN % ("uv publish -t pypi-" + "a" * 100_000 + " x")},
    "job names": {corpus.RELEASE: "on: push\njobs:\n" + "".join(f"  {'eyJ' * 30}{n}: {{steps: [{{run: uv publish}}]}}\n" for n in range(900))},
}  # fmt: skip


@pytest.mark.proof
@pytest.mark.parametrize("name", HOSTILE)
def test_no_input_takes_more_than_a_second(name, tmp_path, at_most):
    folder = lay_out(tmp_path, HOSTILE[name])
    with at_most(1):
        report = preflight.check(folder, "octo-org/rocket", "workflow=release.yml")
        told = [report.text(), report.json(), report.github()]
    assert all(told[:2])


SECRETS = (
    "pypi-AgEIcHlwaS5vcmcCJDAwMDAwMDAw",
    "ghp_0123456789abcdefABCDEF",
    "correct-horse-battery",
)
PLACES = {
    "a token in a file": "\n      - run: uv publish -t {}\n",
    "an environment variable": "\n      - run: twine upload x\n        env: {{TWINE_PASSWORD: {}}}\n",
    "an input": f"\n      - uses: {corpus.ACTION}\n        with: {{{{password: {{}}}}}}\n",
    "an address": "\n      - run: twine upload --repository-url https://u:{}@index.octo.example/ x\n",
    "a variable in a script": "\n      - run: TWINE_PASSWORD={} twine upload x\n",
}


@pytest.mark.proof
@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("place", PLACES)
@settings(max_examples=20)
@given(scene=scenes())
def test_no_secret_is_shown(place, secret, scene):
    """Beside everything else that a release workflow can have."""
    files = {
        path: text + PLACES[place].format(secret)
        for path, text in scene.files.items()
        if "steps:" in text
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            preflight,
            "Repository",
            lambda path, **_: Memory(path, overlay={**scene.files, **files}),
        )
        report = preflight.check(".", "octo-org/rocket", "workflow=release.yml environment=live")
    for shown in (
        report.text(),
        report.json(),
        report.github(),
        repr(report.jobs),
    ):
        assert secret not in shown
    assert report.jobs
