"""The first save of all, whose probe asks a store that is not AWS whether it keeps conditions."""

from __future__ import annotations

import io
from typing import Any

import pytest

from uploadkit import SaveOptions
from uploadkit.exceptions import BackendError, UnavailableError

from .test_s3_fault_kit import (
    LONG,
    SMALL,
    Kind,
    World,
    direct,
    fault_bucket,
    fault_proxy,
    s3_error,
    warmed,
    world,
)

__all__ = ["direct", "fault_bucket", "fault_proxy", "warmed", "world"]

NEW = SaveOptions()


def test_a_lost_answer_of_the_first_save_of_all_heals_too(world: World) -> None:
    """Its probe finds its own object there, or loses an answer, and must not conclude that conditions are not kept."""
    for method in ("PUT", "DELETE"):
        world.strike(Kind.LOST_ANSWER, method=method, path="probe")
    assert world.new_backend().save("a", io.BytesIO(SMALL), NEW).size == len(SMALL)
    assert world.files() == {"a": SMALL}
    assert world.hidden() == []


@pytest.mark.parametrize(
    "step", [{"method": "PUT"}, {"method": "POST"}, {"method": "DELETE"}], ids=lambda s: s["method"]
)
def test_a_probe_that_fails_is_an_error_and_the_next_save_probes_again(step: dict[str, Any], world: World) -> None:
    backend = world.new_backend()
    world.strike(Kind.ANSWER, s3_error(500, "InternalError"), times=2, path="probe", **step)
    content = LONG if step["method"] == "POST" else SMALL
    if step["method"] == "DELETE":
        backend.save("a", io.BytesIO(content), NEW)
        assert any(name in line for name in world.hidden() for line in world.log())
    else:
        with pytest.raises(BackendError) as caught:
            backend.save("a", io.BytesIO(content), NEW)
        assert (type(caught.value), caught.value.retryable) == (UnavailableError, True)
        assert world.files() == {}
        assert world.hidden() == []
        backend.save("a", io.BytesIO(content), NEW)
    assert world.files() == {"a": content}
