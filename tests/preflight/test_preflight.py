"""Preflight, rule by rule: permissions, credentials, triggers, scripts, claims, the publisher's word, warnings, formats."""

import json
import re
import subprocess
import sys
from pathlib import Path

import corpus
import pytest
from test_preflight_corpus import lay_out

import preflight
from preflight.__main__ import main
from preflight.clients import recognize, strip_wrappers
from preflight.expressions import holds
from preflight.files import Unreadable, parse
from preflight.scripts import commands
from preflight.workflows import Scope

ROOT = Path(__file__).parents[2]
RELEASE, P, N = corpus.RELEASE, corpus.P, corpus.N

"""Processor seconds that nothing here comes near, however busy the machine. (How fast it is, `make bench` says.)"""


@pytest.fixture
def look(tmp_path):
    """Lay files out and check them. A text alone is the release workflow."""

    def look(files, repository="octo-org/rocket", **more):
        return preflight.check(
            lay_out(tmp_path, {RELEASE: files} if isinstance(files, str) else files),
            repository,
            **more,
        )

    return look


def codes(report):
    return [warning.code for warning in report.warnings]


# -- permissions ------------------------------------------------------------------------------------------------------


def test_job_permissions_replace_those_of_the_workflow():
    workflow = {
        "permissions": {"id-token": "write"},
        "jobs": {"a": {"permissions": {"contents": "read"}}, "b": {}},
    }
    assert not preflight.effective_permissions(workflow, "a").id_token
    assert preflight.effective_permissions(workflow, "a").given == {"contents": "read"}
    assert preflight.effective_permissions(workflow, "b").id_token
    assert preflight.effective_permissions(workflow, workflow["jobs"]["b"]).source == "workflow"


@pytest.mark.parametrize(
    ("stated", "may"),
    [
        ("write-all", True),
        ("read-all", False),
        ({}, False),
        ("", False),
        (None, False),
        ({"id-token": "write"}, True),
    ],
)
def test_what_permissions_say_of_id_tokens(stated, may):
    assert (
        preflight.effective_permissions({"jobs": {"a": {"permissions": stated}}}, "a").id_token
        is may
    )


def test_the_default_has_no_id_token():
    permissions = preflight.effective_permissions({"jobs": {"a": {}}}, "a")
    assert (permissions.id_token, permissions.source) == (False, "default")


def test_the_reason_names_the_line_of_the_permissions_that_replace(look):
    report = look(corpus.workflow(corpus.step("uv", False), "replaced"))
    assert (
        "the job's `permissions` (line 10) have no `id-token: write`; they replace the workflow's"
        in report.jobs[0].reason
    )


# -- credentials ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("client", corpus.COMMANDS)
def test_each_client_reads_its_own_variable_and_no_other(client):
    variable = corpus.COMMANDS[client][1]
    assert preflight.credential(client, {variable: "x"}).where == f"{variable} in the environment"
    others = {name: "x" for _, name in corpus.COMMANDS.values() if name != variable}
    assert preflight.credential(client, others) is None
    assert preflight.credential(client, {variable: ""}) is None


@pytest.mark.parametrize(
    "words", [["--token", "x"], ["--token=x"], ["-t", "x"], ["-tx"], ["-p", "x"]]
)
def test_a_token_in_the_arguments_is_found_before_the_environment(words):
    found = preflight.credential("uv", {"UV_PUBLISH_TOKEN": "y"}, ["uv", "publish", *words])
    assert found.in_arguments and found.value == "x"


def test_what_is_shown_of_a_credential_is_the_secrets_name_and_never_a_value():
    assert (
        str(preflight.credential("uv", {"UV_PUBLISH_TOKEN": "${{ secrets.T }}"}))
        == "UV_PUBLISH_TOKEN in the environment (secrets.T)"
    )
    assert "pypi-AgEI" not in str(preflight.credential("uv", {"UV_PUBLISH_TOKEN": "pypi-AgEI"}))


# -- commands ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "client"),
    [
        ("twine upload", "twine"),
        ("python3.12 -m twine upload", "twine"),
        ("poetry run twine upload", "twine"),
        ("uvx --from twine twine upload", "twine"),
        ("/opt/bin/uv publish", "uv"),
        ("hatch -v publish", "hatch"),
        ("maturin publish", "maturin"),
        ("maturin build", None),
        ("twine check", None),
        ("npm publish", None),
        ("uv build", None),
        ("hatch run publish", None),
        ("uv publish --help", None),
        ("uv publish --dry-run", None),
        ("uv publish --dry-run --trusted-publishing always", "uv"),
        ("poetry publish --dry-run", None),
        ("uvx uv==0.9.13 publish", "uv"),
    ],
)
def test_what_is_a_publishing_command(command, client):
    found = recognize(strip_wrappers(command.split()))
    assert (found.name if found else None) == client


def ran(script, **environment):
    """What may run of a script, tests left out."""
    return [
        " ".join(each.words)
        for each in commands(script, environment)
        if each.words[0] not in ("[", "[[", "test")
    ]


@pytest.mark.parametrize(
    "test", ['[ -n "$T" ]', "[[ -n $T ]]", 'test -n "${T:-}"', '! [ -z "$T" ]', '[ ! -z "$T" ]']
)
def test_a_branch_that_an_empty_variable_rules_out_is_left_out(test):
    script = f"if {test}; then\n  a\nelse\n  b\nfi\nc"
    assert ran(script, T="${{ secrets.T }}") == ["a", "c"]
    assert ran(script) == ["b", "c"]
    assert ran(script, T="${{ steps.x.outputs.t }}") == ["a", "b", "c"]
    assert ran(f"{test} && a || b") == ["b"] and ran(f"{test} && a || b", T="x") == ["a"]


def test_what_else_decides_leaves_both_branches():
    assert ran("if [ -d venv ]; then a; elif b; then c; else d; fi") == ["a", "b", "c", "d"]
    assert ran('. ./settings\nif [ -n "$T" ]; then a; fi') == [". ./settings", "a"]


@pytest.mark.parametrize(
    ("first", "second", "left"),
    [
        ("y", "y", "a"),
        ("y", "", "a"),
        ("", "y", "b"),
        ("", "", "c"),
        ("?", "y", "ab"),
        ("?", "", "ac"),
        ("", "?", "bc"),
        ("?", "?", "abc"),
    ],
)
def test_elif_and_else_run_if_nothing_before_them_did(first, second, left):
    known = {"y": "x", "": "", "?": "${{ steps.x.outputs.y }}"}
    script = 'if [ -n "$F" ]; then a; elif [ -n "$S" ]; then b; else c; fi'
    assert "".join(ran(script, F=known[first], S=known[second])) == left


def test_a_condition_of_two_parts_is_as_unknown_as_its_parts():
    script = 'if [ -n "$T" ] && [ -d venv ]; then a; else b; fi'
    assert ran(script, T="x") == ["a", "b"] and ran(script) == ["b"]


def test_heredocs_comments_and_quotes_are_no_commands():
    script = "a # b\ncat <<'EOF' > f\nuv publish\nEOF\necho 'x;\ny' && c \\\n  d"
    assert ran(script) == ["a", "cat > f", "echo x;\ny", "c d"]
    assert [command.line for command in commands(script, {})] == [1, 2, 5, 6]


def test_assignments_are_seen_by_what_follows():
    seen = list(commands("A=1\nexport B=$A\nC=2 run\nrun again\nunset A\nlast", {}))
    assert [{k: v for k, v in each.environment.items()} for each in seen] == [
        {"A": "1", "B": "1", "C": "2"},
        {"A": "1", "B": "1"},
        {"B": "1"},
        {"B": "1"},
    ]


# -- triggers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("on", "expected"),
    [
        ("push", ["push refs/heads/BRANCH", "push refs/tags/TAG"]),
        (["release"], ["release refs/tags/TAG"]),
        ({"push": {"tags": ["v*"]}}, ["push refs/tags/TAG"]),
        (
            {"push": {"branches": ["main", "release/**"]}},
            ["push refs/heads/main", "push refs/heads/BRANCH"],
        ),
        (
            {"push": {"branches": ["main"], "tags": ["v1"]}},
            ["push refs/heads/main", "push refs/tags/v1"],
        ),
        ({"push": {"paths": ["src/**"]}}, ["push refs/heads/BRANCH", "push refs/tags/TAG"]),
        ({"push": {"branches-ignore": ["x"]}}, ["push refs/heads/BRANCH"]),
        ({"workflow_call": ""}, []),
        ({"pull_request": "", "workflow_call": ""}, ["pull_request refs/pull/NUMBER/merge"]),
    ],
)
def test_what_starts_a_workflow(on, expected):
    assert [f"{each.event} {each.ref}" for each in preflight.triggers({"on": on})] == expected


@pytest.mark.parametrize(
    ("condition", "left"),
    [
        ("", "push push release"),
        ("false", ""),
        ("github.event_name == 'release'", "release"),
        ("${{ github.event_name != 'push' }}", "release"),
        ("github.event_name == 'push' || github.event_name == 'release'", "push push release"),
        ("github.ref == 'refs/heads/main'", "push"),
        ("startsWith(github.ref, 'refs/tags/v') && github.event_name == 'push'", "push"),
        ("always() || x", "push push release"),
        ("github.actor == 'alice'", "push push release"),
        ("github.ref_name == 'main'", "push"),
    ],
)
def test_what_an_if_leaves(condition, left):
    found = preflight.triggers({"on": {"push": "", "release": ""}})
    met = [each for each in found if holds(condition, Scope(each)) is not False]
    assert " ".join(each.event for each in met) == left


# -- claims and the form ----------------------------------------------------------------------------------------------


def test_the_claims_of_a_reusable_workflow_name_the_called_file(look):
    report = look(
        {RELEASE: corpus.caller(corpus.WRITE), ".github/workflows/publish.yml": corpus.called()},
        owner_id="65",
        repository_id="74",
    )
    [job] = report.jobs
    assert job.claims == (
        {
            "event_name": "release",
            "ref": "refs/tags/TAG",
            "environment": "pypi",
            "job_workflow_ref": "octo-org/rocket/.github/workflows/publish.yml@refs/tags/TAG",
            "sub": "repo:octo-org/rocket:environment:pypi",
            "sub_immutable": "repo:octo-org@65/rocket@74:environment:pypi",
        },
    )
    assert job.form == {
        "owner": "octo-org",
        "repository": "rocket",
        "workflow": "publish.yml",
        "environment": "pypi",
    }
    assert job.path == ((RELEASE, 4), (".github/workflows/publish.yml", 9))


def test_the_name_of_the_repository_is_that_of_origin(look, tmp_path):
    lay_out(
        tmp_path,
        {
            ".git/config": '[core]\n\tbare = false\n[remote "origin"]\n\turl = git@github.com:octo-org/rocket.git\n\tfetch = x\n'
        },
    )
    assert (
        look(corpus.workflow(corpus.step("uv", False), "job"), "").repository == "octo-org/rocket"
    )


def test_without_a_name_the_words_stand_for_it(look):
    assert (
        look(corpus.workflow(corpus.step("uv", False), "job"), "").jobs[0].claims[0]["sub"]
        == "repo:OWNER/NAME:environment:pypi"
    )


@pytest.mark.parametrize(
    ("publisher", "ok", "told"),
    [
        ("workflow=release.yml environment=pypi", True, ""),
        ("workflow=release.yml", True, ""),
        ("workflow=release.yml environment=PyPI", True, ""),
        (
            "workflow=other.yml",
            False,
            "job_workflow_ref is release.yml, and the publisher names other.yml",
        ),
        (
            "workflow=release.yml environment=live",
            False,
            "environment is pypi, and the publisher names live",
        ),
        (
            "workflow=release.yml repository=comet",
            False,
            "repository is octo-org/rocket, and the publisher names octo-org/comet",
        ),
    ],
)
def test_the_publishers_word(look, publisher, ok, told):
    report = look(corpus.workflow(corpus.step("uv", False), "job"), publisher=publisher)
    assert (
        report.ok is ok and told in report.jobs[0].reason and report.jobs[0].checks[0]["ok"] is ok
    )
    assert report.jobs[0].verdict == P


def test_one_of_several_publishers_is_enough_and_a_token_needs_none(look):
    text = corpus.workflow(corpus.step("uv", False), "job")
    assert look(text, publisher=["workflow=other.yml", "workflow=release.yml"]).ok
    assert look(corpus.workflow(corpus.step("uv", True), "job"), publisher="workflow=other.yml").ok


def test_an_unknown_environment_is_taken_to_be_the_publishers(look):
    text = corpus.workflow(corpus.step("uv", False), "job", environment="'${{ vars.X }}'")
    report = look(text, publisher="workflow=release.yml environment=live")
    assert (
        report.ok
        and "unknown-environment" in codes(report)
        and report.jobs[0].claims[0]["environment"] == "ENVIRONMENT"
    )


@pytest.mark.parametrize(
    "publisher",
    [
        "release.yml",
        "environment=pypi",
        "workflow=",
        "workflow=a/b.yml",
        "colour=red workflow=a.yml",
    ],
)
def test_an_impossible_publisher_is_said_to_be_one(look, publisher):
    with pytest.raises(ValueError, match="expected a"):
        look(corpus.workflow(""), publisher=publisher)


# -- warnings ---------------------------------------------------------------------------------------------------------

QUIET = corpus.workflow(corpus.step("action", False), "job")


def test_a_release_as_it_should_be_is_not_warned_about(look):
    report = look(QUIET)
    assert report.warnings == [] and report.ok and report.unfollowed == []


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (
            "pull-request-target",
            corpus.workflow(
                corpus.step("uv", False), "job", on="{release: , pull_request_target: }"
            ),
        ),
        (
            "pull-request",
            corpus.workflow(corpus.step("uv", False), "job", on="{release: , pull_request: }"),
        ),
        ("workflow-permission", corpus.workflow(corpus.step("uv", False), "workflow")),
        ("builds-too", corpus.workflow(corpus.run("pip install x\nuv publish"), "job")),
        ("builds-too", corpus.workflow(corpus.run("uv build\nuv publish"), "job")),
        ("builds-too", corpus.workflow(corpus.run("maturin publish"), "job")),
        ("no-environment", corpus.workflow(corpus.step("uv", False), "job", environment="")),
        (
            "token-in-arguments",
            corpus.workflow(corpus.run("uv publish --token $PYPI_TOKEN", corpus.SECRET)),
        ),
        (
            "token-in-arguments",
            corpus.workflow(
                corpus.run(
                    "poetry config pypi-token.pypi $PYPI_TOKEN\npoetry publish", corpus.SECRET
                )
            ),
        ),
        (
            "trace",
            corpus.workflow(
                corpus.run("set -eux\nUV_PUBLISH_TOKEN=$PYPI_TOKEN uv publish", corpus.SECRET)
            ),
        ),
        (
            "token-in-file",
            corpus.workflow(corpus.run("TWINE_PASSWORD=pypi-AgEIcHlwaS5vcmc twine upload x")),
        ),
        ("leftover-token", corpus.workflow(corpus.step("uv", True), "job")),
        (
            "unpinned-action",
            corpus.workflow(
                corpus.step("action", False).replace(corpus.PINNED, "release/v1"), "job"
            ),
        ),
        (
            "unknown-environment",
            corpus.workflow(corpus.step("uv", False), "job", environment="'${{ vars.X }}'"),
        ),
    ],
)
def test_each_warning(look, code, text):
    report = look(text)
    assert codes(report) == [code] and report.ok
    [warning] = report.warnings
    assert warning.file == RELEASE and warning.why.endswith(".") and warning.instead.endswith(".")
    assert 1 <= warning.line <= text.count("\n")


def test_set_x_beside_no_secret_is_no_matter(look):
    assert codes(look(corpus.workflow(corpus.run("set -x\nuv publish"), "job"))) == []


def test_half_a_migration_is_said_to_be_one(look):
    case = next(case for case in corpus.ALL if case.name == "two ways, half migrated")
    report = look(case.files)
    [warning] = [each for each in report.warnings if each.code == "half-migrated"]
    assert (warning.file, "manual.yml" in warning.why) == (RELEASE, True) and report.status == 1


# -- what cannot be read or followed ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is empty."),
        ("  \n\n", "is empty."),
        ("# nothing\n", "is empty but for comments."),
        ("a\0b", "is a binary file."),
        ("jobs: [1, 2\n", ":2 is not valid YAML"),
        ("on: push\njobs: {a: {b: c}\n", "is not valid YAML"),
        ("on: push\n\tjobs: 1", "is not valid YAML"),
        ("- a\n- b\n", "is not a mapping of keys to values"),
        ("on: push\n", "has no mapping of `jobs`"),
        ("jobs: {a: {}}\n", "does not say `on:`"),
        ("on: push\non: push\njobs: {}\n", ":2 has the key 'on' twice"),
        ("on: push\njobs:\n  a: &x {b: c}\n  d:\n    <<: *x\n", ":5 has a merge key (<<)"),
        ("on: &a [*a]\njobs: {}", "has an alias *a to nothing"),
        ("on: *a\njobs: {}", "has an alias *a to nothing"),
        ("on: push\n? [a]\n: b\n", "has a key that is not a text"),
        ("on: push\n--- \non: push\n", "holds more than one YAML document"),
        ("a: 1\n" * 1_000_000, "is larger than 256 KiB"),
        ("on: " + "[" * 20_000, "is nested more than 100 levels deep"),
        ("on:\n" + "- " * 20_000, "is nested more than 100 levels deep"),
        ("x: [" + "a, " * 50_000 + "]", "comes to more than 10,000 values"),
        (
            "\n".join(
                ["a: &a0 [1, 2, 3, 4]"]
                + [f"b{n}: &a{n + 1} [*a{n}, *a{n}, *a{n}, *a{n}]" for n in range(30)]
            ),
            "once its aliases are followed",
        ),
        ("on: push\njobs: {a: 1}\n", "has a job 'a' that is not a mapping"),
        ("on: push\njobs: \u0007\n", "is not valid YAML"),
    ],
)
def test_what_cannot_be_read_gets_one_sentence_and_no_hang(look, text, sentence, at_most):
    with at_most(1):
        report = look(text)
    [(file, line, why)] = report.unread
    assert (
        file == RELEASE
        and why.startswith(RELEASE)
        and sentence in why
        and why.endswith(".")
        and "\n" not in why
    )
    assert report.status == 2 and not report.ok


def test_bytes_that_are_no_text(look, tmp_path):
    lay_out(tmp_path, {RELEASE: ""})
    (tmp_path / RELEASE).write_bytes(b"on: push\nname: \xff\n")
    assert preflight.check(tmp_path).unread == [(RELEASE, 2, f"{RELEASE}:2 is not UTF-8 text.")]


def test_a_link_that_leads_out_is_not_followed(tmp_path):
    lay_out(
        tmp_path,
        {
            "outside.yml": corpus.workflow(corpus.step("uv", False)),
            "repo/.github/workflows/a.yml": QUIET,
        },
    )
    (tmp_path / "repo" / RELEASE).symlink_to(tmp_path / "outside.yml")
    (tmp_path / "repo" / ".github/workflows/loop.yml").symlink_to("loop.yml")
    report = preflight.check(tmp_path / "repo")
    assert [why for _, _, why in report.unread][1:] == [
        f"{RELEASE} is a link that leads out of the repository; it is not followed."
    ]
    assert "loop.yml" in report.unread[0][2] and len(report.jobs) == 1


def test_a_folder_of_links(tmp_path):
    lay_out(tmp_path, {"elsewhere/a.yml": QUIET, "repo/x": ""})
    (tmp_path / "repo/.github").mkdir()
    (tmp_path / "repo/.github/workflows").symlink_to(tmp_path / "elsewhere")
    assert preflight.check(tmp_path / "repo").status == 2


def test_a_path_in_a_step_does_not_leave_the_repository(look, tmp_path):
    lay_out(tmp_path.parent, {"evil.sh": "uv publish\n"})
    assert look(corpus.workflow(corpus.run("bash ../evil.sh\nbash /etc/profile"))).jobs == []


@pytest.mark.parametrize("path", ["nowhere", "file"])
def test_no_workflows_at_all(path, tmp_path):
    (tmp_path / "file").write_text("x")
    report = preflight.check(tmp_path / path)
    assert report.status == 2 and "has no workflows to read" in report.unread[0][2]


def test_nothing_of_the_repository_is_executed(look, tmp_path):
    trap = f"import pathlib; pathlib.Path({str(tmp_path / 'sprung')!r}).touch()\n"
    look(
        {
            RELEASE: corpus.workflow(
                corpus.run("nox -s release\npython release.py\nmake\ntox -e x")
            ),
            "noxfile.py": trap,
            "release.py": trap,
            "setup.py": trap,
            "Makefile": f"X := $(shell touch {tmp_path}/sprung)\nall:\n\t$(X)\n",
            "tox.ini": "[testenv:x]\ncommands = echo\n",
            "sitecustomize.py": trap,
        }
    )
    assert not (tmp_path / "sprung").exists()


def test_python_tags_make_no_objects():
    assert parse("a: !!python/object/apply:os.system ['touch /tmp/x']") == {"a": ["touch /tmp/x"]}


@pytest.mark.parametrize(
    ("steps", "files", "sentence"),
    [
        (
            corpus.run("python tools/release.py"),
            {"tools/release.py": "subprocess.run(['twine', 'upload'])"},
            "is a program that mentions publishing",
        ),
        (corpus.run("./scripts/publish.sh"), {}, "is not in the repository"),
        (corpus.run("just publish"), {}, "is a task of just"),
        ("      - uses: octo-org/publish-to-pypi@v1\n", {}, "may publish"),
        ("      - uses: ./pypi-upload\n", {}, "holds no action.yml"),
        (corpus.run("bash big.sh"), {"big.sh": "x" * (1 << 19) + "y"}, "big.sh is larger than"),
        (corpus.run("bash bin.sh"), {"bin.sh": "\0"}, "is a binary file"),
        (corpus.run("nox"), {"noxfile.py": "def ("}, "cannot be understood"),
        (corpus.run("tox -e a"), {"tox.ini": "commands"}, "cannot be understood"),
        ("      - run: import twine\n        shell: python\n", {}, "is written in python"),
    ],
)
def test_what_is_not_followed_is_said(look, steps, files, sentence):
    report = look({RELEASE: corpus.workflow(steps), **files})
    assert [sentence in why for _, _, why in report.unfollowed] == [True] and report.status == 0


def test_a_job_that_nothing_starts_is_said_not_to_be_looked_at(look):
    report = look(
        corpus.workflow(corpus.step("uv", False), extra="    if: github.event_name == 'schedule'\n")
    )
    why = f"Job 'release' is not looked at: nothing that starts {RELEASE} meets its `if:` and `needs:`."
    assert report.unfollowed == [(RELEASE, 8, why)] and report.jobs == []


def test_the_name_of_a_missing_file_is_in_the_message():
    with pytest.raises(Unreadable, match="^a.yml:3 is not valid YAML"):
        parse("a:\n  b: [\n}", "a.yml")


# -- formats and exit status ------------------------------------------------------------------------------------------

STATES = {0: QUIET, 1: corpus.workflow(corpus.step("uv", False)), 2: "a: [\n"}


@pytest.mark.parametrize("status", STATES)
@pytest.mark.parametrize("form", ["text", "json", "github"])
def test_the_exit_status_is_the_same_in_every_format(status, form, tmp_path, capfdbinary):
    lay_out(tmp_path, {RELEASE: STATES[status]})
    assert main([str(tmp_path), "--format", form]) == status
    assert capfdbinary.readouterr().out


def test_failing_comes_before_unreadable(look):
    assert look({RELEASE: STATES[1], ".github/workflows/broken.yml": STATES[2]}).status == 1


def test_an_impossible_option_is_status_2(tmp_path, capsys):
    assert main([str(tmp_path), "--repository", "rocket"]) == 2
    assert capsys.readouterr().err == "expected a repository as OWNER/NAME, got 'rocket'\n"


SCHEMA = {
    "version": int,
    "status": int,
    "repository": str,
    "patch": (str, type(None)),
    "jobs": [
        {
            "workflow": str,
            "job": str,
            "path": [{"file": str, "line": int}],
            "client": str,
            "index": str,
            "permissions": str,
            "id_token": bool,
            "credential": (str, type(None)),
            "environment": str,
            "triggers": [{"event": str, "ref": str, "certain": bool}],
            "verdict": str,
            "fails": bool,
            "reason": str,
            "fix": (str, type(None)),
            "publisher": {"owner": str, "repository": str, "workflow": str, "environment": str},
            "claims": [
                dict.fromkeys(
                    (
                        "event_name",
                        "ref",
                        "environment",
                        "job_workflow_ref",
                        "sub",
                        "sub_immutable",
                    ),
                    str,
                )
            ],
            "checks": [
                {
                    "event_name": str,
                    "ref": str,
                    "ok": bool,
                    "refusal": str,
                    "mismatches": [{"claim": str, "expected": str, "got": str}],
                }
            ],
        }
    ],
    "warnings": [
        {
            "code": str,
            "file": str,
            "line": int,
            "why": str,
            "instead": str,
            "fix": (str, type(None)),
        }
    ],
    "steps": [{"where": str, "what": str, "diff": (str, type(None))}],
    "unread": [{"file": str, "line": int, "why": str}],
    "unfollowed": [{"file": str, "line": int, "why": str}],
}


def matches(value, shape) -> bool:
    if isinstance(shape, list):
        return isinstance(value, list) and all(matches(each, shape[0]) for each in value)
    if isinstance(shape, dict):
        return value is None or (
            set(value) == set(shape) and all(matches(value[name], shape[name]) for name in shape)
        )
    return isinstance(value, shape) and (shape is not int or not isinstance(value, bool))


@pytest.mark.parametrize("case", corpus.ALL, ids=lambda case: case.name)
def test_json_is_as_documented(case, tmp_path, monkeypatch):
    report = preflight.check(
        lay_out(tmp_path, case.files), "octo-org/rocket", "workflow=release.yml environment=live"
    )
    data = json.loads(report.json())
    assert matches(data, SCHEMA), data
    documented = Path(preflight.__file__).with_name("README.md").read_text("utf-8")
    assert all(
        re.search(rf"\b{name}\b", documented)
        for name in [
            *SCHEMA,
            *SCHEMA["jobs"][0],
            *SCHEMA["warnings"][0],
            *SCHEMA["jobs"][0]["checks"][0],
        ]
    )
    assert (
        report.json()
        == preflight.check(
            tmp_path, "octo-org/rocket", "workflow=release.yml environment=live"
        ).json()
    )


ANNOTATION = re.compile(
    r"::(error|warning|notice) file=([^,:]+),line=(\d+),title=([^,:]*)::(\S[^\n]*)"
)


@pytest.mark.parametrize("case", corpus.ALL, ids=lambda case: case.name)
def test_each_annotation_is_one_line_at_a_line_of_a_file(case, tmp_path):
    report = preflight.check(lay_out(tmp_path, case.files), "octo-org/rocket")
    rows = report.github().splitlines()
    for row in rows:
        kind, file, line, _, _ = ANNOTATION.fullmatch(row).groups()
        assert 1 <= int(line) <= case.files[file].count("\n") + 1
    assert sum(row.startswith("::error") for row in rows) == sum(
        job.fails for job in report.jobs
    ) + len(report.unread)
    assert len(rows) == len(report.jobs) + len(report.warnings) + len(report.unread) + len(
        report.unfollowed
    )


def test_a_file_cannot_speak_through_the_report(look):
    evil = corpus.workflow(corpus.step("uv", False), job='"x\\n::stop-commands::y\\e[2J%0A"')
    report = look(evil)
    assert (
        len(report.github().splitlines())
        == len(report.github().split("::stop-commands::")) + len(report.warnings) - 1
        == 1
    )
    assert "\x1b" not in report.text()
    assert not any(row.strip().startswith("::") for row in report.text().splitlines())


def test_per_cent_signs_are_written_as_the_runner_reads_them(look):
    [row] = look(corpus.workflow(corpus.step("uv", False), job='"a%0Ab,c:d"')).github().splitlines()
    assert "::a%250Ab,c:d: The client finds" in row


def test_the_report_displays_itself(look):
    report = look({RELEASE: STATES[1] + "# <b>\n"})
    assert "CANNOT AUTHENTICATE" in repr(report) and "+      id-token: write" in repr(report)


def test_the_last_line_counts(look):
    jobs = "".join(f"  job{n}:\n    steps:\n      - run: uv publish\n" for n in range(10))
    assert (
        look(f"on: push\njobs:\n{jobs}").summary()
        == "10 ways to publish, 10 will fail, 10 warnings."
    )
    assert (
        look(QUIET).summary()
        == "1 way to publish, no fault found if the publishers are registered, 0 warnings."
    )
    assert look("on: push\njobs: {}\n").summary() == "no way to publish, 0 warnings."
    assert look("").summary() == "no way to publish, 0 warnings, 1 could not be read."


def test_fixes_are_made_for_the_first_of_very_many_failing_jobs(look, monkeypatch):
    monkeypatch.setattr(preflight, "MOST_FIXED", 5_000)
    jobs = "".join(f"  job{n}:\n    steps:\n      - run: uv publish\n" for n in range(20))
    fixes = [bool(job.fix) for job in look(f"on: push\njobs:\n{jobs}").jobs]
    assert (
        len(fixes) == 20
        and True in fixes
        and fixes == sorted(fixes, reverse=True)
        and not all(fixes)
    )


def test_more_script_than_any_repository_has_is_not_read(look, monkeypatch):
    monkeypatch.setattr("preflight.files.MOST_READ", 5_000)
    again = (
        "  a:\n    steps:\n      - run: &r |\n"
        + "          echo 'a' $(b)\n" * 100
        + "      - run: *r\n" * 9
    )
    assert "More script than preflight reads" in look(f"on: push\njobs:\n{again}").unfollowed[0][2]


def test_preflight_needs_neither_the_lab_nor_flask_nor_matplotlib():
    code = (
        "import sys; from preflight.__main__ import main; main(['.']); "
        "heavy = {'flask', 'httpx', 'matplotlib', 'numpy', 'jwt', 'cryptography', 'helpers.lab', 'time_machine', 'psutil'}; "
        "heavy &= set(sys.modules); assert not heavy, heavy"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert "no way to publish" in run.stdout


def test_a_folder_in_the_place_of_a_workflow_is_told(tmp_path):
    (tmp_path / ".github" / "workflows" / "a.yml").mkdir(parents=True)
    [(_, _, why)] = preflight.check(tmp_path, "octo-org/rocket").unread
    assert why == ".github/workflows/a.yml is not an ordinary file."
