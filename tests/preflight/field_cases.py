"""What people meet in the field, as small inputs of our own: nine kinds, each with inputs that fail and neighbors that do not.

`ways` are (verdict, fails) for each way to publish, in the order of the report. `told` has to be in the text report, `untold`
must not be there.
"""

import textwrap
from dataclasses import dataclass, field

from corpus import ACTION, DOMAIN, LIVE, PINNED, RELEASE, TEST, E, N, P, T

OK, TOK, BOTH = (P, False), (T, False), (E, False)
FAILS, NEVER = (P, True), (N, True)
MAY = "permissions: {id-token: write, contents: read}"
SECRET = "${{ secrets.PYPI_TOKEN }}"
OLD_ACTION = "pypa/gh-action-pypi-publish@v1.10.3"


@dataclass(frozen=True)
class Case:
    """One repository."""

    kind: int
    name: str
    files: dict[str, str]
    ways: list[tuple[str, bool]]
    told: tuple[str, ...] = ()
    untold: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    no_codes: tuple[str, ...] = ()
    options: dict[str, object] = field(default_factory=dict)


def job(
    steps: str,
    head: str = MAY,
    name: str = "release",
    env: str = "pypi",
    runs: str = "ubuntu-latest",
) -> str:
    """One job; `steps` are lines such as "run: uv publish" or "uses: …"."""
    rows = [f"  {name}:", f"    runs-on: {runs}"]
    rows += [f"    environment: {env}"] if env else []
    rows += [f"    {row}" for row in head.splitlines()]
    rows += ["    steps:"]
    for step in textwrap.dedent(steps).strip("\n").split("\n\n"):
        first, *rest = step.split("\n")
        rows += [f"      - {first}", *(f"        {row}" for row in rest)]
    return "\n".join(rows) + "\n"


def flow(*jobs: str, on: str = "{push: {tags: ['v*']}}", top: str = "permissions: {}") -> str:
    """A workflow."""
    return f"name: Release\non: {on}\n{top}\njobs:\n{''.join(jobs)}"


def one(*jobs: str, **more: str) -> dict[str, str]:
    """A repository with one workflow."""
    return {RELEASE: flow(*jobs, **more)}


def called(
    steps: str, on: str = "{push: {tags: ['v*']}}", head: str = MAY, env: str = "pypi"
) -> dict[str, str]:
    """A workflow that calls another one of the same repository."""
    call = f"on: {on}\njobs:\n  go:\n    {MAY}\n    uses: ./.github/workflows/upload.yml\n    secrets: inherit\n"
    return {
        RELEASE: call,
        ".github/workflows/upload.yml": flow(job(steps, head, env=env), on="workflow_call"),
    }


def composite(steps: str) -> str:
    """An action.yml."""
    return "runs:\n  using: composite\n  steps:\n" + textwrap.indent(textwrap.dedent(steps), "    ")


ACTION_STEP, UV = f"uses: {ACTION}", "run: uv publish"
TOX = "[testenv:go]\npass_env =\n    {}\ncommands = twine upload dist/*\n"
INDEX_INPUT = "{workflow_dispatch: {inputs: {to: {type: choice, options: [pypi, testpypi]}}}, push: {tags: ['v*']}}"

CASES = [
    # 1 · the token is minted, and the release still fails
    Case(1, "the action in a called workflow", called(ACTION_STEP), [FAILS], ("attestations: false", "release.yml", "upload.yml")),
    Case(1, "the same without attestations", called(f"{ACTION_STEP}\nwith:\n  attestations: false"), [OK], codes=("called-workflow",)),
    Case(1, "an action of before attestations", called(f"uses: {OLD_ACTION}"), [OK], codes=("called-workflow",)),
    Case(1, "a token in a called workflow signs nothing", called(f"{ACTION_STEP}\nwith:\n  password: {SECRET}"), [BOTH]),
    Case(1, "uv in a called workflow", called(UV), [OK], codes=("called-workflow",)),
    Case(1, "the action inside a composite action", {**one(job("uses: ./ship")), "ship/action.yml": composite(f"- uses: {ACTION}\n")},
         [FAILS], ("Put the step into the job itself",)),
    Case(1, "an older action inside a composite action",
         {**one(job("uses: ./ship")), "ship/action.yml": composite("- uses: pypa/gh-action-pypi-publish@v1.11.0\n")}, [OK]),
    Case(1, "uv inside a composite action", {**one(job("uses: ./ship")), "ship/action.yml": composite("- {run: uv publish, shell: bash}\n")},
         [OK]),
    Case(1, "the action on macOS", one(job(ACTION_STEP, runs="macos-15")), [FAILS], ("Linux only", "macos-15")),
    Case(1, "the action on every system of a matrix",
         one(job(ACTION_STEP, f"{MAY}\nstrategy: {{matrix: {{os: [ubuntu-latest, windows-2025]}}}}", runs="${{ matrix.os }}")),
         [FAILS], ("windows-2025",)),
    Case(1, "uv on macOS", one(job(UV, runs="macos-15")), [OK]),
    Case(1, "the action on a machine of one's own", one(job(ACTION_STEP, runs="[self-hosted, linux]")), [OK], codes=("needs-docker",)),
    Case(1, "twice in one job", one(job(f"{ACTION_STEP}\nwith:\n  repository-url: {TEST}\n\n{ACTION_STEP}")), [OK, FAILS],
         ("used twice in this job",)),
    Case(1, "twice, and only one of them runs",
         one(job(f"if: github.event_name == 'push'\n{ACTION_STEP}\n\nif: github.event_name == 'release'\n{ACTION_STEP}"),
             on="{push: {tags: ['v*']}, release: {types: [published]}}"), [OK, OK], untold=("used twice",)),
    Case(1, "twice, in folders of their own",
         one(job(f"{ACTION_STEP}\nwith:\n  packages-dir: a/\n\n{ACTION_STEP}\nwith:\n  packages-dir: b/")), [OK],
         untold=("used twice",), codes=("action-twice",)),
    Case(1, "a matrix that builds and uploads",
         one(job("run: uv build\n\nrun: uv publish", f"{MAY}\nstrategy: {{matrix: {{n: [1, 2]}}}}")), [OK], codes=("upload-repeated",)),
    Case(1, "a matrix that lets known files through",
         one(job("run: python -m build\n\nrun: twine upload --skip-existing dist/*", f"{MAY}\nstrategy: {{matrix: {{n: [1, 2]}}}}")),
         [OK], no_codes=("upload-repeated",)),
    # 2 · credentials
    Case(2, "uv told always, with a token", one(job(f"{UV} --trusted-publishing always\nenv:\n  UV_PUBLISH_TOKEN: {SECRET}")), [NEVER],
         ("uv refuses",)),
    Case(2, "uv told always, with a user", one(job(f"{UV} --trusted-publishing always -u alice")), [NEVER], ("uv refuses",)),
    Case(2, "uv with a token and a user",
         one(job(f"{UV}\nenv:\n  UV_PUBLISH_TOKEN: {SECRET}\n  UV_PUBLISH_USERNAME: __token__")), [NEVER], ("uv refuses",)),
    Case(2, "uv with a password and no user", one(job(f"{UV}\nenv:\n  UV_PUBLISH_PASSWORD: {SECRET}")), [NEVER], ("without a user",)),
    Case(2, "uv with a user and a password",
         one(job(f"{UV}\nenv:\n  UV_PUBLISH_PASSWORD: {SECRET}\n  UV_PUBLISH_USERNAME: __token__", "")), [TOK]),
    Case(2, "an account's name and password", one(job(f"run: twine upload -u alice -p {SECRET} x", "")), [NEVER], ("'alice'",)),
    Case(2, "an account's name in the environment",
         one(job(f"run: twine upload x\nenv:\n  TWINE_USERNAME: alice\n  TWINE_PASSWORD: {SECRET}", "")), [NEVER], ("'alice'",)),
    Case(2, "an account on another index",
         one(job(f"run: twine upload --repository-url https://index.octo.example/ -u alice -p {SECRET} x", "")), [TOK]),
    Case(2, "an account's name from a secret",
         one(job(f"run: twine upload x\nenv:\n  TWINE_USERNAME: ${{{{ secrets.PYPI_USERNAME }}}}\n  TWINE_PASSWORD: {SECRET}", "")), [TOK],
         codes=("account-name",)),
    Case(2, "the user name of tokens", one(job(f"run: twine upload -u __token__ -p {SECRET} x", "")), [TOK], no_codes=("account-name",)),
    Case(2, "a secret that may be empty, for the action", one(job(f"{ACTION_STEP}\nwith:\n  password: {SECRET}", "")), [TOK],
         ("If that secret is missing or empty, pypa/gh-action-pypi-publish asks for an ID token instead, but the job has no",)),
    Case(2, "a secret that may be empty, for uv", one(job(f"{UV}\nenv:\n  UV_PUBLISH_TOKEN: {SECRET}", "")), [TOK],
         ("If that secret is missing or empty, uv has no token to send",)),
    Case(2, "an exchange by hand, without the permission",
         one(job("""
            run: |
              id=$(curl -sH "Authorization: bearer $ACTIONS_ID_TOKEN_REQUEST_TOKEN" "$ACTIONS_ID_TOKEN_REQUEST_URL&audience=pypi" | jq -r .value)
              echo "T=$(curl -s $MINT -d $id | jq -r .token)" >> "$GITHUB_ENV"

            run: twine upload -u __token__ -p "$T" dist/*""", "")), [NEVER], ("exchanges an ID token by hand",)),
    Case(2, "an exchange by hand, by python -m id",
         one(job('run: |\n  T=$(python -m id pypi | ./mint)\n  twine upload -p "$T" dist/*')), [OK], ("exchanges an ID token by hand",)),
    Case(2, "an exchange by hand, for a client that cannot do it",
         one(job('uses: acme/mint-api-token@v1\nid: mint\n\nrun: flit publish\nenv:\n  FLIT_PASSWORD: ${{ steps.mint.outputs.t }}')), [OK]),
    Case(2, "a stored token beside an exchange", one(job(f"run: python -m id pypi\n\nrun: flit publish\nenv:\n  FLIT_PASSWORD: {SECRET}")),
         [TOK]),
    Case(2, "an old twine, by pip", one(job('run: pip install "twine<6"\n\nrun: twine upload x')), [NEVER], ("since 6.1", "+      - run: pip install \"twine~=6.1\"")),
    Case(2, "an old twine, by pipx", one(job("run: pipx run twine==5.1.1 upload x")), [NEVER], ("since 6.1",)),
    Case(2, "an old twine, and a token", one(job(f"run: pipx run twine==5.1.1 upload x\nenv:\n  TWINE_PASSWORD: {SECRET}")), [TOK]),
    Case(2, "a twine that is new enough", one(job('run: pip install "twine>=6.1,<8"\n\nrun: twine upload x')), [OK]),
    Case(2, "an old action", one(job("uses: pypa/gh-action-pypi-publish@v1.5.1")), [NEVER], ("since 1.7",)),
    Case(2, "tox lets two of three variables through",
         {**one(job("run: tox -e go")), "tox.ini": TOX.format("ACTIONS_ID_TOKEN_REQUEST_*")}, [NEVER], ("does not name GITHUB_ACTIONS.",)),
    Case(2, "tox lets all three through",
         {**one(job("run: tox -e go")), "tox.ini": TOX.format("ACTIONS_*\n    GITHUB_*")}, [OK]),
    Case(2, "nox hides all variables",
         {**one(job("run: nox -s go")), "noxfile.py": "@nox.session\ndef go(session):\n"
          "    session.run('twine', 'upload', 'x', include_outer_env=False)\n"}, [NEVER], ("include_outer_env=False",)),
    # 3 · silent misses
    Case(3, "an action in a subfolder", one(job("uses: acme/ci/actions/publish-pypi@main")), [],
         ("acme/ci/actions/publish-pypi@main may publish", "workflow release.yml, environment pypi", "1 could not be followed")),
    Case(3, "an action of any name that may ask", one(job("uses: acme/releaser@v2", env="live")), [],
         ("may ask for an ID token and runs acme/releaser@v2", "environment live")),
    Case(3, "an action of any name beside one that sets up", one(job("uses: astral-sh/setup-uv@v9\n\nuses: acme/releaser@v2")), [],
         ("and runs acme/releaser@v2",), untold=("setup-uv",)),
    Case(3, "of two actions, the one that sounds like a release", one(job("uses: acme/ready@v1\n\nuses: acme/Finalize-Release@v2")), [],
         ("runs acme/Finalize-Release@v2",), ("acme/ready",)),
    Case(3, "of two actions, the one that gets the secret",
         one(job(f"uses: acme/release-notes@v1\n\nuses: acme/ready@v2\nwith:\n  key: {SECRET}", "")), [],
         ("PYPI_TOKEN and runs acme/ready@v2",), ("release-notes",)),
    Case(3, "a command that gets the secret, beside an action",
         one(job(f"uses: acme/ready@v2\n\nrun: ./go\nenv:\n  TOKEN: {SECRET}", "")), [],
         ("release.yml:10 Job 'release' gets the secret PYPI_TOKEN, and nothing in it",), ("acme/ready",)),
    *(Case(3, f"an ID token for something else: {name}", one(job(f"uses: {name}\n\nuses: acme/any@v1")), [], untold=("not followed",))
      for name in ("octo-org/tools/azure-login@main", "dopplerhq/secrets-fetch-action@v1")),
    Case(3, "an action that uploads to a release", one(job("uses: python-semantic-release/publish-action@v10", "")), [], untold=("may publish",)),
    Case(3, "only an action that sets up", one(job("uses: astral-sh/setup-uv@v9\n\nrun: ./go.sh")), [],
         ("may ask for an ID token, and nothing in it is known to publish",), untold=("setup-uv",)),
    Case(3, "an action that is given a secret named after the index",
         one(job("uses: acme/releaser@v2\nwith:\n  key: ${{ secrets.MY_PYPI_KEY }}", "")), [], ("gets the secret MY_PYPI_KEY",)),
    Case(3, "an action without either", one(job("uses: acme/releaser@v2", "")), [], untold=("not followed",)),
    Case(3, "a job that deploys pages", one(job("uses: actions/deploy-pages@v4")), [], untold=("not followed",)),
    Case(3, "python -m of the repository", {**one(job("run: python -m tools.ship", "")), "tools/ship.py": "run('twine', 'upload')"}, [],
         ("tools/ship.py is a program that mentions publishing",)),
    Case(3, "python -m of a package", {**one(job("run: python -m ship", "")), "ship/__main__.py": "call(['uv', 'publish'])"}, [],
         ("ship/__main__.py is a program",)),
    Case(3, "python -m of something harmless", {**one(job("run: python -m ship", "")), "ship.py": "print()"}, [], untold=("not followed",)),
    Case(3, "a file that make is told", {**one(job("run: make -f release.mk")), "release.mk": f"ship:\n\t{UV[5:]}\n"}, [OK], ("release.mk:2",)),
    Case(3, "a goal with the name of its folder", {**one(job("run: make ship -C ship")), "ship/Makefile": f"test:\n\techo\nship:\n\t{UV[5:]}\n"},
         [OK], ("ship/Makefile:4",)),
    Case(3, "make with jobs", {**one(job("run: make -j 4")), "Makefile": f"ship:\n\t{UV[5:]}\n"}, [OK], ("Makefile:2",)),
    Case(3, "a file that tox is told", {**one(job("run: tox -c ci.ini -e go")), "ci.ini": TOX.format("*")}, [OK], ("ci.ini:4",)),
    Case(3, "a file that nox is told", {**one(job("run: nox --noxfile ci.py")), "noxfile.py": "",
         "ci.py": "@nox.session\ndef go(session):\n    session.run('uv', 'publish', external=True)\n"}, [OK], ("ci.py:3",)),
    Case(3, "a session that runs other noxfiles", {**one(job("run: nox")),
         "noxfile.py": "@nox.session\ndef go(session):\n    session.run('nox', '-f', other)\n"}, [], untold=("in a circle",)),
    Case(3, "another CI beside", {**one(job("run: pytest", "")), ".gitlab-ci.yml": "a:\n  script:\n    - twine upload x\n"}, [],
         (".gitlab-ci.yml:3", "mentions twine")),
    Case(3, "another CI alone", {".circleci/config.yml": "run: uv publish\n"}, [], ("mentions uv publish", "has no workflows")),
    Case(3, "another CI that only tests", {**one(job("run: pytest", "")), ".travis.yml": "script: pytest\n"}, [], untold=(".travis",)),
    # 4 · conditions
    Case(4, "a gate in needs", one(job("run: echo", "if: github.event_name == 'push'", "gate", ""), job(UV, f"{MAY}\nneeds: gate"),
         on="{push: {tags: ['v*']}, pull_request: }"), [OK], untold=("pull_request",)),
    Case(4, "a gate that always() opens", one(job("run: echo", "if: github.event_name == 'push'", "gate", ""),
         job(UV, f"{MAY}\nneeds: gate\nif: always()"), on="{push: {tags: ['v*']}, pull_request: }"), [OK], codes=("pull-request",)),
    Case(4, "an output of a gate that was skipped", one(job("run: echo", "if: github.event_name == 'push'", "gate", ""),
         job(UV, f"{MAY}\nneeds: [gate]\nif: always() && needs.gate.outputs.go == 'true'"), on="{push: {tags: ['v*']}, pull_request: }"),
         [OK], no_codes=("pull-request",)),
    Case(4, "the action of an event", one(job(UV, f"{MAY}\nif: github.event.action == 'published'"),
         on="{push: , pull_request: , workflow_dispatch: , release: {types: [published]}}"), [OK], untold=("pull_request", "workflow_dispatch")),
    Case(4, "or, and, not, brackets", one(job(UV, f"{MAY}\nif: ${{{{ !(github.event_name == 'pull_request' || github.event_name == 'schedule') }}}}"),
         on="{push: {tags: ['v*']}, pull_request: , schedule: [{cron: 1 1 1 1 1}]}"), [OK], untold=("pull_request", "schedule (")),
    Case(4, "a list of events", one(job(UV, f"{MAY}\nif: contains(fromJSON('[\"push\", \"release\"]'), github.event_name)"),
         on="{push: {tags: ['v*']}, pull_request: }"), [OK], untold=("pull_request",)),
    Case(4, "a condition that nobody can know", one(job(UV, f"{MAY}\nif: vars.GO == 'yes'"), on="{push: {tags: ['v*']}, pull_request: }"),
         [OK], ("depends on what is not known before the run", "perhaps"), codes=("pull-request",)),
    Case(4, "a condition that is known", one(job(UV), on="{push: {tags: ['v*']}, pull_request: }"), [OK], untold=("not known before",),
         codes=("pull-request",)),
    Case(4, "a variable that a shell computes", one(job(f"""
            run: echo "GO=$( [[ $GITHUB_REF == 'refs/tags/v'* ]] && echo yes )" >> "$GITHUB_ENV"

            {UV}
            if: env.GO == 'yes'""")), [OK], ("push (refs/tags/TAG, perhaps)",)),
    Case(4, "a variable that ends in a dollar sign", one(job(f"{UV}\nif: env.GO == 'yes'", f"{MAY}\nenv: {{GO: 'v.*$'}}")), [], ("No job publishes",)),
    Case(4, "a variable that is known", one(job(f"""
            run: echo "GO=no" >> "$GITHUB_ENV"

            {UV}
            if: env.GO == 'yes'""")), [], ("No job publishes",)),
    Case(4, "a ref", one(job(UV, f"{MAY}\nif: github.ref == 'refs/heads/main'"), on="{push: , workflow_dispatch: }"), [OK],
         ("push (refs/heads/main), workflow_dispatch (refs/heads/main)",)),
    Case(4, "a ref that may be a branch, and is the name of none but a branch", one(job(UV, f"{MAY}\nif: github.ref_name == 'main'"), on="push"), [OK],
         ("push (refs/heads/main)",), ("refs/tags",)),
    Case(4, "the action in a called workflow that publishes only when started itself",
         called(ACTION_STEP, head=f"{MAY}\nif: github.event.workflow == '.github/workflows/upload.yml'"), [], ("is not looked at",)),
    Case(4, "the same, started by hand through the other file", called(ACTION_STEP, on="workflow_dispatch",
         head=f"{MAY}\nif: github.event.workflow == '.github/workflows/upload.yml'"), [], ("is not looked at",)),
    Case(4, "the same, at night", called(ACTION_STEP, on="{schedule: [{cron: 1 1 1 1 1}]}",
         head=f"{MAY}\nif: github.event.workflow == '.github/workflows/upload.yml'"), [], ("is not looked at",)),
    Case(4, "a job that publishes only when its own file is started", one(job(ACTION_STEP, f"{MAY}\nif: github.event.workflow == '{RELEASE}'"),
         on="{workflow_dispatch: , push: }"), [OK], untold=("push (",)),
    Case(4, "an output that a script decides", one(job("id: look\nrun: |\n  if [ -d x ]; then\n    echo go=true >> $GITHUB_OUTPUT\n"
         "  else\n    echo go=false >> $GITHUB_OUTPUT\n  fi\n\nrun: uv publish\nif: steps.look.outputs.go == 'true'")), [OK]),
    Case(4, "an output that a script may set", one(job("id: look\nrun: test -d x && echo go=true >> $GITHUB_OUTPUT\n\n"
         "run: uv publish\nif: steps.look.outputs.go != 'true'")), [OK]),
    Case(4, "an output that a script sets", one(job("id: look\nrun: echo go=false >> $GITHUB_OUTPUT\n\n"
         "run: uv publish\nif: steps.look.outputs.go == 'true'")), []),
    Case(4, "another repository", one(job(UV, f"{MAY}\nif: github.repository == 'octo-org/comet'")), [], ("is not looked at",)),
    # 5 · the index
    Case(5, "a host that only begins like it", one(job(f"run: twine upload --repository-url {LIVE[:-8]}.evil.example/ x")), [NEVER],
         ("twine uses Trusted Publishing for PyPI and TestPyPI only",)),
    Case(5, "a host that only has it in its path", one(job(f"{UV} --publish-url https://evil.example/test.{DOMAIN}/legacy/")), [OK],
         ("to https://evil.example",)),
    Case(5, "a host that is not there", one(job(f"{UV} --publish-url https://upload.test.{DOMAIN}/legacy/")), [FAILS],
         (f"+      - run: uv publish --publish-url {TEST}",)),
    Case(5, "the host of the project pages", one(job(f"run: twine upload --repository-url https://{DOMAIN}/legacy/ x")), [NEVER],
         (f"the address is {LIVE}",)),
    Case(5, "the address of TestPyPI", one(job(f"run: twine upload --repository-url {TEST} x")), [OK], ("to TestPyPI",)),
    Case(5, "publish-url in pyproject.toml", {**one(job(UV)), "pyproject.toml": f'[tool.uv]\npublish-url = "{TEST}"\n'}, [OK], ("to TestPyPI",)),
    Case(5, "publish-url in uv.toml comes first",
         {**one(job(UV)), "uv.toml": f'publish-url = "{TEST}"\n', "pyproject.toml": f'[tool.uv]\npublish-url = "{LIVE}"\n'}, [OK], ("to TestPyPI",)),
    Case(5, "no configuration", {**one(job(f"{UV}\nenv:\n  UV_NO_CONFIG: 1")), "uv.toml": f'publish-url = "{TEST}"\n'}, [OK],
         untold=("to TestPyPI",)),
    Case(5, "an index by name", {**one(job(f"{UV} --index lab")), "pyproject.toml":
         f'[[tool.uv.index]]\nname = "lab"\npublish-url = "{TEST}"\n'}, [OK], ("to TestPyPI",)),
    Case(5, "an index that a step chooses", one(job(f"""
            run: echo "I={LIVE}" >> "$GITHUB_ENV"
            if: github.event_name == 'push'

            run: echo "I={TEST}" >> "$GITHUB_ENV"
            if: github.event_name != 'push'

            uses: {ACTION}
            with:
              repository-url: ${{{{ env.I }}}}"""), on="{push: {tags: ['v*']}, workflow_dispatch: }"), [OK, OK],
         ("to TestPyPI",)),
    Case(5, "an index that an input chooses", one(job(f"""
            uses: {ACTION}
            with:
              repository-url: ${{{{ inputs.to == 'testpypi' && '{TEST}' || '{LIVE}' }}}}"""), on=INDEX_INPUT), [OK, OK],
         ("to TestPyPI", "push (refs/tags/TAG)")),
    # 6 · the fix
    Case(6, "a publisher behind a missing permission", one(job(UV, "", env=""), top=""), [NEVER],
         ("Once that is fixed, the publisher refuses it", "+    environment: live", "+      id-token: write"),
         options={"publisher": "workflow=release.yml environment=live"}),
    Case(6, "a publisher of another file: no diff helps", one(job(UV, ""), top=""), [NEVER], ("Add a publisher",), ("git apply",),
         options={"publisher": "workflow=other.yml"}),
    Case(6, "a publisher that fits", one(job(UV, ""), top=""), [NEVER], ("git apply",), ("Once that is fixed",),
         options={"publisher": "workflow=release.yml environment=pypi"}),
    Case(6, "a token job gets its form and the first steps", one(job(f"{UV}\nenv:\n  UV_PUBLISH_TOKEN: {SECRET}", "")), [TOK],
         ("on the index owner octo-org, repository rocket, workflow release.yml, environment pypi", "1. (index) On PyPI, add", "Revoke")),
    Case(6, "a job that has none needs no publisher", one(job(f"run: uv publish --publish-url {TEST}", name="test"),
         job(f"{UV}\nenv:\n  UV_PUBLISH_TOKEN: {SECRET}", "")), [OK, TOK], ("On PyPI, add",), ("On TestPyPI, add",)),
    Case(6, "no token, no steps", one(job(UV)), [OK], untold=("To publish without a stored token",)),
    Case(6, "a claim is told once", one(job(UV)), [FAILS], ("(job_workflow_ref is release.yml, and the publisher names old.yml)", "Add a publisher"),
         options={"publisher": "workflow=old.yml"}),
    Case(6, "a publisher on the other index does not matter", one(job(UV)), [OK], options={"publisher": "workflow=old.yml index=testpypi"}),
    Case(6, "a publisher on the index that is meant", one(job(f"{UV} --publish-url {TEST}")), [FAILS],
         options={"publisher": "workflow=old.yml index=testpypi"}),
    # 7 · GitHub
    Case(7, "a release made with GITHUB_TOKEN", {RELEASE: flow(job(UV), on="{release: {types: [published]}}"),
         ".github/workflows/tag.yml": flow(job("uses: softprops/action-gh-release@v2", "", env=""), on="{push: {branches: [main]}}")}, [OK],
         codes=("release-by-github-token",)),
    Case(7, "a release made with an app's token", {RELEASE: flow(job(UV), on="{release: {types: [published]}}"),
         ".github/workflows/tag.yml": flow(job("uses: softprops/action-gh-release@v2\nwith:\n  token: ${{ secrets.APP }}", "", env=""),
         on="{push: {branches: [main]}}")}, [OK], no_codes=("release-by-github-token",)),
    Case(7, "a release made on a tag, and publishing on the tag", {RELEASE: flow(job(UV)),
         ".github/workflows/tag.yml": flow(job("uses: softprops/action-gh-release@v2", "", env=""))}, [OK], no_codes=("release-by-github-token",)),
    Case(7, "gh release create", {RELEASE: flow(job(UV), on="{release: {types: [published]}}"), ".github/workflows/tag.yml": flow(
         job("run: gh release create v1\nenv:\n  GH_TOKEN: ${{ github.token }}", "", env=""), on="{push: {branches: [main]}}")}, [OK],
         codes=("release-by-github-token",)),
    Case(7, "a tag pushed where a release is waited for", {RELEASE: flow(job(UV), on="{release: {types: [published]}}"), ".github/workflows/tag.yml": flow(
         job("uses: actions/checkout@v5\n\nrun: git push origin v$VERSION", "", env=""), on="{push: {branches: [main]}}")}, [OK],
         no_codes=("release-by-github-token",)),
    Case(7, "a release where a tag is waited for", {RELEASE: flow(job(UV)), ".github/workflows/tag.yml": flow(
         job("run: gh release create v1\nenv:\n  GH_TOKEN: ${{ github.token }}", "", env=""), on="{push: {branches: [main]}}")}, [OK],
         codes=("release-by-github-token",)),
    Case(7, "a release of a tag that another step has pushed with a token of its own", {RELEASE: flow(job(UV)), ".github/workflows/tag.yml": flow(
         job("uses: actions/checkout@v5\nwith: {token: '${{ secrets.APP }}'}\n\nrun: git push --follow-tags\n\n"
             "run: gh release create v1\nenv:\n  GH_TOKEN: ${{ github.token }}", "", env=""), on="{push: {branches: [main]}}")}, [OK],
         no_codes=("release-by-github-token",)),
    *(Case(7, f"git push, {what}", {RELEASE: flow(job(UV)), ".github/workflows/tag.yml": flow(job(
           f"uses: actions/checkout@v5\n{given}\nrun: git push origin {ref}", "", env=""), on="{push: {branches: [main]}}")}, [OK],
           codes=codes, no_codes=tuple({"release-by-github-token"} - set(codes)))
      for what, given, ref, codes in (
          ("of a tag", "", "v$VERSION", ("release-by-github-token",)),
          ("of a tag in quotes", "", '"$TAG"', ("release-by-github-token",)),
          ("of all tags", "", "--tags", ("release-by-github-token",)),
          ("of a branch", "", "$BRANCH_NAME", ()),
          ("of a branch that a step has named", "", '"${{ steps.meta.outputs.release_branch }}" --force', ()),
          ("of a tag that a step has named", "", '"${{ steps.meta.outputs.version }}"', ("release-by-github-token",)),
          ("of a branch whose name ends in a variable", "", "deps/bump_from_${GITHUB_SHA:0:6}", ()),
          ("with a key of one's own", "with: {ssh-key: '${{ secrets.KEY }}'}\n", "v$VERSION", ()),
          ("without the checkout's credentials", "with: {persist-credentials: 'false'}\n", "v$VERSION", ()))),
    Case(7, "a workflow of another repository", {RELEASE: f"on: push\njobs:\n  a:\n    {MAY}\n    uses: octo-org/shared/.github/workflows/p.yml@v1\n"},
         [], ("It cannot publish with an ID token",)),
    Case(7, "checkout without contents", one(job(f"uses: actions/checkout@v5\n\n{UV}", "permissions:\n  id-token: write")), [OK],
         ("+      contents: read",), codes=("checkout-without-contents",)),
    Case(7, "checkout with contents", one(job(f"uses: actions/checkout@v5\n\n{UV}")), [OK], no_codes=("checkout-without-contents",)),
    Case(7, "a refused workflow takes its other jobs along",
         {RELEASE: f"on: push\njobs:\n  a:\n    permissions: {{}}\n    uses: ./.github/workflows/u.yml\n{job(UV, MAY, 'b')}",
          ".github/workflows/u.yml": flow(job(UV), on="workflow_call")}, [NEVER, FAILS], ("GitHub refuses the whole workflow",)),
    Case(7, "a caller that states nothing", {RELEASE: "on: push\njobs:\n  go:\n    uses: ./.github/workflows/u.yml\n",
         ".github/workflows/u.yml": flow(job(UV), on="workflow_call")}, [OK], ("release.yml:4 [caller-states-nothing]", "the job 'go'"),
         codes=("caller-states-nothing",)),
    Case(7, "a caller that states it", called(UV), [OK], no_codes=("caller-states-nothing",)),
    Case(7, "a caller that states nothing, and a job that asks for nothing", {RELEASE: "on: push\njobs:\n  go:\n    uses: ./.github/workflows/u.yml\n",
         ".github/workflows/u.yml": flow(job(UV, ""), on="workflow_call", top="")}, [NEVER], no_codes=("caller-states-nothing",)),
    Case(7, "a called job that asks for more than contents",
         {RELEASE: "on: push\njobs:\n  a:\n    permissions: {contents: read}\n    uses: ./.github/workflows/u.yml\n    secrets: inherit\n",
          ".github/workflows/u.yml": flow(job(f"{UV}\nenv:\n  UV_PUBLISH_TOKEN: {SECRET}", "permissions: {contents: write}"), on="workflow_call")},
         [NEVER], ("`contents: write`",)),
    Case(7, "a queue that drops a release", one(job(UV), top="concurrency: release"), [OK], codes=("concurrency",)),
    Case(7, "a queue for each tag", one(job(UV), top="concurrency: 'x-${{ github.ref }}'"), [OK], no_codes=("concurrency",)),
    Case(7, "a queue of the workflow is told at its own line", one(job(UV), top="permissions: {}\nconcurrency: release"), [OK],
         ("release.yml:4 [concurrency]",)),
    Case(7, "a queue for TestPyPI", one(job(f"run: uv publish --publish-url {TEST}"), on="push", top="concurrency: release"), [OK],
         no_codes=("concurrency",)),
    Case(7, "a queue for each ref, of releases by hand", one(job(UV), on="{push: {tags: ['v*']}, workflow_dispatch: }",
         top="concurrency: 'x-${{ github.ref }}'"), [OK], no_codes=("concurrency",)),
    Case(7, "a queue for each ref, of every push", one(job(UV), on="{push: {branches: [main]}}", top="concurrency: 'x-${{ github.ref }}'"), [OK],
         codes=("concurrency",)),
    Case(7, "a called job that asks to read all", {RELEASE: f"on: push\njobs:\n  go:\n    {MAY}\n    uses: ./.github/workflows/u.yml\n",
         ".github/workflows/u.yml": flow(job(f"{UV}\nenv:\n  UV_PUBLISH_TOKEN: x", "permissions: read-all"), on="workflow_call")}, [NEVER],
         ("`actions: read`",)),
    Case(7, "a queue that keeps all", one(job(UV), top="concurrency: {group: release, queue: max}"), [OK], no_codes=("concurrency",)),
    Case(7, "words of outsiders in a script", one(job(f"run: echo \"${{{{ github.event.release.body }}}}\"\n\n{UV}")), [OK], codes=("script-injection",)),
    Case(7, "the tag of a release in a script", one(job(f"run: echo \"${{{{ github.event.release.tag_name }}}}\"\n\n{UV}")), [OK],
         no_codes=("script-injection",)),
    *(Case(7, f"a matrix of {what}", one(job(f"run: python -m build\n\n{UV}", f"{MAY}\nstrategy: {{matrix: {matrix}}}")), [OK],
           codes=codes, no_codes=tuple({"upload-repeated"} - set(codes)))
      for what, matrix, codes in (
          ("one value", "{python: ['3.14']}", ()),
          ("two values", "{python: ['3.13', '3.14']}", ("upload-repeated",)),
          ("two rows", "{include: [{a: 1}, {a: 2}]}", ("upload-repeated",)),
          ("an expression", "{python: '${{ fromJSON(inputs.x) }}'}", ("upload-repeated",)))),
    Case(7, "words of outsiders in a variable", one(job(f"run: echo \"$B\"\nenv:\n  B: ${{{{ github.event.release.body }}}}\n\n{UV}")), [OK],
         no_codes=("script-injection",)),
    Case(7, "an artifact over the workspace", one(job(f"uses: actions/download-artifact@v5\n\n{UV}")), [OK], codes=("artifact-over-workspace",)),
    Case(7, "an artifact in dist", one(job(f"uses: actions/download-artifact@v5\nwith:\n  path: dist\n\n{UV}")), [OK],
         no_codes=("artifact-over-workspace",)),
    # 8 · safety
    Case(8, "a password that is the word itself", one(job(f"{ACTION_STEP}\nwith:\n  password: {SECRET}", ""),
         job("run: pytest\nenv:\n  DB_PASSWORD: password", "", name="test", env="")), [TOK], ("`password` in `with:`",)),
    Case(8, "a token in a command", one(job("run: uv publish --token pypi-AgEIcHlwaS5vcmcCJDAwMDAwMDAw", "")), [TOK], untold=("AgEIcHlwaS5",),
         codes=("token-in-file",)),
    Case(8, "a password in a context line of a diff", one(job("run: flit publish\n\nrun: echo hunter2-hunter2\nenv:\n  FLIT_PASSWORD: hunter2-hunter2")),
         [NEVER], untold=("hunter2",)),
    Case(8, "a password in the environment", one(job("run: twine upload x\nenv:\n  TWINE_PASSWORD: correct-horse-battery", "")), [TOK],
         untold=("correct-horse",)),
    Case(8, "credentials in an address", one(job("run: twine upload --repository-url https://alice:s3cr3t@index.octo.example/ x")), [NEVER],
         ("https://***@index.octo.example/",), ("s3cr3t",)),
    Case(8, "a token as the name of a job", one(job(UV, "", "pypi-AgEIcHlwaS5vcmcCJDAwMDAwMDAw"), top=""), [NEVER], untold=("AgEIcHlwaS5",)),
    Case(8, "a token in a name of an environment", one(job(UV, env="ghp_0123456789abcdefghij")), [OK], untold=("0123456789abcdefghij",)),
    Case(8, "a workflow command in a context line", one(job("run: |\n  echo\n  ::error::x\n  uv publish", ""), top=""), [NEVER],
         untold=("\n ::error", "\n           ::error")),
    Case(8, "an old workflow command in a name", one(job(UV, env='"##[error]x"')), [OK], untold=("##[",)),
    Case(8, "names that only look like tokens", one(job(UV, env="pypi-release-environment")), [OK], ("pypi-release-environment",)),
    # 9 · the words
    Case(9, "if the publishers are registered", one(job(UV)), [OK], ("1 way to publish, no fault found if the publishers are registered",)),
    Case(9, "registered", one(job(UV)), [OK], ("1 way to publish, no fault found, 0",), options={"publisher": "workflow=release.yml"}),
    Case(9, "by token", one(job(f"{UV}\nenv:\n  UV_PUBLISH_TOKEN: {SECRET}", "")), [TOK], ("no fault found, 0 warnings",)),
    Case(9, "two ways of one job under one heading", one(job(f"{UV} --publish-url {TEST}\n\n{UV}")), [OK, OK], ("2 ways",)),
    Case(9, "someone is asked in a job before", one(job("run: echo", "", "wait"), job(UV, f"{MAY}\nneeds: wait", env="")), [OK],
         ("asked only in 'wait'",), ("nobody is asked",)),
    Case(9, "the same warning about two jobs", one(job(f"uses: acme/x@v1\n\n{UV}", name="a"), job(f"uses: acme/x@v1\n\n{UV}", name="b")), [OK, OK],
         ("1 warning.",), codes=("unpinned-action",)),
    Case(9, "half migrated is not said of one job", {RELEASE: flow(job(UV), on="{push: {tags: ['v*']}, workflow_call: }"),
         ".github/workflows/tag.yml": "on: workflow_dispatch\npermissions: {contents: read}\njobs:\n  a: {uses: ./.github/workflows/release.yml}\n"},
         [OK, NEVER], no_codes=("half-migrated",)),
]  # fmt: skip
assert PINNED
