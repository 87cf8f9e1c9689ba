"""The reference pages say what the code says."""

from pathlib import Path

import pytest

from ocppsec.cli.reference import pages

WHERE = Path(__file__).parents[3] / "docs" / "reference"


@pytest.mark.parametrize("name", sorted(pages()))
def test_the_page_is_true(name):
    """Commands, settings, routes and events are documented as they are.

    When this fails: ``python -m ocppsec.cli.reference docs/reference``.
    """
    assert (WHERE / name).read_text(encoding="utf-8") == pages()[name]
