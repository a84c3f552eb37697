"""Files that are too large or too small."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.validators.apart import code_of, judge
from uploadkit.validators import Candidate
from uploadkit.validators.sizes import MaxSize, MinSize


@pytest.mark.parametrize(("length", "code"), [(0, None), (1000, None), (1001, "too_large")])
def test_a_file_may_be_as_long_as_the_greatest_size_and_no_longer(length, code):
    assert code_of(MaxSize("1 kB"), "a.txt", bytes(length)) == code


@pytest.mark.parametrize(("length", "code"), [(0, "too_small"), (999, "too_small"), (1000, None), (1001, None)])
def test_a_file_may_be_as_short_as_the_least_size_and_no_shorter(length, code):
    assert code_of(MinSize("1 kB"), "a.txt", bytes(length)) == code


def test_the_limits_are_kept_in_bytes_and_need_only_the_head():
    assert (MaxSize("5 MB").max_size, MaxSize("5 MB").head_only) == (5_000_000, True)
    assert (MinSize("1 KiB").min_size, MinSize(7).min_size, MinSize(7).head_only) == (1024, 7, True)


def test_a_length_that_nobody_knows_yet_passes():
    candidate = Candidate("a.txt", "text/plain", io.BytesIO(b"12345"), None, complete=False)
    MaxSize(1)(candidate)
    MinSize(10)(candidate)


def test_the_reasons_name_the_limits():
    large, small = judge(MaxSize("5 MB"), "a", bytes(5_000_001)), judge(MinSize("64 KiB"), "a", b"")
    assert large is not None
    assert small is not None
    assert "5 MB" in large.reason
    assert "64 KiB" in small.reason


@pytest.mark.parametrize("limit", [0, -1, True, "many", "", None, 1.5])
@pytest.mark.parametrize("kind", [MaxSize, MinSize])
def test_what_is_no_size_is_refused_where_it_is_written(kind, limit):
    with pytest.raises(ValueError, match="is no size"):
        kind(limit)


def test_validators_of_the_same_limit_are_equal_and_can_be_put_in_sets():
    assert {MaxSize("1 kB"), MaxSize(1000)} == {MaxSize(1000)}
    assert repr(MaxSize("1 kB")) == "MaxSize(max_size=1000)"


@given(st.integers(1, 5000), st.integers(0, 5000))
def test_a_file_passes_one_of_two_opposite_limits_or_both(limit, length):
    large = code_of(MaxSize(limit), "a", bytes(length)) is not None
    small = code_of(MinSize(limit), "a", bytes(length)) is not None
    assert (large, small) == (length > limit, length < limit)
