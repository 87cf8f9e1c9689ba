"""Where a demonstration plays."""

import pytest

from ocppsec.cli.demo import run_demo
from ocppsec.cli.failure import ExitCode, Failure


@pytest.mark.parametrize(("made", "says"), [("file", "is a file"), ("directory", "is not empty")])
def test_it_touches_nothing_of_anybodys(tmp_path, made, says):
    """Neither a file nor a directory with something in it."""
    place = tmp_path / "place"
    if made == "file":
        place.write_text("")
    else:
        (place / "more").mkdir(parents=True)
    with pytest.raises(Failure, match=says) as refused:
        run_demo(stations=1, once=True, as_json=False, state=place)
    assert refused.value.code == ExitCode.USAGE
