//! A message of the user's may have the name of a type of the library.

use cloudstate::{Handles, prelude::*};

#[path = "../shop.rs"]
mod pb;

mod mine {
    macro_rules! message {
        ($name:ident) => {
            #[derive(Clone, PartialEq, prost::Message)]
            pub struct $name {
                #[prost(string, tag = "1")]
                pub text: String,
            }

            impl prost::Name for $name {
                const NAME: &'static str = stringify!($name);
                const PACKAGE: &'static str = "mine";
            }
        };
    }
    message!(EntityId);
    message!(EventContext);
}

#[event_sourced_entity(service = pb::Cart)]
#[derive(Default)]
struct Cart {
    seen: Vec<String>,
}

#[handlers(partial)]
impl Cart {
    #[event_handler]
    fn linked(&mut self, id: &cloudstate::EntityId, event: mine::EntityId) {
        self.seen.push(format!("{id} {}", event.text));
    }

    #[event_handler]
    fn explained(&mut self, event: mine::EventContext, context: EventContext<'_>) {
        self.seen.push(format!("{} {}", context.sequence(), event.text));
    }
}

fn main() {
    let url = <Cart as Handles<mine::EntityId>>::type_url();
    assert_eq!(&**url, "type.googleapis.com/mine.EntityId");
    let url = <Cart as Handles<mine::EventContext>>::type_url();
    assert_eq!(&**url, "type.googleapis.com/mine.EventContext");
}
