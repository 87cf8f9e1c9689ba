"""The certificates inside of stations through the API (block M)."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import Field

from ocppsec.csms.service import Csms
from ocppsec.web.schemas import Body, Shown


class HashData(Shown):
    hash_algorithm: str
    issuer_name_hash: str
    issuer_key_hash: str
    serial_number: str


class Installed(Shown):
    certificate_type: str
    hash_data: HashData = Field(description="As the station names it.")
    children: list[HashData]
    ours: bool = Field(description="True for our own root.")


class InstalledList(Shown):
    certificates: list[Installed]


class NewRoot(Body):
    certificate: str = Field(max_length=20_000, description="One root, PEM.")
    use: Literal[
        "CSMSRootCertificate", "ManufacturerRootCertificate", "V2GRootCertificate", "MORootCertificate"
    ] = "CSMSRootCertificate"


class Changed(Shown):
    status: str = Field(description="What the station answered.")
    reason: str
    shown: bool = Field(description="Whether the station says afterwards that it is there.")


def installed(csms: Csms) -> APIRouter:
    router = APIRouter(prefix="/stations/{identity}/installed-certificates", tags=["certificates"])

    @router.get("")
    async def list_installed(identity: str) -> InstalledList:
        """Ask a connected station what it holds (GetInstalledCertificateIds)."""
        found = await csms.installed.all(identity)
        return InstalledList(certificates=[Installed.model_validate(one) for one in found])

    @router.post("")
    async def install(identity: str, body: NewRoot) -> Changed:
        """Put a root into a connected station (InstallCertificate), and ask whether it is there."""
        return Changed.model_validate(await csms.installed.install(identity, body.certificate, body.use))

    @router.delete("/{serial_number}")
    async def delete(
        identity: str,
        serial_number: str,
        force: Annotated[bool, Query(description="Even our own root.")] = False,
    ) -> Changed:
        """Take a certificate out (DeleteCertificate), by the hash data the station itself gave for it."""
        return Changed.model_validate(await csms.installed.delete(identity, serial_number, even_ours=force))

    return router
