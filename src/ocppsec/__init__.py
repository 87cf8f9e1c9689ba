"""The security side of a Charging Station Management System for OCPP 2.0.1."""

__version__ = "0.1.0"
