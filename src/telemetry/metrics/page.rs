//! The text that Prometheus reads, format 0.0.4:
//! <https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>

use std::fmt::Write as _;

use crate::domain::money;

use super::values::{Histogram, Labelled};

/// A family's kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    Counter,
    Gauge,
    Histogram,
}

#[derive(Default)]
pub struct Page(String);

impl Page {
    pub fn into_text(self) -> String {
        self.0
    }

    /// Its head; the samples follow at once. Counters end in `_total`, and nothing else does.
    pub fn family(&mut self, name: &str, kind: Type, help: &str) {
        let kind = match kind {
            Type::Counter => "counter",
            Type::Gauge => "gauge",
            Type::Histogram => "histogram",
        };
        self.write(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    pub fn whole(&mut self, name: &str, labels: &[(&str, &str)], value: u64) {
        self.head(name, labels);
        self.write(format_args!("{value}\n"));
    }

    /// Millionths, written as units.
    pub fn money(&mut self, name: &str, labels: &[(&str, &str)], micros: u64) {
        self.head(name, labels);
        self.write(format_args!("{}\n", money::show(micros)));
    }

    /// A number that is none of nature's is left out: it would say nothing.
    pub fn number(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        if value.is_finite() {
            self.head(name, labels);
            self.write(format_args!("{value}\n"));
        }
    }

    pub fn histogram<const N: usize>(&mut self, name: &str, labels: &[(&str, &str)], histogram: &Histogram<N>) {
        let mut count = 0;
        let bucket = format!("{name}_bucket");
        for (bound, up_to) in histogram.cumulative() {
            count = up_to;
            self.whole(&bucket, &[labels, &[("le", &bound.to_string())]].concat(), up_to);
        }
        // Counted once, so that both lines say the same whatever happens meanwhile.
        count += histogram.ranges().1;
        self.whole(&bucket, &[labels, &[("le", "+Inf")]].concat(), count);
        self.number(&format!("{name}_sum"), labels, histogram.sum());
        self.whole(&format!("{name}_count"), labels, count);
    }

    /// A family of one series.
    pub fn single(&mut self, name: &str, kind: Type, help: &str, value: f64) {
        self.family(name, kind, help);
        self.number(name, &[], value);
    }

    /// A counter for each word of a list.
    pub fn labelled<const N: usize>(&mut self, name: &str, help: &str, counters: &Labelled<N>) {
        self.family(name, Type::Counter, help);
        for (word, value) in counters.iter() {
            self.whole(name, &[(counters.label, word)], value);
        }
    }

    fn head(&mut self, name: &str, labels: &[(&str, &str)]) {
        self.0.push_str(name);
        for (at, (label, value)) in labels.iter().enumerate() {
            self.write(format_args!("{}{label}=\"", if at == 0 { '{' } else { ',' }));
            for c in value.chars() {
                match c {
                    '\\' => self.0.push_str("\\\\"),
                    '"' => self.0.push_str("\\\""),
                    '\n' => self.0.push_str("\\n"),
                    c => self.0.push(c),
                }
            }
            self.0.push('"');
        }
        self.0.push_str(if labels.is_empty() { " " } else { "} " });
    }

    fn write(&mut self, text: std::fmt::Arguments<'_>) {
        let _ = self.0.write_fmt(text); // a String takes everything
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_as_the_format_wants_them() {
        static BOUNDS: [u64; 2] = [500, 5_000_000];
        let mut page = Page::default();
        page.single("a_bytes", Type::Gauge, "Help.", 1.5e10);
        page.number("a_bytes", &[], f64::NAN);
        page.whole("b_total", &[("x", "a\\b\"c\n"), ("y", "z")], 7);
        let histogram = Histogram::new(&BOUNDS);
        histogram.time(std::time::Duration::from_secs(9));
        page.histogram("c_seconds", &[("k", "v")], &histogram);
        let expected = "# HELP a_bytes Help.\n# TYPE a_bytes gauge\na_bytes 15000000000\n\
            b_total{x=\"a\\\\b\\\"c\\n\",y=\"z\"} 7\n\
            c_seconds_bucket{k=\"v\",le=\"0.0005\"} 0\nc_seconds_bucket{k=\"v\",le=\"5\"} 0\n\
            c_seconds_bucket{k=\"v\",le=\"+Inf\"} 1\nc_seconds_sum{k=\"v\"} 9\nc_seconds_count{k=\"v\"} 1\n";
        assert_eq!(page.into_text(), expected);
    }
}
