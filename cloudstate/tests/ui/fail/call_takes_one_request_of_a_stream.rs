use cloudstate::prelude::*;

#[path = "../desk.rs"]
mod pb;

#[action(service = pb::Desk)]
#[derive(Default)]
struct Desk;

#[handlers(partial)]
impl Desk {
    #[call_handler]
    async fn collect(&self, _note: pb::Note) -> pb::Count {
        pb::Count::default()
    }
}

fn main() {}
