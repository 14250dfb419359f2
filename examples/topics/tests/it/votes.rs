//! Votes count, are followed, and outlive `kill -9`.

use end_to_end::Program;
use serde_json::json;
use tempfile::tempdir;

mod pb {
    cloudstate::include_proto!("com.example.votes");
}

fn program() -> Program {
    Program::new(env!("CARGO_BIN_EXE_votes"))
}

fn standings(votes: &[(&str, i64)]) -> pb::Standings {
    let standing = |&(option, votes): &(&str, i64)| pb::Standing {
        option: option.into(),
        votes,
    };
    pb::Standings {
        standings: votes.iter().map(standing).collect(),
    }
}

#[tokio::test]
async fn votes_count_and_stay() {
    let store = tempdir().unwrap();
    let running = program().store(store.path()).start();
    let (grpc, http) = (running.grpc().await, running.http());
    let poll = || pb::Poll {
        poll: "drinks".into(),
    };

    let mut follow = grpc.watch(pb::Votes::Follow, poll()).await.unwrap();
    assert_eq!(follow.next().await.unwrap(), Some(standings(&[])));
    for (option, expected) in [
        ("tea", standings(&[("tea", 1)])),
        ("coffee", standings(&[("coffee", 1), ("tea", 1)])),
        ("tea", standings(&[("coffee", 1), ("tea", 2)])),
    ] {
        let ballot = pb::Ballot {
            poll: "drinks".into(),
            option: option.into(),
        };
        let cast = grpc.call(pb::Votes::Cast, ballot).await.unwrap();
        assert_eq!(cast, expected);
        assert_eq!(follow.next().await.unwrap(), Some(expected));
    }
    let withdrawn = http
        .send(http::Method::DELETE, "/polls/drinks/milk", None, "")
        .await;
    assert_eq!(
        (withdrawn.status, withdrawn.body.as_str()),
        (500, "nobody has voted for milk")
    );
    running.kill();

    let running = program().store(store.path()).start();
    let counted = running.http().get("/polls/drinks").await.json();
    let expected = json!({"standings": [
        {"option": "coffee", "votes": "1"},
        {"option": "tea", "votes": "2"},
    ]});
    assert_eq!(counted, expected);
}
