"""Keys in a token (PKCS#11): they sign in there and cannot be taken out.

``cryptography`` signs with anything that says it is a private key of its kind, so a key in a token is one more
private key to the rest of the house (`token_keys`).  One session serves all, behind a lock, because sessions are
not made for threads.  A session that broke, as after an unplugged token, is opened anew once.
"""

import contextlib
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from cryptography.hazmat.primitives.serialization import load_der_public_key

from ocppsec.certificates.key_place import KeyPlace
from ocppsec.certificates.keys import KeyFamily, KeyUnusable, PrivateKey, PublicKey
from ocppsec.certificates.token_keys import Sign, private_key_of

if TYPE_CHECKING:
    import pkcs11

_CURVES: Final = {KeyFamily.EC_P256: "secp256r1", KeyFamily.EC_P384: "secp384r1"}
T = TypeVar("T")


class Tokens:
    """The tokens that one PKCS#11 module reaches, with one PIN."""

    def __init__(self, module: Path, pin: str) -> None:
        """Nothing is loaded before the first key is wanted."""
        self._module = module
        self._pin = pin
        self._lock = threading.RLock()
        self._sessions: dict[str, pkcs11.Session] = {}
        self._handles: dict[KeyPlace, Any] = {}
        """Of private keys; they go with their session."""
        self._refused: set[str] = set()

    def __repr__(self) -> str:
        return f"Tokens({self._module})"

    def key(self, place: KeyPlace) -> PrivateKey | None:
        """None when the token has no such key; raises `KeyUnusable`.  It has signed and can be used."""
        public = self._looking(place, lambda session: self._public_key(session, place))
        return None if public is None else private_key_of(public, self._signer(place), str(place))

    def new_key(self, place: KeyPlace, family: KeyFamily) -> PrivateKey:
        """Made in the token, for signing alone, never to leave it; raises `KeyUnusable`."""
        self._looking(place, lambda session: self._generate(session, place, family))
        key = self.key(place)
        if key is None:
            raise KeyUnusable(f"{place} was made and is not there")
        return key

    def can_be_taken_out(self, place: KeyPlace) -> bool:
        """True for a key that somebody else made in a way that lets it leave."""
        from pkcs11 import Attribute

        def look(session: "pkcs11.Session") -> bool:
            private = self._private(session, place)
            return bool(private[Attribute.EXTRACTABLE]) or not private[Attribute.SENSITIVE]

        return self._looking(place, look)

    def _signer(self, place: KeyPlace) -> Sign:
        def sign(data: bytes, mechanism: str) -> bytes:
            from pkcs11 import Mechanism

            return self._with_session(
                place,
                lambda session: bytes(
                    self._private(session, place).sign(data, mechanism=getattr(Mechanism, mechanism))
                ),
            )

        return sign

    # -- what the token is asked, with a session and the lock ------------------------------------------------
    def _public_key(self, session: "pkcs11.Session", place: KeyPlace) -> PublicKey | None:
        from pkcs11 import Attribute, KeyType, ObjectClass
        from pkcs11.util.ec import encode_ec_public_key
        from pkcs11.util.rsa import encode_rsa_public_key

        if not _found(session, place, ObjectClass.PRIVATE_KEY):
            return None
        public = _found(session, place, ObjectClass.PUBLIC_KEY)
        if not public:
            raise KeyUnusable(f"{place} has no public key beside it under the same label: store it there too")
        kind = public[0][Attribute.KEY_TYPE]
        if kind not in {KeyType.EC, KeyType.RSA}:
            raise KeyUnusable(f"{place} is neither EC nor RSA")
        encode = encode_ec_public_key if kind is KeyType.EC else encode_rsa_public_key
        try:
            key = load_der_public_key(encode(public[0]))
        except ValueError as error:
            raise KeyUnusable(f"{place} has a public key that cannot be read: {error}") from error
        assert isinstance(key, PublicKey)
        return key

    def _private(self, session: "pkcs11.Session", place: KeyPlace) -> Any:
        from pkcs11 import ObjectClass

        if place not in self._handles:
            found = _found(session, place, ObjectClass.PRIVATE_KEY)
            if not found:
                raise KeyUnusable(f"{place} is not there any more")
            self._handles[place] = found[0]
        return self._handles[place]

    def _generate(self, session: "pkcs11.Session", place: KeyPlace, family: KeyFamily) -> None:
        from pkcs11 import Attribute, KeyType
        from pkcs11.util.ec import encode_named_curve_parameters

        # The session that is there may only read; the login holds for both.
        with session.token.open(rw=True) as writing:
            template: dict[str, Any] = {
                "store": True,
                "label": place.label,
                "id": secrets.token_bytes(8),
                "public_template": {Attribute.VERIFY: True, Attribute.ENCRYPT: False, Attribute.WRAP: False},
                "private_template": {
                    Attribute.SIGN: True,
                    Attribute.SENSITIVE: True,
                    Attribute.EXTRACTABLE: False,
                    Attribute.PRIVATE: True,
                    Attribute.DECRYPT: False,
                    Attribute.UNWRAP: False,
                },
            }
            if family in _CURVES:
                curve = encode_named_curve_parameters(_CURVES[family])
                parameters = writing.create_domain_parameters(
                    KeyType.EC, {Attribute.EC_PARAMS: curve}, local=True
                )
                parameters.generate_keypair(**template)
            else:
                writing.generate_keypair(KeyType.RSA, int(family.removeprefix("rsa-")), **template)

    def _looking(self, place: KeyPlace, work: Callable[["pkcs11.Session"], T]) -> T:
        """As `_with_session`, for a search: one that breaks half-way leaves a trace on standard error."""
        with self._lock, _told(place, self._module):
            if place.token in self._sessions and not _answers(self._sessions[place.token]):
                self._forget(place.token)
            return self._with_session(place, work)

    # -- sessions --------------------------------------------------------------------------------------------
    def _with_session(self, place: KeyPlace, work: Callable[["pkcs11.Session"], T]) -> T:
        with self._lock, _told(place, self._module):
            from pkcs11 import PKCS11Error

            try:
                return work(self._session(place.token))
            except PKCS11Error:
                if not self._forget(place.token):
                    raise  # it was none that had worked before
                return work(self._session(place.token))

    def _session(self, label: str) -> "pkcs11.Session":
        if label in self._sessions:
            return self._sessions[label]
        if label in self._refused:
            raise KeyUnusable(
                f"the token {label!r} refused the PIN before; it is not tried again, so that the token is not locked"
            )
        import pkcs11

        token: pkcs11.Token = _library(self._module).get_token(token_label=label)
        try:
            session = token.open(user_pin=self._pin)
        except pkcs11.UserAlreadyLoggedIn:
            session = token.open()
        except (pkcs11.PinIncorrect, pkcs11.PinLenRange, pkcs11.PinInvalid, pkcs11.PinLocked):
            self._refused.add(label)
            raise
        self._sessions[label] = session
        return session

    def _forget(self, label: str) -> bool:
        """Whether there was a session to give up."""
        from pkcs11 import PKCS11Error

        session = self._sessions.pop(label, None)
        self._handles = {place: one for place, one in self._handles.items() if place.token != label}
        if session is None:
            return False
        with contextlib.suppress(PKCS11Error):
            session.close()
        return True


def _found(session: "pkcs11.Session", place: KeyPlace, kind: "pkcs11.ObjectClass") -> list[Any]:
    from pkcs11 import Attribute

    found = list(session.get_objects({Attribute.CLASS: kind, Attribute.LABEL: place.label}))
    if len(found) > 1:
        raise KeyUnusable(f"{place} is there {len(found)} times: which one is meant cannot be known")
    return found


def _answers(session: "pkcs11.Session") -> bool:
    import pkcs11

    try:
        session.generate_random(64)
    except (pkcs11.RandomNoRNG, pkcs11.FunctionNotSupported):
        return True
    except pkcs11.PKCS11Error:
        return False
    return True


def _library(module: Path) -> Any:
    import pkcs11

    try:
        return pkcs11.lib(str(module))
    except (pkcs11.PKCS11Error, OSError) as error:
        raise KeyUnusable(f"the PKCS#11 module cannot be loaded: {error}") from error


@contextmanager
def _told(place: KeyPlace, module: Path) -> Iterator[None]:
    """What the token answers, in words and with what to do; never with the PIN."""
    try:
        import pkcs11
    except ImportError:
        raise KeyUnusable("keys in a token need python-pkcs11: pip install 'ocppsec[pkcs11]'") from None
    try:
        yield
    except pkcs11.NoSuchToken:
        raise KeyUnusable(
            f"there is no token {place.token!r}: is it plugged in, and is {module} the module for it?"
        ) from None
    except pkcs11.MultipleTokensReturned:
        raise KeyUnusable(f"there are several tokens {place.token!r}: give each a label of its own") from None
    except (pkcs11.PinIncorrect, pkcs11.PinLenRange, pkcs11.PinInvalid):
        raise KeyUnusable(f"the token {place.token!r} refuses the PIN: correct ca.pkcs11_pin") from None
    except pkcs11.PinLocked:
        raise KeyUnusable(
            f"the token {place.token!r} is locked after too many wrong PINs: its security officer can unlock it"
        ) from None
    except pkcs11.PKCS11Error as error:
        said = f"{type(error).__name__} {error}".strip()
        raise KeyUnusable(f"{place} cannot be used: the token says {said}") from error
