//! Mistakes that SDKs for other languages have made, and that only a running entity could show.

use std::collections::HashSet;

use cloudstate::{Cloudstate, UserFunction, prelude::*, testing::EventSourcedTest};
use prost::Message;

mod pb {
    include!("../ui/shop.rs");
}

mod desk {
    include!("../ui/desk.rs");
}

/// Remembers the numbers of its events, as their handler sees them.
#[event_sourced_entity(service = pb::Cart, snapshot_every = 3, register = false)]
#[derive(Default)]
struct Numbered {
    numbers: Vec<String>,
}

#[handlers]
impl Numbered {
    /// An event per word.
    #[command_handler]
    fn add_item(cart: &mut Context<Self>, item: pb::AddItem) -> Result<(), Failure> {
        for word in item.product.split_whitespace() {
            ensure!(word != "fail", "as told");
            let product = word.to_owned();
            cart.emit(pb::ItemAdded { product });
        }
        Ok(())
    }

    #[command_handler]
    fn get_cart(&self) -> pb::Contents {
        let products = self.numbers.clone();
        pb::Contents { products }
    }

    #[event_handler]
    fn item_added(&mut self, id: EntityId, context: EventContext<'_>, event: pb::ItemAdded) {
        let number = context.sequence();
        self.numbers
            .push(format!("{id} {number} {}", event.product));
    }

    #[snapshot]
    fn save(&self) -> pb::Saved {
        pb::Saved {
            products: self.numbers.clone(),
        }
    }

    #[snapshot_handler]
    fn restore(&mut self, saved: pb::Saved) {
        self.numbers = saved.products;
    }
}

/// One message is what two rpcs take, what is emitted, what is saved and what is replied.
#[event_sourced_entity(service = desk::Mailroom, snapshot_every = 2, register = false)]
#[derive(Default)]
struct Letter {
    text: String,
}

#[handlers(partial)]
impl Letter {
    #[command_handler]
    fn file(letter: &mut Context<Self>, note: desk::Note) {
        letter.emit(note);
    }

    #[command_handler]
    fn post(&self, note: desk::Note) -> desk::Note {
        let text = format!("{}: {}", note.text, self.text);
        desk::Note { text }
    }

    #[event_handler]
    fn filed(&mut self, note: desk::Note) {
        self.text.push_str(&note.text);
    }

    #[snapshot]
    fn save(&self) -> desk::Note {
        let text = self.text.to_uppercase();
        desk::Note { text }
    }

    #[snapshot_handler]
    fn restore(&mut self, note: desk::Note) {
        self.text = note.text;
    }
}

#[test]
fn one_message_may_have_every_part() {
    let note = |text: &str| desk::Note { text: text.into() };
    let mut letter = EventSourcedTest::<Letter>::new("1").given_snapshot(note("DEAR "), 6);
    let filed = letter.command(desk::Mailroom::File, note("a"));
    assert_eq!(filed.events(), [note("a")]);
    let filed = letter.command(desk::Mailroom::File, note("b"));
    assert_eq!(filed.events(), [note("b")]);
    assert_eq!(*filed.snapshot().unwrap(), note("DEAR AB"));
    let posted = letter.command(desk::Mailroom::Post, note("ann"));
    assert_eq!(posted.reply(), &note("ann: DEAR AB"));
    assert!(posted.events().is_empty());
}

fn shop_and_desk() -> UserFunction {
    Cloudstate::new()
        .register::<Numbered>()
        .register::<Letter>()
        .into_user_function()
        .unwrap()
}

#[test]
fn descriptors_are_complete_and_no_file_is_there_twice() {
    let spec = shop_and_desk().spec().clone();
    let files = prost_types::FileDescriptorSet::decode(spec.proto).unwrap();
    let mut known = HashSet::new();
    for file in &files.file {
        for import in &file.dependency {
            assert!(
                known.contains(import),
                "{import} stands behind {}",
                file.name()
            );
        }
        let is_new = known.insert(file.name().to_owned());
        assert!(is_new, "{} is there twice", file.name());
    }
    // Both services import it.
    assert!(known.contains("google/protobuf/empty.proto"));
}

#[cfg(feature = "embedded")]
mod behind_a_port {
    use cloudstate::{crdt::ORSet, testing::Service};

    use super::*;

    fn add(product: &str) -> pb::AddItem {
        pb::AddItem {
            cart: "c".into(),
            product: product.into(),
        }
    }

    fn get() -> pb::GetCart {
        pb::GetCart { cart: "c".into() }
    }

    /// Adds these products, and says what the entity, which stays in memory, knows then.
    async fn numbers(service: &Service, words: &str) -> Vec<String> {
        let added = service.call(pb::Cart::AddItem, add(words)).await;
        assert_eq!(added.is_err(), words.contains("fail"), "{words}");
        service
            .call(pb::Cart::GetCart, get())
            .await
            .unwrap()
            .products
    }

    #[tokio::test]
    async fn an_event_has_its_own_number_wherever_it_is_applied() {
        let directory = tempfile::tempdir().unwrap();
        let service = Cloudstate::new().register::<Numbered>();
        let mut service = Service::start_in(service, directory.path()).await;
        let all = [
            "c 1 a", "c 2 b", "c 3 c", "c 4 d", "c 5 e", "c 6 f", "c 7 g",
        ];
        assert_eq!(numbers(&service, "a").await, all[..1]);
        assert_eq!(numbers(&service, "b").await, all[..2]);
        assert_eq!(numbers(&service, "").await, all[..2]);
        assert_eq!(numbers(&service, "c d").await, all[..4]);
        // What a failed command emitted has no number.
        assert_eq!(numbers(&service, "x y fail").await, all[..4]);
        assert_eq!(numbers(&service, "e").await, all[..5]);
        service.restart().await;
        assert_eq!(numbers(&service, "f").await, all[..6]);
        assert_eq!(numbers(&service, "g").await, all);
    }

    /// Its content is replaced by each command, perhaps by an empty text.
    #[event_sourced_entity(extern_service = pb::Cart, persistence_id = "label", snapshot_every = 1, register = false)]
    #[derive(Default)]
    struct EventSourcedLabel {
        text: Option<String>,
    }

    #[handlers]
    impl EventSourcedLabel {
        #[command_handler]
        fn add_item(label: &mut Context<Self>, item: pb::AddItem) {
            label.emit(item.product);
        }

        #[command_handler]
        fn get_cart(&self) -> pb::Contents {
            let products = self.text.iter().cloned().collect();
            pb::Contents { products }
        }

        #[event_handler]
        fn replaced(&mut self, text: String) {
            self.text = Some(text);
        }

        #[snapshot]
        fn save(&self) -> String {
            self.text.clone().unwrap_or_default()
        }

        #[snapshot_handler]
        fn restore(&mut self, text: String) {
            self.text = Some(text);
        }
    }

    #[value_entity(extern_service = pb::Cart, persistence_id = "label", register = false)]
    #[derive(Default)]
    struct ValueLabel {
        text: Option<String>,
    }

    #[handlers]
    impl ValueLabel {
        #[command_handler]
        fn add_item(label: &mut Context<Self>, item: pb::AddItem) {
            label.text = Some(item.product);
        }

        #[command_handler]
        fn get_cart(&self) -> pb::Contents {
            let products = self.text.iter().cloned().collect();
            pb::Contents { products }
        }

        #[snapshot]
        fn save(&self) -> String {
            self.text.clone().unwrap_or_default()
        }

        #[snapshot_handler]
        fn restore(&mut self, text: String) {
            self.text = Some(text);
        }
    }

    #[crdt_entity(extern_service = pb::Cart, register = false)]
    #[derive(Default)]
    struct CrdtLabel {
        texts: ORSet<String>,
    }

    #[handlers]
    impl CrdtLabel {
        #[command_handler]
        fn add_item(label: &mut Context<Self>, item: pb::AddItem) {
            label.texts.clear();
            label.texts.insert(item.product);
        }

        #[command_handler]
        fn get_cart(&self) -> pb::Contents {
            let products = self.texts.iter().cloned().collect();
            pb::Contents { products }
        }
    }

    async fn keeps_what_is_empty(label: Cloudstate) {
        let directory = tempfile::tempdir().unwrap();
        let mut service = Service::start_in(label, directory.path()).await;
        let contents = service.call(pb::Cart::GetCart, get()).await.unwrap();
        assert_eq!(contents.products, [""; 0]);
        for product in ["full", ""] {
            service.call(pb::Cart::AddItem, add(product)).await.unwrap();
            for _ in 0..2 {
                let contents = service.call(pb::Cart::GetCart, get()).await.unwrap();
                assert_eq!(contents.products, [product]);
                service.restart().await;
            }
        }
        service.stop().await;
    }

    /// An empty text has no bytes at all.
    #[tokio::test]
    async fn what_is_empty_is_stored_as_anything_else() {
        keeps_what_is_empty(Cloudstate::new().register::<EventSourcedLabel>()).await;
        keeps_what_is_empty(Cloudstate::new().register::<ValueLabel>()).await;
        keeps_what_is_empty(Cloudstate::new().register::<CrdtLabel>()).await;
    }
}
