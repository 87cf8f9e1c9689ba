"""Which passwords are valid while one is being changed."""

from random import Random

import pytest

from ocppsec.profiles.password_change import (
    MOST_PENDING,
    Answer,
    TooManyPending,
    answered,
    logged_in,
    sending,
)


def test_before_it_is_sent():
    """The new one is kept behind the old one before it leaves; both are valid."""
    assert sending(("old",), "new") == ("old", "new")
    assert sending(("old", "lost"), "new") == ("old", "new", "lost")


@pytest.mark.parametrize(
    ("answer", "valid"),
    [
        pytest.param(Answer.ACCEPTED, ("new",), id="A01.FR.03: accepted, no other any more"),
        pytest.param(
            Answer.REJECTED, ("old", "lost"), id="A01.FR.04: not changed, an earlier one may still be"
        ),
        pytest.param(Answer.REBOOT_REQUIRED, ("old", "new", "lost"), id="in force after a restart"),
        pytest.param(Answer.UNKNOWN, ("old", "new", "lost"), id="a lost answer"),
    ],
)
def test_the_answer(answer, valid):
    """The answer decides, and where it does not, nothing is taken away."""
    assert answered(("old", "new", "lost"), "new", answer) == valid


def test_an_answer_that_comes_late():
    """What the station has logged in with meanwhile is not undone by an older answer."""
    assert answered(("other",), "new", Answer.ACCEPTED) == ("other",)


@pytest.mark.parametrize(
    ("index", "valid"),
    [
        pytest.param(0, ("old", "new", "lost"), id="the old one proves nothing: a restart may come"),
        pytest.param(1, ("new",), id="the new one"),
        pytest.param(2, ("lost", "new"), id="an earlier one: the newer may wait for a restart"),
        pytest.param(3, ("old", "new", "lost"), id="none of them"),
    ],
)
def test_the_next_login(index, valid):
    """The first login with a new password ends the old one, and all that was sent before the new one."""
    assert logged_in(("old", "new", "lost"), index) == valid


def test_no_more_than_can_be_remembered():
    """One more change than can be remembered is refused rather than forgetting one that may be in force."""
    hashes = ("old",)
    for number in range(MOST_PENDING):
        hashes = sending(hashes, f"new {number}")
    with pytest.raises(TooManyPending):
        sending(hashes, "one more")


@pytest.mark.parametrize("seed", range(50))
def test_nobody_is_locked_out(seed):
    """Whatever is lost: the password an honest station uses is always valid, and one certainty leaves one."""
    random = Random(seed)
    hashes, uses, waits = ("0",), "0", None
    for number in range(1, 200):
        new = str(number)
        try:
            hashes = sending(hashes, new)
        except TooManyPending:
            pass
        else:
            course = random.choice(
                ["accepted", "rejected", "reboot", "lost before", "lost after", "lost reboot"]
            )
            if course in ("accepted", "lost after"):
                uses, waits = new, None
            if course in ("reboot", "lost reboot"):
                waits = new
            answer = {
                "accepted": Answer.ACCEPTED,
                "rejected": Answer.REJECTED,
                "reboot": Answer.REBOOT_REQUIRED,
            }.get(course, Answer.UNKNOWN)
            hashes = answered(hashes, new, answer)
        if waits and random.random() < 0.3:
            uses, waits = waits, None
        if random.random() < 0.5:
            assert uses in hashes
            hashes = logged_in(hashes, hashes.index(uses))
        assert uses in hashes
        assert waits is None or waits in hashes or uses == hashes[0]
