//! What a proxy must never send, and what a service makes of it: a failure that ends this stream and no other.
//!
//! SDKs word their failures differently, so that only who is told of what is checked. A CRDT's call may also fail as a
//! whole, as it does in the reference implementation.

use cloudstate::Service as _;
use cloudstate_protocol::cloudstate::{
    Command, Failure as Told, crdt::crdt_stream_out::Message as CrdtOut,
    eventsourced::event_sourced_stream_out::Message as EventSourcedOut,
    valueentity::value_entity_stream_out::Message as ValueEntityOut,
};

use crate::{
    answer::command,
    case::{Case, Fixture},
    connection::{Connection, Link},
    crdt, event_sourced,
    failure::{Failure, Verdict},
    pb::{self, EventSourcedTckModel, crdt::CrdtTckModel, valueentity::ValueEntityTckModel},
    proxy::{Crdt, EventSourced, Kind, ValueEntity},
    value_entity,
};

/// The id of the command by which a case breaks a rule.
const WRONG: i64 = 7;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = of::<EventSourced>();
    cases.extend(of::<ValueEntity>());
    cases.extend(of::<Crdt>());
    cases
}

/// A kind of entity, and its model.
trait Model: Kind + 'static {
    const GROUP: &'static str;
    /// The model alone.
    const SERVICE: [&'static str; 1];
    /// Whether the call may fail instead of a failure on its stream, and failures may name no command.
    const MAY_FAIL_THE_CALL: bool = false;

    fn next_id(tck: &mut Fixture) -> String;

    /// A command that asks for nothing.
    fn ask(entity_id: &str, command_id: i64) -> Command;

    /// The answer to it of an entity of which nothing is stored.
    fn answer(command_id: i64) -> Self::Out;

    fn told(message: &Self::Out) -> Option<&Told>;

    fn failure(told: Told) -> Self::Out;
}

impl Model for EventSourced {
    const GROUP: &'static str = "extended: protocol violations, event sourced entity";
    const SERVICE: [&'static str; 1] = [EventSourcedTckModel::NAME];

    fn next_id(tck: &mut Fixture) -> String {
        tck.next_event_sourced_id()
    }

    fn ask(entity_id: &str, command_id: i64) -> Command {
        let request = pb::Request {
            id: entity_id.into(),
            ..pb::Request::default()
        };
        let rpc = EventSourcedTckModel::Process;
        command(rpc, entity_id, command_id, &request)
    }

    fn answer(command_id: i64) -> Self::Out {
        event_sourced::reply("").to(command_id)
    }

    fn told(message: &Self::Out) -> Option<&Told> {
        match message.message.as_ref()? {
            EventSourcedOut::Failure(told) => Some(told),
            EventSourcedOut::Reply(_) => None,
        }
    }

    fn failure(told: Told) -> Self::Out {
        Self::Out {
            message: Some(EventSourcedOut::Failure(told)),
        }
    }
}

impl Model for ValueEntity {
    const GROUP: &'static str = "extended: protocol violations, entity";
    const SERVICE: [&'static str; 1] = [ValueEntityTckModel::NAME];

    fn next_id(tck: &mut Fixture) -> String {
        tck.next_value_entity_id()
    }

    fn ask(entity_id: &str, command_id: i64) -> Command {
        let request = pb::valueentity::Request {
            id: entity_id.into(),
            ..pb::valueentity::Request::default()
        };
        let rpc = ValueEntityTckModel::Process;
        command(rpc, entity_id, command_id, &request)
    }

    fn answer(command_id: i64) -> Self::Out {
        value_entity::reply("").to(command_id)
    }

    fn told(message: &Self::Out) -> Option<&Told> {
        match message.message.as_ref()? {
            ValueEntityOut::Failure(told) => Some(told),
            ValueEntityOut::Reply(_) => None,
        }
    }

    fn failure(told: Told) -> Self::Out {
        Self::Out {
            message: Some(ValueEntityOut::Failure(told)),
        }
    }
}

impl Model for Crdt {
    const GROUP: &'static str = "extended: protocol violations, CRDT entity";
    const SERVICE: [&'static str; 1] = [CrdtTckModel::NAME];
    const MAY_FAIL_THE_CALL: bool = true;

    fn next_id(tck: &mut Fixture) -> String {
        tck.next_crdt_id("GCounter")
    }

    fn ask(entity_id: &str, command_id: i64) -> Command {
        let request = pb::crdt::Request {
            id: entity_id.into(),
            ..pb::crdt::Request::default()
        };
        command(CrdtTckModel::Process, entity_id, command_id, &request)
    }

    fn answer(command_id: i64) -> Self::Out {
        crdt::reply(crdt::state::gcounter(0)).to(command_id)
    }

    fn told(message: &Self::Out) -> Option<&Told> {
        match message.message.as_ref()? {
            CrdtOut::Failure(told) => Some(told),
            CrdtOut::Reply(_)
            | CrdtOut::StreamedMessage(_)
            | CrdtOut::StreamCancelledResponse(_) => None,
        }
    }

    fn failure(told: Told) -> Self::Out {
        Self::Out {
            message: Some(CrdtOut::Failure(told)),
        }
    }
}

/// The cases of one kind.
fn of<M: Model>() -> Vec<Case> {
    let [service] = M::SERVICE;
    let init = move |id: &str| M::init(service, id);
    vec![
        case::<M>("a command comes before the init", 0, |id| {
            vec![M::command(M::ask(id, WRONG))]
        }),
        case::<M>("an empty message comes before the init", 0, |_| {
            vec![M::In::default()]
        }),
        case::<M>("the init is for a service that is not there", 0, |id| {
            vec![M::init("cloudstate.tck.model.Nothing", id)]
        }),
        case::<M>("there is a second init", 0, move |id| {
            vec![init(id), init(id)]
        }),
        case::<M>("an empty message follows the init", 0, move |id| {
            vec![init(id), M::In::default()]
        }),
        case::<M>("a command is for another entity", WRONG, move |id| {
            let other = format!("{id}-other");
            vec![init(id), M::command(M::ask(&other, WRONG))]
        }),
        case::<M>("a command has no payload", WRONG, move |id| {
            let mut command = M::ask(id, WRONG);
            command.payload = None;
            vec![init(id), M::command(command)]
        }),
        case::<M>("a command is not known", WRONG, move |id| {
            let mut command = M::ask(id, WRONG);
            command.name = "Nothing".into();
            vec![init(id), M::command(command)]
        }),
    ]
}

/// A case that sends these messages for an entity. The failure is about this command, or about none if it is 0.
fn case<M: Model>(
    name: &'static str,
    about: i64,
    messages: impl Fn(&str) -> Vec<M::In> + 'static,
) -> Case {
    let body = async move |tck: &mut Fixture| {
        let mut other = Stream::<M>::open(tck).await?;
        other.process(1).await?;
        let id = M::next_id(tck);
        let connection = tck.link().open(M::HANDLE);
        for message in messages(&id) {
            connection.send(&message).await?;
        }
        breaks::<M>(connection, about, tck.link()).await?;
        other.process(2).await?;
        other.connection.complete().await?;
        let mut again = Stream::<M>::init(tck.link(), id).await?;
        again.process(1).await?;
        again.connection.complete().await
    };
    Case::new(M::GROUP, name, &M::SERVICE, body)
}

/// The next message is a failure that is about this command and has a text; it is the last of the stream.
async fn breaks<M: Model>(
    mut connection: Connection<M::In, M::Out>,
    about: i64,
    link: &Link,
) -> Verdict {
    let expected = M::failure(Told {
        command_id: about,
        description: "(what is wrong, in words)".into(),
        restart: false,
    });
    let expected = link.descriptors.show(&expected);
    let received = match connection.incoming().receive_or_status(&expected).await? {
        Ok(received) => received,
        Err(_) if M::MAY_FAIL_THE_CALL => {
            connection.has_failed();
            return Ok(());
        }
        Err(status) => {
            let text = format!(
                "the service failed the call with {:?}, and was to say why on its stream",
                status.code()
            );
            return Err(Failure::new(text).detail("expected", expected.lines()));
        }
    };
    match M::told(&received.message) {
        Some(told)
            if (told.command_id == about || M::MAY_FAIL_THE_CALL && told.command_id == 0)
                && !told.description.is_empty() =>
        {
            connection.is_completed("behind its failure").await
        }
        _ => Err(connection.difference(&expected, &received)),
    }
}

/// An entity that nothing is wrong with.
struct Stream<M: Model> {
    id: String,
    connection: Connection<M::In, M::Out>,
}

impl<M: Model> Stream<M> {
    async fn open(tck: &mut Fixture) -> Verdict<Self> {
        let id = M::next_id(tck);
        Self::init(tck.link(), id).await
    }

    async fn init(link: &Link, id: String) -> Verdict<Self> {
        let [service] = M::SERVICE;
        let connection = link.open(M::HANDLE);
        connection.send(&M::init(service, &id)).await?;
        Ok(Self { id, connection })
    }

    async fn process(&mut self, command_id: i64) -> Verdict {
        let command = M::ask(&self.id, command_id);
        self.connection.send(&M::command(command)).await?;
        self.connection.expect(&M::answer(command_id)).await
    }
}
