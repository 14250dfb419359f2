//! The test kit of whole services.

use cloudstate::{Cloudstate, prelude::*, testing::Service};
use tonic::{Code, Request};

mod pb {
    include!("../ui/shop.rs");
}

#[event_sourced_entity(service = pb::Cart, register = false)]
#[derive(Default)]
struct Cart {
    products: Vec<String>,
}

#[handlers]
impl Cart {
    #[command_handler]
    fn add_item(
        cart: &mut Context<Self>,
        item: pb::AddItem,
        metadata: Metadata,
    ) -> Result<(), Failure> {
        ensure!(!item.product.is_empty(), "which product?");
        let caller = metadata.get("x-caller").unwrap_or("nobody");
        let product = format!("{} of {caller}", item.product);
        cart.emit(pb::ItemAdded { product });
        Ok(())
    }

    #[command_handler]
    fn get_cart(&self) -> pb::Contents {
        let products = self.products.clone();
        pb::Contents { products }
    }

    #[event_handler]
    fn item_added(&mut self, event: pb::ItemAdded) {
        self.products.push(event.product);
    }
}

fn add(product: &str) -> pb::AddItem {
    pb::AddItem {
        cart: "c".into(),
        product: product.into(),
    }
}

async fn products(service: &Service) -> Vec<String> {
    let get = pb::GetCart { cart: "c".into() };
    service.call(pb::Cart::GetCart, get).await.unwrap().products
}

#[tokio::test]
async fn a_service_answers_over_grpc_and_http() {
    let service = Service::start(Cloudstate::new().register::<Cart>()).await;
    let mut request = Request::new(add("tea"));
    request
        .metadata_mut()
        .insert("x-caller", "me".parse().unwrap());
    service.call(pb::Cart::AddItem, request).await.unwrap();
    let error = service.call(pb::Cart::AddItem, add("")).await.unwrap_err();
    assert_eq!(
        (error.code(), error.message()),
        (Code::Unknown, "which product?")
    );

    let answer = service
        .http("POST", "/shop.Cart/GetCart", r#"{"cart":"c"}"#)
        .await;
    let answer = answer.unwrap();
    assert_eq!(
        (answer.status, &*answer.body),
        (200, r#"{"products":["tea of me"]}"#)
    );
    let answer = service.http("GET", "/nowhere", "").await.unwrap();
    assert_eq!(answer.status, 404);
    service.stop().await;
}

#[tokio::test]
async fn a_directory_keeps_what_memory_forgets() {
    let directory = tempfile::tempdir().unwrap();
    let cloudstate = Cloudstate::new().register::<Cart>();
    let mut durable = Service::start_in(cloudstate.clone(), directory.path()).await;
    let mut forgetful = Service::start(cloudstate).await;
    assert_ne!(durable.address(), forgetful.address());
    for service in [&mut durable, &mut forgetful] {
        service.call(pb::Cart::AddItem, add("tea")).await.unwrap();
        service.restart().await;
    }
    assert_eq!(products(&durable).await, ["tea of nobody"]);
    assert!(products(&forgetful).await.is_empty());
}

#[tokio::test]
async fn a_stopped_service_makes_room_for_another_on_its_directory() {
    let directory = tempfile::tempdir().unwrap();
    let cloudstate = Cloudstate::new().register::<Cart>();
    let service = Service::start_in(cloudstate.clone(), directory.path()).await;
    service.call(pb::Cart::AddItem, add("tea")).await.unwrap();
    service.stop().await;
    let service = Service::start_in(cloudstate, directory.path()).await;
    assert_eq!(products(&service).await, ["tea of nobody"]);
}

#[tokio::test]
#[should_panic(expected = "what is registered cannot be served")]
async fn a_service_without_entities_does_not_start() {
    Service::start(Cloudstate::new()).await;
}
