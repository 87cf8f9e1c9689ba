"""The matrix of requirements says what is there."""

import re
from collections import Counter

import pytest
import written

PAGE = written.DOCS / "reference" / "requirements.md"
ROWS = written.rows(PAGE)
SERVED = [row for row in ROWS if len(row) == 5]
NOT_SERVED = [row for row in ROWS if len(row) == 2]

ID = re.compile(r"[A-Z]\d{2}\.FR\.\d{2,3}|Part 4, \d(\.\d){1,2}|RFC \d{4}")
CITED = re.compile(r"\b([A-Z]\d{2})\.FR\.(\d{2,3})((?:(?:/| to |, | and )\d{2,3}\b(?!\.FR))*)")
FOLLOWING = re.compile(r"(/| to |, | and )(\d{2,3})")


def cited(text):
    """Each requirement in *text*, with those of "A02.FR.17 to 19" and "A00.FR.309, 412"."""
    for use_case, first, more in CITED.findall(text):
        last = first
        yield f"{use_case}.FR.{first}"
        for joint, number in FOLLOWING.findall(more):
            numbers = range(int(last) + 1, int(number) + 1) if joint == " to " else [int(number)]
            yield from (f"{use_case}.FR.{one:0{len(first)}}" for one in numbers)
            last = number


def test_the_page_has_rows():
    """A page that could not be read would agree with everything."""
    assert len(SERVED) > 200
    assert len(SERVED) + len(NOT_SERVED) == len(ROWS)


def test_an_id_is_an_id():
    """Ids are those of the standard or of an RFC."""
    assert [row[0] for row in ROWS if not ID.fullmatch(row[0])] == []


def test_no_requirement_stands_twice_for_one_side():
    """One row for each requirement and side, and none that is served and missing."""
    sides = Counter((row[0], row[1]) for row in SERVED)
    assert {side for _, side in sides} == {"CSMS", "station"}
    assert [row for row, times in sides.items() if times > 1] == []
    csms = {row[0] for row in SERVED if row[1] == "CSMS"}
    assert csms.isdisjoint(row[0] for row in NOT_SERVED)


def test_modules_exist():
    """Each row names a file of the source."""
    named = {row[3].strip("`") for row in SERVED}
    assert [name for name in sorted(named) if not (written.SOURCE / name).is_file()] == []


def test_tests_exist():
    """Each row names tests, all of which are there; a parametrised one counts as one."""
    assert [row[0] for row in SERVED if not written.named_tests(row[4])] == []
    assert written.missing_tests(PAGE.read_text(encoding="utf-8")) == []


def test_what_the_source_cites_has_a_row():
    """A citation in the source is a promise; the audit's are about others.

    When this fails: give the requirement its row in docs/reference/requirements.md.
    """
    known = {row[0] for row in ROWS}
    files = [file for file in written.SOURCE.rglob("*.py") if "audit" not in file.parts]
    promised = {id_ for file in files for id_ in cited(file.read_text(encoding="utf-8"))}
    assert len(promised) > 100
    assert sorted(promised - known) == []


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        pytest.param("# A05.FR.07: never", ["A05.FR.07"], id="one"),
        pytest.param("A00.FR.309, 412 and E201", ["A00.FR.309", "A00.FR.412"], id="two"),
        pytest.param("(A02.FR.17 to 19)", ["A02.FR.17", "A02.FR.18", "A02.FR.19"], id="range"),
        pytest.param("B01.FR.11/12:", ["B01.FR.11", "B01.FR.12"], id="slash"),
        pytest.param("A05.FR.02 to 04, B10.FR.01", ["A05.FR.02", "A05.FR.03", "A05.FR.04", "B10.FR.01"], id="both"),
    ],
)  # fmt: skip
def test_citations_are_understood(text, ids):
    """Lists and ranges stand for all their members."""
    assert list(cited(text)) == ids
