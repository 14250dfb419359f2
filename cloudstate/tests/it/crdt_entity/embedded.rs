//! CRDT entities in a whole service: clients, proxy and store.

use std::time::Duration;

use cloudstate::testing::Service;
use tokio::time::timeout;
use tonic::{Code, Streaming};

use super::rooms::{cloudstate, pb, shop};

/// How long a test waits for something that should happen at once.
const SOON: Duration = Duration::from_secs(10);

fn visit(guest: &str) -> pb::Visit {
    pb::Visit {
        room: "blue".into(),
        guest: guest.into(),
    }
}

async fn next(stream: &mut Streaming<pb::Guests>) -> Vec<String> {
    let message = timeout(SOON, stream.message()).await;
    let message = message.expect("a message comes soon").unwrap();
    message.expect("the stream goes on").names
}

async fn present(service: &Service) -> Vec<String> {
    let look = service.call(pb::Presence::Look, visit(""));
    look.await.unwrap().names
}

#[tokio::test]
async fn guests_come_and_go_while_others_watch() {
    let service = Service::start(cloudstate()).await;
    let enter = |guest| service.stream(pb::Presence::Enter, visit(guest));
    let mut ada = enter("+ada cancel=-ada").await.unwrap();
    assert_eq!(next(&mut ada).await, ["ada"]);
    let mut bob = enter("+bob cancel=-bob").await.unwrap();
    assert_eq!(next(&mut bob).await, ["ada", "bob"]);
    assert_eq!(next(&mut ada).await, ["ada", "bob"]);
    assert_eq!(present(&service).await, ["ada", "bob"]);
    drop(bob);
    assert_eq!(next(&mut ada).await, ["ada"]);
    let refused = service.call(pb::Presence::Leave, visit("+eve fail"));
    assert_eq!(refused.await.unwrap_err().message(), "expected failure");
    assert_eq!(present(&service).await, ["ada"]);
}

#[tokio::test]
async fn a_room_is_there_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let mut service = Service::start_in(cloudstate(), directory.path()).await;
    for change in ["+ada +bob", "-ada +cid"] {
        let leave = service.call(pb::Presence::Leave, visit(change));
        leave.await.unwrap();
    }
    let mut watching = service
        .stream(pb::Presence::Enter, visit("+dan cancel=-dan"))
        .await
        .unwrap();
    assert_eq!(next(&mut watching).await, ["bob", "cid", "dan"]);
    // Whoever is there when the service stops has gone when it is back.
    service.restart().await;
    assert!(watching.message().await.is_err());
    assert_eq!(present(&service).await, ["bob", "cid"]);
    let item = |product: &str| shop::AddItem {
        cart: "title".into(),
        product: product.into(),
    };
    for title in ["first", "second"] {
        let add = service.call(shop::Cart::AddItem, item(title));
        add.await.unwrap();
    }
    service.restart().await;
    let request = shop::GetCart {
        cart: "title".into(),
    };
    let contents = service.call(shop::Cart::GetCart, request).await.unwrap();
    assert_eq!(contents.products, ["second"]);
}

#[tokio::test]
async fn a_deleted_room_stays_deleted() {
    let directory = tempfile::tempdir().unwrap();
    let mut service = Service::start_in(cloudstate(), directory.path()).await;
    let leave = service.call(pb::Presence::Leave, visit("+ada"));
    leave.await.unwrap();
    let delete = service.call(pb::Presence::Leave, visit("delete"));
    delete.await.unwrap();
    for _ in 0..2 {
        let look = service.call(pb::Presence::Look, visit(""));
        let refused = look.await.unwrap_err();
        assert_eq!(refused.code(), Code::NotFound);
        assert_eq!(refused.message(), "Entity deleted");
        service.restart().await;
    }
}

/// On one thread everybody waits for everybody: a watcher that is cut off here was not slow.
#[tokio::test]
async fn many_watch_a_busy_room() {
    const WATCHERS: usize = 20;
    const CHANGES: usize = 150;
    let service = Service::start(cloudstate()).await;
    let mut watchers = Vec::new();
    for _ in 0..WATCHERS {
        let mut watcher = service
            .stream(pb::Presence::Enter, visit(&format!("until={CHANGES}")))
            .await
            .unwrap();
        assert_eq!(next(&mut watcher).await, [""; 0]);
        watchers.push(tokio::spawn(async move {
            let (mut heard, mut last) = (0, 0);
            while let Some(guests) = watcher.message().await.unwrap() {
                assert!(guests.names.len() > last, "each change is heard once");
                last = guests.names.len();
                heard += 1;
            }
            (heard, last)
        }));
    }
    let changes = (0..CHANGES).map(|number| {
        let leave = service.call(pb::Presence::Leave, visit(&format!("+{number}")));
        async move { leave.await.map(drop) }
    });
    for result in futures_util::future::join_all(changes).await {
        result.unwrap();
    }
    for watcher in watchers {
        let heard = timeout(SOON, watcher)
            .await
            .expect("the last is heard soon");
        assert_eq!(heard.unwrap(), (CHANGES, CHANGES));
    }
}
