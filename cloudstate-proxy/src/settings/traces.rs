//! Where traces go, by the variables that OpenTelemetry's own libraries read.

use clap::Args;
use http::Uri;

/// Whether calls are traced, and how many.
#[derive(Args, Clone, Debug)]
// Settings flattened into others would be a second group of this name.
#[group(skip)]
pub struct Traces {
    /// Address of a collector of traces that speaks OTLP over gRPC, such as `http://localhost:4317`; not set, nothing is
    /// traced.
    #[arg(
        long = "otlp-endpoint",
        env = "OTEL_EXPORTER_OTLP_ENDPOINT",
        value_name = "URL",
        value_parser = Collector::parse,
        help_heading = "Operation"
    )]
    pub endpoint: Option<Collector>,

    /// The service's name in traces; not set, it is the one that the store is named by.
    #[arg(
        long = "otel-service-name",
        env = "OTEL_SERVICE_NAME",
        value_name = "NAME",
        value_parser = name,
        help_heading = "Operation"
    )]
    pub service_name: Option<String>,

    /// The part of the calls that is traced where the caller has not decided it: 1 is all, 0 none.
    #[arg(
        long = "trace-ratio",
        env = "OTEL_TRACES_SAMPLER_ARG",
        value_name = "RATIO",
        default_value = "1",
        value_parser = Ratio::parse,
        help_heading = "Operation"
    )]
    pub ratio: Ratio,
}

/// The address of a collector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collector(Uri);

/// A number from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio(f64);

impl Collector {
    fn parse(text: &str) -> Result<Self, &'static str> {
        const EXPECTED: &str =
            "write http://HOST:PORT, of a collector that speaks gRPC: http://localhost:4317";
        let uri: Uri = text.parse().map_err(|_| EXPECTED)?;
        let is_address = uri.scheme_str() == Some("http")
            && uri.port().is_some()
            && uri.path_and_query().is_none_or(|path| path == "/");
        is_address.then_some(Self(uri)).ok_or(EXPECTED)
    }

    /// The address.
    pub fn uri(&self) -> &Uri {
        &self.0
    }
}

impl Ratio {
    fn parse(text: &str) -> Result<Self, &'static str> {
        let ratio = text
            .parse()
            .ok()
            .filter(|ratio| (0.0..=1.0).contains(ratio));
        ratio
            .map(Self)
            .ok_or("write a number from 0 to 1, such as 0.1")
    }

    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }
}

fn name(text: &str) -> Result<String, &'static str> {
    let name = text.trim();
    (!name.is_empty())
        .then(|| name.to_owned())
        .ok_or("write a name")
}

#[cfg(test)]
mod tests {
    use super::{Collector, Ratio};

    #[test]
    fn a_collector_is_an_address_of_grpc() {
        for good in ["http://localhost:4317", "http://[::1]:4317/"] {
            assert!(Collector::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "localhost:4317",
            "http://localhost",
            "https://c:4317",
            "http://c:4318/v1/traces",
        ] {
            assert!(Collector::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_ratio_is_a_part() {
        assert_eq!(Ratio::parse("0.25").map(Ratio::get), Ok(0.25));
        for bad in ["", "2", "-0.1", "NaN", "10%"] {
            assert!(Ratio::parse(bad).is_err(), "{bad}");
        }
    }
}
