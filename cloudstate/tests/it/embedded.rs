//! The whole service in one process: what a handler does wrong is its own command's trouble, and leaves no trace.

use std::{net::SocketAddr, sync::Arc};

use clap::{Args, Command, FromArgMatches};
use cloudstate::{Cloudstate, Settings, prelude::*};
use cloudstate_proxy::Proxy;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

mod pb {
    include!("../ui/shop.rs");
}

/// Does what the product's name says.
#[event_sourced_entity(service = pb::Cart, persistence_id = "fragile", register = false)]
#[derive(Default)]
struct Fragile {
    products: Vec<String>,
}

#[handlers]
impl Fragile {
    #[command_handler]
    fn add_item(
        cart: &mut Context<Self>,
        item: pb::AddItem,
        metadata: Metadata,
    ) -> Result<(), Failure> {
        let word = item.product.clone();
        cart.emit(pb::ItemAdded {
            product: item.product,
        });
        ensure!(word != "fail", "added and failed");
        ensure!(
            metadata.get("host").is_none() && metadata.get("X-Caller") == Some("test"),
            "the caller's headers are there, and the transport's are not"
        );
        assert_ne!(word, "panic", "added and panicked");
        Ok(())
    }

    #[command_handler]
    fn get_cart(&self) -> pb::Contents {
        pb::Contents {
            products: self.products.clone(),
        }
    }

    #[event_handler]
    fn item_added(&mut self, event: pb::ItemAdded) {
        assert_ne!(event.product, "panic in the event handler");
        self.products.push(event.product);
    }
}

/// The same service again, by an entity that stores its state.
mod value {
    use cloudstate::prelude::*;

    mod pb {
        include!("../ui/shop.rs");
    }

    /// Does what the product's name says, too.
    #[value_entity(service = pb::Cart, persistence_id = "fragile-value", register = false, json)]
    #[derive(Default, serde::Serialize, serde::Deserialize)]
    pub(super) struct FragileValue {
        products: Vec<String>,
    }

    #[handlers]
    impl FragileValue {
        #[command_handler]
        fn add_item(cart: &mut Context<Self>, item: pb::AddItem) -> Result<(), Failure> {
            cart.products.push(item.product.clone());
            ensure!(item.product != "fail", "added and failed");
            assert!(!item.product.starts_with("panic"), "added and panicked");
            Ok(())
        }

        #[command_handler]
        fn get_cart(&self) -> pb::Contents {
            pb::Contents {
                products: self.products.clone(),
            }
        }
    }
}

struct Service {
    proxy: Proxy,
}

impl Service {
    async fn start(entities: Cloudstate, store: &str) -> Self {
        let flags = [
            "test",
            "--http-port=0",
            "--metrics-port=off",
            "--store",
            store,
        ];
        let matches = Settings::augment_args(Command::new("test")).get_matches_from(flags);
        let settings = Settings::from_arg_matches(&matches).unwrap();
        let service = entities.into_user_function().unwrap();
        let proxy = Proxy::start(Arc::new(service), &settings.proxy)
            .await
            .unwrap();
        Self { proxy }
    }

    async fn add(&self, cart: &str, product: &str) -> String {
        let body = format!(r#"{{"cart":"{cart}","product":"{product}"}}"#);
        post(self.proxy.address(), "/shop.Cart/AddItem", &body).await
    }

    async fn products(&self, cart: &str) -> String {
        post(
            self.proxy.address(),
            "/shop.Cart/GetCart",
            &format!(r#"{{"cart":"{cart}"}}"#),
        )
        .await
    }
}

/// The status and the body of the answer.
async fn post(address: SocketAddr, path: &str, body: &str) -> String {
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nx-caller: test\r\ncontent-type: application/json\r\nconnection: close\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut connection = TcpStream::connect(address).await.unwrap();
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    format!("{} {body}", head.split(' ').nth(1).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_goes_wrong_leaves_no_trace() {
    let defect = "Unexpected entity failure";
    no_trace(|| Cloudstate::new().register::<Fragile>(), defect).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_goes_wrong_leaves_no_trace_in_a_value() {
    let defect = "Unexpected Value entity failure";
    no_trace(
        || Cloudstate::new().register::<value::FragileValue>(),
        defect,
    )
    .await;
}

async fn no_trace(entities: impl Fn() -> Cloudstate, defect: &str) {
    let directory = tempfile::tempdir().unwrap();
    let store = directory.path().join("journal");
    let service = Service::start(entities(), store.to_str().unwrap()).await;
    assert_eq!(service.add("a", "tea").await, "200 {}");
    assert_eq!(service.add("a", "fail").await, "500 added and failed");
    for product in ["panic", "panic in the event handler"] {
        let answer = service.add("a", product).await;
        assert_eq!(
            answer,
            format!(r#"500 {{"code":"UNKNOWN","message":"{defect}"}}"#)
        );
    }
    assert_eq!(service.add("a", "pot").await, "200 {}");
    let contents = r#"200 {"products":["tea","pot"]}"#;
    assert_eq!(service.products("a").await, contents);
    service.proxy.stop().await.unwrap();

    // Nor is there one in the store.
    let service = Service::start(entities(), store.to_str().unwrap()).await;
    assert_eq!(service.products("a").await, contents);
    service.proxy.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn other_entities_and_waiting_commands_do_not_notice() {
    let entities = Cloudstate::new().register::<Fragile>();
    let service = Service::start(entities, "memory").await;
    let calls = (0..60).map(|number| {
        let (service, cart) = (&service, format!("cart-{}", number % 3));
        async move {
            let word = if number % 4 == 0 {
                "panic".to_owned()
            } else {
                format!("p{number}")
            };
            (number, cart.clone(), service.add(&cart, &word).await)
        }
    });
    let answers = futures_util::future::join_all(calls).await;
    for (number, _, answer) in &answers {
        let expected = if number % 4 == 0 { "500" } else { "200" };
        assert!(answer.starts_with(expected), "{number}: {answer}");
    }
    for cart in 0..3 {
        let contents = service.products(&format!("cart-{cart}")).await;
        let expected = (0..60).filter(|number| number % 3 == cart && number % 4 != 0);
        for number in expected.clone() {
            assert!(
                contents.contains(&format!("\"p{number}\"")),
                "{number} in {contents}"
            );
        }
        assert_eq!(
            contents.matches("\"p").count() - 1,
            expected.count(),
            "{contents}"
        );
    }
    service.proxy.stop().await.unwrap();
}
