"""What a new station is given while it is kept in Pending, so that it can come back as itself (A00.FR.805, 806).

One that came with its manufacturer's certificate gets our name, our root and a certificate of ours; every other a
password that nobody has seen.
"""

from collections.abc import Callable

from ocppsec.csms.errors import CsmsError
from ocppsec.csms.installed import Call, InstalledCertificates
from ocppsec.csms.passwords import PasswordOffice
from ocppsec.csms.renewer import Renewer
from ocppsec.csms.session import Session
from ocppsec.link.errors import CallFailed
from ocppsec.ocppj.errors import OcppError
from ocppsec.ocppj.messages import (
    Component,
    GetVariableData,
    GetVariablesRequest,
    GetVariablesResponse,
    SetVariableData,
    SetVariablesRequest,
    SetVariablesResponse,
    Variable,
    parse_response,
    to_payload,
)
from ocppsec.profiles.onboarding import ON_PROFILE_0
from ocppsec.profiles.password_change import Answer
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.profiles.record import Way

_SECONDS = 30.0


class NotTaken(Exception):  # noqa: N818  what the station has done
    """It does not take what it has to have; the message says what and why."""


class Provisioner:
    def __init__(
        self,
        call: Call,
        passwords: PasswordOffice,
        renewer: Renewer,
        installed: InstalledCertificates,
        *,
        organization: str,
        roots: Callable[[], tuple[str, ...]],
    ) -> None:
        """*call* and *installed* have to reach stations that are kept in Pending."""
        self._call = call
        self._passwords = passwords
        self._renewer = renewer
        self._installed = installed
        self._organization = organization
        self._roots = roots

    async def password(self, session: Session) -> tuple[bool, str]:
        """A01: whether it is certain that only the new one counts, and what the station said.

        Raises `NotTaken`, `RegistryError`.
        """
        entry = session.facts.onboarding
        # With the new password its way in is shut, and a station that cannot send one would be shut out.
        if entry is not None and entry.way is Way.LISTED and await self._is_on_profile_0(session.identity):
            raise NotTaken(ON_PROFILE_0)
        try:
            rotation = await self._passwords.rotate(session.identity)
        except CsmsError as error:
            raise NotTaken(str(error)) from error
        if rotation.outcome not in (Answer.ACCEPTED, Answer.REBOOT_REQUIRED):
            raise NotTaken(f"its new password: {rotation.detail}")
        return rotation.outcome is Answer.ACCEPTED, rotation.detail

    async def certificate(self, session: Session) -> str:
        """A02, begun; what the station has said so far.  Raises `NotTaken`, `RegistryError`.

        Our root comes first, for some stations hold their own new certificate against it (LESSONS, stations in the
        field 5).
        """
        assert session.facts.certificate is not None
        try:
            named = await self._name_ourselves(session.identity)
            for pem in self._roots():
                await self._trust(session.identity, pem)
        except (CsmsError, CallFailed, OcppError) as error:
            raise NotTaken(str(error) or type(error).__name__) from error
        await self._renewer.replace(session.identity, session.facts.certificate.fingerprint)
        return f"it shows our root among its CSMSRootCertificates; OrganizationName {named}"

    async def _is_on_profile_0(self, identity: str) -> bool:
        """What it says itself; one that does not say is believed to send what it is given."""
        asked = GetVariableData(
            component=Component(name="SecurityCtrlr"), variable=Variable(name="SecurityProfile")
        )
        request = GetVariablesRequest(get_variable_data=(asked,))
        try:
            payload = await self._call(identity, request.action, to_payload(request), timeout=_SECONDS)
            response = parse_response(request.action, payload)
        except (CallFailed, OcppError):
            return False
        except CsmsError as error:
            raise NotTaken(str(error)) from error
        assert isinstance(response, GetVariablesResponse)
        value = response.get_variable_result[0].attribute_value
        return value is not None and value.strip() == str(int(SecurityProfile.NONE))

    async def _trust(self, identity: str, pem: str) -> None:
        changed = await self._installed.install(identity, pem, "CSMSRootCertificate")
        if not changed.shown:
            reason = f": {changed.reason}" if changed.reason else ""
            raise NotTaken(
                f"InstallCertificate was answered {changed.status}{reason}, and it shows no such root"
            )

    async def _name_ourselves(self, identity: str) -> str:
        """Its request has to bear our name; what it makes of that is seen in the request."""
        request = SetVariablesRequest(
            set_variable_data=(
                SetVariableData(
                    component=Component(name="SecurityCtrlr"),
                    variable=Variable(name="OrganizationName"),
                    attribute_value=self._organization,
                ),
            )
        )
        payload = await self._call(identity, request.action, to_payload(request), timeout=_SECONDS)
        response = parse_response(request.action, payload)
        assert isinstance(response, SetVariablesResponse)
        return str(response.set_variable_result[0].attribute_status)
