"""Percentiles, against sets whose percentiles are known."""

import pytest

from chat_memory.lab.latencies import Latencies


def test_percentiles_are_those_of_a_known_set() -> None:
    """1 to 100 ms, shuffled: nearest rank makes the percentile its own number."""
    latencies = Latencies(number * 37 % 101 / 1000 for number in range(1, 101))
    assert len(latencies) == 100
    assert latencies.percentile_ms(50) == pytest.approx(50)
    assert latencies.percentile_ms(99) == pytest.approx(99)
    assert latencies.percentile_ms(100) == pytest.approx(100)


def test_few_values_have_percentiles_too() -> None:
    latencies = Latencies()
    latencies.add(0.002)
    assert latencies.tell("few.") == {"few.p50_ms": pytest.approx(2), "few.p99_ms": pytest.approx(2)}
    latencies.add(0.004)
    assert latencies.percentile_ms(50) == pytest.approx(2)
    assert latencies.percentile_ms(99) == pytest.approx(4)
