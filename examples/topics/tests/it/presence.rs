//! Guests see each other come and go, over gRPC and over HTTP.

use end_to_end::{Client, Program, Responses};
use serde_json::json;

mod pb {
    cloudstate::include_proto!("com.example.presence");
}

fn program() -> Program {
    // A refusal is the answer to a call, however busy the machine is, and not the end of a stream that has begun.
    Program::new(env!("CARGO_BIN_EXE_presence")).env("CLOUDSTATE_STREAM_HEAD_WAIT", "1m")
}

fn visit(guest: &str) -> pb::Visit {
    pb::Visit {
        room: "kitchen".into(),
        guest: guest.into(),
    }
}

async fn enter(client: &Client, guest: &str) -> Responses<pb::Guests> {
    let entered = client.watch(pb::Presence::Enter, visit(guest)).await;
    entered.unwrap()
}

fn guests(names: &[&str]) -> pb::Guests {
    let names = names.iter().map(|&name| name.into()).collect();
    pb::Guests { names }
}

#[tokio::test]
async fn guests_come_and_go() {
    let running = program().start();
    let grpc = running.grpc().await;

    let mut alice = enter(&grpc, "alice").await;
    assert_eq!(alice.next().await.unwrap(), Some(guests(&["alice"])));
    let mut bob = enter(&grpc, "bob").await;
    assert_eq!(bob.next().await.unwrap(), Some(guests(&["alice", "bob"])));
    assert_eq!(alice.next().await.unwrap(), Some(guests(&["alice", "bob"])));
    let room = running.http().get("/rooms/kitchen").await;
    assert_eq!(room.json(), json!({"names": ["alice", "bob"]}));

    // Two of a name: refused, and nobody else notices.
    let refused = grpc.watch(pb::Presence::Enter, visit("bob")).await;
    assert_eq!(refused.unwrap_err().message(), "bob is here already");

    // Bob's call ends, so Bob leaves.
    drop(bob);
    assert_eq!(alice.next().await.unwrap(), Some(guests(&["alice"])));
}
