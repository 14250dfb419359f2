//! The action model: a group of steps makes a response.

use cloudstate::prelude::*;
use futures_util::{StreamExt, stream};

use super::pb::action::{
    ActionTckModel, ActionTwo, OtherRequest, ProcessGroup, Request, Response, process_step::Step,
};

/// The model that the cases drive.
#[action(service = ActionTckModel)]
#[derive(Default)]
struct Model;

#[handlers]
impl Model {
    #[call_handler]
    fn process_unary(&self, request: Request) -> MaybeReply<Response> {
        respond(request.groups)
    }

    #[call_handler]
    async fn process_streamed_in(&self, mut requests: Incoming<Request>) -> MaybeReply<Response> {
        let mut groups = Vec::new();
        while let Some(request) = requests.next().await {
            groups.extend(request.groups);
        }
        respond(groups)
    }

    #[call_handler]
    fn process_streamed_out(&self, request: Request) -> impl Stream<Item = MaybeReply<Response>> {
        stream::iter(request.groups).map(|group| respond([group]))
    }

    #[call_handler]
    fn process_streamed(
        &self,
        requests: Incoming<Request>,
    ) -> impl Stream<Item = MaybeReply<Response>> {
        requests
            .flat_map(|request| stream::iter(request.groups))
            .map(|group| respond([group]))
    }
}

/// The last answer that the groups ask for, if any, with all their side effects.
fn respond(groups: impl IntoIterator<Item = ProcessGroup>) -> MaybeReply<Response> {
    let mut answer = MaybeReply::none();
    let mut effects = Vec::new();
    let steps = groups.into_iter().flat_map(|group| group.steps);
    for step in steps.filter_map(|step| step.step) {
        match step {
            Step::Reply(reply) => {
                let message = reply.message;
                answer = Response { message }.into();
            }
            Step::Forward(to) => {
                answer = Reply::forward(Forward::to(ActionTwo::Call, other(to.id)));
            }
            Step::Fail(fail) => answer = Reply::failure(fail.message),
            Step::Effect(effect) => {
                let on_two = SideEffect::to(ActionTwo::Call, other(effect.id));
                effects.push(match effect.synchronous {
                    true => on_two.synchronous(),
                    false => on_two,
                });
            }
        }
    }
    effects.into_iter().fold(answer, MaybeReply::effect)
}

/// The request by which the model reaches [`Two`].
fn other(id: String) -> OtherRequest {
    OtherRequest { id }
}

/// Target of forwards and side effects.
#[action(service = ActionTwo)]
#[derive(Default)]
struct Two;

#[handlers]
impl Two {
    #[call_handler]
    fn call(&self, _request: OtherRequest) -> Response {
        Response::default()
    }
}
