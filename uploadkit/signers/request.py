"""What a signer is: one callable that makes a signed URL of one value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from ..models import LinkOptions


@dataclass(frozen=True)
class LinkRequest:
    """One signed URL that is asked for, with all that a signer may need to know.

    :param set_name: The upload set.
    :param key: The file in the set; for the set's methods it is the filename.
    :param url: The lasting link to the file: below the set's base URL, else by the backend's ``custom_domain`` or
        public URL. None if there is none.
    :param location: Where the backend has the file: ``s3://bucket/prefix/key``, ``gs://bucket/prefix/key``, or an
        absolute path.
    :param signed_at: When the life of the URL begins, in UTC and whole seconds. It is the same for all requests
        within a window, so that the same file gets the same URL.
    :param expires_at: When the URL has to stop working, in UTC and whole seconds.
    :param options: The method, and the headers to answer with; its ``signed_at`` is the one above.
    :param overrides: Whether another type or a download was asked for. A signer that cannot have the headers of
        ``options`` answered must refuse it; else they are what the file is offered with in any case.
    """

    set_name: str
    key: str
    url: str | None
    location: str
    signed_at: datetime
    expires_at: datetime
    options: LinkOptions
    overrides: bool = False


#: What signs: it is called with a `LinkRequest` and returns the URL, which is remembered for a while and given to
#: whoever asks: it must be made of the request alone. Several threads may call it at once.
URLSigner = Callable[[LinkRequest], str]
