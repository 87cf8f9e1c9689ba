"""Which public keys are good enough to be certified.

An allow-list: P-256 and P-384, and RSA of 2048, 3072 or 4096 bits with the exponent 65537 (A00.FR.501 to 504).
The RSA checks for keys that were made badly are those a public CA does (Boulder's ``goodkey``): small factors,
the pattern of Infineon's ROCA keys (CVE-2017-15361), and two primes too close to each other.
"""

from functools import cache
from math import gcd, isqrt, prod

from cryptography.hazmat.primitives.asymmetric import ec, rsa

CURVES = ("secp256r1", "secp384r1")
RSA_SIZES = (2048, 3072, 4096)
EXPONENT = 65_537

_SMALL = 752  # as Boulder: every prime below it
_FERMAT_ROUNDS = 110
_ROCA_PRIMES = (
    *(3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97),
    *(101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167),
)


def weakness(key: object) -> str | None:
    """Why *key* must not be certified, in words; None when it may."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        if key.curve.name not in CURVES:
            return f"the curve {key.curve.name} is not one of {', '.join(CURVES)}"
        return None
    if isinstance(key, rsa.RSAPublicKey):
        return _rsa_weakness(key.public_numbers())
    return "the key is neither EC nor RSA"


def too_weak(key: object) -> str | None:
    """Why *key*, in a certificate of others, is below A00.FR.501 to 503, in words; None when it is not."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"an EC key of {key.curve.key_size} bits" if key.curve.key_size < 224 else None
    if isinstance(key, rsa.RSAPublicKey):
        return f"an RSA key of {key.key_size} bits" if key.key_size < 2048 else None
    return "the key is neither EC nor RSA"


def _rsa_weakness(numbers: rsa.RSAPublicNumbers) -> str | None:
    modulus = numbers.n
    if modulus.bit_length() not in RSA_SIZES:
        return f"an RSA key of {modulus.bit_length()} bits, not of {', '.join(map(str, RSA_SIZES))}"
    if numbers.e != EXPONENT:
        return f"the RSA exponent is not {EXPONENT}"
    if gcd(modulus, _small_primes_product()) != 1:
        return "the RSA modulus has a small factor"
    if _looks_like_roca(modulus):
        return "the RSA key shows the pattern of CVE-2017-15361 (ROCA) and can be factored"
    if _has_close_factors(modulus):
        return "the two factors of the RSA modulus are too close to each other"
    return None


@cache
def _small_primes_product() -> int:
    return prod(n for n in range(2, _SMALL) if all(n % d for d in range(2, isqrt(n) + 1)))


@cache
def _roca_residues() -> tuple[tuple[int, frozenset[int]], ...]:
    """For each small prime, what a ROCA modulus can leave: the powers of 65537."""
    return tuple((p, frozenset(pow(EXPONENT, k, p) for k in range(p))) for p in _ROCA_PRIMES)


def _looks_like_roca(modulus: int) -> bool:
    return all(modulus % p in residues for p, residues in _roca_residues())


def _has_close_factors(modulus: int) -> bool:
    """Fermat's method finds factors that share their upper half in a few rounds."""
    start = isqrt(modulus - 1) + 1
    for middle in range(start, start + _FERMAT_ROUNDS):
        rest = middle * middle - modulus
        if isqrt(rest) ** 2 == rest:
            return True
    return False
