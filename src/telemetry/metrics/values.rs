//! Counters, gauges and histograms: a few atomics each, without waiting or allocating.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Only ever grows.
#[derive(Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Relaxed);
    }

    pub fn inc(&self) {
        self.add(1);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Goes up and down.
#[derive(Default)]
pub struct Gauge(AtomicI64);

impl Gauge {
    pub const fn new() -> Self {
        Self(AtomicI64::new(0))
    }

    pub fn add(&self, more: i64) {
        self.0.fetch_add(more, Relaxed);
    }

    pub fn set(&self, value: i64) {
        self.0.store(value, Relaxed);
    }

    pub fn get(&self) -> i64 {
        self.0.load(Relaxed)
    }
}

/// One counter for each word of a fixed list; what is not in the list counts for the last one.
pub struct Labelled<const N: usize> {
    pub label: &'static str,
    words: [&'static str; N],
    counters: [Counter; N],
}

impl<const N: usize> Labelled<N> {
    pub const fn new(label: &'static str, words: [&'static str; N]) -> Self {
        Self { label, words, counters: [const { Counter::new() }; N] }
    }

    pub fn add(&self, word: &str, more: u64) {
        let at = self.words.iter().position(|known| *known == word).unwrap_or(N - 1);
        self.counters[at].add(more);
    }

    pub fn inc(&self, word: &str) {
        self.add(word, 1);
    }

    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.words.iter().copied().zip(self.counters.iter().map(Counter::get))
    }
}

/// How often a value was in which range. `bounds` are the upper ends, in the family's unit times [`Histogram::SCALE`].
pub struct Histogram<const N: usize> {
    bounds: &'static [u64; N],
    /// Each counts its own range only; sums are made when they are read.
    within: [Counter; N],
    above: Counter,
    sum: Counter,
}

impl<const N: usize> Histogram<N> {
    /// Values are kept in millionths: of a second, for instance.
    pub const SCALE: u64 = 1_000_000;

    pub const fn new(bounds: &'static [u64; N]) -> Self {
        Self { bounds, within: [const { Counter::new() }; N], above: Counter::new(), sum: Counter::new() }
    }

    /// A value in millionths.
    pub fn observe(&self, value: u64) {
        match self.bounds.iter().position(|bound| value <= *bound) {
            Some(at) => self.within[at].inc(),
            None => self.above.inc(),
        }
        self.sum.add(value);
    }

    pub fn time(&self, took: Duration) {
        self.observe(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }

    /// For whole things: so many pieces.
    pub fn number(&self, value: usize) {
        self.observe((value as u64).saturating_mul(Self::SCALE));
    }

    /// Upper ends, in the family's unit, with the number of values up to there.
    pub fn cumulative(&self) -> [(f64, u64); N] {
        let mut sum = 0;
        std::array::from_fn(|at| {
            sum += self.within[at].get();
            (in_units(self.bounds[at]), sum)
        })
    }

    /// Of each range alone, and above the last.
    pub fn ranges(&self) -> ([u64; N], u64) {
        (std::array::from_fn(|at| self.within[at].get()), self.above.get())
    }

    pub fn count(&self) -> u64 {
        self.within.iter().map(Counter::get).sum::<u64>() + self.above.get()
    }

    pub fn sum(&self) -> f64 {
        in_units(self.sum.get())
    }
}

/// From millionths. Exact for every value that fits into 53 bits: 285 years of seconds.
fn in_units(millionths: u64) -> f64 {
    millionths as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_fall_into_their_range() {
        static BOUNDS: [u64; 2] = [1_000, 2_000_000];
        let histogram = Histogram::new(&BOUNDS);
        for micros in [0, 1_000, 1_001, 2_000_000, 2_000_001] {
            histogram.time(Duration::from_micros(micros));
        }
        assert_eq!(histogram.cumulative(), [(0.001, 2), (2.0, 4)]);
        assert_eq!((histogram.ranges(), histogram.count()), (([2, 2], 1), 5));
        assert!((histogram.sum() - 4.002_002).abs() < 1e-9);
        histogram.number(2);
        assert_eq!(histogram.count(), 6);
    }

    #[test]
    fn an_unknown_word_counts_for_the_last() {
        let counters = Labelled::new("outcome", ["ok", "other"]);
        counters.inc("ok");
        counters.add("of a client's choice", 2);
        assert_eq!(counters.iter().collect::<Vec<_>>(), [("ok", 1), ("other", 2)]);
    }
}
