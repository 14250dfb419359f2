//! The messages that every scenario sends, so that all servers get the same bytes.

use crate::pb::{AddLineItem, Cart, GetShoppingCart, LineItem, persistence};

/// Different products that are put into a cart. A full cart has one line of each.
pub const PRODUCTS: u32 = 10;

/// The name of every product.
const NAME: &str = "A bag of nails";

/// The id of the cart with this number.
pub fn cart_id(cart: u32) -> String {
    format!("cart-{cart:05}")
}

/// Puts one of a product into a cart: 42 bytes.
pub fn add_item(cart: u32, product: u32) -> AddLineItem {
    AddLineItem {
        user_id: cart_id(cart),
        product_id: product_id(product),
        name: NAME.to_owned(),
        quantity: 1,
    }
}

/// The body of the same call over HTTP, whose path names the cart: 63 bytes.
pub fn add_item_json(product: u32) -> String {
    format!(
        r#"{{"productId":"{}","name":"{NAME}","quantity":1}}"#,
        product_id(product)
    )
}

/// Asks for a cart: 12 bytes.
pub fn get_cart(cart: u32) -> GetShoppingCart {
    GetShoppingCart {
        user_id: cart_id(cart),
    }
}

/// A cart with `each` of every product.
pub fn full_cart(each: i32) -> Cart {
    let line_of = |product| LineItem {
        product_id: product_id(product),
        name: NAME.to_owned(),
        quantity: each,
    };
    Cart {
        items: (0..PRODUCTS).map(line_of).collect(),
    }
}

/// The event that [`add_item`] makes.
pub fn item_added(product: u32) -> persistence::ItemAdded {
    persistence::ItemAdded {
        item: Some(line(product, 1)),
    }
}

/// The snapshot of a cart after one event for each product in turn, `events` of them in all.
pub fn snapshot(events: u64) -> persistence::Cart {
    let products = u64::from(PRODUCTS);
    let quantity = |product| events / products + u64::from(u64::from(product) < events % products);
    persistence::Cart {
        items: (0..PRODUCTS)
            .map(|product| {
                line(
                    product,
                    i32::try_from(quantity(product)).unwrap_or(i32::MAX),
                )
            })
            .filter(|line| line.quantity > 0)
            .collect(),
    }
}

fn line(product: u32, quantity: i32) -> persistence::LineItem {
    persistence::LineItem {
        product_id: product_id(product),
        name: NAME.to_owned(),
        quantity,
    }
}

fn product_id(product: u32) -> String {
    format!("product-{product:02}")
}

/// A stream of numbers that look random and are the same in every run.
#[derive(Clone, Debug)]
pub struct Picks(u64);

impl Picks {
    /// A stream of its own for each `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number below `bound`.
    pub fn below(&mut self, bound: u32) -> u32 {
        // SplitMix64 (Steele, Lea and Flood, 2014), then Lemire's reduction to a range.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((((mixed ^ (mixed >> 31)) >> 32) * u64::from(bound)) >> 32) as u32
    }
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::{PRODUCTS, Picks, add_item, add_item_json, full_cart, get_cart, snapshot};

    #[test]
    fn messages_have_the_size_that_is_documented() {
        assert_eq!(add_item(0, 0).encoded_len(), 42);
        assert_eq!(add_item(99_999, 9).encoded_len(), 42);
        assert_eq!(get_cart(0).encoded_len(), 12);
        assert_eq!(add_item_json(9).len(), 63);
        assert_eq!(full_cart(1).items.len(), PRODUCTS as usize);
    }

    #[test]
    fn a_snapshot_counts_every_event() {
        let quantities: Vec<i32> = snapshot(23)
            .items
            .iter()
            .map(|line| line.quantity)
            .collect();
        assert_eq!(quantities, [3, 3, 3, 2, 2, 2, 2, 2, 2, 2]);
        assert_eq!(snapshot(4).items.len(), 4);
    }

    #[test]
    fn picks_reach_everything() {
        let mut picks = Picks::new(1);
        let mut seen = [false; 10];
        for _ in 0..1000 {
            seen[picks.below(10) as usize] = true;
        }
        assert_eq!(seen, [true; 10]);
    }
}
