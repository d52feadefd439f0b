"""Small repositories of our own, each with what preflight has to say of it.

`MATRIX` is a table over client, permission and credential; `SETS` are those that need more than a cell of it: scripts, reusable
workflows, composite actions, triggers, expressions. A set is a name, its files, and the verdicts expected, by job, in the order
of the report.
"""

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field

T, P, E, N = (
    "publishes by token",
    "publishes by Trusted Publishing",
    "could publish by either",
    "cannot authenticate",
)
DOMAIN = "pypi" + ".org"
LIVE, TEST = f"https://upload.{DOMAIN}/legacy/", f"https://test.{DOMAIN}/legacy/"
"""The index's real addresses, in pieces: no file of this repository names the host."""
PINNED = "0123456789abcdef0123456789abcdef01234567"
ACTION = f"pypa/gh-action-pypi-publish@{PINNED}"
RELEASE = ".github/workflows/release.yml"

COMMANDS = {
    "uv": ("uv publish", "UV_PUBLISH_TOKEN"),
    "twine": ("python -m twine upload dist/*", "TWINE_PASSWORD"),
    "hatch": ("hatch publish", "HATCH_INDEX_AUTH"),
    "flit": ("flit publish", "FLIT_PASSWORD"),
    "poetry": ("poetry publish", "POETRY_PYPI_TOKEN_PYPI"),
    "pdm": ("pdm publish --no-build", "PDM_PUBLISH_PASSWORD"),
    "maturin": ("maturin upload dist/*", "MATURIN_PYPI_TOKEN"),
}
"""How each client is called, and the variable that it takes a token from."""

#              permission:  job        workflow   none       replaced
#              credential:  no  yes    no  yes    no  yes    no  yes
MATRIX = {
    "uv":                  (P,  E,     P,  E,     N,  T,     N,  T),
    "twine":               (P,  E,     P,  E,     N,  T,     N,  T),
    "hatch":               (N,  T,     N,  T,     N,  T,     N,  T),
    "flit":                (N,  T,     N,  T,     N,  T,     N,  T),
    "poetry":              (N,  T,     N,  T,     N,  T,     N,  T),
    "pdm":                 (P,  E,     P,  E,     N,  T,     N,  T),
    "maturin":             (P,  E,     P,  E,     N,  T,     N,  T),
    "action":              (P,  E,     P,  E,     N,  T,     N,  T),
}  # fmt: skip
PERMISSIONS = ("job", "workflow", "none", "replaced")
"""Where `id-token: write` is stated; "replaced": on the workflow, but the job has permissions of its own without it."""


@dataclass(frozen=True)
class Set:
    """A repository: its files by path, and for each job that publishes the verdict."""

    name: str
    files: dict[str, str]
    expected: list[tuple[str, str]]
    status: int
    more: dict[str, object] = field(default_factory=dict)


def step(client: str, token: bool) -> str:
    """The step that publishes, indented for a workflow, with or without a secret."""
    if client == "action":
        return f"      - uses: {ACTION}\n" + (
            "        with:\n          password: ${{ secrets.PYPI_TOKEN }}\n" if token else ""
        )
    command, variable = COMMANDS[client]
    return f"      - run: {command}\n" + (
        f"        env:\n          {variable}: ${{{{ secrets.PYPI_TOKEN }}}}\n" if token else ""
    )


def workflow(
    steps: str,
    permission: str = "none",
    on: str = "push: {tags: ['v*']}",
    environment: str = "pypi",
    job: str = "release",
    extra: str = "",
) -> str:
    """A release workflow with one job."""
    top = "permissions:\n  id-token: write\n" if permission in ("workflow", "replaced") else ""
    own = {
        "job": "    permissions:\n      id-token: write\n",
        "replaced": "    permissions:\n      contents: read\n",
    }.get(permission, "")
    env = f"    environment: {environment}\n" if environment else ""
    return f"name: Release\non:\n  {on}\n{top}jobs:\n  {job}:\n    runs-on: ubuntu-latest\n{env}{own}{extra}    steps:\n{steps}"


def run(script: str, env: str = "") -> str:
    """A step that runs a script, perhaps with an environment."""
    body = textwrap.indent(textwrap.dedent(script).strip("\n"), "          ")
    return f"      - run: |\n{body}\n" + (f"        env: {env}\n" if env else "")


SECRET = "{PYPI_TOKEN: '${{ secrets.PYPI_TOKEN }}'}"
CHOOSING = """
#!/usr/bin/env bash
set -eu
if [ -n "${PYPI_TOKEN:-}" ]; then
  uv publish --token="$PYPI_TOKEN"
else
  uv publish
fi
"""


def matrix() -> Iterator[Set]:
    """A set for each cell of the table."""
    for client, row in MATRIX.items():
        for number, verdict in enumerate(row):
            permission, token = PERMISSIONS[number // 2], bool(number % 2)
            name = f"{client}, permission {permission}, {'a' if token else 'no'} token"
            yield Set(
                name,
                {RELEASE: workflow(step(client, token), permission)},
                [("release", verdict)],
                int(verdict == N),
            )


def one(
    name: str,
    verdict: str,
    steps: str,
    permission: str = "none",
    files: dict[str, str] | None = None,
    status: int | None = None,
    more: dict[str, object] | None = None,
    **kinds: str,
) -> Set:
    """A set with one job that publishes once."""
    own = {
        RELEASE: workflow(steps, permission, **kinds),
        **{path: textwrap.dedent(text).lstrip("\n") for path, text in (files or {}).items()},
    }
    return Set(
        name,
        own,
        [("release", verdict)],
        int(verdict == N) if status is None else status,
        more or {},
    )


def caller(permissions: str = "", secrets: str = "", given: str = "") -> str:
    """A workflow whose job calls another."""
    rows = [f"    {row}\n" for row in (permissions, secrets, given) if row]
    return (
        "on: {release: {types: [published]}}\njobs:\n  call:\n    uses: ./.github/workflows/publish.yml\n"
        + "".join(rows)
    )


def called(
    permission: str = "none",
    steps: str = "      - run: uv publish\n",
    call: str = "workflow_call:",
    environment: str = "pypi",
) -> str:
    """The workflow that is called."""
    return workflow(steps, permission, on=call, environment=environment, job="upload")


def reusable(name: str, verdict: str, calling: str, being: str, **more: object) -> Set:
    return Set(
        name,
        {RELEASE: calling, ".github/workflows/publish.yml": being},
        [("upload", verdict)],
        int(verdict == N),
        more,
    )


WRITE = "permissions: {id-token: write, contents: read}"
TOKEN_INPUT = "workflow_call: {inputs: {where: {type: string, default: pypi}}, secrets: {PYPI_TOKEN: {required: false}}}"
WITH_TOKEN = (
    "      - run: uv publish\n        env: {UV_PUBLISH_TOKEN: '${{ secrets.PYPI_TOKEN }}'}\n"
)

SETS = [
    # permissions, in every way they can be written
    Set(
        "write-all on the workflow",
        {RELEASE: "permissions: write-all\n" + workflow(step("uv", False))},
        [("release", P)],
        0,
    ),
    one("read-all on the job", N, step("uv", False), extra="    permissions: read-all\n"),
    one("an empty mapping on the job", N, step("uv", False), extra="    permissions: {}\n"),
    one(
        "an empty mapping on the job replaces the workflow's",
        N,
        step("uv", False),
        "workflow",
        extra="    permissions: {}\n",
    ),
    one("id-token: none", N, step("uv", False), extra="    permissions: {id-token: none}\n"),
    one(
        "id-token: read",
        N,
        step("uv", False),
        extra="    permissions:\n      id-token: read # not enough\n      contents: read\n",
    ),
    one(
        "permissions with nothing in them",
        N,
        step("uv", False),
        "workflow",
        extra="    permissions:\n",
    ),
    one("quoted", P, step("uv", False), extra="    permissions:\n      'id-token': \"write\"\n"),
    # how `on` is written
    Set(
        "on as a text",
        {RELEASE: "on: push\njobs: {go: {runs-on: x, steps: [{run: uv publish}]}}\n"},
        [("go", N)],
        1,
    ),
    Set(
        "on as a list",
        {
            RELEASE: "'on': [push, workflow_dispatch]\n"
            "jobs: {go: {runs-on: x, permissions: {id-token: write}, steps: [{run: uv publish}]}}\n"
        },
        [("go", P)],
        0,
    ),
    # credentials
    one("a token in the arguments", T, run('uv publish --token "$PYPI_TOKEN"', SECRET)),
    one("a variable in the arguments that nobody sets", N, run("uv publish --token $PYPI_TOKEN")),
    one("a secret written into the command", T, run("uv publish -t ${{ secrets.PYPI_TOKEN }}")),
    one(
        "a token in the job's environment",
        T,
        step("uv", False),
        extra="    env: {UV_PUBLISH_TOKEN: '${{ secrets.T }}'}\n",
    ),
    Set(
        "a token in the workflow's environment",
        {RELEASE: "env:\n  TWINE_PASSWORD: ${{ secrets.T }}\n" + workflow(step("twine", False))},
        [("release", T)],
        0,
    ),
    one(
        "a variable of another name does not count",
        N,
        step("uv", False),
        extra="    env: {PYPI_TOKEN: '${{ secrets.T }}'}\n",
    ),
    # An empty value counts as given: uv and twine send it, and ask for no ID token.
    one("an empty token", N, step("uv", False), "job", extra="    env: {UV_PUBLISH_TOKEN: ''}\n"),
    one("an empty token among the arguments", N, run('uv publish --token "" dist/*'), "job"),
    one("an empty token, glued", N, run("uv publish --token=$NOBODY_SETS_IT"), "job"),
    one(
        "an empty password",
        N,
        step("twine", False) + "        env:\n          TWINE_PASSWORD: ''\n",
        "job",
    ),
    one(
        "an empty password beside a user",
        N,
        step("twine", False)
        + "        env:\n          TWINE_USERNAME: __token__\n          TWINE_PASSWORD: ''\n",
        "job",
    ),
    one("an empty password among the arguments", N, run("twine upload -p '' dist/*"), "job"),
    one("a user without a password, for twine", P, run("twine upload -u __token__ x"), "job"),
    one("a user without a password, for uv", N, run("uv publish -u __token__"), "job"),
    one(
        "an empty user, for uv",
        N,
        step("uv", False) + "        env:\n          UV_PUBLISH_USERNAME: ''\n",
        "job",
    ),
    one(
        "an empty user, for twine",
        P,
        step("twine", False) + "        env: {TWINE_USERNAME: ''}\n",
        "job",
    ),
    one(
        "a password left empty",
        P,
        f"      - uses: {ACTION}\n        with: {{password: ''}}\n",
        "job",
    ),
    one(
        "a user of old, and a password",
        N,
        f"      - uses: {ACTION}\n        with: {{user: alice, password: '${{{{ secrets.P }}}}'}}\n",
        more={"fixed": False},
    ),
    one(
        "set in the script",
        T,
        run(
            "export TWINE_USERNAME=__token__ TWINE_PASSWORD=$PYPI_TOKEN\ntwine upload dist/*",
            SECRET,
        ),
    ),
    one("set before the command", T, run("TWINE_PASSWORD=$PYPI_TOKEN twine upload dist/*", SECRET)),
    one(
        "handed on through GITHUB_ENV",
        T,
        run('echo "UV_PUBLISH_TOKEN=$PYPI_TOKEN" >> "$GITHUB_ENV"', SECRET) + step("uv", False),
    ),
    one(
        "poetry's own configuration",
        T,
        run('poetry config pypi-token.pypi "$PYPI_TOKEN"\npoetry publish --build', SECRET),
    ),
    one(
        "a .pypirc",
        T,
        run(
            "printf '[pypi]\\npassword=%s' \"$PYPI_TOKEN\" > ~/.pypirc\ntwine upload dist/*", SECRET
        ),
    ),
    one("told never to", N, run("uv publish --trusted-publishing never"), "job"),
    one("told always to, without the permission", N, run("uv publish --trusted-publishing=always")),
    one("told always to", P, run("uv publish --trusted-publishing always"), "job"),
    one(
        "another index",
        N,
        run("twine upload --repository-url https://index.octo.example/ dist/*"),
        "job",
    ),
    one(
        "the other index",
        P,
        run("twine upload -r testpypi dist/*"),
        "job",
        more={"index": "TestPyPI"},
    ),
    one(
        "the other index, by the action",
        P,
        f"      - uses: {ACTION}\n        with: {{repository-url: '{TEST}'}}\n",
        "job",
        more={"index": "TestPyPI"},
    ),
    one(
        "maturin's action",
        P,
        "      - uses: PyO3/maturin-action@v1\n        with: {command: upload, args: --skip-existing wheels/*}\n",
        "job",
    ),
    one(
        "maturin's action with a token",
        T,
        "      - uses: PyO3/maturin-action@v1\n        with: {command: publish}\n"
        "        env: {MATURIN_PYPI_TOKEN: '${{ secrets.T }}'}\n",
    ),
    Set(
        "maturin's action that builds is no release",
        {
            RELEASE: workflow(
                "      - uses: PyO3/maturin-action@v1\n        with: {args: --release}\n"
            )
        },
        [],
        0,
    ),
    # ways of calling a client
    *(
        one(f"called as: {command}", P, run(command), "job")
        for command in (
            "uvx twine upload dist/*",
            "pipx run twine==6.1 upload dist/*",
            "uv run --with twine python -m twine upload dist/*",
            "uv --quiet publish",
            ".venv/bin/twine upload dist/*",
            "${PREFIX}twine upload dist/*",
            "sudo env A=1 uv publish",
            "uv build && uv publish",
            "if true; then uv publish; fi",
            "for f in dist/*; do twine upload $f; done",
            "(cd python; uv publish)",
            "uv \\\n  publish",
        )
    ),
    Set(
        "only mentioned",
        {
            RELEASE: workflow(
                run(
                    "# uv publish\necho 'twine upload'\ncat <<EOF\nuv publish\nEOF\nuv publish --help"
                )
            )
        },
        [],
        0,
    ),
    # scripts
    one(
        "a script that chooses, with the token",
        T,
        run("bash ./bin/publish", SECRET),
        files={"bin/publish": CHOOSING},
    ),
    *(
        one(
            f"a script by {shell}",
            T,
            run(f"{shell} bin/publish", SECRET),
            files={"bin/publish": CHOOSING},
        )
        for shell in ("sh", "dash", "zsh", "ksh", "source", ".")
    ),
    one(
        "a script that chooses, without",
        N,
        run("bash ./bin/publish"),
        files={"bin/publish": CHOOSING},
    ),
    one(
        "a script that chooses, with the permission",
        P,
        run("bin/publish"),
        "job",
        files={"bin/publish": CHOOSING},
    ),
    one(
        "a script that chooses, with both",
        E,
        run("./bin/publish", SECRET),
        "job",
        files={"bin/publish": CHOOSING},
    ),
    one(
        "the same the other way round",
        T,
        run('[ -z "$PYPI_TOKEN" ] && uv publish || uv publish --token "$PYPI_TOKEN"', SECRET),
    ),
    one(
        "a script in a script",
        N,
        run("sh scripts/all.sh"),
        files={"scripts/all.sh": "cd ..\n. scripts/one.sh\n", "scripts/one.sh": "uv publish\n"},
    ),
    one(
        "a script that calls itself",
        P,
        run("./loop.sh"),
        "job",
        files={"loop.sh": "uv publish\n./loop.sh\n"},
    ),
    one(
        "in a working directory",
        N,
        "      - run: ./publish.sh\n        working-directory: python\n",
        files={"python/publish.sh": "flit publish\n"},
    ),
    one("bash -c", P, run("bash -euc 'uv publish'"), "job"),
    one(
        "make",
        T,
        run("make release", "{TWINE_PASSWORD: '${{ secrets.T }}'}"),
        files={
            "Makefile": """
        TWINE = python -m twine
        .PHONY: release
        release: dist
        \t@$(TWINE) upload dist/*
        dist:
        \tpython -m build
        """
        },
    ),
    Set(
        "another target of make",
        {
            RELEASE: workflow(run("make test")),
            "Makefile": "test:\n\tpytest\nrelease:\n\tuv publish\n",
        },
        [],
        0,
    ),
    one(
        "make, a target before it",
        N,
        run("make -C python all"),
        files={"python/Makefile": "all: upload\nupload:\n\tuv publish\n"},
    ),
    one(
        "tox lets the token through",
        T,
        run("tox -e release", "{TWINE_PASSWORD: '${{ secrets.T }}'}"),
        files={
            "tox.ini": "[testenv:release]\npass_env = TWINE_*\ncommands =\n    python -m build\n    twine upload dist/*\n"
        },
    ),
    one(
        "tox keeps the token back",
        N,
        run("tox run -e release", "{TWINE_PASSWORD: '${{ secrets.T }}'}"),
        files={"tox.ini": "[testenv:release]\ncommands = twine upload dist/*\n"},
    ),
    one(
        "tox keeps the ID token back",
        N,
        run("tox -e release"),
        "job",
        files={"tox.ini": "[testenv:release]\ncommands = twine upload dist/*\n"},
    ),
    one(
        "tox keeps it back beside other things",
        N,
        run("tox -e release"),
        "job",
        files={
            "tox.ini": "[testenv:release]\ncommands = flit build\n    uv publish\npassenv = HOME\n    PATH\n"
            "[testenv]\npassenv = *\n"
        },
    ),
    one(
        "tox lets everything through",
        P,
        run("tox -e release -- upload"),
        "job",
        files={"tox.ini": "[testenv:release]\npassenv = *\ncommands = twine {posargs} dist/*\n"},
    ),
    one(
        "nox",
        P,
        run("nox -s release"),
        "job",
        files={
            "noxfile.py": """
        import nox
        @nox.session(name="release")
        def publish(session):
            session.install("twine")
            session.run("twine", "upload", *files, external=True)
        """
        },
    ),
    # composite actions
    one(
        "a composite action",
        N,
        "      - uses: ./.github/actions/publish\n",
        files={
            ".github/actions/publish/action.yml": """
        runs:
          using: composite
          steps:
            - run: uv publish
              shell: bash
        """
        },
    ),
    one(
        "a composite action with an input",
        T,
        "      - uses: ./publish\n        with: {token: '${{ secrets.T }}'}\n",
        files={
            "publish/action.yaml": """
        inputs: {token: {required: true}}
        runs:
          using: composite
          steps:
            - run: uv publish
              shell: bash
              env: {UV_PUBLISH_TOKEN: "${{ inputs.token }}"}
        """
        },
    ),
    one(
        "a composite action whose input is not given",
        N,
        "      - uses: ./publish\n",
        "job",
        files={
            "publish/action.yml": """
        inputs: {token: {default: ''}}
        runs:
          using: composite
          steps:
            - run: uv publish
              shell: bash
              env: {UV_PUBLISH_TOKEN: "${{ inputs.token }}"}
        """
        },
    ),
    # reusable workflows
    reusable("called, the caller has the permission", P, caller(WRITE), called()),
    reusable("called, both have it", P, caller(WRITE), called("job")),
    reusable("called, only the called asks", P, caller(), called("job")),
    reusable(
        "called, only the called asks, with a token",
        E,
        caller(secrets="secrets: inherit"),
        called("job", steps=WITH_TOKEN),
    ),
    reusable(
        "called, the caller has less", N, caller("permissions: {contents: write}"), called("job")
    ),
    reusable(
        "called, the caller has less, with a token",
        N,
        caller("permissions: {}", "secrets: inherit"),
        called("job", steps=WITH_TOKEN),
        repaired=E,
    ),
    reusable("called, neither", N, caller(), called()),
    reusable("called, lowered", N, caller(WRITE), called("replaced")),
    reusable(
        "called, with its secrets", T, caller(secrets="secrets: inherit"), called(steps=WITH_TOKEN)
    ),
    reusable(
        "called, with this secret",
        T,
        caller(secrets="secrets: {PYPI_TOKEN: '${{ secrets.T }}'}"),
        called(steps=WITH_TOKEN, call=TOKEN_INPUT, environment=""),
    ),
    reusable("called, without its secrets", N, caller(), called(steps=WITH_TOKEN, environment="")),
    reusable(
        "called, an environment by input",
        P,
        caller(WRITE, given="with: {where: live}"),
        called(call=TOKEN_INPUT, environment="'${{ inputs.where }}'"),
        environment="live",
    ),
    reusable(
        "called, an environment by default",
        P,
        caller(WRITE),
        called(call=TOKEN_INPUT, environment="'${{ inputs.where }}'"),
        environment="pypi",
    ),
    Set(
        "called in a circle",
        {
            RELEASE: caller(WRITE),
            ".github/workflows/publish.yml": caller().replace(
                "release: {types: [published]}", "workflow_call: "
            ),
        },
        [],
        0,
    ),
    Set(
        "a workflow of another repository",
        {
            RELEASE: caller(WRITE)
            .replace("./.github", "octo-org/shared/.github")
            .replace("publish.yml", "p.yml@v1")
        },
        [],
        0,
    ),
    Set("called by nobody", {RELEASE: called()}, [], 0),
    # triggers and conditions
    one(
        "pull_request_target alone",
        N,
        step("uv", False),
        "job",
        on="pull_request_target:",
        more={"fixed": False},
    ),
    one(
        "pull_request_target beside another",
        P,
        step("uv", False),
        "job",
        on="{push: , pull_request_target: }",
    ),
    one(
        "pull_request_target that an if rules out",
        P,
        step("uv", False),
        "job",
        on="{push: , pull_request_target: }",
        extra="    if: github.event_name == 'push'\n",
        more={"events": ["push", "push"]},
    ),
    one(
        "a tag only",
        P,
        step("uv", False),
        "job",
        on="{push: , pull_request: , schedule: [{cron: '0 0 * * *'}]}",
        extra="    if: startsWith(github.ref, 'refs/tags/')\n",
        more={"events": ["push"], "refs": ["refs/tags/TAG"]},
    ),
    Set("never", {RELEASE: workflow(step("uv", False), extra="    if: false\n")}, [], 0),
    Set(
        "an event that does not start it",
        {
            RELEASE: workflow(
                step("uv", False), extra="    if: ${{ github.event_name == 'schedule' }}\n"
            )
        },
        [],
        0,
    ),
    # environments
    one(
        "an environment with an address",
        P,
        step("uv", False),
        "job",
        environment="{name: pypi, url: 'https://octo.example'}",
        more={"environment": "pypi"},
    ),
    one(
        "an environment decided while it runs",
        P,
        step("uv", False),
        "job",
        environment="'${{ github.ref_name }}'",
    ),
    one(
        "an environment of a matrix",
        P,
        step("uv", False),
        "job",
        environment="'${{ matrix.to }}'",
        extra="    strategy: {matrix: {to: [test, live]}}\n",
        more={"environment": "test, live"},
    ),
    # two workflows, the case of chapter 00
    *(
        Set(
            name,
            {
                RELEASE: workflow(run("bin/publish", secret), first),
                ".github/workflows/manual.yml": workflow(
                    run("bin/publish", secret), second, on="workflow_dispatch:"
                ),
                "bin/publish": CHOOSING,
            },
            [("release", b), ("release", a)],
            int(N in (a, b)),
        )
        for name, secret, first, second, a, b in (
            ("two ways, by token", SECRET, "none", "none", T, T),
            ("two ways, half migrated", "", "none", "job", N, P),
            ("two ways, migrated", "", "job", "job", P, P),
        )
    ),
    # anchors
    one(
        "an alias",
        P,
        step("uv", False),
        extra="    permissions: &may\n      id-token: write\n    env: *may\n",
    ),
    Set(
        "permissions by alias",
        {
            RELEASE: "on: push\njobs:\n  test:\n    permissions: &few\n      contents: read\n    steps: []\n"
            "  go:\n    permissions: *few\n    steps:\n      - run: uv publish\n"
        },
        [("go", N)],
        1,
    ),
    # nothing to find
    Set(
        "nothing publishes",
        {
            RELEASE: workflow(
                run(
                    "python -m build\ngh release upload v1 dist/*\ndocker push x\nnpm publish\ncargo publish"
                )
            )
        },
        [],
        0,
    ),
]
ALL = [*matrix(), *SETS]
