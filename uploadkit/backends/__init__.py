"""Backends: where the files of an upload set live. Importing this package imports no vendor's SDK."""

from .capabilities import (
    AnswersForItself,
    Capabilities,
    SupportsBatchDelete,
    SupportsCopy,
    SupportsDirectUpload,
    SupportsListing,
    SupportsMove,
    SupportsMultipart,
    SupportsPresignedParts,
    SupportsRange,
    SupportsSigning,
    SupportsSnapshot,
    SupportsSpooling,
    SupportsStreaming,
    SupportsSweep,
    capabilities,
)
from .protocol import Backend
from .registry import create_backend

__all__ = [
    "AnswersForItself",
    "Backend",
    "Capabilities",
    "SupportsBatchDelete",
    "SupportsCopy",
    "SupportsDirectUpload",
    "SupportsListing",
    "SupportsMove",
    "SupportsMultipart",
    "SupportsPresignedParts",
    "SupportsRange",
    "SupportsSigning",
    "SupportsSnapshot",
    "SupportsSpooling",
    "SupportsStreaming",
    "SupportsSweep",
    "capabilities",
    "create_backend",
]
