//! The cart's contract over gRPC.

use tonic::{Request, Response, Status};

use crate::{
    pb::{AddLineItem, Cart, GetShoppingCart, RemoveLineItem, shopping_cart_server::ShoppingCart},
    workload,
};

/// Every cart is full.
#[derive(Debug)]
pub(super) struct EchoedCart(Cart);

impl Default for EchoedCart {
    fn default() -> Self {
        Self(workload::full_cart(1))
    }
}

#[tonic::async_trait]
impl ShoppingCart for EchoedCart {
    async fn add_item(&self, _: Request<AddLineItem>) -> Result<Response<()>, Status> {
        Ok(Response::new(()))
    }

    async fn remove_item(&self, _: Request<RemoveLineItem>) -> Result<Response<()>, Status> {
        Ok(Response::new(()))
    }

    async fn get_cart(&self, _: Request<GetShoppingCart>) -> Result<Response<Cart>, Status> {
        Ok(Response::new(self.0.clone()))
    }
}
