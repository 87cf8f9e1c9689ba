"""What the pages for people say is so: commands, links, the example, the picture."""

import asyncio
import re
import tomllib

import pytest
import written

PAGES = sorted(
    [*written.ROOT.glob("*.md"), *written.DOCS.rglob("*.md"), *written.ROOT.glob("benchmarks/*.md")]
)
CLI = written.DOCS / "reference" / "cli.md"
BY_HAND = [page for page in PAGES if page != CLI]

_LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
_COMMAND = re.compile(r"(?:`|^\$ |^)(ocppsec(?: [^`\n#]*)?)", re.MULTILINE)
_NAMED_FILE = re.compile(r"\b(?:tests|docs|benchmarks)/[\w/.-]+\.(?:py|md)\b")


def name(page):
    return str(page.relative_to(written.ROOT))


def sections():
    """Command to its help, as the reference has it."""
    text = CLI.read_text(encoding="utf-8")
    return {
        head.split("`")[0]: body
        for head, _, body in (part.partition("\n") for part in text.split("\n## `")[1:])
    }


def commands(text):
    """Command lines in blocks and between backticks; prose that begins with the name is left out."""
    for line in _COMMAND.findall(text):
        words = line.split()
        if len(words) > 1 and re.fullmatch(r"[a-z]+|--\w[\w-]*", words[1]):
            yield words


def unknown_in(words, known):
    """What in a command line the reference does not know."""
    for size in (4, 3, 2):
        command = " ".join(words[:size])
        is_group = any(other.startswith(f"{command} ") for other in known)
        if command in known and not (is_group and len(words) > size):
            options = [word.split("=")[0] for word in words if word.startswith("--")]
            return [option for option in options if option not in known[command]]
    return [" ".join(words)]


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page):
    """Every relative link is a file that is there."""
    links = _LINK.findall(page.read_text(encoding="utf-8"))
    inside = [link for link in links if "://" not in link]
    assert [link for link in inside if not (page.parent / link).exists()] == []


@pytest.mark.parametrize(
    "page", [written.ROOT / "README.md", *sorted((written.DOCS / "howto").glob("*.md"))], ids=name
)
def test_commands_are_those_of_the_reference(page):
    """A reader can type what stands there."""
    known = sections()
    typed = [words for words in commands(page.read_text(encoding="utf-8")) if not _is_prose(words)]
    assert [unknown for words in typed for unknown in unknown_in(words, known)] == []


def _is_prose(words):
    """The program's own sentences, and lists of commands such as `station add | list`."""
    return words[1] in {"is", "does", "and"} or "|" in words


def test_commands_are_found():
    """A page whose commands could not be read would agree with everything."""
    for page in (written.ROOT / "README.md", written.DOCS / "howto" / "first-station.md"):
        found = {" ".join(words[1:3]) for words in commands(page.read_text(encoding="utf-8"))}
        assert {"station add", "station upgrade", "station why", "station list"} <= found
    assert unknown_in(["ocppsec", "station", "ad", "ID"], sections())
    assert unknown_in(["ocppsec", "station", "add", "ID", "--serial-number", "1"], sections()) == [
        "--serial-number"
    ]


def test_files_named_in_the_source_are_there():
    """A docstring that sends its reader to a page or a test has the right name."""
    files = [*written.SOURCE.rglob("*.py"), written.ROOT / "pyproject.toml"]
    named = {(file, path) for file in files for path in _NAMED_FILE.findall(file.read_text(encoding="utf-8"))}
    assert len(named) > 3
    assert [(name(file), path) for file, path in sorted(named) if not (written.ROOT / path).is_file()] == []


def test_tests_named_in_decisions_are_there():
    """The evidence of a decision exists."""
    for page in (written.DOCS / "decisions").glob("*.md"):
        text = page.read_text(encoding="utf-8")
        found = re.findall(r"`tests/([\w/]+\.py)(?:::(test_\w+))?`", text)
        for file, test in found:
            assert (written.ROOT / "tests" / file).is_file(), (page.name, file)
            assert not test or test in written.tests_in(written.ROOT / "tests" / file), (page.name, test)


def rooms(text):
    """Rows of rooms in the picture: lines that begin with a name of a room."""
    block = next(part for part in text.split("```")[1::2] if part.lstrip().startswith("cli"))
    return [re.split(r"\s{2,}", line)[0] for line in block.strip().splitlines() if not line.startswith(" ")]


@pytest.mark.parametrize("page", ["README.md", "docs/decisions/0001-rooms.md"])
def test_the_picture_is_the_contract(page):
    """The rooms are drawn as lint keeps them."""
    project = tomllib.loads((written.ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = project["tool"]["importlinter"]["contracts"][0]["layers"]
    drawn = rooms((written.ROOT / page).read_text(encoding="utf-8"))
    assert [row.strip() for row in drawn] == layers


def test_the_example_of_the_readme_is_a_csms(tmp_path, capsys):
    """As it stands there, on free ports: it opens three doors and ends in good order."""
    text = (written.ROOT / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    example = re.sub(r"_port=\d+", "_port=0", example)
    there = {"__name__": "example"}
    exec(compile(example, "README.md", "exec"), there)

    async def run():
        running = asyncio.create_task(there["main"](tmp_path / "state"))
        while capsys.readouterr().out.count("DoorOpened(") == 0 and not running.done():
            await asyncio.sleep(0.02)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return running.cancelled()

    assert asyncio.run(run())
