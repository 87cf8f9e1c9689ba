"""Certificates inside of stations: seen, put in, taken out, and asked for again."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from ocppsec.certificates.hash_data import hash_data
from ocppsec.certificates.hierarchy import create_hierarchy
from ocppsec.certificates.pem import read_certificate, write_chain
from ocppsec.csms.errors import BadInput
from ocppsec.csms.installed import InstalledCertificates

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
OURS = create_hierarchy(organization="CSO", now=NOW)
OTHER = create_hierarchy(organization="Other", now=NOW)


class Station:
    """Holds roots and names them in its own algorithm, its own case and with a leading zero."""

    def __init__(self, *roots, algorithm="SHA256"):
        self.roots = list(roots)
        self.algorithm = algorithm
        self.lies = False
        self.calls = []

    def named(self, root):
        data = hash_data(root, root, self.algorithm)
        return {
            "hashAlgorithm": self.algorithm,
            "issuerNameHash": data.issuer_name_hash.upper(),
            "issuerKeyHash": data.issuer_key_hash.upper(),
            "serialNumber": "0" + data.serial_number.lower(),
        }

    async def call(self, identity, action, payload, *, timeout):
        self.calls.append((action, payload))
        if action == "GetInstalledCertificateIds":
            chains = [
                {"certificateType": "CSMSRootCertificate", "certificateHashData": self.named(root)}
                for root in self.roots
            ]
            return (
                {"status": "Accepted", "certificateHashDataChain": chains}
                if chains
                else {"status": "NotFound"}
            )
        if self.lies:
            return {"status": "Accepted"}
        if action == "InstallCertificate":
            self.roots.append(read_certificate(payload["certificate"]))
            return {"status": "Accepted"}
        for root in self.roots:
            if self.named(root) == payload["certificateHashData"]:
                self.roots.remove(root)
                return {"status": "Accepted"}
        return {"status": "NotFound", "statusInfo": {"reasonCode": "Unknown", "additionalInfo": "no such"}}


def desk(station):
    return InstalledCertificates(station.call, lambda: OURS.root.certificate)


def serial_of(hierarchy):
    return f"{hierarchy.root.certificate.serial_number:X}"


def pem_of(*authorities):
    return write_chain([authority.certificate for authority in authorities])


@pytest.mark.parametrize("algorithm", ["SHA256", "SHA384", "SHA512"])
async def test_our_root_is_recognised(algorithm):
    """In whatever algorithm and case the station names it (M03)."""
    found = await desk(Station(OTHER.root.certificate, OURS.root.certificate, algorithm=algorithm)).all("CP1")
    assert [one.ours for one in found] == [False, True]


async def test_nothing_installed():
    """NotFound is an empty list, not an error."""
    assert await desk(Station()).all("CP1") == []


async def test_install_is_proven():
    """M05: the station is asked afterwards; one that only says Accepted is found out."""
    station = Station(OURS.root.certificate, algorithm="SHA512")
    changed = await desk(station).install("CP1", pem_of(OTHER.root), "CSMSRootCertificate")
    assert (changed.status, changed.shown) == ("Accepted", True)
    assert station.calls[0][1]["certificate"] == pem_of(OTHER.root)

    liar = Station(OURS.root.certificate)
    liar.lies = True
    changed = await desk(liar).install("CP1", pem_of(OTHER.root), "CSMSRootCertificate")
    assert (changed.status, changed.shown) == ("Accepted", False)


@pytest.mark.parametrize(
    ("pem", "use"),
    [
        pytest.param(pem_of(OTHER.stations), "CSMSRootCertificate", id="intermediate"),
        pytest.param(pem_of(OTHER.root, OTHER.stations), "CSMSRootCertificate", id="chain"),
        pytest.param("junk", "CSMSRootCertificate", id="junk"),
        pytest.param("", "CSMSRootCertificate", id="empty"),
        pytest.param(pem_of(OTHER.root), "CsmsRoot", id="no such use"),
    ],
)
async def test_what_no_station_is_given(pem, use):
    """Only one root, for a use that exists; the station is not even asked."""
    station = Station()
    with pytest.raises(BadInput):
        await desk(station).install("CP1", pem, use)
    assert station.calls == []


@pytest.mark.parametrize("algorithm", ["SHA256", "SHA384", "SHA512"])
async def test_delete_in_the_stations_own_words(algorithm):
    """M04.FR.07: the very hash data that the station reported are sent back."""
    station = Station(OURS.root.certificate, OTHER.root.certificate, algorithm=algorithm)
    named = station.named(OTHER.root.certificate)
    changed = await desk(station).delete("CP1", serial_of(OTHER))
    assert (changed.status, changed.shown) == ("Accepted", False)
    assert ("DeleteCertificate", {"certificateHashData": named}) in station.calls


async def test_a_delete_that_is_only_said():
    """A station that says Accepted and keeps it is found out."""
    station = Station(OTHER.root.certificate)
    station.lies = True
    changed = await desk(station).delete("CP1", serial_of(OTHER))
    assert (changed.status, changed.shown) == ("Accepted", True)


async def test_our_root_is_not_taken_out_by_accident():
    """Without our root a station is cut off: that has to be said twice."""
    station = Station(OURS.root.certificate)
    with pytest.raises(BadInput, match="cannot connect"):
        await desk(station).delete("CP1", serial_of(OURS))
    assert station.roots
    await desk(station).delete("CP1", serial_of(OURS), even_ours=True)
    assert station.roots == []


@pytest.mark.parametrize("roots", [(), (OTHER.root.certificate, OTHER.root.certificate)], ids=["none", "two"])
async def test_a_serial_that_names_nothing_or_two(roots):
    """What is not one certificate is not deleted."""
    station = Station(*roots)
    with pytest.raises(BadInput):
        await desk(station).delete("CP1", serial_of(OTHER))
    assert [action for action, _ in station.calls] == ["GetInstalledCertificateIds"]


# -- by the certificate itself ------------------------------------------------------------------------------
CSMS_ROOT = "CSMSRootCertificate"


@pytest.mark.parametrize("algorithm", ["SHA256", "SHA384", "SHA512"])
async def test_a_root_is_withdrawn_in_the_stations_own_words(algorithm):
    """It is found by its hash in whatever algorithm, and gone is what the station does not show."""
    station = Station(OURS.root.certificate, OTHER.root.certificate, algorithm=algorithm)
    desk_ = desk(station)
    assert await desk_.holds("CP1", OTHER.root.certificate, CSMS_ROOT)
    changed = await desk_.withdraw("CP1", OTHER.root.certificate, CSMS_ROOT)

    assert (changed.status, changed.shown) == ("Accepted", False)
    assert station.roots == [OURS.root.certificate]
    assert not await desk_.holds("CP1", OTHER.root.certificate, CSMS_ROOT)


async def test_a_withdrawal_that_was_a_lie():
    """Accepted and still there: that is told."""
    station = Station(OTHER.root.certificate)
    station.lies = True

    assert (await desk(station).withdraw("CP1", OTHER.root.certificate, CSMS_ROOT)).shown


@pytest.mark.parametrize(
    ("root", "use", "says"),
    [
        pytest.param(OURS, CSMS_ROOT, "our own root", id="ours"),
        pytest.param(OTHER, "V2GRootCertificate", "no such root", id="there for another use"),
    ],
)
async def test_what_is_not_withdrawn(root, use, says):
    """Nothing is sent for our own root, nor for one that is not there for this use."""
    station = Station(OURS.root.certificate, OTHER.root.certificate)
    with pytest.raises(BadInput, match=says):
        await desk(station).withdraw("CP1", root.root.certificate, use)
    assert "DeleteCertificate" not in [action for action, _ in station.calls]


def test_while_one_root_follows_another_both_are_ours():
    """The book of roots knows the coming one as well."""
    coming = hash_data(OTHER.root.certificate, OTHER.root.certificate)
    book = SimpleNamespace(is_ours=lambda named: named.serial_number == coming.serial_number)
    with_book = InstalledCertificates(Station().call, lambda: OURS.root.certificate, book=book)
    third = create_hierarchy(organization="Third", now=NOW)

    assert with_book.is_ours(OTHER.root.certificate)
    assert with_book.is_ours(OURS.root.certificate)
    assert not with_book.is_ours(third.root.certificate)
