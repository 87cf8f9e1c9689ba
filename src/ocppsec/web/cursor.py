"""Cursors of paged collections: the last key of a page, so that nobody takes it for a number to count with."""

import base64

from ocppsec.web.problems import Problem


def cursor(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")


def after(cursor: str | None) -> str | None:
    """The key in *cursor*; raises `Problem` (422) for one that is not ours."""
    if cursor is None:
        return None
    try:
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except ValueError:  # not ASCII, not base64, not UTF-8
        raise Problem(422, "validation", "this cursor is not one of ours") from None
