use cloudstate::prelude::*;

#[path = "../shop.rs"]
mod pb;

struct Full;

impl From<Full> for Failure {
    fn from(_: Full) -> Self {
        Failure::new("the cart is full")
    }
}

impl From<Failure> for Full {
    fn from(_: Failure) -> Self {
        Full
    }
}

#[event_sourced_entity(service = pb::Cart)]
#[derive(Default)]
struct Cart;

#[handlers]
impl Cart {
    #[command_handler]
    fn add_item(item: pb::AddItem) -> Result<Reply<()>, Full> {
        ensure!(item.product.len() < 100, "too long");
        Err(Full)
    }

    #[command_handler]
    fn get_cart(request: pb::GetCart) -> Result<Forward<pb::rpc::archive::Find>, String> {
        if request.cart.is_empty() {
            return Err("no cart".to_owned());
        }
        Ok(Forward::to(pb::Archive::Find, request))
    }
}

#[event_sourced_entity(service = pb::Archive)]
#[derive(Default)]
struct Archive;

#[handlers]
impl Archive {
    #[command_handler]
    fn find(context: &mut Context<Self>, request: pb::GetCart) -> Reply<pb::Contents> {
        context.effect(SideEffect::to(pb::Cart::GetCart, request.clone()));
        Reply::forward(Forward::to(pb::Cart::GetCart, request))
    }
}

fn main() {}
