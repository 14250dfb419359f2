#![deny(warnings, missing_docs, missing_debug_implementations, rust_2018_idioms, unused_qualifications)]
//! A crate with strict lints.

use std::sync::{Arc, Mutex};

use cloudstate::prelude::*;

mod pb {
    #![allow(missing_docs)]
    include!("../desk.rs");
}

/// Generic, and not called by the names that our code uses.
#[action(service = pb::Desk)]
#[derive(Debug, Default)]
struct Desk<T: Send + Sync + 'static> {
    kept: Arc<Mutex<Vec<T>>>,
}

#[handlers(partial)]
impl<T: Clone + Default + Send + Sync + 'static> Desk<T> {
    #[call_handler]
    async fn ask(&self, mut __call: pb::Note) -> pb::Note {
        self.kept.lock().unwrap().push(T::default());
        __call.text.push('!');
        __call
    }

    #[cfg(any())]
    #[call_handler]
    fn recite(&self) -> Nothing {}
}

fn main() {
    let _service = cloudstate::Cloudstate::new().register_action(Desk::<u64>::default());
}
