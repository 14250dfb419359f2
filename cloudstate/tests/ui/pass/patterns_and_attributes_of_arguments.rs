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
    #[command_handler]
    #[must_use]
    fn add_item(
        cart: &mut Context<Self>,
        pb::AddItem { mut product, .. }: pb::AddItem,
        #[allow(unused_variables)] id: EntityId,
    ) -> Result<(), Failure> {
        product.push('!');
        cart.emit(pb::ItemAdded { product });
        Ok(())
    }

    #[event_handler]
    fn item_added(self: &mut Self, pb::ItemAdded { product }: pb::ItemAdded) {
        self.products.push(product);
    }

    #[command_handler]
    fn get_cart(self: &Self) -> pb::Contents {
        let products = self.products.clone();
        pb::Contents { products }
    }
}

fn main() {}
