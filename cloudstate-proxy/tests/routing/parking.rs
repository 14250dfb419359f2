//! Entities that wait for a command are in memory without a task.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use cloudstate_protocol::cloudstate::eventsourced::{
    event_sourced_stream_in::Message as In, event_sourced_stream_out::Message as Out,
};
use futures_util::future::join_all;
use tokio::{runtime::Handle, task::yield_now, time::sleep};

use crate::{
    bench::{Bench, SOON, call},
    scripted::{Say, reply, text_of},
};

/// Answers with the text of the command.
fn echo(message: &In) -> Say {
    match message {
        In::Command(command) => Say::Message(Out::Reply(reply(command, &text_of(command), &[]))),
        In::Init(_) | In::Event(_) => Say::Nothing,
    }
}

fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

/// Waits until there are so few tasks.
async fn until_at_most(few: usize) {
    let since = Instant::now();
    while tasks() > few {
        assert!(since.elapsed() < SOON, "{} tasks are still there", tasks());
        yield_now().await;
    }
}

#[tokio::test]
async fn entities_that_wait_have_one_task_together() {
    let mut bench = Bench::new(60_000, &[], echo);
    let before = tasks();
    for round in 0..3 {
        let router = &bench.router;
        let commands = (0..100).map(|id| async move { call(router, &format!("{id}"), "x").await });
        for answer in join_all(commands).await {
            assert_eq!(answer.unwrap(), "x");
        }
        // That of the one that sees how long they wait.
        until_at_most(before + 1).await;
        for _ in 0..100 {
            if round == 0 {
                assert_eq!(bench.saw().await, "opened");
                assert!(bench.saw().await.starts_with("init "));
            }
            assert!(
                bench
                    .saw()
                    .await
                    .starts_with(&format!("command {}", round + 1))
            );
        }
    }
    bench.router.stop().await;
    for _ in 0..100 {
        assert_eq!(bench.saw().await, "closed");
    }
    until_at_most(before).await;
}

#[tokio::test]
async fn an_entity_that_is_used_again_and_again_stays() {
    // Longer than a heavily loaded machine takes from one command to the next, and shorter than all together.
    let mut bench = Bench::new(1_500, &[], echo);
    let since = Instant::now();
    let mut commands = 0;
    while since.elapsed() < Duration::from_millis(2_500) {
        bench.add("a", "x").await.unwrap();
        commands += 1;
        sleep(Duration::from_millis(20)).await;
    }
    bench.expect(&["opened", "init a"]).await;
    for command in 1..=commands {
        assert_eq!(bench.saw().await, format!("command {command} x"));
    }
    assert_eq!(bench.saw().await, "closed");
}

/// Commands of many tasks meet entities that come, are parked, and leave: each command is answered once, by the only
/// instance of its entity.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_command_is_lost_between_leaving_and_arriving() {
    const ENTITIES: u32 = 8;
    const CALLERS: u32 = 32;
    const CALLS: u32 = 100;
    const WAVES: u32 = 3;

    let handled = Arc::new(Mutex::new(HashMap::<String, u32>::new()));
    let script = {
        let handled = Arc::clone(&handled);
        move |message: &In| {
            if let In::Command(command) = message {
                let mut handled = handled.lock().unwrap();
                *handled.entry(text_of(command)).or_default() += 1;
            }
            echo(message)
        }
    };
    let mut bench = Bench::new(1, &[], script);
    let (mut opened, mut closed, mut commands) = (0, 0, 0);
    for wave in 1..=WAVES {
        let callers = (0..CALLERS).map(|caller| {
            let router = bench.router.clone();
            tokio::spawn(async move {
                for number in 0..CALLS {
                    let id = number % ENTITIES;
                    let text = format!("{wave} {caller} {number}");
                    let answer = call(&router, &id.to_string(), &text).await;
                    assert_eq!(answer.unwrap(), text);
                    if number % 32 == caller {
                        // Long enough for idle entities to leave.
                        sleep(Duration::from_millis(3)).await;
                    }
                }
            })
        });
        let callers: Vec<_> = callers.collect();
        for caller in join_all(callers).await {
            caller.unwrap();
        }
        // A stream is opened only when the one before has been closed: of all entities, as many at most as there are. In
        // the end nobody uses them, and all leave.
        while commands < wave * CALLERS * CALLS || closed < opened {
            match bench.saw().await.as_str() {
                "opened" => opened += 1,
                "closed" => closed += 1,
                seen => commands += u32::from(seen.starts_with("command ")),
            }
            assert!(opened <= closed + ENTITIES);
        }
        assert!(opened >= wave * ENTITIES);
    }
    bench.router.stop().await;
    let handled = std::mem::take(&mut *handled.lock().unwrap());
    assert!(handled.values().all(|&times| times == 1));
    assert_eq!(handled.len(), (WAVES * CALLERS * CALLS) as usize);
}
