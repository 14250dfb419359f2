use cloudstate::prelude::*;

#[path = "../desk.rs"]
mod pb;

#[action(service = pb::Desk)]
#[derive(Default)]
struct Desk;

#[handlers(partial)]
impl Desk {
    #[call_handler]
    fn ask(&self, note: pb::Note) -> Forward<pb::rpc::desk::Recite> {
        Forward::to(pb::Desk::Recite, note)
    }
}

fn main() {}
