"""What every chapter must satisfy, as rules that read the notebook file and run nothing.

A rule is a function that takes a `Chapter` and yields one sentence for each thing that is wrong.
CONTRIBUTING.md says the same to authors, with a skeleton to copy.
"""

import ast
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote

from course import exercise as exercises

Rule = Callable[["Chapter"], Iterator[str]]
RULES: list[Rule] = []

FIRST_CELL = """\
import sys; sys.path.insert(0, "..")
from helpers.lab import Lab
from course.ch{chapter:02d} import exercises, figures
lab = Lab()"""
OBJECTIVES = "What you will be able to do"
CLOSING = ["What we have seen", "Where it stops being true", "The question that leads on"]
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
WORDS_A_MINUTE, CELL_SECONDS, LINE_SECONDS, OUTPUT_SECONDS = 180, 20, 4, 15
CELLS = {0: (5, 25), 9: (10, 60)}  # code cells; every other chapter has 25 to 60
WORKSHOP_MINUTES = 45


@dataclass(frozen=True)
class Heading:
    level: int
    text: str
    cell: int


@dataclass
class Chapter:
    """A chapter as a file: its cells, with their sources and outputs as text."""

    path: Path

    @cached_property
    def notebook(self) -> dict:
        return json.loads(self.path.read_text("utf-8"))

    @property
    def number(self) -> int:
        return int(self.path.name[:2])

    @cached_property
    def cells(self) -> list[tuple[int, str, str]]:
        """Position, type and source of every cell."""
        found = enumerate(self.notebook["cells"])
        return [(n, cell["cell_type"], "".join(cell["source"])) for n, cell in found]

    @cached_property
    def code(self) -> list[tuple[int, str]]:
        return [(n, source) for n, kind, source in self.cells if kind == "code"]

    @cached_property
    def prose(self) -> list[tuple[int, str]]:
        """The markdown cells without code: fenced blocks are left out, inline code becomes a placeholder."""
        markdown = [(n, source) for n, kind, source in self.cells if kind == "markdown"]
        return [(n, _without_code(source)) for n, source in markdown]

    @cached_property
    def headings(self) -> list[Heading]:
        found = []
        for n, kind, source in self.cells:
            if kind == "markdown":
                for line in _without_fences(source).splitlines():
                    if match := re.match(r"(#{1,6}) +(.+?) *$", line):
                        found.append(Heading(len(match[1]), match[2], n))
        return found

    @cached_property
    def further(self) -> set[int]:
        """The cells that can be skipped: from a heading "Further: ..." to the next of its level or above."""
        inside, found = 0, set()
        starts = {heading.cell: heading for heading in reversed(self.headings)}
        for n, _, _ in self.cells:
            if heading := starts.get(n):
                if heading.text.startswith("Further"):
                    inside = inside or heading.level
                elif heading.level <= inside:
                    inside = 0
            if inside:
                found.add(n)
        return found

    def outputs(self, n: int) -> list[dict]:
        return self.notebook["cells"][n].get("outputs", [])

    def shown(self, n: int) -> list[str]:
        """The texts that a code cell's outputs consist of."""
        texts = []
        for output in self.outputs(n):
            data = {
                kind: value
                for kind, value in output.get("data", {}).items()
                if kind.startswith("text/")
            }
            texts += ["".join(text) for text in (output.get("text", ""), *data.values())]
        return texts

    @cached_property
    def checks(self) -> list[tuple[int, str, str]]:
        """Position, exercise and arguments of every cell that checks an exercise."""
        pattern = re.compile(r"^exercises\.(q\d+_\d+)\.check\((.*)\)$", re.MULTILINE)
        return [
            (n, match[1], match[2]) for n, source in self.code for match in pattern.finditer(source)
        ]


def rule(function: Rule) -> Rule:
    RULES.append(function)
    return function


def _without_fences(markdown: str) -> str:
    return re.sub(r"^(```|~~~).*?^\1[^\n]*$", "", markdown, flags=re.MULTILINE | re.DOTALL)


def _without_code(markdown: str) -> str:
    text = re.sub(r"<!--.*?-->", "", _without_fences(markdown), flags=re.DOTALL)
    return re.sub(r"(`+)(?!`).+?(?<!`)\1(?!`)", "`code`", text, flags=re.DOTALL)


# ---------------------------------------------------------------- the skeleton


@rule
def it_opens_with_title_question_minutes_and_objectives(chapter: Chapter) -> Iterator[str]:
    kind, source = chapter.cells[0][1:]
    blocks = [block.strip() for block in re.split(r"\n\s*\n", source.strip())]
    title = re.fullmatch(r"# (\d\d) · (.+)", blocks[0])
    if kind != "markdown" or not title:
        yield "the first cell starts with `# 04 · The title`"
    else:
        slug = re.sub(r"[^a-z0-9]+", "_", title[2].lower()).strip("_")
        if (
            f"{title[1]}_{slug}" != chapter.path.stem
            and f"{title[1]}_{slug.removeprefix('the_')}" != chapter.path.stem
        ):
            yield f"the title {blocks[0]!r} does not fit the file name"
    if len(blocks) < 2 or not re.fullmatch(r"\*[^*]+\?\*", blocks[1], re.DOTALL):
        yield "under the title stands the chapter's question, in italics, ending in a question mark"
    if minutes_of(chapter) is None:
        yield "then comes `45 minutes · after chapters 02 and 03`, or `10 minutes · no earlier chapter`"
    elif any(
        int(earlier) >= chapter.number
        for earlier in re.findall(r"\d\d", blocks[2].partition("·")[2])
    ):
        yield f"{blocks[2]!r} asks for a chapter that is not an earlier one"
    text = "\n".join(source for _, source in chapter.prose[:3])
    listed = re.search(rf"^## {OBJECTIVES}\n+((?:[-*] .+\n?(?:  .+\n?)*)+)", text, re.MULTILINE)
    if not listed or not 2 <= len(re.findall(r"^[-*] ", listed[1], re.MULTILINE)) <= 6:
        yield f"before the first code comes `## {OBJECTIVES}` with a list of two to six things"


def minutes_of(chapter: Chapter) -> int | None:
    """The minutes that the opening states."""
    lines = chapter.cells[0][2].splitlines()
    earlier = r"(?:no earlier chapter|after chapters? \d\d(?:, \d\d)*(?: and \d\d)?)"
    found = [
        match
        for line in lines
        if (match := re.fullmatch(rf"(\d+) minutes · {earlier}", line.strip()))
    ]
    return int(found[0][1]) if found else None


@rule
def it_closes_with_what_we_have_seen_where_it_stops_and_a_question(
    chapter: Chapter,
) -> Iterator[str]:
    second = [heading for heading in chapter.headings if heading.level <= 2][-3:]
    if [heading.text for heading in second] != CLOSING:
        yield "the last three headings of level 2 are, in order, " + ", ".join(
            f"`## {text}`" for text in CLOSING
        )
        return
    first = second[0].cell
    if code := [n for n, _ in chapter.code if n > first]:
        yield f"no code comes after `## {CLOSING[0]}`, but cell {code[0]} has some"
    text = "\n\n".join(source for n, source in chapter.prose if n >= first)
    parts = [
        part.strip()
        for part in re.split(
            r"^## .+$", text[text.index("## " + CLOSING[0]) :], flags=re.MULTILINE
        )[1:]
    ]
    for heading, part in zip(CLOSING, parts, strict=True):
        if not part:
            yield f"`## {heading}` is empty"
    if len([line for line in parts[0].splitlines() if re.match(r"[-*] |\d\. |\S", line)]) > 5:
        yield f"`## {CLOSING[0]}` has more than five lines"
    if "?" not in parts[2]:
        yield f"`## {CLOSING[2]}` asks no question"


@rule
def headings_go_down_one_level_at_a_time(chapter: Chapter) -> Iterator[str]:
    if [heading.level for heading in chapter.headings].count(1) != 1:
        yield "there is one heading of level 1, the title"
    for before, heading in zip(chapter.headings, chapter.headings[1:], strict=False):
        if heading.level > before.level + 1:
            yield f"cell {heading.cell}: {heading.text!r} skips a level under {before.text!r}"


@rule
def it_starts_with_the_three_lines(chapter: Chapter) -> Iterator[str]:
    first = FIRST_CELL.format(chapter=chapter.number)
    if not chapter.code or chapter.code[0][1].strip() != first:
        yield f"the first code cell is, to the letter:\n{first}"


@rule
def it_has_enough_cells_and_none_is_long(chapter: Chapter) -> Iterator[str]:
    least, most = CELLS.get(chapter.number, (25, 60))
    if not least <= len(chapter.code) <= most:
        yield f"{len(chapter.code)} code cells; {least} to {most} are wanted"
    for n, source in chapter.code:
        if not source.strip():
            yield f"cell {n} is empty"
        if len(source.strip().splitlines()) > 15:
            yield f"cell {n} has {len(source.strip().splitlines())} lines; 15 are the limit"


# ---------------------------------------------------------------- what is stored


@rule
def no_output_is_exempt_from_comparison(chapter: Chapter) -> Iterator[str]:
    for n, source in chapter.code:
        tags = chapter.notebook["cells"][n]["metadata"].get("tags", [])
        if re.search(r"NBVAL_|PYTEST_VALIDATE", source) or any(
            "nbval" in tag.lower() for tag in tags
        ):
            yield f"cell {n} has an nbval marker"


@rule
def it_was_run_from_top_to_bottom_without_errors(chapter: Chapter) -> Iterator[str]:
    counts = [chapter.notebook["cells"][n].get("execution_count") for n, _ in chapter.code]
    if counts != list(range(1, len(counts) + 1)):
        yield f"not run in one go from a fresh kernel: the counts are {counts}"
    for n, _ in chapter.code:
        for output in chapter.outputs(n):
            if output["output_type"] == "error":
                yield f"cell {n} ended in {output['ename']}"
            if output.get("name") == "stderr":
                yield f"cell {n} wrote to standard error"


@rule
def its_metadata_is_small_and_the_same_everywhere(chapter: Chapter) -> Iterator[str]:
    if chapter.notebook["metadata"] != METADATA:
        yield f"the notebook's metadata is {chapter.notebook['metadata']}; run `make refresh`"
    for n, cell in enumerate(chapter.notebook["cells"]):
        if set(cell["metadata"]) - {"tags"}:
            yield f"cell {n} has metadata {sorted(cell['metadata'])}; run `make refresh`"
        if any(set(output.get("metadata", {})) for output in chapter.outputs(n)):
            yield f"cell {n} has metadata in an output"
        if any(
            "widget" in kind for output in chapter.outputs(n) for kind in output.get("data", {})
        ):
            yield f"cell {n} shows a widget, whose state is not stored"
    ids = [cell.get("id") for cell in chapter.notebook["cells"]]
    if len(set(ids)) != len(ids) or None in ids:
        yield "every cell has an id of its own"


@rule
def every_figure_says_what_it_shows(chapter: Chapter) -> Iterator[str]:
    for n, _ in chapter.code:
        for output in chapter.outputs(n):
            if any(kind.startswith("image/") for kind in output.get("data", {})):
                text = "".join(output["data"].get("text/plain", ""))
                if not re.fullmatch(r"[^<].+\.", text.strip(), re.DOTALL) or len(text.split()) < 5:
                    yield f"cell {n} shows a picture without a sentence: {text[:60]!r}"


MACHINE = {
    "a path of this machine": r"/(?:tmp|home|root|Users|private|var|usr)/\w|\b[A-Z]:\\|site-packages",
    "a port": r"(?:127\.0\.0\.1|localhost|\[::1\]):\d+",
    "an object's address": r"\b0x[0-9a-fA-F]{6,}\b|\bat 0x",
    "a duration": r"\b\d+\.\d+ ?(?:ms|s|sec|seconds)\b|\b\d+ ?(?:ms|µs|us|ns)\b|\bin \d+(?:\.\d+)?s\b",
    "a whole token": r"pypi-[\w-]{85,}|eyJ[\w-]{10,}\.[\w-]{20,}\.[\w-]{100,}",
}


@rule
def no_output_depends_on_the_machine(chapter: Chapter) -> Iterator[str]:
    for n, _ in chapter.code:
        for text in chapter.shown(n):
            for what, pattern in MACHINE.items():
                if match := re.search(pattern, text):
                    yield f"cell {n} shows {what}: {match[0][:60]!r}"


# ---------------------------------------------------------------- prose


@rule
def every_link_leads_somewhere(chapter: Chapter) -> Iterator[str]:
    for n, text in chapter.prose:
        for shown, target in re.findall(r"!?\[([^\]]*)\]\(([^()\s]+(?:\([^()]*\))?)[^)]*\)", text):
            if not shown.strip():
                yield f"cell {n}: the link or picture {target!r} has no words"
            if re.match(r"[a-z]+:", target):
                continue
            place, _, anchor = target.partition("#")
            goal = (chapter.path.parent / unquote(place)).resolve() if place else chapter.path
            if not goal.exists():
                yield f"cell {n}: the link {target!r} leads nowhere"
            elif anchor and goal.suffix == ".ipynb":
                known = {_anchor(heading.text) for heading in Chapter(goal).headings}
                if unquote(anchor) not in known:
                    yield f"cell {n}: {goal.name} has no heading for {target!r}"


def _anchor(heading: str) -> str:
    """The fragment by which JupyterLab knows a heading: its words, with hyphens for spaces."""
    return re.sub(r"[*`]|\[|\]\([^)]*\)", "", heading).replace(" ", "-")


@rule
def a_term_is_bold_where_it_is_introduced_and_nowhere_else(chapter: Chapter) -> Iterator[str]:
    first: dict[str, int] = {}
    for n, text in chapter.prose:
        for term in re.findall(
            r"(?<![*\w])\*\*(?=\S)([^*]+?)(?<=\S)\*\*(?!\*)|\b__([^_]+)__\b", text
        ):
            word = " ".join("".join(term).lower().split()).rstrip(".:,")
            if word in first:
                yield f"cell {n}: {word!r} is bold again, after cell {first[word]}"
            first.setdefault(word, n)


EMOJI = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\u2b00-\u2bff\ufe0f\u2139\u231a-\u23ff]")


@rule
def its_prose_is_plain(chapter: Chapter) -> Iterator[str]:
    for n, text in chapter.prose:
        plain = re.sub(r"\]\([^)]*\)", "]", text).replace("![", "[")
        if "!" in plain:
            yield f"cell {n} has an exclamation mark"
        if word := re.search(r"\b(simply|just)\b", plain, re.IGNORECASE):
            yield f"cell {n} says {word[0]!r}"
        if emoji := EMOJI.search(re.sub(f"[{''.join(exercises.SIGNS.values())}]", "", plain)):
            yield f"cell {n} has the emoji {emoji[0]!r}"


MONTH = "(?:January|February|March|April|May|June|July|August|September|October|November|December)"
LABS_DAY = re.compile(r"(?:Monday,? )?(?:the )?23 November 2026|2026-11-23|November 2026")
FACT = re.compile(
    rf"\b\d+(?:\.\d+)? ?(?:%|per cent)|\b\d{{4}}-\d\d-\d\d\b|\b\d{{1,2}} {MONTH}(?: \d{{4}})?"
    rf"|\b{MONTH} \d{{4}}"
    r"|\b(?:19|20)\d\d\b(?![-.]\d)|\b\d{1,3}(?:,\d{3})+\b|\b\d+ (?:days|weeks|months|years)\b"
)
SOURCE = re.compile(
    r"\bRFC \d+|\bPEP \d+|\]\(|\w#\d+|\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{7,40}\b|`make bench`"
    r"|\([^()]*\b(?:blog|docs|documentation|reference|section|commit|repository|survey|report)\b[^()]*\)"
    r"|\((?:[^()]*; )?[A-Z][^()]*, [^()]*\d{4}[^()]*\)",
    re.IGNORECASE,
)


@rule
def every_fact_has_its_source_beside_it(chapter: Chapter) -> Iterator[str]:
    code = dict(chapter.code)
    for n, kind, source in chapter.cells:
        if kind != "markdown":
            continue
        near = [k for k in code if n - 3 <= k <= n + 3]
        computed = "\n".join([text for k in near for text in (code[k], *chapter.shown(k))])
        blocks = re.split(r"\n\s*\n", _without_fences(source))
        for k, block in enumerate(blocks):
            about = (
                blocks[k - 1] if k and blocks[k - 1].rstrip().endswith(":") else ""
            )  # "…, as RFC 7519 says:"
            table = block.lstrip().startswith("|")
            caption = "\n".join(blocks[max(0, k - 1) : k + 2]) if table else about
            for piece in re.split(r"\n(?=\s*(?:[-*]|\d+\.) )", block):
                if SOURCE.search(piece) or SOURCE.search(caption):
                    continue
                for fact in FACT.finditer(LABS_DAY.sub("", _without_code(piece))):
                    if not _computes(computed, fact[0]):
                        yield f"cell {n}: {fact[0]!r} has no source beside it, and no cell nearby computes it"


def _computes(computed: str, fact: str) -> bool:
    """Whether the number is in the code or the outputs; of a date, all of it."""
    number = re.match(r"[\d,.]*\d", fact)
    wanted = fact if number is None or re.search(r"\d{4}|[A-Z]", fact) else number[0]
    return bool(re.search(rf"(?<![\d.,]){re.escape(wanted)}(?![\d,]|\.\d)", computed))


# ---------------------------------------------------------------- time and exercises


def reading_minutes(chapter: Chapter, cells: set[int] | None = None) -> float:
    """How long a careful reader needs for these cells (all, if not told), *Further* left out.

    Prose counts by words, a code cell by its lines, an output of more than three lines or a figure
    by a look, and an exercise by its own minutes.
    """
    counted = set(range(len(chapter.cells))) if cells is None else cells
    counted = counted - chapter.further
    words = sum(len(re.findall(r"\w+", text)) for n, text in chapter.prose if n in counted)
    exercised = {k for n, _, _ in chapter.checks for k in (n - 1, n)}
    seconds = 0
    for n, source in chapter.code:
        if n in counted - exercised:
            lines = len([line for line in source.splitlines() if line.strip()])
            looks = sum(map(_needs_a_look, chapter.outputs(n)))
            seconds += CELL_SECONDS + LINE_SECONDS * lines + OUTPUT_SECONDS * looks
    minutes = {exercise.name: exercise.minutes for exercise in exercises.chapter(chapter.number)}
    tasks = sum(minutes.get(name, 0) for n, name, _ in chapter.checks if n in counted)
    return words / WORDS_A_MINUTE + seconds / 60 + tasks


def _needs_a_look(output: dict) -> bool:
    data = output.get("data", {})
    text = "".join(data.get("text/plain", output.get("text", "")))
    return "image/png" in data or "text/html" in data or len(text.strip().splitlines()) > 3


@rule
def its_minutes_are_those_that_a_reader_needs(chapter: Chapter) -> Iterator[str]:
    stated, needed = minutes_of(chapter), reading_minutes(chapter)
    if stated and abs(stated - needed) > 0.2 * needed:
        yield f"it says {stated} minutes, and needs about {needed:.0f}"
    row = re.search(
        rf"\({re.escape('notebooks/' + chapter.path.name)}\).*?(\d+) min", _readme(chapter)
    )
    if row and int(row[1]) != stated:
        yield f"it says {stated} minutes, and README {row[1]}"


@rule
def a_long_chapter_has_a_path_that_fits_a_workshop(chapter: Chapter) -> Iterator[str]:
    found = re.search(
        r"^Workshop path, (\d+) minutes: parts? ([^.]+)\.$", chapter.cells[0][2], re.M
    )
    if not found:
        if (minutes_of(chapter) or 0) > WORKSHOP_MINUTES:
            yield "under the minutes stands `Workshop path, 45 minutes: parts 1, 2 and 4.`"
        return
    stated, wanted = int(found[1]), {int(part) for part in re.findall(r"\d+", found[2])}
    if missing := sorted(wanted - set(parts_of(chapter))):
        yield f"the workshop path names part {missing[0]}, which is not there"
        return
    opening = set(range(min(min(cells) for cells in parts_of(chapter).values())))
    taken = opening.union(*(parts_of(chapter)[part] for part in wanted))
    needed = reading_minutes(chapter, taken)
    if stated > WORKSHOP_MINUTES or needed > stated * 1.05:
        yield f"the workshop path says {stated} minutes (45 at most), and needs {needed:.0f}"
    used, known = _names(source for n, source in chapter.code if n in taken)
    _, left_out = _names(source for n, source in chapter.code if n not in taken)
    for name in sorted(used & left_out - known):
        yield f"the workshop path uses `{name}`, which only a part that it leaves out defines"


def _names(sources: Iterable[str]) -> tuple[set[str], set[str]]:
    """The names that these cells use, and those that they define in any scope."""
    used, defined = set(), set()
    for node in (node for source in sources for node in ast.walk(ast.parse(source))):
        match node:
            case ast.Name(id, ast.Load()):
                used.add(id)
            case ast.Name(id) | ast.arg(id):
                defined.add(id)
            case ast.FunctionDef(name) | ast.ClassDef(name) | ast.ExceptHandler(name=name):
                defined.add(name)
            case ast.MatchAs(name=name) | ast.MatchStar(name) | ast.MatchMapping(rest=name):
                defined.add(name)
            case ast.alias(name, asname):
                defined.add((asname or name).partition(".")[0])
    return used, defined


def parts_of(chapter: Chapter) -> dict[int, set[int]]:
    """The cells of each numbered part, such as `## 2. The payload`; the guesses are no part."""
    starts = [heading for heading in chapter.headings if heading.level == 2]
    found = {}
    for n, heading in enumerate(starts):
        end = starts[n + 1].cell if n + 1 < len(starts) else len(chapter.cells)
        if match := re.match(r"(\d+)\. ", heading.text):
            found[int(match[1])] = set(range(heading.cell, end))
    return found


def _readme(chapter: Chapter) -> str:
    path = chapter.path.parent.parent / "README.md"
    return path.read_text("utf-8") if path.exists() else ""


@rule
def every_exercise_is_there_in_order_with_its_stub(chapter: Chapter) -> Iterator[str]:
    known = {exercise.name: exercise for exercise in exercises.chapter(chapter.number)}
    used = [name for _, name, _ in chapter.checks]
    if used != list(known):
        yield f"the module has {', '.join(known) or 'none'}; the chapter checks {', '.join(used) or 'none'}"
    mentioned = {
        name for _, source in chapter.code for name in re.findall(r"exercises\.(q\w+)", source)
    }
    if strange := sorted(mentioned - set(known)):
        yield f"there is no {', '.join(strange)}"
    for n, name, _ in chapter.checks:
        if not (exercise := known.get(name)):
            continue
        names = ", ".join(exercise.names)
        lines = [f"exercises.{name}.check({names})"]
        lines += (
            [f"# exercises.{name}.hint()", f"# exercises.{name}.solution()"]
            if exercise.hints
            else []
        )
        if chapter.cells[n][2].strip().splitlines() != lines:
            yield f"cell {n} reads, to the letter:\n" + "\n".join(lines)
        if chapter.cells[n - 1][1:] != ("code", exercise.stub.strip()):
            yield f"cell {n - 1} is the stub of {name}, as the exercise has it"
        titles = [heading.text for heading in chapter.headings if heading.cell < n]
        if not titles or titles[-1] != f"Exercise {name[1:].replace('_', '.')} · {exercise.title}":
            yield f"over {name} stands the heading `Exercise {name[1:].replace('_', '.')} · {exercise.title}`"
        if not any(text.startswith(f"○ {name} not attempted") for text in chapter.shown(n)):
            yield f"cell {n} is stored with something else than `not attempted`"


@rule
def what_an_answer_may_use_is_defined_by_then(chapter: Chapter) -> Iterator[str]:
    known = {exercise.name: exercise for exercise in exercises.chapter(chapter.number)}
    if not known:
        return
    promised = _bound(getattr(sys.modules[f"course.ch{chapter.number:02d}.exercises"], "SETUP", ""))
    for n, name, _ in chapter.checks:
        defined = set().union(*[_bound(source) for k, source in chapter.code if k < n])
        answer = ast.parse(known[name].answer.strip() if name in known else "")
        used = {node.id for node in ast.walk(answer) if isinstance(node, ast.Name)}
        last = n == chapter.checks[-1][0]
        if missing := sorted((promised if last else promised & used) - defined):
            yield f"SETUP promises {', '.join(missing)}, which no cell before {name} defines"


def _bound(source: str) -> set[str]:
    """The names that source text defines at its top level."""
    names = set()
    plain = "\n".join(line for line in source.splitlines() if not line.startswith(("%", "!")))
    for node in ast.parse(plain.strip()).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        else:
            parts = [part for part in ast.walk(node) if isinstance(part, ast.Name)]
            names |= {part.id for part in parts if isinstance(part.ctx, ast.Store)}
    return names
