//! Two versions of a program and one journal: what the first has stored is what the second begins with.

use std::{future::pending, path::Path, sync::Arc};

use clap::{Args, Command, FromArgMatches};
use cloudstate::{Cloudstate, prelude::*, testing::Service};
use cloudstate_proxy::{Proxy, Settings, user_function::remote::RemoteUserFunction};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tonic::{client::Grpc, transport::Channel};

mod pb {
    include!("../ui/shop.rs");
}

/// As the first version of the program has it: events are JSON, snapshots are texts.
mod first {
    use super::*;

    #[derive(Serialize, Deserialize, Json)]
    #[json(name = "added")]
    pub(super) struct Added {
        pub(super) name: String,
    }

    #[event_sourced_entity(
        service = pb::Cart, persistence_id = "cart", snapshot_every = 2, register = false
    )]
    #[derive(Default)]
    pub(super) struct Cart {
        names: Vec<String>,
    }

    #[handlers]
    impl Cart {
        #[command_handler]
        fn add_item(cart: &mut Context<Self>, item: pb::AddItem) {
            cart.emit(Added { name: item.product });
        }

        #[command_handler]
        fn get_cart(&self) -> pb::Contents {
            let products = self.names.clone();
            pb::Contents { products }
        }

        #[event_handler]
        fn added(&mut self, event: Added) {
            self.names.push(event.name);
        }

        #[snapshot]
        fn save(&self) -> String {
            self.names.join(",")
        }

        #[snapshot_handler]
        fn restore(&mut self, saved: String) {
            self.names = saved.split(',').map(str::to_owned).collect();
        }
    }
}

/// The second version: events are messages, with an upcaster; snapshots are messages, without one.
mod second {
    use super::*;

    #[event_sourced_entity(
        extern_service = pb::Cart, persistence_id = "cart", snapshot_every = 2, register = false
    )]
    #[derive(Default)]
    pub(super) struct Cart {
        products: Vec<String>,
    }

    #[handlers]
    impl Cart {
        #[command_handler]
        fn add_item(cart: &mut Context<Self>, item: pb::AddItem) {
            let product = item.product;
            cart.emit(pb::ItemAdded { product });
        }

        #[command_handler]
        fn get_cart(&self) -> pb::Contents {
            let products = self.products.clone();
            pb::Contents { products }
        }

        #[event_handler]
        fn added(&mut self, event: pb::ItemAdded) {
            self.products.push(event.product);
        }

        #[upcaster]
        fn as_message(old: first::Added) -> pb::ItemAdded {
            pb::ItemAdded {
                product: old.name.to_uppercase(),
            }
        }

        #[snapshot]
        fn save(&self) -> pb::Saved {
            let products = self.products.clone();
            pb::Saved { products }
        }

        #[snapshot_handler]
        fn restore(&mut self, saved: pb::Saved) {
            self.products = saved.products;
        }
    }
}

fn add(product: &str) -> pb::AddItem {
    pb::AddItem {
        cart: "c".into(),
        product: product.into(),
    }
}

fn get() -> pb::GetCart {
    pb::GetCart { cart: "c".into() }
}

/// What the first version leaves behind: three events, and a snapshot of the first two.
async fn leave_behind(directory: &Path) {
    let service = Cloudstate::new().register::<first::Cart>();
    let service = Service::start_in(service, directory).await;
    for product in ["tea", "milk", "salt"] {
        service.call(pb::Cart::AddItem, add(product)).await.unwrap();
    }
    service.stop().await;
}

const EVERYTHING: [&str; 4] = ["TEA", "MILK", "SALT", "rye"];

#[tokio::test]
async fn a_snapshot_of_an_older_type_is_skipped_and_older_events_are_upcast() {
    let directory = tempfile::tempdir().unwrap();
    leave_behind(directory.path()).await;
    let service = Cloudstate::new().register::<second::Cart>();
    let mut service = Service::start_in(service, directory.path()).await;
    // The fourth event, and with it a snapshot that this version can read.
    service.call(pb::Cart::AddItem, add("rye")).await.unwrap();
    for _ in 0..2 {
        let contents = service.call(pb::Cart::GetCart, get()).await.unwrap();
        assert_eq!(contents.products, EVERYTHING);
        service.restart().await;
    }
    service.stop().await;
}

#[tokio::test]
async fn the_same_holds_where_the_entity_is_behind_a_proxy_of_another_process() {
    let directory = tempfile::tempdir().unwrap();
    leave_behind(directory.path()).await;
    let user_function = Cloudstate::new()
        .register::<second::Cart>()
        .into_user_function()
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(user_function.serve(listener, pending()));
    let remote = RemoteUserFunction::new("127.0.0.1", port, 1 << 20, true).unwrap();
    let directory = directory.path().to_str().unwrap();
    let matches = Settings::augment_args(Command::new("test")).get_matches_from([
        "test",
        "--http-port=0",
        "--metrics-port=off",
        "--store",
        directory,
    ]);
    let settings = Settings::from_arg_matches(&matches).unwrap();
    let proxy = Proxy::start(Arc::new(remote), &settings).await.unwrap();
    let channel = Channel::from_shared(format!("http://{}", proxy.address()))
        .unwrap()
        .connect()
        .await
        .unwrap();
    let mut client = Grpc::new(channel);
    client.ready().await.unwrap();
    let codec = tonic_prost::ProstCodec::<pb::AddItem, ()>::default();
    let path = "/shop.Cart/AddItem".parse().unwrap();
    let request = tonic::Request::new(add("rye"));
    client.unary(request, path, codec).await.unwrap();
    client.ready().await.unwrap();
    let codec = tonic_prost::ProstCodec::<pb::GetCart, pb::Contents>::default();
    let path = "/shop.Cart/GetCart".parse().unwrap();
    let request = tonic::Request::new(get());
    let contents = client.unary(request, path, codec).await.unwrap();
    assert_eq!(contents.into_inner().products, EVERYTHING);
    proxy.stop().await.unwrap();
}

#[tokio::test]
async fn what_no_handler_and_no_upcaster_takes_fails_its_calls_and_is_not_lost() {
    let directory = tempfile::tempdir().unwrap();
    let service = Cloudstate::new().register::<second::Cart>();
    let service = Service::start_in(service, directory.path()).await;
    service.call(pb::Cart::AddItem, add("tea")).await.unwrap();
    service.stop().await;

    let service = Cloudstate::new().register::<first::Cart>();
    let service = Service::start_in(service, directory.path()).await;
    let error = service.call(pb::Cart::GetCart, get()).await.unwrap_err();
    assert_eq!(error.message(), "Unexpected entity failure");
    service.stop().await;

    let service = Cloudstate::new().register::<second::Cart>();
    let service = Service::start_in(service, directory.path()).await;
    let contents = service.call(pb::Cart::GetCart, get()).await.unwrap();
    assert_eq!(contents.products, ["tea"]);
    service.stop().await;
}
