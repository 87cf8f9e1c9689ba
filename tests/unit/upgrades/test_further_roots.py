"""The root of another CA that signs the station's certificate is installed before that certificate comes."""

import msgspec
import pytest
from random_walks import answer
from upgrade_examples import ROOT, ROOT_384, at_start, plan, progress

from ocppsec.ocppj.messages import (
    GetInstalledCertificateIdsResponse,
    InstallCertificateRequest,
    InstallCertificateResponse,
)
from ocppsec.upgrades.exchange import CallRefused, Send
from ocppsec.upgrades.plan import FurtherRoot, RootHash
from ocppsec.upgrades.start import begin
from ocppsec.upgrades.states import (
    AskingForRoots,
    CheckingRoot,
    Facts,
    Failed,
    InstallingRoot,
    SettingOrganization,
    WritingProfile,
    decode_state,
    encode_state,
)
from ocppsec.upgrades.workflow import decide

OTHER = RootHash(
    hash_algorithm="SHA256", issuer_name_hash="01" * 32, issuer_key_hash="23" * 32, serial_number="7"
)
PEM = "-----BEGIN CERTIFICATE-----\nother\n-----END CERTIFICATE-----\n"


def to(goal, **changes):
    given = progress(goal=goal, **changes)
    further = (FurtherRoot(pem=PEM, hashes=(OTHER,)),)
    return msgspec.structs.replace(given, plan=msgspec.structs.replace(given.plan, further_roots=further))


def listing(*roots):
    chains = [
        {
            "certificateType": "CSMSRootCertificate",
            "certificateHashData": {
                "hashAlgorithm": root.hash_algorithm,
                "issuerNameHash": root.issuer_name_hash,
                "issuerKeyHash": root.issuer_key_hash,
                "serialNumber": root.serial_number,
            },
        }
        for root in roots
    ]
    if not chains:
        return answer(GetInstalledCertificateIdsResponse, status="NotFound")
    return answer(GetInstalledCertificateIdsResponse, status="Accepted", certificateHashDataChain=chains)


def installed(effects):
    return [
        effect.request.certificate
        for effect in effects
        if isinstance(effect, Send) and isinstance(effect.request, InstallCertificateRequest)
    ]


def test_it_is_installed_on_the_way_to_profile_3():
    state, effects = decide(AskingForRoots(progress=to(3)), listing(ROOT))
    assert isinstance(state, InstallingRoot)
    assert installed(effects) == [PEM]
    accepted = answer(InstallCertificateResponse, status="Accepted")
    checking, _ = decide(state, accepted)
    assert decode_state(encode_state(checking)) == checking
    after, _ = decide(checking, listing(ROOT, OTHER))
    assert isinstance(after, SettingOrganization)
    assert after.progress.facts.further_listed == (0,)


def test_not_on_the_way_to_profile_2():
    """It is for the station's own certificate, which comes later."""
    state, _ = decide(AskingForRoots(progress=to(2)), listing(ROOT))
    assert isinstance(state, WritingProfile)


def test_what_is_there_is_not_installed():
    state, _ = decide(AskingForRoots(progress=to(3)), listing(OTHER, ROOT_384))
    assert isinstance(state, SettingOrganization)


def test_both_are_installed_one_after_the_other():
    state, effects = decide(AskingForRoots(progress=to(3)), listing())
    assert (state.which, installed(effects) == [PEM]) == (0, False)
    state, effects = decide(CheckingRoot(progress=state.progress), listing(ROOT))
    assert isinstance(state, InstallingRoot)
    assert (state.which, installed(effects)) == (1, [PEM])


@pytest.mark.parametrize("said", [listing(ROOT), CallRefused("NotImplemented")])
def test_a_station_without_room_for_it_goes_on(said):
    """Most stations do not verify their own certificate; one that does refuses that, and the warning explains it."""
    refused = answer(InstallCertificateResponse, status="Rejected")
    checking, _ = decide(InstallingRoot(progress=to(3, facts=Facts(root_listed=True)), which=1), refused)
    state, _ = decide(checking, said)
    assert isinstance(state, SettingOrganization)
    assert any("root of the CA that signs its certificate" in each for each in state.progress.warnings)


def test_the_csms_root_refused_still_ends_the_upgrade():
    checking, _ = decide(
        InstallingRoot(progress=to(3)), answer(InstallCertificateResponse, status="Rejected")
    )
    state, _ = decide(checking, listing(OTHER))
    assert isinstance(state, Failed)


def test_a_root_too_long_for_the_message_is_said_at_once():
    long = FurtherRoot(pem="x" * 5501, hashes=(OTHER,))
    state, _ = begin(plan(3, further_roots=(long,)), at_start(2))
    assert isinstance(state, Failed)
    assert "5500" in state.reason
