//! What Prometheus is told.

use prometheus::core::Collector;
use prometheus::{
    Encoder, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

/// Upper bounds in seconds.
const BUCKETS: [f64; 14] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// Counters of one process; they outlive a configuration.
pub(super) struct Metrics {
    registry: Registry,
    /// Answers to clients, by version and class of status.
    requests: IntCounterVec,
    /// From a request to the end of its answer, by version.
    seconds: HistogramVec,
    /// Attempts at instances, by how they ended.
    attempts: IntCounterVec,
    /// Attempts beyond the first.
    pub retries: IntCounter,
    /// What was refused to clients, and why.
    pub refused: IntCounterVec,
    /// Connections of clients.
    pub connections: IntGauge,
    /// Requests under way at instances.
    in_flight: IntGaugeVec,
    /// Whether requests go to an instance.
    listed: IntGaugeVec,
    /// Whether the last check of an instance was answered well.
    well: IntGaugeVec,
    /// Millionths of the requests that the new version gets.
    pub share: IntGauge,
    /// Configurations that were read again, by whether they hold.
    pub reloads: IntCounterVec,
}

/// The counters of one instance, looked up once.
pub(super) struct Meters {
    pub served: IntCounter,
    pub error: IntCounter,
    pub refused: IntCounter,
    pub reset: IntCounter,
    pub timed_out: IntCounter,
    pub abandoned: IntCounter,
    pub in_flight: IntGauge,
    pub listed: IntGauge,
    pub well: IntGauge,
    /// Of its version: by class of status, from 1xx.
    pub answers: [IntCounter; 5],
    /// Of its version.
    pub seconds: Histogram,
}

impl Metrics {
    pub fn new() -> Metrics {
        let registry = Registry::new();
        let counters = |name: &str, help: &str, labels: &[&str]| {
            let counters = IntCounterVec::new(Opts::new(name, help), labels).expect("the name is sound");
            add(&registry, counters)
        };
        let gauges = |name: &str, help: &str| {
            let gauges = IntGaugeVec::new(Opts::new(name, help), &["version", "instance"]).expect("the name is sound");
            add(&registry, gauges)
        };
        let gauge = |name: &str, help: &str| add(&registry, IntGauge::new(name, help).expect("the name is sound"));
        let histogram =
            HistogramOpts::new("rollcast_request_duration_seconds", "From a request to the end of its answer")
                .buckets(BUCKETS.to_vec());
        let retries =
            IntCounter::new("rollcast_retries_total", "Attempts beyond the first").expect("the name is sound");
        Metrics {
            requests: counters("rollcast_requests_total", "Answers to clients", &["version", "status"]),
            seconds: add(&registry, HistogramVec::new(histogram, &["version"]).expect("the name is sound")),
            attempts: counters(
                "rollcast_attempts_total",
                "Attempts at instances by how they ended",
                &["version", "instance", "ending"],
            ),
            retries: add(&registry, retries),
            refused: counters("rollcast_refused_total", "What was refused to clients", &["reason"]),
            connections: gauge("rollcast_connections", "Connections of clients"),
            in_flight: gauges("rollcast_in_flight", "Requests under way at an instance"),
            listed: gauges("rollcast_instance_listed", "Whether an instance is in the endpoints"),
            well: gauges("rollcast_instance_well", "Whether the last health check of an instance was answered well"),
            share: gauge(
                "rollcast_new_version_share_millionths",
                "Millionths of the requests that the new version gets",
            ),
            reloads: counters("rollcast_reloads_total", "Configurations that were read again", &["result"]),
            registry,
        }
    }

    pub fn of(&self, version: &str, instance: &str) -> Meters {
        let ending = |word: &str| self.attempts.with_label_values(&[version, instance, word]);
        let class = |word: &str| self.requests.with_label_values(&[version, word]);
        Meters {
            served: ending("served"),
            error: ending("error"),
            refused: ending("refused"),
            reset: ending("reset"),
            timed_out: ending("timed-out"),
            abandoned: ending("abandoned"),
            in_flight: self.in_flight.with_label_values(&[version, instance]),
            listed: self.listed.with_label_values(&[version, instance]),
            well: self.well.with_label_values(&[version, instance]),
            answers: ["1xx", "2xx", "3xx", "4xx", "5xx"].map(class),
            seconds: self.seconds.with_label_values(&[version]),
        }
    }

    /// An answer that no instance had a part in.
    pub fn answered_alone(&self, status: u16) {
        let class = ["1xx", "2xx", "3xx", "4xx", "5xx"].get(usize::from(status / 100).wrapping_sub(1));
        self.requests.with_label_values(&["none", class.unwrap_or(&"none")]).inc();
    }

    /// In the text format.
    pub fn text(&self) -> String {
        let mut text = Vec::new();
        let encoded = TextEncoder::new().encode(&self.registry.gather(), &mut text);
        encoded.expect("memory can be written to, and the families are sound");
        String::from_utf8(text).expect("the format is text")
    }
}

fn add<T: Collector + Clone + 'static>(registry: &Registry, collector: T) -> T {
    registry.register(Box::new(collector.clone())).expect("every name is registered once");
    collector
}
