"""What learners answer in chapter 00."""

from learner import Answers


def guess(name: str, **letters: str) -> Answers:
    """Return the two wrong letters and one that is none, with words of their feedback."""
    mistakes = tuple((f'{name} = "{letter}"', words) for letter, words in letters.items())
    mistakes += ((f'{name} = "d"', 'Expected "a", "b" or "c", in quotes'),)
    return Answers(mistakes=mistakes, cheat="", right=())


ANSWERS = {
    "q0_1": guess("guess_1", a="How many workflows lost", b="Did this job have it"),
    "q0_2": guess("guess_2", a="Who would tell it?", b="Chapter 01 opens one"),
    "q0_3": guess("guess_3", a="who else in the job can read it", c="For how many projects"),
    "q0_4": Answers(
        mistakes=(
            ((', ref="refs/heads/mallory"', ""), "only to other branches"),
            (('actor="mallory", ', ""), "Who is it that attacks"),
            (("refs/heads/mallory", "mallory"), "How does the `ref` of a branch begin?"),
            (("(actor", "(id_token=False, actor"), "lacks the permission"),
            (
                ("(actor", '(repository="mallory/rocket", owner_id="9001", actor'),
                "Alice's in repository, owner_id",
            ),
            (("(actor", '(workflow="ci.yml", actor'), "Alice's in workflow"),
            (("(actor", '(environment="staging", actor'), "Alice's in environment"),
            (("return GitHubJob", "return dict"), "Expected a `GitHubJob`"),
        ),
        cheat="def attack():\n    return GitHubJob()",
        right=(
            """
def attack():
    return GitHubJob(actor="mallory", actor_id="9001", ref="refs/heads/fix-typo", sha="0" * 40)
""",
            """
from dataclasses import replace
job = GitHubJob()
attack = lambda: replace(job, actor="mallory", ref="refs/heads/x", event_name="workflow_dispatch")
""",
        ),
    ),
}
