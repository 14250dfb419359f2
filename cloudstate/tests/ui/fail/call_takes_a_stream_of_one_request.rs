use cloudstate::prelude::*;

#[path = "../desk.rs"]
mod pb;

#[action(service = pb::Desk)]
#[derive(Default)]
struct Desk;

#[handlers(partial)]
impl Desk {
    #[call_handler]
    async fn ask(&self, mut notes: Incoming<pb::Note>) -> pb::Note {
        notes.next().await.unwrap_or_default()
    }
}

fn main() {}
