"""Private keys whose signatures are made elsewhere, as ``cryptography`` takes them.

They are of its own types, so that nothing else in the house has to know; what only the number itself could do
(export, decrypt, key agreement) they refuse.
"""

from collections.abc import Callable
from typing import Any, Final, NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.utils import Buffer

from ocppsec.certificates.keys import KeyUnusable, PrivateKey, PublicKey

Sign = Callable[[bytes, str], bytes]
"""(data, name of the PKCS#11 mechanism) to the signature as the token gives it."""

_RSA: Final = {"sha256": "SHA256_RSA_PKCS", "sha384": "SHA384_RSA_PKCS", "sha512": "SHA512_RSA_PKCS"}
_PROBE: Final = b"ocppsec looks whether this key signs"


def private_key_of(public: PublicKey, sign: Sign, name: str) -> PrivateKey:
    """Raises `KeyUnusable` when what is signed is not verified by *public*."""
    key = (
        _EcKey(public, sign, name)
        if isinstance(public, ec.EllipticCurvePublicKey)
        else _RsaKey(public, sign, name)
    )
    try:
        if isinstance(key, _EcKey):
            public_key = key.public_key()
            public_key.verify(key.sign(_PROBE, ec.ECDSA(hashes.SHA256())), _PROBE, ec.ECDSA(hashes.SHA256()))
        else:
            padded = padding.PKCS1v15()
            key.public_key().verify(
                key.sign(_PROBE, padded, hashes.SHA256()), _PROBE, padded, hashes.SHA256()
            )
    except InvalidSignature:
        raise KeyUnusable(
            f"{name} signs what its public key does not verify: they do not belong together"
        ) from None
    return key


class _Kept:
    """What a key refuses that is not here."""

    _name: str

    def _refuse(self) -> NoReturn:
        raise KeyUnusable(f"{self._name} signs and does nothing else")

    def private_numbers(self) -> NoReturn:
        self._refuse()

    def private_bytes(self, *_: Any, **__: Any) -> NoReturn:
        self._refuse()

    def __repr__(self) -> str:
        return f"<{self._name}>"


class _EcKey(_Kept, ec.EllipticCurvePrivateKey):
    def __init__(self, public: ec.EllipticCurvePublicKey, sign: Sign, name: str) -> None:
        self._public = public
        self._sign = sign
        self._name = name

    @property
    def curve(self) -> ec.EllipticCurve:
        return self._public.curve

    @property
    def key_size(self) -> int:
        return self._public.key_size

    def public_key(self) -> ec.EllipticCurvePublicKey:
        return self._public

    def sign(self, data: Buffer, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
        # Hashed here: few tokens know ECDSA together with a hash.  They answer with r and s side by side.
        digest = hashes.Hash(_plain(signature_algorithm.algorithm))
        digest.update(data)
        signature = self._sign(digest.finalize(), "ECDSA")
        half = len(signature) // 2
        return utils.encode_dss_signature(
            int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big")
        )

    def exchange(self, *_: Any) -> NoReturn:
        self._refuse()

    def __copy__(self) -> "_EcKey":
        return self

    def __deepcopy__(self, _: object) -> "_EcKey":
        return self


class _RsaKey(_Kept, rsa.RSAPrivateKey):
    def __init__(self, public: rsa.RSAPublicKey, sign: Sign, name: str) -> None:
        self._public = public
        self._sign = sign
        self._name = name

    @property
    def key_size(self) -> int:
        return self._public.key_size

    def public_key(self) -> rsa.RSAPublicKey:
        return self._public

    def sign(
        self,
        data: Buffer,
        padding_: padding.AsymmetricPadding,
        algorithm: object,
    ) -> bytes:
        hash_name = _plain(algorithm).name
        if not isinstance(padding_, padding.PKCS1v15) or hash_name not in _RSA:
            self._refuse()
        return self._sign(bytes(data), _RSA[hash_name])

    def decrypt(self, *_: Any) -> NoReturn:
        self._refuse()

    def __copy__(self) -> "_RsaKey":
        return self

    def __deepcopy__(self, _: object) -> "_RsaKey":
        return self


def _plain(algorithm: object) -> hashes.HashAlgorithm:
    if not isinstance(algorithm, hashes.HashAlgorithm):
        raise KeyUnusable("a key in a token hashes itself what it signs")
    return algorithm
