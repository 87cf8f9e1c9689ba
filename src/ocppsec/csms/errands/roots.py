"""Install a root, or withdraw one (M05, M04): done when the station says so itself (M03), whatever it answered."""

from collections.abc import Mapping, Sequence

from cryptography import x509

from ocppsec.csms.errands.carried import DONE, Carried, Open, Verdict, failed
from ocppsec.csms.errors import BadInput
from ocppsec.csms.installed import Changed, root_in
from ocppsec.registry.records import Station
from ocppsec.upgrades.campaign.plan import Kind


class Roots(Carried):
    def check(self) -> None:
        certificate = self._certificate
        if self._plan.kind is Kind.WITHDRAW_ROOT and self._fleet.installed.is_ours(certificate):
            raise BadInput(
                "that is our own root: without it no station could connect on profiles 2 and 3 any more",
                "a new root takes its place by: ocppsec ca rotate",
            )

    async def objections(self, stations: Sequence[Station]) -> Mapping[str, str]:
        """What a station holds is known to itself alone; who has it already is done at once."""
        del stations
        return {}

    async def _attempt(self, held: Open) -> Verdict | None:
        assert self._plan.root is not None, "read_plan saw to it"
        installing = self._plan.kind is Kind.INSTALL_ROOT
        identity, certificate, use = held.errand.identity, self._certificate, self._plan.root.use
        if await self._fleet.installed.holds(identity, certificate, use) is installing:
            await self._note(held, "shown", "" if held.notes.tries else "it was so before")
            return DONE
        await self._note(held, "install" if installing else "withdraw", use, tries=held.notes.tries + 1)
        if installing:
            changed = await self._fleet.installed.install(identity, self._plan.root.pem, use)
            return await self._judge(held, "InstallCertificate", changed, shown=True)
        changed = await self._fleet.installed.withdraw(identity, certificate, use)
        return await self._judge(held, "DeleteCertificate", changed, shown=False)

    async def _judge(self, held: Open, action: str, changed: Changed, *, shown: bool) -> Verdict:
        said = f"{action} was answered {changed.status}{f', {changed.reason}' if changed.reason else ''}"
        await self._note(held, "answered", said)
        if changed.shown is shown:
            return DONE
        return failed(f"{said}, and the station {'does not show it' if shown else 'shows it still'}")

    @property
    def _certificate(self) -> x509.Certificate:
        """Raises `BadInput` when it is no root."""
        assert self._plan.root is not None, "read_plan saw to it"
        return root_in(self._plan.root.pem)
