//! Medians, percentiles, and numbers as people read them.

use serde::Serialize;

/// A figure over several rounds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// The middle one; of an even number, the lower of the two in the middle.
    pub median: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
}

impl Spread {
    /// The spread of `values`; `None` of none.
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut values = values.to_vec();
        values.sort_by(f64::total_cmp);
        Some(Self {
            median: values[values.len().checked_sub(1)? / 2],
            min: *values.first()?,
            max: *values.last()?,
        })
    }
}

/// The smallest of `sorted` that `percent` of them do not exceed; 0 of none.
pub fn percentile(sorted: &[u32], percent: f64) -> u32 {
    let rank = (percent / 100.0 * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0)
}

/// A number in about three digits, with thousands set apart.
pub fn readable(number: f64) -> String {
    match number.abs() {
        size if size >= 100.0 => thousands(number.round() as i64),
        size if size >= 10.0 => format!("{number:.1}"),
        size if size >= 1.0 => format!("{number:.2}"),
        _ => format!("{number:.3}"),
    }
}

fn thousands(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::from(if number < 0 { "-" } else { "" });
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Spread, percentile, readable};

    #[test]
    fn a_spread_does_not_depend_on_order() {
        let spread = Spread {
            median: 2.0,
            min: 1.0,
            max: 9.0,
        };
        assert_eq!(Spread::of(&[9.0, 1.0, 2.0]), Some(spread));
        assert_eq!(Spread::of(&[9.0, 1.0, 2.0, 2.5]), Some(spread));
        assert_eq!(Spread::of(&[]), None);
    }

    #[test]
    fn percentiles_are_values_that_occurred() {
        let sorted: Vec<u32> = (1..=200).collect();
        assert_eq!(percentile(&sorted, 50.0), 100);
        assert_eq!(percentile(&sorted, 99.0), 198);
        assert_eq!(percentile(&sorted, 100.0), 200);
        assert_eq!(percentile(&[7], 99.0), 7);
        assert_eq!(percentile(&[], 99.0), 0);
    }

    #[test]
    fn numbers_are_short() {
        let texts = [1_234_567.8, 130_000.0, 999.6, 61.37, 2.345, 0.0871, -1234.0].map(readable);
        assert_eq!(
            texts,
            [
                "1,234,568",
                "130,000",
                "1,000",
                "61.4",
                "2.35",
                "0.087",
                "-1,234"
            ]
        );
    }
}
