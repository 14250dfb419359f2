//! Value entities behind a proxy.

use cloudstate::Service as _;

use crate::{
    case::{Case, Fixture},
    failure::Verdict,
    pb::valueentity::{
        Request, RequestAction, ValueEntityConfigured, ValueEntityTckModel, ValueEntityTwo,
    },
    proxy::{ProxiedEntity, ValueEntity},
    value_entity::{Expected, delete, effect, fail, failed, forward, forwarded, reply, update},
};

type Entity = ProxiedEntity<ValueEntity>;

const MODEL: &str = ValueEntityTckModel::NAME;
const TWO: &str = ValueEntityTwo::NAME;
const CONFIGURED: &str = ValueEntityConfigured::NAME;

/// The cases of the group "verifying proxy test: entity".
pub(in crate::cases) fn cases() -> Vec<Case> {
    vec![
        case("verify state changes", &[MODEL, TWO], async |tck| {
            let mut entity = model(tck)?;
            process(&mut entity, 1, [], reply("")).await?;
            process(&mut entity, 2, [update("one")], reply("one").update("one")).await?;
            process(&mut entity, 3, [update("two")], reply("two").update("two")).await?;
            process(&mut entity, 4, [], reply("two")).await?;
            process(&mut entity, 5, [delete()], reply("").delete()).await?;
            process(&mut entity, 6, [], reply("")).await?;
            process(&mut entity, 7, [update("foo")], reply("foo").update("foo")).await?;
            process(&mut entity, 8, [delete()], reply("").delete()).await
        }),
        case(
            "verify forwards and side effects",
            &[MODEL, TWO],
            async |tck| {
                let mut entity = model(tck)?;
                let id = entity.id().to_owned();
                let mut two = Entity::new::<ValueEntityTwo>(tck, &id)?;
                process(&mut entity, 1, [update("one")], reply("one").update("one")).await?;
                process(&mut entity, 2, [forward(&id)], forwarded(&id)).await?;
                is_called(&mut two, 1).await?;
                let expected = reply("one").effects([&id]);
                process(&mut entity, 3, [effect(&id)], expected).await?;
                is_called(&mut two, 2).await?;
                process(&mut entity, 4, [], reply("one")).await
            },
        ),
        case("verify failures", &[MODEL, TWO], async |tck| {
            let mut entity = model(tck)?;
            process(&mut entity, 1, [update("one")], reply("one").update("one")).await?;
            let expected = failed("expected failure");
            process(&mut entity, 2, [fail("expected failure")], expected).await?;
            process(&mut entity, 3, [], reply("one")).await
        }),
        case("verify HTTP API", &[MODEL, TWO], http),
        case("verify passivation timeout", &[CONFIGURED], async |tck| {
            let id = tck.next_value_entity_id();
            let mut entity = Entity::new::<ValueEntityConfigured>(tck, &id)?;
            let request = request(&entity, []);
            let expected = reply("").to(1);
            let call = ValueEntityConfigured::Call;
            entity.call(call, 1, &request, &expected).await?;
            entity.is_passivated().await
        }),
    ]
}

fn case(
    name: &'static str,
    needs: &'static [&'static str],
    body: impl AsyncFn(&mut Fixture) -> Verdict + 'static,
) -> Case {
    Case::proxied("verifying proxy test: entity", name, needs, body)
}

async fn http(tck: &mut Fixture) -> Verdict {
    let mut entity = model(tck)?;
    let id = entity.id().to_owned();
    let mut two = Entity::new::<ValueEntityTwo>(tck, &id)?;
    let path = format!("tck/model/entity/{id}");

    entity.post(&path, "{}", r#"{"message":""}"#).await?;
    overhears(&mut entity, 1, [], reply("")).await?;

    let call = format!("{TWO}/Call");
    let json = format!(r#"{{"id": "{id}"}}"#);
    two.post(&call, &json, r#"{"message":""}"#).await?;
    is_called(&mut two, 1).await?;

    let json = r#"{"actions": [{"update": {"value": "one"}}]}"#;
    entity.post(&path, json, r#"{"message":"one"}"#).await?;
    let expected = reply("one").update("one");
    overhears(&mut entity, 2, [update("one")], expected).await?;

    let json = r#"{"actions": [{"fail": {"message": "expected failure"}}]}"#;
    entity.post_failing(&path, json, "expected failure").await?;
    let expected = failed("expected failure");
    overhears(&mut entity, 3, [fail("expected failure")], expected).await?;

    let json = r#"{"actions": [{"update": {"value": "two"}}]}"#;
    entity.post(&path, json, r#"{"message":"two"}"#).await?;
    let expected = reply("two").update("two");
    overhears(&mut entity, 4, [update("two")], expected).await?;

    entity.post(&path, "{}", r#"{"message":"two"}"#).await?;
    overhears(&mut entity, 5, [], reply("two")).await
}

fn model(tck: &mut Fixture) -> Verdict<Entity> {
    let id = tck.next_value_entity_id();
    Entity::new::<ValueEntityTckModel>(tck, &id)
}

fn request<const N: usize>(entity: &Entity, actions: [RequestAction; N]) -> Request {
    Request {
        id: entity.id().into(),
        actions: actions.into(),
    }
}

async fn process<const N: usize>(
    entity: &mut Entity,
    id: i64,
    actions: [RequestAction; N],
    expected: Expected,
) -> Verdict {
    let request = request(entity, actions);
    let process = ValueEntityTckModel::Process;
    entity.call(process, id, &request, &expected.to(id)).await
}

async fn overhears<const N: usize>(
    entity: &mut Entity,
    id: i64,
    actions: [RequestAction; N],
    expected: Expected,
) -> Verdict {
    let request = request(entity, actions);
    let process = ValueEntityTckModel::Process;
    entity
        .overhears(process, id, &request, &expected.to(id))
        .await
}

/// The second service gets a call, by a forward, a side effect or a caller, and answers it.
async fn is_called(two: &mut Entity, id: i64) -> Verdict {
    let request = request(two, []);
    let call = ValueEntityTwo::Call;
    two.overhears(call, id, &request, &reply("").to(id)).await
}
