//! Further cases of the event-sourced model.

use cloudstate::Service as _;

use super::CROWD;
use crate::{
    case::{Case, Fixture},
    event_sourced::{Entity, emit, reply},
    failure::Verdict,
    pb::{EventSourcedTckModel, EventSourcedTwo},
};

fn case(name: &'static str, body: impl AsyncFn(&mut Fixture) -> Verdict + 'static) -> Case {
    Case::new(
        "extended: event sourced entity",
        name,
        &[EventSourcedTckModel::NAME, EventSourcedTwo::NAME],
        body,
    )
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "commands of several entities are interleaved",
            async |tck| {
                let mut entities = Vec::new();
                for _ in 0..CROWD {
                    entities.push(Entity::new(tck).activate().await?);
                }
                for (id, state) in (1..).zip(["A", "AB", "ABC"]) {
                    for entity in &entities {
                        entity
                            .command(id, [emit(&state[state.len() - 1..])])
                            .await?;
                    }
                    for entity in &mut entities {
                        let last = &state[state.len() - 1..];
                        entity.expect(id, reply(state).events([last])).await?;
                    }
                }
                for entity in entities {
                    entity.end().await?;
                }
                Ok(())
            },
        ),
        case("commands do not wait for replies", async |tck| {
            let mut entity = Entity::new(tck).activate().await?;
            let letters = ["A", "B", "C", "D", "E", "F"];
            for (id, letter) in (1..).zip(letters) {
                entity.command(id, [emit(letter)]).await?;
            }
            let mut state = String::new();
            for (id, letter) in (1..).zip(letters) {
                state += letter;
                let expected = reply(&state).events([letter]);
                let expected = match id {
                    5 => expected.snapshot(&state),
                    _ => expected,
                };
                entity.expect(id, expected).await?;
            }
            entity.end().await
        }),
        case("the input ends before a reply is read", async |tck| {
            let mut entity = Entity::new(tck).activate().await?;
            entity.command(1, [emit("A"), emit("B")]).await?;
            entity.end_input();
            entity.expect(1, reply("AB").events(["A", "B"])).await?;
            entity.end().await
        }),
        case("a stream may end behind any message", async |tck| {
            let letters = ["A", "B", "C", "D"];
            for kept in 0..=letters.len() {
                let entity = Entity::new(tck);
                let mut active = entity.activate().await?;
                for (id, letter) in (1..).zip(&letters[..kept]) {
                    let state = letters[..usize::try_from(id).unwrap_or(0)].concat();
                    active.emits(id, [*letter], reply(&state)).await?;
                }
                active.end().await?;

                let mut active = entity.activate().await?;
                for (sequence, letter) in (1..).zip(&letters[..kept]) {
                    active.replay(sequence, letter).await?;
                }
                if kept % 2 == 0 {
                    active
                        .process(1, [], reply(&letters[..kept].concat()))
                        .await?;
                }
                active.end().await?;
            }
            Ok(())
        }),
        case("a stream that is cancelled harms no other", async |tck| {
            let mut other = Entity::new(tck).activate().await?;
            other.emits(1, ["A"], reply("A")).await?;
            let entity = Entity::new(tck);
            for _ in 0..CROWD {
                let active = entity.activate().await?;
                active.command(1, [emit("B")]).await?;
                active.cancel();
            }
            other.emits(2, ["B"], reply("AB")).await?;
            other.end().await?;
            let mut active = entity.activate().await?;
            active.process(1, [], reply("")).await?;
            active.end().await
        }),
    ]
}
