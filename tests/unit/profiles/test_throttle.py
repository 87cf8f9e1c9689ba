"""Wrong passwords are slowed, in bounded memory, and nobody is locked out."""

import sys

import pytest

from ocppsec.profiles.throttle import (
    ADDRESS,
    FIRST,
    HOME,
    HOME_LASTS,
    IDENTITY,
    PAIR,
    LoginThrottle,
    network_of,
)

HERE, THERE = "192.0.2.1", "198.51.100.7"


def fail(throttle, times, *, identity="CP1", address=HERE, now=0.0):
    for _ in range(times):
        throttle.failed(identity, address, now)


def attack(throttle, *, identity, address, until, now=0.0, every=0.01):
    """Tries as often as it is let, asking every *every* seconds; the number of passwords looked at."""
    looked_at = 0
    while now < until:
        if throttle.check(identity, address, now) == 0:
            throttle.failed(identity, address, now)
            looked_at += 1
        now += every
    return looked_at


def test_few_mistakes_cost_nothing():
    """The first five wrong passwords are answered at once, the sixth costs a second."""
    throttle = LoginThrottle()

    fail(throttle, PAIR.free)
    assert throttle.check("CP1", HERE, 0.0) == 0
    assert throttle.failed("CP1", HERE, 0.0) == 1.0
    assert throttle.check("CP1", HERE, 0.5) == 0.5
    assert throttle.check("CP1", HERE, 1.0) == 0


def test_delay_grows_up_to_a_limit():
    """Each further failure doubles the delay, up to a minute: never a lock."""
    throttle = LoginThrottle()
    fail(throttle, PAIR.free)

    assert [throttle.failed("CP1", HERE, 0.0) for _ in range(9)] == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    fail(throttle, 10_000)
    assert throttle.check("CP1", HERE, 60.0) == 0


def test_failures_are_forgotten():
    """After a quiet time the first mistakes cost nothing again."""
    throttle = LoginThrottle()
    fail(throttle, PAIR.free + 5)

    later = PAIR.forgotten_every * 20
    assert throttle.failed("CP1", HERE, later) == 0


def test_right_password_starts_afresh():
    """After a success the pair's failures are forgotten."""
    throttle = LoginThrottle()
    fail(throttle, PAIR.free + 3)

    throttle.succeeded("CP1", HERE, 10.0)

    assert throttle.check("CP1", HERE, 10.0) == 0
    assert throttle.failed("CP1", HERE, 10.0) == 0


def test_another_address_is_not_slowed():
    """What one address does with an identity does not slow the station elsewhere."""
    throttle = LoginThrottle()
    fail(throttle, 12)

    assert throttle.check("CP1", THERE, 0.0) == 0


def test_one_address_cannot_slow_a_station_elsewhere():
    """An hour of guessing from one address, as fast as it is let, leaves the identity free elsewhere."""
    throttle = LoginThrottle()

    looked_at = attack(throttle, identity="CP1", address=HERE, until=3600.0, every=0.5)

    assert looked_at < 75
    assert throttle.check("CP1", THERE, 3600.0) == 0


def test_one_address_cannot_slow_a_station_elsewhere_from_its_home():
    """Neither can it where the station was let in from, though the delay is shorter there."""
    throttle = LoginThrottle()
    throttle.succeeded("CP1", HERE, 0.0)

    attack(throttle, identity="CP1", address=HERE, until=1800.0, every=0.5)

    assert throttle.check("CP1", THERE, 1800.0) == 0
    assert throttle.check("CP2", HERE, 1800.0) == 0


def test_10_000_wrong_passwords_from_one_address():
    """10,000 identities tried from one address: soon it waits, and gets a few dozen looked at in a minute."""
    throttle = LoginThrottle()
    looked_at = 0

    for number in range(10_000):
        now = number * 0.006
        if throttle.check(f"CP{number}", HERE, now) == 0:
            throttle.failed(f"CP{number}", HERE, now)
            looked_at += 1

    assert ADDRESS.free <= looked_at < 70
    assert throttle.check("CP-new", HERE, 60.0) > 0


def test_many_addresses_on_one_identity():
    """A botnet that guesses one identity's password is slowed, though each address is new."""
    throttle = LoginThrottle()
    looked_at = 0

    for number in range(10_000):
        now = number * 0.01
        address = f"10.{number >> 8}.{number % 256}.1"
        if throttle.check("CP1", address, now) == 0:
            throttle.failed("CP1", address, now)
            looked_at += 1

    assert FIRST.free <= looked_at <= 2 * FIRST.free + 100 / FIRST.longest
    assert throttle.check("CP2", "11.1.0.1", 100.0) == 0


def test_who_has_guessed_waits_for_his_identity_too():
    """The second attempts of many addresses on one identity share one count."""
    throttle = LoginThrottle()

    for number in range(IDENTITY.free + 5):
        throttle.failed("CP1", f"10.0.{number}.1", 0.0)

    assert throttle.check("CP1", "10.0.1.1", 0.0) == IDENTITY.longest


@pytest.mark.parametrize("earlier", [pytest.param(0, id="new-address"), pytest.param(3, id="old-mistakes")])
def test_a_few_addresses_that_never_tire_shut_nobody_out(earlier):
    """After a restart, or at a new address, a station is looked at though guessers wait for every turn."""
    throttle = LoginThrottle()
    fail(throttle, earlier, now=0.0)
    begin = earlier * PAIR.forgotten_every

    for tick in range(20_000):
        now = begin + tick * 0.05
        for number in range(8):
            if throttle.check("CP1", f"10.0.0.{number}", now) == 0:
                throttle.failed("CP1", f"10.0.0.{number}", now)
        assert throttle.check("CP1", HERE, now) == 0


def test_station_behind_the_nat_of_an_attacker():
    """A station that was let in from an address is not slowed by what that address does to others."""
    throttle = LoginThrottle()
    throttle.succeeded("CP1", HERE, 0.0)

    for number in range(1_000):
        throttle.failed(f"X{number}", HERE, 1.0)

    assert throttle.check("CP1", HERE, 1.0) == 0
    assert throttle.check("X-new", HERE, 1.0) > 0


def test_station_at_home_while_strangers_guess():
    """Nor by a botnet that guesses its password from elsewhere."""
    throttle = LoginThrottle()
    throttle.succeeded("CP1", HERE, 0.0)

    for number in range(1_000):
        throttle.failed("CP1", f"10.0.{number % 250}.{number % 199}", 1.0)

    assert throttle.check("CP1", HERE, 1.0) == 0


def test_attacker_behind_the_same_nat_who_knows_the_identity():
    """Even then the station waits seconds, not minutes, for its turn."""
    throttle = LoginThrottle()
    throttle.succeeded("CP1", HERE, 0.0)

    fail(throttle, 10_000, now=1.0)

    assert throttle.check("CP1", HERE, 1.0) == HOME.longest
    assert throttle.check("CP1", HERE, 1.0 + HOME.longest) == 0


def test_a_success_helps_only_there():
    """Being let in somewhere earns nothing for another identity, or at another address."""
    throttle = LoginThrottle()
    throttle.succeeded("CP1", HERE, 0.0)
    fail(throttle, 12, identity="CP2")
    fail(throttle, 12, identity="CP1", address=THERE)

    assert throttle.check("CP2", HERE, 0.0) == PAIR.longest
    assert throttle.check("CP1", THERE, 0.0) == PAIR.longest


@pytest.mark.parametrize(("after", "home"), [(HOME_LASTS, True), (HOME_LASTS + 1, False)])
def test_home_is_forgotten(after, home):
    """A station is at home where it was let in from in the last thirty days."""
    throttle = LoginThrottle()
    throttle.succeeded("CP1", HERE, 0.0)
    fail(throttle, 20, now=after)

    assert throttle.check("CP1", HERE, after) == (HOME.longest if home else PAIR.longest)


def test_a_clock_that_stands_still_or_goes_back():
    """A time before the last failure forgets nothing and breaks nothing."""
    throttle = LoginThrottle()
    fail(throttle, PAIR.free, now=100.0)

    assert throttle.failed("CP1", HERE, 50.0) == 1.0


def test_memory_is_bounded():
    """1,000,000 identities from 1,000,000 addresses take no more room than the capacity."""
    throttle = LoginThrottle(capacity=500, homes=300)

    for number in range(1_000_000):
        throttle._pairs.add((str(number), str(number)), PAIR, 0.0)
    for number in range(20_000):
        throttle.failed(f"CP{number}", f"10.{number}", float(number))
        throttle.succeeded(f"S{number}", f"10.{number}", float(number))

    assert (len(throttle._pairs), len(throttle._addresses), len(throttle._identities)) == (500, 500, 500)
    assert len(throttle._homes) == 300
    assert len(throttle._firsts) == 500
    assert len(throttle) == 2_300
    assert sys.getsizeof(throttle._pairs._counts) < 200_000


def test_the_least_recently_used_goes_first():
    """A pair that goes on failing is not pushed out by newcomers that fail once."""
    throttle = LoginThrottle(capacity=100, homes=1)
    for number in range(1_000):
        throttle.failed("CP1", HERE, 0.0)
        throttle.failed(f"X{number}", f"10.0.0.{number}", 0.0)

    assert throttle.check("CP1", HERE, 0.0) == PAIR.longest


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        pytest.param("192.0.2.1", "192.0.2.2", False, id="two IPv4 addresses"),
        pytest.param("2001:db8::1", "2001:db8::ffff", True, id="one IPv6 subscriber"),
        pytest.param("2001:db8:0:1::1", "2001:db8:0:2::1", False, id="two IPv6 subscribers"),
        pytest.param("::ffff:192.0.2.1", "192.0.2.1", True, id="IPv4 in IPv6"),
        pytest.param("::ffff:192.0.2.1", "::ffff:192.0.2.2", False, id="two IPv4 in IPv6"),
        pytest.param("fe80::1%eth0", "fe80::2%eth0", True, id="with a zone"),
        pytest.param("a:b", "a:c", False, id="not an address"),
    ],
)
def test_network(one, other, same):
    """Whoever has a whole IPv6 network counts as one."""
    assert (network_of(one) == network_of(other)) is same


def test_an_address_is_cut():
    """A text that is no address does not fill the memory."""
    assert len(network_of("x" * 10_000)) == len(network_of(":" * 10_000)) == 64


def test_asking_for_many_identities_is_slowed():
    """Fifty different names are told apart at once; then the answers come slowly, at most ten seconds apart."""
    throttle = LoginThrottle()
    assert all(throttle.probed(f"CP{number}", "10.0.0.1", 0.0) == 0 for number in range(51))
    assert throttle.probed("CP51", "10.0.0.1", 0.0) == 1.0
    assert throttle.probed("CP51", "10.0.0.1", 1.0) == 0
    assert 0 < throttle.probed("CP52", "10.0.0.1", 1.0) <= 10
    assert throttle.probed("CP51", "10.0.0.2", 1.0) == 0


def test_one_station_that_is_refused_again_and_again_is_no_probe():
    """A misconfigured station hears the same reason each time, as does one that was let in from there."""
    throttle = LoginThrottle()
    throttle.succeeded("HOME", "10.0.0.1", 0.0)
    for number in range(51):
        throttle.probed(f"CP{number}", "10.0.0.1", 0.0)
    assert throttle.probed("OTHER", "10.0.0.1", 0.0) > 0
    assert all(throttle.probed("CP0", "10.0.0.1", 0.0) == 0 for _ in range(100))
    assert throttle.probed("HOME", "10.0.0.1", 0.0) == 0


def test_probes_are_forgotten():
    """A quarter of an hour later the same address is a stranger again."""
    throttle = LoginThrottle()
    for number in range(60):
        throttle.probed(f"CP{number}", "10.0.0.1", 0.0)
    assert all(throttle.probed(f"NEW{number}", "10.0.0.1", 900.0) == 0 for number in range(50))


def test_probes_take_bounded_memory():
    """A million names from a million addresses."""
    throttle = LoginThrottle(capacity=100, homes=100)
    for number in range(10_000):
        throttle.probed(f"CP{number}", f"10.0.{number // 256}.{number % 256}", 0.0)
    assert len(throttle) <= 300
