//! Parcels on their way: what happens to one is told to others, by the log of its events and by a topic.

use cloudstate::prelude::*;

mod pb {
    cloudstate::include_proto!("com.example.parcels");
}

/// A parcel. Its `.proto` says that what `Record` answers is published: in the commit of the event, or not at all.
#[event_sourced_entity(service = pb::Parcels, persistence_id = "parcel")]
#[derive(Default)]
struct Parcel {
    scans: u32,
}

#[handlers]
impl Parcel {
    #[command_handler]
    fn record(parcel: &mut Context<Self>, seen: pb::Sighting) -> Result<pb::Scan, Failure> {
        let pb::Sighting { parcel_id, place } = seen;
        ensure!(!place.is_empty(), "where was it?");
        parcel.emit(pb::Scanned {
            place: place.clone(),
        });
        let number = parcel.scans;
        Ok(pb::Scan {
            parcel_id,
            number,
            place,
        })
    }

    #[event_handler]
    fn scanned(&mut self, _: pb::Scanned) {
        self.scans += 1;
    }
}

/// Is told of the events of all parcels, each at least once and in order, and enters them into the depots' books.
#[action(service = pb::Clerk)]
#[derive(Default)]
struct Clerk;

#[handlers]
impl Clerk {
    /// The CloudEvent beside an event has its position in the journal, and whose it is.
    #[call_handler]
    fn on_scanned(
        &self,
        event: pb::Scanned,
        about: Option<CloudEvent>,
    ) -> Result<Forward<pb::rpc::books::Enter>, Failure> {
        let position = about.and_then(|about| about.id.parse().ok());
        let position = position.ok_or_else(|| Failure::new("an event without its position"))?;
        let place = event.place;
        Ok(Forward::to(pb::Books::Enter, pb::Entry { place, position }))
    }
}

/// A depot's books. An event that comes again is known by its position: that suffices where everything comes in order.
#[value_entity(service = pb::Books, persistence_id = "depot")]
#[derive(Default)]
struct Books(pb::Traffic);

#[handlers]
impl Books {
    #[command_handler]
    fn enter(books: &mut Context<Self>, entry: pb::Entry) -> pb::Traffic {
        if entry.position > books.0.last_position {
            books.0.last_position = entry.position;
            books.0.scans += 1;
        }
        books.0
    }

    #[command_handler]
    fn read(&self) -> pb::Traffic {
        self.0
    }

    #[snapshot]
    fn save(&self) -> pb::Traffic {
        self.0
    }

    #[snapshot_handler]
    fn restore(&mut self, saved: pb::Traffic) {
        self.0 = saved;
    }
}

/// Is told of what is published to `scans`, whoever publishes it, and tells the customers.
#[action(service = pb::Notifier)]
#[derive(Default)]
struct Notifier;

#[handlers]
impl Notifier {
    /// A scan that it fails over comes again, a few times; then it is kept as a dead letter, and the next one comes.
    #[call_handler]
    fn on_scan(&self, scan: pb::Scan) -> Result<Forward<pb::rpc::tracks::Add>, Failure> {
        ensure!(scan.place != "?", "nobody can tell where that is");
        Ok(Forward::to(pb::Tracks::Add, scan))
    }
}

/// What a customer sees of a parcel.
#[value_entity(service = pb::Tracks, persistence_id = "track")]
#[derive(Default)]
struct Track(Vec<pb::Scan>);

#[handlers]
impl Track {
    #[command_handler]
    fn add(track: &mut Context<Self>, scan: pb::Scan) -> pb::Track {
        let is_new = |last: &pb::Scan| scan.number > last.number;
        if track.0.last().is_none_or(is_new) {
            track.0.push(scan);
        }
        track.save()
    }

    #[command_handler]
    fn read(&self) -> pb::Track {
        self.save()
    }

    #[snapshot]
    fn save(&self) -> pb::Track {
        let scans = self.0.clone();
        pb::Track { scans }
    }

    #[snapshot_handler]
    fn restore(&mut self, saved: pb::Track) {
        self.0 = saved.scans;
    }
}

#[tokio::main]
async fn main() -> cloudstate::Result<()> {
    cloudstate::run().await
}
