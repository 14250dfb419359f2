use cloudstate::prelude::*;

#[path = "../shop.rs"]
mod pb;

#[event_sourced_entity(service = pb::Cart)]
#[derive(Default)]
struct Cart<E: Send + 'static> {
    last: Option<E>,
}

#[handlers(partial)]
impl<E: cloudstate::Payload + Send + 'static> Cart<E> {
    #[event_handler]
    fn happened(&mut self, event: E) {
        self.last = Some(event);
    }
}

fn main() {}
