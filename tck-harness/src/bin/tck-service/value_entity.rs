//! The value-entity model: does what its requests list, and stores the last value.

use cloudstate::prelude::*;
use serde::{Deserialize, Serialize};

use super::pb::valueentity::{
    Persisted, Request, Response, ValueEntityConfigured, ValueEntityTckModel, ValueEntityTwo,
    request_action::Action,
};

/// The model that the cases drive.
#[value_entity(service = ValueEntityTckModel, persistence_id = "value-entity-tck-model")]
#[derive(Default)]
struct Model {
    value: String,
}

#[handlers]
impl Model {
    #[command_handler]
    fn process(model: &mut Context<Self>, request: Request) -> Result<Reply<Response>, Failure> {
        let mut forward = None;
        for action in request.actions.into_iter().filter_map(|one| one.action) {
            match action {
                Action::Update(update) => model.value = update.value,
                Action::Delete(_) => model.delete(),
                Action::Forward(to) => {
                    forward = Some(Forward::to(ValueEntityTwo::Call, entity(to.id)));
                }
                Action::Effect(effect) => {
                    let on_two = SideEffect::to(ValueEntityTwo::Call, entity(effect.id));
                    model.effect(match effect.synchronous {
                        true => on_two.synchronous(),
                        false => on_two,
                    });
                }
                Action::Fail(fail) => return Err(Failure::new(fail.message)),
            }
        }
        let message = model.value.clone();
        Ok(forward.map_or_else(|| Response { message }.into(), Reply::forward))
    }

    #[snapshot]
    fn save(&self) -> Persisted {
        let value = self.value.clone();
        Persisted { value }
    }

    #[snapshot_handler]
    fn restore(&mut self, saved: Persisted) {
        self.value = saved.value;
    }
}

/// The request by which the model reaches an entity of [`Two`].
fn entity(id: String) -> Request {
    Request {
        id,
        actions: Vec::new(),
    }
}

/// Target of forwards and side effects.
#[value_entity(service = ValueEntityTwo, persistence_id = "value-entity-tck-model-two", json)]
#[derive(Default, Serialize, Deserialize)]
struct Two;

#[handlers]
impl Two {
    #[command_handler]
    fn call(&self, _request: Request) -> Response {
        Response::default()
    }
}

/// An entity with options of its own.
#[value_entity(
    service = ValueEntityConfigured,
    persistence_id = "value-entity-configured",
    passivate_after = "100ms",
    json
)]
#[derive(Default, Serialize, Deserialize)]
struct Configured;

#[handlers]
impl Configured {
    #[command_handler]
    fn call(&self, _request: Request) -> Response {
        Response::default()
    }
}
