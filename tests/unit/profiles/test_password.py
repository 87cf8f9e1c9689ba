"""Passwords: how they are made, judged, hashed and verified."""

import string
from random import Random

import pytest
from argon2 import PasswordHasher, Type

from ocppsec.profiles import password as module
from ocppsec.profiles.password import MATCHES_NOTHING, Hasher, acceptable, generate, why_unacceptable

PEPPER = bytes(range(32))
OLDER = bytes(range(32, 64))
SALT = b"s" * 16
SECRET = b"correct-horse-battery"


def test_generate():
    """A generated password is 40 characters of base62, another one each time, and acceptable."""
    made = {generate() for _ in range(50)}

    assert len(made) == 50
    assert {len(each) for each in made} == {40}
    assert set("".join(made)) <= set(string.ascii_letters + string.digits)
    assert all(acceptable(each) for each in made)


def test_generate_uses_the_given_randomness():
    """Randomness is a parameter."""
    assert generate(Random(1)) == generate(Random(1)) != generate(Random(2))


@pytest.mark.parametrize(
    "password",
    [
        pytest.param("a" * 16, id="16 characters"),
        pytest.param("a" * 40, id="40 characters"),
        pytest.param("aA0*-_=:+|@.aA0*-_=:+|@.", id="every kind of character"),
    ],
)
def test_acceptable(password):
    """16 to 40 characters of passwordString are acceptable."""
    assert acceptable(password)
    assert why_unacceptable(password) is None


@pytest.mark.parametrize(
    ("password", "word"),
    [
        pytest.param("", "at least 16", id="empty"),
        pytest.param("a" * 15, "at least 16", id="15 characters"),
        pytest.param("a" * 41, "at most 40", id="41 characters"),
        pytest.param("a" * 16 + "é", "letters, digits", id="outside passwordString"),
        pytest.param("a" * 16 + " ", "letters, digits", id="a space"),
        pytest.param("a" * 16 + "\n", "letters, digits", id="a line feed"),
    ],
)
def test_unacceptable(password, word):
    """Anything else is refused in plain words."""
    assert not acceptable(password)
    assert word in str(why_unacceptable(password))


@pytest.mark.parametrize("secret", [SECRET, b"", b":", b"\x00\xff\xfe", b"x" * 10_000])
def test_verify(secret):
    """A hash stands for its password, whatever bytes that has, and for no other."""
    hasher = Hasher(PEPPER)
    made = hasher.hash("CP1", secret, SALT)

    assert hasher.verify(made, "CP1", secret)
    assert not hasher.verify(made, "CP1", secret + b"x")
    assert not hasher.verify(made, "CP1", secret[:-1] if secret else b"y")


def test_bound_to_the_identity():
    """A hash copied to another station's row opens nothing there."""
    hasher = Hasher(PEPPER)

    assert not hasher.verify(hasher.hash("CP1", SECRET, SALT), "CP2", SECRET)


def test_fields_do_not_run_together():
    """Identity and password keep their border: another split is another hash."""
    hasher = Hasher(PEPPER)

    assert not hasher.verify(hasher.hash("CP1", b"2secret", SALT), "CP12", b"secret")


def test_salted():
    """The same password gives another hash with another salt, and another pepper."""
    hasher = Hasher(PEPPER)

    assert hasher.hash("CP1", SECRET, SALT) != hasher.hash("CP1", SECRET, b"t" * 16)
    assert (
        hasher.hash("CP1", SECRET, SALT).split("$")[3]
        != Hasher(OLDER).hash("CP1", SECRET, SALT).split("$")[3]
    )


def test_form():
    """The hash says how it was made and holds neither password nor pepper."""
    made = Hasher(PEPPER).hash("CP1", SECRET, SALT)

    version, key_id, _salt, mac = made.split("$")
    assert (version, len(key_id), len(mac)) == ("v1", 16, 43)
    assert SECRET.decode() not in made
    assert PEPPER.hex()[:16] not in made
    assert repr(Hasher(PEPPER)) == f"<Hasher {key_id}>"


def test_pepper_rotation():
    """Hashes of a previous pepper are good until they are made anew; of a forgotten one they are not."""
    old = Hasher(OLDER).hash("CP1", SECRET, SALT)
    rotated = Hasher(PEPPER, previous=[OLDER])

    assert rotated.verify(old, "CP1", SECRET)
    assert not rotated.verify(old, "CP1", b"wrong")
    assert rotated.outdated(old)
    assert not rotated.outdated(rotated.hash("CP1", SECRET, SALT))
    assert not Hasher(PEPPER).verify(old, "CP1", SECRET)
    assert not Hasher(PEPPER).readable(old)
    assert rotated.readable(old)


@pytest.mark.parametrize(
    "stored",
    [
        MATCHES_NOTHING,
        "",
        "v1",
        "v1$$$",
        "v2$a$b$c",
        "plain",
        "v1$x$!!!$é",
        "$argon2id$broken",
        "$argon2i$x",
        "a$b$c$d$e",
    ],
)
def test_what_is_no_hash(stored):
    """A hash that cannot be read matches nothing, the empty password included, without an exception."""
    hasher = Hasher(PEPPER)

    assert not hasher.verify(stored, "CP1", SECRET)
    assert not hasher.verify(stored, "CP1", b"")


def test_key_id_counts():
    """A hash that names a pepper we do not have is not tried with the one we have."""
    hasher = Hasher(PEPPER)
    version, _key_id, salt, mac = hasher.hash("CP1", SECRET, SALT).split("$")

    assert not hasher.verify(f"{version}$0123456789abcdef${salt}${mac}", "CP1", SECRET)


def test_wrong_version():
    """A hash of another version is not taken for one of this."""
    hasher = Hasher(PEPPER)
    made = hasher.hash("CP1", SECRET, SALT)

    assert not hasher.verify("v2" + made[2:], "CP1", SECRET)


@pytest.mark.parametrize("stored", [MATCHES_NOTHING, "rubbish", Hasher(OLDER).hash("CP1", SECRET, SALT)])
def test_same_work_in_vain(monkeypatch, stored):
    """Where nothing can match, the MAC is computed all the same: the time does not tell."""
    done = []
    real = module.hmac.digest
    monkeypatch.setattr(module.hmac, "digest", lambda *args: done.append(args) or real(*args))

    Hasher(PEPPER).verify(stored, "CP1", SECRET)

    assert len(done) == 1


def test_imported():
    """An imported argon2id hash is verified, known as costly, and made anew."""
    stored = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1, type=Type.ID).hash(SECRET)
    hasher = Hasher(PEPPER)

    assert hasher.verify(stored, "CP1", SECRET)
    assert not hasher.verify(stored, "CP1", b"wrong")
    assert (hasher.costly(stored), hasher.outdated(stored), hasher.readable(stored)) == (True, True, True)
    assert not hasher.costly(hasher.hash("CP1", SECRET, SALT))


def test_short_peppers_and_salts():
    """What would weaken every hash is refused when it is given."""
    with pytest.raises(ValueError, match="pepper"):
        Hasher(b"short")
    with pytest.raises(ValueError, match="pepper"):
        Hasher(PEPPER, previous=[b"x" * 31])
    with pytest.raises(ValueError, match="salt"):
        Hasher(PEPPER).hash("CP1", SECRET, b"x" * 15)
