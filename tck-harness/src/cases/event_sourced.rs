//! Cases of the event-sourced model, played directly on the service.

use cloudstate::Service as _;
use cloudstate_protocol::version::EVENT_SOURCED;

use crate::{
    case::{Case, Fixture, check_passivation_timeout, check_persistence_id},
    event_sourced::{
        ActiveEntity, Entity, effect, emit, fail, failed, forward, forwarded, reply,
        synchronous_effect,
    },
    failure::Verdict,
    pb::{EventSourcedConfigured, EventSourcedTckModel, EventSourcedTwo},
};

const MODEL: &str = EventSourcedTckModel::NAME;
const TWO: &str = EventSourcedTwo::NAME;
const CONFIGURED: &str = EventSourcedConfigured::NAME;

/// The cases of the group "verifying model test: event sourced entity".
pub(super) fn model() -> Vec<Case> {
    let mut cases = discovery();
    cases.extend(state());
    cases.extend(forwards_and_side_effects());
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
    Case::new(
        "verifying model test: event sourced entity",
        name,
        needs,
        body,
    )
}

fn discovery() -> Vec<Case> {
    vec![
        case("verify event sourced entity discovery", async |tck| {
            let model = tck.discovered(MODEL, EVENT_SOURCED)?;
            tck.discovered(TWO, EVENT_SOURCED)?;
            check_persistence_id("event-sourced-tck-model", model)
        }),
        case_with(
            &[CONFIGURED],
            "verify event sourced configured entity",
            async |tck| {
                let configured = tck.discovered(CONFIGURED, EVENT_SOURCED)?;
                check_persistence_id("event-sourced-configured", configured)?;
                check_passivation_timeout(100, configured)
            },
        ),
    ]
}

fn state() -> Vec<Case> {
    vec![
        case("verify initial empty state", async |tck| {
            let mut entity = Entity::new(tck).activate().await?;
            entity.process(1, [], reply("")).await?;
            entity.end().await
        }),
        case("verify single emitted event", async |tck| {
            let mut entity = Entity::new(tck).activate().await?;
            entity.emits(1, ["A"], reply("A")).await?;
            entity.process(2, [], reply("A")).await?;
            entity.end().await
        }),
        case("verify multiple emitted events", async |tck| {
            let mut entity = Entity::new(tck).activate().await?;
            entity.emits(1, ["A", "B", "C"], reply("ABC")).await?;
            entity.process(2, [], reply("ABC")).await?;
            entity.end().await
        }),
        case(
            "verify multiple emitted events and snapshots",
            async |tck| {
                let mut entity = Entity::new(tck).activate().await?;
                let fifth = reply("ABCDE").snapshot("ABCDE");
                let tenth = reply("ABCDEFGHIJ").snapshot("ABCDEFGHIJ");
                entity.emits(1, ["A"], reply("A")).await?;
                entity.emits(2, ["B"], reply("AB")).await?;
                entity.emits(3, ["C"], reply("ABC")).await?;
                entity.emits(4, ["D"], reply("ABCD")).await?;
                entity.emits(5, ["E"], fifth).await?;
                entity.emits(6, ["F", "G", "H"], reply("ABCDEFGH")).await?;
                entity.emits(7, ["I", "J"], tenth).await?;
                entity.emits(8, ["K"], reply("ABCDEFGHIJK")).await?;
                entity.process(9, [], reply("ABCDEFGHIJK")).await?;
                entity.end().await
            },
        ),
        case("verify initial snapshot", async |tck| {
            let mut entity = Entity::new(tck).activate_from(5, "ABCDE").await?;
            entity.process(1, [], reply("ABCDE")).await?;
            entity.end().await
        }),
        case("verify initial snapshot and events", async |tck| {
            let mut entity = Entity::new(tck).activate_from(5, "ABCDE").await?;
            entity.replay(6, "F").await?;
            entity.replay(7, "G").await?;
            entity.process(1, [], reply("ABCDEFG")).await?;
            entity.end().await
        }),
        case("verify rehydration after passivation", async |tck| {
            let mut entity = Entity::new(tck).activate().await?;
            let fifth = reply("ABCDE").snapshot("ABCDE");
            entity.emits(1, ["A", "B", "C"], reply("ABC")).await?;
            entity.emits(2, ["D", "E"], fifth).await?;
            entity.emits(3, ["F"], reply("ABCDEF")).await?;
            entity.emits(4, ["G"], reply("ABCDEFG")).await?;
            let entity = entity.passivate().await?;

            let mut entity = entity.activate_from(5, "ABCDE").await?;
            entity.replay(6, "F").await?;
            entity.replay(7, "G").await?;
            entity.process(1, [], reply("ABCDEFG")).await?;
            entity.end().await
        }),
    ]
}

fn forwards_and_side_effects() -> Vec<Case> {
    vec![
        case("verify forward to second service", async |tck| {
            let (mut entity, id) = activate(tck).await?;
            entity.emits(1, ["A", "B", "C"], reply("ABC")).await?;
            entity.process(2, [forward(&id)], forwarded(&id)).await?;
            entity.process(3, [], reply("ABC")).await?;
            entity.end().await
        }),
        case("verify forward with emitted events", async |tck| {
            let (mut entity, id) = activate(tck).await?;
            let expected = forwarded(&id).events(["A"]);
            entity
                .process(1, [emit("A"), forward(&id)], expected)
                .await?;
            entity.end().await
        }),
        case(
            "verify forward with emitted events and snapshot",
            async |tck| {
                let (mut entity, id) = activate(tck).await?;
                entity.emits(1, ["A", "B", "C"], reply("ABC")).await?;
                let actions = [emit("D"), emit("E"), forward(&id)];
                let expected = forwarded(&id).events(["D", "E"]).snapshot("ABCDE");
                entity.process(2, actions, expected).await?;
                entity.end().await
            },
        ),
        case(
            "verify reply with side effect to second service",
            async |tck| {
                let (mut entity, id) = activate(tck).await?;
                entity.emits(1, ["A", "B", "C"], reply("ABC")).await?;
                entity
                    .process(2, [effect(&id)], reply("ABC").effects([&id]))
                    .await?;
                entity.process(3, [], reply("ABC")).await?;
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
        case("verify reply with multiple side effects", async |tck| {
            let mut entity = Entity::new(tck).activate().await?;
            let expected = reply("").effects(["1", "2", "3"]);
            entity
                .process(1, ["1", "2", "3"].map(effect), expected)
                .await?;
            entity.end().await
        }),
        case(
            "verify reply with multiple side effects, events, and snapshot",
            async |tck| {
                let mut entity = Entity::new(tck).activate().await?;
                let [a, b, c, d, e] = ["A", "B", "C", "D", "E"].map(emit);
                let [one, two, three] = ["1", "2", "3"].map(effect);
                let expected = reply("ABCDE")
                    .events(["A", "B", "C", "D", "E"])
                    .snapshot("ABCDE")
                    .effects(["1", "2", "3"]);
                entity
                    .process(1, [a, b, c, d, e, one, two, three], expected)
                    .await?;
                entity.end().await
            },
        ),
    ]
}

fn failures() -> Vec<Case> {
    vec![
        case("verify failure action", async |tck| {
            let mut entity = Entity::new(tck).activate().await?;
            let expected = failed("expected failure");
            entity
                .process(1, [fail("expected failure")], expected)
                .await?;
            entity.end().await
        }),
        case("verify connection after failure action", async |tck| {
            let mut entity = Entity::new(tck).activate().await?;
            entity.emits(1, ["A"], reply("A")).await?;
            let expected = failed("expected failure");
            entity
                .process(2, [fail("expected failure")], expected)
                .await?;
            entity.process(3, [], reply("A")).await?;
            entity.end().await
        }),
        case(
            "verify failure actions do not retain emitted events (may request entity restart)",
            failed_events_are_not_retained,
        ),
        case(
            "verify failure actions do not allow side effects",
            async |tck| {
                let (mut entity, id) = activate(tck).await?;
                let actions = [effect(&id), fail("expected failure")];
                entity
                    .process(1, actions, failed("expected failure"))
                    .await?;
                entity.end().await
            },
        ),
    ]
}

/// A service that fails behind an emitted event either restores the state itself or asks for a restart. Either will do,
/// if it stays with it.
async fn failed_events_are_not_retained(tck: &mut Fixture) -> Verdict {
    let mut entity = Entity::new(tck).activate().await?;
    entity.emits(1, ["A", "B", "C"], reply("ABC")).await?;
    let actions = [emit("4"), emit("5"), fail("failure 1")];
    let restart = entity.process_failing(2, actions, "failure 1").await?;
    let actions = [emit("6"), fail("failure 2"), emit("7")];
    let second = failed("failure 2").restart(restart);
    if restart {
        let entity = entity.passivate().await?;

        let mut active = entity.activate().await?;
        replay(&active, &["A", "B", "C"]).await?;
        active.emits(1, ["D"], reply("ABCD")).await?;
        active.process(2, actions, second).await?;
        let entity = active.passivate().await?;

        let mut active = entity.activate().await?;
        replay(&active, &["A", "B", "C", "D"]).await?;
        let fifth = reply("ABCDE").snapshot("ABCDE");
        active.emits(1, ["E"], fifth).await?;
        active.end().await
    } else {
        entity.emits(3, ["D"], reply("ABCD")).await?;
        entity.process(4, actions, second).await?;
        let fifth = reply("ABCDE").snapshot("ABCDE");
        entity.emits(5, ["E"], fifth).await?;
        entity.end().await
    }
}

async fn activate(tck: &mut Fixture) -> Verdict<(ActiveEntity, String)> {
    let entity = Entity::new(tck);
    Ok((entity.activate().await?, entity.id().to_owned()))
}

async fn replay(entity: &ActiveEntity, values: &[&str]) -> Verdict {
    for (sequence, value) in (1..).zip(values) {
        entity.replay(sequence, value).await?;
    }
    Ok(())
}
