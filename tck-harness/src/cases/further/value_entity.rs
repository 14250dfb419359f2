//! Further cases of the value-entity model.

use cloudstate::Service as _;

use super::CROWD;
use crate::{
    case::{Case, Fixture},
    failure::Verdict,
    pb::valueentity::{ValueEntityTckModel, ValueEntityTwo},
    value_entity::{Entity, delete, fail, failed, reply, update},
};

fn case(name: &'static str, body: impl AsyncFn(&mut Fixture) -> Verdict + 'static) -> Case {
    Case::new(
        "extended: entity",
        name,
        &[ValueEntityTckModel::NAME, ValueEntityTwo::NAME],
        body,
    )
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case("the stored state is read", async |tck| {
            let mut entity = Entity::new(tck).activate_from("A").await?;
            entity.process(1, [], reply("A")).await?;
            entity.end().await
        }),
        case(
            "a failure takes back what the command changed",
            async |tck| {
                let mut entity = Entity::new(tck).activate_from("A").await?;
                let actions = [update("B"), fail("no")];
                entity.process(1, actions, failed("no")).await?;
                entity.process(2, [], reply("A")).await?;
                entity
                    .process(3, [delete(), fail("no")], failed("no"))
                    .await?;
                entity.process(4, [], reply("A")).await?;
                entity.process(5, [delete()], reply("").delete()).await?;
                let actions = [update("B"), fail("no")];
                entity.process(6, actions, failed("no")).await?;
                entity.process(7, [], reply("")).await?;
                entity.end().await
            },
        ),
        case(
            "commands of several entities are interleaved",
            async |tck| {
                let mut entities = Vec::new();
                for _ in 0..CROWD {
                    entities.push(Entity::new(tck).activate().await?);
                }
                for (id, state) in (1..).zip(["A", "B", "C"]) {
                    for entity in &entities {
                        entity.command(id, [update(state)]).await?;
                    }
                    for entity in &mut entities {
                        entity.expect(id, reply(state).update(state)).await?;
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
            let states = ["A", "B", "C", "D", "E", "F"];
            for (id, state) in (1..).zip(states) {
                entity.command(id, [update(state)]).await?;
            }
            for (id, state) in (1..).zip(states) {
                entity.expect(id, reply(state).update(state)).await?;
            }
            entity.end().await
        }),
        case("the input ends before a reply is read", async |tck| {
            let mut entity = Entity::new(tck).activate().await?;
            entity.command(1, [update("A")]).await?;
            entity.end_input();
            entity.expect(1, reply("A").update("A")).await?;
            entity.end().await
        }),
        case("a stream may end behind any message", async |tck| {
            let states = ["A", "B", "C"];
            for kept in 0..=states.len() {
                let entity = Entity::new(tck);
                let mut active = entity.activate().await?;
                for (id, state) in (1..).zip(&states[..kept]) {
                    let expected = reply(state).update(state);
                    active.process(id, [update(state)], expected).await?;
                }
                active.end().await?;

                let mut active = match states[..kept].last() {
                    Some(stored) => entity.activate_from(stored).await?,
                    None => entity.activate().await?,
                };
                if kept % 2 == 1 {
                    active.process(1, [], reply(states[kept - 1])).await?;
                }
                active.end().await?;
            }
            Ok(())
        }),
        case("a stream that is cancelled harms no other", async |tck| {
            let mut other = Entity::new(tck).activate().await?;
            other
                .process(1, [update("A")], reply("A").update("A"))
                .await?;
            let entity = Entity::new(tck);
            for _ in 0..CROWD {
                let active = entity.activate().await?;
                active.command(1, [update("B")]).await?;
                active.cancel();
            }
            other.process(2, [], reply("A")).await?;
            other.end().await?;
            let mut active = entity.activate().await?;
            active.process(1, [], reply("")).await?;
            active.end().await
        }),
    ]
}
