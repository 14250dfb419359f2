//! The value-entity model.

use cloudstate::Service as _;
use cloudstate_protocol::{
    Any,
    cloudstate::{
        ClientAction, Command, Failure, Forward, Metadata, Reply, SideEffect,
        client_action::Action as Answer,
        valueentity::{
            ValueEntityAction, ValueEntityDelete, ValueEntityReply, ValueEntityStreamIn,
            ValueEntityStreamOut, ValueEntityUpdate, value_entity_action::Action as StateAction,
            value_entity_stream_in::Message as In, value_entity_stream_out::Message as Out,
        },
    },
    version,
};
use prost::Message;
use tck_harness::pb::valueentity::{
    Persisted, Request, Response, ValueEntityConfigured, ValueEntityTckModel, ValueEntityTwo,
    request_action::Action,
};

use super::server::{Call, Said, UserFunction, WireFault};

/// What the service does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Stores the state also where no command has changed it.
    AlwaysUpdates,
    AsynchronousEffects,
    DeleteKeepsState,
    /// Stores an empty value instead of deleting.
    DeletesByUpdate,
    EmptyMetadata,
    /// Says that something is to be stored, and not what.
    EmptyStateAction,
    FailsTheStream,
    FailureKeepsEffects,
    FailureKeepsState,
    FailureLosesState,
    FailureRestarts,
    FirstActionWins,
    ForwardDropsState,
    ForwardsToItself,
    ForwardWithMetadata,
    IgnoresStoredState,
    /// Ends the stream where a state is stored.
    RefusesStoredState,
    RepeatsReplies,
    ReversesEffects,
    SynchronousEffects,
    WithoutConfigured,
    WrongCommandId,
    WrongPersistenceId,
    WrongTimeout,
    Wire(WireFault),
}

/// The user function.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ValueEntity {
    pub(crate) fault: Option<Fault>,
}

impl UserFunction for ValueEntity {
    const ENTITY_TYPE: &'static str = version::VALUE_ENTITY;
    type Call = Model;

    fn services(&self) -> Vec<(&'static str, &'static str, Option<i64>)> {
        let two_id = match self.fault {
            Some(Fault::WrongPersistenceId) => "value-entity-two",
            _ => "value-entity-tck-model-two",
        };
        let mut services = vec![
            (ValueEntityTckModel::NAME, "value-entity-tck-model", None),
            (ValueEntityTwo::NAME, two_id, None),
        ];
        if self.fault != Some(Fault::WithoutConfigured) {
            let timeout = match self.fault {
                Some(Fault::WrongTimeout) => None,
                _ => Some(100),
            };
            let id = "value-entity-configured";
            services.push((ValueEntityConfigured::NAME, id, timeout));
        }
        services
    }

    fn accept(&self, _: &str) -> Model {
        Model {
            fault: self.fault,
            state: String::new(),
        }
    }

    fn wire_fault(&self) -> Option<WireFault> {
        match self.fault {
            Some(Fault::Wire(fault)) => Some(fault),
            _ => None,
        }
    }
}

/// One entity, from its activation to its passivation.
#[derive(Debug)]
pub(crate) struct Model {
    fault: Option<Fault>,
    state: String,
}

impl Call for Model {
    type In = ValueEntityStreamIn;
    type Out = ValueEntityStreamOut;

    fn receive(&mut self, message: ValueEntityStreamIn) -> Vec<Said<ValueEntityStreamOut>> {
        match message.message.unwrap() {
            In::Init(init) => {
                if let Some(value) = init.state.unwrap().value {
                    if self.has(Fault::RefusesStoredState) {
                        return vec![Said::Completed];
                    }
                    if !self.has(Fault::IgnoresStoredState) {
                        self.state = Persisted::decode(value.value).unwrap().value;
                    }
                }
                Vec::new()
            }
            In::Command(command) => {
                let message = Some(self.process(&command));
                let said = Said::Message(ValueEntityStreamOut { message });
                match self.has(Fault::RepeatsReplies) {
                    true => vec![said.clone(), said],
                    false => vec![said],
                }
            }
        }
    }
}

impl Model {
    fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    fn process(&mut self, command: &Command) -> Out {
        let request = Request::decode(command.payload.clone().unwrap().value).unwrap();
        let before = self.state.clone();
        let mut state_action = None;
        let mut side_effects = Vec::new();
        let mut forward = None;
        for action in request.actions {
            match action.action.unwrap() {
                Action::Update(update) => {
                    self.state = update.value;
                    self.act(&mut state_action, self.updated());
                }
                Action::Delete(_) => {
                    if !self.has(Fault::DeleteKeepsState) {
                        self.state.clear();
                    }
                    let deleted = match self.has(Fault::DeletesByUpdate) {
                        true => self.updated(),
                        false => StateAction::Delete(ValueEntityDelete {}),
                    };
                    self.act(&mut state_action, deleted);
                }
                Action::Forward(to) => forward = Some(self.forward(to.id)),
                Action::Effect(effect) => {
                    side_effects.push(self.effect(effect.id, effect.synchronous));
                }
                Action::Fail(fail) => {
                    if !self.has(Fault::FailureKeepsState) {
                        self.state = before;
                    }
                    return self.fail(command.id, fail.message, side_effects);
                }
            }
        }
        if self.has(Fault::ReversesEffects) {
            side_effects.reverse();
        }
        if self.has(Fault::AlwaysUpdates) {
            state_action = state_action.or_else(|| Some(self.updated()));
        }
        if forward.is_some() && self.has(Fault::ForwardDropsState) {
            state_action = None;
        }
        let action = Some(forward.unwrap_or_else(|| self.answer()));
        let states = state_action.is_some() || self.has(Fault::EmptyStateAction);
        Out::Reply(ValueEntityReply {
            command_id: command.id + i64::from(self.has(Fault::WrongCommandId)),
            client_action: Some(ClientAction { action }),
            side_effects,
            state_action: states.then_some(ValueEntityAction {
                action: state_action,
            }),
        })
    }

    fn act(&self, slot: &mut Option<StateAction>, action: StateAction) {
        if slot.is_none() || !self.has(Fault::FirstActionWins) {
            *slot = Some(action);
        }
    }

    fn updated(&self) -> StateAction {
        StateAction::Update(ValueEntityUpdate {
            value: Some(Any::pack(&Persisted {
                value: self.state.clone(),
            })),
        })
    }

    fn answer(&self) -> Answer {
        Answer::Reply(Reply {
            payload: Some(Any::pack(&Response {
                message: self.state.clone(),
            })),
            metadata: self.has(Fault::EmptyMetadata).then(Metadata::default),
        })
    }

    fn forward(&self, id: String) -> Answer {
        let target = match self.has(Fault::ForwardsToItself) {
            true => ValueEntityTckModel::NAME,
            false => ValueEntityTwo::NAME,
        };
        Answer::Forward(Forward {
            service_name: target.into(),
            command_name: "Call".into(),
            payload: Some(call(id)),
            metadata: self.has(Fault::ForwardWithMetadata).then(Metadata::default),
        })
    }

    fn effect(&self, id: String, synchronous: bool) -> SideEffect {
        SideEffect {
            service_name: ValueEntityTwo::NAME.into(),
            command_name: "Call".into(),
            payload: Some(call(id)),
            synchronous: match self.fault {
                Some(Fault::SynchronousEffects) => true,
                Some(Fault::AsynchronousEffects) => false,
                _ => synchronous,
            },
            metadata: None,
        }
    }

    fn fail(&mut self, command_id: i64, description: String, effects: Vec<SideEffect>) -> Out {
        if self.has(Fault::FailureLosesState) {
            self.state.clear();
        }
        let failure = Failure {
            command_id,
            description,
            restart: self.has(Fault::FailureRestarts),
        };
        if self.has(Fault::FailsTheStream) {
            return Out::Failure(failure);
        }
        let keeps_effects = self.has(Fault::FailureKeepsEffects);
        Out::Reply(ValueEntityReply {
            command_id,
            client_action: Some(ClientAction {
                action: Some(Answer::Failure(failure)),
            }),
            side_effects: if keeps_effects { effects } else { Vec::new() },
            state_action: None,
        })
    }
}

fn call(id: String) -> Any {
    Any::pack(&Request {
        id,
        actions: Vec::new(),
    })
}
