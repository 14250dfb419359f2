use cloudstate::prelude::*;

#[path = "../shop.rs"]
mod pb;

use std::time::Duration;

use cloudstate::Entity;

#[event_sourced_entity(service = pb::Cart, passivate_after = "30s", register = false)]
struct Seconds;

#[event_sourced_entity(service = pb::Archive, passivate_after = "5m", register = false)]
struct Minutes;

#[event_sourced_entity(service = pb::Feed, passivate_after = "1h", register = false)]
struct Hours;

fn main() {
    assert_eq!(Seconds::PASSIVATE_AFTER, Some(Duration::from_secs(30)));
    assert_eq!(Minutes::PASSIVATE_AFTER, Some(Duration::from_secs(300)));
    assert_eq!(Hours::PASSIVATE_AFTER, Some(Duration::from_secs(3_600)));
}
