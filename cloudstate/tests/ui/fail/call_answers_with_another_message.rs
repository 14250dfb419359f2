use cloudstate::prelude::*;

#[path = "../desk.rs"]
mod pb;

#[action(service = pb::Desk)]
#[derive(Default)]
struct Desk;

#[handlers(partial)]
impl Desk {
    #[call_handler]
    async fn ask(&self, _note: pb::Note) -> Result<pb::Count, Failure> {
        Ok(pb::Count::default())
    }
}

fn main() {}
