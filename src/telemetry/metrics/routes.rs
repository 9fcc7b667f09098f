//! Requests and their durations, counted for each route of the table. The counters are made when the server starts; a
//! request costs two atomic additions.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::page::{Page, Type};
use super::values::Histogram;

/// Upper ends of what an answer takes, in microseconds.
static BOUNDS: [u64; 10] =
    [500, 2_000, 10_000, 50_000, 250_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000, 30_000_000];
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
/// Far more rows than the table will have; further ones share the last one.
const ROUTES_MOST: usize = 200;

static ROUTES: Mutex<Vec<&'static RouteMetrics>> = Mutex::new(Vec::new());

pub struct RouteMetrics {
    method: &'static str,
    route: &'static str,
    classes: [Histogram<10>; 5],
}

impl RouteMetrics {
    pub fn observe(&self, status: u16, took: Duration) {
        let class = usize::from(status / 100).clamp(1, CLASSES.len()) - 1;
        self.classes[class].time(took);
    }
}

/// The metrics of a row of the table, for good. The pattern stands for all paths that fit it.
pub fn route(method: &'static str, route: &'static str) -> &'static RouteMetrics {
    let mut rows = ROUTES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = rows.iter().find(|metrics| metrics.method == method && metrics.route == route) {
        return known;
    }
    if let (true, Some(last)) = (rows.len() >= ROUTES_MOST, rows.last()) {
        return last;
    }
    let classes = [const { Histogram::new(&BOUNDS) }; 5];
    let metrics: &'static RouteMetrics = Box::leak(Box::new(RouteMetrics { method, route, classes }));
    rows.push(metrics);
    metrics
}

fn all() -> Vec<&'static RouteMetrics> {
    ROUTES.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Answers 503 for the failures of others, such as a model's server: polling it would count failures twice.
const NOT_COUNTED: &str = "/health/ready";

/// All requests together, as they stand now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    pub requests: u64,
    pub server_errors: u64,
    /// Requests by the ranges of the histogram, and those above the last.
    pub ranges: [u64; 10],
    pub above: u64,
}

pub fn totals() -> Totals {
    let mut totals = Totals::default();
    for metrics in all().into_iter().filter(|metrics| metrics.route != NOT_COUNTED) {
        for (class, histogram) in metrics.classes.iter().enumerate() {
            let (ranges, above) = histogram.ranges();
            let count = ranges.iter().sum::<u64>() + above;
            totals.requests += count;
            totals.server_errors += if class == 4 { count } else { 0 };
            totals.above += above;
            for (sum, range) in totals.ranges.iter_mut().zip(ranges) {
                *sum += range;
            }
        }
    }
    totals
}

impl Totals {
    /// What came since `earlier`.
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            requests: self.requests.saturating_sub(earlier.requests),
            server_errors: self.server_errors.saturating_sub(earlier.server_errors),
            ranges: std::array::from_fn(|at| self.ranges[at].saturating_sub(earlier.ranges[at])),
            above: self.above.saturating_sub(earlier.above),
        }
    }

    /// The time within which so many percent of the requests were answered, rounded up to a range's end; `None`
    /// without requests. What lies above the last range reads as a minute.
    pub fn quantile(&self, percent: u64) -> Option<Duration> {
        let wanted = (self.requests * percent).div_ceil(100).max(1);
        let mut sum = 0;
        for (range, bound) in self.ranges.iter().zip(BOUNDS) {
            sum += range;
            if sum >= wanted {
                return Some(Duration::from_micros(bound));
            }
        }
        (self.requests > 0).then_some(Duration::from_secs(60))
    }
}

/// A route without requests has no series.
pub(super) fn write(page: &mut Page) {
    let rows = all();
    let seen = || {
        rows.iter().flat_map(|metrics| {
            let labels = move |class: &'static str| {
                vec![("method", metrics.method), ("route", metrics.route), ("status", class)]
            };
            let classes = CLASSES.iter().zip(&metrics.classes).filter(|(_, histogram)| histogram.count() > 0);
            classes.map(move |(class, histogram)| (labels(class), histogram))
        })
    };
    page.family("portagent_http_requests_total", Type::Counter, "Requests answered, by route and class of status.");
    for (labels, histogram) in seen() {
        page.whole("portagent_http_requests_total", &labels, histogram.count());
    }
    let name = "portagent_http_request_duration_seconds";
    page.family(name, Type::Histogram, "From the whole request to its answer, which is not sent yet.");
    for (labels, histogram) in seen() {
        page.histogram(name, &labels, histogram);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_of_a_span_of_time() {
        let metrics = route("GET", "/test/totals");
        let before = totals();
        assert_eq!(totals().since(&totals()).quantile(95), None);
        for (status, millis) in [(200, 1), (404, 1), (503, 6_000), (200, 40_000)] {
            metrics.observe(status, Duration::from_millis(millis));
        }
        let span = totals().since(&before);
        // Other tests of this process may serve requests meanwhile.
        assert!(span.requests >= 4 && span.server_errors >= 1, "{span:?}");
        assert!(std::ptr::eq(metrics, route("GET", "/test/totals")));
    }

    #[test]
    fn quantiles_are_rounded_up_to_a_range() {
        let totals = |ranges, above| Totals { requests: 100, server_errors: 0, ranges, above };
        let check = |ranges: [u64; 10], above, percent, expected: u64| {
            let found = totals(ranges, above).quantile(percent);
            assert_eq!(found, Some(Duration::from_millis(expected)), "{ranges:?} {percent}");
        };
        check([0, 95, 0, 0, 0, 0, 0, 0, 5, 0], 0, 95, 2);
        check([0, 94, 0, 0, 0, 0, 0, 0, 6, 0], 0, 95, 10_000);
        check([0, 94, 0, 0, 0, 0, 0, 0, 0, 0], 6, 95, 60_000);
    }
}
