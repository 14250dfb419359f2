use cloudstate::prelude::*;

#[path = "../desk.rs"]
mod pb;

#[action(service = pb::Desk)]
#[derive(Default)]
struct Desk;

#[handlers(partial)]
impl Desk {
    #[call_handler]
    fn ask(&self, note: pb::Note) -> Forward<pb::rpc::mailroom::File> {
        Forward::to(pb::Mailroom::File, note)
    }
}

fn main() {}
