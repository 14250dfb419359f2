//! A program under test: replicated sets, as large as a benchmark wants them.

use cloudstate::{crdt::ORSet, prelude::*};

mod pb {
    cloudstate::include_proto!("com.example.tags");
}

/// A set of tags.
#[crdt_entity(service = pb::Tags)]
#[derive(Default)]
struct TagSet {
    tags: ORSet<String>,
}

#[handlers]
impl TagSet {
    #[command_handler]
    fn put(set: &mut Context<Self>, tag: pb::Tag) {
        set.tags.insert(tag.name);
    }

    #[command_handler]
    fn remove(set: &mut Context<Self>, tag: pb::Tag) {
        set.tags.remove(&tag.name);
    }

    #[command_handler]
    fn count(&self) -> pb::Size {
        pb::Size {
            tags: i64::try_from(self.tags.len()).unwrap_or(i64::MAX),
        }
    }
}

#[tokio::main]
async fn main() -> cloudstate::Result<()> {
    cloudstate::run().await
}
