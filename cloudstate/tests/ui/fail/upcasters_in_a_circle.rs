use cloudstate::prelude::*;

#[path = "../shop.rs"]
mod pb;

#[event_sourced_entity(service = pb::Cart)]
#[derive(Default)]
struct Cart {
    products: Vec<String>,
}

#[handlers(partial)]
impl Cart {
    #[upcaster]
    fn into_the_circle(old: bool) -> String {
        old.to_string()
    }

    #[upcaster]
    fn to_number(old: String) -> i64 {
        old.len() as i64
    }

    #[upcaster]
    fn to_text(old: i64) -> String {
        old.to_string()
    }
}

fn main() {}
