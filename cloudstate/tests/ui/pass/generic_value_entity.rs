use cloudstate::prelude::*;

#[path = "../shop.rs"]
mod pb;

use cloudstate::{Cloudstate, Create, ValueEntity};

/// What a product is called in a shop.
pub trait Naming {
    fn name(product: &str) -> String;
}

pub struct Plain;

impl Naming for Plain {
    fn name(product: &str) -> String {
        product.to_owned()
    }
}

pub struct Loud;

impl Naming for Loud {
    fn name(product: &str) -> String {
        product.to_uppercase()
    }
}

#[value_entity(service = pb::Cart, init = Self::open)]
pub struct Cart<N, const LIMIT: usize = 10>
where
    N: Naming + Send + 'static,
{
    owner: EntityId,
    products: Vec<String>,
    naming: std::marker::PhantomData<N>,
}

impl<N, const LIMIT: usize> Cart<N, LIMIT>
where
    N: Naming + Send + 'static,
{
    fn open(owner: &EntityId) -> Self {
        Self {
            owner: owner.clone(),
            products: Vec::new(),
            naming: std::marker::PhantomData,
        }
    }
}

#[handlers]
impl<N, const LIMIT: usize> Cart<N, LIMIT>
where
    N: Naming + Send + 'static,
{
    #[command_handler]
    fn add_item(cart: &mut Context<Self>, item: pb::AddItem) -> Result<(), Failure> {
        ensure!(cart.products.len() < LIMIT, "{}'s cart is full", cart.owner);
        cart.products.push(N::name(&item.product));
        Ok(())
    }

    #[command_handler]
    fn get_cart(&self) -> pb::Contents {
        pb::Contents {
            products: self.products.clone(),
        }
    }

    #[snapshot]
    fn save(&self) -> pb::Saved {
        pb::Saved {
            products: self.products.clone(),
        }
    }

    #[snapshot_handler]
    fn restore(&mut self, saved: pb::Saved) {
        self.products = saved.products;
    }
}

fn main() {
    let id = EntityId::new("ann");
    let mut cart = Cart::<Plain>::create(&id);
    let products = vec!["tea".into()];
    let stored = Cart::<Plain> {
        products,
        ..Cart::create(&id)
    };
    cart.load(&stored.store()).unwrap();
    assert_eq!((cart.products.len(), cart.owner.as_str()), (1, "ann"));
    assert_eq!(Loud::name("tea"), "TEA");
    for cloudstate in [
        Cloudstate::new().register::<Cart<Plain>>(),
        Cloudstate::new().register::<Cart<Loud, 3>>(),
    ] {
        assert!(cloudstate.into_user_function().is_ok());
    }
}
