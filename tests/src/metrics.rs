//! What a server says of itself in numbers, read as Prometheus reads it.

use std::collections::BTreeMap;

use crate::Server;

/// The numbers of one server at one time.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// As they came.
    pub text: String,
    samples: BTreeMap<String, f64>,
}

impl Server {
    /// `GET /metrics`.
    pub async fn metrics(&self) -> Metrics {
        let (status, text) = self.get("/metrics").await;
        assert_eq!(status, 200, "{text}");
        Metrics::read(text)
    }
}

impl Metrics {
    /// Reads the text.
    pub fn read(text: String) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        let samples = lines.map(|line| {
            let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no sample: {line}"));
            let value = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
            (series.to_owned(), value)
        });
        let samples = samples.collect();
        Self { text, samples }
    }

    /// The number of a series, named as it stands there: `name` or `name{label="value"}`.
    pub fn of(&self, series: &str) -> f64 {
        let sample = self.samples.get(series);
        *sample.unwrap_or_else(|| panic!("there is no {series} in\n{}", self.text))
    }

    /// All series, as they stand there.
    pub fn series(&self) -> impl Iterator<Item = &str> {
        self.samples.keys().map(String::as_str)
    }
}
