//! Metrics, for `/metrics` and for alerts: a registry as small as it can be.
//!
//! Every number is a static of [`catalog`], so counting is one atomic addition and nothing has to be handed around.
//! Labels come from fixed lists and from the table of routes, never from what a client sends: the number of series is
//! known when the program starts.

mod values;
pub mod catalog;
mod families;
mod machine;
mod page;
mod process;
mod routes;

pub use families::write as write_families;
pub use machine::{Memory, memory};
pub use page::{Page, Type};
pub use routes::{RouteMetrics, Totals, route, totals};
pub use values::{Counter, Gauge, Histogram, Labelled};

use std::sync::LazyLock;
use std::time::{Duration, Instant};

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Since the server began, or since it was first asked.
pub fn uptime() -> Duration {
    START.elapsed()
}
