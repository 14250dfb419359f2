//! Cases of the value-entity model, played directly on the service.

use cloudstate::Service as _;
use cloudstate_protocol::version::VALUE_ENTITY;

use crate::{
    case::{Case, Fixture, check_passivation_timeout, check_persistence_id},
    failure::Verdict,
    pb::valueentity::{ValueEntityConfigured, ValueEntityTckModel, ValueEntityTwo},
    value_entity::{
        ActiveEntity, Entity, delete, effect, fail, failed, forward, forwarded, reply,
        synchronous_effect, update,
    },
};

const MODEL: &str = ValueEntityTckModel::NAME;
const TWO: &str = ValueEntityTwo::NAME;
const CONFIGURED: &str = ValueEntityConfigured::NAME;

/// The cases of the group "verifying model test: entity".
pub(super) fn model() -> Vec<Case> {
    let mut cases = discovery();
    cases.extend(state());
    cases.extend(side_effects());
    cases.extend(forwards());
    cases.extend(failures());
    cases
}

fn case(name: &'static str, body: impl AsyncFn(&mut Fixture) -> Verdict + 'static) -> Case {
    case_with(&[MODEL, TWO], name, body)
}

fn case_with(
    needs: &'static [&'static str],
    name: &'static str,
    body: impl AsyncFn(&mut Fixture) -> Verdict + 'static,
) -> Case {
    Case::new("verifying model test: entity", name, needs, body)
}

fn discovery() -> Vec<Case> {
    vec![
        case("verify entity discovery", async |tck| {
            let model = tck.discovered(MODEL, VALUE_ENTITY)?;
            let two = tck.discovered(TWO, VALUE_ENTITY)?;
            check_persistence_id("value-entity-tck-model", model)?;
            check_persistence_id("value-entity-tck-model-two", two)
        }),
        case_with(&[CONFIGURED], "verify configured entity", async |tck| {
            let configured = tck.discovered(CONFIGURED, VALUE_ENTITY)?;
            check_persistence_id("value-entity-configured", configured)?;
            check_passivation_timeout(100, configured)
        }),
    ]
}

fn state() -> Vec<Case> {
    vec![
        case("verify initial empty state", async |tck| {
            let mut entity = Entity::new(tck).activate().await?;
            entity.process(1, [], reply("")).await?;
            entity.end().await
        }),
        case("verify update state", async |tck| {
            let mut entity = Entity::new(tck).activate().await?;
            entity
                .process(1, [update("A")], reply("A").update("A"))
                .await?;
            entity.process(2, [], reply("A")).await?;
            entity.end().await
        }),
        case("verify delete state", async |tck| {
            let mut entity = Entity::new(tck).activate().await?;
            entity
                .process(1, [update("A")], reply("A").update("A"))
                .await?;
            entity.process(2, [delete()], reply("").delete()).await?;
            entity.process(3, [], reply("")).await?;
            entity.end().await
        }),
        case(
            "verify sub invocations with multiple update states",
            async |tck| {
                let mut entity = Entity::new(tck).activate().await?;
                let actions = ["A", "B", "C"].map(update);
                entity.process(1, actions, reply("C").update("C")).await?;
                entity.process(2, [], reply("C")).await?;
                entity.end().await
            },
        ),
        case(
            "verify sub invocations with multiple update states and delete states",
            async |tck| {
                let mut entity = Entity::new(tck).activate().await?;
                let actions = [update("A"), update("B"), delete()];
                entity.process(1, actions, reply("").delete()).await?;
                entity.process(2, [], reply("")).await?;
                entity.end().await
            },
        ),
        case(
            "verify sub invocations with update, delete and update states",
            async |tck| {
                let mut entity = Entity::new(tck).activate().await?;
                let actions = [update("A"), delete(), update("B")];
                entity.process(1, actions, reply("B").update("B")).await?;
                entity.process(2, [], reply("B")).await?;
                entity.end().await
            },
        ),
        case("verify rehydration after passivation", async |tck| {
            let mut entity = Entity::new(tck).activate().await?;
            for (id, state) in (1..).zip(["A", "B", "C", "D"]) {
                let expected = reply(state).update(state);
                entity.process(id, [update(state)], expected).await?;
            }
            let entity = entity.passivate().await?;

            let mut entity = entity.activate_from("D").await?;
            entity
                .process(1, [update("E")], reply("E").update("E"))
                .await?;
            entity.process(2, [], reply("E")).await?;
            entity.end().await
        }),
    ]
}

fn side_effects() -> Vec<Case> {
    vec![
        case("verify reply with multiple side effects", async |tck| {
            let mut entity = Entity::new(tck).activate().await?;
            let expected = reply("").effects(["1", "2", "3"]);
            entity
                .process(1, ["1", "2", "3"].map(effect), expected)
                .await?;
            entity.end().await
        }),
        case(
            "verify reply with side effect to second service",
            async |tck| {
                let (mut entity, id) = activate(tck).await?;
                entity
                    .process(1, [update("X")], reply("X").update("X"))
                    .await?;
                entity
                    .process(2, [effect(&id)], reply("X").effects([&id]))
                    .await?;
                entity.process(3, [], reply("X")).await?;
                entity.end().await
            },
        ),
        case(
            "verify reply with multiple side effects and state",
            async |tck| {
                let mut entity = Entity::new(tck).activate().await?;
                let [a, b, c, d, e] = ["A", "B", "C", "D", "E"].map(update);
                let [one, two, three] = ["1", "2", "3"].map(effect);
                let expected = reply("E").update("E").effects(["1", "2", "3"]);
                entity
                    .process(1, [a, b, c, d, e, one, two, three], expected)
                    .await?;
                entity.end().await
            },
        ),
        case(
            "verify synchronous side effect to second service",
            async |tck| {
                let (mut entity, id) = activate(tck).await?;
                let expected = reply("").synchronous_effects([&id]);
                entity
                    .process(1, [synchronous_effect(&id)], expected)
                    .await?;
                entity.end().await
            },
        ),
    ]
}

fn forwards() -> Vec<Case> {
    vec![
        case("verify forward to second service", async |tck| {
            let (mut entity, id) = activate(tck).await?;
            entity
                .process(1, [update("X")], reply("X").update("X"))
                .await?;
            entity.process(2, [forward(&id)], forwarded(&id)).await?;
            entity.process(3, [], reply("X")).await?;
            entity.end().await
        }),
        case(
            "verify forward with updated state to second service",
            async |tck| {
                let (mut entity, id) = activate(tck).await?;
                let expected = forwarded(&id).update("A");
                entity
                    .process(1, [update("A"), forward(&id)], expected)
                    .await?;
                entity.end().await
            },
        ),
        case(
            "verify forward and side effect to second service",
            async |tck| {
                let (mut entity, id) = activate(tck).await?;
                let expected = forwarded(&id).effects([&id]);
                entity
                    .process(1, [effect(&id), forward(&id)], expected)
                    .await?;
                entity.end().await
            },
        ),
    ]
}

fn failures() -> Vec<Case> {
    const FAILURE: &str = "expected failure";
    vec![
        case("verify failure action", async |tck| {
            let mut entity = Entity::new(tck).activate().await?;
            entity.process(1, [fail(FAILURE)], failed(FAILURE)).await?;
            entity.end().await
        }),
        case("verify connection after failure action", async |tck| {
            let mut entity = Entity::new(tck).activate().await?;
            entity
                .process(1, [update("A")], reply("A").update("A"))
                .await?;
            entity.process(2, [fail(FAILURE)], failed(FAILURE)).await?;
            entity.process(3, [], reply("A")).await?;
            entity.end().await
        }),
        case(
            "verify failure action do not allow side effects",
            async |tck| {
                let (mut entity, id) = activate(tck).await?;
                entity
                    .process(1, [effect(&id), fail(FAILURE)], failed(FAILURE))
                    .await?;
                entity.end().await
            },
        ),
    ]
}

async fn activate(tck: &mut Fixture) -> Verdict<(ActiveEntity, String)> {
    let entity = Entity::new(tck);
    Ok((entity.activate().await?, entity.id().to_owned()))
}
