use cloudstate::prelude::*;
use serde::{Deserialize, Serialize};

#[path = "../shop.rs"]
mod pb;

#[value_entity(service = pb::Archive, json)]
#[derive(Default, Serialize, Deserialize)]
struct Archive {
    products: Vec<String>,
}

#[handlers(parts = 2)]
impl Archive {
    #[command_handler]
    fn find(&self) -> pb::Contents {
        pb::Contents::default()
    }
}

#[handlers(part = 2)]
impl Archive {
    #[upcaster]
    fn from_text(old: String) -> Self {
        Self {
            products: vec![old],
        }
    }
}

fn main() {}
