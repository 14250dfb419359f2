//! Handlers go as fast as they are taken from, and no longer than anybody waits for them.

use std::{future::Future, pin::pin, time::Duration};

use futures_util::{FutureExt, poll};
use tokio::time::timeout;

use super::*;
use crate::conversation::PATIENCE;

#[tokio::test]
async fn a_handler_gives_no_more_than_is_taken() {
    let caller = Caller::in_process();
    let mut responses = caller
        .streamed_out(command(pb::Desk::Recite, "for ever"))
        .await;
    for taken in 1..=10 {
        responses.next().await.unwrap().unwrap();
        assert_eq!(caller.desk.given.load(Ordering::SeqCst), taken);
    }
}

#[tokio::test]
async fn a_slow_client_slows_the_handler_down_over_the_network() {
    let caller = Caller::over_network().await;
    let mut responses = caller
        .streamed_out(command(pb::Desk::Recite, "for ever"))
        .await;
    // Each answer has 64 KiB; what is on the way is bounded by the windows of HTTP/2, some MiB at most.
    for taken in 1..=200 {
        responses.next().await.unwrap().unwrap();
        let given = caller.desk.given.load(Ordering::SeqCst);
        assert!(given <= taken + 128, "{given} given, {taken} taken");
    }
}

#[tokio::test]
async fn a_stream_that_is_not_read_stops_no_other_of_its_connection() {
    let caller = Caller::over_network().await;
    let sent = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&sent);
    let text = "x".repeat(16 << 10);
    let notes = stream::repeat_with(move || {
        counter.fetch_add(1, Ordering::SeqCst);
        note(&text)
    });
    let opening = stream::iter([first(pb::Desk::Collect), note("hang")]);
    let filling = caller.clone();
    let filling = tokio::spawn(async move { filling.streamed_in(opening.chain(notes)).await });
    // Until nothing more fits, and for a while after that.
    let (mut unchanged, mut last) = (0, 0);
    while unchanged < 50 {
        let asked = caller.one(command(pb::Desk::Ask, "say here"));
        let answer = timeout(PATIENCE, asked).await.expect("an answer");
        assert_eq!(answer.unwrap(), said("here"));
        let now = sent.load(Ordering::SeqCst);
        let more = now > last || now == 0;
        unchanged = if more { 0 } else { unchanged + 1 };
        last = now;
    }
    assert!(!filling.is_finished());
    filling.abort();
}

#[tokio::test]
async fn messages_are_read_as_the_handler_takes_them() {
    let caller = Caller::in_process();
    let read = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&read);
    let notes = stream::repeat_with(move || {
        counter.fetch_add(1, Ordering::SeqCst);
        note("say x\nsay y\nsay z")
    });
    let commands = stream::iter([first(pb::Desk::Chat)]).chain(notes);
    let mut responses = caller.streamed(commands).await;
    for taken in 0..30 {
        responses.next().await.unwrap().unwrap();
        assert_eq!(read.load(Ordering::SeqCst), taken / 3 + 1);
    }
}

#[tokio::test]
async fn dropping_a_call_drops_its_handler() {
    both_ways(async |caller| {
        let before = kept(&caller);
        {
            let mut ask = pin!(caller.one(command(pb::Desk::Ask, "hang")));
            until(&mut ask, || kept(&caller) > before).await;
        }
        {
            let commands = stream::iter([first(pb::Desk::Collect), note("x")]);
            let mut collect = pin!(caller.streamed_in(commands.chain(stream::pending())));
            until(&mut collect, || kept(&caller) > before).await;
        }
        let mut recite = caller
            .streamed_out(command(pb::Desk::Recite, "for ever"))
            .await;
        recite.next().await.unwrap().unwrap();
        let mut chat = caller.chat().await;
        chat.exchange("say one", said("one")).await;
        drop((recite, chat));
        until(std::future::pending::<()>(), || kept(&caller) == before).await;
    })
    .await;
}

#[tokio::test]
async fn calls_run_side_by_side() {
    both_ways(async |caller| {
        let mut chats = Vec::new();
        for _ in 0..20 {
            chats.push(caller.chat().await);
        }
        for round in 0..5 {
            for (number, chat) in chats.iter().enumerate() {
                chat.send(&format!("say {number} {round}"));
            }
            let hanging = caller.one(command(pb::Desk::Ask, "hang"));
            let mut hanging = pin!(hanging);
            assert!(poll!(&mut hanging).is_pending());
            for (number, chat) in chats.iter_mut().enumerate().rev() {
                let answer = chat.next().await.unwrap().unwrap();
                assert_eq!(answer, said(&format!("{number} {round}")));
            }
        }
        for chat in chats {
            chat.end().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_handler_may_answer_before_the_messages_end() {
    both_ways(async |caller| {
        let commands = stream::iter([first(pb::Desk::Collect), note("stop")]);
        let answer = caller.streamed_in(commands.chain(stream::pending())).await;
        assert_eq!(answer.unwrap(), refused("stopped at note 1"));
    })
    .await;
}

/// Runs `work`, which does not end before, until `condition` holds.
async fn until(work: impl Future, condition: impl Fn() -> bool) {
    let mut work = pin!(work.fuse());
    let mut tick = tokio::time::interval(Duration::from_millis(1));
    let wait = async {
        while !condition() {
            tokio::select! {
                _ = &mut work => panic!("ended before the condition held"),
                _ = tick.tick() => {}
            }
        }
    };
    timeout(PATIENCE, wait).await.expect("the condition holds");
}
