"""Certificates and security events (A02 to A04, M03 to M05)."""

from enum import StrEnum

from ocppsec.ocppj.messages.base import Request, Response, StatusInfo, Wire


class HashAlgorithm(StrEnum):
    SHA256 = "SHA256"
    SHA384 = "SHA384"
    SHA512 = "SHA512"


class CertificateHashData(Wire, frozen=True, kw_only=True):
    """Names a certificate without holding it (M03); hexadecimal texts, see the certificates room for the bytes."""

    hash_algorithm: HashAlgorithm
    issuer_name_hash: str
    issuer_key_hash: str
    serial_number: str


class GetCertificateIdUse(StrEnum):
    V2G_ROOT_CERTIFICATE = "V2GRootCertificate"
    MO_ROOT_CERTIFICATE = "MORootCertificate"
    CSMS_ROOT_CERTIFICATE = "CSMSRootCertificate"
    V2G_CERTIFICATE_CHAIN = "V2GCertificateChain"
    MANUFACTURER_ROOT_CERTIFICATE = "ManufacturerRootCertificate"


class CertificateHashDataChain(Wire, frozen=True, kw_only=True):
    certificate_type: GetCertificateIdUse
    certificate_hash_data: CertificateHashData
    child_certificate_hash_data: tuple[CertificateHashData, ...] | None = None


class GetInstalledCertificateStatus(StrEnum):
    ACCEPTED = "Accepted"
    NOT_FOUND = "NotFound"


class GetInstalledCertificateIdsRequest(Request, frozen=True, kw_only=True):
    certificate_type: tuple[GetCertificateIdUse, ...] | None = None
    """None asks for all."""


class GetInstalledCertificateIdsResponse(Response, frozen=True, kw_only=True):
    status: GetInstalledCertificateStatus
    status_info: StatusInfo | None = None
    certificate_hash_data_chain: tuple[CertificateHashDataChain, ...] | None = None


class InstallCertificateUse(StrEnum):
    V2G_ROOT_CERTIFICATE = "V2GRootCertificate"
    MO_ROOT_CERTIFICATE = "MORootCertificate"
    CSMS_ROOT_CERTIFICATE = "CSMSRootCertificate"
    MANUFACTURER_ROOT_CERTIFICATE = "ManufacturerRootCertificate"


class InstallCertificateStatus(StrEnum):
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    FAILED = "Failed"


class InstallCertificateRequest(Request, frozen=True, kw_only=True):
    certificate_type: InstallCertificateUse
    certificate: str
    """One PEM, at most 5500 characters."""


class InstallCertificateResponse(Response, frozen=True, kw_only=True):
    status: InstallCertificateStatus
    status_info: StatusInfo | None = None


class DeleteCertificateStatus(StrEnum):
    ACCEPTED = "Accepted"
    FAILED = "Failed"
    NOT_FOUND = "NotFound"


class DeleteCertificateRequest(Request, frozen=True, kw_only=True):
    certificate_hash_data: CertificateHashData


class DeleteCertificateResponse(Response, frozen=True, kw_only=True):
    status: DeleteCertificateStatus
    status_info: StatusInfo | None = None


class CertificateSigningUse(StrEnum):
    CHARGING_STATION_CERTIFICATE = "ChargingStationCertificate"
    V2G_CERTIFICATE = "V2GCertificate"


class GenericStatus(StrEnum):
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"


class SignCertificateRequest(Request, frozen=True, kw_only=True):
    csr: str
    """PEM, at most 5500 characters."""
    certificate_type: CertificateSigningUse | None = None
    """None means ChargingStationCertificate (LESSONS 10)."""


class SignCertificateResponse(Response, frozen=True, kw_only=True):
    status: GenericStatus
    status_info: StatusInfo | None = None


class CertificateSignedStatus(StrEnum):
    ACCEPTED = "Accepted"
    REJECTED = "Rejected"


class CertificateSignedRequest(Request, frozen=True, kw_only=True):
    certificate_chain: str
    """PEM, leaf first, at most 10000 characters."""
    certificate_type: CertificateSigningUse | None = None


class CertificateSignedResponse(Response, frozen=True, kw_only=True):
    status: CertificateSignedStatus
    status_info: StatusInfo | None = None


class SecurityEventNotificationRequest(Request, frozen=True, kw_only=True):
    type: str
    timestamp: str
    tech_info: str | None = None


class SecurityEventNotificationResponse(Response, frozen=True, kw_only=True):
    pass
