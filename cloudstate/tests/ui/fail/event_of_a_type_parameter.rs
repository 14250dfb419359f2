use std::marker::PhantomData;

use cloudstate::{EventSourcedEntity, Payload, prelude::*};

#[path = "../shop.rs"]
mod pb;

#[event_sourced_entity(service = pb::Cart)]
struct Log<V: Send + 'static>(PhantomData<V>);

#[handlers(partial)]
impl<V: Payload + Send + 'static> Log<V>
where
    Self: EventSourcedEntity,
{
    #[event_handler]
    fn happened(&mut self, _event: V) {}
}

fn main() {}
