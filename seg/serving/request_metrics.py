"""What `/metrics` counts, in a registry of its own for each application."""

from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from seg.serving.service import Services

_BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64)
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class RequestMetrics:
    """Requests, and what their images take.

    Attributes:
        registry: all of them, and memory and processor time of the process.
        in_flight: requests that are not answered yet.
        stage_s: seconds of an image in `decode`, `network` or `encode`, by network.
        batch_images: images that a network sees at once, by network.
        queue: images that wait.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._requests = Counter(
            "seg_requests", "Requests answered.", ("route", "status"), registry=self.registry
        )
        self._request_s = Histogram(
            "seg_request_seconds",
            "Seconds from the headers of a request to the end of its answer.",
            ("route",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.in_flight = Gauge(
            "seg_requests_in_flight", "Requests that are not answered yet.", registry=self.registry
        )
        self.stage_s = Histogram(
            "seg_stage_seconds",
            "Seconds of an image in a stage: decode, network, encode.",
            ("model", "stage"),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.batch_images = Histogram(
            "seg_batch_images",
            "Images that the network sees at once; on a CPU each one alone.",
            ("model",),
            buckets=_BATCH_SIZES,
            registry=self.registry,
        )
        self._received = Counter(
            "seg_received_bytes", "Bytes of bodies of requests.", registry=self.registry
        )
        self._refusals = Counter(
            "seg_refusals", "Requests refused, by reason.", ("reason",), registry=self.registry
        )
        self.queue = Gauge(
            "seg_queue_images", "Images that wait for a worker.", registry=self.registry
        )

    def follow(self, services: Services) -> None:
        """Measure the queue, the stages and the batches of services."""
        self.queue.set_function(lambda: services.default.workers.waiting)  # they share it
        for each in services.all:
            each.observe = partial(self._observe, each.name)
            each.observe_batch = self.batch_images.labels(each.name).observe

    def _observe(self, model: str, stage: str, seconds: float) -> None:
        self.stage_s.labels(model, stage).observe(seconds)

    def count(self, route: str, status: int, seconds: float, size: int) -> None:
        """Count an answer and the bytes of its request; status 0: the client went before it."""
        self._received.inc(size)
        self._requests.labels(route, str(status)).inc()
        self._request_s.labels(route).observe(seconds)

    def count_refusal(self, reason: str) -> None:
        """Count a refused request."""
        self._refusals.labels(reason).inc()
