use cloudstate::prelude::*;

#[path = "../shop.rs"]
mod pb;

use cloudstate::Cloudstate;

mod inside {
    use super::*;

    #[event_sourced_entity(service = pb::Cart)]
    #[derive(Default)]
    struct Cart;

    #[handlers]
    impl Cart {
        #[command_handler]
        fn add_item(&self) {}

        #[command_handler]
        fn get_cart(&self) -> pb::Contents {
            pb::Contents::default()
        }
    }
}

fn main() {
    assert!(Cloudstate::registered().into_user_function().is_ok());
    assert!(Cloudstate::new().into_user_function().is_err());
}
