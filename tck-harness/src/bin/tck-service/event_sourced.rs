//! The event-sourced model: does what its requests list, and appends what it emits.

use cloudstate::prelude::*;

use super::pb::{
    EventSourcedConfigured, EventSourcedTckModel, EventSourcedTwo, Persisted, Request, Response,
    request_action::Action,
};

/// The model that the cases drive. Its state is the values of its events, one behind the other.
#[event_sourced_entity(
    service = EventSourcedTckModel,
    persistence_id = "event-sourced-tck-model",
    snapshot_every = 5
)]
#[derive(Default)]
struct Model {
    state: String,
}

#[handlers]
impl Model {
    #[command_handler]
    fn process(model: &mut Context<Self>, request: Request) -> Result<Reply<Response>, Failure> {
        let mut forward = None;
        for action in request.actions.into_iter().filter_map(|one| one.action) {
            match action {
                Action::Emit(emit) => model.emit(Persisted { value: emit.value }),
                Action::Forward(to) => {
                    forward = Some(Forward::to(EventSourcedTwo::Call, entity(to.id)));
                }
                Action::Effect(effect) => {
                    let on_two = SideEffect::to(EventSourcedTwo::Call, entity(effect.id));
                    model.effect(match effect.synchronous {
                        true => on_two.synchronous(),
                        false => on_two,
                    });
                }
                Action::Fail(fail) => return Err(Failure::new(fail.message)),
            }
        }
        let message = model.state.clone();
        Ok(forward.map_or_else(|| Response { message }.into(), Reply::forward))
    }

    #[event_handler]
    fn persisted(&mut self, event: Persisted) {
        self.state.extend([event.value]);
    }

    #[snapshot]
    fn save(&self) -> Persisted {
        let value = self.state.clone();
        Persisted { value }
    }

    #[snapshot_handler]
    fn restore(&mut self, saved: Persisted) {
        self.state = saved.value;
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
#[event_sourced_entity(service = EventSourcedTwo, persistence_id = "event-sourced-two")]
#[derive(Default)]
struct Two;

#[handlers]
impl Two {
    #[command_handler]
    fn call(&self, _request: Request) -> Response {
        Response::default()
    }
}

/// An entity with options of its own.
#[event_sourced_entity(
    service = EventSourcedConfigured,
    persistence_id = "event-sourced-configured",
    passivate_after = "100ms"
)]
#[derive(Default)]
struct Configured;

#[handlers]
impl Configured {
    #[command_handler]
    fn call(&self, _request: Request) -> Response {
        Response::default()
    }
}
