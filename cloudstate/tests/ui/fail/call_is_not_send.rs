use cloudstate::prelude::*;

#[path = "../desk.rs"]
mod pb;

#[action(service = pb::Desk)]
#[derive(Default)]
struct Desk;

#[handlers(partial)]
impl Desk {
    #[call_handler]
    async fn ask(&self, note: pb::Note) -> pb::Note {
        let kept = std::rc::Rc::new(note);
        std::future::ready(()).await;
        (*kept).clone()
    }
}

fn main() {}
