use cloudstate::prelude::*;

#[path = "../shop.rs"]
mod pb;

#[handlers]
#[derive(Default)]
struct Cart {
    products: Vec<String>,
}

fn main() {}
