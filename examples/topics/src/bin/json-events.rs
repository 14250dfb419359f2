//! Events as Rust types, stored as JSON; and what to do when such a type changes.
//!
//! `json-events-before` is this program as it was when freezers still measured in Fahrenheit. Its journals are read here.

use cloudstate::prelude::*;
use serde::{Deserialize, Serialize};

mod pb {
    cloudstate::include_proto!("com.example.freezers");
}

/// Event, as it is written today.
#[derive(Serialize, Deserialize, Json)]
#[json(name = "measured", version = 2)]
struct Measured {
    celsius: f64,
}

/// Event, as it was written before. Only the upcaster reads it.
#[derive(Serialize, Deserialize, Json)]
#[json(name = "measured")]
struct MeasuredInFahrenheit {
    fahrenheit: f64,
}

/// How warm a freezer has been.
#[event_sourced_entity(service = pb::Freezers, persistence_id = "freezer")]
#[derive(Default)]
struct Freezer {
    readings: u32,
    warmest: Option<f64>,
}

#[handlers]
impl Freezer {
    #[command_handler]
    fn measure(freezer: &mut Context<Self>, reading: pb::Reading) {
        let celsius = reading.celsius;
        freezer.emit(Measured { celsius });
    }

    #[command_handler]
    fn summarize(&self) -> pb::Report {
        pb::Report {
            readings: self.readings,
            warmest_celsius: self.warmest.unwrap_or_default(),
        }
    }

    #[event_handler]
    fn measured(&mut self, event: Measured) {
        self.readings += 1;
        let warmest = self.warmest.unwrap_or(event.celsius);
        self.warmest = Some(warmest.max(event.celsius));
    }

    /// Whatever was stored as the old event is handled as the new one.
    #[upcaster]
    fn from_fahrenheit(old: MeasuredInFahrenheit) -> Measured {
        let celsius = (old.fahrenheit - 32.0) / 1.8;
        Measured { celsius }
    }
}

#[tokio::main]
async fn main() -> cloudstate::Result<()> {
    cloudstate::run().await
}
