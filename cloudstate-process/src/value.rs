//! Values of settings. Each parser's error says what to write instead.
//!
//! They fit clap's `value_parser`.

use std::{net::IpAddr, num::NonZeroUsize, time::Duration};

/// Reads a port on which to listen: 0 to 65535.
///
/// # Errors
/// The text is something else.
pub fn port(text: &str) -> Result<u16, &'static str> {
    text.parse().map_err(|_| "write a number from 0 to 65535")
}

/// Reads an IP address, of version 4 or 6.
///
/// # Errors
/// The text is something else, a host name for instance.
pub fn address(text: &str) -> Result<IpAddr, &'static str> {
    text.parse()
        .map_err(|_| "write an IP address, such as 127.0.0.1, or 0.0.0.0 for every interface")
}

/// Reads a number of bytes, or of other things of which there must be some.
///
/// # Errors
/// The text is something else, or 0.
pub fn count(text: &str) -> Result<NonZeroUsize, &'static str> {
    text.parse()
        .map_err(|_| "write a whole number, at least 1, without a unit")
}

/// Reads a time: `250ms`, `30s`, `5m` or `1h`.
///
/// # Errors
/// The text is something else, or no time at all.
pub fn duration(text: &str) -> Result<Duration, &'static str> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let milliseconds_per_unit = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err("write a whole number and a unit, such as 250ms, 30s, 5m or 1h"),
    };
    number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(milliseconds_per_unit))
        .filter(|&milliseconds| milliseconds > 0)
        .map(Duration::from_millis)
        .ok_or("write a time that is longer than none, and short enough to count in milliseconds")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{address, count, duration, port};

    #[test]
    fn ports_may_be_0() {
        assert_eq!(port("0"), Ok(0));
        assert_eq!(port("65535"), Ok(65535));
        for bad in ["", "-1", "65536", "http"] {
            assert!(port(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn addresses_are_no_names() {
        assert!(address("::1").unwrap().is_loopback());
        for bad in ["", "localhost", "300.0.0.1", "127.0.0.1:80"] {
            assert!(address(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn counts_are_positive() {
        assert_eq!(count("1").unwrap().get(), 1);
        for bad in ["", "0", "-5", "12MB", "many"] {
            assert!(count(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn durations_have_a_number_and_a_unit() {
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("5m"), Ok(Duration::from_secs(300)));
        for bad in [
            "",
            "5",
            "s",
            "0s",
            "-1s",
            "1.5s",
            "5 s",
            "99999999999999999h",
        ] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}
