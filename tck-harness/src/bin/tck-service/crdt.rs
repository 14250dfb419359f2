//! The CRDT model: what its state is, is in its id.

use cloudstate::{
    crdt::{AnyCrdt, Clock, CrdtType, GCounter},
    prelude::*,
};

use super::pb::crdt::{
    CrdtConfigured, CrdtTckModel, CrdtTwo, FlagValue, GCounterValue, GSetValue,
    LwwRegisterClockType, LwwRegisterUpdate, LwwRegisterValue, OrMapEntryValue, OrMapValue,
    OrSetValue, PnCounterValue, Request, Response, State, StreamedRequest, Update,
    UpdateWriteConsistency, VoteValue, or_map_update::Action as MapAction,
    or_set_update::Action as SetAction, request_action::Action, state::Value,
    update::Update as Change,
};

/// The model that the cases drive.
#[crdt_entity(service = CrdtTckModel, init = Model::of)]
struct Model {
    value: AnyCrdt,
}

#[handlers]
impl Model {
    #[command_handler]
    fn process(model: &mut Context<Self>, request: Request) -> Result<Reply<Response>, Failure> {
        let mut forward = None;
        for action in request.actions.into_iter().filter_map(|one| one.action) {
            match action {
                Action::Update(update) => {
                    model.write_consistency(consistency(update.write_consistency()));
                    apply(&mut model.value, update)?;
                }
                Action::Delete(_) => model.delete(),
                Action::Forward(to) => forward = Some(Forward::to(CrdtTwo::Call, entity(to.id))),
                Action::Effect(effect) => {
                    let effect = on_two(effect.id, effect.synchronous);
                    model.effect(effect);
                }
                Action::Fail(fail) => return Err(Failure::new(fail.message)),
            }
        }
        Ok(forward.map_or_else(|| model.response().into(), Reply::forward))
    }

    #[command_handler]
    fn process_streamed(
        model: &mut Context<Self>,
        request: StreamedRequest,
    ) -> Result<Streamed<Self, Response>, Failure> {
        let StreamedRequest {
            end_state,
            cancel_update,
            effects,
            initial_update,
            empty,
            ..
        } = request;
        if let Some(update) = initial_update {
            apply(&mut model.value, update)?;
        }
        let first = match empty {
            true => Streamed::none(),
            false => Streamed::reply(model.response()),
        };
        let streamed = first.on_change(move |model: &Self| {
            let response = model.response();
            let ends = end_state.is_some() && end_state == response.state;
            let next = match empty {
                true => Next::none(),
                false => Next::message(response),
            };
            effects.iter().fold(next.end_if(ends), |next, effect| {
                next.effect(on_two(effect.id.clone(), effect.synchronous))
            })
        });
        Ok(match cancel_update {
            Some(update) => streamed.on_cancel(|model: &mut Context<Self>| {
                // The caller has gone: there is nobody to be told that the update is of another type.
                let _ = apply(&mut model.value, update);
            }),
            None => streamed,
        })
    }
}

impl Model {
    /// An entity begins with an empty value of the type that is in its id.
    fn of(id: &EntityId) -> Self {
        // Whatever else an id begins with, its entity has nothing that an update could change.
        let value = AnyCrdt::new(type_in(id).unwrap_or(CrdtType::Flag));
        Self { value }
    }

    fn response(&self) -> Response {
        Response {
            state: Some(state(&self.value)),
        }
    }
}

/// The type that an entity's id, or a key in a map, begins with.
fn type_in(name: &str) -> Result<CrdtType, Failure> {
    let prefix = name.split('-').next().unwrap_or_default();
    Ok(match prefix {
        "GCounter" => CrdtType::GCounter,
        "PNCounter" => CrdtType::PNCounter,
        "GSet" => CrdtType::GSet,
        "ORSet" => CrdtType::ORSet,
        "LWWRegister" => CrdtType::LWWRegister,
        "Flag" => CrdtType::Flag,
        "ORMap" => CrdtType::ORMap,
        "Vote" => CrdtType::Vote,
        _ => return Err(Failure::new(format!("{name} does not begin with a type"))),
    })
}

fn consistency(consistency: UpdateWriteConsistency) -> WriteConsistency {
    match consistency {
        UpdateWriteConsistency::Local => WriteConsistency::Local,
        UpdateWriteConsistency::Majority => WriteConsistency::Majority,
        UpdateWriteConsistency::All => WriteConsistency::All,
    }
}

fn apply(value: &mut AnyCrdt, update: Update) -> Result<(), Failure> {
    match (value, update.update) {
        (_, None) => {}
        (AnyCrdt::GCounter(counter), Some(Change::Gcounter(change))) => {
            counter.increment(change.increment);
        }
        (AnyCrdt::PNCounter(counter), Some(Change::Pncounter(change))) => {
            counter.increment(change.change);
        }
        (AnyCrdt::GSet(set), Some(Change::Gset(change))) => {
            set.insert(change.add);
        }
        (AnyCrdt::ORSet(set), Some(Change::Orset(change))) => match change.action {
            Some(SetAction::Add(element)) => {
                set.insert(element);
            }
            Some(SetAction::Remove(element)) => {
                set.remove(&element);
            }
            Some(SetAction::Clear(true)) => set.clear(),
            Some(SetAction::Clear(false)) | None => {}
        },
        (AnyCrdt::LWWRegister(register), Some(Change::Lwwregister(change))) => {
            let clock = clock(&change);
            register.set_with(change.value, clock);
        }
        (AnyCrdt::Flag(flag), Some(Change::Flag(_))) => flag.enable(),
        (AnyCrdt::ORMap(map), Some(Change::Ormap(change))) => match change.action {
            Some(MapAction::Add(key)) => {
                let kind = type_in(&key)?;
                map.get_or_insert_with(key, || AnyCrdt::new(kind));
            }
            Some(MapAction::Update(entry)) => {
                let kind = type_in(&entry.key)?;
                let value = map.get_or_insert_with(entry.key, || AnyCrdt::new(kind));
                apply(
                    value,
                    entry.update.map(|update| *update).unwrap_or_default(),
                )?;
            }
            Some(MapAction::Remove(key)) => {
                map.remove(&key);
            }
            Some(MapAction::Clear(true)) => map.clear(),
            Some(MapAction::Clear(false)) | None => {}
        },
        (AnyCrdt::Vote(vote), Some(Change::Vote(change))) => vote.vote(change.self_vote),
        (value, Some(_)) => {
            let kind = value.crdt_type();
            return Err(Failure::new(format!("the update is not one of a {kind}")));
        }
    }
    Ok(())
}

fn clock(update: &LwwRegisterUpdate) -> Clock {
    let Some(clock) = &update.clock else {
        return Clock::Default;
    };
    match clock.clock_type() {
        LwwRegisterClockType::Default => Clock::Default,
        LwwRegisterClockType::Reverse => Clock::Reverse,
        LwwRegisterClockType::Custom => Clock::Custom(clock.custom_clock_value),
        LwwRegisterClockType::CustomAutoIncrement => {
            Clock::CustomAutoIncrement(clock.custom_clock_value)
        }
    }
}

fn state(value: &AnyCrdt) -> State {
    let value = match value {
        AnyCrdt::GCounter(counter) => Value::Gcounter(GCounterValue {
            value: counter.value(),
        }),
        AnyCrdt::PNCounter(counter) => Value::Pncounter(PnCounterValue {
            value: counter.value(),
        }),
        AnyCrdt::GSet(set) => Value::Gset(GSetValue {
            elements: sorted(set.iter().cloned()),
        }),
        AnyCrdt::ORSet(set) => Value::Orset(OrSetValue {
            elements: sorted(set.iter().cloned()),
        }),
        AnyCrdt::LWWRegister(register) => Value::Lwwregister(LwwRegisterValue {
            value: register.get().clone(),
        }),
        AnyCrdt::Flag(flag) => Value::Flag(FlagValue {
            value: flag.is_enabled(),
        }),
        AnyCrdt::ORMap(map) => {
            let entry = |(key, value): (&String, &AnyCrdt)| (key.clone(), state(value));
            let mut entries: Vec<_> = map.iter().map(entry).collect();
            entries.sort_by(|(one, _), (other, _)| one.cmp(other));
            let entry = |(key, value)| OrMapEntryValue {
                key,
                value: Some(value),
            };
            Value::Ormap(OrMapValue {
                entries: entries.into_iter().map(entry).collect(),
            })
        }
        AnyCrdt::Vote(vote) => Value::Vote(VoteValue {
            self_vote: vote.self_vote(),
            votes_for: signed(vote.votes_for()),
            total_voters: signed(vote.voters()),
        }),
    };
    State { value: Some(value) }
}

fn sorted(elements: impl Iterator<Item = String>) -> Vec<String> {
    let mut elements: Vec<_> = elements.collect();
    elements.sort_unstable();
    elements
}

fn signed(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

fn on_two(id: String, synchronous: bool) -> SideEffect {
    let effect = SideEffect::to(CrdtTwo::Call, entity(id));
    match synchronous {
        true => effect.synchronous(),
        false => effect,
    }
}

/// The request by which the model reaches an entity of [`Two`].
fn entity(id: String) -> Request {
    Request {
        id,
        actions: Vec::new(),
    }
}

/// Target of forwards and side effects. Nothing is to be told of a counter that is new.
#[crdt_entity(service = CrdtTwo)]
#[derive(Default)]
struct Two {
    calls: GCounter,
}

#[handlers]
impl Two {
    #[command_handler]
    fn call(two: &mut Context<Self>, request: Request) -> Response {
        let mut actions = request.actions.iter().filter_map(|one| one.action.as_ref());
        if actions.any(|action| matches!(action, Action::Delete(_))) {
            two.delete();
        }
        Response::default()
    }
}

/// An entity with options of its own.
#[crdt_entity(service = CrdtConfigured, passivate_after = "100ms")]
#[derive(Default)]
struct Configured {
    calls: GCounter,
}

#[handlers]
impl Configured {
    #[command_handler]
    fn call(&self, _request: Request) -> Response {
        Response::default()
    }
}
