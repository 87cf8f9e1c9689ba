"""The page of lessons names tests that are there."""

import written

PAGE = written.DOCS / "reference" / "lessons.md"
ROWS = written.rows(PAGE)
GUARDED = {*range(1, 13), 14, 16, 18, 19, 23, 24, 25, 26}
"""The security rules that a test has to guard."""


def test_each_rule_has_a_test():
    """No rule of the list is without one, and each row says what it was seen red with."""
    assert {int(row[0]) for row in ROWS} == GUARDED
    assert [row for row in ROWS if not written.named_tests(row[2]) or not row[3]] == []


def test_tests_exist():
    """A renamed test is renamed here."""
    assert written.missing_tests(PAGE.read_text(encoding="utf-8")) == []
