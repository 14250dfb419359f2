use cloudstate::prelude::*;

#[path = "../shop.rs"]
mod pb;

fn main() {
    #[event_sourced_entity(service = pb::Cart, snapshot_every = 2)]
    #[derive(Default)]
    struct Cart(usize);

    #[handlers]
    impl Cart {
        #[command_handler]
        fn add_item(cart: &mut Context<Self>) {
            cart.emit(pb::ItemAdded::default());
        }

        #[command_handler]
        fn get_cart(&self) -> pb::Contents {
            pb::Contents::default()
        }

        #[event_handler]
        fn item_added(&mut self, _: pb::ItemAdded) {
            self.0 += 1;
        }

        #[snapshot]
        fn save(&self) -> pb::Saved {
            pb::Saved::default()
        }

        #[snapshot_handler]
        fn restore(&mut self, saved: pb::Saved) {
            self.0 = saved.products.len();
        }
    }

    assert!(
        cloudstate::Cloudstate::registered()
            .into_user_function()
            .is_ok()
    );
}
