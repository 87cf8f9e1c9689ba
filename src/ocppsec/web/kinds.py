"""Kinds of stations through the API."""

import dataclasses
from datetime import datetime

from fastapi import APIRouter
from pydantic import Field

from ocppsec.csms.service import Csms
from ocppsec.registry import records
from ocppsec.upgrades.kinds import decode_facts, in_words
from ocppsec.web.schemas import Shown


class Kind(Shown):
    vendor: str
    model: str
    firmware_version: str
    done: int = Field(description="Upgrades of such stations that came to their end.")
    failed: int
    reason: str = Field(description="Why the last one failed that did.")
    known: list[str] = Field(description="Slots, interface and quirks, in words.")
    updated_at: datetime


class KindList(Shown):
    kinds: list[Kind]


def kinds(csms: Csms) -> APIRouter:
    router = APIRouter(tags=["upgrades"])

    @router.get("/kinds")
    async def list_kinds() -> KindList:
        """What upgrades have found out about stations of each vendor, model and firmware."""
        return KindList(kinds=[_kind(one) for one in await csms.store.kinds()])

    return router


def _kind(kind: records.Kind) -> Kind:
    known = in_words(decode_facts(kind.facts))
    return Kind.model_validate({**dataclasses.asdict(kind), "known": known})
