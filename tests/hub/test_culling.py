"""Servers that nobody uses are stopped, and what was saved is there when they start again."""

from conftest import CHAPTERS, classroom


def test_an_idle_server_is_stopped_and_its_chapters_are_kept():
    with classroom("trial", LAB_IDLE="4") as room:
        alice = room.learner("alice")
        content = alice.read(CHAPTERS["00"])
        content["cells"][0]["source"] = "# Mine"
        alice.save(CHAPTERS["00"], content)
        alice.wait_until_it_ends()
        saved = room.homes / "alice" / CHAPTERS["00"]
        assert "# Mine" in saved.read_text("utf-8")
