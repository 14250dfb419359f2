//! An entity that needs something from outside: a price list that the program reads when it starts.
//!
//! The price goes into the event. A price list that changes tomorrow does not change what was ordered today.

use std::{collections::BTreeMap, sync::Arc};

use cloudstate::{Cloudstate, prelude::*};

mod pb {
    cloudstate::include_proto!("com.example.bills");
}

/// Cents by dish.
type PriceList = BTreeMap<String, u32>;

/// What a table has ordered.
#[event_sourced_entity(service = pb::Bills, persistence_id = "bill", register = false)]
struct Bill {
    prices: Arc<PriceList>,
    ordered: Vec<pb::Ordered>,
}

#[handlers]
impl Bill {
    #[command_handler]
    fn order(bill: &mut Context<Self>, order: pb::Order) -> Result<(), Failure> {
        let dish = order.dish;
        let Some(&cents) = bill.prices.get(&dish) else {
            return Err(Failure::new(format!("there is no {dish} today")));
        };
        bill.emit(pb::Ordered { dish, cents });
        Ok(())
    }

    #[command_handler]
    fn get(&self) -> pb::Bill {
        let dishes = self.ordered.iter().map(|one| one.dish.clone()).collect();
        let cents = self.ordered.iter().map(|one| one.cents).sum();
        pb::Bill { dishes, cents }
    }

    #[event_handler]
    fn ordered(&mut self, event: pb::Ordered) {
        self.ordered.push(event);
    }
}

/// `soup=450,bread=120`
fn price_list(text: &str) -> PriceList {
    let price = |entry: &str| {
        let (dish, cents) = entry.split_once('=')?;
        Some((dish.trim().to_owned(), cents.trim().parse().ok()?))
    };
    text.split(',').filter_map(price).collect()
}

#[tokio::main]
async fn main() -> cloudstate::Result<()> {
    let text = std::env::var("PRICES").unwrap_or_else(|_| "soup=450,bread=120".into());
    let prices = Arc::new(price_list(&text));
    Cloudstate::new()
        .register_with(move |_id| Bill {
            prices: Arc::clone(&prices),
            ordered: Vec::new(),
        })
        .run()
        .await
}
