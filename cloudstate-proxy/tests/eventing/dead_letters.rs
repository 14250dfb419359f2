//! What cannot be handled is kept, and what is behind it goes on.

use std::time::Duration;

use cloudstate_proxy::eventing::{DeadLetter, DeadLetterError, LetterSource, Replayed};
use serde_json::json;

use crate::{
    bench::{Bench, HAPPENED, OTHER, attribute, text_in},
    eventually::eventually,
};

async fn letters(bench: &Bench) -> Vec<DeadLetter> {
    bench
        .proxy
        .dead_letters()
        .list(None, "", 100)
        .await
        .unwrap()
}

#[tokio::test]
async fn what_fails_too_often_is_kept_with_the_reason_and_the_next_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(directory.path(), 1000, 2).await;
    bench.emit("a", "one refuse break two").await;
    let tried = ["one", "refuse", "refuse", "break", "break", "two"];
    bench.expect("Listener", &tried).await;
    bench.stop().await;

    // They are there after a restart, and their messages do not come again.
    let mut bench = Bench::new(directory.path(), 0, 2).await;
    bench.emit("a", "three").await;
    bench.expect("Listener", &["three"]).await;
    let found = letters(&bench).await;
    assert_eq!(found.len(), 2, "{found:?}");
    for (letter, place, text, reason) in [
        (&found[0], 2, "refuse", "not this one"),
        (&found[1], 3, "break", "it broke"),
    ] {
        assert_eq!(
            letter.id,
            format!("test.eventing.Listener/event-log/source/{place:012}")
        );
        assert_eq!(letter.group, "test.eventing.Listener");
        assert_eq!(
            (&*letter.service, &*letter.method),
            ("test.eventing.Listener", "OnHappened")
        );
        assert_eq!(letter.source, LetterSource::EventLog("source".into()));
        assert_eq!((letter.place, letter.attempts), (place, 2));
        assert_eq!(
            (&*letter.reason, &*text_in(&letter.payload)),
            (reason, text)
        );
        assert_eq!(letter.payload.type_url, HAPPENED);
        assert_eq!(attribute(&letter.metadata, "ce-id"), place.to_string());
        assert_eq!(attribute(&letter.metadata, "ce-subject"), "a");
        assert!(letter.time.elapsed().unwrap() < Duration::from_secs(600));
    }
    let dead_letters = bench.proxy.dead_letters();
    let page = dead_letters.list(None, &found[0].id, 100).await.unwrap();
    assert_eq!(page, found[1..]);
    let page = dead_letters.list(None, "", 1).await.unwrap();
    assert_eq!(page, found[..1]);
    let of_others = dead_letters.list(Some("relay"), "", 100).await.unwrap();
    assert_eq!(of_others, []);
    bench.stop().await;
}

#[tokio::test]
async fn a_dead_letter_is_tried_again_until_it_is_handled_or_discarded() {
    let directory = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(directory.path(), 1000, 1).await;
    bench.emit("a", "refuse break one").await;
    bench.expect("Listener", &["refuse", "break", "one"]).await;
    let found = letters(&bench).await;
    let [refused, broken] = &found[..] else {
        panic!("{found:?}")
    };
    let dead_letters = bench.proxy.dead_letters().clone();

    let again = dead_letters.replay(&refused.id).await.unwrap();
    assert_eq!(again, Replayed::Failed("not this one".into()));
    bench.expect("Listener", &["refuse"]).await;
    let kept = dead_letters.get(&refused.id).await.unwrap();
    assert_eq!((kept.attempts, &kept.payload), (2, &refused.payload));

    bench.fail(0);
    let again = dead_letters.replay(&refused.id).await.unwrap();
    assert_eq!(again, Replayed::Handled);
    bench.expect("Listener", &["refuse"]).await;
    dead_letters.discard(&broken.id).await.unwrap();
    assert_eq!(letters(&bench).await, []);
    for id in [&refused.id, &broken.id, "nothing/like/this"] {
        let error = dead_letters.replay(id).await.unwrap_err();
        assert!(matches!(error, DeadLetterError::NotFound(_)), "{error}");
        let error = dead_letters.discard(id).await.unwrap_err();
        assert!(matches!(error, DeadLetterError::NotFound(_)), "{error}");
    }
    bench.stop().await;
}

#[tokio::test]
async fn of_too_many_the_oldest_are_discarded() {
    let directory = tempfile::tempdir().unwrap();
    let start = async |limit: &str| Bench::with_flags(directory.path(), 1000, 1, &[limit]).await;
    let places = async |bench: &Bench| -> Vec<u64> {
        let letters = letters(bench).await;
        letters.iter().map(|letter| letter.place).collect()
    };
    let mut bench = start("--max-dead-letters=2").await;
    let words = ["refuse1", "refuse2", "refuse3", "one"];
    bench.emit("a", &words.join(" ")).await;
    bench.expect("Listener", &words).await;
    assert_eq!(places(&bench).await, [2, 3]);
    let metrics = bench.operate("GET /metrics", "").await;
    let discarded = metrics.lines().find(|line| {
        line.starts_with("cloudstate_eventing_discarded_dead_letters_total{")
            && line.contains("event log source")
    });
    assert!(discarded.unwrap().ends_with(" 1"), "{discarded:?}");

    // What an operator has discarded makes room.
    let oldest = letters(&bench).await.remove(0);
    bench
        .proxy
        .dead_letters()
        .discard(&oldest.id)
        .await
        .unwrap();
    bench.emit("a", "refuse4 two").await;
    bench.expect("Listener", &["refuse4", "two"]).await;
    assert_eq!(places(&bench).await, [3, 5]);
    bench.stop().await;

    // Those of before the start count, and where the limit is lower now, all of them are met.
    let mut bench = start("--max-dead-letters=1").await;
    bench.emit("a", "refuse5 three").await;
    bench.expect("Listener", &["refuse5", "three"]).await;
    assert_eq!(places(&bench).await, [7]);
    bench.stop().await;
}

#[tokio::test]
async fn a_message_that_no_method_takes_is_kept_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(directory.path(), 0, 1000).await;
    bench
        .post("Speaker/Tell", json!({"text": "one"}), 200)
        .await;
    bench
        .post("Speaker/TellOther", json!({"text": "two"}), 200)
        .await;
    bench.expect("Picky", &["two"]).await;
    let found = letters(&bench).await;
    let [letter] = &found[..] else {
        panic!("{found:?}")
    };
    assert_eq!(letter.id, "test.eventing.Picky/topic/told/000000000001");
    assert_eq!(letter.source, LetterSource::Topic("told".into()));
    assert_eq!((&*letter.method, letter.attempts), ("", 0));
    assert!(
        letter
            .reason
            .contains("add one, or one that takes google.protobuf.Any"),
        "{letter:?}"
    );
    assert_ne!(letter.payload.type_url, OTHER);
    let again = bench.proxy.dead_letters().replay(&letter.id).await.unwrap();
    assert!(matches!(again, Replayed::Failed(_)));
    bench.stop().await;
}

#[tokio::test]
async fn nobody_being_there_is_not_the_messages_fault() {
    let directory = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(directory.path(), 3, 1).await;
    bench.emit("a", "away one").await;
    let tried = ["away", "away", "away", "away", "one"];
    bench.expect("Listener", &tried).await;
    assert_eq!(letters(&bench).await, []);

    // Nor is it when somebody tries again by hand.
    bench.fail(1);
    bench.emit("a", "break").await;
    bench.expect("Listener", &["break"]).await;
    let letter = eventually("a letter is kept", async || letters(&bench).await.pop()).await;
    assert_eq!(
        bench.proxy.dead_letters().replay(&letter.id).await.unwrap(),
        Replayed::Handled
    );
    bench.stop().await;
}

#[tokio::test]
async fn pages_in_a_browser_cannot_act_for_the_operator() {
    let mut bench = Bench::new("memory".as_ref(), 1000, 1).await;
    bench.emit("a", "refuse one").await;
    bench.expect("Listener", &["refuse", "one"]).await;
    let request = "POST /dead-letters:replay";
    let refused = bench
        .operate(request, "origin: https://shop.example\r\n")
        .await;
    assert!(refused.starts_with("HTTP/1.1 403"), "{refused}");
    let letter = letters(&bench).await.remove(0);
    assert_eq!(letter.attempts, 1);
    let tried = bench.operate(request, "").await;
    assert!(tried.ends_with("{\"failed\":1,\"handled\":0}\n"), "{tried}");
    bench.fail(0);
    let path = format!("POST /dead-letters/{}:replay", letter.id);
    let tried = bench.operate(&path, "").await;
    assert!(tried.starts_with("HTTP/1.1 200"), "{tried}");
    let left = bench.operate("GET /dead-letters", "").await;
    assert!(left.ends_with("{\"deadLetters\":[]}\n"), "{left}");
    bench.stop().await;
}
