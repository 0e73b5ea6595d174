"""The distances between attempts."""

from __future__ import annotations

import pytest

from node.deliver import retry_delay_s
from node.deliver.backoff import FIRST_DELAY_S, JITTER, LONGEST_DELAY_S


def test_delays_double_up_to_a_limit_within_the_spread() -> None:
    for attempt, middle in [(1, 5.0), (2, 10.0), (3, 20.0), (8, 640.0), (10, 2560.0), (11, 3600.0), (60, 3600.0), (10_000, 3600.0)]:
        assert abs(retry_delay_s(attempt, "1.2.3") / middle - 1.0) <= JITTER
    assert (FIRST_DELAY_S, LONGEST_DELAY_S) == (5.0, 3600.0)


def test_the_same_object_and_attempt_wait_the_same_and_others_do_not() -> None:
    delays = {retry_delay_s(4, f"1.2.{number}") for number in range(100)}

    assert retry_delay_s(4, "1.2.3") == retry_delay_s(4, "1.2.3")
    assert len(delays) == 100
    assert abs(sum(delays) / 100 / 40.0 - 1.0) < 0.05


def test_there_is_no_delay_before_the_first_attempt() -> None:
    with pytest.raises(ValueError, match="counted from 1"):
        retry_delay_s(0)
