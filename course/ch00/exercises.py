"""The three questions of chapter 00. They are guesses: chapter 06 comes back to each, with the means to tell."""

import hashlib
from collections.abc import Callable

from course.exercise import Exercise, Wrong, numbered, show
from helpers.lab import INDEX_URL, Lab
from helpers.provider.jobs import GitHubJob


def _guess(number: int, title: str, right: str, wrong: dict[str, str], why: str, hints: tuple[str, ...],
           evidence: Callable[[], bool] | None = None) -> Exercise:  # fmt: skip
    """A question with three answers, "a", "b" and "c". `wrong` says of the other two where to look; `evidence` tries in the
    lab whether the right one is right."""

    def probe(answer: str) -> None:
        if not isinstance(answer, str) or answer not in {right, *wrong}:
            raise Wrong(
                f'Expected one of "a", "b" and "c", with its quotation marks; got {show(answer)}.'
            )
        if answer in wrong:
            raise Wrong(f"A fair guess, and not what happens. {wrong[answer]}")
        if evidence is not None and not evidence():
            raise RuntimeError(f"the lab does not bear out the answer to question {number}")

    name = f"guess_{number}"
    return Exercise(
        title=title,
        names=(name,),
        stub=f'{name} = ...  # "a", "b" or "c"',
        probe=probe,
        answer=f'{name} = "{right}"',
        hints=hints,
        mistakes=tuple((f'{name} = "{letter}"', words) for letter, words in wrong.items()),
        right=why,
        minutes=1,
    )


def _publish(lab: Lab, token: str, version: str) -> bool:
    filename, content = f"octo_rocket-{version}-py3-none-any.whl", version.encode()
    form = {
        ":action": "file_upload",
        "metadata_version": "2.4",
        "filetype": "bdist_wheel",
        "pyversion": "py3",
    }
    form |= {
        "name": "octo-rocket",
        "version": version,
        "sha256_digest": hashlib.sha256(content).hexdigest(),
    }
    upload = {"auth": ("__token__", token), "data": form, "files": {"content": (filename, content)}}
    return lab.http.post(f"{INDEX_URL}/legacy/", **upload).status_code == 200


def _mint(lab: Lab) -> str:
    id_token = lab.github.id_token(GitHubJob())
    return str(
        lab.http.post(f"{INDEX_URL}/_/oidc/mint-token", json={"token": id_token}).json()["token"]
    )


def _an_old_token_goes_on_working() -> bool:
    lab = Lab()
    old = lab.index.create_api_token("alice")
    released = _publish(lab, _mint(lab), "1.0")
    lab.clock.advance(days=1000)
    works = _publish(lab, old, "1.1")
    lab.index.revoke_api_token(old)
    return released and works and not _publish(lab, old, "1.2")


def _a_minted_token_is_worth_something_for_a_while() -> bool:
    lab = Lab()
    lab.index.add_project("other", owner="alice")
    stolen = _mint(lab)
    works = _publish(lab, stolen, "1.0")
    lab.clock.advance(minutes=15)
    return works and not _publish(lab, stolen, "1.1")


EXERCISES = [
    _guess(
        1,
        "What could it show?",
        "c",
        {
            "a": "Read the first change on main again: from how many workflows did it take the token?",
            "b": "A job has to be allowed to ask for an ID token. Which workflow was, at seven minutes past midnight?",
        },
        "As far as the public history tells; chapter 06 runs that very job, and reads its log.",
        (
            "Two workflows could publish, and one of them runs by itself.",
            "One change took from both and gave to one.",
        ),
    ),
    _guess(
        2,
        "What becomes of the old token?",
        "c",
        {
            "a": "The index would have to connect the two. Who tells it that the token is no longer wanted?",
            "b": "Who would have written a date into it? Chapter 01 opens one and looks.",
        },
        "Tried in the lab: a thousand days after the first release without it, it still published. Chapter 06 looks for it.",
        ("Registering a publisher adds a way in.", "Does adding a way in close another?"),
        _an_old_token_goes_on_working,
    ),
    _guess(
        3,
        "What is left to steal?",
        "b",
        {
            "a": "Then how does `uv publish` prove to the index, a moment later, that it may upload?",
            "c": "Look at the cell that exchanged the ID token: for how long, and in the name of what, was the answer good?",
        },
        "Tried in the lab: it published once, and was worth nothing 15 minutes after. Chapter 01 asks what that changes.",
        (
            "Whatever the job uses, somebody inside the job can read.",
            "What the job uses was printed above, with its end.",
        ),
        _a_minted_token_is_worth_something_for_a_while,
    ),
]

q0_1, q0_2, q0_3 = numbered(0, EXERCISES)
