//! `json-events` as it was: events in Fahrenheit. It is here to write journals that the program of today reads.

use cloudstate::prelude::*;
use serde::{Deserialize, Serialize};

mod pb {
    cloudstate::include_proto!("com.example.freezers");
}

#[derive(Serialize, Deserialize, Json)]
#[json(name = "measured")]
struct Measured {
    fahrenheit: f64,
}

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
        let fahrenheit = reading.celsius * 1.8 + 32.0;
        freezer.emit(Measured { fahrenheit });
    }

    #[command_handler]
    fn summarize(&self) -> pb::Report {
        let fahrenheit = self.warmest.unwrap_or(32.0);
        pb::Report {
            readings: self.readings,
            warmest_celsius: (fahrenheit - 32.0) / 1.8,
        }
    }

    #[event_handler]
    fn measured(&mut self, event: Measured) {
        self.readings += 1;
        let warmest = self.warmest.unwrap_or(event.fahrenheit);
        self.warmest = Some(warmest.max(event.fahrenheit));
    }
}

#[tokio::main]
async fn main() -> cloudstate::Result<()> {
    cloudstate::run().await
}
