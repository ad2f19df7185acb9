"""``/metrics``: a fleet and its receiver in numbers, in the format of Prometheus.

The numbers of the fleet are read from the store when they are asked for, so they are the same whichever process
answers. Those of the receiver are counted by the processes that receive; they count in memory that they share, each in
cells of its own, and whichever is asked adds them up. A worker that takes the place of another goes on with its cells,
so a count never goes back.

No label has values without a limit: a provider's word that is not known counts as ``other``, and no account is named.
When the store cannot be read, the numbers of the receiver are answered alone.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from multiprocessing.sharedctypes import RawArray

from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector, CollectorRegistry

from ..engine.overview import Overview
from ..errors import StoreError, logger
from ..lifecycle.providers import Provider
from ..lifecycle.status import Health, Status
from ..records import DeliveryState

CODES = (200, 400, 401, 405, 408, 413, 500, 503)
"""Every status that the receiver answers with. ``listen`` hands on what an application answers: any other, which
counts as ``other``."""
BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""The bounds of the durations that are counted together, in seconds."""
OTHER, UNKNOWN = "other", "unknown"
"""The provider of accounts whose word for it is not known, and of those whose provider was never announced."""

_CODES = (*map(str, CODES), OTHER)
_CELL_OF = {code: cell for cell, code in enumerate(CODES)}
_OF_BUCKETS = len(_CODES)
_SUM = _OF_BUCKETS + len(BUCKETS_S) + 1
_WAITING = _SUM + 1
_CELLS = _WAITING + 1
_BOUNDS = (*(str(bound) for bound in BUCKETS_S), "+Inf")
_KNOWN = frozenset(map(str, Provider))


class ReceiverCounts:
    """What the processes of one server count; make it before they are forked."""

    def __init__(self, processes: int = 1) -> None:
        self._cells = RawArray("d", processes * _CELLS)
        self._first = 0

    def begin(self, process: int) -> None:
        """Count in the cells of the process with this number, from 0; those who waited for an earlier one are gone."""
        self._first = process * _CELLS
        self.wait(0)

    def answered(self, code: int, duration_s: float) -> None:
        """Count a request that was answered. Only one thread of a process may call it."""
        cells, first = self._cells, self._first
        cells[first + _CELL_OF.get(code, len(CODES))] += 1
        cells[first + _OF_BUCKETS + bisect_left(BUCKETS_S, duration_s)] += 1
        cells[first + _SUM] += duration_s

    def wait(self, requests: int) -> None:
        """Note how many requests wait in this process."""
        self._cells[self._first + _WAITING] = requests

    def totals(self) -> list[float]:
        """Return the sum of each cell over all processes."""
        return [sum(self._cells[number::_CELLS]) for number in range(_CELLS)]


class Metrics(Collector):
    """All numbers; ``fleet`` reads those of the fleet and raises ``StoreError`` if it cannot, ``waiting`` returns how
    many requests wait in this process."""

    def __init__(self, fleet: Callable[[], Overview], receiver: ReceiverCounts, waiting: Callable[[], int]) -> None:
        self._fleet = fleet
        self._receiver = receiver
        self._waiting = waiting
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def exposition(self, accepted: str) -> tuple[bytes, str]:
        """Return the numbers as text and its content type, in the format that an Accept header prefers."""
        encode, content_type = choose_encoder(accepted)
        return encode(self._registry), content_type

    def collect(self) -> Iterator[Metric]:
        """Yield the numbers."""
        self._receiver.wait(self._waiting())
        yield from of_receiver(self._receiver.totals())
        try:
            overview = self._fleet()
        except StoreError as error:
            logger().warning("the store could not be read for the metrics", error=str(error))
            return
        yield from of_fleet(overview)

    def describe(self) -> Iterable[Metric]:
        """Return nothing: what there is, is found by reading the store."""
        return ()


def of_receiver(totals: Sequence[float]) -> Iterator[Metric]:
    """Yield the numbers of the receiver from the sums of its cells."""
    requests = CounterMetricFamily(
        "account_lifecycle_receiver_requests", "Requests that the receiver answered.", labels=["code"]
    )
    for code, count in zip(_CODES, totals, strict=False):
        requests.add_metric([code], count)
    yield requests
    below = accumulate(totals[_OF_BUCKETS:_SUM])
    durations = HistogramMetricFamily(
        "account_lifecycle_receiver_request_duration_seconds",
        "Time from a request's head to its answer.",
    )
    durations.add_metric([], list(zip(_BOUNDS, below, strict=True)), totals[_SUM])
    yield durations
    yield GaugeMetricFamily(
        "account_lifecycle_receiver_waiting",
        "Requests that wait to be fed, or are being fed.",
        totals[_WAITING],
    )


def of_fleet(overview: Overview) -> Iterator[Metric]:
    """Yield the numbers of a fleet as it is now."""
    tallies, machinery = overview.tallies, overview.machinery
    assert machinery is not None, "an overview of the past has none"
    standing = Counter[tuple[Status, Health, str]]()
    for each in tallies:
        standing[each.status, each.health, provider_label(each.provider)] += each.accounts
    accounts = GaugeMetricFamily(
        "account_lifecycle_accounts",
        "Accounts by status, health and provider.",
        labels=["status", "health", "provider"],
    )
    for labels, count in standing.items():
        accounts.add_metric(list(labels), count)
    yield accounts
    yield GaugeMetricFamily(
        "account_lifecycle_stuck_accounts",
        "Accounts that are in a passing status for too long and not live.",
        overview.stuck,
    )
    yield GaugeMetricFamily(
        "account_lifecycle_blind_accounts",
        "Accounts of which messages may be missed: their blind window is open.",
        machinery.open_windows,
    )
    yield CounterMetricFamily(
        "account_lifecycle_events", "Events that were fed, by the number of the newest.", machinery.last_event
    )
    if machinery.last_announced_at is not None:
        yield GaugeMetricFamily(
            "account_lifecycle_last_event_timestamp_seconds",
            "When the newest announcement came, in seconds since 1970.",
            machinery.last_announced_at.timestamp(),
        )
    deliveries = GaugeMetricFamily(
        "account_lifecycle_deliveries",
        "Deliveries to hooks that are not done; dead ones were not redriven.",
        labels=["hook", "state"],
    )
    for hook in machinery.hooks:
        for state in (DeliveryState.WAITING, DeliveryState.RUNNING, DeliveryState.HALTED, DeliveryState.DEAD):
            deliveries.add_metric([hook.hook, str(state)], getattr(hook, state))
    yield deliveries
    yield GaugeMetricFamily(
        "account_lifecycle_deliveries_waiting",
        "Deliveries that wait, and events that hooks which are behind have yet to look through.",
        sum(hook.waiting + hook.to_plan for hook in machinery.hooks),
    )
    yield GaugeMetricFamily(
        "account_lifecycle_quarantined_payloads",
        "Unreadable payloads that were neither fed nor dismissed since.",
        machinery.quarantined,
    )


def provider_label(provider: str | None) -> str:
    """Return what stands for a provider in a label: a word that is not known could be any."""
    if provider is None:
        return UNKNOWN
    return str(provider) if provider in _KNOWN else OTHER
