"""Which key in which token, as the files of a hierarchy name it."""

import secrets
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import quote, unquote

SCHEME: Final = "pkcs11:"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPlace:
    """Which key in which token, as ``pkcs11:token=...;object=...`` (RFC 7512) names it."""

    token: str
    label: str

    def __str__(self) -> str:
        return f"the key {self.label!r} in the token {self.token!r}"

    def uri(self) -> str:
        return f"{SCHEME}token={quote(self.token, safe='')};object={quote(self.label, safe='')};type=private"

    @classmethod
    def parse(cls, uri: str) -> Self:
        """Raises ValueError: a URI that says less than we need, or more than we look at."""
        said: dict[str, str] = {}
        for part in uri.removeprefix(SCHEME).split(";"):
            name, equals, value = part.partition("=")
            if not equals or name in said:
                raise ValueError(f"{part!r}")
            said[name] = unquote(value, errors="strict")
        if unknown := said.keys() - {"token", "object", "type"}:
            raise ValueError(f"we look at token, object and type, not at {', '.join(sorted(unknown))}")
        if not said.get("token") or not said.get("object") or said.get("type", "private") != "private":
            raise ValueError("it has to say token=...;object=...;type=private")
        return cls(token=said["token"], label=said["object"])


def new_label(name: str) -> str:
    """Never the same twice: two hierarchies may share a token."""
    return f"ocppsec-{name}-{secrets.token_hex(4)}"
